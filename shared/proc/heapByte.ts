// What one byte of a heap is: a size with flags, a link, what a freed block has left behind, the user's own.

import { peekMangled, peekWord, tcacheTable } from '../libc/heapLists.ts'
import { CHUNK_STATES, chunkIndexAt, type ChunkState } from '../libc/heapWalk.ts'
import { IS_MMAPPED, PREV_INUSE } from '../libc/ptmalloc/chunk.ts'
import { FIRST_TCACHE_ENTRY, tcacheTableBytes } from '../libc/ptmalloc/tcache.ts'
import { followPte } from '../mm/pgtable.ts'
import type { Vaddr } from '../state/mm.ts'
import type { Heap } from './heap.ts'

/** A chunk with what one wants to know of it at a glance. */
export interface ChunkRow {
  index: number // among the heap's; mapped chunks follow
  address: Vaddr
  size: number
  flags: number
  state: ChunkState
  bin: number
  odd: number // ODD_*
  user: Vaddr // where the user's bytes begin
  usable: number // how many they are
}

export type ByteRole =
  | 'prevSize' // the size of the chunk before, which is free
  | 'prevNone' // the same place of the first chunk
  | 'prevUser' // the same place while that one is in use: its last bytes
  | 'mappedOffset' // prev_size of a mapped chunk
  | 'size'
  | 'fd'
  | 'bk'
  | 'fdNextsize'
  | 'bkNextsize'
  | 'tcacheNext'
  | 'fastNext' // fd of a fast chunk: its only link
  | 'tcacheKey'
  | 'tcacheCount'
  | 'tcacheEntry'
  | 'user'
  | 'stale' // a free block's bytes: what its last user left
  | 'untouched' // the same in a page that has never been touched, or was given back
  | 'top' // never handed out, or taken back
  | 'fence'
  | 'foreign'

export interface HeapByte {
  va: Vaddr
  byte: number | null // null: it can't be known
  chunk: ChunkRow
  before: Vaddr // the chunk before and the one behind, 0 if there is none
  behind: Vaddr
  role: ByteRole
  from: Vaddr // the field or run of bytes that it belongs to
  length: number
  word: string // the field in hex as it is stored; '' if it is no word
  link: Vaddr | null // where a link leads; 0: to nowhere
  plain: boolean // the link is stored as it is, not mangled
  linkIsBin: boolean // it leads to the list's head in the arena
  value: number // a counter's or a size's; 0 for others
  bin: number // of the thread cache's table: the list; -1 for others
  listSize: number // of the chunks in that list; 0 for others
}

export function chunkRow(heap: Heap, index: number): ChunkRow {
  const { row, mapped, reader } = heap
  const own = index < row.chunks.count
  const chunks = own ? row.chunks : mapped
  const i = own ? index : index - row.chunks.count
  const state = CHUNK_STATES[chunks.state[i]]
  return {
    index,
    address: chunks.address[i],
    size: chunks.size[i],
    flags: chunks.flags[i],
    state,
    bin: chunks.bin[i],
    odd: chunks.odd[i],
    user: chunks.address[i] + reader.flavour.header,
    usable: usableSize(heap, state, chunks.size[i]),
  }
}

/** malloc_usable_size(): the next chunk's prev_size is the user's as well, except in a mapping. */
function usableSize({ reader: { flavour } }: Heap, state: ChunkState, size: number): number {
  if (state === 'fence' || state === 'foreign') return 0
  const extra = state === 'mmapped' || state === 'top' ? 0 : flavour.word
  return Math.max(0, size - flavour.header + extra)
}

/** Its number among all chunks, -1 if it is in none. */
export function findChunk({ row, mapped }: Heap, va: Vaddr): number {
  const own = chunkIndexAt(row.chunks, va)
  if (own >= 0) return own
  const other = chunkIndexAt(mapped, va)
  return other < 0 ? -1 : row.chunks.count + other
}

/** null: it is in no chunk. */
export function heapByte(heap: Heap, va: Vaddr): HeapByte | null {
  const index = findChunk(heap, va)
  if (index < 0) return null
  const chunk = chunkRow(heap, index)
  const field = findField(heap, chunk, va)
  const { bits } = heap.reader.flavour
  const isWord = !['user', 'stale', 'top', 'fence', 'foreign', 'tcacheCount', 'untouched'].includes(
    field.role,
  )
  return {
    va,
    byte: heap.memory.peek8(va),
    chunk,
    before: neighbour(heap, index, -1),
    behind: neighbour(heap, index, 1),
    ...field,
    word: isWord ? wordText(heap, field.from, bits) : '',
    ...linkOf(heap, field.role, field.from),
    value: valueOf(heap, field.role, field.from),
    ...tableList(heap, field.role, field.from),
  }
}

function neighbour({ row, mapped }: Heap, index: number, step: number): Vaddr {
  const at = index + step
  const { count } = row.chunks
  if (at < 0 || at >= count + mapped.count) return 0
  return at < count ? row.chunks.address[at] : mapped.address[at - count]
}

interface Field {
  role: ByteRole
  from: Vaddr
  length: number
}

