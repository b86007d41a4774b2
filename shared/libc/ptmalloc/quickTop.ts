// Two more common cases with few accesses, for 64 bits and 2.36 (see quick.ts): a block cut off the top chunk because all
// lists that could serve it are empty, and a freed chunk that is merged with its neighbours. First everything that
// is needed is looked up and checked; then it is changed. Whatever is unusual is left to the plain way.

import { binAt, largebinIndex } from './bins.ts'
import { highHalf, joinHalves, type MallocEnv } from './env.ts'

const PAGE_MASK = 4095 // as in quick.ts
const ROOM = 48 // bytes of a chunk's fields: they must not cross a page boundary

// Fields of main_arena in words of 4 bytes.
const FLAGS = 0x4 >> 2
const HAVE_FASTCHUNKS = 0x8 >> 2
const FASTBINS = 0x10 >> 2
const TOP = 0x60 >> 2
const UNSORTED_FD = 0x70 >> 2
const UNSORTED_BK = 0x78 >> 2
const FIRST_PART = 0x80 // bytes of the fields up to here
const BINMAP = 0x860
const SYSTEM_MEM = (0x888 - BINMAP) >> 2

// Fields of a chunk.
const SIZE = 2
const FD = 4
const BK = 6
const FD_NEXTSIZE = 8

const MAX_FAST_SIZE = 0xb0
const MIN_LARGE_SIZE = 1024

function wordAt(words: Int32Array, index: number): number {
  const low = words[index]
  const high = words[index + 1]
  return high === 0 && low >= 0 ? low : joinHalves(low, high)
}

function setWord(words: Int32Array, index: number, value: number): void {
  words[index] = value | 0
  words[index + 1] = value >= 0 && value <= 0x7fff_ffff ? 0 : highHalf(value)
}

/** Index of the fields of main_arena from its start on, -1 if they can't be had at once. */
function locateLists(env: MallocEnv): number {
  return (env.mainArena & PAGE_MASK) > PAGE_MASK + 1 - FIRST_PART
    ? -1
    : env.locateWritable(env.mainArena)
}

/** Index of binmap; system_mem, mp_ and the variables follow. */
function locateRest(env: MallocEnv): number {
  const va = env.mainArena + BINMAP
  return (va & PAGE_MASK) + env.flavour.dataSize - BINMAP > PAGE_MASK ? -1 : env.locateWritable(va)
}

/** Index of a chunk's fields. */
function locateChunk(env: MallocEnv, p: number): number {
  return (p & PAGE_MASK) > PAGE_MASK + 1 - ROOM || (p & 7) !== 0 ? -1 : env.locateWritable(p)
}

function variable(env: MallocEnv, rest: number, offset: number): number {
  return rest + ((offset - BINMAP) >> 2)
}

