// madvise(): what a process says about its memory, and what the kernel does at once (mm/madvise.c).

import { EACCES, EFAULT, EINVAL, ENOMEM } from '../lib/errno.ts'
import { roundUp } from '../lib/bits.ts'
import { PTE_ACCESSED, PTE_DIRTY, ptePfn, pteSwap } from '../hw/mmu.ts'
import type { Machine } from '../state/machine.ts'
import {
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_FAULT_OOM,
  VM_LOCKED,
  VM_MAYWRITE,
  VM_RAND_READ,
  VM_READ,
  VM_SEQ_READ,
  VM_SHARED,
  VM_WIPEONFORK,
  VM_WRITE,
  type Vaddr,
  type Vma,
} from '../state/mm.ts'
import {
  PG_ACTIVE,
  PG_DIRTY,
  PG_REFERENCED,
  PG_SWAPBACKED,
  PG_SWAPCACHE,
  PG_UNEVICTABLE,
} from '../state/page.ts'
import type { Task } from '../state/task.ts'
import { lruMove } from './lru.ts'
import { forEachPte, isAnonymous, unmapPageRange } from './memory.ts'
import { modifyVmas } from './mmap.ts'
import { populateVma } from './mlock.ts'
import { freeEmptyTables, setPte } from './pgtable.ts'
import { freeSwapAndCache, freeSwapOf } from './swapState.ts'
import { punchHole } from './truncate.ts'
import { findVma } from './vma.ts'

// include/uapi/asm-generic/mman-common.h
export const MADV_NORMAL = 0
export const MADV_RANDOM = 1
export const MADV_SEQUENTIAL = 2
export const MADV_WILLNEED = 3
export const MADV_DONTNEED = 4
export const MADV_FREE = 8
export const MADV_REMOVE = 9
export const MADV_DONTFORK = 10
export const MADV_DOFORK = 11
export const MADV_DONTDUMP = 16
export const MADV_DODUMP = 17
export const MADV_WIPEONFORK = 18
export const MADV_KEEPONFORK = 19
export const MADV_POPULATE_READ = 22
export const MADV_POPULATE_WRITE = 23

/** What some advices make of a VMA's flags. */
const flagChanges: Record<number, { clear: number; set: number }> = {
  [MADV_NORMAL]: { clear: VM_RAND_READ | VM_SEQ_READ, set: 0 },
  [MADV_RANDOM]: { clear: VM_SEQ_READ, set: VM_RAND_READ },
  [MADV_SEQUENTIAL]: { clear: VM_RAND_READ, set: VM_SEQ_READ },
  [MADV_DONTFORK]: { clear: 0, set: VM_DONTCOPY },
  [MADV_DOFORK]: { clear: VM_DONTCOPY, set: 0 },
  [MADV_DONTDUMP]: { clear: 0, set: VM_DONTDUMP },
  [MADV_DODUMP]: { clear: VM_DONTDUMP, set: 0 },
  [MADV_WIPEONFORK]: { clear: 0, set: VM_WIPEONFORK },
  [MADV_KEEPONFORK]: { clear: VM_WIPEONFORK, set: 0 },
}

const known = new Set([
  ...Object.keys(flagChanges).map(Number),
  MADV_WILLNEED,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_REMOVE,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
])

/** madvise(2). Holes in the range are passed over and make it -ENOMEM in the end. */
export function doMadvise(
  m: Machine,
  task: Task,
  start: Vaddr,
  length: number,
  advice: number,
): number {
  if (!known.has(advice) || start % m.pageSize !== 0) return -EINVAL
  const end = start + roundUp(length, m.pageSize)
  if (!(end >= start)) return -EINVAL
  if (end === start) return 0
  if (advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE) {
    return populateRange(m, task, start, end, advice === MADV_POPULATE_WRITE)
  }
  const mm = task.mm!
  let holes = false
  let va = start
  while (va < end) {
    const vma = findVma(mm, va)
    if (vma === undefined || vma.start >= end) {
      holes = true
      break
    }
    if (vma.start > va) {
      holes = true
      va = vma.start
    }
    const stop = Math.min(end, vma.end)
    const error = advise(m, vma, va, stop, advice)
    if (error < 0) return error
    va = stop
  }
  return holes ? -ENOMEM : 0
}

