// Freeing a chunk: into the thread cache, into a fast bin, or merged with its free neighbours into the unsorted list or
// the top chunk.

import {
  contiguous,
  freePerturb,
  globalMaxFast,
  mallocInitState,
  setTop,
  systemMem,
  topEnd,
  topOf,
} from './arena.ts'
import {
  UNLINK_CONSOLIDATE_BACK,
  UNLINK_CONSOLIDATE_FORWARD,
  UNLINK_FREE_BACK,
  UNLINK_FREE_FORWARD,
} from './assertions.ts'
import {
  clearNextsize,
  fastbinAt,
  fastbinIndex,
  firstOf,
  haveFastchunks,
  setFirst,
  setHaveFastchunks,
  unlinkChunk,
  UNSORTED,
  unsortedChunks,
} from './bins.ts'
import {
  bkOf,
  chunkSize,
  clearInuseAt,
  headLow,
  headOf,
  IS_MMAPPED,
  isMisaligned,
  memOf,
  PREV_INUSE,
  prevInuse,
  prevSize,
  setBk,
  setFd,
  setFoot,
  setHead,
  SIZE_BITS,
  wrapsAround,
} from './chunk.ts'
import { at, MAX_STEPS, ult, type MallocEnv } from './env.ts'
import { freeInArena } from './heap.ts'
import { munmapChunk } from './mapping.ts'
import { mallocPrinterr } from './printerr.ts'
import { mergeQuickly, nothingToTrim } from './quickTop.ts'
import { systrim } from './sysmalloc.ts'
import {
  checkDoubleFree,
  hasTcacheKey,
  protectPtrFrom,
  revealPtr,
  tcacheBins,
  tcacheHasRoom,
  tcacheIndex,
  tcacheOf,
  tcachePut,
} from './tcache.ts'

const FASTBIN_CONSOLIDATION_THRESHOLD = 65536
const GAVE_UP = 0 // no chunk has this size

/** Frees a chunk of the arena. `inner`: malloc itself does, who knows the arena's state. */
export function intFree(env: MallocEnv, av: number, p: number, inner: boolean): void {
  const { minSize, alignMask, tcache, hardened } = env.flavour
  const low = headLow(env, p)
  const size = chunkSize(env, p)
  if (wrapsAround(env, p, size) || isMisaligned(env, p)) {
    mallocPrinterr(env, 'free(): invalid pointer', memOf(env, p))
    return
  }
  if (ult(size, minSize) || (hardened && (low & ~SIZE_BITS & alignMask) !== 0)) {
    mallocPrinterr(env, 'free(): invalid size', memOf(env, p))
    return
  }
  if (tcache && freeToTcache(env, p, size)) return
  if (!ult(globalMaxFast(env), size)) freeToFastbin(env, av, p, size, inner)
  else if ((low & IS_MMAPPED) === 0) freeAndMerge(env, av, p, size)
  else munmapChunk(env, p)
}

function freeToTcache(env: MallocEnv, p: number, size: number): boolean {
  const table = tcacheOf(env)
  if (table === 0) return false
  const index = tcacheIndex(env, size)
  if (!ult(index, tcacheBins(env))) return false
  const e = memOf(env, p)
  if (hasTcacheKey(env, e)) checkDoubleFree(env, table, e, index)
  if (!tcacheHasRoom(env, table, index)) return false
  tcachePut(env, table, p, index)
  return true
}

function freeToFastbin(env: MallocEnv, av: number, p: number, size: number, inner: boolean): void {
  const { header, safeLinking, word, hardened } = env.flavour
  const next = at(env, p, size)
  if (!ult(header, headOf(env, next)) || !ult(chunkSize(env, next), systemMem(env, av))) {
    mallocPrinterr(env, 'free(): invalid next size (fast)', memOf(env, p))
    return
  }
  freePerturb(env, memOf(env, p), size - header)
  setHaveFastchunks(env, av, true)
  const index = fastbinIndex(env, size)
  const fb = fastbinAt(env, av, index)
  const old = env.load(fb)
  if (old === p) {
    mallocPrinterr(env, 'double free or corruption (fasttop)', memOf(env, p))
    return
  }
  const foreign = (): boolean =>
    old !== 0 && fastbinIndex(env, headLow(env, old) & ~SIZE_BITS) !== index
  if (!hardened && foreign()) {
    mallocPrinterr(env, 'invalid fastbin entry (free)', memOf(env, p))
    return
  }
  if (safeLinking) protectPtrFrom(env, p + 2 * word, fb)
  else setFd(env, p, old)
  env.store(fb, p)
  if (hardened && inner && foreign()) mallocPrinterr(env, 'invalid fastbin entry (free)', 0)
}

function freeAndMerge(env: MallocEnv, av: number, p: number, size: number): void {
  const total = env.flavour.quick && av === env.mainArena ? mergeQuickly(env, p, size) : 0
  if (total !== 0) afterMerge(env, av, total)
  else mergeStepByStep(env, av, p, size)
}

function mergeStepByStep(env: MallocEnv, av: number, p: number, size: number): void {
  const next = at(env, p, size)
  const wrong = findFreeError(env, av, p, next)
  if (wrong !== null) {
    mallocPrinterr(env, wrong, memOf(env, p))
    return
  }
  freePerturb(env, memOf(env, p), size - env.flavour.header)
  const merged = mergeWithPrevious(env, p, size)
  const first = at(env, p, size - merged)
  const total = mergeWithNext(env, av, first, merged, next)
  if (total !== GAVE_UP) afterMerge(env, av, total)
}

