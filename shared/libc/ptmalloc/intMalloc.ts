// Finding a chunk for a request (_int_malloc), in this order:
//
//   its fast bin            the chunk freed last
//   its small bin           the chunk that has waited longest
//   the unsorted list       an exact fit; whatever else is passed goes into its bin
//   larger bins             the smallest chunk that fits, cut to size
//   the top chunk
//   the system              sysmalloc.ts
//
// On the way chunks of the size asked for move to the thread cache, if it has room for them.

import {
  allocPerturb,
  globalMaxFast,
  lastRemainder,
  setLastRemainder,
  setTop,
  systemMem,
  topOf,
} from './arena.ts'
import { CHUNK_IS_LARGE_ENOUGH, UNLINK_BINMAP, UNLINK_LARGE } from './assertions.ts'
import {
  binAt,
  binIndex,
  binmapOf,
  clearNextsize,
  fastbinAt,
  fastbinIndex,
  firstOf,
  haveFastchunks,
  inSmallbinRange,
  largebinIndex,
  lastOf,
  markBin,
  setBinmap,
  setFirst,
  setLast,
  smallbinIndex,
  unlinkChunk,
  UNSORTED,
  unsortedChunks,
} from './bins.ts'
import {
  bkOf,
  chunkSize,
  fdOf,
  flagsOfHead,
  headLow,
  headOf,
  memOf,
  NON_MAIN_ARENA,
  PREV_INUSE,
  prevSize,
  requestToSize,
  setBk,
  setFd,
  setFoot,
  setHead,
  setInuseAt,
  setNonMainArena,
  SIZE_BITS,
  sizeOfHead,
} from './chunk.ts'
import { at, isQuick, ult, word, type MallocEnv } from './env.ts'
import { BINMAP_WORDS } from './flavour.ts'
import { mallocConsolidate } from './intFree.ts'
import { bestFit, findPlaceInLargebin } from './largebin.ts'
import { assertFailed, mallocPrinterr } from './printerr.ts'
import {
  addUnsortedQuickly,
  putIntoBinQuickly,
  takeSmallQuickly,
  takeUnsortedQuickly,
} from './quickBins.ts'
import { sysmalloc } from './sysmalloc.ts'
import {
  revealPtrTo,
  tcacheBins,
  tcacheGet,
  tcacheHasRoom,
  tcacheIndex,
  tcacheOf,
  tcachePut,
} from './tcache.ts'
import { ENOMEM } from '../../lib/errno.ts'

const MAX_ITERS = 10000

// What a step of the search found: a user's pointer, or one of these.
const NOTHING = 0
const FAILED = -1 // 2.13: the heap is damaged, the request fails
const CACHED = -2 // the thread cache has it now

/** A block of at least `bytes` bytes from the arena; 0 if there is no memory. */
export function intMalloc(env: MallocEnv, av: number, bytes: number): number {
  const nb = requestToSize(env, bytes)
  if (nb === -1) {
    env.setErrno(ENOMEM)
    return 0
  }
  const mem = mallocChunk(env, av, nb)
  if (mem !== 0) allocPerturb(env, mem, bytes)
  return mem
}

/** The same for a chunk of size nb, whose bytes stay as they are. */
export function mallocChunk(env: MallocEnv, av: number, nb: number): number {
  const mem = findBlock(env, av, nb)
  if (mem === FAILED) return 0
  return mem === CACHED ? tcacheGet(env, tcacheOf(env), tcacheIndex(env, nb)) : mem
}

function findBlock(env: MallocEnv, av: number, nb: number): number {
  if (!ult(globalMaxFast(env), nb)) {
    const mem = takeFromFastbin(env, av, nb)
    if (mem !== NOTHING) return mem
  }
  if (inSmallbinRange(env, nb)) {
    const mem = takeFromSmallbin(env, av, nb)
    if (mem !== NOTHING) return mem
  } else if (haveFastchunks(env, av)) {
    mallocConsolidate(env, av)
  }
  for (let rounds = 0; ; rounds++) {
    if (rounds > 2 * MAX_ITERS) env.endless()
    const mem = searchBins(env, av, nb)
    if (mem !== NOTHING) return mem
    const top = topOf(env, av)
    const size = chunkSize(env, top)
    if (env.flavour.hardened && ult(systemMem(env, av), size)) {
      mallocPrinterr(env, 'malloc(): corrupted top size', top)
    }
    if (!ult(size, word(env, nb + env.flavour.minSize))) {
      const remainder = at(env, top, nb)
      setTop(env, av, remainder)
      setHead(env, top, nb + PREV_INUSE + arenaFlag(env, av))
      setHead(env, remainder, word(env, size - nb + PREV_INUSE))
      return memOf(env, top)
    }
    if (!haveFastchunks(env, av)) return sysmalloc(env, nb, av)
    mallocConsolidate(env, av)
  }
}

