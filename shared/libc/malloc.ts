// malloc, as a program calls it: glibc's ptmalloc with one thread, on the bytes of the process. The functions bear
// glibc's names; ptmalloc/ holds the works. Read flavour.ts, env.ts and chunk.ts there first.
//
// Modelled on malloc/malloc.c, arena.c and malloc-check.c (2.36), hooks.c (2.13). Left out: several threads, huge
// pages, memory tagging, malloc_info, mcheck, mtrace.

import { EINVAL, ENOMEM } from '../lib/errno.ts'
import { isInitialized, perturbByte, ptmallocInit, topOf } from './ptmalloc/arena.ts'
import { CALLOC_OWNER, MALLOC_OWNER, MEMALIGN_OWNER, REALLOC_OWNER } from './ptmalloc/assertions.ts'
import { haveFastchunks } from './ptmalloc/bins.ts'
import {
  freeCheck,
  mallocCheck,
  mallocCheckGetSize,
  memalignCheck,
  reallocCheck,
} from './ptmalloc/check.ts'
import {
  arenaForChunk,
  checkOwner,
  chunkOf,
  chunkSize,
  headOf,
  inuse,
  isMisaligned,
  isMmapped,
  memOf,
  memsize,
  requestToSize,
  wrapsAround,
} from './ptmalloc/chunk.ts'
import { argument, exactArgument, ult, type MallocEnv, type Size } from './ptmalloc/env.ts'
import { nextArena, setThreadArena, threadArena } from './ptmalloc/heap.ts'
import { afterMerge, intFree, mallocConsolidate } from './ptmalloc/intFree.ts'
import { intMalloc, mallocChunk } from './ptmalloc/intMalloc.ts'
import { intMemalign, roundAlignment } from './ptmalloc/intMemalign.ts'
import { finishMove, intRealloc, mkMove, type Move } from './ptmalloc/intRealloc.ts'
import {
  arenas,
  intMallinfo,
  intMallopt,
  mallocStatsText,
  mtrim,
  type Mallinfo,
} from './ptmalloc/mallinfo.ts'
import { mremapChunk, munmapChunk } from './ptmalloc/mapping.ts'
import {
  DEBUG_CHECK,
  DEBUG_FIRST_CALL,
  DEBUG_PRELOADED,
  debugging,
  mallocPrinterr,
} from './ptmalloc/printerr.ts'
import { tcacheGetQuickly, tcachePutQuickly } from './ptmalloc/quick.ts'
import { freeQuickly, isArenasTurn, splitTopQuickly } from './ptmalloc/quickTop.ts'
import {
  tcacheBins,
  tcacheCount,
  tcacheGet,
  tcacheIndex,
  tcacheOf,
  tcacheTableBytes,
} from './ptmalloc/tcache.ts'

export type { MallocEnv, Size } from './ptmalloc/env.ts'
export type { Mallinfo } from './ptmalloc/mallinfo.ts'
export { mkMove, type Move } from './ptmalloc/intRealloc.ts'

const QUICK_LIMIT = 2 ** 30

/** Bytes that are to be cleared before a calloc is complete. Plain data: it can be kept over slices. */
export interface Clearing {
  from: number
  length: number // 0: nothing to do
}

export function mkClearing(): Clearing {
  return { from: 0, length: 0 }
}

/** A block of at least `bytes` bytes; 0 and errno if there is no memory. */
export function malloc(env: MallocEnv, size: Size): number {
  const { flavour } = env
  const bytes = typeof size === 'number' ? size : argument(env, size)
  if (flavour.quick && bytes >= 0 && bytes < QUICK_LIMIT) {
    const nb = bytes <= 24 ? 32 : (bytes + 23) & ~15
    if (bytes <= flavour.tcacheMaxBytes) {
      const mem = tcacheGetQuickly(env, (nb - 32) >> 4)
      if (mem !== 0) return mem
    }
    if (isArenasTurn(env, nb)) {
      const top = splitTopQuickly(env, nb)
      if (top !== 0) return top
      const mem = mallocChunk(env, env.mainArena, nb)
      checkOwner(env, mem, env.mainArena, MALLOC_OWNER)
      return mem
    }
  }
  return mallocStepByStep(env, argument(env, bytes))
}

