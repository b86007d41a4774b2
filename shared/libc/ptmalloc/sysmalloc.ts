// More memory from the system, and some of it back: what happens when the top chunk is too small for a request, and
// when it has become too large.

import { addSystemMem, contiguous, setNoncontiguous, setTop, systemMem, topOf } from './arena.ts'
import { CORRECTION_IS_POSITIVE, OLD_TOP_IS_SANE } from './assertions.ts'
import { unsortedChunks } from './bins.ts'
import { chunkSize, headLow, memOf, NON_MAIN_ARENA, PREV_INUSE, setHead } from './chunk.ts'
import { alignDown, alignUp, at, long, ult, word, type MallocEnv } from './env.ts'
import { growArena } from './heap.ts'
import { intFree } from './intFree.ts'
import { mmapWord, sysmallocMmap } from './mapping.ts'
import { assertFailed, mallocPrinterr, printerrByAction } from './printerr.ts'
import { ENOMEM } from '../../lib/errno.ts'

const MMAP_AS_MORECORE_SIZE = 1024 * 1024

/** Serves a request that the arena cannot serve with what it has. 0: there is no memory. */
export function sysmalloc(env: MallocEnv, nb: number, av: number): number {
  const { par } = env.flavour
  const main = env.mainArena
  let triedMmap = false
  if (
    !ult(nb, env.load(main + par.mmapThreshold)) &&
    env.load32(main + par.nMmaps) < env.load32(main + par.nMmapsMax)
  ) {
    const mem = sysmallocMmap(env, nb)
    if (mem !== -1) return mem
    triedMmap = true
  }

  const oldTop = topOf(env, av)
  const oldSize = chunkSize(env, oldTop)
  checkOldTop(env, av, oldTop, oldSize)
  if (av === main) {
    growMainArena(env, nb, oldTop, oldSize)
  } else if (!growArena(env, nb, av, oldTop, oldSize) && !triedMmap) {
    const mem = sysmallocMmap(env, nb)
    if (mem !== -1) return mem
  }
  const { arena } = env.flavour
  if (ult(env.load(av + arena.maxSystemMem), systemMem(env, av))) {
    env.store(av + arena.maxSystemMem, systemMem(env, av))
  }
  return splitTop(env, av, nb)
}

function checkOldTop(env: MallocEnv, av: number, oldTop: number, oldSize: number): void {
  if (oldTop === unsortedChunks(env, av) && oldSize === 0) return
  const sane =
    !ult(oldSize, env.flavour.minSize) &&
    (headLow(env, oldTop) & PREV_INUSE) !== 0 &&
    (at(env, oldTop, oldSize) & (env.pageSize - 1)) === 0
  if (!sane) assertFailed(env, OLD_TOP_IS_SANE)
}

/** Cuts the block off the top chunk, if it is large enough now. */
function splitTop(env: MallocEnv, av: number, nb: number): number {
  const p = topOf(env, av)
  const size = chunkSize(env, p)
  if (ult(size, word(env, nb + env.flavour.minSize))) {
    env.setErrno(ENOMEM)
    return 0
  }
  const remainder = at(env, p, nb)
  setTop(env, av, remainder)
  setHead(env, p, nb + PREV_INUSE + (av === env.mainArena ? 0 : NON_MAIN_ARENA))
  setHead(env, remainder, size - nb + PREV_INUSE)
  return memOf(env, p)
}

/** Moves the break up, or takes a mapping in its place, and makes that the top chunk or a part of it. */
function growMainArena(env: MallocEnv, nb: number, oldTop: number, oldSize: number): void {
  const { par, minSize } = env.flavour
  const av = env.mainArena
  const oldEnd = at(env, oldTop, oldSize)
  let size = nb + env.load(av + par.topPad) + minSize
  if (contiguous(env, av)) size -= oldSize
  size = long(env, alignUp(long(env, size), env.pageSize))

  let brk = size > 0 ? env.sbrk(size) : -1
  let secondBrk = -1
  if (brk === -1) {
    size = mmapFallbackSize(env, size, oldSize)
    if (!ult(nb, word(env, size))) return
    brk = mmapWord(env, word(env, size))
    if (brk === -1) return
    setNoncontiguous(env, av)
    secondBrk = brk + size
  }
  if (env.load(av + par.sbrkBase) === 0) env.store(av + par.sbrkBase, brk)
  addSystemMem(env, av, size)
  if (brk === oldEnd && secondBrk === -1) {
    setHead(env, oldTop, size + oldSize + PREV_INUSE)
  } else if (contiguous(env, av) && oldSize !== 0 && ult(brk, oldEnd)) {
    breakAdjusted(env, brk)
  } else {
    startNewTop(env, brk, size, secondBrk, oldTop, oldSize)
  }
}