function arenaFlag(env: MallocEnv, av: number): number {
  return av === env.mainArena ? 0 : NON_MAIN_ARENA
}

/** The thread cache's list for chunks of this size, -1 if the cache is not for them. */
function cacheIndexFor(env: MallocEnv, table: number, nb: number): number {
  if (table === 0) return -1
  const index = tcacheIndex(env, nb)
  return ult(index, tcacheBins(env)) ? index : -1
}

function takeFromFastbin(env: MallocEnv, av: number, nb: number): number {
  const { alignMask, header, hardened } = env.flavour
  const index = fastbinIndex(env, nb)
  const fb = fastbinAt(env, av, index)
  const low = env.load32(fb)
  const victim = env.load(fb)
  if (victim === 0) return NOTHING
  if (hardened && ((low + header) & alignMask) !== 0) {
    mallocPrinterr(env, 'malloc(): unaligned fastbin chunk detected 2', 0)
  }
  if (hardened) popFastbin(env, fb, victim)
  if (fastbinIndex(env, headLow(env, victim) & ~SIZE_BITS) !== index) {
    mallocPrinterr(env, 'malloc(): memory corruption (fast)', memOf(env, victim))
    return FAILED
  }
  if (!hardened) popFastbin(env, fb, victim)
  if (env.flavour.tcache) stashFastbin(env, fb, nb)
  return memOf(env, victim)
}

function popFastbin(env: MallocEnv, fb: number, victim: number): void {
  const link = memOf(env, victim)
  if (env.flavour.safeLinking) revealPtrTo(env, fb, link)
  else env.store(fb, env.load(link))
}

/** The others of the list move to the thread cache. */
function stashFastbin(env: MallocEnv, fb: number, nb: number): void {
  const { alignMask, header } = env.flavour
  const table = tcacheOf(env)
  const index = cacheIndexFor(env, table, nb)
  if (index < 0) return
  while (tcacheHasRoom(env, table, index)) {
    const low = env.load32(fb)
    const victim = env.load(fb)
    if (victim === 0) return
    if (((low + header) & alignMask) !== 0) {
      mallocPrinterr(env, 'malloc(): unaligned fastbin chunk detected 3', 0)
    }
    popFastbin(env, fb, victim)
    tcachePut(env, table, victim, index)
  }
}

function takeFromSmallbin(env: MallocEnv, av: number, nb: number): number {
  const own = smallbinIndex(env, nb)
  const bin = binAt(env, av, own)
  const quick = isQuick(env, av) ? takeSmallQuickly(env, nb, bin) : 0
  if (quick !== 0) {
    stashSmallbin(env, av, own, nb)
    return memOf(env, quick)
  }
  const victim = lastOf(env, av, own)
  if (victim === bin) return NOTHING
  if (victim === 0 && !env.flavour.hardened) {
    mallocConsolidate(env, av) // 2.13: the arena is still all zeros
    return NOTHING
  }
  const before = bkOf(env, victim)
  if (fdOf(env, before) !== victim) {
    mallocPrinterr(env, 'malloc(): smallbin double linked list corrupted', memOf(env, victim))
    return FAILED
  }
  setInuseAt(env, victim, nb)
  setLast(env, av, own, before)
  setFd(env, before, bin)
  if (av !== env.mainArena) setNonMainArena(env, victim)
  if (env.flavour.tcache) stashSmallbin(env, av, own, nb)
  return memOf(env, victim)
}

/** The others of the bin move to the thread cache, oldest first. */
function stashSmallbin(env: MallocEnv, av: number, own: number, nb: number): void {
  const bin = binAt(env, av, own)
  const table = tcacheOf(env)
  const index = cacheIndexFor(env, table, nb)
  if (index < 0) return
  while (tcacheHasRoom(env, table, index)) {
    let victim = isQuick(env, av) ? takeSmallQuickly(env, nb, bin) : 0
    if (victim === 0) {
      victim = lastOf(env, av, own)
      if (victim === bin) return
      if (victim === 0) env.endless()
      const before = bkOf(env, victim)
      setInuseAt(env, victim, nb)
      setLast(env, av, own, before)
      setFd(env, before, bin)
    }
    tcachePut(env, table, victim, index)
  }
}