function mallocStepByStep(env: MallocEnv, bytes: number): number {
  if (ensureStarted(env)) return malloc(env, bytes)
  if (debugging(env) & DEBUG_CHECK) return mallocCheck(env, bytes)
  if (env.flavour.secondArena) return mallocInSomeArena(env, bytes)
  const nb = requestToSize(env, bytes)
  if (nb === -1) {
    env.setErrno(ENOMEM)
    return 0
  }
  ensureTcache(env)
  const cached = mallocFromTcache(env, nb)
  if (cached !== 0) return cached
  const mem = intMalloc(env, env.mainArena, bytes)
  checkOwner(env, mem, env.mainArena, MALLOC_OWNER)
  return mem
}

/** A block from the thread cache, 0 if it has none. */
function mallocFromTcache(env: MallocEnv, nb: number): number {
  const table = env.flavour.tcache ? tcacheOf(env) : 0
  const index = tcacheIndex(env, nb)
  if (!ult(index, tcacheBins(env)) || table === 0) return 0
  return tcacheCount(env, table, index) > 0 ? tcacheGet(env, table, index) : 0
}

/** The first call. With the debugging library it begins with a malloc and a free of that one's own: true. */
function ensureStarted(env: MallocEnv): boolean {
  if (!isInitialized(env)) ptmallocInit(env)
  const state = debugging(env)
  if ((state & DEBUG_FIRST_CALL) === 0) return false
  env.store32(env.mainArena + env.flavour.par.debugging, state & ~DEBUG_FIRST_CALL)
  free(env, malloc(env, 0))
  return true
}

/** The thread cache's table; there may be no memory for it. */
function initTcache(env: MallocEnv): void {
  const table = intMalloc(env, env.mainArena, tcacheTableBytes(env.flavour))
  if (table === 0) return
  env.store(env.mainArena + env.flavour.par.tcache, table)
  env.fill(table, 0, tcacheTableBytes(env.flavour))
}

function ensureTcache(env: MallocEnv): void {
  if (env.flavour.tcache && tcacheOf(env) === 0) initTcache(env)
}

/** 2.13: from the thread's arena; if it has nothing, from another. */
function mallocInSomeArena(env: MallocEnv, bytes: number): number {
  const av = threadArena(env)
  const mem = intMalloc(env, av, bytes)
  if (mem !== 0) return mem
  if (av !== env.mainArena) return intMalloc(env, env.mainArena, bytes)
  const other = nextArena(env, av, av, bytes)
  return other === 0 ? 0 : intMalloc(env, other, bytes)
}

export function free(env: MallocEnv, mem: number): void {
  if (mem === 0) return
  if (env.flavour.quick) {
    if (tcachePutQuickly(env, mem)) return
    const total = freeQuickly(env, mem)
    if (total !== 0) {
      afterMerge(env, env.mainArena, total)
      return
    }
  }
  const state = debugging(env)
  if (state & DEBUG_CHECK) {
    freeCheck(env, mem)
    return
  }
  const p = chunkOf(env, mem)
  if (isMmapped(env, p)) {
    adjustThreshold(env, p)
    munmapChunk(env, p)
    return
  }
  ensureTcache(env)
  intFree(env, arenaForChunk(env, p), p, false)
}

/** Blocks of this size come and go, so they had better come from the heap: the threshold rises. */
function adjustThreshold(env: MallocEnv, p: number): void {
  const { par, mmapThresholdMax } = env.flavour
  const main = env.mainArena
  if (env.load32(main + par.noDynThreshold) !== 0) return
  const head = headOf(env, p)
  if (!ult(env.load(main + par.mmapThreshold), head) || ult(mmapThresholdMax, head)) return
  const size = chunkSize(env, p)
  env.store(main + par.mmapThreshold, size)
  env.store(main + par.trimThreshold, 2 * size)
}

