// mremap(): a mapping gets longer, shorter or another place, with its pages (mm/mremap.c, 6.18).
//
//   in place    AAAA....        AAAAAA..        there is room behind it and the old range reaches the VMA's end
//   moved       AAAABBBB   →    ....BBBB  AAAAAA   the PTEs move: same frames, no faults

import { EAGAIN, EFAULT, EINVAL, ENOMEM, EPERM } from '../lib/errno.ts'
import { roundUp } from '../lib/bits.ts'
import type { Machine } from '../state/machine.ts'
import {
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_MAYSHARE,
  VM_SHARED,
  type Mm,
  type Vaddr,
  type Vma,
} from '../state/mm.ts'
import type { Task } from '../state/task.ts'
import { NO_PFN } from '../state/page.ts'
import { mlockFutureOk, populate } from './mlock.ts'
import { forEachPte } from './memory.ts'
import { copyVma, doMunmap, getUnmappedArea, growVma, mayExpandVm, vmStatAccount } from './mmap.ts'
import { vmEnoughMemory, vmUnacctMemory } from './overcommit.ts'
import { forEachTable, freeEmptyTables, getPte, ptepFind, setPte, tableAlloc } from './pgtable.ts'
import { unlinkAnonVmas } from './rmap.ts'
import { findVmaIntersection, vmaLookup } from './vma.ts'

// include/uapi/linux/mman.h
export const MREMAP_MAYMOVE = 1
export const MREMAP_FIXED = 2
export const MREMAP_DONTUNMAP = 4

interface Remap {
  addr: Vaddr
  oldLength: number // whole pages, bytes
  newLength: number
  flags: number
  target: Vaddr // for MREMAP_FIXED
}

/** mremap(2): the new address, or -errno. */
export function doMremap(
  m: Machine,
  task: Task,
  addr: Vaddr,
  oldSize: number,
  newSize: number,
  flags: number,
  target: Vaddr,
): number {
  const remap: Remap = {
    addr,
    oldLength: roundUp(oldSize, m.pageSize),
    newLength: roundUp(newSize, m.pageSize),
    flags,
    target,
  }
  const error = checkParams(m, task.mm!, remap)
  if (error < 0) return error
  if (remap.newLength === remap.oldLength && (flags & MREMAP_FIXED) !== 0)
    return moveSeveral(m, task, remap)
  return remapVma(m, task, vmaLookup(task.mm!, addr), remap)
}

/** The new place is the caller's, or is to be another one. */
function isPlaced({ flags }: Remap): boolean {
  return (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0
}

function checkParams(m: Machine, mm: Mm, remap: Remap): number {
  const { addr, oldLength, newLength, flags, target } = remap
  if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0) return -EINVAL
  if (addr % m.pageSize !== 0 || newLength === 0 || newLength > m.layout.taskSize) return -EINVAL
  if (!isPlaced(remap)) return 0
  if (target % m.pageSize !== 0 || target > m.layout.taskSize - newLength) return -EINVAL
  if ((flags & MREMAP_MAYMOVE) === 0) return -EINVAL
  if ((flags & MREMAP_DONTUNMAP) !== 0 && oldLength !== newLength) return -EINVAL
  if (addr + oldLength > target && target + newLength > addr) return -EINVAL
  return mm.vmas.count + 2 >= m.sysctl.maxMapCount - 3 ? -ENOMEM : 0
}

/** With an unchanged length a range over several VMAs may be moved; the holes between them move along. */
function moveSeveral(m: Machine, task: Task, remap: Remap): number {
  const mm = task.mm!
  const { addr } = remap
  const end = addr + remap.oldLength
  let result = -EFAULT
  for (let va = addr; va < end;) {
    const vma = findVmaIntersection(mm, va, end)
    if (vma === undefined) break
    if (va === addr && vma.start > addr) return -EFAULT
    // /dev/zero chooses places of its own, so it moves alone.
    if (vma.file?.backing === 'zero' && (va > addr || vma.end < end)) return -EFAULT
    const from = Math.max(va, vma.start)
    const stop = Math.min(end, vma.end)
    const target = remap.target + (from - addr)
    const length = stop - from
    const part = { ...remap, addr: from, oldLength: length, newLength: length, target }
    const moved = remapVma(m, task, vma, part)
    if (moved < 0) return moved
    if (va === addr) result = moved
    va = stop
  }
  return result
}

