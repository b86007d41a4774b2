// malloc under MALLOC_CHECK_: each block is one byte longer, and a mark behind what was asked for shows whether the
// program has written beyond. 2.13 has it built in; with 2.36 libc_malloc_debug.so brings it, and its own malloc
// without a thread cache.
//
//   mem[0 … n-1]   the program's bytes
//   mem[n]         the mark, made of the chunk's address; inverted by free
//   … last byte    each says how far below it the mark is, 255 at most

import { contiguous, setTop, systemMem, topOf } from './arena.ts'
import { unsortedChunks } from './bins.ts'
import {
  chunkOf,
  chunkSize,
  headLow,
  inuse,
  IS_MMAPPED,
  isMmapped,
  memOf,
  memsize,
  PREV_INUSE,
  prevInuse,
  prevSize,
  requestToSize,
  setHead,
} from './chunk.ts'
import { at, ult, word, type MallocEnv } from './env.ts'
import { intFree } from './intFree.ts'
import { intMalloc } from './intMalloc.ts'
import { intMemalign, roundAlignment } from './intMemalign.ts'
import { intRealloc, type Move } from './intRealloc.ts'
import { mremapChunk, munmapChunk } from './mapping.ts'
import { mallocPrinterr } from './printerr.ts'
import { EINVAL, ENOMEM } from '../../lib/errno.ts'

function magicByte(env: MallocEnv, p: number): number {
  const low = p % 0x1_0000_0000
  const magic = ((low >>> 3) ^ (low >>> 11)) & 0xff
  return env.flavour.hardened && magic === 1 ? 2 : magic
}

/** Sets the mark of a block that was asked for with `bytes` bytes. */
function markBlock(env: MallocEnv, mem: number, bytes: number): number {
  if (mem === 0) return 0
  const p = chunkOf(env, mem)
  const magic = magicByte(env, p)
  for (let i = memsize(env, p) - 1; i > bytes;) {
    let distance = Math.min(i - bytes, 0xff)
    if (env.flavour.hardened && distance === magic) distance--
    env.store8(mem + i, distance)
    i -= distance
  }
  env.store8(mem + bytes, magic)
  return mem
}

/** Address of the block's mark, found from its last byte downward; 0 if the bytes don't lead to it. */
function findMark(env: MallocEnv, p: number): number {
  const { header } = env.flavour
  const magic = magicByte(env, p)
  let offset = header + memsize(env, p) - 1
  for (;;) {
    const byte = env.load8(at(env, p, offset))
    if (byte === magic) return at(env, p, offset)
    if (byte === 0 || offset < byte + header) return 0
    offset -= byte
  }
}

/** Is the pointer that of a block, as far as one can tell? Inverts the mark and gives its address, else 0. */
function takeMark(env: MallocEnv, mem: number): number {
  if ((mem & env.flavour.alignMask) !== 0) return 0
  const p = chunkOf(env, mem)
  if (isMmapped(env, p) ? !looksMapped(env, mem, p) : !looksLikeHeap(env, p)) return 0
  const mark = findMark(env, p)
  if (mark !== 0) env.store8(mark, env.load8(mark) ^ 0xff)
  return mark
}

function looksLikeHeap(env: MallocEnv, p: number): boolean {
  const { alignMask, minSize, par } = env.flavour
  const whole = contiguous(env, env.mainArena)
  const start = env.load(env.mainArena + par.sbrkBase)
  const size = chunkSize(env, p)
  const end = start + systemMem(env, env.mainArena)
  if (whole && (ult(p, start) || !ult(at(env, p, size), end))) return false
  if (ult(size, minSize) || (headLow(env, p) & ~7 & alignMask) !== 0 || !inuse(env, p)) return false
  if (prevInuse(env, p)) return true
  if ((env.load32(p) & alignMask) !== 0) return false
  const before = at(env, p, -prevSize(env, p))
  return !(whole && ult(before, start)) && at(env, before, chunkSize(env, before)) === p
}

function looksMapped(env: MallocEnv, mem: number, p: number): boolean {
  const offset = mem & (env.pageSize - 1)
  const fits = offset === 0 || (offset >= 16 && (offset & (offset - 1)) === 0)
  if ((!fits && offset !== env.flavour.alignment) || prevInuse(env, p)) return false
  const before = env.load32(p)
  const size = headLow(env, p) & ~7
  return (
    (((p % 0x1_0000_0000) - before) & (env.pageSize - 1)) === 0 &&
    ((before + size) & (env.pageSize - 1)) === 0
  )
}

/** Is the top chunk whole? 2.13 goes on with a new one at the break; false: there is no memory for it. */
function checkTop(env: MallocEnv): boolean {
  const { minSize, par } = env.flavour
  const av = env.mainArena
  const top = topOf(env, av)
  if (top === unsortedChunks(env, av)) return true
  const end = env.load(av + par.sbrkBase) + systemMem(env, av)
  const low = headLow(env, top)
  const size = chunkSize(env, top)
  const sane = (low & IS_MMAPPED) === 0 && !ult(size, minSize) && (low & PREV_INUSE) !== 0
  if (sane && (!contiguous(env, av) || at(env, top, size) === end)) return true
  mallocPrinterr(env, 'malloc: top chunk is corrupt', top)
  return replaceTop(env)
}

