// Locking pages into memory: mlock, munlock, mlockall and their limit (mm/mlock.c).

import { EINVAL, ENOMEM, EPERM } from '../lib/errno.ts'
import { roundUp } from '../lib/bits.ts'
import { NO_PTE, pteDirty, ptePfn, ptePresent, type Pte } from '../hw/mmu.ts'
import type { Pfn } from '../hw/ram.ts'
import type { Machine } from '../state/machine.ts'
import {
  ACCESS_READ,
  ACCESS_WRITE,
  VM_FAULT_MAJOR,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_SHARED,
  VM_WRITE,
  type Mm,
  type Vaddr,
  type VmFault,
  type Vma,
} from '../state/mm.ts'
import { PG_ACTIVE, PG_LRU, PG_UNEVICTABLE } from '../state/page.ts'
import { RLIM_INFINITY, type Task } from '../state/task.ts'
import { setPageDirty } from './filemap.ts'
import { lruAdd, lruDel } from './lru.ts'
import { countFault, faultIn, forEachPte, permits } from './memory.ts'
import { modifyVmas } from './mmap.ts'
import { followPte, isMapped } from './pgtable.ts'
import { mappedLocked } from './rmap.ts'
import { findVma, vmaPages, vmasIn, vmasOf } from './vma.ts'

// include/uapi/asm-generic/mman.h
export const MCL_CURRENT = 1
export const MCL_FUTURE = 2
export const MCL_ONFAULT = 4

const LOCKED_MASK = VM_LOCKED | VM_LOCKONFAULT

/** mlock2(2); `flags` is VM_LOCKED, with VM_LOCKONFAULT for MLOCK_ONFAULT. */
export function doMlock(
  m: Machine,
  task: Task,
  addr: Vaddr,
  length: number,
  flags: number,
): number {
  const mm = task.mm!
  if (!canDoMlock(task)) return -EPERM
  const start = addr - (addr % m.pageSize)
  const end = roundUp(addr + length, m.pageSize)
  const pages = (end - start) / m.pageSize
  const { soft } = task.rlimits.memlock
  if (task.uid !== 0 && soft !== RLIM_INFINITY) {
    const limit = Math.floor(soft / m.pageSize)
    const already = mm.lockedVm + pages > limit ? lockedIn(mm, start, end) : 0
    if (mm.lockedVm + pages - already > limit) return -ENOMEM
  }
  const error = applyLock(m, mm, start, end, flags)
  if (error < 0) return error
  return populate(m, task, start, end) ? 0 : -ENOMEM
}

export function doMunlock(m: Machine, task: Task, addr: Vaddr, length: number): number {
  const start = addr - (addr % m.pageSize)
  return applyLock(m, task.mm!, start, roundUp(addr + length, m.pageSize), 0)
}

export function doMlockall(m: Machine, task: Task, flags: number): number {
  if (flags === 0 || (flags & ~7) !== 0 || flags === MCL_ONFAULT) return -EINVAL
  if (!canDoMlock(task)) return -EPERM
  const mm = task.mm!
  const { soft } = task.rlimits.memlock
  const fits = soft === RLIM_INFINITY || mm.totalVm <= Math.floor(soft / m.pageSize)
  if ((flags & MCL_CURRENT) !== 0 && task.uid !== 0 && !fits) return -ENOMEM
  const lock = VM_LOCKED | ((flags & MCL_ONFAULT) !== 0 ? VM_LOCKONFAULT : 0)
  mm.defFlags = (mm.defFlags & ~LOCKED_MASK) | ((flags & MCL_FUTURE) !== 0 ? lock : 0)
  if ((flags & MCL_CURRENT) === 0) return 0
  lockAll(m, mm, lock)
  for (const vma of vmasOf(mm)) populate(m, task, vma.start, vma.end)
  return 0
}

export function doMunlockall(m: Machine, task: Task): number {
  task.mm!.defFlags &= ~LOCKED_MASK
  lockAll(m, task.mm!, 0)
  return 0
}

/** Whether the task may lock anything at all. */
export function canDoMlock(task: Task): boolean {
  return task.uid === 0 || task.rlimits.memlock.soft !== 0
}

/** Whether `pages` more may be locked (mlock_future_ok). */
export function mlockFutureOk(task: Task, mm: Mm, pages: number): boolean {
  const { soft } = task.rlimits.memlock
  return task.uid === 0 || soft === RLIM_INFINITY || (mm.lockedVm + pages) * mm.pageSize <= soft
}

function applyLock(m: Machine, mm: Mm, start: Vaddr, end: Vaddr, flags: number): number {
  if (end === start) return 0
  return modifyVmas(
    m,
    mm,
    start,
    end,
    (vma) => lockedFlags(vma, flags),
    (vma, was) => noteLock(m, vma, was),
  )
}

