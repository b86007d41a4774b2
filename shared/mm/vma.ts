// Finding VMAs: mm.vmas is sorted and disjoint, so by bisection.

import {
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_SHARED,
  VM_WRITE,
  type Mm,
  type Vaddr,
  type Vma,
} from '../state/mm.ts'

/** Index of the first VMA that ends above the address; vmas.length if there is none. */
export function findVmaIndex(mm: Mm, va: Vaddr): number {
  const { vmas } = mm
  let low = 0
  let high = vmas.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (vmas[middle].end > va) high = middle
    else low = middle + 1
  }
  return low
}

/** The first VMA that ends above the address (it may start above it as well), as the kernel's find_vma(). */
export function findVma(mm: Mm, va: Vaddr): Vma | undefined {
  return mm.vmas[findVmaIndex(mm, va)]
}

/** The VMA that holds the address. */
export function vmaLookup(mm: Mm, va: Vaddr): Vma | undefined {
  const vma = findVma(mm, va)
  return vma !== undefined && vma.start <= va ? vma : undefined
}

/** Whether any VMA has an address in [start, end). */
export function findVmaIntersection(mm: Mm, start: Vaddr, end: Vaddr): Vma | undefined {
  const vma = findVma(mm, start)
  return vma !== undefined && vma.start < end ? vma : undefined
}

export function vmaPages(vma: Vma): number {
  return (vma.end - vma.start) / vma.mm.pageSize
}

/** Private writable memory of the process's own, not the stack: what VmData counts. */
export function isDataMapping(flags: number): boolean {
  return (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) === VM_WRITE
}

/** Whether the pages of such a mapping are promised in full when it is made (accountable_mapping, mm/mmap.c). */
export function isAccountable(flags: number): boolean {
  return (flags & VM_ACCOUNT) !== 0
}
