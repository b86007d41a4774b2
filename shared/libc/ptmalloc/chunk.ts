// A chunk, in the process's bytes:
//
//   chunk →  prev_size   size of the chunk before, if that one is free (else it belongs to that one's user)
//            size        own size, a multiple of the alignment | flags
//   mem   →  fd          while free: next chunk of its list. The user's bytes begin here.
//            bk          while free: previous chunk of its list
//            fd_nextsize, bk_nextsize    while free and large: next larger or smaller size in its bin
//            …
//   chunk + size →       prev_size of the next chunk

import { at, ult, type MallocEnv } from './env.ts'
import { assertFailed, type AssertSite } from './printerr.ts'

// Flags in the size field.
export const PREV_INUSE = 1
export const IS_MMAPPED = 2
export const NON_MAIN_ARENA = 4
export const SIZE_BITS = 7

export function memOf(env: MallocEnv, p: number): number {
  return at(env, p, env.flavour.header)
}

export function chunkOf(env: MallocEnv, mem: number): number {
  return at(env, mem, -env.flavour.header)
}

/** The size field with its flags (chunksize_nomask). */
export function headOf(env: MallocEnv, p: number): number {
  return env.load(p + env.flavour.word)
}

/** The lower 32 bits of the size field: flags and alignment are exact here whatever the field holds. */
export function headLow(env: MallocEnv, p: number): number {
  return env.load32(p + env.flavour.word)
}

export function chunkSize(env: MallocEnv, p: number): number {
  return sizeOfHead(env.load(p + env.flavour.word))
}

export function sizeOfHead(head: number): number {
  return head - (head & SIZE_BITS)
}

/** The flags of a size field that has been read. One beyond 2^53 was rounded: it is looked at again. */
export function flagsOfHead(env: MallocEnv, p: number, head: number): number {
  return (Math.abs(head) <= Number.MAX_SAFE_INTEGER ? head : headLow(env, p)) & SIZE_BITS
}

export function setHead(env: MallocEnv, p: number, head: number): void {
  env.store(p + env.flavour.word, head)
}

/** Sets the size and leaves the flags. */
export function setHeadSize(env: MallocEnv, p: number, size: number): void {
  env.store(p + env.flavour.word, size + (headLow(env, p) & SIZE_BITS))
}

/** Sets the footer: the size of a free chunk stands once more at its end. */
export function setFoot(env: MallocEnv, p: number, size: number): void {
  env.store(at(env, p, size), size)
}

export function prevSize(env: MallocEnv, p: number): number {
  return env.load(p)
}

export function prevInuse(env: MallocEnv, p: number): boolean {
  return (headLow(env, p) & PREV_INUSE) !== 0
}

export function isMmapped(env: MallocEnv, p: number): boolean {
  return (headLow(env, p) & IS_MMAPPED) !== 0
}

export function inMainArena(env: MallocEnv, p: number): boolean {
  return (headLow(env, p) & NON_MAIN_ARENA) === 0
}

/** Is the chunk in use? The next one knows. */
export function inuse(env: MallocEnv, p: number): boolean {
  return prevInuse(env, at(env, p, chunkSize(env, p)))
}

export function setInuseAt(env: MallocEnv, p: number, offset: number): void {
  const va = at(env, p, offset) + env.flavour.word
  env.store32(va, env.load32(va) | PREV_INUSE)
}

export function clearInuseAt(env: MallocEnv, p: number, offset: number): void {
  const va = at(env, p, offset) + env.flavour.word
  env.store32(va, env.load32(va) & ~PREV_INUSE)
}

export function setNonMainArena(env: MallocEnv, p: number): void {
  env.store32(p + env.flavour.word, headLow(env, p) | NON_MAIN_ARENA)
}

/** Bytes of a chunk that are the user's. */
export function memsize(env: MallocEnv, p: number): number {
  const size = chunkSize(env, p) - env.flavour.header
  return isMmapped(env, p) ? size : size + env.flavour.word
}

/** Would a chunk of this size reach beyond the end of the address space? (p > -size, unsigned.) */
export function wrapsAround(env: MallocEnv, p: number, size: number): boolean {
  if (size === 0) return p !== 0
  if (env.flavour.bits === 32) return p + size > 0x1_0000_0000
  return size < 0 && ult(-size, p)
}

/** Chunks are aligned so that the user's pointers are. */
export function isMisaligned(env: MallocEnv, p: number): boolean {
  return ((p + env.flavour.header) & env.flavour.alignMask) !== 0
}

export function fdOf(env: MallocEnv, p: number): number {
  return env.load(p + env.flavour.header)
}

export function bkOf(env: MallocEnv, p: number): number {
  return env.load(p + env.flavour.header + env.flavour.word)
}

export function setFd(env: MallocEnv, p: number, to: number): void {
  env.store(p + env.flavour.header, to)
}

export function setBk(env: MallocEnv, p: number, to: number): void {
  env.store(p + env.flavour.header + env.flavour.word, to)
}

export function fdNextsizeOf(env: MallocEnv, p: number): number {
  return env.load(p + 2 * env.flavour.header)
}

export function bkNextsizeOf(env: MallocEnv, p: number): number {
  return env.load(p + 2 * env.flavour.header + env.flavour.word)
}

export function setFdNextsize(env: MallocEnv, p: number, to: number): void {
  env.store(p + 2 * env.flavour.header, to)
}

export function setBkNextsize(env: MallocEnv, p: number, to: number): void {
  env.store(p + 2 * env.flavour.header + env.flavour.word, to)
}

/** The arena that a chunk says it is of. */
export function arenaForChunk(env: MallocEnv, p: number): number {
  return arenaOf(env, p, headLow(env, p))
}

function arenaOf(env: MallocEnv, p: number, flags: number): number {
  if ((flags & NON_MAIN_ARENA) === 0) return env.mainArena
  const size = env.flavour.heapMaxSize
  return env.load(Math.floor(p / size) * size)
}

/** The chunk size for a request, or -1 if there is none (checked_request2size). */
export function requestToSize(env: MallocEnv, bytes: number): number {
  const { word, alignMask, minSize, bits, sizeLimit } = env.flavour
  if (sizeLimit) {
    if (bytes < 0 || (bits === 32 && bytes > 0x7fff_ffff)) return -1
  } else if (
    bits === 32 ? bytes >= 0x1_0000_0000 - 2 * minSize : bytes < 0 && bytes >= -2 * minSize
  ) {
    return -1
  }
  const padded = bytes + word + alignMask
  if (padded >= 0 && padded < minSize) return minSize
  return bits === 32 ? ((padded >>> 0) & ~alignMask) >>> 0 : padded - (padded & alignMask)
}

/** The end of every chunk that malloc hands out: the assertion that it is from the arena it was asked of. */
export function checkOwner(env: MallocEnv, mem: number, arena: number, site: AssertSite): void {
  if (mem === 0) return
  const p = chunkOf(env, mem)
  const flags = headLow(env, p)
  if ((flags & IS_MMAPPED) !== 0 || arenaOf(env, p, flags) === arena) return
  assertFailed(env, site)
}
