// The heap's chunks in a row, as columns: a row of 100,000 is looked at again and again. Only reads, and takes no fault.
//
//   ┌───────┬──────┬────┬─────────┬─────────────────┐
//   │ table │ used │ …  │ tcache  │ top             │      address + size is the next one's address
//   └───────┴──────┴────┴─────────┴─────────────────┘
//
// Where a size field says what no size can be, the row ends and says why. Where somebody else has called sbrk, two
// fenceposts end the part; where malloc's next part begins is not written anywhere, so it is searched for: a place from
// which chunk follows chunk up to the top chunk.

import {
  peekWord,
  tcacheTable,
  type FreeList,
  type HeapReader,
  type ListKind,
} from './heapLists.ts'
import { PREV_INUSE, SIZE_BITS } from './ptmalloc/chunk.ts'
import type { MallocFlavour } from './ptmalloc/flavour.ts'
import { tcacheTableBytes } from './ptmalloc/tcache.ts'

export type ChunkState =
  | 'used'
  | 'table' // the thread cache's
  | ListKind
  | 'top'
  | 'fence'
  | 'foreign' // not malloc's: somebody else has moved the break
  | 'mmapped'

/** In the order of the numbers in the state column. */
export const CHUNK_STATES: readonly ChunkState[] = [
  'used',
  'table',
  'tcache',
  'fast',
  'unsorted',
  'small',
  'large',
  'top',
  'fence',
  'foreign',
  'mmapped',
]

const USED = CHUNK_STATES.indexOf('used')
const TABLE = CHUNK_STATES.indexOf('table')
const TOP = CHUNK_STATES.indexOf('top')
const FENCE = CHUNK_STATES.indexOf('fence')
const FOREIGN = CHUNK_STATES.indexOf('foreign')
const UNSORTED = CHUNK_STATES.indexOf('unsorted')
const LARGE = CHUNK_STATES.indexOf('large')

// What does not fit together about a chunk.
export const ODD_FOOT = 1 // free, and its size does not stand once more at its end
export const ODD_INUSE = 2 // the next chunk's PREV_INUSE says otherwise than the lists

/** Columns by chunk, in the order of addresses. */
export interface HeapChunks {
  count: number
  address: Float64Array
  size: Float64Array // without flags
  flags: Uint8Array // PREV_INUSE, IS_MMAPPED, NON_MAIN_ARENA
  state: Uint8Array // index in CHUNK_STATES
  bin: Uint8Array // of those in a list: FreeList.bin
  odd: Uint8Array // ODD_*
}

export type WalkStop =
  | 'top' // the end, as it should be
  | 'size' // the size field holds what no size can be
  | 'unaligned' // … no multiple of the alignment
  | 'beyond' // … more than there is of the heap
  | 'missing' // no memory there
  | 'foreign' // fenceposts, and malloc's next part was not found
  | 'noTop' // the heap ends without a top chunk
  | 'limit' // more chunks than are kept

export interface HeapRow {
  chunks: HeapChunks
  stop: WalkStop
  stopAt: number // the chunk that could not be read
}

/** Memory in which malloc has chunks: the heap, or a mapping in its place. */
export interface HeapRange {
  start: number
  end: number
  exact: boolean // a chunk begins at the start; else one is searched for
}

const CHUNKS_KEPT = 2 ** 22
const SEARCHED = 2 ** 20 // bytes of somebody else's memory in which the next part is searched for
const BELIEVED = 64 // chunks in a row that are no chance

export function mkHeapChunks(room = 256): HeapChunks {
  return {
    count: 0,
    address: new Float64Array(room),
    size: new Float64Array(room),
    flags: new Uint8Array(room),
    state: new Uint8Array(room),
    bin: new Uint8Array(room),
    odd: new Uint8Array(room),
  }
}

export function addChunk(
  chunks: HeapChunks,
  address: number,
  size: number,
  flags: number,
  state: number,
  bin: number,
): void {
  const i = chunks.count++
  if (i === chunks.address.length) grow(chunks)
  chunks.address[i] = address
  chunks.size[i] = size
  chunks.flags[i] = flags
  chunks.state[i] = state
  chunks.bin[i] = bin
  chunks.odd[i] = 0
}

function grow(chunks: HeapChunks): void {
  const more = mkHeapChunks(chunks.address.length * 2)
  for (const name of ['address', 'size', 'flags', 'state', 'bin', 'odd'] as const) {
    more[name].set(chunks[name])
    Object.assign(chunks, { [name]: more[name] })
  }
}

/** The number of the chunk that holds the address, -1 if none does. */
export function chunkIndexAt({ count, address, size }: HeapChunks, va: number): number {
  let [low, high] = [0, count]
  while (low < high) {
    const middle = (low + high) >> 1
    if (address[middle] <= va) low = middle + 1
    else high = middle
  }
  return low > 0 && va < address[low - 1] + size[low - 1] ? low - 1 : -1
}

/** The heap's first chunk, if the heap starts at `heapStart`. */
export function firstChunk(flavour: MallocFlavour, heapStart: number): number {
  const misalign = (heapStart + flavour.header) & flavour.alignMask
  return misalign === 0 ? heapStart : heapStart + flavour.alignment - misalign
}