function findField(heap: Heap, chunk: ChunkRow, va: Vaddr): Field {
  const { word, header, minLargeSize } = heap.reader.flavour
  const { address, size, state, user } = chunk
  const field = (role: ByteRole, from: Vaddr, length = word): Field => ({ role, from, length })
  if (state === 'foreign') return field('foreign', address, size)
  if (va < address + word) return field(prevSizeRole(heap, chunk), address)
  if (va < user) return field('size', address + word)
  if (state === 'fence') return field('fence', address, size)
  const slot = user + Math.floor((va - user) / word) * word
  const n = (slot - user) / word
  if (state === 'table') return tableField(heap, chunk, va)
  if (state === 'tcache' && n < 2) return field(n === 0 ? 'tcacheNext' : 'tcacheKey', slot)
  if (state === 'fast' && n === 0) return field('fastNext', slot)
  if (state === 'unsorted' || state === 'small' || state === 'large') {
    if (n < 2) return field(n === 0 ? 'fd' : 'bk', slot)
    if (size >= minLargeSize && n < 4) return field(n === 2 ? 'fdNextsize' : 'bkNextsize', slot)
  }
  const links = linkBytes(heap, chunk)
  const from = user + links
  const length = address + size - from
  if (state === 'used' || state === 'mmapped') return field('user', user, size - header)
  if (!isTouched(heap, va)) return field('untouched', from, length)
  return field(state === 'top' ? 'top' : 'stale', from, length)
}

function linkBytes(heap: Heap, { state, size }: ChunkRow): number {
  const { word, minLargeSize } = heap.reader.flavour
  if (state === 'fast') return word
  if (state === 'tcache') return 2 * word
  if (state === 'unsorted' || state === 'small' || state === 'large')
    return (size >= minLargeSize ? 4 : 2) * word
  return 0
}

function prevSizeRole({ row }: Heap, { index, flags, address, state }: ChunkRow): ByteRole {
  if ((flags & IS_MMAPPED) !== 0 && state === 'mmapped') return 'mappedOffset'
  if ((flags & PREV_INUSE) === 0) return 'prevSize'
  const before = index - 1
  const isFirst = index === 0 || row.chunks.address[before] + row.chunks.size[before] !== address
  return isFirst ? 'prevNone' : 'prevUser'
}

function tableField(heap: Heap, chunk: ChunkRow, va: Vaddr): Field {
  const { flavour } = heap.reader
  const table = tcacheTable(heap.reader)
  const offset = va - table
  if (offset < FIRST_TCACHE_ENTRY) {
    return { role: 'tcacheCount', from: va - (offset % 2), length: 2 }
  }
  if (offset < tcacheTableBytes(flavour)) {
    return { role: 'tcacheEntry', from: va - (offset % flavour.word), length: flavour.word }
  }
  return { role: 'user', from: table, length: chunk.size - flavour.header }
}

function isTouched({ m, mm }: Heap, va: Vaddr): boolean {
  return followPte(m, mm, va) !== 0
}

function wordText({ reader }: Heap, va: Vaddr, bits: 64 | 32): string {
  const low = reader.peek32(va)
  const high = bits === 64 ? reader.peek32(va + 4) : 0
  if (low === null || high === null) return ''
  const hex = (half: number): string => (half >>> 0).toString(16)
  if (high === 0) return `0x${hex(low)}`
  return `0x${hex(high)}${hex(low).padStart(8, '0')}`
}

function linkOf(
  heap: Heap,
  role: ByteRole,
  from: Vaddr,
): Pick<HeapByte, 'link' | 'plain' | 'linkIsBin'> {
  const { reader } = heap
  const { flavour, mainArena } = reader
  const links: ByteRole[] = ['fd', 'bk', 'fdNextsize', 'bkNextsize', 'tcacheEntry']
  const mangled = role === 'tcacheNext' || (role === 'fastNext' && flavour.safeLinking)
  if (!mangled && !links.includes(role) && role !== 'fastNext')
    return { link: null, plain: true, linkIsBin: false }
  const link = mangled ? peekMangled(reader, from) : peekWord(reader, from)
  const linkIsBin = link !== null && link >= mainArena && link < mainArena + flavour.arena.size
  return { link, plain: !mangled, linkIsBin }
}

function valueOf({ reader }: Heap, role: ByteRole, from: Vaddr): number {
  if (role === 'tcacheCount') {
    const pair = reader.peek32(from - (from % 4)) ?? 0
    return (pair >>> ((from % 4) * 8)) & 0xffff
  }
  if (role === 'size' || role === 'prevSize' || role === 'mappedOffset')
    return Math.max(0, peekWord(reader, from) ?? 0)
  return 0
}

/** The thread cache's list that a counter or head in its table is of. */
function tableList(
  { reader }: Heap,
  role: ByteRole,
  from: Vaddr,
): Pick<HeapByte, 'bin' | 'listSize'> {
  if (role !== 'tcacheCount' && role !== 'tcacheEntry') return { bin: -1, listSize: 0 }
  const { word, minSize, alignment } = reader.flavour
  const offset = from - tcacheTable(reader)
  const bin = role === 'tcacheCount' ? offset / 2 : (offset - FIRST_TCACHE_ENTRY) / word
  return { bin, listSize: minSize + bin * alignment }
}
