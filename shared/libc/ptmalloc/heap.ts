// The second arena. 2.13 makes one, in mappings of its own, when the first could not serve a request, and the thread
// then stays with it. (2.36 does so only with several threads.)
//
//   heap: a mapping aligned to heapMaxSize, of which the first `size` bytes are accessible
//     ar_ptr, prev, size, mprotect_size      struct heap_info
//     struct malloc_state                    in the arena's first heap
//     chunks …                               all with NON_MAIN_ARENA; so a chunk's address tells its heap

import { addSystemMem, mallocInitState, setTop, topOf } from './arena.ts'
import { UNLINK_HEAP_TRIM } from './assertions.ts'
import { unlinkChunk } from './bins.ts'
import {
  chunkSize,
  NON_MAIN_ARENA,
  PREV_INUSE,
  prevInuse,
  prevSize,
  setFoot,
  setHead,
} from './chunk.ts'
import { alignDown, alignUp, at, long, ult, word, type MallocEnv } from './env.ts'
import { intFree } from './intFree.ts'

const HEAP_MIN_SIZE = 32 * 1024

function heapInfoSize(env: MallocEnv): number {
  return 4 * env.flavour.word
}

function heapForPtr(env: MallocEnv, va: number): number {
  return alignDown(va, env.flavour.heapMaxSize)
}

function heapSize(env: MallocEnv, heap: number): number {
  return env.load(heap + 2 * env.flavour.word)
}

function setHeapSize(env: MallocEnv, heap: number, size: number): void {
  env.store(heap + 2 * env.flavour.word, size)
}

function heapPrev(env: MallocEnv, heap: number): number {
  return env.load(heap + env.flavour.word)
}

/** A mapping for a heap with `size` accessible bytes; 0 if there is no room. */
function newHeap(env: MallocEnv, size: number): number {
  const max = env.flavour.heapMaxSize
  const padded = word(env, size + env.load(env.mainArena + env.flavour.par.topPad))
  let accessible = padded
  if (ult(padded, HEAP_MIN_SIZE)) accessible = HEAP_MIN_SIZE
  else if (ult(max, padded)) {
    if (ult(max, size)) return 0
    accessible = max
  }
  accessible = alignUp(accessible, env.pageSize)
  const heap = reserveHeap(env)
  if (heap === 0) return 0
  if (env.mprotect(heap, accessible) === -1) {
    env.munmap(heap, max)
    return 0
  }
  setHeapSize(env, heap, accessible)
  env.store(heap + 3 * env.flavour.word, accessible)
  return heap
}

/** Address space for a heap: the place beside the last one, or cut out of twice as much. */
function reserveHeap(env: MallocEnv): number {
  const { heapMaxSize: max, par } = env.flavour
  const hint = env.load(env.mainArena + par.alignedHeapArea)
  if (hint !== 0) {
    const place = env.mmap(hint, max, false)
    env.store(env.mainArena + par.alignedHeapArea, 0)
    if (place !== -1 && place % max === 0) return place
    if (place !== -1) env.munmap(place, max)
  }
  const both = env.mmap(0, 2 * max, false)
  if (both === -1) {
    const place = env.mmap(0, max, false)
    if (place === -1 || place % max === 0) return place === -1 ? 0 : place
    env.munmap(place, max)
    return 0
  }
  const heap = alignUp(both, max)
  const before = heap - both
  if (before > 0) env.munmap(both, before)
  else env.store(env.mainArena + par.alignedHeapArea, heap + max)
  env.munmap(heap + max, max - before)
  return heap
}

function growHeap(env: MallocEnv, heap: number, more: number): boolean {
  const size = heapSize(env, heap) + alignUp(more, env.pageSize)
  if (ult(env.flavour.heapMaxSize, size)) return false
  const accessible = env.load(heap + 3 * env.flavour.word)
  if (ult(accessible, size)) {
    if (env.mprotect(heap + accessible, size - accessible) === -1) return false
    env.store(heap + 3 * env.flavour.word, size)
  }
  setHeapSize(env, heap, size)
  return true
}

/** Makes the top chunk of another arena larger, or gives the arena a further heap with a new one. */
export function growArena(
  env: MallocEnv,
  nb: number,
  av: number,
  oldTop: number,
  oldSize: number,
): boolean {
  const { minSize, word: sizeSz } = env.flavour
  const oldHeap = heapForPtr(env, oldTop)
  const before = heapSize(env, oldHeap)
  const more = long(env, minSize + nb - oldSize)
  if (more > 0 && growHeap(env, oldHeap, more)) {
    const size = heapSize(env, oldHeap)
    addSystemMem(env, av, size - before)
    setHead(env, oldTop, oldHeap + size - oldTop + PREV_INUSE)
    return true
  }
  const heap = newHeap(env, word(env, nb + minSize + heapInfoSize(env)))
  if (heap === 0) return false
  env.store(heap, av)
  env.store(heap + sizeSz, oldHeap)
  addSystemMem(env, av, heapSize(env, heap))
  const top = heap + heapInfoSize(env)
  setTop(env, av, top)
  setHead(env, top, heapSize(env, heap) - heapInfoSize(env) + PREV_INUSE)
  closeOldHeap(env, av, oldTop, oldSize - minSize)
  return true
}