function advise(m: Machine, vma: Vma, start: Vaddr, end: Vaddr, advice: number): number {
  switch (advice) {
    case MADV_WILLNEED:
      return 0
    case MADV_DONTNEED:
      if ((vma.flags & VM_LOCKED) !== 0) return -EINVAL
      unmapPageRange(m, vma, start, end)
      freeEmptyTables(m, vma.mm, start, end)
      return 0
    case MADV_FREE:
      return madviseFree(m, vma, start, end)
    case MADV_REMOVE:
      return madviseRemove(m, vma, start, end)
    default:
      return changeFlags(m, vma, start, end, advice)
  }
}

function changeFlags(m: Machine, vma: Vma, start: Vaddr, end: Vaddr, advice: number): number {
  if (advice === MADV_WIPEONFORK && (vma.file !== null || (vma.flags & VM_SHARED) !== 0))
    return -EINVAL
  if ((advice === MADV_DOFORK || advice === MADV_DODUMP) && vma.special !== '') return -EINVAL
  const { clear, set } = flagChanges[advice]
  return modifyVmas(
    m,
    vma.mm,
    start,
    end,
    ({ flags }) => (flags & ~clear) | set,
    () => {},
  )
}

/** The pages may be dropped when memory is short: clean from now on, until written again. */
function madviseFree(m: Machine, vma: Vma, start: Vaddr, end: Vaddr): number {
  if (!isAnonymous(vma) || (vma.flags & VM_LOCKED) !== 0) return -EINVAL
  const { zone } = m
  forEachPte(m, vma.mm, start, end, (va, ptep, pte) => {
    const pfn = ptePfn(pte)
    if (pteSwap(pte)) {
      setPte(m, vma.mm, va, ptep, 0)
      vma.mm.swapEnts--
      freeSwapAndCache(m, pte)
    } else if (pfn !== m.zeroPfn) {
      const flags = zone.page.flags[pfn]
      if ((flags & (PG_SWAPCACHE | PG_DIRTY)) !== 0) {
        if (zone.page.mapcount[pfn] !== 1) return // somebody else's as well
        if ((flags & PG_SWAPCACHE) !== 0 && !freeSwapOf(m, pfn)) return
        zone.page.flags[pfn] &= ~PG_DIRTY
      }
      setPte(m, vma.mm, va, ptep, pte & ~(PTE_DIRTY | PTE_ACCESSED))
      if ((flags & (PG_SWAPBACKED | PG_UNEVICTABLE)) !== PG_SWAPBACKED) return
      lruMove(zone, pfn, PG_SWAPBACKED | PG_ACTIVE | PG_REFERENCED, 0)
      m.vmstat.pglazyfree++
    }
  })
  return 0
}

/** Makes a hole in the file behind a shared mapping that might be made writable. */
function madviseRemove(m: Machine, vma: Vma, start: Vaddr, end: Vaddr): number {
  if ((vma.flags & VM_LOCKED) !== 0 || vma.file === null) return -EINVAL
  if ((vma.flags & (VM_SHARED | VM_MAYWRITE)) !== (VM_SHARED | VM_MAYWRITE)) return -EACCES
  const first = vma.pgoff + (start - vma.start) / m.pageSize
  punchHole(m, vma.file, first, first + (end - start) / m.pageSize)
  return 0
}

/** MADV_POPULATE_READ, MADV_POPULATE_WRITE: faults in, and says what went wrong. */
function populateRange(m: Machine, task: Task, start: Vaddr, end: Vaddr, write: boolean): number {
  const mm = task.mm!
  let va = start
  while (va < end) {
    const vma = findVma(mm, va)
    if (vma === undefined || vma.start > va) return -ENOMEM
    if ((vma.flags & (write ? VM_WRITE : VM_READ)) === 0) return -EINVAL
    const stop = Math.min(end, vma.end)
    const fault = populateVma(m, task, vma, va, stop, write)
    if (fault !== 0) return (fault & VM_FAULT_OOM) !== 0 ? -ENOMEM : -EFAULT
    va = stop
  }
  return 0
}