/** Special mappings ([vdso]) are left as they are. */
function lockedFlags({ special, flags }: Vma, lock: number): number {
  return special === '' ? (flags & ~LOCKED_MASK) | lock : flags
}

function noteLock(m: Machine, vma: Vma, was: number): void {
  const locked = (vma.flags & VM_LOCKED) !== 0
  if (locked === ((was & VM_LOCKED) !== 0)) return
  vma.mm.lockedVm += locked ? vmaPages(vma) : -vmaPages(vma)
  forEachPte(m, vma.mm, vma.start, vma.end, (_va, _ptep, pte) => {
    if (!ptePresent(pte) || ptePfn(pte) === m.zeroPfn) return
    if (locked) mlockPage(m, ptePfn(pte))
    else munlockPage(m, ptePfn(pte))
  })
}

/** The page stays in memory: reclaim does not look at it (mlock_folio). */
export function mlockPage(m: Machine, pfn: Pfn): void {
  const { zone } = m
  if ((zone.page.flags[pfn] & PG_UNEVICTABLE) !== 0) return
  if ((zone.page.flags[pfn] & PG_LRU) !== 0) lruDel(zone, pfn)
  zone.page.flags[pfn] |= PG_UNEVICTABLE
  lruAdd(zone, pfn)
  m.vmstat.unevictable_pgs_mlocked++
}

/** A locked mapping of the page is gone; if it was the last, reclaim may look at it again (munlock_folio). */
export function munlockPage(m: Machine, pfn: Pfn): void {
  const { zone } = m
  if ((zone.page.flags[pfn] & PG_UNEVICTABLE) === 0 || mappedLocked(m, pfn)) return
  lruDel(zone, pfn)
  zone.page.flags[pfn] &= ~(PG_UNEVICTABLE | PG_ACTIVE)
  lruAdd(zone, pfn)
  m.vmstat.unevictable_pgs_munlocked++
}

function lockAll(m: Machine, mm: Mm, flags: number): void {
  for (let vma = findVma(mm, 0); vma !== undefined;) {
    const { start, end } = vma
    applyLock(m, mm, start, end, flags)
    vma = findVma(mm, end)
  }
}

function lockedIn(mm: Mm, start: Vaddr, end: Vaddr): number {
  let bytes = 0
  for (const vma of vmasIn(mm, start, end)) {
    if ((vma.flags & VM_LOCKED) !== 0) bytes += Math.min(end, vma.end) - Math.max(start, vma.start)
  }
  return bytes / mm.pageSize
}

/**
 * Faults in what a lock or MAP_POPULATE asks for (__mm_populate): private writable memory as writes. Counts the faults.
 * False: something could not be had, because it may not be accessed, lies behind a file's end, or memory is out.
 */
export function populate(m: Machine, task: Task, start: Vaddr, end: Vaddr): boolean {
  const mm = task.mm!
  for (const vma of vmasIn(mm, start, end)) {
    if ((vma.flags & VM_LOCKONFAULT) !== 0 || vma.special !== '') continue
    const write = (vma.flags & (VM_WRITE | VM_SHARED)) === VM_WRITE
    if (!permits(vma, write ? ACCESS_WRITE : ACCESS_READ)) return false
    const from = Math.max(start, vma.start)
    // It waits for the disk with the address space unlocked, and begins anew: what is in memory then is a minor fault.
    const failed = populateVma(m, task, vma, from, Math.min(end, vma.end), write, 0)
    if (failed !== 0) return false
  }
  return true
}

/**
 * Pages of one VMA; those that are there already, with the right that is asked for, take no fault. 0 or VM_FAULT_*.
 * `counted`: whether faults that needed the disk count as such.
 */
export function populateVma(
  m: Machine,
  task: Task,
  vma: Vma,
  start: Vaddr,
  end: Vaddr,
  write: boolean,
  counted = VM_FAULT_MAJOR,
): VmFault {
  for (let va = start; va < end; va += m.pageSize) {
    if (isMapped(m, vma.mm, va, write)) {
      if (write) noteWrite(m, followPte(m, vma.mm, va))
      continue
    }
    const fault = faultIn(m, vma, va, write, NO_PTE)
    if ((fault & ~VM_FAULT_MAJOR) !== 0) return fault
    countFault(m, task, fault & counted)
    task.debt += POPULATE_FUEL
  }
  return 0
}

/** A page to be written counts as written, even if its PTE is clean, as after MADV_FREE. */
function noteWrite(m: Machine, pte: Pte): void {
  if (!pteDirty(pte)) setPageDirty(m, ptePfn(pte))
}

/** What a page of it costs, in instructions; taken from the task's next slices. */
const POPULATE_FUEL = 512
