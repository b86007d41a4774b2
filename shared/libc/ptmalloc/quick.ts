// The thread cache's two common cases once more, for 64 bits and with no more accesses to memory than needed: a block
// of the wanted size is there, and a freed block fits in. Each page is looked up once. Whatever is not quite as
// usual (a page that would fault, a damaged word, a full list) is left to the plain way in tcache.ts and intFree.ts,
// which does the same step by step; nothing has been changed then.

import { joinHalves, type MallocEnv } from './env.ts'
import { TCACHE_MAX_BINS } from './flavour.ts'

const PAGE_MASK = 4095 // of the smallest page: what does not cross its boundaries crosses none of larger ones
const ENTRIES_INDEX = TCACHE_MAX_BINS / 2 // in words of 4 bytes, from the start of the table
const LAST_TABLE_OFFSET = 4096 - 10 * TCACHE_MAX_BINS // the table must not cross a page boundary

/** The first block of a list, 0 if that isn't simple. */
export function tcacheGetQuickly(env: MallocEnv, index: number): number {
  const { words } = env
  const { par } = env.flavour
  const data = env.locate(env.mainArena + par.tcache)
  if (data < 0) return 0
  const tableLow = words[data]
  const tableHigh = words[data + 1]
  if ((tableLow & PAGE_MASK) > LAST_TABLE_OFFSET || (tableLow | tableHigh) === 0) return 0
  const table = env.locateWritable(wordOf(tableLow, tableHigh))
  if (table < 0) return 0
  const count = words[table + (index >> 1)]
  const one = (index & 1) === 0 ? 1 : 0x10000
  if ((index & 1) === 0 ? (count & 0xffff) === 0 : count >>> 16 === 0) return 0

  const slot = table + ENTRIES_INDEX + 2 * index
  const low = words[slot]
  const high = words[slot + 1]
  if ((low & 15) !== 0) return 0
  const mem = wordOf(low, high)
  const block = env.locateWritable(mem)
  if (block < 0 || overlapsTable(low, tableLow)) return 0
  words[slot] = words[block] ^ ((low >>> 12) | (high << 20))
  words[slot + 1] = words[block + 1] ^ (high >>> 12)
  words[table + (index >> 1)] = count - one
  words[block + 2] = 0
  words[block + 3] = 0
  return mem
}

/** Puts a freed block into its list; false if that isn't simple. */
export function tcachePutQuickly(env: MallocEnv, mem: number): boolean {
  const { words } = env
  const { par } = env.flavour
  const memLow = mem | 0
  // The size must stand in the same page.
  if ((memLow & 15) !== 0 || (memLow & PAGE_MASK) === 0) return false
  const block = env.locateWritable(mem)
  if (block < 0) return false
  const head = words[block - 2]
  const index = ((head & ~7) - 32) >> 4
  if (words[block - 1] !== 0 || head < 32 || (head & 14) !== 0 || index >= TCACHE_MAX_BINS)
    return false

  const data = env.locate(env.mainArena + par.tcacheBins)
  if (data < 0 || ((env.mainArena + par.tcacheBins) & PAGE_MASK) > PAGE_MASK - 128) return false
  const tcacheAt = data + ((par.tcache - par.tcacheBins) >> 2)
  const keyAt = data + ((par.tcacheKey - par.tcacheBins) >> 2)
  const limit = words[data + ((par.tcacheCount - par.tcacheBins) >> 2)]
  const tableLow = words[tcacheAt]
  const tableHigh = words[tcacheAt + 1]
  if (index >= words[data] || words[block + 2] === words[keyAt]) return false
  if ((tableLow & PAGE_MASK) > LAST_TABLE_OFFSET || (tableLow | tableHigh) === 0) return false
  const table = env.locateWritable(wordOf(tableLow, tableHigh))
  if (table < 0 || overlapsTable(memLow, tableLow)) return false
  const count = words[table + (index >> 1)]
  const filled = (index & 1) === 0 ? count & 0xffff : count >>> 16
  if (filled >= limit) return false

  const slot = table + ENTRIES_INDEX + 2 * index
  const memHigh = mem === memLow ? 0 : Math.floor(mem / 0x1_0000_0000)
  words[block + 2] = words[keyAt]
  words[block + 3] = words[keyAt + 1]
  words[block] = words[slot] ^ ((memLow >>> 12) | (memHigh << 20))
  words[block + 1] = words[slot + 1] ^ (memHigh >>> 12)
  words[slot] = memLow
  words[slot + 1] = memHigh
  words[table + (index >> 1)] = count + ((index & 1) === 0 ? 1 : 0x10000)
  return true
}

function wordOf(low: number, high: number): number {
  return high === 0 && low >= 0 ? low : joinHalves(low, high)
}

/** A forged list may lead into the table itself; then the order of the steps matters. */
function overlapsTable(memLow: number, tableLow: number): boolean {
  const offset = memLow - tableLow
  return offset > -32 && offset < 10 * TCACHE_MAX_BINS
}
