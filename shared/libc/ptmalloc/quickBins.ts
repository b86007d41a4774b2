// Steps with the lists of free chunks once more with few accesses, for 64 bits and 2.36 (see quick.ts). The plain way calls
// them first (bins.ts, intMalloc.ts, intFree.ts) and does what they haven't. A step is done whole or not at all: first
// everything that it needs is looked up and checked, then it is changed.
//
// In a damaged heap chunks may overlap, so that a change would alter what was looked up before. Their addresses are then
// 16 apart: two links of one are the links between sizes of the other.

import type { MallocEnv } from './env.ts'
import {
  BINMAP_OFFSET,
  BK,
  BK_NEXTSIZE,
  FD,
  FD_NEXTSIZE,
  LAST_REMAINDER,
  LINKS,
  MIN_LARGE_SIZE,
  SIZE,
  SIZE_LINKS,
  SYSTEM_MEM,
  TOP,
  UNSORTED_BK,
  UNSORTED_FD,
} from './quickLayout.ts'
import {
  clearNextsizes,
  copyWord,
  followToChunk,
  followToPair,
  headAt,
  locateChunk,
  locatePair,
  setWord,
  wordAt,
} from './quickChunk.ts'

const SECOND = 2 // the second word of a pair
const OVERLAP = 16
const MAX_QUICK_STEPS = 1000

/**
 * Takes a chunk off its list, and a large one out of the links between sizes; false if that isn't simple. `onlyLooking`: says
 * whether it would.
 */
export function unlinkQuickly(env: MallocEnv, p: number, onlyLooking: boolean): boolean {
  const { words } = env
  const low = p | 0
  const own = locateChunk(env, p, low)
  if (own < 0) return false
  const size = headAt(words, own) & ~7
  const next = locatePair(env, p + size, (low + size) | 0)
  if (size <= 16 || next < 0 || words[next] !== size || words[next + 1] !== 0) return false
  const ahead = followToPair(env, own + FD, LINKS)
  const behind = followToPair(env, own + BK, LINKS)
  if (ahead < 0 || behind < 0) return false
  if (wordAt(words, ahead + SECOND) !== p || wordAt(words, behind) !== p) return false
  if (size >= MIN_LARGE_SIZE && !unlinkNextsizeQuickly(env, p, own, onlyLooking)) return false
  if (onlyLooking) return true
  copyWord(words, ahead + SECOND, own + BK)
  copyWord(words, behind, own + FD)
  return true
}

function unlinkNextsizeQuickly(
  env: MallocEnv,
  p: number,
  own: number,
  onlyLooking: boolean,
): boolean {
  const { words } = env
  const bk = wordAt(words, own + BK)
  if (bk === p + OVERLAP) return false
  const smaller = wordAt(words, own + FD_NEXTSIZE)
  if (smaller === 0) return true
  const fd = wordAt(words, own + FD)
  const below = followToPair(env, own + FD_NEXTSIZE, SIZE_LINKS)
  const above = followToPair(env, own + BK_NEXTSIZE, SIZE_LINKS)
  const heir = followToPair(env, own + FD, SIZE_LINKS)
  if (below < 0 || above < 0 || heir < 0) return false
  if (wordAt(words, below + SECOND) !== p || wordAt(words, above) !== p) return false
  if (fd === p + OVERLAP || fd === smaller + OVERLAP || bk === fd + OVERLAP) return false
  if (bk === wordAt(words, own + BK_NEXTSIZE) + OVERLAP) return false
  if (onlyLooking) return true
  if ((words[heir] | words[heir + 1]) !== 0) {
    copyWord(words, below + SECOND, own + BK_NEXTSIZE)
    copyWord(words, above, own + FD_NEXTSIZE)
  } else if (smaller === p) {
    copyWord(words, heir, own + FD)
    copyWord(words, heir + SECOND, own + FD)
  } else {
    copyWord(words, heir, own + FD_NEXTSIZE)
    copyWord(words, heir + SECOND, own + BK_NEXTSIZE)
    copyWord(words, below + SECOND, own + FD)
    copyWord(words, above, own + FD)
  }
  return true
}

