// A process's address space to look at: its mappings, and what has become of their pages.

import { ptePfn, ptePresent, pteSwap, type Pte } from '../hw/mmu.ts'
import { vmasOf } from '../mm/vma.ts'
import type { Machine } from '../state/machine.ts'
import type { Vaddr, Vma } from '../state/mm.ts'
import type { Task } from '../state/task.ts'
import { FRAME_FILE, FRAME_ZERO, frameKind } from './frames.ts'
import { vmaName, vmaPermissions } from './maps.ts'
import { walkPageRange } from './pageWalk.ts'

// What has become of a page.
export const PAGE_UNTOUCHED = 0
export const PAGE_ANON = 1 // in a frame that nobody else maps
export const PAGE_SHARED = 2 // in a frame that several page tables point at
export const PAGE_FILE = 3 // in a frame of the page cache
export const PAGE_ZERO = 4 // reads as the zero page
export const PAGE_SWAP = 5
const PAGE_STATES = 6

export interface Region {
  start: Vaddr
  end: Vaddr
  permissions: string // 'rw-p'
  name: string // '[heap]', a file's path, '' for anonymous memory
  pages: number[] // by PAGE_*
  cells: string // a digit, PAGE_*, for each page, or for every so many what most of those touched are
}

/** The mappings, lowest address first, each in at most `cells` cells. */
export function addressSpace(m: Machine, { mm }: Task, cells: number): Region[] {
  return vmasOf(mm).map((vma) => regionOf(m, vma, cells))
}

function regionOf(m: Machine, vma: Vma, most: number): Region {
  const { start, end } = vma
  const size = (end - start) / m.pageSize
  const perCell = Math.ceil(size / most)
  const counts = new Uint32Array(Math.ceil(size / perCell) * PAGE_STATES)
  const pages = new Array<number>(PAGE_STATES).fill(0)
  pages[PAGE_UNTOUCHED] = size
  walkPageRange(m, vma.mm, start, end, (va, pte) => {
    const state = pageState(m, pte)
    const cell = Math.floor((va - start) / m.pageSize / perCell)
    pages[PAGE_UNTOUCHED]--
    pages[state]++
    counts[cell * PAGE_STATES + state]++
  })
  let text = ''
  for (let at = 0; at < counts.length; at += PAGE_STATES) {
    let state = PAGE_UNTOUCHED
    for (let other = 1; other < PAGE_STATES; other++)
      if (counts[at + other] > counts[at + state]) state = other
    text += state
  }
  return { start, end, permissions: vmaPermissions(vma), name: vmaName(vma), pages, cells: text }
}

/** PAGE_*: what a page-table entry says of its page. */
export function pageState(m: Machine, pte: Pte): number {
  if (pteSwap(pte)) return PAGE_SWAP
  if (!ptePresent(pte)) return PAGE_UNTOUCHED
  const pfn = ptePfn(pte)
  const kind = frameKind(m, pfn)
  if (kind === FRAME_ZERO) return PAGE_ZERO
  if (kind === FRAME_FILE) return PAGE_FILE
  return m.zone.page.mapcount[pfn] > 1 ? PAGE_SHARED : PAGE_ANON
}