/** A chunk of size nb off the top chunk: the user's pointer, 0 if that isn't simple. */
export function splitTopQuickly(env: MallocEnv, nb: number): number {
  const { words } = env
  const { par } = env.flavour
  const lists = locateLists(env)
  if (lists < 0) return 0
  const rest = locateRest(env)
  if (rest < 0) return 0
  const unsorted = env.mainArena + 0x60
  if (wordAt(words, lists + UNSORTED_BK) !== unsorted) return 0
  if (words[variable(env, rest, par.perturbByte)] !== 0) return 0
  if (wordAt(words, variable(env, rest, par.tcache)) === 0) return 0
  if (nb < MIN_LARGE_SIZE) {
    if (nb <= MAX_FAST_SIZE && wordAt(words, lists + FASTBINS + (nb >> 3) - 4) !== 0) return 0
  } else if (words[lists + HAVE_FASTCHUNKS] !== 0) {
    return 0
  }
  // All larger bins; a bit may be set though a bin is empty. The request's own bin is looked at itself.
  const index = nb < MIN_LARGE_SIZE ? nb >> 4 : largebinIndex(env, nb)
  let block = index >> 5
  if ((words[rest + block] & (-1 << (index & 31))) !== 0) return 0
  while (++block < 4) if (words[rest + block] !== 0) return 0
  const bin = binAt(env, env.mainArena, index)
  const links = env.locate(bin + (nb < MIN_LARGE_SIZE ? 24 : 16))
  if (links < 0 || wordAt(words, links) !== bin) return 0

  const top = wordAt(words, lists + TOP)
  const old = locateChunk(env, top)
  if (old < 0) return 0
  const head = words[old + SIZE]
  const size = head & ~7
  if (words[old + SIZE + 1] !== 0 || size < nb + 32) return 0
  if (words[rest + SYSTEM_MEM + 1] !== 0 || size > words[rest + SYSTEM_MEM]) return 0
  const fresh = locateChunk(env, top + nb)
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
  const { par } = env.flavour
  const p = mem - 16
  const own = (p & 15) === 0 ? locateChunk(env, p) : -1
  if (own < 0) return 0
  const head = words[own + SIZE]
  const size = head & ~7
  if (words[own + SIZE + 1] !== 0 || size < 32 || (head & 14) !== 0) return 0
  const lists = locateLists(env)
  const rest = locateRest(env)
  if (lists < 0 || rest < 0) return 0
  const table = wordAt(words, variable(env, rest, par.tcache))
  if (table === 0) return 0
  const index = (size - 32) >> 4
  if (index < words[variable(env, rest, par.tcacheBins)]) {
    const counts = env.locate(table + 4 * (index >> 1))
    if (counts < 0 || words[own + BK] === words[variable(env, rest, par.tcacheKey)]) return 0
    const count = (words[counts] >>> ((index & 1) * 16)) & 0xffff
    if (count < words[variable(env, rest, par.tcacheCount)]) return 0
  }
  if (size > words[variable(env, rest, par.globalMaxFast)]) {
    return merge(env, p, size, own, lists, rest)
  }
  const limit = words[rest + SYSTEM_MEM + 1] === 0 ? words[rest + SYSTEM_MEM] : -1
  const perturbed = words[variable(env, rest, par.perturbByte)] !== 0
  const next = locateChunk(env, p + size)
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
  const { words } = env
  const { par } = env.flavour
  const lists = locateLists(env)
  if (lists < 0 || words[lists + HAVE_FASTCHUNKS] !== 0) return false
  const top = locateChunk(env, wordAt(words, lists + TOP))
  if (top < 0 || words[top + SIZE + 1] !== 0) return false
  const topSize = words[top + SIZE] & ~7
  const rest = locateRest(env)
  if (rest < 0) return false
  const pad = wordAt(words, variable(env, rest, par.topPad))
  const area = topSize - 33
  return area >= 0 && pad >= 0 && area < pad + env.pageSize
}

/**
 * Merges a freed chunk, whose own size has been checked, with its neighbours. The size that came of it, 0 if that isn't
 * simple.
 */
export function mergeQuickly(env: MallocEnv, p: number, size: number): number {
  const lists = locateLists(env)
  const rest = locateRest(env)
  const own = locateChunk(env, p)
  if (lists < 0 || rest < 0 || own < 0) return 0
  return merge(env, p, size, own, lists, rest)
}