/** All chunks of the ranges, up to the top chunk. The lists say which are free. */
export function walkHeap(reader: HeapReader, ranges: HeapRange[], lists: FreeList[]): HeapRow {
  const walk = mkWalk(reader, lists)
  for (const [i, { start, end, exact }] of ranges.entries()) {
    const last = i === ranges.length - 1
    const from = firstChunk(reader.flavour, start)
    const begin = exact ? from : findPart(walk, from, end)
    if (begin < 0) stopAt(walk, 'foreign', from)
    else walkRange(walk, begin, end, last)
    if (walk.row.stop !== 'foreign') break
  }
  compareNeighbours(walk)
  return walk.row
}

interface Walk {
  reader: HeapReader
  row: HeapRow
  top: number
  table: number
  free: Map<number, number> // by address: state and bin << 8
}

function mkWalk(reader: HeapReader, lists: FreeList[]): Walk {
  const { flavour, mainArena } = reader
  const free = new Map<number, number>()
  for (const { kind, bin, chunks } of lists) {
    const mark = CHUNK_STATES.indexOf(kind) + bin * 256
    for (const p of chunks) free.set(p, mark)
  }
  return {
    reader,
    row: { chunks: mkHeapChunks(), stop: 'noTop', stopAt: 0 },
    top: peekWord(reader, mainArena + flavour.arena.top) ?? 0,
    table: tcacheTable(reader) - flavour.header,
    free,
  }
}

function stopAt({ row }: Walk, stop: WalkStop, at: number): void {
  row.stop = stop
  row.stopAt = at
}

function walkRange(walk: Walk, from: number, end: number, last: boolean): void {
  const { reader, row, top } = walk
  const { flavour } = reader
  let fences = 0
  for (let p = from; ;) {
    if (row.chunks.count >= CHUNKS_KEPT) return stopAt(walk, 'limit', p)
    if (fences === 2) {
      const next = findPart(walk, p, end)
      if (next < 0) return stopAt(walk, 'foreign', p)
      if (next > p) addChunk(row.chunks, p, next - p, 0, FOREIGN, 0)
      p = next
      fences = 0
    }
    if (p >= end) return stopAt(walk, last ? 'noTop' : 'foreign', p)
    const head = peekWord(reader, p + flavour.word)
    const wrong = findWrongSize(flavour, head, end - p)
    if (wrong !== null) return stopAt(walk, wrong, p)
    const size = head! - (head! & SIZE_BITS)
    addKnown(walk, p, size, head! & SIZE_BITS)
    if (p === top) return stopAt(walk, 'top', 0)
    fences = size < flavour.minSize ? fences + 1 : 0
    p += size
  }
}

/** null: it can be a chunk's size. */
function findWrongSize(
  { header }: MallocFlavour,
  head: number | null,
  room: number,
): WalkStop | null {
  if (head === null) return 'missing'
  if (head < 0) return 'beyond'
  const size = head - (head & SIZE_BITS)
  if (size < header) return 'size'
  if (size % header !== 0) return 'unaligned' // i386: fenceposts and the top chunk are 8 modulo 16 long
  return size > room ? 'beyond' : null
}

function addKnown(walk: Walk, p: number, size: number, flags: number): void {
  const { reader, row, top, table, free } = walk
  const { flavour } = reader
  const mark = free.get(p)
  let state = USED
  if (p === top) state = TOP
  else if (mark !== undefined) state = mark & 255
  else if (size < flavour.minSize) state = FENCE
  else if (p === table && size >= tcacheTableBytes(flavour)) state = TABLE
  addChunk(row.chunks, p, size, flags, state, (mark ?? 0) >> 8)
}

/** Where chunks begin again, from `from` on; -1 if nowhere near. */
function findPart(walk: Walk, from: number, end: number): number {
  const { flavour } = walk.reader
  const limit = Math.min(end, from + SEARCHED)
  for (let p = firstChunk(flavour, from); p < limit; p += flavour.alignment)
    if (isPart(walk, p, end)) return p
  return -1
}

function isPart({ reader, top }: Walk, from: number, end: number): boolean {
  let p = from
  for (let seen = 0; seen < BELIEVED; seen++) {
    const head = peekWord(reader, p + reader.flavour.word)
    if (findWrongSize(reader.flavour, head, end - p) !== null) return false
    if (p === top) return true
    p += head! - (head! & SIZE_BITS)
  }
  return true
}

/** A chunk's state stands in three places: in the lists, in the next chunk's flag, and, when free, at its end. */
function compareNeighbours({ reader, row: { chunks } }: Walk): void {
  const { count, address, size, flags, state, odd } = chunks
  for (let i = 0; i + 1 < count; i++) {
    if (state[i + 1] === FOREIGN || state[i] === FOREIGN || state[i] === FENCE) continue
    if (address[i] + size[i] !== address[i + 1]) continue
    const free = state[i] >= UNSORTED && state[i] <= LARGE
    if (free === ((flags[i + 1] & PREV_INUSE) !== 0)) odd[i] |= ODD_INUSE
    if (free && peekWord(reader, address[i + 1]) !== size[i]) odd[i] |= ODD_FOOT
  }
}
