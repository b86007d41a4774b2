// Chunks with a mapping of their own: large blocks. prev_size holds the chunk's offset in its mapping, the flag
// IS_MMAPPED is set; there is no next chunk.

import { MAPPING_IS_WHOLE_PAGES, MUNMAP_SUCCEEDED } from './assertions.ts'
import { chunkSize, IS_MMAPPED, memOf, prevSize, setHead } from './chunk.ts'
import { alignUp, at, ult, word, type MallocEnv } from './env.ts'
import { assertFailed, mallocPrinterr } from './printerr.ts'

/** Counts a mapping that came (+1, bytes) or went (-1, -bytes). */
export function countMmap(env: MallocEnv, count: number, bytes: number): void {
  const { par } = env.flavour
  const n = env.load32(env.mainArena + par.nMmaps) + count
  env.store32(env.mainArena + par.nMmaps, n)
  if (n > env.load32(env.mainArena + par.maxNMmaps)) env.store32(env.mainArena + par.maxNMmaps, n)
  const sum = word(env, env.load(env.mainArena + par.mmappedMem) + bytes)
  env.store(env.mainArena + par.mmappedMem, sum)
  if (count > 0 && ult(env.load(env.mainArena + par.maxMmappedMem), sum)) {
    env.store(env.mainArena + par.maxMmappedMem, sum)
  }
}

/** New memory; no mapping is 2^63 bytes long. */
export function mmapWord(env: MallocEnv, length: number): number {
  return length < 0 ? -1 : env.mmap(0, length, true)
}

/** A chunk with its own mapping (sysmalloc_mmap): the user's pointer, or -1. */
export function sysmallocMmap(env: MallocEnv, nb: number): number {
  const { word: sizeSz, header, alignMask, alignment } = env.flavour
  const padding = alignment === header ? 0 : alignMask
  const size = word(env, alignUp(nb + sizeSz + padding, env.pageSize))
  if (!ult(nb, size)) return -1
  const start = mmapWord(env, size)
  if (start === -1) return -1

  // With 16 byte alignment of 4 byte words the chunk can't begin with the page.
  const misalign = (start + header) & alignMask
  const offset = misalign > 0 ? alignment - misalign : 0
  const p = start + offset
  env.store(p, offset)
  setHead(env, p, size - offset + IS_MMAPPED)
  countMmap(env, 1, size)
  return memOf(env, p)
}

/** Is it not what sysmallocMmap() made? The sum's low bits are enough to see it. */
function isBroken(env: MallocEnv, p: number): boolean {
  const offsetLow = env.load32(p)
  const sizeLow = env.load32(p + env.flavour.word) & ~7
  const blockLow = (p % 0x1_0000_0000) - offsetLow
  if (((blockLow | (offsetLow + sizeLow)) & (env.pageSize - 1)) !== 0) return true
  const inPage = memOf(env, p) & (env.pageSize - 1)
  return env.flavour.hardened && (inPage & (inPage - 1)) !== 0
}

export function munmapChunk(env: MallocEnv, p: number): void {
  if (isBroken(env, p)) {
    mallocPrinterr(env, 'munmap_chunk(): invalid pointer', memOf(env, p))
    return
  }
  const offset = prevSize(env, p)
  const total = word(env, offset + chunkSize(env, p))
  countMmap(env, -1, -total)
  const failed = total < 0 || env.munmap(at(env, p, -offset), total) === -1
  if (failed && !env.flavour.hardened) assertFailed(env, MUNMAP_SUCCEEDED)
}

/** Gives the mapping another size, perhaps another place: the chunk, or 0 if there is no room. */
export function mremapChunk(env: MallocEnv, p: number, nb: number): number {
  const offset = prevSize(env, p)
  const total = word(env, offset + chunkSize(env, p))
  if (env.flavour.hardened) {
    if (isBroken(env, p)) mallocPrinterr(env, 'mremap_chunk(): invalid pointer', 0)
  } else if (
    ((env.load32(p) + (env.load32(p + env.flavour.word) & ~7)) & (env.pageSize - 1)) !==
    0
  ) {
    assertFailed(env, MAPPING_IS_WHOLE_PAGES)
  }
  const size = word(env, alignUp(nb + offset + env.flavour.word, env.pageSize))
  if (total === size) return p
  const start = total < 0 || size < 0 ? -1 : env.mremap(at(env, p, -offset), total, size)
  if (start === -1) return 0
  const moved = at(env, start, offset)
  setHead(env, moved, size - offset + IS_MMAPPED)
  const { par } = env.flavour
  const sum = word(env, env.load(env.mainArena + par.mmappedMem) + size - total)
  env.store(env.mainArena + par.mmappedMem, sum)
  if (ult(env.load(env.mainArena + par.maxMmappedMem), sum)) {
    env.store(env.mainArena + par.maxMmappedMem, sum)
  }
  return moved
}
