// Two more common cases with few accesses, for 64 bits and 2.36 (see quick.ts): a block cut off the top chunk because all
// lists that could serve it are empty, and a freed chunk that is merged with its neighbours. First everything that
// is needed is looked up and checked; then it is changed. Whatever is unusual is left to the plain way.

import { binAt, largebinIndex } from './bins.ts'
import { highHalf, type MallocEnv } from './env.ts'
import { TCACHE_MAX_BINS } from './flavour.ts'
import { tcacheCountQuickly } from './quick.ts'
import { unlinkQuickly } from './quickBins.ts'
import { clearNextsizes, locateChunk, setWord, wordAt } from './quickChunk.ts'
import {
  ARENA_FLAGS,
  BK,
  BK_NEXTSIZE,
  DEBUGGING,
  FASTBINS,
  FD,
  FD_NEXTSIZE,
  GLOBAL_MAX_FAST,
  HAVE_FASTCHUNKS,
  INITIALIZED,
  MAX_FAST_SIZE,
  MIN_LARGE_SIZE,
  PERTURB_BYTE,
  SIZE,
  SYSTEM_MEM,
  TCACHE,
  TCACHE_BINS,
  TCACHE_COUNT,
  TCACHE_KEY,
  TOP,
  TOP_PAD,
  UNSORTED_BK,
  UNSORTED_FD,
} from './quickLayout.ts'

const SETTLED = 16 // in place of a merged chunk's size: nothing can go back

/** Are the parameters such as only a wild write would not leave them? */
function areParametersUsual(words: Int32Array, variables: number): boolean {
  const high =
    words[variables + TCACHE_BINS + 1] |
    words[variables + TCACHE_COUNT + 1] |
    words[variables + GLOBAL_MAX_FAST + 1]
  const maxFast = words[variables + GLOBAL_MAX_FAST]
  const bins = words[variables + TCACHE_BINS]
  return (
    (high | words[variables + DEBUGGING]) === 0 &&
    (maxFast | bins | words[variables + TCACHE_COUNT]) >= 0 &&
    maxFast <= MAX_FAST_SIZE &&
    bins <= TCACHE_MAX_BINS &&
    words[variables + INITIALIZED] !== 0
  )
}

/** Is it the arena's turn, since malloc has started and the thread cache has nothing? False if that isn't simple to say. */
export function isArenasTurn(env: MallocEnv, nb: number): boolean {
  const { words } = env
  const variables = env.locateVariables()
  if (variables < 0 || words[variables + PERTURB_BYTE] !== 0) return false
  if (wordAt(words, variables + TCACHE) === 0 || !areParametersUsual(words, variables)) return false
  const index = (nb - 32) >> 4
  return index >= TCACHE_MAX_BINS || tcacheCountQuickly(env, variables, index) === 0
}

/** A chunk of size nb off the top chunk, if it is the arena's turn: the user's pointer, 0 if that isn't simple. */
export function splitTopQuickly(env: MallocEnv, nb: number): number {
  const { words } = env
  const lists = env.locateLists()
  const variables = env.locateVariables()
  if (lists < 0 || variables < 0) return 0
  const unsorted = env.mainArena + 4 * TOP
  if (wordAt(words, lists + UNSORTED_BK) !== unsorted) return 0
  if (nb < MIN_LARGE_SIZE) {
    if (nb <= MAX_FAST_SIZE && wordAt(words, lists + FASTBINS + (nb >> 3) - 4) !== 0) return 0
  } else if (words[lists + HAVE_FASTCHUNKS] !== 0) {
    return 0
  }
  // All larger bins; a bit may be set though a bin is empty. The request's own bin is looked at itself.
  const index = nb < MIN_LARGE_SIZE ? nb >> 4 : largebinIndex(env, nb)
  let block = index >> 5
  if ((words[variables + block] & (-1 << (index & 31))) !== 0) return 0
  while (++block < 4) if (words[variables + block] !== 0) return 0
  const bin = binAt(env, env.mainArena, index)
  const link = bin + (nb < MIN_LARGE_SIZE ? 24 : 16)
  const links = env.locate(link, link | 0)
  if (links < 0 || wordAt(words, links) !== bin) return 0

  const top = wordAt(words, lists + TOP)
  const topLow = words[lists + TOP]
  const old = locateChunk(env, top, topLow)
  if (old < 0) return 0
  const head = words[old + SIZE]
  const size = head & ~7
  if (words[old + SIZE + 1] !== 0 || size < nb + 32) return 0
  if (words[variables + SYSTEM_MEM + 1] !== 0 || size > words[variables + SYSTEM_MEM]) return 0
  const fresh = locateChunk(env, top + nb, (topLow + nb) | 0)
  if (fresh < 0) return 0
  setWord(words, lists + TOP, top + nb)
  words[old + SIZE] = nb | 1
  words[fresh + SIZE] = (size - nb) | 1
  words[fresh + SIZE + 1] = 0
  return top + 16
}

