// The lists of free chunks in an arena.
//
//   bin 1        unsorted: what was freed or split off last, in any order; malloc looks through it first
//   bin 2 … 63   small: each for one size; taken from the back, put in at the front
//   bin 64 …     large: each for a range of sizes, sorted from large to small; the first chunk of each size is
//                also linked to the next larger and next smaller size
//
// A bin's fd and bk stand in the arena. Seen as a chunk, whose first two words are never looked at, the bin begins
// two words before them; so the unsorted bin begins at the arena's `top`, which also is the top chunk of a heap that
// does not exist yet: its size, last_remainder, is 0.

import { unlinkSite, type UnlinkSite } from './assertions.ts'
import {
  bkNextsizeOf,
  bkOf,
  fdNextsizeOf,
  fdOf,
  headOf,
  prevSize,
  setBk,
  setBkNextsize,
  setFd,
  setFdNextsize,
  sizeOfHead,
} from './chunk.ts'
import { at, type MallocEnv } from './env.ts'
import { assertFailed, mallocPrinterr } from './printerr.ts'
import { unlinkQuickly } from './quickBins.ts'

export const UNSORTED = 1

/** A field of an arena, by its offset. */
export function loadField(env: MallocEnv, av: number, offset: number): number {
  return av === env.mainArena ? env.loadOwn(offset) : env.load(av + offset)
}

export function storeField(env: MallocEnv, av: number, offset: number, value: number): void {
  if (av === env.mainArena) env.storeOwn(offset, value)
  else env.store(av + offset, value)
}

export function loadField32(env: MallocEnv, av: number, offset: number): number {
  return av === env.mainArena ? env.loadOwn32(offset) : env.load32(av + offset)
}

export function storeField32(env: MallocEnv, av: number, offset: number, half: number): void {
  if (av === env.mainArena) env.storeOwn32(offset, half)
  else env.store32(av + offset, half)
}

export function binAt(env: MallocEnv, av: number, index: number): number {
  const { arena, header } = env.flavour
  return av + arena.bins + (index - 2) * header
}

export function unsortedChunks(env: MallocEnv, av: number): number {
  return av + env.flavour.arena.top
}

export function inSmallbinRange(env: MallocEnv, size: number): boolean {
  return size >= 0 && size < env.flavour.minLargeSize
}

export function smallbinIndex(env: MallocEnv, size: number): number {
  return (size >> env.flavour.smallbinShift) + env.flavour.smallbinCorrection
}

export function largebinIndex(env: MallocEnv, size: number): number {
  if (size < 0 || size >= 0xc_0000) return 126
  const step = size >> 6
  if (env.flavour.bits === 64) {
    if (step <= 48) return 48 + step
  } else if (env.flavour.alignment === 16) {
    if (step <= 45) return 49 + step
  } else if (step <= 38) {
    return 56 + step
  }
  if (size >> 9 <= 20) return 91 + (size >> 9)
  if (size >> 12 <= 10) return 110 + (size >> 12)
  if (size >> 15 <= 4) return 119 + (size >> 15)
  return 124 + (size >> 18)
}

export function binIndex(env: MallocEnv, size: number): number {
  return inSmallbinRange(env, size) ? smallbinIndex(env, size) : largebinIndex(env, size)
}

/** Index of the fast bin for a size; only the lower half of the size counts. */
export function fastbinIndex(env: MallocEnv, sizeLow: number): number {
  return ((sizeLow >>> env.flavour.fastbinShift) - 2) >>> 0
}

export function fastbinAt(env: MallocEnv, av: number, index: number): number {
  return av + env.flavour.arena.fastbins + index * env.flavour.word
}

/** The bin's first chunk, or the bin itself. */
export function firstOf(env: MallocEnv, av: number, index: number): number {
  const { arena, header } = env.flavour
  return loadField(env, av, arena.bins + (index - 1) * header)
}

/** The bin's last chunk, or the bin itself. */
export function lastOf(env: MallocEnv, av: number, index: number): number {
  const { arena, header, word } = env.flavour
  return loadField(env, av, arena.bins + (index - 1) * header + word)
}

export function setFirst(env: MallocEnv, av: number, index: number, p: number): void {
  const { arena, header } = env.flavour
  storeField(env, av, arena.bins + (index - 1) * header, p)
}

