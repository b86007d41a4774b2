// A process's memory at one moment: what a statement's story compares, before and after.

import { ptePfn, ptePresent, pteSwap, swapSlot, type Pte } from '@shared/hw/mmu.ts'
import { FRAME_ZERO, viewBytes, type Ram } from '@shared/hw/ram.ts'
import { mkHeapChunks, type HeapChunks } from '@shared/libc/heapWalk.ts'
import { deviceOf } from '@shared/mm/swapfile.ts'
import { vmasOf } from '@shared/mm/vma.ts'
import { heapIs, scanHeap, type Heap } from '@shared/proc/heap.ts'
import { vmaName, vmaPermissions } from '@shared/proc/maps.ts'
import { walkPageRange } from '@shared/proc/pageWalk.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Mm } from '@shared/state/mm.ts'
import type { Task } from '@shared/state/task.ts'

export interface Mapping {
  start: number
  end: number
  name: string
  permissions: string // rw-p
}

export interface Moment {
  mmId: number // execve() brings another one
  pageSize: number
  zeroPfn: number
  brk: number
  frames: number // that it maps, as its RSS has it
  tables: number // frames of page tables
  chunks: HeapChunks
  mapped: HeapChunks
  header: number
  word: number
  brokenLists: number // of free chunks
  damagedAt: number // the chunk whose size field can't be, 0: all could be read
  mappings: Mapping[]
  pages: Map<number, Pte> // by address, in the order of addresses
  shared: Set<number> // addresses of pages whose frame others map, too
}

/** What stood in the pages of the heap; null: zeros. A page that is missing was not kept. */
export type Contents = Map<number, Uint8Array | null>

const BYTES_KEPT = 2 ** 24

export function momentOf(m: Machine, task: Task): Moment {
  const mm = task.mm!
  const heap = heapIs(m, task) === 'there' ? scanHeap(m, task) : null
  const mappings: Mapping[] = []
  const pages = new Map<number, Pte>()
  const shared = new Set<number>()
  for (const vma of vmasOf(mm)) {
    const { start, end } = vma
    mappings.push({
      start,
      end,
      name: vmaName(vma) || bssName(mappings.at(-1), start),
      permissions: vmaPermissions(vma),
    })
    walkPageRange(m, mm, start, end, (va, pte) => {
      pages.set(va, pte)
      if (ptePresent(pte) && m.zone.page.mapcount[ptePfn(pte)] > 1) shared.add(va)
    })
  }
  return {
    mmId: mm.id,
    pageSize: m.pageSize,
    zeroPfn: m.zeroPfn,
    brk: mm.brk,
    frames: residentFrames(mm),
    tables: mm.pageTables,
    chunks: heap?.row.chunks ?? mkHeapChunks(1),
    mapped: heap?.mapped ?? mkHeapChunks(1),
    header: heap?.reader.flavour.header ?? 0,
    word: heap?.reader.flavour.word ?? 0,
    brokenLists: heap?.lists.filter(({ broken }) => broken !== '').length ?? 0,
    damagedAt: heap === null || !isDamaged(heap) ? 0 : heap.row.stopAt,
    mappings,
    pages,
    shared,
  }
}

/** What a file does not hold: variables that begin as zeros lie directly behind the others. */
function bssName(before: Mapping | undefined, start: number): string {
  if (before?.end !== start || !before.name.startsWith('/')) return ''
  return `${before.name} (bss)`
}

export function residentFrames({ rssAnon, rssFile, rssShmem }: Mm): number {
  return rssAnon + rssFile + rssShmem
}

function isDamaged({ ranges, row: { stop } }: Heap): boolean {
  return ranges.length > 0 && !['top', 'foreign', 'limit'].includes(stop)
}

/** Where malloc's chunks lie, page by page. */
export function* heapPages({ chunks, mapped, pageSize, pages }: Moment): Generator<number> {
  for (const [from, to, of] of areasOf(chunks, mapped)) {
    const { address, size } = of
    const end = address[to - 1] + size[to - 1]
    for (let va = address[from] - (address[from] % pageSize); va < end; va += pageSize)
      if (pages.has(va)) yield va
  }
}

function areasOf(chunks: HeapChunks, mapped: HeapChunks): [number, number, HeapChunks][] {
  const areas: [number, number, HeapChunks][] = []
  if (chunks.count > 0) areas.push([0, chunks.count, chunks])
  for (let i = 0; i < mapped.count; i++) areas.push([i, i + 1, mapped])
  return areas
}

/** A copy of what stands in the heap's pages, up to so many bytes. */
export function contentsOf(m: Machine, moment: Moment): Contents {
  const contents: Contents = new Map()
  let kept = 0
  for (const va of heapPages(moment)) {
    const bytes = pageBytes(m, moment.pages.get(va)!)
    if (bytes !== null && (kept += bytes.length) > BYTES_KEPT) break
    contents.set(va, bytes === null ? null : bytes.slice())
  }
  return contents
}

/** The bytes themselves, null: all zero. */
export function pageBytes(m: Machine, pte: Pte): Uint8Array | null {
  if (ptePresent(pte)) return bytesOf(m.ram, ptePfn(pte))
  return pteSwap(pte) ? bytesOf(deviceOf(m, pte).ram, swapSlot(pte)) : null
}

function bytesOf(ram: Ram, pfn: number): Uint8Array | null {
  return ram.dirty[pfn] === FRAME_ZERO ? null : viewBytes(ram, pfn, 0, 2 ** ram.pageShift)
}
