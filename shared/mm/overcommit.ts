// Promises: how much memory the kernel lets processes ask for (__vm_enough_memory, mm/util.c; mm/mmap.c in 2.6).
//
//   mode 0   6.12: refused is only what is more than all RAM and swap; 2.6: what is more than could be made free now
//   mode 1   everything is granted
//   mode 2   all promises together stay below a limit
//
// The rules are functions of a plain record, which the machine makes of itself, and `oomroom trace oom` of recordings.

import type { KernelEra, Machine } from '../state/machine.ts'
import { VM_NORESERVE, VM_SHARED, VM_WRITE } from '../state/mm.ts'
import { freeSwapPages, totalSwapPages } from './swapfile.ts'

/** What a promise depends on. Sizes in pages unless they are in kB. */
export interface CommitContext {
  era: KernelEra
  mode: number // vm.overcommit_memory
  ratio: number // vm.overcommit_ratio
  kbytes: number // vm.overcommit_kbytes; 0: the ratio counts
  pageKb: number
  totalram: number
  hugetlb: number // set aside for huge pages
  totalSwap: number
  committed: number // promised so far (Committed_AS)
  adminReserveKb: number
  userReserveKb: number
  free: number
  filePages: number // page cache, tmpfs and shared memory included
  freeSwap: number
  slabReclaimable: number
  totalreserve: number // free pages that are not for processes
}

/** CommitLimit: what mode 2 grants, all processes together. */
export function commitLimit(context: CommitContext): number {
  return ramShare(context) + context.totalSwap
}

function ramShare({ kbytes, pageKb, totalram, hugetlb, ratio }: CommitContext): number {
  if (kbytes > 0) return Math.floor(kbytes / pageKb)
  return Math.floor(((totalram - hugetlb) * ratio) / 100)
}

/** Whether so many pages may be promised. `admin`: CAP_SYS_ADMIN; `totalVm`: what the asking process has mapped. */
export function isEnoughMemory(
  context: CommitContext,
  pages: number,
  admin: boolean,
  totalVm: number,
): boolean {
  const { era, mode, totalram, totalSwap, committed } = context
  if (mode === 1) return true
  if (mode === 2) return committed + pages < allowedPromises(context, admin, totalVm)
  return era === '6.12' ? pages <= totalram + totalSwap : couldBeFreed(context, pages, admin)
}

function allowedPromises(context: CommitContext, admin: boolean, totalVm: number): number {
  const { era, pageKb, totalSwap, adminReserveKb, userReserveKb } = context
  const ownShare = Math.floor(totalVm / 32)
  if (era !== '6.12') {
    const share = ramShare(context)
    return (admin ? share : leaveForRoot(share)) + totalSwap - ownShare
  }
  const adminReserve = admin ? 0 : Math.floor(adminReserveKb / pageKb)
  return (
    commitLimit(context) - adminReserve - Math.min(ownShare, Math.floor(userReserveKb / pageKb))
  )
}

/** 2.6's guess: the page cache and free swap, and if that is too little, free memory beyond the reserve. */
function couldBeFreed(context: CommitContext, pages: number, admin: boolean): boolean {
  const { filePages, freeSwap, slabReclaimable, free, totalreserve } = context
  const cache = filePages + freeSwap + slabReclaimable
  const usable = admin ? cache : leaveForRoot(cache)
  if (usable > pages) return true
  if (free <= totalreserve) return false
  const spare = free - totalreserve
  return usable + (admin ? spare : leaveForRoot(spare)) > pages
}

/** All but the last 3 %. */
function leaveForRoot(pages: number): number {
  return pages - Math.floor(pages / 32)
}

/**
 * Which anonymous mappings are promised in full when they are made (accountable_mapping): private writable ones, and
 * shared ones with the object behind them. Mode 2 does not listen to MAP_NORESERVE.
 */
export function isPromised(mode: number, flags: number): boolean {
  if ((flags & VM_NORESERVE) !== 0 && mode !== 2) return false
  return (flags & (VM_WRITE | VM_SHARED)) !== 0
}

function mkCommitContext(m: Machine): CommitContext {
  const { sysctl, zone } = m
  return {
    era: m.era,
    mode: sysctl.overcommitMemory,
    ratio: sysctl.overcommitRatio,
    kbytes: sysctl.overcommitKbytes,
    pageKb: m.pageSize / 1024,
    totalram: m.totalramPages,
    hugetlb: 0,
    totalSwap: totalSwapPages(m),
    committed: m.committed,
    adminReserveKb: sysctl.adminReserveKbytes,
    userReserveKb: sysctl.userReserveKbytes,
    free: zone.freePages,
    filePages: m.pageCache,
    freeSwap: freeSwapPages(m),
    slabReclaimable: 0,
    totalreserve: zone.watermarkHigh,
  }
}

/** CommitLimit of the machine, in pages. */
export function vmCommitLimit(m: Machine): number {
  return commitLimit(mkCommitContext(m))
}

/** Whether so many pages would be promised to a process that has mapped nothing yet. */
export function couldPromise(m: Machine, pages: number, admin: boolean): boolean {
  return isEnoughMemory(mkCommitContext(m), pages, admin, 0)
}

/** Promises the pages, or refuses. */
export function vmEnoughMemory(
  m: Machine,
  pages: number,
  admin: boolean,
  totalVm: number,
): boolean {
  if (!isEnoughMemory(mkCommitContext(m), pages, admin, totalVm)) return false
  m.committed += pages
  return true
}

export function vmUnacctMemory(m: Machine, pages: number): void {
  m.committed -= pages
}
