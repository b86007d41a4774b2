// The lists of free chunks as one who looks at a heap sees them. Only reads, and takes no fault: what isn't there is
// told as missing, and a list that leads nowhere or round in a circle is told as broken.

import { FIRST_TCACHE_ENTRY } from './ptmalloc/tcache.ts'
import { NBINS, TCACHE_MAX_BINS, type MallocFlavour } from './ptmalloc/flavour.ts'

/** A process's memory for reading. */
export interface HeapReader {
  flavour: MallocFlavour
  mainArena: number
  peek32(va: number): number | null // signed; null: nothing is mapped there
}

export type ListKind = 'tcache' | 'fast' | 'unsorted' | 'small' | 'large'

/** Why a list ends before its end: it leads round, to where no memory is, or it is longer than was asked for. */
export type ListBreak = '' | 'circle' | 'nowhere' | 'limit'

/** A list of free chunks, from its head on. */
export interface FreeList {
  kind: ListKind
  bin: number // index within its kind; for unsorted, small and large the bin's number
  size: number // chunk size, 0 for unsorted and large
  count: number // what the thread cache counts; else the length
  head: number // where the list's head stands: in the arena or the thread cache's table
  chunks: number[] // addresses
  broken: ListBreak
}

/** A word, null if it isn't there. Words that no address or size can be are told as -1. */
export function peekWord(reader: HeapReader, va: number): number | null {
  const low = reader.peek32(va)
  if (low === null || reader.flavour.bits === 32) return low === null ? null : low >>> 0
  const high = reader.peek32(va + 4)
  if (high === null) return null
  return high < 0 || high >= 0x8000 ? -1 : high * 0x1_0000_0000 + (low >>> 0)
}

/** A mangled pointer, plain. */
export function peekMangled(reader: HeapReader, va: number): number | null {
  const low = reader.peek32(va)
  if (low === null) return null
  const plainLow = (low ^ (Math.floor(va / 4096) | 0)) >>> 0
  if (reader.flavour.bits === 32) return plainLow
  const high = reader.peek32(va + 4)
  if (high === null) return null
  const plainHigh = high ^ Math.floor(va / 0x1000_0000_0000)
  return plainHigh < 0 || plainHigh >= 0x8000 ? -1 : plainHigh * 0x1_0000_0000 + plainLow
}

/** Has malloc been called yet? */
export function isInitialized(reader: HeapReader): boolean {
  const initialized = reader.peek32(reader.mainArena + reader.flavour.par.initialized)
  return initialized !== null && initialized !== 0
}

/** The thread cache's table, as the user's pointer that it is; 0 if there is none. */
export function tcacheTable(reader: HeapReader): number {
  const { flavour, mainArena } = reader
  const table = flavour.tcache ? peekWord(reader, mainArena + flavour.par.tcache) : 0
  return table === null || table < 0 ? 0 : table
}

/** All lists that hold something; of each at most `limit` chunks. */
export function heapLists(reader: HeapReader, limit: number): FreeList[] {
  if (!isInitialized(reader)) return []
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
  const seen = new Set<number>()
  for (let p = first; p !== end; p = link(p)) {
    if (p === null || p <= 0 || !mayBeChunk(reader, p)) list.broken = 'nowhere'
    else if (seen.has(p)) list.broken = 'circle'
    else if (seen.size >= limit) list.broken = 'limit'
    if (list.broken !== '' || p === null) return
    seen.add(p)
    list.chunks.push(p)
  }
}

/** Malloc aligns its chunks, and they have memory. */
function mayBeChunk(reader: HeapReader, p: number): boolean {
  const { header, alignMask, word } = reader.flavour
  return ((p + header) & alignMask) === 0 && reader.peek32(p + word) !== null
}

function mkList(kind: ListKind, bin: number, size: number, head: number): FreeList {
  return { kind, bin, size, count: 0, head, chunks: [], broken: '' }
}

function tcacheLists(reader: HeapReader, limit: number): FreeList[] {
  const { flavour } = reader
  const table = tcacheTable(reader)
  if (table === 0) return []
  const lists: FreeList[] = []
  for (let i = 0; i < TCACHE_MAX_BINS; i++) {
    const head = table + FIRST_TCACHE_ENTRY + i * flavour.word
    const list = mkList('tcache', i, flavour.minSize + i * flavour.alignment, head)
    const counts = reader.peek32(table + (i >> 1) * 4) ?? 0
    list.count = (counts >>> ((i & 1) * 16)) & 0xffff
    if (list.count === 0) continue
    const chunkOf = (mem: number | null): number | null =>
      mem === null || mem <= 0 ? mem : mem - flavour.header
    const link = (p: number): number | null =>
      list.chunks.length >= list.count ? 0 : chunkOf(peekMangled(reader, p + flavour.header))
    follow(reader, list, chunkOf(peekWord(reader, head)), link, 0, limit)
    // The counter decides how many there are, not the links.
    if (list.broken === '' && list.chunks.length < list.count) list.broken = 'nowhere'
    lists.push(list)
  }
  return lists
}

function fastLists(reader: HeapReader, limit: number): FreeList[] {
  const { flavour, mainArena } = reader
  const lists: FreeList[] = []
  for (let i = 0; i < flavour.nFastbins; i++) {
    const head = mainArena + flavour.arena.fastbins + i * flavour.word
    const list = mkList('fast', i, (i + 2) << flavour.fastbinShift, head)
    const link = (p: number): number | null =>
      flavour.safeLinking
        ? peekMangled(reader, p + flavour.header)
        : peekWord(reader, p + flavour.header)
    follow(reader, list, peekWord(reader, head), link, 0, limit)
    list.count = list.chunks.length
    if (list.count > 0 || list.broken !== '') lists.push(list)
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
    const bin = mainArena + flavour.arena.bins + (i - 2) * header
    const list = mkList(kind, i, size, bin)
    const link = (p: number): number | null => peekWord(reader, p + header)
    // 2.13 begins with an arena of zeros: the bins are made with the first request.
    const first = link(bin)
    if (first === 0) continue
    follow(reader, list, first, link, bin, limit)
    list.count = list.chunks.length
    if (list.count > 0 || list.broken !== '') lists.push(list)
  }
  return lists
}