function merge(
  env: MallocEnv,
  p: number,
  size: number,
  own: number,
  lists: number,
  rest: number,
): number {
  const { words } = env
  const limit = words[rest + SYSTEM_MEM + 1] === 0 ? words[rest + SYSTEM_MEM] : -1
  if ((words[lists + FLAGS] & 2) !== 0) return 0
  if (words[variable(env, rest, env.flavour.par.perturbByte)] !== 0) return 0
  const next = p + size
  const top = wordAt(words, lists + TOP)
  const nextAt = locateChunk(env, next)
  if (nextAt < 0 || p >= top || next > top) return 0
  // The plain way looks at the top chunk's size, too: so the page has to be there.
  const topSizeAt = env.locate(top + 8)
  if (topSizeAt < 0 || words[topSizeAt + 1] !== 0 || words[topSizeAt] < 16) return 0
  const nextHead = words[nextAt + SIZE]
  const nextSize = nextHead & ~7
  if ((nextHead & 1) === 0 || words[nextAt + SIZE + 1] !== 0 || nextSize <= 16 || nextSize >= limit)
    return 0
  const unsorted = env.mainArena + 0x60
  let first = wordAt(words, lists + UNSORTED_FD)

  // The chunk before, if it is free.
  let start = p
  let startAt = own
  let total = size
  const before = (words[own + SIZE] & 1) === 0
  let beforeFd = 0
  let beforeBk = 0
  if (before) {
    const beforeSize = words[own]
    start = p - beforeSize
    if (words[own + 1] !== 0 || beforeSize <= 16) return 0
    startAt = locateChunk(env, start)
    if (startAt < 0) return 0
    if (!isSimplyLinked(words, startAt, beforeSize)) return 0
    beforeFd = wordAt(words, startAt + FD)
    beforeBk = wordAt(words, startAt + BK)
    if (!linksAgree(env, start, beforeFd, beforeBk)) return 0
    if (first === start) first = beforeFd
    total += beforeSize
  }
  if (next === top) {
    if (before) unlinkQuickly(env, beforeFd, beforeBk)
    total += nextSize
    setWord(words, startAt + SIZE, total + 1)
    setWord(words, lists + TOP, start)
    return total
  }

  // The chunk behind, if it is free.
  const behind = env.locate(next + nextSize + 8)
  if (behind < 0) return 0
  const nextFree = (words[behind] & 1) === 0
  let nextFd = 0
  let nextBk = 0
  if (nextFree) {
    if (
      ((next + nextSize) & PAGE_MASK) === 0 ||
      words[behind - 2] !== nextSize ||
      words[behind - 1] !== 0
    )
      return 0
    if (!isSimplyLinked(words, nextAt, nextSize)) return 0
    nextFd = wordAt(words, nextAt + FD)
    nextBk = wordAt(words, nextAt + BK)
    if (nextFd === start || nextBk === start || !linksAgree(env, next, nextFd, nextBk)) return 0
    if (first === next) first = nextFd
    if (first === start) return 0
    total += nextSize
  }
  const firstAt = env.locateWritable(first + 24)
  const foot = env.locateWritable(start + total)
  if (firstAt < 0 || foot < 0) return 0
  if (first === wordAt(words, lists + UNSORTED_FD) && wordAt(words, firstAt) !== unsorted) return 0

  if (before) unlinkQuickly(env, beforeFd, beforeBk)
  if (nextFree) unlinkQuickly(env, nextFd, nextBk)
  else words[nextAt + SIZE] = nextHead & ~1
  setWord(words, firstAt, start)
  setWord(words, lists + UNSORTED_FD, start)
  setWord(words, startAt + FD, first)
  setWord(words, startAt + BK, unsorted)
  if (total >= MIN_LARGE_SIZE) clearNextsizes(words, startAt)
  setWord(words, startAt + SIZE, total + 1)
  setWord(words, foot, total)
  return total
}

function clearNextsizes(words: Int32Array, at: number): void {
  words[at + FD_NEXTSIZE] = 0
  words[at + FD_NEXTSIZE + 1] = 0
  words[at + FD_NEXTSIZE + 2] = 0
  words[at + FD_NEXTSIZE + 3] = 0
}

/** Has the free chunk this size, and no links to other sizes? */
function isSimplyLinked(words: Int32Array, at: number, size: number): boolean {
  if ((words[at + SIZE] & ~7) !== size || words[at + SIZE + 1] !== 0) return false
  return size < MIN_LARGE_SIZE || (words[at + FD_NEXTSIZE] | words[at + FD_NEXTSIZE + 1]) === 0
}

/** fd->bk and bk->fd are this chunk, and can be written. */
function linksAgree(env: MallocEnv, p: number, fd: number, bk: number): boolean {
  const { words } = env
  const bkOfFd = env.locateWritable(fd + 24)
  if (bkOfFd < 0 || wordAt(words, bkOfFd) !== p || (fd & 7) !== 0) return false
  const fdOfBk = env.locateWritable(bk + 16)
  return fdOfBk >= 0 && wordAt(words, fdOfBk) === p && (bk & 7) === 0
}

/** Closes the list over a chunk; linksAgree() has looked up both sides. */
function unlinkQuickly(env: MallocEnv, fd: number, bk: number): void {
  const { words } = env
  const bkOfFd = env.locateWritable(fd + 24)
  setWord(words, bkOfFd, bk)
  const fdOfBk = env.locateWritable(bk + 16)
  setWord(words, fdOfBk, fd)
}
