// Address spaces: placing, splitting, merging and removing VMAs (mm/mmap.c, mm/vma.c).
//
//   before   AAAA        BBBB          mmap() finds the highest gap below mmapBase that is large enough;
//   mmap         CCCC                  equal neighbours become one VMA
//   after    AAAACCCC    BBBB
//
// Modelled on 6.18. Left out: huge pages, NUMA policies, userfaultfd, names of VMAs.

import { EACCES, EAGAIN, EEXIST, EINVAL, ENOMEM, EOVERFLOW, EPERM } from '../lib/errno.ts'
import { roundDown, roundUp } from '../lib/bits.ts'
import type { Inode } from '../state/inode.ts'
import type { Machine } from '../state/machine.ts'
import {
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_NORESERVE,
  VM_SHARED,
  VM_WRITE,
  type Mm,
  type Vaddr,
  type Vma,
} from '../state/mm.ts'
import { RLIM_INFINITY, type Rlimits, type Task } from '../state/task.ts'
import { freePgtables } from './pgtable.ts'
import { changeProtection, isAnonymous, unmapPageRange } from './memory.ts'
import { canDoMlock, mlockFutureOk, populate, populateVma } from './mlock.ts'
import { isPromised, vmEnoughMemory, vmUnacctMemory } from './overcommit.ts'
import { anonVmaClone, anonVmaPrepare, unlinkAnonVmas } from './rmap.ts'
import { putInode } from './shmem.ts'
import { kmemCacheAlloc, kmemCacheFree } from './slab.ts'
import {
  findGap,
  findVma,
  findVmaIntersection,
  findVmaSlot,
  insertVma,
  isAccountable,
  isDataMapping,
  mkVmaTree,
  nextSlot,
  noteGap,
  removeVmaAt,
  removeVmas,
  vmaAfter,
  vmaAt,
  vmaBefore,
  vmaLookup,
  vmaPages,
  vmasIn,
  vmasOf,
  vmStartGap,
  type Slot,
} from './vma.ts'
import { emit } from '../trace/trace.ts'

/** What a new mapping is to be. */
export interface MapRequest {
  flags: number // VM_*
  file: Inode | null
  pgoff: number // pages; mmapRegion() sets the virtual page number here for anonymous memory
  special: string
}

// --- placement -------------------------------------------------------------------------------------------------------

/**
 * Where mmap() puts `length` bytes when the caller does not care: the highest gap below mmapBase. `hint` is taken if the
 * range is free. -ENOMEM if nothing fits.
 */
export function getUnmappedArea(
  m: Machine,
  mm: Mm,
  hint: Vaddr,
  length: number,
  request: MapRequest,
): Vaddr {
  if (length > m.layout.taskSize) return -ENOMEM
  const page = roundDown(hint, m.pageSize)
  const va = page === 0 ? 0 : Math.max(page, roundUp(m.sysctl.mmapMinAddr, m.pageSize))
  if (wantsAlignment(m, length, request) && (va === 0 || request.file !== null)) {
    const huge = m.layout.entrySpan[1]
    if (isFree(m, mm, va, length + huge)) return va
    const off = request.file === null ? 0 : request.pgoff * m.pageSize
    const end = highestGap(m, mm, length + huge)
    if (end >= 0) {
      const low = end - length - huge
      const sub = (((off - low) % huge) + huge) % huge
      return low + (sub === 0 ? huge : sub)
    }
  }
  if (isFree(m, mm, va, length)) return va
  const end = highestGap(m, mm, length)
  return end < 0 ? -ENOMEM : end - length
}

/** Whether a mapping may begin at the address that the caller would like; 0: there is none. */
function isFree(m: Machine, mm: Mm, va: Vaddr, length: number): boolean {
  if (va === 0 || va + length > m.layout.taskSize) return false
  const next = findVma(mm, va)
  return next === undefined || va + length <= vmStartGap(next, stackGuard(m))
}

