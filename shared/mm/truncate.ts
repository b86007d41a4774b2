// Pages that leave a file: its end moves, or a hole is made. Whoever maps them loses them, private copies too when the
// file gets shorter (mm/truncate.c, unmap_mapping_range in mm/memory.c).

import { ptePfn, ptePresent } from '../hw/mmu.ts'
import { markDirty, viewBytes } from '../hw/ram.ts'
import type { Inode } from '../state/inode.ts'
import type { Machine } from '../state/machine.ts'
import type { Vma } from '../state/mm.ts'
import { NO_PFN, PG_ANON } from '../state/page.ts'
import { dropPages, findPage, setPageDirty } from './filemap.ts'
import { forEachPte, unmapPageRange } from './memory.ts'

/** truncate(2): the new length in bytes. What lies beyond reads as zero if the file grows again. */
export function truncateInode(m: Machine, inode: Inode, size: number): void {
  const first = Math.ceil(size / m.pageSize)
  if (size < inode.size) {
    for (const vma of inode.mappings.values())
      unmapFrom(m, vma, first, Number.MAX_SAFE_INTEGER, true)
    dropPages(m, inode, first, Infinity)
    clearTail(m, inode, size)
  } else clearTail(m, inode, inode.size)
  inode.size = size
}

/** Pages [first, end) read as zero from now on; private copies of them stay. */
export function punchHole(m: Machine, inode: Inode, first: number, end: number): void {
  for (const vma of inode.mappings.values()) unmapFrom(m, vma, first, end, false)
  dropPages(m, inode, first, end)
}

function unmapFrom(m: Machine, vma: Vma, first: number, end: number, copies: boolean): void {
  const from = Math.max(vma.start, vma.start + (first - vma.pgoff) * m.pageSize)
  const to = Math.min(vma.end, vma.start + (end - vma.pgoff) * m.pageSize)
  if (from >= to) return
  if (copies) {
    unmapPageRange(m, vma, from, to)
    return
  }
  const own: number[] = []
  forEachPte(m, vma.mm, from, to, (va, _ptep, pte) => {
    if (ptePresent(pte) && (m.zone.page.flags[ptePfn(pte)] & PG_ANON) === 0) own.push(va)
  })
  for (const va of own) unmapPageRange(m, vma, va, va + m.pageSize)
}

/** The rest of the last page reads as zero. */
function clearTail(m: Machine, inode: Inode, size: number): void {
  const offset = size % m.pageSize
  const pfn = findPage(inode, Math.floor(size / m.pageSize))
  if (offset === 0 || pfn === NO_PFN) return
  markDirty(m.ram, pfn)
  viewBytes(m.ram, pfn, offset, m.pageSize - offset).fill(0)
  setPageDirty(m, pfn)
}
