// A process's heap to look at: malloc's chunks and lists as they stand in its pages.
//
// Chunks with a mapping of their own are in no list of malloc's, which only counts them. They are found by what stands
// at the start of private anonymous mappings, and told beside malloc's own count.

import {
  heapLists,
  isInitialized,
  peekWord,
  type FreeList,
  type HeapReader,
} from '../libc/heapLists.ts'
import {
  CHUNK_STATES,
  addChunk,
  firstChunk,
  mkHeapChunks,
  walkHeap,
  type HeapChunks,
  type HeapRange,
  type HeapRow,
} from '../libc/heapWalk.ts'
import { mallocFlavour } from '../libc/state.ts'
import { IS_MMAPPED, SIZE_BITS } from '../libc/ptmalloc/chunk.ts'
import { mainArenaAddress } from '../libc/state.ts'
import { vmaLookup, vmasOf } from '../mm/vma.ts'
import type { Machine } from '../state/machine.ts'
import { VM_SHARED, VM_WRITE, type Mm, type Vaddr, type Vma } from '../state/mm.ts'
import type { Task } from '../state/task.ts'
import { pageState } from './addressSpace.ts'
import { MemoryReader } from './memoryReader.ts'
import { walkPageRange } from './pageWalk.ts'

/** gone: no such process, or it has ended; none: it has no C library; unused: malloc has not been called yet. */
export type HeapIs = 'gone' | 'none' | 'unused' | 'there'

export interface Heap {
  m: Machine
  task: Task
  mm: Mm
  memory: MemoryReader
  reader: HeapReader
  ranges: HeapRange[] // none: there are only mapped chunks, or nothing yet
  row: HeapRow
  lists: FreeList[]
  mapped: HeapChunks
  mappedCounted: number // by malloc
  top: Vaddr // 0: there is none
  lastRemainder: Vaddr
  systemMem: number // bytes that malloc has by way of brk
  otherArenas: number // 2.13 makes them; they are not walked
}

const LIST_LIMIT = 2 ** 22
const ARENAS_COUNTED = 64

export function heapIs(m: Machine, task: Task | undefined): HeapIs {
  if (task === undefined || task.state === 'Z') return 'gone'
  if (task.mm === null || task.mm.libcData === 0) return 'none'
  return isInitialized(mkHeapReader(m, task, new MemoryReader(m, task.mm))) ? 'there' : 'unused'
}

function mkHeapReader(m: Machine, task: Task, memory: MemoryReader): HeapReader {
  return {
    flavour: mallocFlavour(m),
    mainArena: mainArenaAddress(m, task),
    peek32: (va) => memory.peek32(va),
  }
}

/** All of it. The task has a heap: heapIs() says 'there'. */
export function scanHeap(m: Machine, task: Task): Heap {
  const mm = task.mm!
  const memory = new MemoryReader(m, mm)
  const reader = mkHeapReader(m, task, memory)
  const { flavour, mainArena } = reader
  const word = (offset: number): number => Math.max(0, peekWord(reader, mainArena + offset) ?? 0)
  const lists = heapLists(reader, LIST_LIMIT)
  const top = word(flavour.arena.top)
  const ranges = findRanges(mm, word(flavour.par.sbrkBase), top)
  const mappedCounted = Math.max(0, reader.peek32(mainArena + flavour.par.nMmaps) ?? 0)
  return {
    m,
    task,
    mm,
    memory,
    reader,
    ranges,
    row: walkHeap(reader, ranges, lists),
    lists,
    mapped: mappedCounted === 0 ? mkHeapChunks(1) : findMapped(m, mm, reader, mappedCounted),
    mappedCounted,
    top: ranges.length === 0 ? 0 : top,
    lastRemainder: word(flavour.arena.lastRemainder),
    systemMem: word(flavour.arena.systemMem),
    otherArenas: countArenas(reader) - 1,
  }
}