function remapVma(m: Machine, task: Task, vma: Vma | undefined, remap: Remap): number {
  if (vma === undefined) return -EFAULT
  const error = checkVma(m, task, vma, remap)
  if (error < 0) return error
  const { addr, oldLength, newLength } = remap
  if (isPlaced(remap)) return moveTo(m, task, remap)
  if (newLength < oldLength) {
    const cut = cutTail(m, vma.mm, remap)
    return cut < 0 ? cut : addr
  }
  if (newLength === oldLength) return addr
  if (oldLength === vma.end - addr && expandable(m, vma, newLength - oldLength))
    return expandInPlace(m, task, vma, remap)
  return (remap.flags & MREMAP_MAYMOVE) === 0 ? -ENOMEM : moveVma(m, task, vma, remap)
}

function cutTail(m: Machine, mm: Mm, { addr, oldLength, newLength }: Remap): number {
  if (addr + oldLength > m.layout.taskSize) return -EINVAL
  return doMunmap(m, mm, addr + newLength, oldLength - newLength)
}

/** Whether the VMA can become longer or go elsewhere (check_prep_vma). What stays or gets shorter in place always can. */
function checkVma(m: Machine, task: Task, vma: Vma, remap: Remap): number {
  const { addr, oldLength, newLength, flags } = remap
  if (newLength <= oldLength && !isPlaced(remap)) return 0
  const fixedSize = (vma.flags & VM_DONTEXPAND) !== 0 || vma.special !== ''
  if (oldLength === 0 && (vma.flags & (VM_SHARED | VM_MAYSHARE)) === 0) return -EINVAL
  if ((flags & MREMAP_DONTUNMAP) !== 0 && fixedSize) return -EINVAL
  // What is cut off may lie beyond the VMA.
  if (Math.min(oldLength, newLength) > vma.end - addr) return -EFAULT
  if (newLength <= oldLength) return 0
  if (fixedSize) return -EFAULT
  const pages = (newLength - oldLength) / m.pageSize
  if ((vma.flags & VM_LOCKED) !== 0 && !mlockFutureOk(task, vma.mm, pages)) return -EAGAIN
  return mayExpandVm(vma.mm, task.rlimits, vma.flags, pages) ? 0 : -ENOMEM
}

/** Moves it where the caller says (MREMAP_FIXED), or anywhere else (mremap_to). */
function moveTo(m: Machine, task: Task, remap: Remap): number {
  const mm = task.mm!
  const { addr, newLength, oldLength, flags, target } = remap
  if ((flags & MREMAP_FIXED) !== 0) {
    const freed = doMunmap(m, mm, target, newLength)
    if (freed < 0) return freed
  }
  if (newLength < oldLength) {
    const cut = cutTail(m, mm, remap)
    if (cut < 0) return cut
  }
  const vma = vmaLookup(mm, addr)
  if (vma === undefined) return -EFAULT
  if ((flags & MREMAP_DONTUNMAP) !== 0) {
    if (!mayExpandVm(mm, task.rlimits, vma.flags, oldLength / m.pageSize)) return -ENOMEM
  }
  if ((flags & MREMAP_FIXED) !== 0 && target < m.sysctl.mmapMinAddr) return -EPERM
  return moveVma(m, task, vma, { ...remap, oldLength: Math.min(oldLength, newLength) })
}

function expandable(m: Machine, vma: Vma, delta: number): boolean {
  const end = vma.end + delta
  return end <= m.layout.taskSize && findVmaIntersection(vma.mm, vma.end, end) === undefined
}

function expandInPlace(
  m: Machine,
  task: Task,
  vma: Vma,
  { addr, oldLength, newLength }: Remap,
): number {
  const { mm } = vma
  const pages = (newLength - oldLength) / m.pageSize
  if ((vma.flags & VM_ACCOUNT) !== 0 && !vmEnoughMemory(m, pages, task.uid === 0, mm.totalVm))
    return -ENOMEM
  const locked = (vma.flags & VM_LOCKED) !== 0
  growVma(m, vma, pages)
  vmStatAccount(mm, vma.flags, pages)
  if (locked) {
    mm.lockedVm += pages
    populate(m, task, addr + oldLength, addr + newLength)
  }
  return addr
}