/**
 * thp_get_unmapped_area: what could be made of huge pages (2 MiB; what a table of PTEs covers) is aligned to them, even
 * where they are off. 32 bits have no room for that.
 */
function wantsAlignment(m: Machine, length: number, { file, flags, pgoff }: MapRequest): boolean {
  const huge = m.layout.entrySpan[1]
  if (length < huge || m.layout.bits !== 64) return false
  if (file === null) return (flags & VM_SHARED) === 0 && length % huge === 0
  if (file.backing === 'tmpfs') return false
  const off = pgoff * m.pageSize
  return off + length - roundUp(off, huge) >= huge
}

/** End of the highest gap below mmapBase with room for `length` bytes; -1 if there is none. */
function highestGap(m: Machine, mm: Mm, length: number): Vaddr {
  const end = findGap(mm, length, stackGuard(m), m.sysctl.mmapMinAddr)
  if (m.trace.on.vm_unmapped_area) {
    emit(m.trace, m.ticks, m.current?.pid ?? 0, 'vm_unmapped_area', {
      addr: end < 0 ? -ENOMEM : end - length,
      total_vm: mm.totalVm,
      length,
      low_limit: m.sysctl.mmapMinAddr,
      high_limit: mm.mmapBase,
    })
  }
  return end
}

function stackGuard(m: Machine): number {
  return m.sysctl.stackGuardGap * m.pageSize
}

// --- making, splitting, merging --------------------------------------------------------------------------------------

/** Maps the range, which must be free (or is emptied first, as MAP_FIXED does). Returns the address or -errno. */
export function mmapRegion(
  m: Machine,
  task: Task,
  mm: Mm,
  start: Vaddr,
  length: number,
  request: MapRequest,
): number {
  const pages = length / m.pageSize
  let slot = findVmaSlot(mm, start)
  const next = vmaAt(mm, slot)
  const replaced =
    next === undefined || next.start >= start + length ? 0 : pagesIn(mm, start, start + length)
  if (!mayExpandVm(mm, task.rlimits, request.flags, pages - replaced))
    return refuse(m, mm, start, start + length)
  if (mm.vmas.count >= m.sysctl.maxMapCount) return -ENOMEM
  let { flags } = request
  if (isPromise(m, flags, request.file)) {
    // What the replaced mappings were promised goes over to the new one.
    const taken = replaced === 0 ? 0 : pagesIn(mm, start, start + length, VM_ACCOUNT)
    if (!vmEnoughMemory(m, pages - taken, task.uid === 0, mm.totalVm))
      return refuse(m, mm, start, start + length)
    m.committed += taken
    flags |= VM_ACCOUNT
  }
  if (replaced > 0) {
    const error = doMunmap(m, mm, start, length)
    if (error < 0) {
      if ((flags & VM_ACCOUNT) !== 0) vmUnacctMemory(m, pages)
      return error
    }
    slot = findVmaSlot(mm, start)
  }
  if (request.file === null && request.special === '') request.pgoff = start / m.pageSize
  if (insertOrMerge(m, mm, slot, start, start + length, flags, request) === null) {
    if ((flags & VM_ACCOUNT) !== 0) vmUnacctMemory(m, pages)
    return -ENOMEM
  }
  vmStatAccount(mm, flags, pages)
  if ((flags & VM_LOCKED) !== 0) mm.lockedVm += pages
  return start
}

/** What should have been replaced stays, cut at the ends of the range: that comes before the limits are looked at. */
function refuse(m: Machine, mm: Mm, start: Vaddr, end: Vaddr): number {
  for (const va of [start, end]) {
    const vma = vmaLookup(mm, va)
    if (vma !== undefined && vma.start < va) splitVma(m, vma, va)
  }
  return -ENOMEM
}