/** A mapping in place of the break can't join the old top chunk and is at least 1 MiB. */
function mmapFallbackSize(env: MallocEnv, size: number, oldSize: number): number {
  let whole = size
  if (contiguous(env, env.mainArena)) whole = long(env, alignUp(size + oldSize, env.pageSize))
  return ult(word(env, whole), MMAP_AS_MORECORE_SIZE) ? MMAP_AS_MORECORE_SIZE : whole
}

/** Somebody has moved the break down into our memory. */
function breakAdjusted(env: MallocEnv, brk: number): void {
  const text = 'break adjusted to free malloc space'
  if (env.flavour.checkActions) printerrByAction(env, text, brk, 3)
  else mallocPrinterr(env, text, brk)
}

/**
 * The new memory doesn't follow the old top chunk: it is the first, or somebody else has called sbrk, or it is a
 * mapping. It begins at an aligned place, ends with a page, and two fenceposts close the old top chunk.
 */
function startNewTop(
  env: MallocEnv,
  brk: number,
  size: number,
  secondBrk: number,
  oldTop: number,
  oldSize: number,
): void {
  const { alignMask, alignment, header } = env.flavour
  const av = env.mainArena
  const misalign = at(env, brk, header) & alignMask
  const front = misalign > 0 ? alignment - misalign : 0
  let correction = 0
  let end = secondBrk
  if (contiguous(env, av)) {
    if (oldSize !== 0) addSystemMem(env, av, brk - at(env, oldTop, oldSize))
    correction = front + oldSize
    const endMisaligned = brk + size + correction
    correction += alignUp(endMisaligned, env.pageSize) - endMisaligned
    if (long(env, correction) < 0) assertFailed(env, CORRECTION_IS_POSITIVE)
    end = env.sbrk(correction)
    if (end === -1) {
      correction = 0
      end = env.sbrk(0)
    }
  } else if (end === -1) {
    end = env.sbrk(0)
  }
  if (end === -1) return

  const top = brk + front
  setTop(env, av, top)
  const topSize = end - top + correction
  setHead(env, top, topSize - (topSize & 1) + PREV_INUSE)
  addSystemMem(env, av, correction)
  if (oldSize !== 0) closeOldTop(env, oldTop, oldSize)
}

/** Two chunks too small to be freed keep merging away from memory that isn't ours; what is left is freed. */
function closeOldTop(env: MallocEnv, oldTop: number, oldSize: number): void {
  const { header, alignMask, minSize } = env.flavour
  let rest = word(env, oldSize - 2 * header)
  rest -= rest & alignMask
  setHead(env, oldTop, rest + PREV_INUSE)
  setHead(env, at(env, oldTop, rest), header + PREV_INUSE)
  setHead(env, at(env, oldTop, rest + header), header + PREV_INUSE)
  if (!ult(rest, minSize)) intFree(env, env.mainArena, oldTop, true)
}

/** Moves the break down to leave `pad` bytes in the top chunk (systrim). 1: something went back. */
export function systrim(env: MallocEnv, pad: number): number {
  const { minSize, version } = env.flavour
  const av = env.mainArena
  const top = topOf(env, av)
  const topSize = chunkSize(env, top)
  let extra: number
  if (version === '2.36') {
    const topArea = word(env, topSize - minSize - 1)
    if (!ult(pad, topArea)) return 0
    extra = long(env, alignDown(topArea - pad, env.pageSize))
    if (extra === 0) return 0
  } else {
    extra = long(env, alignDown(long(env, topSize - pad - minSize - 1), env.pageSize))
    if (extra <= 0) return 0
  }
  const before = env.sbrk(0)
  if (before !== at(env, top, topSize)) return 0
  env.sbrk(-extra)
  const after = env.sbrk(0)
  if (after === -1) return 0
  const released = before - after
  if (released === 0) return 0
  addSystemMem(env, av, -released)
  setHead(env, top, topSize - released + PREV_INUSE)
  return 1
}
