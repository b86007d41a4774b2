// The thread cache's two common cases once more, for 64 bits and with no more accesses to memory than needed: a block
// of the wanted size is there, and a freed block fits in. Each page is looked up once. Whatever is not quite as
// usual (a page that would fault, a damaged word, a full list) is left to the plain way in tcache.ts and intFree.ts,
// which does the same step by step; nothing has been changed then.

import type { MallocEnv } from './env.ts'
import {
  BK,
  DEBUGGING,
  ENTRIES,
  FD,
  INITIALIZED,
  PAGE_MASK,
  SIZE,
  TABLE_BYTES,
  TCACHE,
  TCACHE_BINS,
  TCACHE_COUNT,
  TCACHE_KEY,
} from './quickLayout.ts'
import { TCACHE_MAX_BINS } from './flavour.ts'

/** The first block of a list, 0 if that isn't simple. */
export function tcacheGetQuickly(env: MallocEnv, index: number): number {
  const { words } = env
  const variables = env.locateVariables()
  if (variables < 0 || index >= words[variables + TCACHE_BINS]) return 0
  if (words[variables + INITIALIZED] === 0 || words[variables + DEBUGGING] !== 0) return 0
  const tableLow = words[variables + TCACHE]
  const table = locateTable(env, tableLow, words[variables + TCACHE + 1])
  if (table < 0) return 0
  const counts = table + (index >> 1)
  const shift = (index & 1) * 16
  if (((words[counts] >>> shift) & 0xffff) === 0) return 0

  const slot = table + ENTRIES + 2 * index
  const low = words[slot]
  const high = words[slot + 1]
  if ((low & 15) !== 0) return 0
  const mem = high * 0x1_0000_0000 + (low >>> 0)
  const block = env.locateWritable(mem, low)
  if (block < 0 || overlapsTable(low, tableLow)) return 0
  words[slot] = words[block] ^ ((low >>> 12) | (high << 20))
  words[slot + 1] = words[block + 1] ^ (high >>> 12)
  words[counts] -= 1 << shift
  words[block + 2] = 0
  words[block + 3] = 0
  return mem
}

/** Puts a freed block into its list; false if that isn't simple. */
export function tcachePutQuickly(env: MallocEnv, mem: number): boolean {
  const { words } = env
  const low = mem | 0
  // The size must stand in the same page.
  if ((low & 15) !== 0 || (low & PAGE_MASK) === 0) return false
  const block = env.locateWritable(mem, low)
  if (block < 0) return false
  const p = block - FD
  const head = words[p + SIZE]
  const index = ((head & ~7) - 32) >> 4
  if (words[p + SIZE + 1] !== 0 || head < 32 || (head & 14) !== 0 || index >= TCACHE_MAX_BINS)
    return false

  const variables = env.locateVariables()
  if (variables < 0 || words[variables + DEBUGGING] !== 0) return false
  const tableLow = words[variables + TCACHE]
  const keyLow = words[variables + TCACHE_KEY]
  if (index >= words[variables + TCACHE_BINS] || words[p + BK] === keyLow) return false
  const table = locateTable(env, tableLow, words[variables + TCACHE + 1])
  if (table < 0 || overlapsTable(low, tableLow)) return false
  const counts = table + (index >> 1)
  const shift = (index & 1) * 16
  if (((words[counts] >>> shift) & 0xffff) >= words[variables + TCACHE_COUNT]) return false

  putIntoList(words, variables, table, index, block, mem)
  return true
}

/** Puts a block into a list that has room for it; false if that isn't simple. */
export function tcacheAddQuickly(env: MallocEnv, mem: number, index: number): boolean {
  const { words } = env
  const low = mem | 0
  const block = (low & 15) === 0 ? env.locateWritable(mem, low) : -1
  const variables = env.locateVariables()
  if (block < 0 || variables < 0 || index >= TCACHE_MAX_BINS) return false
  const tableLow = words[variables + TCACHE]
  const table = locateTable(env, tableLow, words[variables + TCACHE + 1])
  if (table < 0 || overlapsTable(low, tableLow)) return false
  putIntoList(words, variables, table, index, block, mem)
  return true
}

function putIntoList(
  words: Int32Array,
  variables: number,
  table: number,
  index: number,
  block: number,
  mem: number,
): void {
  const slot = table + ENTRIES + 2 * index
  const low = mem | 0
  const high = Math.floor(mem / 0x1_0000_0000)
  words[block + 2] = words[variables + TCACHE_KEY]
  words[block + 3] = words[variables + TCACHE_KEY + 1]
  words[block] = words[slot] ^ ((low >>> 12) | (high << 20))
  words[block + 1] = words[slot + 1] ^ (high >>> 12)
  words[slot] = low
  words[slot + 1] = high
  words[table + (index >> 1)] += 1 << ((index & 1) * 16)
}

/** How many blocks the thread cache's list holds, -1 if that can't be had at once. */
export function tcacheCountQuickly(env: MallocEnv, variables: number, index: number): number {
  const { words } = env
  const table = locateTable(env, words[variables + TCACHE], words[variables + TCACHE + 1])
  return table < 0 ? -1 : (words[table + (index >> 1)] >>> ((index & 1) * 16)) & 0xffff
}

/** Index of the thread cache's table, -1 if there is none or it can't be written at once. */
function locateTable(env: MallocEnv, low: number, high: number): number {
  return (low & PAGE_MASK) > PAGE_MASK + 1 - TABLE_BYTES || (low | high) === 0
    ? -1
    : env.locateTcache(low, high)
}

/** A forged list may lead into the table itself; then the order of the steps matters. */
function overlapsTable(memLow: number, tableLow: number): boolean {
  const offset = memLow - tableLow
  return offset > -32 && offset < TABLE_BYTES
}