/** Puts a chunk that is on no list into its bin; false if that isn't simple. */
export function putIntoBinQuickly(
  env: MallocEnv,
  victim: number,
  size: number,
  bin: number,
  index: number,
): boolean {
  const { words } = env
  const own = locateChunk(env, victim, victim | 0)
  const ends = locatePair(env, bin + LINKS, (bin + LINKS) | 0)
  const mapVa = env.mainArena + BINMAP_OFFSET + 4 * (index >> 5)
  const map = env.locateWritable(mapVa, mapVa | 0)
  if (own < 0 || ends < 0 || map < 0) return false
  if (size < MIN_LARGE_SIZE) {
    const ahead = followToPair(env, ends, LINKS)
    if (ahead < 0) return false
    linkBetween(words, victim, own, wordAt(words, ends), ahead, bin, ends)
  } else if (wordAt(words, ends) === bin) {
    setWord(words, own + FD_NEXTSIZE, victim)
    setWord(words, own + BK_NEXTSIZE, victim)
    linkBetween(words, victim, own, bin, ends, bin, ends)
  } else if (!putBySize(env, victim, own, size, bin, ends)) {
    return false
  }
  words[map] |= 1 << (index & 31)
  return true
}

function linkBetween(
  words: Int32Array,
  victim: number,
  own: number,
  forward: number,
  ahead: number,
  back: number,
  behind: number,
): void {
  setWord(words, own + BK, back)
  setWord(words, own + FD, forward)
  setWord(words, ahead + SECOND, victim)
  setWord(words, behind, victim)
}

/** Puts a chunk into a large bin that isn't empty. */
function putBySize(
  env: MallocEnv,
  victim: number,
  own: number,
  size: number,
  bin: number,
  ends: number,
): boolean {
  const { words } = env
  const last = followToChunk(env, ends + SECOND)
  if (last < 0) return false
  const head = size + 1 // as all in a bin have it
  const lastHead = headAt(words, last)
  const smallest = head < lastHead
  // The first that isn't larger; if all are, the very first.
  let link = ends
  let at = followToChunk(env, link)
  if (lastHead === 0 || at < 0) return false
  let nextHead = headAt(words, at)
  for (let steps = 0; !smallest && head < nextHead; steps++) {
    link = at + FD_NEXTSIZE
    at = followToChunk(env, link)
    if (at < 0 || steps > MAX_QUICK_STEPS) return false
    nextHead = headAt(words, at)
  }
  if (nextHead === 0) return false
  const next = wordAt(words, link)
  const equal = !smallest && head === nextHead
  const forward = smallest ? bin : equal ? wordAt(words, at + FD) : next
  const ahead = locatePair(env, forward + LINKS, (forward + LINKS) | 0)
  if (ahead < 0) return false
  const back = wordAt(words, ahead + SECOND)
  const behind = followToPair(env, ahead + SECOND, LINKS)
  if (behind < 0 || wordAt(words, behind) !== forward) return false
  if (!equal) {
    const larger = wordAt(words, at + BK_NEXTSIZE)
    const above = followToPair(env, at + BK_NEXTSIZE, SIZE_LINKS)
    if (above < 0 || wordAt(words, above) !== next || larger === victim) return false
    if (forward === victim + OVERLAP || forward === larger + OVERLAP) return false
    if (back === victim + OVERLAP || back === larger + OVERLAP || back === next + OVERLAP)
      return false
    setWord(words, own + FD_NEXTSIZE, next)
    copyWord(words, own + BK_NEXTSIZE, at + BK_NEXTSIZE)
    setWord(words, at + BK_NEXTSIZE, victim)
    setWord(words, above, victim)
  }
  linkBetween(words, victim, own, forward, ahead, back, behind)
  return true
}

/**
 * Takes the last chunk off the unsorted list, for it to be put into its bin: its size. 0 if that isn't simple, or if it may
 * serve a request of nb itself.
 */