/**
 * Frees a block that the thread cache has no room for: the size of the free chunk that came of it, 0 if that isn't
 * simple.
 */
export function freeQuickly(env: MallocEnv, mem: number): number {
  const { words } = env
  const p = mem - 16
  const low = p | 0
  const own = (low & 15) === 0 ? locateChunk(env, p, low) : -1
  if (own < 0) return 0
  const head = words[own + SIZE]
  const size = head & ~7
  if (words[own + SIZE + 1] !== 0 || size < 32 || (head & 14) !== 0) return 0
  const lists = env.locateLists()
  const variables = env.locateVariables()
  if (lists < 0 || variables < 0) return 0
  const table = wordAt(words, variables + TCACHE)
  if (table === 0 || !areParametersUsual(words, variables)) return 0
  const index = (size - 32) >> 4
  if (index < words[variables + TCACHE_BINS]) {
    const count = tcacheCountQuickly(env, variables, index)
    if (count < words[variables + TCACHE_COUNT]) return 0
    if (words[own + BK] === words[variables + TCACHE_KEY]) return 0
  }
  if (size > words[variables + GLOBAL_MAX_FAST]) {
    return merge(env, p, size, own, lists, variables)
  }
  const limit = words[variables + SYSTEM_MEM + 1] === 0 ? words[variables + SYSTEM_MEM] : -1
  const perturbed = words[variables + PERTURB_BYTE] !== 0
  const next = locateChunk(env, p + size, (low + size) | 0)
  if (next < 0 || perturbed || words[next + SIZE + 1] !== 0) return 0
  const nextSize = words[next + SIZE] & ~7
  if (nextSize <= 16 || nextSize >= limit) return 0
  return pushFastbin(words, p, size, own, lists)
}

/** Puts a chunk into its fast bin, unless it is the first there already. */
function pushFastbin(
  words: Int32Array,
  p: number,
  size: number,
  own: number,
  lists: number,
): number {
  const bin = lists + FASTBINS + (size >> 3) - 4
  if (wordAt(words, bin) === p) return 0
  const link = p + 16
  const low = link | 0
  const high = link === low ? 0 : highHalf(link)
  words[own + FD] = words[bin] ^ ((low >>> 12) | (high << 20))
  words[own + FD + 1] = words[bin + 1] ^ (high >>> 12)
  setWord(words, bin, p)
  words[lists + HAVE_FASTCHUNKS] = 1
  return size
}

/** Would systrim() find that less than a page can go back? It is asked after every large merge. */
export function nothingToTrim(env: MallocEnv): boolean {
  const lists = env.locateLists()
  const variables = env.locateVariables()
  if (lists < 0 || variables < 0) return false
  const top = locateChunk(env, wordAt(env.words, lists + TOP), env.words[lists + TOP])
  if (top < 0 || env.words[top + SIZE + 1] !== 0) return false
  return isTopShort(env, env.words[top + SIZE] & ~7, lists, variables)
}

function isTopShort(env: MallocEnv, topSize: number, lists: number, variables: number): boolean {
  const { words } = env
  const pad = wordAt(words, variables + TOP_PAD)
  const area = topSize - 33
  return words[lists + HAVE_FASTCHUNKS] === 0 && area >= 0 && pad >= 0 && area < pad + env.pageSize
}

/**
 * Merges a freed chunk, whose own size has been checked, with its neighbours. The size that came of it, 0 if that isn't
 * simple.
 */