/** The end of the heap before the new one: a fencepost, and the rest is freed. */
function closeOldHeap(env: MallocEnv, av: number, oldTop: number, rest: number): void {
  const { header, minSize } = env.flavour
  setHead(env, at(env, oldTop, rest + header), PREV_INUSE)
  if (ult(rest, minSize)) {
    setHead(env, oldTop, rest + header + PREV_INUSE)
    setFoot(env, oldTop, rest + header)
    return
  }
  setHead(env, at(env, oldTop, rest), header + PREV_INUSE)
  setFoot(env, at(env, oldTop, rest), header)
  setHead(env, oldTop, rest + PREV_INUSE + NON_MAIN_ARENA)
  intFree(env, av, oldTop, true)
}

/** Gives memory of another arena back, after something large was freed in it (heap_trim). */
export function freeInArena(env: MallocEnv, av: number): void {
  let heap = heapForPtr(env, topOf(env, av))
  const pad = env.load(env.mainArena + env.flavour.par.topPad)
  const { minSize } = env.flavour
  while (topOf(env, av) === heap + heapInfoSize(env)) {
    const before = deleteLastHeap(env, av, heap, pad)
    if (before === heap) break
    heap = before
  }
  const top = topOf(env, av)
  const topSize = chunkSize(env, top)
  const extra = alignDown(topSize - pad - minSize - 1, env.pageSize)
  if (extra < env.pageSize) return
  const size = heapSize(env, heap) - extra
  if (size < heapInfoSize(env)) return
  env.madviseDontneed(heap + size, extra)
  setHeapSize(env, heap, size)
  addSystemMem(env, av, -extra)
  setHead(env, top, topSize - extra + PREV_INUSE)
}

/** The last heap is one free chunk: if the one before has room for `pad`, its end becomes the top chunk again. */
function deleteLastHeap(env: MallocEnv, av: number, heap: number, pad: number): number {
  const { minSize, header, heapMaxSize, par } = env.flavour
  const prev = heapPrev(env, heap)
  const fence = prev + heapSize(env, prev) - (minSize - header)
  let p = fence - prevSize(env, fence)
  let size = chunkSize(env, p) + minSize - header
  if (!prevInuse(env, p)) size += prevSize(env, p)
  if (size + heapMaxSize - heapSize(env, prev) < pad + minSize + env.pageSize) return heap
  addSystemMem(env, av, -heapSize(env, heap))
  if (heap + heapMaxSize === env.load(env.mainArena + par.alignedHeapArea)) {
    env.store(env.mainArena + par.alignedHeapArea, 0)
  }
  env.munmap(heap, heapMaxSize)
  if (!prevInuse(env, p)) {
    p -= prevSize(env, p)
    unlinkChunk(env, p, UNLINK_HEAP_TRIM)
  }
  setTop(env, av, p)
  setHead(env, p, size + PREV_INUSE)
  return prev
}

/** A new arena with room for `size` bytes; the thread goes over to it. 0: there is no room. */
function newArena(env: MallocEnv, size: number): number {
  const { arena, par, header, alignment, alignMask } = env.flavour
  const own = heapInfoSize(env) + arena.size + alignment
  let heap = newHeap(env, word(env, size + own))
  if (heap === 0) heap = newHeap(env, own)
  if (heap === 0) return 0
  const av = heap + heapInfoSize(env)
  env.store(heap, av)
  mallocInitState(env, av)
  env.store(av + arena.systemMem, heapSize(env, heap))
  env.store(av + arena.maxSystemMem, heapSize(env, heap))
  const misalign = (av + arena.size + header) & alignMask
  const top = av + arena.size + (misalign > 0 ? alignment - misalign : 0)
  setTop(env, av, top)
  setHead(env, top, heap + heapSize(env, heap) - top + PREV_INUSE)
  env.store(env.mainArena + par.threadArena, av)
  env.store(av + arena.next, env.load(env.mainArena + arena.next))
  env.store(env.mainArena + arena.next, av)
  return av
}

export function threadArena(env: MallocEnv): number {
  return env.load(env.mainArena + env.flavour.par.threadArena)
}

export function setThreadArena(env: MallocEnv, av: number): void {
  env.store(env.mainArena + env.flavour.par.threadArena, av)
}

/**
 * The arena to try after one that failed: the next that is not locked, a new one if there is none (arena_get2).
 * `locked` is the one that this thread still holds, 0 for none.
 */
export function nextArena(env: MallocEnv, failed: number, locked: number, size: number): number {
  const { arena } = env.flavour
  const start = env.load(failed + arena.next)
  let av = start
  do {
    if (av !== locked) {
      setThreadArena(env, av)
      return av
    }
    av = env.load(av + arena.next)
  } while (av !== start)
  return newArena(env, size)
}