export function takeUnsortedQuickly(env: MallocEnv, victim: number, nb: number): number {
  const { words } = env
  const lists = env.locateLists()
  const variables = env.locateVariables()
  const low = victim | 0
  const own = locateChunk(env, victim, low)
  if (lists < 0 || variables < 0 || own < 0) return 0
  const size = headAt(words, own) & ~7
  const limit = words[variables + SYSTEM_MEM + 1] === 0 ? words[variables + SYSTEM_MEM] : -1
  if (size <= 16 || size === nb || size > limit) return 0
  const next = locatePair(env, victim + size, (low + size) | 0)
  if (next < 0 || (words[next] & ~7) !== size || words[next + 1] !== 0) return 0
  const nextHead = words[next + SIZE]
  if (words[next + SIZE + 1] !== 0 || (nextHead & 1) !== 0 || nextHead < 16 || nextHead > limit)
    return 0
  const unsorted = env.mainArena + 4 * TOP
  const behind = followToPair(env, own + BK, LINKS)
  if (behind < 0 || wordAt(words, behind) !== victim) return 0
  if (wordAt(words, own + FD) !== unsorted) return 0
  if (
    nb < MIN_LARGE_SIZE &&
    size > nb + 32 &&
    wordAt(words, own + BK) === unsorted &&
    wordAt(words, lists + LAST_REMAINDER) === victim
  )
    return 0
  copyWord(words, lists + UNSORTED_BK, own + BK)
  setWord(words, behind, unsorted)
  return size
}

/** Takes the last chunk, of size nb, out of a small bin: its address, 0 if that isn't simple or there is none. */
export function takeSmallQuickly(env: MallocEnv, nb: number, bin: number): number {
  const { words } = env
  const ends = locatePair(env, bin + LINKS, (bin + LINKS) | 0)
  if (ends < 0) return 0
  const low = words[ends + SECOND]
  const victim = wordAt(words, ends + SECOND)
  if (victim === bin) return 0
  const own = locatePair(env, victim + LINKS, (low + LINKS) | 0)
  const next = locatePair(env, victim + nb, (low + nb) | 0)
  if (own < 0 || next < 0) return 0
  const behind = followToPair(env, own + SECOND, LINKS)
  if (behind < 0 || wordAt(words, behind) !== victim) return 0
  words[next + SIZE] |= 1
  copyWord(words, ends + SECOND, own + SECOND)
  setWord(words, behind, bin)
  return victim
}

/** Makes a chunk of this size that is on no list the first unsorted one; false if that isn't simple. */
export function addUnsortedQuickly(env: MallocEnv, p: number, size: number): boolean {
  const { words } = env
  const lists = env.locateLists()
  const low = p | 0
  const own = locateChunk(env, p, low)
  const foot = locatePair(env, p + size, (low + size) | 0)
  if (lists < 0 || own < 0 || foot < 0) return false
  const unsorted = env.mainArena + 4 * TOP
  const ahead = followToPair(env, lists + UNSORTED_FD, LINKS)
  if (ahead < 0 || wordAt(words, ahead + SECOND) !== unsorted) return false
  setWord(words, own + BK, unsorted)
  copyWord(words, own + FD, lists + UNSORTED_FD)
  setWord(words, lists + UNSORTED_FD, p)
  setWord(words, ahead + SECOND, p)
  if (size >= MIN_LARGE_SIZE) clearNextsizes(words, own)
  setWord(words, own + SIZE, size + 1)
  setWord(words, foot, size)
  return true
}

/** The smallest chunk of a large bin that isn't below nb, of equal ones the second; 0 if that isn't simple to say. */
export function bestFitQuickly(env: MallocEnv, nb: number, bin: number): number {
  const { words } = env
  const ends = locatePair(env, bin + LINKS, (bin + LINKS) | 0)
  if (ends < 0 || wordAt(words, ends) === bin) return 0
  let link = ends
  let at = followToChunk(env, link)
  if (at < 0 || headAt(words, at) < nb) return 0
  let head = 0
  for (let steps = 0; head < nb; steps++) {
    link = at + BK_NEXTSIZE
    at = followToChunk(env, link)
    if (at < 0 || steps > MAX_QUICK_STEPS) return 0
    head = headAt(words, at)
    if (head === 0) return 0
  }
  const victim = wordAt(words, link)
  if (victim === wordAt(words, ends + SECOND)) return victim
  const second = followToChunk(env, at + FD)
  if (second < 0) return 0
  return words[second + SIZE] === head && words[second + SIZE + 1] === 0
    ? wordAt(words, at + FD)
    : victim
}
