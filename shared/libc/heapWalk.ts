// The heap as one who looks at it sees it: its chunks in a row, its lists of free chunks. Only reads, and takes no
// fault: what isn't there is told as missing.

import { FIRST_TCACHE_ENTRY, tcacheTableBytes } from './ptmalloc/tcache.ts'
import { NBINS, TCACHE_MAX_BINS, type MallocFlavour } from './ptmalloc/flavour.ts'
import { SIZE_BITS } from './ptmalloc/chunk.ts'

/** A process's memory for reading. */
export interface HeapReader {
  flavour: MallocFlavour
  mainArena: number
  peek32(va: number): number | null // signed; null: not there, or on no frame
}

export type ListKind = 'tcache' | 'fast' | 'unsorted' | 'small' | 'large'

/** A list of free chunks, from its head on. */
export interface FreeList {
  kind: ListKind
  bin: number // index within its kind; for unsorted, small and large the bin's number
  size: number // chunk size, 0 for unsorted and large
  count: number // what the thread cache counts; else the length
  chunks: number[] // addresses
  whole: boolean // false: broken off, after `limit` chunks or where a link leads nowhere
}

export type ChunkState = 'used' | 'table' | 'top' | 'fence' | ListKind

export interface HeapChunk {
  address: number
  size: number // without flags
  flags: number // PREV_INUSE, IS_MMAPPED, NON_MAIN_ARENA
  state: ChunkState
}

export interface HeapPart {
  chunks: HeapChunk[]
  next: number // address to go on from; 0 after the last chunk
  damaged: boolean // the row ends where a size makes no sense
}

/** A word, null if it isn't there. Words that no address or size can be are told as -1. */
function peekWord(reader: HeapReader, va: number): number | null {
  const low = reader.peek32(va)
  if (low === null || reader.flavour.bits === 32) return low === null ? null : low >>> 0
  const high = reader.peek32(va + 4)
  if (high === null) return null
  return high < 0 || high >= 0x8000 ? -1 : high * 0x1_0000_0000 + (low >>> 0)
}

/** A mangled pointer, plain. */
function peekMangled(reader: HeapReader, va: number): number | null {
  const low = reader.peek32(va)
  if (low === null) return null
  const plainLow = (low ^ (Math.floor(va / 4096) | 0)) >>> 0
  if (reader.flavour.bits === 32) return plainLow
  const high = reader.peek32(va + 4)
  if (high === null) return null
  const plainHigh = high ^ Math.floor(va / 0x1000_0000_0000)
  return plainHigh < 0 || plainHigh >= 0x8000 ? -1 : plainHigh * 0x1_0000_0000 + plainLow
}

/** All lists that hold something; of each at most `limit` chunks. */
export function heapBins(reader: HeapReader, limit: number): FreeList[] {
  const initialized = reader.peek32(reader.mainArena + reader.flavour.par.initialized)
  if (initialized === null || initialized === 0) return []
  return [...tcacheLists(reader, limit), ...fastLists(reader, limit), ...binLists(reader, limit)]
}

function follow(
  reader: HeapReader,
  list: FreeList,
  first: number | null,
  link: (p: number) => number | null,
  end: number,
  limit: number,
): void {
  let p = first
  while (p !== end) {
    if (p === null || p <= 0 || list.chunks.length >= limit) return
    list.chunks.push(p)
    p = link(p)
  }
  list.whole = true
}

function mkList(kind: ListKind, bin: number, size: number): FreeList {
  return { kind, bin, size, count: 0, chunks: [], whole: false }
}

function tcacheLists(reader: HeapReader, limit: number): FreeList[] {
  const { flavour, mainArena } = reader
  const table = flavour.tcache ? peekWord(reader, mainArena + flavour.par.tcache) : 0
  if (table === null || table <= 0) return []
  const lists: FreeList[] = []
  for (let i = 0; i < TCACHE_MAX_BINS; i++) {
    const list = mkList('tcache', i, flavour.minSize + i * flavour.alignment)
    const counts = reader.peek32(table + (i >> 1) * 4) ?? 0
    list.count = (counts >>> ((i & 1) * 16)) & 0xffff
    const first = peekWord(reader, table + FIRST_TCACHE_ENTRY + i * flavour.word)
    const link = (p: number): number | null => {
      const next = peekMangled(reader, p + flavour.header)
      return next === null || next <= 0 ? next : next - flavour.header
    }
    const start = first === null || first <= 0 ? first : first - flavour.header
    follow(reader, list, start, link, 0, Math.min(limit, list.count))
    if (list.count > 0) lists.push(list)
  }
  return lists
}