function moveVma(m: Machine, task: Task, vma: Vma, remap: Remap): number {
  const { mm, flags } = vma
  const { addr, oldLength, newLength } = remap
  if (mm.vmas.count >= m.sysctl.maxMapCount - 3) return -ENOMEM
  const keepsOld = (remap.flags & MREMAP_DONTUNMAP) !== 0
  const pgoff = vma.pgoff + (addr - vma.start) / m.pageSize
  let target = remap.target
  if ((remap.flags & MREMAP_FIXED) === 0) {
    const request = { flags, file: vma.file, pgoff, special: '' }
    target = getUnmappedArea(m, mm, keepsOld ? remap.target : 0, newLength, request)
    if (target < 0) return target
  }
  const charged =
    (flags & VM_ACCOUNT) === 0 ? 0 : (keepsOld ? newLength : newLength - oldLength) / m.pageSize
  if (charged > 0 && !vmEnoughMemory(m, charged, task.uid === 0, mm.totalVm)) return -ENOMEM
  const locked = (flags & VM_LOCKED) !== 0
  const peak = mm.hiwaterVm
  const copy = copyVma(m, vma, addr, target, newLength)
  if (copy === null) {
    vmUnacctMemory(m, charged)
    return -ENOMEM
  }
  if (!movePageTables(m, mm, addr, target, oldLength)) {
    movePageTables(m, mm, target, addr, oldLength)
    doMunmap(m, mm, target, newLength)
    return -ENOMEM
  }
  const source = vmaLookup(mm, addr)! // as it is now
  vmStatAccount(mm, flags, newLength / m.pageSize)
  if (locked) mm.lockedVm += newLength / m.pageSize
  if (keepsOld) leaveEmpty(m, source, addr, oldLength, target)
  else if (oldLength > 0) {
    // The promise has moved along: what the old place gives back is what it keeps.
    if ((flags & VM_ACCOUNT) !== 0) m.committed += oldLength / m.pageSize
    doMunmap(m, mm, addr, oldLength)
  }
  mm.hiwaterVm = Math.max(peak, mm.totalVm)
  if (locked && newLength > oldLength) populate(m, task, target + oldLength, target + newLength)
  return target
}

/** MREMAP_DONTUNMAP: the old range is there still, without pages and without locks, though VmLck goes on counting it. */
function leaveEmpty(m: Machine, vma: Vma, addr: Vaddr, length: number, target: Vaddr): void {
  vma.flags &= ~(VM_LOCKED | VM_LOCKONFAULT)
  if (vma.start === addr && vma.end === addr + length) unlinkAnonVmas(m, vma)
  // Tables that fit at the new place have moved as a whole.
  if ((target - addr) % m.layout.entrySpan[1] === 0) freeEmptyTables(m, vma.mm, addr, addr + length)
}

/** Moves the PTEs of `length` bytes. False: no memory for the tables at the new place. */
function movePageTables(m: Machine, mm: Mm, source: Vaddr, target: Vaddr, length: number): boolean {
  const shift = target - source
  let enough = true
  forEachTable(
    m,
    mm,
    source,
    source + length,
    (_table, start, end) => {
      if (enough) enough = movePtes(m, mm, start, end, shift)
    },
    (va, level) => {
      // Where the lowest table but one is, the one above that is made at the new place.
      if (level === 1 && tableAlloc(m, mm, va + shift, 2) === NO_PFN) enough = false
    },
  )
  return enough
}

/** The PTEs of one table. The new place, which may lie in two, gets tables even if all are empty. */
function movePtes(m: Machine, mm: Mm, start: Vaddr, end: Vaddr, shift: number): boolean {
  const last = end - m.pageSize
  if (tableAlloc(m, mm, start + shift, 0) === NO_PFN) return false
  if (tableAlloc(m, mm, last + shift, 0) === NO_PFN) return false
  forEachPte(m, mm, start, end, (va, ptep) => {
    // As it is now: making the table may have sent the page to swap.
    const pte = getPte(m, ptep)
    setPte(m, mm, va, ptep, 0)
    setPte(m, mm, va + shift, ptepFind(m, mm, va + shift), pte)
  })
  return true
}