export function setLast(env: MallocEnv, av: number, index: number, p: number): void {
  const { arena, header, word } = env.flavour
  storeField(env, av, arena.bins + (index - 1) * header + word, p)
}

/** 32 bits of the map of bins that may hold something. */
export function binmapOf(env: MallocEnv, av: number, block: number): number {
  return loadField32(env, av, env.flavour.arena.binmap + block * 4)
}

export function setBinmap(env: MallocEnv, av: number, block: number, map: number): void {
  storeField32(env, av, env.flavour.arena.binmap + block * 4, map)
}

/** Notes that the bin may hold something. */
export function markBin(env: MallocEnv, av: number, index: number): void {
  const block = index >> 5
  setBinmap(env, av, block, binmapOf(env, av, block) | (1 << (index & 31)))
}

export function haveFastchunks(env: MallocEnv, av: number): boolean {
  const { arena, version } = env.flavour
  const value = loadField32(env, av, arena.haveFastchunks)
  return version === '2.36' ? value !== 0 : (value & 1) === 0
}

export function setHaveFastchunks(env: MallocEnv, av: number, have: boolean): void {
  const { arena, version } = env.flavour
  const field = arena.haveFastchunks
  if (version === '2.36') storeField32(env, av, field, have ? 1 : 0)
  else {
    const flags = loadField32(env, av, field)
    storeField32(env, av, field, have ? flags & ~1 : flags | 1)
  }
}

/** Takes a chunk off its list. */
export function unlinkChunk(env: MallocEnv, p: number, site: UnlinkSite): void {
  if (env.flavour.quick && unlinkQuickly(env, p, false)) return
  const head = headOf(env, p)
  if (env.flavour.hardened) {
    const size = sizeOfHead(head)
    if (size !== prevSize(env, at(env, p, size))) {
      mallocPrinterr(env, 'corrupted size vs. prev_size', p)
    }
  }
  const fd = fdOf(env, p)
  const bk = bkOf(env, p)
  if (bkOf(env, fd) !== p || fdOf(env, bk) !== p) {
    mallocPrinterr(env, 'corrupted double-linked list', p)
    return
  }
  setBk(env, fd, bk)
  setFd(env, bk, fd)
  if (inSmallbinRange(env, head)) return
  const smaller = fdNextsizeOf(env, p)
  if (smaller !== 0) unlinkNextsize(env, p, fd, smaller, site)
}

/** The chunk is the first of its size in a large bin: the next of its size takes its place between the sizes. */
function unlinkNextsize(
  env: MallocEnv,
  p: number,
  fd: number,
  smaller: number,
  site: UnlinkSite,
): void {
  const larger = bkNextsizeOf(env, p)
  if (bkNextsizeOf(env, smaller) !== p) unlinkNextsizeFailed(env, p, site, true)
  if (fdNextsizeOf(env, larger) !== p) unlinkNextsizeFailed(env, p, site, false)
  if (fdNextsizeOf(env, fd) !== 0) {
    setBkNextsize(env, smaller, larger)
    setFdNextsize(env, larger, smaller)
  } else if (smaller === p) {
    setFdNextsize(env, fd, fd)
    setBkNextsize(env, fd, fd)
  } else {
    setFdNextsize(env, fd, smaller)
    setBkNextsize(env, fd, larger)
    setBkNextsize(env, smaller, fd)
    setFdNextsize(env, larger, fd)
  }
}

function unlinkNextsizeFailed(env: MallocEnv, p: number, site: UnlinkSite, forward: boolean): void {
  if (env.flavour.hardened) mallocPrinterr(env, 'corrupted double-linked list (not small)', p)
  else if (forward) assertFailed(env, unlinkSite(site, 'fd_nextsize', 'bk_nextsize'))
  else assertFailed(env, unlinkSite(site, 'bk_nextsize', 'fd_nextsize'))
}

/** Takes the two links between sizes out of a chunk that is no member of a large bin. */
export function clearNextsize(env: MallocEnv, p: number, size: number): void {
  if (inSmallbinRange(env, size)) return
  setFdNextsize(env, p, 0)
  setBkNextsize(env, p, 0)
}