/** Much is free now: perhaps the end of the heap can go back. */
export function afterMerge(env: MallocEnv, av: number, total: number): void {
  if (ult(total, FASTBIN_CONSOLIDATION_THRESHOLD)) return
  if (env.flavour.quick && nothingToTrim(env)) return
  if (haveFastchunks(env, av)) mallocConsolidate(env, av)
  if (av !== env.mainArena) {
    freeInArena(env, av)
  } else if (!ult(chunkSize(env, topOf(env, av)), env.loadOwn(env.flavour.par.trimThreshold))) {
    systrim(env, env.loadOwn(env.flavour.par.topPad))
  }
}

function findFreeError(env: MallocEnv, av: number, p: number, next: number): string | null {
  if (p === topOf(env, av)) return 'double free or corruption (top)'
  if (contiguous(env, av) && !ult(next, topEnd(env, av))) return 'double free or corruption (out)'
  if (!prevInuse(env, next)) return 'double free or corruption (!prev)'
  const head = headOf(env, next)
  if (!ult(env.flavour.header, head) || !ult(chunkSize(env, next), systemMem(env, av))) {
    return 'free(): invalid next size (normal)'
  }
  return null
}

/** The size with that of a free chunk before it. */
function mergeWithPrevious(env: MallocEnv, p: number, size: number): number {
  if (prevInuse(env, p)) return size
  const before = prevSize(env, p)
  const first = at(env, p, -before)
  if (env.flavour.hardened && chunkSize(env, first) !== before) {
    mallocPrinterr(env, 'corrupted size vs. prev_size while consolidating', 0)
  }
  unlinkChunk(env, first, UNLINK_FREE_BACK)
  return size + before
}

/** Joins what follows and puts the chunk where it belongs: its size, or GAVE_UP (2.13 may). */
function mergeWithNext(env: MallocEnv, av: number, p: number, size: number, next: number): number {
  const nextSize = chunkSize(env, next)
  if (next === topOf(env, av)) {
    setHead(env, p, size + nextSize + PREV_INUSE)
    setTop(env, av, p)
    return size + nextSize
  }
  let total = size
  if (prevInuse(env, at(env, next, nextSize))) {
    clearInuseAt(env, next, 0)
  } else {
    unlinkChunk(env, next, UNLINK_FREE_FORWARD)
    total += nextSize
  }
  const unsorted = unsortedChunks(env, av)
  const first = firstOf(env, av, UNSORTED)
  if (bkOf(env, first) !== unsorted) {
    mallocPrinterr(env, 'free(): corrupted unsorted chunks', memOf(env, p))
    return GAVE_UP
  }
  setFd(env, p, first)
  setBk(env, p, unsorted)
  clearNextsize(env, p, total)
  setFirst(env, av, UNSORTED, p)
  setBk(env, first, p)
  setHead(env, p, total + PREV_INUSE)
  setFoot(env, p, total)
  return total
}

/** Empties the fast bins: their chunks are merged and go to the unsorted list or the top chunk. */
export function mallocConsolidate(env: MallocEnv, av: number): void {
  const { hardened, nFastbins } = env.flavour
  if (!hardened && globalMaxFast(env) === 0) {
    mallocInitState(env, av) // 2.13: this is how the first arena begins
    return
  }
  setHaveFastchunks(env, av, false)
  for (let i = 0; i < nFastbins; i++) {
    const fb = fastbinAt(env, av, i)
    let low = env.load32(fb)
    let p = env.load(fb)
    if (p === 0) continue
    env.store(fb, 0)
    for (let steps = 0; p !== 0; steps++) {
      if (steps > MAX_STEPS) env.endless()
      if (hardened) checkFastChunk(env, p, low, i)
      const link = memOf(env, p)
      low = env.load32(link) ^ (Math.floor(link / 4096) | 0)
      const next = env.flavour.safeLinking ? revealPtr(env, link) : env.load(link)
      consolidateChunk(env, av, p)
      p = next
    }
  }
}

function checkFastChunk(env: MallocEnv, p: number, low: number, index: number): void {
  if (((low + env.flavour.header) & env.flavour.alignMask) !== 0) {
    mallocPrinterr(env, 'malloc_consolidate(): unaligned fastbin chunk detected', 0)
  }
  if (fastbinIndex(env, headLow(env, p) & ~SIZE_BITS) !== index) {
    mallocPrinterr(env, 'malloc_consolidate(): invalid chunk size', 0)
  }
}

function consolidateChunk(env: MallocEnv, av: number, chunk: number): void {
  let p = chunk
  let size = chunkSize(env, p)
  if (!env.flavour.hardened && headLow(env, p) & IS_MMAPPED) size += IS_MMAPPED
  const next = at(env, p, size)
  const nextSize = chunkSize(env, next)
  if (!prevInuse(env, p)) {
    const before = prevSize(env, p)
    size += before
    p = at(env, p, -before)
    if (env.flavour.hardened && chunkSize(env, p) !== before) {
      mallocPrinterr(env, 'corrupted size vs. prev_size in fastbins', 0)
    }
    unlinkChunk(env, p, UNLINK_CONSOLIDATE_BACK)
  }
  if (next === topOf(env, av)) {
    size += nextSize
    setHead(env, p, size + PREV_INUSE)
    setTop(env, av, p)
    return
  }
  if (prevInuse(env, at(env, next, nextSize))) {
    clearInuseAt(env, next, 0)
  } else {
    size += nextSize
    unlinkChunk(env, next, UNLINK_CONSOLIDATE_FORWARD)
  }
  const unsorted = unsortedChunks(env, av)
  const first = firstOf(env, av, UNSORTED)
  setFirst(env, av, UNSORTED, p)
  setBk(env, first, p)
  clearNextsize(env, p, size)
  setHead(env, p, size + PREV_INUSE)
  setBk(env, p, unsorted)
  setFd(env, p, first)
  setFoot(env, p, size)
}