/** Whether the mapping itself is promised in full; shared memory is with its object. */
function isPromise(m: Machine, flags: number, file: Inode | null): boolean {
  if ((flags & VM_SHARED) !== 0 || !isPromised(m.sysctl.overcommitMemory, flags)) return false
  return file === null || file.backing !== 'dir'
}

/** The new range below `slot` joins its neighbours if they are alike, else it is a VMA of its own; null: no memory. */
function insertOrMerge(
  m: Machine,
  mm: Mm,
  slot: Slot,
  start: Vaddr,
  end: Vaddr,
  flags: number,
  request: MapRequest,
): Vma | null {
  const prev = vmaBefore(mm, slot)
  const next = vmaAt(mm, slot)
  const { file, pgoff, special } = request
  const afterPrev =
    prev !== undefined &&
    prev.end === start &&
    alike(prev, flags, file, special) &&
    pgoff === prev.pgoff + vmaPages(prev) &&
    (prev.anonVma === null || prev.anonVmaChain.length <= 1)
  const beforeNext =
    next !== undefined &&
    next.start === end &&
    alike(next, flags, file, special) &&
    next.pgoff === pgoff + (end - start) / m.pageSize &&
    (next.anonVma === null || next.anonVmaChain.length <= 1)
  if (afterPrev && beforeNext && anonVmasAgree(prev, next)) {
    adoptAnonVma(m, prev, next)
    prev.end = next.end
    freeVma(m, removeVmaAt(mm, slot))
    return prev
  }
  if (afterPrev) {
    prev.end = end
    return prev
  }
  if (beforeNext) {
    next.start = start
    next.pgoff = pgoff
    return next
  }
  const vma = mkVma(m, mm, start, end, flags, request)
  if (vma !== null) insertVma(mm, slot, vma)
  return vma
}

export function mkVma(
  m: Machine,
  mm: Mm,
  start: Vaddr,
  end: Vaddr,
  flags: number,
  { file, pgoff, special }: MapRequest,
): Vma | null {
  if (!kmemCacheAlloc(m, 'vm_area_struct')) return null
  const vma: Vma = {
    id: m.nextId++,
    mm,
    start,
    end,
    flags,
    pgoff,
    file,
    special,
    anonVma: null,
    anonVmaChain: [],
  }
  if (file !== null) file.mappings.set(vma.id, vma)
  return vma
}

function alike(vma: Vma, flags: number, file: Inode | null, special: string): boolean {
  return vma.flags === flags && vma.file === file && vma.special === special
}

/** Whether two neighbours may share one anon_vma: at most one has one (and not from a fork), or both the same. */
function anonVmasAgree(a: Vma, b: Vma): boolean {
  if (a.anonVma === null) return b.anonVmaChain.length <= 1
  if (b.anonVma === null) return a.anonVmaChain.length <= 1
  return a.anonVma === b.anonVma
}

function adoptAnonVma(m: Machine, into: Vma, from: Vma): void {
  if (into.anonVma === null && from.anonVma !== null) anonVmaClone(m, into, from)
}

/** Lets go of what a VMA holds; a nameless file goes with its last mapping. */
export function freeVma(m: Machine, vma: Vma): void {
  unlinkAnonVmas(m, vma)
  if (vma.file !== null) {
    vma.file.mappings.delete(vma.id)
    putInode(m, vma.file)
  }
  kmemCacheFree(m, 'vm_area_struct')
}

/** Cuts the VMA in two at the address: the upper part, or null when there is no memory. */
function splitVma(m: Machine, vma: Vma, va: Vaddr): Vma | null {
  const { mm } = vma
  const upper = mkVma(m, mm, va, vma.end, vma.flags, {
    flags: vma.flags,
    file: vma.file,
    special: vma.special,
    pgoff: vma.pgoff + (va - vma.start) / m.pageSize,
  })
  if (upper === null) return null
  anonVmaClone(m, upper, vma)
  vma.end = va
  insertVma(mm, findVmaSlot(mm, va), upper)
  return upper
}