function fastLists(reader: HeapReader, limit: number): FreeList[] {
  const { flavour, mainArena } = reader
  const lists: FreeList[] = []
  for (let i = 0; i < flavour.nFastbins; i++) {
    const list = mkList('fast', i, (i + 2) << flavour.fastbinShift)
    const link = (p: number): number | null =>
      flavour.safeLinking
        ? peekMangled(reader, p + flavour.header)
        : peekWord(reader, p + flavour.header)
    const first = peekWord(reader, mainArena + flavour.arena.fastbins + i * flavour.word)
    follow(reader, list, first, link, 0, limit)
    list.count = list.chunks.length
    if (list.count > 0) lists.push(list)
  }
  return lists
}

function binLists(reader: HeapReader, limit: number): FreeList[] {
  const { flavour, mainArena } = reader
  const { header, alignment, smallbinCorrection } = flavour
  const lists: FreeList[] = []
  for (let i = 1; i < NBINS; i++) {
    const kind = i === 1 ? 'unsorted' : i < 64 ? 'small' : 'large'
    const size = kind === 'small' ? (i - smallbinCorrection) * alignment : 0
    const list = mkList(kind, i, size)
    const bin = mainArena + flavour.arena.bins + (i - 2) * header
    const link = (p: number): number | null => peekWord(reader, p + header)
    follow(reader, list, link(bin), link, bin, limit)
    list.count = list.chunks.length
    if (list.count > 0) lists.push(list)
  }
  return lists
}

/** The state of every chunk in the lists, by address: for heapChunks(). */
export function freeStates(lists: FreeList[]): Map<number, ListKind> {
  const states = new Map<number, ListKind>()
  for (const list of lists) {
    for (const p of list.chunks) states.set(p, list.kind)
  }
  return states
}

/** The heap's first chunk, if the heap starts at `heapStart`. */
export function firstChunk(flavour: MallocFlavour, heapStart: number): number {
  const misalign = (heapStart + flavour.header) & flavour.alignMask
  return misalign === 0 ? heapStart : heapStart + flavour.alignment - misalign
}

/** At most `limit` chunks from the one at `from` on, up to the top chunk or the break. */
export function heapChunks(
  reader: HeapReader,
  from: number,
  brk: number,
  states: Map<number, ListKind>,
  limit: number,
): HeapPart {
  const { flavour, mainArena } = reader
  const top = peekWord(reader, mainArena + flavour.arena.top)
  const table = flavour.tcache ? peekWord(reader, mainArena + flavour.par.tcache) : 0
  const part: HeapPart = { chunks: [], next: from, damaged: false }
  while (part.chunks.length < limit) {
    const p = part.next
    const head = p < brk ? peekWord(reader, p + flavour.word) : null
    const size = head === null || head < 0 ? 0 : head - (head & SIZE_BITS)
    if (head === null || size < flavour.header || p + size > brk) {
      part.next = 0
      part.damaged = p < brk
      return part
    }
    const state = stateOf(reader, p, size, top, table, states)
    part.chunks.push({ address: p, size, flags: head & SIZE_BITS, state })
    part.next = p === top ? 0 : p + size
    if (p === top) return part
  }
  return part
}

function stateOf(
  reader: HeapReader,
  p: number,
  size: number,
  top: number | null,
  table: number | null,
  states: Map<number, ListKind>,
): ChunkState {
  const { flavour } = reader
  if (p === top) return 'top'
  if (size < flavour.minSize) return 'fence'
  if (p + flavour.header === table && size >= tcacheTableBytes(flavour)) return 'table'
  return states.get(p) ?? 'used'
}