/** Unsorted list, the bin of this size, then larger bins. */
function searchBins(env: MallocEnv, av: number, nb: number): number {
  const mem = sortUnsorted(env, av, nb)
  if (mem !== NOTHING) return mem
  if (inSmallbinRange(env, nb)) return searchLargerBins(env, av, nb, smallbinIndex(env, nb))
  const index = largebinIndex(env, nb)
  const fit = searchLargebin(env, av, nb, index)
  return fit !== NOTHING ? fit : searchLargerBins(env, av, nb, index)
}

function sortUnsorted(env: MallocEnv, av: number, nb: number): number {
  const unsorted = unsortedChunks(env, av)
  let sorted = isQuick(env, av) ? sortSimpleOnes(env, av, nb) : 0
  let victim = lastOf(env, av, UNSORTED)
  if (victim === unsorted) return NOTHING
  const table = env.flavour.tcache ? tcacheOf(env) : 0
  const index = cacheIndexFor(env, table, nb)
  const limit = env.loadOwn(env.flavour.par.tcacheUnsortedLimit)
  let cached = false
  while (sorted < MAX_ITERS && victim !== unsorted) {
    const before = bkOf(env, victim)
    const size = checkUnsorted(env, av, victim, before)
    if (
      before === unsorted &&
      inSmallbinRange(env, nb) &&
      victim === lastRemainder(env, av) &&
      ult(word(env, nb + env.flavour.minSize), size)
    ) {
      return splitLastRemainder(env, av, victim, size, nb)
    }
    setLast(env, av, UNSORTED, before)
    setFd(env, before, unsorted)
    if (size === nb) {
      setInuseAt(env, victim, size)
      if (av !== env.mainArena) setNonMainArena(env, victim)
      if (index < 0 || !tcacheHasRoom(env, table, index)) return memOf(env, victim)
      tcachePut(env, table, victim, index)
      cached = true
    } else {
      putIntoBin(env, av, victim, size)
      sorted++
      if (cached && limit !== 0 && ult(limit, sorted)) break
    }
    victim = lastOf(env, av, UNSORTED)
  }
  return cached ? CACHED : NOTHING
}

/** The quick way, until a chunk comes that it is not for or that may serve the request. How many it has put into bins. */
function sortSimpleOnes(env: MallocEnv, av: number, nb: number): number {
  const unsorted = unsortedChunks(env, av)
  let sorted = 0
  for (; sorted < MAX_ITERS; sorted++) {
    const victim = lastOf(env, av, UNSORTED)
    const size = victim === unsorted ? 0 : takeUnsortedQuickly(env, victim, nb)
    if (size === 0) break
    putIntoBin(env, av, victim, size)
  }
  return sorted
}

/** The size of an unsorted chunk, if all is as it should be. */
function checkUnsorted(env: MallocEnv, av: number, victim: number, before: number): number {
  const { header, hardened } = env.flavour
  const limit = systemMem(env, av)
  const head = headOf(env, victim)
  const size = sizeOfHead(head)
  if (!hardened) {
    if (!ult(header, head) || ult(limit, head)) {
      mallocPrinterr(env, 'malloc(): memory corruption', memOf(env, victim))
    }
    return size
  }
  if (!ult(header, size) || ult(limit, size)) {
    mallocPrinterr(env, 'malloc(): invalid size (unsorted)', 0)
  }
  const next = at(env, victim, size)
  const nextHead = headOf(env, next)
  if (ult(nextHead, header) || ult(limit, nextHead)) {
    mallocPrinterr(env, 'malloc(): invalid next size (unsorted)', 0)
  }
  if (sizeOfHead(prevSize(env, next)) !== size) {
    mallocPrinterr(env, 'malloc(): mismatching next->prev_size (unsorted)', 0)
  }
  if (fdOf(env, before) !== victim || fdOf(env, victim) !== unsortedChunks(env, av)) {
    mallocPrinterr(env, 'malloc(): unsorted double linked list corrupted', 0)
  }
  if ((flagsOfHead(env, next, nextHead) & PREV_INUSE) !== 0) {
    mallocPrinterr(env, 'malloc(): invalid next->prev_inuse (unsorted)', 0)
  }
  return size
}

