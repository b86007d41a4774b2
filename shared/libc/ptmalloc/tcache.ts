// The thread cache: up to seven freed blocks of each size, kept without any merging. Its table is the first chunk of
// the heap:
//
//   counts    64 × 2 bytes   how many blocks each list holds; this decides, not the list
//   entries   64 pointers    to the user's bytes of the first block
//
// A cached block's first word is the mangled address of the next one, its second word a random key, the same for
// the whole process, by which a double free is suspected. In this program, which has one thread, the pointer to the
// table stands among malloc's variables.

import { memOf } from './chunk.ts'
import { joinHalves, ult, type MallocEnv } from './env.ts'
import { TCACHE_MAX_BINS, type MallocFlavour } from './flavour.ts'
import { mallocPrinterr } from './printerr.ts'
import { tcacheAddQuickly } from './quick.ts'

/** Offset of the list heads in the table. */
export const FIRST_TCACHE_ENTRY = 2 * TCACHE_MAX_BINS

/** Bytes of the table. */
export function tcacheTableBytes(flavour: MallocFlavour): number {
  return FIRST_TCACHE_ENTRY + TCACHE_MAX_BINS * flavour.word
}

/** The table, 0 if there is none (yet). */
export function tcacheOf(env: MallocEnv): number {
  return env.loadOwn(env.flavour.par.tcache)
}

/** The list for chunks of a size; there are tcacheBins() of them. */
export function tcacheIndex(env: MallocEnv, size: number): number {
  const { minSize, alignMask, alignment } = env.flavour
  if (size < 0) return -1 // the word is larger than any that a list is for
  return Math.floor((size - minSize + alignMask) / alignment)
}

export function tcacheBins(env: MallocEnv): number {
  return env.loadOwn(env.flavour.par.tcacheBins)
}

export function tcacheCount(env: MallocEnv, table: number, index: number): number {
  return env.load16(table + 2 * index)
}

export function tcacheEntryAt(env: MallocEnv, table: number, index: number): number {
  return table + FIRST_TCACHE_ENTRY + index * env.flavour.word
}

/** May the list take another one? */
export function tcacheHasRoom(env: MallocEnv, table: number, index: number): boolean {
  return ult(tcacheCount(env, table, index), env.loadOwn(env.flavour.par.tcacheCount))
}

/** Reads a mangled pointer (REVEAL_PTR): XOR with its own address's page number. */
export function revealPtr(env: MallocEnv, va: number): number {
  const low = env.load32(va) ^ lowKey(va)
  if (env.flavour.bits === 32) return low >>> 0
  return joinHalves(low, env.load32(va + 4) ^ highKey(va))
}

/** Copies a mangled pointer to another place, where it stands plain; not a bit of it is lost. */
export function revealPtrTo(env: MallocEnv, to: number, va: number): void {
  env.copyWord(to, va, lowKey(va), highKey(va))
}

/** Stores the pointer that stands at `from`, mangled (PROTECT_PTR). */
export function protectPtrFrom(env: MallocEnv, va: number, from: number): void {
  env.copyWord(va, from, lowKey(va), highKey(va))
}

function lowKey(va: number): number {
  return Math.floor(va / 4096) | 0
}

function highKey(va: number): number {
  return Math.floor(va / 0x1000_0000_0000) | 0
}

/** Puts a chunk into the cache. There must be room. */
export function tcachePut(env: MallocEnv, table: number, p: number, index: number): void {
  const { word, par, quick } = env.flavour
  const e = memOf(env, p)
  if (quick && tcacheAddQuickly(env, e, index)) return
  const slot = tcacheEntryAt(env, table, index)
  env.copyWord(e + word, env.mainArena + par.tcacheKey, 0, 0)
  protectPtrFrom(env, e, slot)
  env.store(slot, e)
  const count = table + 2 * index
  env.store16(count, env.load16(count) + 1)
}

/** Takes a block from the cache. Its count must say that there is one. */
export function tcacheGet(env: MallocEnv, table: number, index: number): number {
  const slot = tcacheEntryAt(env, table, index)
  if (env.load32(slot) & env.flavour.alignMask) {
    mallocPrinterr(env, 'malloc(): unaligned tcache chunk detected', 0)
  }
  const e = env.load(slot)
  revealPtrTo(env, slot, e)
  const count = table + 2 * index
  env.store16(count, env.load16(count) - 1)
  env.store(e + env.flavour.word, 0)
  return e
}

/** Does the freed block's second word hold the key, as if it were cached? */
export function hasTcacheKey(env: MallocEnv, e: number): boolean {
  const { word, bits, par } = env.flavour
  if (env.load32(e + word) !== env.loadOwn32(par.tcacheKey)) return false
  return bits === 32 || env.load32(e + word + 4) === env.loadOwn32(par.tcacheKey + 4)
}

/** The key may be there by chance: only if the block really is in its list it was freed before. */
export function checkDoubleFree(env: MallocEnv, table: number, e: number, index: number): void {
  const { alignMask, par } = env.flavour
  const limit = env.load(env.mainArena + par.tcacheCount)
  let va = tcacheEntryAt(env, table, index)
  let low = env.load32(va)
  let entry = env.load(va)
  for (let count = 0; entry !== 0; count++) {
    if (!ult(count, limit)) mallocPrinterr(env, 'free(): too many chunks detected in tcache', 0)
    if (low & alignMask) mallocPrinterr(env, 'free(): unaligned chunk detected in tcache 2', 0)
    if (entry === e) mallocPrinterr(env, 'free(): double free detected in tcache 2', 0)
    va = entry
    low = env.load32(va) ^ lowKey(va)
    entry = revealPtr(env, va)
  }
}