/** calloc in one go. */
export function calloc(env: MallocEnv, n: Size, elemSize: Size): number {
  const clearing = mkClearing()
  const mem = callocPrepare(env, n, elemSize, clearing)
  if (clearing.length > 0) env.fill(clearing.from, 0, clearing.length)
  return mem
}

/** calloc without the clearing: what must be cleared is put into `clearing`. */
export function callocPrepare(env: MallocEnv, n: Size, elemSize: Size, clearing: Clearing): number {
  clearing.length = 0
  const bytes = product(env, n, elemSize)
  if (bytes === null) {
    env.setErrno(ENOMEM)
    return 0
  }
  const viaMalloc = env.flavour.secondArena && !isInitialized(env)
  ensureStarted(env)
  if (viaMalloc || debugging(env) !== 0) {
    const mem = malloc(env, bytes)
    if (mem !== 0) setClearing(clearing, mem, bytes)
    return mem
  }
  ensureTcache(env)
  return env.flavour.secondArena
    ? callocInSomeArena(env, bytes, clearing)
    : callocFrom(env, env.mainArena, bytes, clearing)
}

/** n * size as a word, null if it doesn't fit. */
function product(env: MallocEnv, n: Size, elemSize: Size): number | null {
  if (typeof n === 'number' && typeof elemSize === 'number') {
    const bytes = n * elemSize
    if (n >= 0 && elemSize >= 0 && bytes <= 0x7fff_ffff) return bytes
  }
  const { bits, sizeLimit } = env.flavour
  const bytes = exactArgument(env, n) * exactArgument(env, elemSize)
  if (bytes >= 1n << BigInt(sizeLimit ? bits - 1 : bits)) return null
  return argument(env, bytes)
}

function setClearing(clearing: Clearing, from: number, length: number): void {
  clearing.from = from
  clearing.length = length
}

function callocInSomeArena(env: MallocEnv, bytes: number, clearing: Clearing): number {
  const av = threadArena(env)
  const mem = callocFrom(env, av, bytes, clearing)
  if (mem !== 0) return mem
  const other = av !== env.mainArena ? env.mainArena : nextArena(env, av, av, bytes)
  if (other === 0) return 0
  const second = intMalloc(env, other, bytes)
  if (second !== 0) planClearing(env, second, bytes, 0, 0, clearing)
  return second
}

function callocFrom(env: MallocEnv, av: number, bytes: number, clearing: Clearing): number {
  const top = topOf(env, av)
  let used = top === 0 ? 0 : chunkSize(env, top)
  if (av === env.mainArena) {
    // Memory beyond what the heap has ever been is fresh, and so all zeros.
    const { arena, par } = env.flavour
    const end = env.load(av + par.sbrkBase) + env.load(av + arena.maxSystemMem)
    if (ult(used, end - top)) used = end - top
  } else {
    const heap = Math.floor(top / env.flavour.heapMaxSize) * env.flavour.heapMaxSize
    const end = heap + env.load(heap + 3 * env.flavour.word)
    if (used < end - top) used = end - top
  }
  const mem = intMalloc(env, av, bytes)
  if (mem === 0) return 0
  checkOwner(env, mem, av, CALLOC_OWNER)
  planClearing(env, mem, bytes, top, used, clearing)
  return mem
}

function planClearing(
  env: MallocEnv,
  mem: number,
  bytes: number,
  oldTop: number,
  oldTopSize: number,
  clearing: Clearing,
): void {
  const p = chunkOf(env, mem)
  const perturbed = perturbByte(env) !== 0
  if (isMmapped(env, p)) {
    if (perturbed) setClearing(clearing, mem, bytes)
    return
  }
  let size = chunkSize(env, p)
  if (!perturbed && p === oldTop && size > oldTopSize) size = oldTopSize
  setClearing(clearing, mem, size - env.flavour.word)
}