function replaceTop(env: MallocEnv): boolean {
  const { alignMask, alignment, header, minSize, par, arena } = env.flavour
  const av = env.mainArena
  const brk = env.sbrk(0)
  const misalign = (brk + header) & alignMask
  const front = misalign > 0 ? alignment - misalign : 0
  let size = front + env.load(av + par.topPad) + minSize
  size += env.pageSize - ((brk + size) % env.pageSize)
  const start = env.sbrk(size)
  if (start === -1) {
    env.setErrno(ENOMEM)
    return false
  }
  env.store(av + arena.systemMem, start - env.load(av + par.sbrkBase) + size)
  setTop(env, av, brk + front)
  setHead(env, brk + front, size - front + PREV_INUSE)
  return true
}

/** SIZE_MAX has no room for the mark. */
function isTooLarge(env: MallocEnv, bytes: number): boolean {
  if (word(env, bytes + 1) !== 0) return false
  env.setErrno(ENOMEM)
  return true
}

export function mallocCheck(env: MallocEnv, bytes: number): number {
  if (isTooLarge(env, bytes) || !checkTop(env)) return 0
  return markBlock(env, intMalloc(env, env.mainArena, bytes + 1), bytes)
}

export function freeCheck(env: MallocEnv, mem: number): void {
  if (mem === 0) return
  if (takeMark(env, mem) === 0) {
    mallocPrinterr(env, 'free(): invalid pointer', mem)
    return
  }
  const p = chunkOf(env, mem)
  if (isMmapped(env, p)) munmapChunk(env, p)
  else intFree(env, env.mainArena, p, true)
}

export function reallocCheck(env: MallocEnv, mem: number, bytes: number, move: Move): number {
  if (isTooLarge(env, bytes)) return 0
  if (mem === 0) return mallocCheck(env, bytes)
  if (bytes === 0) {
    freeCheck(env, mem)
    return 0
  }
  const mark = takeMark(env, mem)
  if (mark === 0) {
    mallocPrinterr(env, 'realloc(): invalid pointer', mem)
    return mallocCheck(env, bytes)
  }
  const nb = requestToSize(env, bytes + 1)
  if (nb === -1) {
    env.setErrno(ENOMEM)
    // 2.13 forgets to turn the mark back.
    if (env.flavour.hardened) env.store8(mark, env.load8(mark) ^ 0xff)
    return 0
  }
  const result = resizeChecked(env, mem, bytes, nb, move)
  if (result === 0) env.store8(mark, env.load8(mark) ^ 0xff)
  return markBlock(env, result, bytes)
}

function resizeChecked(env: MallocEnv, mem: number, bytes: number, nb: number, move: Move): number {
  const p = chunkOf(env, mem)
  const oldSize = chunkSize(env, p)
  if (!isMmapped(env, p)) {
    return checkTop(env) ? intRealloc(env, env.mainArena, p, oldSize, nb, move) : 0
  }
  const moved = mremapChunk(env, p, nb)
  if (moved !== 0) return memOf(env, moved)
  if (!ult(oldSize - env.flavour.word, nb)) return mem
  const fresh = checkTop(env) ? intMalloc(env, env.mainArena, bytes + 1) : 0
  if (fresh === 0) return 0
  move.to = fresh
  move.from = mem
  move.length = oldSize - env.flavour.header
  move.old = p
  move.arena = 0
  return fresh
}

export function memalignCheck(env: MallocEnv, alignment: bigint, bytes: bigint): number {
  const { alignment: least, bits, hardened, minSize } = env.flavour
  if (alignment <= BigInt(least)) return mallocCheck(env, Number(toWord(env, bytes)))
  const sizeMax = (1n << BigInt(bits)) - 1n
  if (hardened && alignment > 1n << BigInt(bits - 1)) {
    env.setErrno(EINVAL)
    return 0
  }
  const room = hardened ? sizeMax - roundedUp(alignment, minSize) - BigInt(minSize) : sizeMax - 1n
  if (bytes > room) {
    env.setErrno(ENOMEM)
    return 0
  }
  if (!checkTop(env)) return 0
  const mem = intMemalign(env, env.mainArena, roundAlignment(env, alignment), bytes + 1n)
  return markBlock(env, mem, Number(bytes))
}

function roundedUp(alignment: bigint, minSize: number): bigint {
  return alignment < BigInt(minSize) ? BigInt(minSize) : alignment
}

function toWord(env: MallocEnv, size: bigint): bigint {
  return env.flavour.bits === 32 ? BigInt.asUintN(32, size) : BigInt.asIntN(64, size)
}

/** malloc_usable_size: exactly what was asked for. */
export function mallocCheckGetSize(env: MallocEnv, mem: number): number {
  const mark = findMark(env, chunkOf(env, mem))
  if (mark === 0) mallocPrinterr(env, 'malloc_check_get_size: memory corruption', 0)
  return mark - mem
}