/** The VMA gets longer at its end, where there is room, and joins the VMA behind if that is alike now. */
export function growVma(m: Machine, vma: Vma, pages: number): void {
  vma.end += pages * m.pageSize
  mergeVma(m, vma)
}

/**
 * A VMA at `target` for what `vma` maps from `addr` on, for mremap(); it may join neighbours, of which `vma` may be one.
 * null: no memory.
 */
export function copyVma(
  m: Machine,
  vma: Vma,
  addr: Vaddr,
  target: Vaddr,
  length: number,
): Vma | null {
  const { mm, flags, file, special } = vma
  // Memory that was never written is as good as new: it takes the offset of its new place.
  const fresh = isAnonymous(vma) && vma.anonVma === null
  const pgoff = fresh ? target / m.pageSize : vma.pgoff + (addr - vma.start) / m.pageSize
  const copy = mkVma(m, mm, target, target + length, flags, { flags, file, pgoff, special })
  if (copy === null) return null
  anonVmaClone(m, copy, vma)
  const slot = findVmaSlot(mm, target)
  const next = vmaAt(mm, slot)
  const prev = vmaBefore(mm, slot)
  insertVma(mm, slot, copy)
  if (next !== undefined && mergeable(copy, next)) mergeVmas(m, copy, next)
  if (prev === undefined || !mergeable(prev, copy)) return copy
  mergeVmas(m, prev, copy)
  return prev
}

/** Merges the VMA with equal neighbours, the lower one first; returns the result. */
function mergeVma(m: Machine, vma: Vma): Vma {
  const slot = findVmaSlot(vma.mm, vma.start)
  const prev = vmaBefore(vma.mm, slot)
  const next = vmaAfter(vma.mm, slot)
  const merged = prev !== undefined && mergeable(prev, vma) ? prev : vma
  if (merged !== vma) mergeVmas(m, merged, vma)
  if (next !== undefined && mergeable(merged, next)) mergeVmas(m, merged, next)
  return merged
}

/** The VMA takes over the next one. */
function mergeVmas(m: Machine, vma: Vma, next: Vma): void {
  adoptAnonVma(m, vma, next)
  const slot = findVmaSlot(vma.mm, next.start)
  vma.end = next.end
  freeVma(m, removeVmaAt(vma.mm, slot))
}

function mergeable(a: Vma, b: Vma): boolean {
  return (
    a.end === b.start &&
    alike(a, b.flags, b.file, b.special) &&
    b.pgoff === a.pgoff + vmaPages(a) &&
    anonVmasAgree(a, b)
  )
}

/**
 * Gives the VMAs in [start, end) other flags. `plan` says which, for the part of a VMA from `from` to `to`, or returns
 * -errno; where they are new, the part becomes a VMA of its own, `apply` is told what its flags were, and it joins neighbours
 * that are alike now. Stops at the first hole (-ENOMEM) or error.
 */
export function modifyVmas(
  m: Machine,
  mm: Mm,
  start: Vaddr,
  end: Vaddr,
  plan: (vma: Vma, from: Vaddr, to: Vaddr) => number,
  apply: (vma: Vma, was: number) => void,
): number {
  let va = start
  while (va < end) {
    const found = findVma(mm, va)
    if (found === undefined || found.start > va) return -ENOMEM
    const stop = Math.min(end, found.end)
    const flags = plan(found, va, stop)
    if (flags < 0) return flags
    if (flags === found.flags) {
      va = stop
      continue
    }
    const vma = found.start < va ? splitVma(m, found, va) : found
    if (vma === null || (vma.end > end && splitVma(m, vma, end) === null)) return -ENOMEM
    const was = vma.flags
    vma.flags = flags
    apply(vma, was)
    // What it is merged with is as wanted already.
    va = mergeVma(m, vma).end
  }
  return 0
}

// --- removing --------------------------------------------------------------------------------------------------------