/** From where the first sbrk() of malloc's led to the break. A mapping takes its place where the break can't move. */
function findRanges(mm: Mm, base: Vaddr, top: Vaddr): HeapRange[] {
  if (base === 0) return []
  const first = rangeAt(mm, base)
  if (first === null) return []
  const start = { start: base, end: first.end, exact: true }
  if (top >= start.start && top < start.end) return [start]
  const other = rangeAt(mm, top)
  return other === null ? [start] : [start, { ...other, exact: false }]
}

function rangeAt(mm: Mm, va: Vaddr): { start: Vaddr; end: Vaddr } | null {
  if (va >= mm.startBrk && va < mm.brk) return { start: mm.startBrk, end: mm.brk }
  const vma = vmaLookup(mm, va)
  return vma === undefined ? null : { start: vma.start, end: vma.end }
}

function countArenas(reader: HeapReader): number {
  const { mainArena, flavour } = reader
  let count = 1
  let av = peekWord(reader, mainArena + flavour.arena.next)
  while (av !== null && av > 0 && av !== mainArena && count < ARENAS_COUNTED) {
    count++
    av = peekWord(reader, av + flavour.arena.next)
  }
  return count
}

// --- mapped chunks -----------------------------------------------------------------------------------------------------

const MMAPPED = CHUNK_STATES.indexOf('mmapped')

function findMapped(m: Machine, mm: Mm, reader: HeapReader, wanted: number): HeapChunks {
  const chunks = mkHeapChunks(16)
  for (const vma of vmasOf(mm)) {
    if (chunks.count === wanted) break
    if (!mayHoldChunks(vma)) continue
    let from = vma.start
    walkPageRange(m, mm, vma.start, vma.end, (va) => {
      if (va < from) return
      const end = addMapped(m, reader, chunks, va, vma.end)
      if (end > 0) from = end
    })
  }
  return chunks
}

function mayHoldChunks({ file, special, flags }: Vma): boolean {
  return file === null && special === '' && (flags & (VM_WRITE | VM_SHARED)) === VM_WRITE
}

/** The end of the mapping, 0 if no chunk's mapping begins there. */
function addMapped(
  m: Machine,
  reader: HeapReader,
  chunks: HeapChunks,
  start: Vaddr,
  limit: Vaddr,
): number {
  const p = firstChunk(reader.flavour, start)
  const length = mappedLength(reader, p, start)
  if (length <= 0 || length % m.pageSize !== 0 || start + length > limit) return 0
  const aligned = findAligned(reader, p, start, length) ?? p
  addChunk(chunks, aligned, length - (aligned - start), IS_MMAPPED, MMAPPED, 0)
  return start + length
}

/** Of the mapping that begins at `start`, if a chunk at `p` says so; else 0. */
function mappedLength(reader: HeapReader, p: Vaddr, start: Vaddr): number {
  if (peekWord(reader, p) !== p - start) return 0
  const head = peekWord(reader, p + reader.flavour.word) ?? 0
  return head > 0 && (head & SIZE_BITS) === IS_MMAPPED ? head - IS_MMAPPED + (p - start) : 0
}

/** memalign leaves the first header where it was; the chunk that counts begins further on. */
function findAligned(
  reader: HeapReader,
  p: Vaddr,
  start: Vaddr,
  length: number,
): Vaddr | undefined {
  const { header, minSize, alignment } = reader.flavour
  for (let power = 2 * alignment; power < length; power *= 2) {
    let aligned = Math.ceil((p + header) / power) * power - header
    if (aligned === p) continue
    if (aligned - p < minSize) aligned += power
    if (aligned < start + length && mappedLength(reader, aligned, start) === length) return aligned
  }
  return undefined
}

// --- pages -------------------------------------------------------------------------------------------------------------

/** PAGE_* of each page in [start, end). */
export function pageStates({ m, mm }: Heap, start: Vaddr, end: Vaddr): Uint8Array {
  const first = start - (start % m.pageSize)
  const states = new Uint8Array(Math.ceil((end - first) / m.pageSize))
  walkPageRange(m, mm, first, end, (va, pte) => {
    states[(va - first) / m.pageSize] = pageState(m, pte)
  })
  return states
}