export function mergeQuickly(env: MallocEnv, p: number, size: number): number {
  const lists = env.locateLists()
  const variables = env.locateVariables()
  const own = locateChunk(env, p, p | 0)
  if (lists < 0 || variables < 0 || own < 0) return 0
  return merge(env, p, size, own, lists, variables)
}

function merge(
  env: MallocEnv,
  p: number,
  size: number,
  own: number,
  lists: number,
  variables: number,
): number {
  const { words } = env
  const limit = words[variables + SYSTEM_MEM + 1] === 0 ? words[variables + SYSTEM_MEM] : -1
  if ((words[lists + ARENA_FLAGS] & 2) !== 0) return 0
  if (words[variables + PERTURB_BYTE] !== 0) return 0
  const next = p + size
  const nextLow = next | 0
  const top = wordAt(words, lists + TOP)
  const nextAt = locateChunk(env, next, nextLow)
  if (nextAt < 0 || p >= top || next > top) return 0
  // The plain way looks at the top chunk's size, too: so the page has to be there.
  const topSizeAt = next === top ? nextAt + SIZE : env.locate(top + 8, (words[lists + TOP] + 8) | 0)
  if (topSizeAt < 0 || words[topSizeAt + 1] !== 0 || words[topSizeAt] < 16) return 0
  const nextHead = words[nextAt + SIZE]
  const nextSize = nextHead & ~7
  if ((nextHead & 1) === 0 || words[nextAt + SIZE + 1] !== 0 || nextSize <= 16 || nextSize >= limit)
    return 0
  const unsorted = env.mainArena + 4 * TOP
  let first = wordAt(words, lists + UNSORTED_FD)

  // The chunk before, if it is free.
  let start = p
  let startAt = own
  let total = size
  const before = (words[own + SIZE] & 1) === 0
  if (before) {
    const beforeSize = words[own]
    start = p - beforeSize
    if (words[own + 1] !== 0 || beforeSize <= 16) return 0
    startAt = locateChunk(env, start, start | 0)
    if (startAt < 0 || (words[startAt + SIZE] & ~7) !== beforeSize) return 0
    if (first === start) first = wordAt(words, startAt + FD)
    total += beforeSize
  }
  if (next === top) {
    if (before && !unlinkQuickly(env, start, false)) return 0
    total += nextSize
    setWord(words, startAt + SIZE, total + 1)
    setWord(words, lists + TOP, start)
    return isTopShort(env, total, lists, variables) ? SETTLED : total
  }

  // The chunk behind, if it is free.
  const behind = env.locate(next + nextSize + 8, (nextLow + nextSize + 8) | 0)
  if (behind < 0) return 0
  const nextFree = (words[behind] & 1) === 0
  if (nextFree) {
    if (before && (areNeighbours(words, nextAt, start) || !unlinkQuickly(env, next, true))) return 0
    if (first === next) first = wordAt(words, nextAt + FD)
    if (first === start) return 0
    total += nextSize
  }
  const end = start + total
  const firstAt = env.locateWritable(first + 24, (first + 24) | 0)
  const foot = env.locateWritable(end, end | 0)
  if (firstAt < 0 || foot < 0) return 0
  if (first === wordAt(words, lists + UNSORTED_FD) && wordAt(words, firstAt) !== unsorted) return 0

  if (before && !unlinkQuickly(env, start, false)) return 0
  if (!nextFree) words[nextAt + SIZE] = nextHead & ~1
  else if (!unlinkQuickly(env, next, false)) return 0
  setWord(words, firstAt, start)
  setWord(words, lists + UNSORTED_FD, start)
  setWord(words, startAt + FD, first)
  setWord(words, startAt + BK, unsorted)
  if (total >= MIN_LARGE_SIZE) clearNextsizes(words, startAt)
  setWord(words, startAt + SIZE, total + 1)
  setWord(words, foot, total)
  return total
}

/** Does a free chunk stand beside another in a list? */
function areNeighbours(words: Int32Array, at: number, other: number): boolean {
  return (
    wordAt(words, at + FD) === other ||
    wordAt(words, at + BK) === other ||
    wordAt(words, at + FD_NEXTSIZE) === other ||
    wordAt(words, at + BK_NEXTSIZE) === other
  )
}