/** munmap(2) of page-aligned [start, start + length): holes are fine. 0 or -ENOMEM (a split needs memory). */
export function doMunmap(m: Machine, mm: Mm, start: Vaddr, length: number): number {
  const end = start + length
  const slot = findVmaSlot(mm, start)
  const first = vmaAt(mm, slot)
  if (first === undefined || first.start >= end) return 0
  if (trimVma(m, slot, first, start, end)) return 0
  if (first.start < start) {
    if (first.end > end && mm.vmas.count >= m.sysctl.maxMapCount) return -ENOMEM
    if (splitVma(m, first, start) === null) return -ENOMEM
  }
  const last = vmaLookup(mm, end - 1)
  if (last !== undefined && last.end > end && splitVma(m, last, end) === null) return -ENOMEM
  const gone = removeVmas(mm, findVmaSlot(mm, start), end)
  const hole = findVmaSlot(mm, end)
  const floor = vmaBefore(mm, hole)?.end ?? 0
  const ceiling = vmaAt(mm, hole)?.start ?? Number.MAX_SAFE_INTEGER
  noteGap(mm, hole, ceiling - floor)
  for (const vma of gone) {
    unmapPageRange(m, vma, vma.start, vma.end)
    const pages = vmaPages(vma)
    if ((vma.flags & VM_ACCOUNT) !== 0) vmUnacctMemory(m, pages)
    if ((vma.flags & VM_LOCKED) !== 0) mm.lockedVm -= pages
    vmStatAccount(mm, vma.flags, -pages)
    freeVma(m, vma)
  }
  freePgtables(m, mm, gone[0].start, gone[gone.length - 1].end, floor, ceiling)
  return 0
}

/** The common case without a split: the range is one end of a VMA that stays. False: it is not. */
function trimVma(m: Machine, slot: Slot, vma: Vma, start: Vaddr, end: Vaddr): boolean {
  const { mm } = vma
  const atEnd = vma.start < start && vma.end === end
  const atStart = vma.start === start && vma.end > end
  if (!atEnd && !atStart) return false
  unmapPageRange(m, vma, start, end)
  const pages = (end - start) / m.pageSize
  if ((vma.flags & VM_ACCOUNT) !== 0) vmUnacctMemory(m, pages)
  if ((vma.flags & VM_LOCKED) !== 0) mm.lockedVm -= pages
  vmStatAccount(mm, vma.flags, -pages)
  if (atEnd) vma.end = start
  else {
    vma.start = end
    vma.pgoff += pages
  }
  const above = atEnd ? nextSlot(mm, slot) : slot
  const floor = vmaBefore(mm, above)?.end ?? 0
  const ceiling = vmaAt(mm, above)?.start ?? Number.MAX_SAFE_INTEGER
  noteGap(mm, above, ceiling - floor)
  freePgtables(m, mm, start, end, floor, ceiling)
  return true
}

/** Takes the whole address space down but for the top-level table (exit_mmap). */
export function exitMmap(m: Machine, mm: Mm): void {
  const gone = vmasOf(mm)
  if (gone.length === 0) return
  mm.vmas = mkVmaTree()
  for (const vma of gone) {
    unmapPageRange(m, vma, vma.start, vma.end)
    if ((vma.flags & VM_ACCOUNT) !== 0) vmUnacctMemory(m, vmaPages(vma))
    freeVma(m, vma)
  }
  freePgtables(m, mm, gone[0].start, gone[gone.length - 1].end, 0, Number.MAX_SAFE_INTEGER)
  mm.totalVm = 0
  mm.lockedVm = 0
  mm.dataVm = 0
  mm.stackVm = 0
  mm.execVm = 0
}

/** Pages mapped in [start, end); of VMAs with the flag only, if one is given. */
function pagesIn(mm: Mm, start: Vaddr, end: Vaddr, flag = 0): number {
  let bytes = 0
  for (const vma of vmasIn(mm, start, end)) {
    if ((vma.flags & flag) === flag) bytes += Math.min(end, vma.end) - Math.max(start, vma.start)
  }
  return bytes / mm.pageSize
}

