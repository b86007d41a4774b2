// What a heap panel is told: figures, a window of the list of chunks, the bins, one byte.

import { peekMangled, peekWord, type FreeList } from '@shared/libc/heapLists.ts'
import { CHUNK_STATES, type ChunkState } from '@shared/libc/heapWalk.ts'
import { PAGE_SHARED, PAGE_SWAP, PAGE_UNTOUCHED, PAGE_ZERO } from '@shared/proc/addressSpace.ts'
import { SIZE_BITS } from '@shared/libc/ptmalloc/chunk.ts'
import type { Heap } from '@shared/proc/heap.ts'
import { chunkRow, findChunk, heapByte } from '@shared/proc/heapByte.ts'
import { pagemap } from '@shared/proc/pagemap.ts'
import type { Room } from '@shared/room/room.ts'
import { pagesOf, type ChunkOrder, type HeapLook, type HeapSeen } from './heapLook.ts'
import type {
  HeapAnswer,
  HeapBin,
  HeapByteAnswer,
  HeapLinkRow,
  HeapPageState,
  HeapRows,
} from './protocol.ts'

const USER_BYTES = 16
const ROWS_MOST = 200
const LINKS_MOST = 64

export function heapAnswer(seen: HeapSeen): HeapAnswer {
  const { is, heap } = seen
  return { is, heap: heap === null ? null : summaryOf(seen, heap) }
}

function summaryOf({ runs }: HeapSeen, heap: Heap): NonNullable<HeapAnswer['heap']> {
  const { reader, row, mapped, ranges, top, m } = heap
  const { version, bits, word } = reader.flavour
  const { chunks, stop, stopAt } = row
  const odd = chunks.odd.subarray(0, chunks.count)
  const remainder = findChunk(heap, heap.lastRemainder)
  const pages = { anon: 0, shared: 0, zero: 0, swap: 0, untouched: 0 }
  for (const run of runs) {
    for (const state of pagesOf(heap, run).pages) pages[nameOf(state)]++
  }
  return {
    version,
    bits,
    word,
    pageSize: m.pageSize,
    start: ranges[0]?.start ?? 0,
    end: ranges[0]?.end ?? 0,
    chunks: chunks.count,
    mapped: mapped.count,
    mappedCounted: heap.mappedCounted,
    states: sumStates(heap),
    top,
    topSize: topSize(heap),
    lastRemainder: heap.lastRemainder,
    lastRemainderState: remainder < 0 ? null : chunkRow(heap, remainder).state,
    systemMem: heap.systemMem,
    stop: ranges.length === 0 ? 'top' : stop,
    stopAt,
    stopWord: stop === 'top' ? '' : wordText(heap, stopAt + word),
    odd: odd.reduce((count, one) => count + (one === 0 ? 0 : 1), 0),
    firstOdd: chunks.address[odd.findIndex((one) => one !== 0)] ?? 0,
    brokenLists: heap.lists.filter(({ broken }) => broken !== '').length,
    otherArenas: heap.otherArenas,
    pages,
  }
}

function nameOf(state: number): HeapPageState {
  if (state === PAGE_UNTOUCHED) return 'untouched'
  if (state === PAGE_SHARED) return 'shared'
  if (state === PAGE_ZERO) return 'zero'
  return state === PAGE_SWAP ? 'swap' : 'anon'
}

/** Also of a heap whose chunks can't be followed up to there. */
function topSize({ reader, top }: Heap): number {
  const head = top === 0 ? 0 : (peekWord(reader, top + reader.flavour.word) ?? 0)
  return Math.max(0, head - (head & SIZE_BITS))
}

function sumStates({ row, mapped }: Heap): { state: ChunkState; count: number; bytes: number }[] {
  const counts = new Float64Array(CHUNK_STATES.length)
  const bytes = new Float64Array(CHUNK_STATES.length)
  for (const { count, state, size } of [row.chunks, mapped]) {
    for (let i = 0; i < count; i++) {
      counts[state[i]]++
      bytes[state[i]] += size[i]
    }
  }
  return CHUNK_STATES.map((state, i) => ({ state, count: counts[i], bytes: bytes[i] }))
}

function wordText({ reader }: Heap, va: number): string {
  const low = reader.peek32(va)
  const high = reader.flavour.bits === 64 ? reader.peek32(va + 4) : 0
  if (low === null || high === null) return ''
  const hex = (half: number) => (half >>> 0).toString(16)
  return high === 0 ? `0x${hex(low)}` : `0x${hex(high)}${hex(low).padStart(8, '0')}`
}

/** A window of the list. `around`: an address; the window is moved so that its chunk is in it. */
export function heapRows(
  look: HeapLook,
  { heap }: HeapSeen,
  ask: { first: number; count: number; order: ChunkOrder },
  marked: ReadonlySet<number>,
): HeapRows {
  if (heap === null) return { all: 0, first: 0, rows: [] }
  const order = look.order(heap, ask.order)
  const all = heap.row.chunks.count + heap.mapped.count
  const first = Math.max(0, Math.min(ask.first, all - 1))
  const last = Math.min(all, first + Math.min(ROWS_MOST, ask.count))
  const rows: HeapRows['rows'] = []
  for (let at = first; at < last; at++) {
    const row = chunkRow(heap, order === null ? at : order[at])
    const bytes = heap.memory.bytes(row.user, Math.min(USER_BYTES, row.usable))
    rows.push({ ...row, bytes, marked: marked.has(row.address) })
  }
  return { all, first, rows }
}

/** Its place in the list by address, -1 if it is in no chunk. */
export function heapIndex({ heap }: HeapSeen, va: number): number {
  return heap === null ? -1 : findChunk(heap, va)
}

export function heapBins({ heap }: HeapSeen, most: number): HeapBin[] {
  if (heap === null) return []
  return heap.lists.map((list) => ({
    kind: list.kind,
    bin: list.bin,
    size: list.size,
    count: list.count,
    head: list.head,
    broken: list.broken,
    chunks: list.chunks
      .slice(0, Math.min(LINKS_MOST, most))
      .map((address) => linkRow(heap, list, address)),
    more: Math.max(0, list.chunks.length - Math.min(LINKS_MOST, most)),
  }))
}

function linkRow(heap: Heap, { kind }: FreeList, address: number): HeapLinkRow {
  const { reader } = heap
  const { header, word, safeLinking, mainArena, arena } = { ...reader.flavour, ...reader }
  const at = address + header
  const mangled = kind === 'tcache' || (kind === 'fast' && safeLinking)
  const inArena = (link: number | null) =>
    link !== null && link >= mainArena && link < mainArena + arena.size
  const next = mangled ? peekMangled(reader, at) : peekWord(reader, at)
  const back = kind === 'tcache' || kind === 'fast' ? null : peekWord(reader, at + word)
  const index = findChunk(heap, address)
  const chunk = index < 0 ? null : chunkRow(heap, index)
  return {
    address,
    size: chunk?.address === address ? chunk.size : 0, // a link may lead into the middle of one
    stored: wordText(heap, at),
    next,
    nextIsBin: inArena(next),
    mangled,
    back,
    backIsBin: inArena(back),
  }
}

export function byteAnswer(room: Room, { heap }: HeapSeen, va: number): HeapByteAnswer | null {
  const found = heap === null ? null : heapByte(heap, va)
  if (heap === null || found === null) return null
  return { ...found, page: pagemap(room.machine, heap.task, va, 1)[0] }
}