/** realloc in one go. */
export function realloc(env: MallocEnv, mem: number, bytes: Size): number {
  const move = mkMove()
  const result = reallocPrepare(env, mem, bytes, move)
  if (move.length > 0) {
    env.copy(move.to, move.from, move.length)
    finishMove(env, move)
  }
  return result
}

/** realloc without the copying: if move.length isn't 0, copy, then call reallocFinish(). */
export function reallocPrepare(env: MallocEnv, mem: number, size: Size, move: Move): number {
  move.length = 0
  const bytes = argument(env, size)
  ensureStarted(env)
  if (debugging(env) & DEBUG_CHECK) return reallocCheck(env, mem, bytes, move)
  if (bytes === 0 && mem !== 0) {
    free(env, mem)
    return 0
  }
  if (mem === 0) return malloc(env, bytes)
  const p = chunkOf(env, mem)
  const oldSize = chunkSize(env, p)
  const mapped = isMmapped(env, p)
  let av = 0
  if (!mapped && !env.flavour.secondArena) {
    ensureTcache(env)
    av = arenaForChunk(env, p)
  }
  if (wrapsAround(env, p, oldSize) || isMisaligned(env, p)) {
    mallocPrinterr(env, 'realloc(): invalid pointer', mem)
    return 0
  }
  const nb = requestToSize(env, bytes)
  if (nb === -1) {
    env.setErrno(ENOMEM)
    return 0
  }
  if (mapped) return reallocMapped(env, mem, bytes, nb, move)
  if (env.flavour.secondArena) {
    av = arenaForChunk(env, p)
    setThreadArena(env, av)
  }
  const result = intRealloc(env, av, p, oldSize, nb, move)
  checkOwner(env, result, av, REALLOC_OWNER)
  if (result === 0 && env.flavour.secondArena) {
    return moveToFresh(env, mem, bytes, oldSize - env.flavour.word, av, move)
  }
  return result
}

/** The copying that reallocPrepare() asked for is done. */
export function reallocFinish(env: MallocEnv, move: Move): void {
  finishMove(env, move)
}

function reallocMapped(env: MallocEnv, mem: number, bytes: number, nb: number, move: Move): number {
  const p = chunkOf(env, mem)
  const moved = mremapChunk(env, p, nb)
  if (moved !== 0) return memOf(env, moved)
  const oldSize = chunkSize(env, p)
  if (!ult(oldSize - env.flavour.word, nb)) return mem
  return moveToFresh(env, mem, bytes, oldSize - env.flavour.header, 0, move)
}

function moveToFresh(
  env: MallocEnv,
  mem: number,
  bytes: number,
  length: number,
  av: number,
  move: Move,
): number {
  const fresh = malloc(env, bytes)
  if (fresh === 0) return 0
  move.to = fresh
  move.from = mem
  move.length = length
  move.old = chunkOf(env, mem)
  move.arena = av
  return fresh
}

export function reallocarray(env: MallocEnv, mem: number, n: Size, elemSize: Size): number {
  const bytes = exactArgument(env, n) * exactArgument(env, elemSize)
  if (bytes >= 1n << BigInt(env.flavour.bits)) {
    env.setErrno(ENOMEM)
    return 0
  }
  return realloc(env, mem, bytes)
}

/** A block at a multiple of `alignment`, which is rounded up to a power of two. */
export function memalign(env: MallocEnv, alignment: Size, bytes: Size): number {
  ensureStarted(env)
  return midMemalign(env, exactArgument(env, alignment), exactArgument(env, bytes))
}

export const alignedAlloc = memalign