// --- accounting ------------------------------------------------------------------------------------------------------

/** RLIMIT_AS and RLIMIT_DATA (may_expand_vm). */
export function mayExpandVm(mm: Mm, rlimits: Rlimits, flags: number, pages: number): boolean {
  if (exceeds(mm.totalVm + pages, mm, rlimits.as.soft)) return false
  return !isDataMapping(flags) || !exceeds(mm.dataVm + pages, mm, rlimits.data.soft)
}

function exceeds(pages: number, mm: Mm, limit: number): boolean {
  return limit !== RLIM_INFINITY && pages > Math.floor(limit / mm.pageSize)
}

export function vmStatAccount(mm: Mm, flags: number, pages: number): void {
  mm.totalVm += pages
  mm.hiwaterVm = Math.max(mm.hiwaterVm, mm.totalVm)
  if ((flags & VM_GROWSDOWN) !== 0) mm.stackVm += pages
  else if (isDataMapping(flags)) mm.dataVm += pages
  else if ((flags & 0x6) === 0x4) mm.execVm += pages
}

// --- brk, protection, stack ------------------------------------------------------------------------------------------

/** brk(2): the new break, or the old one when it cannot be had. */
export function doBrk(m: Machine, task: Task, mm: Mm, brk: Vaddr): Vaddr {
  if (brk < mm.startBrk) return mm.brk
  const oldEnd = roundUp(mm.brk, m.pageSize)
  const newEnd = roundUp(brk, m.pageSize)
  if (newEnd < oldEnd) {
    if (doMunmap(m, mm, newEnd, oldEnd - newEnd) < 0) return mm.brk
  } else if (newEnd > oldEnd) {
    const { data } = task.rlimits
    if (data.soft !== RLIM_INFINITY && brk - mm.startBrk + (mm.endData - mm.startData) > data.soft)
      return mm.brk
    const next = findVma(mm, oldEnd)
    // One page must stay free before the next mapping.
    if (next !== undefined && newEnd + m.pageSize > vmStartGap(next, stackGuard(m))) return mm.brk
    if (newEnd > m.layout.taskSize || !growHeap(m, task, mm, oldEnd, newEnd)) return mm.brk
    if ((mm.defFlags & VM_LOCKED) !== 0) populate(m, task, oldEnd, newEnd)
  }
  mm.brk = brk
  return brk
}

function growHeap(m: Machine, task: Task, mm: Mm, start: Vaddr, end: Vaddr): boolean {
  const flags = HEAP_FLAGS | mm.defFlags
  const pages = (end - start) / m.pageSize
  if (!mayExpandVm(mm, task.rlimits, flags, pages) || mm.vmas.count >= m.sysctl.maxMapCount)
    return false
  if ((flags & VM_LOCKED) !== 0 && !mlockFutureOk(task, mm, pages)) return false
  if (!vmEnoughMemory(m, pages, task.uid === 0, mm.totalVm)) return false
  const slot = findVmaSlot(mm, start)
  const prev = vmaBefore(mm, slot)
  // Only the heap itself is extended, never the bss below its first page.
  const joins =
    prev !== undefined &&
    prev.end === start &&
    prev.start >= mm.startBrk &&
    alike(prev, flags, null, '') &&
    prev.pgoff + vmaPages(prev) === start / m.pageSize &&
    prev.anonVmaChain.length <= 1
  if (joins) {
    prev.end = end
  } else {
    const vma = mkVma(m, mm, start, end, flags, {
      flags,
      file: null,
      pgoff: start / m.pageSize,
      special: '',
    })
    if (vma === null) {
      vmUnacctMemory(m, pages)
      return false
    }
    insertVma(mm, slot, vma)
  }
  vmStatAccount(mm, flags, pages)
  if ((flags & VM_LOCKED) !== 0) mm.lockedVm += pages
  return true
}