/** Small requests in a row are cut from one chunk, so that they lie side by side. */
function splitLastRemainder(
  env: MallocEnv,
  av: number,
  victim: number,
  size: number,
  nb: number,
): number {
  const unsorted = unsortedChunks(env, av)
  const remainder = at(env, victim, nb)
  setLast(env, av, UNSORTED, remainder)
  setFirst(env, av, UNSORTED, remainder)
  setLastRemainder(env, av, remainder)
  setBk(env, remainder, unsorted)
  setFd(env, remainder, unsorted)
  clearNextsize(env, remainder, size - nb)
  setHead(env, victim, nb + PREV_INUSE + arenaFlag(env, av))
  setHead(env, remainder, size - nb + PREV_INUSE)
  setFoot(env, remainder, size - nb)
  return memOf(env, victim)
}

/** Puts an unsorted chunk where its size belongs. */
function putIntoBin(env: MallocEnv, av: number, victim: number, size: number): void {
  const index = binIndex(env, size)
  const bin = binAt(env, av, index)
  if (isQuick(env, av) && putIntoBinQuickly(env, victim, size, bin, index)) return
  let forward = firstOf(env, av, index)
  let back = bin
  if (!inSmallbinRange(env, size)) {
    const empty = forward === bin
    forward = findPlaceInLargebin(env, av, index, forward, victim, size)
    if (!empty) back = bkOf(env, forward)
  }
  markBin(env, av, index)
  setBk(env, victim, back)
  setFd(env, victim, forward)
  setBk(env, forward, victim)
  setFd(env, back, victim)
}

/** The chunk of the request's own large bin that fits best. */
function searchLargebin(env: MallocEnv, av: number, nb: number, index: number): number {
  const victim = bestFit(env, av, nb, index)
  if (victim === NOTHING) return NOTHING
  const size = chunkSize(env, victim)
  unlinkChunk(env, victim, UNLINK_LARGE)
  return cutChunk(env, av, victim, size, nb, false)
}

/** The first chunk from the back of the next bin that isn't empty. */
function searchLargerBins(env: MallocEnv, av: number, nb: number, ownIndex: number): number {
  let index = ownIndex + 1
  let block = index >> 5
  let map = binmapOf(env, av, block) & (-1 << (index & 31))
  for (;;) {
    while (map === 0) {
      if (++block >= BINMAP_WORDS) return NOTHING
      map = binmapOf(env, av, block)
    }
    const bit = map & -map
    index = block * 32 + 31 - Math.clz32(bit)
    const bin = binAt(env, av, index)
    const victim = lastOf(env, av, index)
    if (victim !== bin) {
      const size = chunkSize(env, victim)
      if (ult(size, nb)) assertFailed(env, CHUNK_IS_LARGE_ENOUGH)
      unlinkChunk(env, victim, UNLINK_BINMAP)
      return cutChunk(env, av, victim, size, nb, true)
    }
    // A false alarm: the bin is empty. Bits are cleared only here.
    setBinmap(env, av, block, binmapOf(env, av, block) & ~bit)
    map &= ~bit
  }
}

/** Cuts the block off a chunk that was taken from its bin; the rest becomes the first unsorted chunk. */
function cutChunk(
  env: MallocEnv,
  av: number,
  victim: number,
  size: number,
  nb: number,
  byBinmap: boolean,
): number {
  const rest = size - nb
  if (rest < env.flavour.minSize) {
    setInuseAt(env, victim, size)
    if (av !== env.mainArena) setNonMainArena(env, victim)
    return memOf(env, victim)
  }
  const remainder = at(env, victim, nb)
  if (isQuick(env, av) && addUnsortedQuickly(env, remainder, rest)) {
    if (byBinmap && inSmallbinRange(env, nb)) setLastRemainder(env, av, remainder)
    setHead(env, victim, nb + PREV_INUSE)
    return memOf(env, victim)
  }
  const unsorted = unsortedChunks(env, av)
  const first = firstOf(env, av, UNSORTED)
  if (bkOf(env, first) !== unsorted) {
    const text = `malloc(): corrupted unsorted chunks${byBinmap ? ' 2' : ''}`
    mallocPrinterr(env, text, memOf(env, victim))
    return FAILED
  }
  setBk(env, remainder, unsorted)
  setFd(env, remainder, first)
  setFirst(env, av, UNSORTED, remainder)
  setBk(env, first, remainder)
  if (byBinmap && inSmallbinRange(env, nb)) {
    setLastRemainder(env, av, remainder)
  }
  clearNextsize(env, remainder, rest)
  setHead(env, victim, nb + PREV_INUSE + arenaFlag(env, av))
  setHead(env, remainder, rest + PREV_INUSE)
  setFoot(env, remainder, rest)
  return memOf(env, victim)
}