function midMemalign(env: MallocEnv, alignment: bigint, bytes: bigint): number {
  const { bits, alignment: least, secondArena } = env.flavour
  if (debugging(env) & DEBUG_CHECK) return memalignCheck(env, alignment, bytes)
  if (alignment <= BigInt(least)) return malloc(env, bytes)
  if (!secondArena && alignment > 1n << BigInt(bits - 1)) {
    env.setErrno(EINVAL)
    return 0
  }
  const power = roundAlignment(env, alignment)
  if (secondArena) return memalignInSomeArena(env, power, bytes)
  const mem = intMemalign(env, env.mainArena, power, bytes)
  checkOwner(env, mem, env.mainArena, MEMALIGN_OWNER)
  return mem
}

/** 2.13: as mallocInSomeArena(), but the first arena isn't locked any more when another is looked for. */
function memalignInSomeArena(env: MallocEnv, alignment: bigint, bytes: bigint): number {
  const av = threadArena(env)
  const mem = intMemalign(env, av, alignment, bytes)
  if (mem !== 0) return mem
  const other = av !== env.mainArena ? env.mainArena : nextArena(env, av, 0, 0)
  return intMemalign(env, other, alignment, bytes)
}

/** A block at the start of a page. */
export function valloc(env: MallocEnv, bytes: Size): number {
  ensureStarted(env)
  return pageAligned(env, exactArgument(env, bytes))
}

/** The same, whole pages. */
export function pvalloc(env: MallocEnv, bytes: Size): number {
  ensureStarted(env)
  const { bits, secondArena } = env.flavour
  const padded = exactArgument(env, bytes) + BigInt(env.pageSize - 1)
  if (!secondArena && padded >= 1n << BigInt(bits)) {
    env.setErrno(ENOMEM)
    return 0
  }
  return pageAligned(env, BigInt.asUintN(bits, padded) & ~BigInt(env.pageSize - 1))
}

function pageAligned(env: MallocEnv, bytes: bigint): number {
  if (env.flavour.secondArena && (debugging(env) & DEBUG_CHECK) === 0) {
    const av = threadArena(env)
    if (haveFastchunks(env, av)) mallocConsolidate(env, av)
  }
  return midMemalign(env, BigInt(env.pageSize), bytes)
}

/** The block, or a negative error number; errno is not the way it is told. */
export function posixMemalign(env: MallocEnv, alignment: Size, bytes: Size): number {
  const exact = exactArgument(env, alignment)
  const unit = BigInt(env.flavour.word)
  if (exact === 0n || exact % unit !== 0n || (exact & (exact - 1n)) !== 0n) return -EINVAL
  const mem = memalign(env, exact, bytes)
  return mem === 0 ? -ENOMEM : mem
}

/** Bytes of the block that the program may use; 0 for a free one. */
export function mallocUsableSize(env: MallocEnv, mem: number): number {
  if (mem === 0) return 0
  const state = debugging(env)
  if (state & DEBUG_PRELOADED && state & DEBUG_CHECK) return mallocCheckGetSize(env, mem)
  const p = chunkOf(env, mem)
  if (isMmapped(env, p)) return chunkSize(env, p) - env.flavour.header
  return inuse(env, p) ? memsize(env, p) : 0
}

/** Gives free memory back, keeping `pad` bytes at the end of the heap. 1: something went back. */
export function mallocTrim(env: MallocEnv, pad: Size): number {
  if (!isInitialized(env)) ptmallocInit(env)
  let result = 0
  for (const av of arenas(env)) result |= mtrim(env, av, argument(env, pad))
  return result
}

/** `value` is an int. */
export function mallopt(env: MallocEnv, param: number, value: number): number {
  if (!isInitialized(env)) ptmallocInit(env)
  return intMallopt(env, param, value)
}

export function mallinfo2(env: MallocEnv): Mallinfo {
  if (!isInitialized(env)) ptmallocInit(env)
  return intMallinfo(env, env.mainArena)
}

/** What malloc_stats() writes to standard error. */
export function mallocStats(env: MallocEnv): string {
  if (!isInitialized(env)) ptmallocInit(env)
  return mallocStatsText(env)
}