/** VM_DATA_DEFAULT_FLAGS of a program whose stack is not executable. */
export const HEAP_FLAGS = 0x1 | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT

/** mprotect(2) of page-aligned [start, end) to VM_READ | VM_WRITE | VM_EXEC bits. */
export function doMprotect(
  m: Machine,
  task: Task,
  mm: Mm,
  start: Vaddr,
  end: Vaddr,
  access: number,
): number {
  return modifyVmas(
    m,
    mm,
    start,
    end,
    (vma, from, to) => protectedFlags(m, task, vma, access, (to - from) / m.pageSize),
    (vma, was) => {
      vmStatAccount(mm, was, -vmaPages(vma))
      vmStatAccount(mm, vma.flags, vmaPages(vma))
      changeProtection(m, vma)
      // Locked memory that becomes writable has its own pages at once.
      const kind = VM_LOCKED | VM_LOCKONFAULT | VM_WRITE | VM_SHARED
      if ((was & kind) === VM_LOCKED && (vma.flags & VM_WRITE) !== 0)
        populateVma(m, task, vma, vma.start, vma.end, true)
    },
  )
}

/** The flags of `pages` of the VMA with another protection, for which the promise is made or taken back; or -errno. */
function protectedFlags(m: Machine, task: Task, vma: Vma, access: number, pages: number): number {
  if ((access & ~(vma.flags >> 4)) !== 0) return -EACCES
  const flags = (vma.flags & ~0x7) | access
  if (flags === vma.flags) return flags
  const { mm } = vma
  if ((flags & VM_WRITE) !== 0) {
    if (
      !isDataMapping(vma.flags) &&
      isDataMapping(flags) &&
      exceeds(mm.dataVm + pages, mm, task.rlimits.data.soft)
    ) {
      return -ENOMEM
    }
    if ((flags & (VM_ACCOUNT | VM_SHARED)) !== 0 || !isPromise(m, flags, vma.file)) return flags
    return vmEnoughMemory(m, pages, task.uid === 0, mm.totalVm) ? flags | VM_ACCOUNT : -ENOMEM
  }
  if ((flags & VM_ACCOUNT) === 0 || !isAnonymous(vma) || vma.anonVma !== null) return flags
  vmUnacctMemory(m, pages)
  return flags & ~VM_ACCOUNT
}

/** Grows a VMA that grows down to the page of `va`. False: limits or the guard gap forbid it. */
export function expandStack(m: Machine, task: Task, vma: Vma, va: Vaddr): boolean {
  const { mm } = vma
  const start = Math.floor(va / m.pageSize) * m.pageSize
  const grow = (vma.start - start) / m.pageSize
  const below = vmaBefore(mm, findVmaSlot(mm, vma.start))
  if (below !== undefined) {
    const gap =
      (below.flags & 0x7) === 0 || (below.flags & VM_GROWSDOWN) !== 0
        ? 0
        : m.sysctl.stackGuardGap * m.pageSize
    if (start - below.end < gap || start < below.end) return false
  }
  if (start < m.sysctl.mmapMinAddr) return false
  if (!anonVmaPrepare(m, vma)) return false
  const { stack } = task.rlimits
  if (stack.soft !== RLIM_INFINITY && vma.end - start > stack.soft) return false
  if (!mayExpandVm(mm, task.rlimits, vma.flags, grow)) return false
  if ((vma.flags & VM_LOCKED) !== 0 && !mlockFutureOk(task, mm, grow)) return false
  if (grow > vma.pgoff) return false
  if (isAccountable(vma.flags) && !vmEnoughMemory(m, grow, task.uid === 0, mm.totalVm)) return false
  vma.start = start
  vma.pgoff -= grow
  vmStatAccount(mm, vma.flags, grow)
  if ((vma.flags & VM_LOCKED) !== 0) mm.lockedVm += grow
  return true
}

// --- mmap(2) ---------------------------------------------------------------------------------------------------------

// include/uapi/asm-generic/mman-common.h
export const PROT_READ = 0x1
export const PROT_WRITE = 0x2
export const PROT_EXEC = 0x4
export const MAP_SHARED = 0x01
export const MAP_PRIVATE = 0x02
export const MAP_FIXED = 0x10
export const MAP_ANONYMOUS = 0x20
export const MAP_GROWSDOWN = 0x100
export const MAP_LOCKED = 0x2000
export const MAP_NORESERVE = 0x4000
export const MAP_POPULATE = 0x8000
export const MAP_FIXED_NOREPLACE = 0x100000

/** What mmap(2) is asked, checked for page alignment of the offset and for the descriptor already. */
export interface MmapCall {
  addr: Vaddr
  length: number // bytes, above 0
  prot: number
  flags: number
  file: Inode | null // null for MAP_ANONYMOUS
  readable: boolean // how the descriptor was opened
  writable: boolean
  pgoff: number // pages
}

/** do_mmap(): the address or -errno. The order of the checks is Linux's. */
export function doMmap(m: Machine, task: Task, call: MmapCall): number {
  const mm = task.mm!
  const { prot, file } = call
  const length = roundUp(call.length, m.pageSize)
  if (length > m.layout.taskSize) return -ENOMEM
  if (call.pgoff < 0) return -EOVERFLOW
  const type = call.flags & (MAP_SHARED | MAP_PRIVATE)
  const fixed = (call.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0
  if (mm.vmas.count > m.sysctl.maxMapCount) return -ENOMEM

  let flags = (prot & 0x7) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | mm.defFlags
  if ((call.flags & MAP_GROWSDOWN) !== 0) flags |= VM_GROWSDOWN
  if ((call.flags & MAP_LOCKED) !== 0) flags |= VM_LOCKED
  if ((call.flags & MAP_NORESERVE) !== 0 && m.sysctl.overcommitMemory !== 2) flags |= VM_NORESERVE
  // A private /dev/zero mapping is anonymous memory with a file's name; a shared one is shared anonymous memory.
  const request: MapRequest = { flags, file, pgoff: call.pgoff, special: '' }

  let va = call.addr
  if (fixed) {
    if (va % m.pageSize !== 0) return -EINVAL
    if (va + length > m.layout.taskSize) return -ENOMEM
    if (va < m.sysctl.mmapMinAddr) return -EPERM
    if (
      (call.flags & MAP_FIXED_NOREPLACE) !== 0 &&
      findVmaIntersection(mm, va, va + length) !== undefined
    )
      return -EEXIST
  } else {
    if (type === MAP_SHARED) request.flags |= VM_SHARED
    va = getUnmappedArea(m, mm, va, length, request)
    if (va < 0) return va
  }
  if ((call.flags & MAP_LOCKED) !== 0 && !canDoMlock(task)) return -EPERM
  if ((flags & VM_LOCKED) !== 0 && !mlockFutureOk(task, mm, length / m.pageSize)) return -EAGAIN
  if (type === 0 || type === (MAP_SHARED | MAP_PRIVATE)) return -EINVAL
  if (file !== null) {
    if (!call.readable) return -EACCES
    if (type === MAP_SHARED) {
      if ((prot & PROT_WRITE) !== 0 && !call.writable) return -EACCES
      flags |= VM_SHARED | VM_MAYSHARE
      if (!call.writable) flags &= ~(VM_MAYWRITE | VM_SHARED)
    }
    if ((flags & VM_GROWSDOWN) !== 0) return -EINVAL
  } else if (type === MAP_SHARED) {
    flags |= VM_SHARED | VM_MAYSHARE
  }
  request.flags = flags
  return mmapRegion(m, task, mm, va, length, request)
}
