// mremap(): a mapping gets longer, shorter or another place, with its pages (mm/mremap.c, 6.18).
//
//   in place    AAAA....        AAAAAA..        there is room behind it and the old range reaches the VMA's end
//   moved       AAAABBBB   →    ....BBBB  AAAAAA   the PTEs move: same frames, no faults

import { EAGAIN, EFAULT, EINVAL, ENOMEM } from '../lib/errno.ts'
import { roundUp } from '../lib/bits.ts'
import { NO_PTE } from '../hw/mmu.ts'
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
import { mlockFutureOk, populate } from './mlock.ts'
import { forEachPte } from './memory.ts'
import { copyVma, doMunmap, getUnmappedArea, growVma, mayExpandVm, vmStatAccount } from './mmap.ts'
import { vmEnoughMemory, vmUnacctMemory } from './overcommit.ts'
import { getPte, ptepAlloc, setPte } from './pgtable.ts'
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
  const error = checkParams(m, remap)
  if (error < 0) return error
  const mm = task.mm!
  if (remap.newLength === remap.oldLength && (flags & MREMAP_FIXED) !== 0)
    return moveSeveral(m, task, remap)
  if ((flags & MREMAP_FIXED) === 0 && remap.newLength < remap.oldLength) return shrink(m, mm, remap)
  if ((flags & MREMAP_FIXED) !== 0) {
    const freed = doMunmap(m, mm, target, remap.newLength)
    if (freed < 0) return freed
    if (remap.newLength < remap.oldLength) {
      const cut = doMunmap(m, mm, addr + remap.newLength, remap.oldLength - remap.newLength)
      if (cut < 0) return cut
      remap.oldLength = remap.newLength
    }
  }
  return remapVma(m, task, remap)
}

function checkParams(m: Machine, { addr, oldLength, newLength, flags, target }: Remap): number {
  if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0) return -EINVAL
  if (addr % m.pageSize !== 0 || newLength === 0 || newLength > m.layout.taskSize) return -EINVAL
  const placed = (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0
  if (!placed) return 0
  if ((flags & MREMAP_MAYMOVE) === 0) return -EINVAL
  if ((flags & MREMAP_DONTUNMAP) !== 0 && oldLength !== newLength) return -EINVAL
  if ((flags & MREMAP_FIXED) === 0) return 0
  if (target % m.pageSize !== 0 || target > m.layout.taskSize - newLength) return -EINVAL
  return addr + oldLength > target && target + newLength > addr ? -EINVAL : 0
}

function shrink(m: Machine, mm: Mm, { addr, oldLength, newLength }: Remap): number {
  const vma = vmaLookup(mm, addr)
  if (vma === undefined || addr + oldLength > vma.end) return -EFAULT
  const error = doMunmap(m, mm, addr + newLength, oldLength - newLength)
  return error < 0 ? error : addr
}

/** With an unchanged length a range over several VMAs may be moved, holes and all. */
function moveSeveral(m: Machine, task: Task, remap: Remap): number {
  const mm = task.mm!
  const end = remap.addr + remap.oldLength
  if (vmaLookup(mm, remap.addr) === undefined) return -EFAULT
  const freed = doMunmap(m, mm, remap.target, remap.newLength)
  if (freed < 0) return freed
  let va = remap.addr
  while (va < end) {
    const vma = findVmaIntersection(mm, va, end)
    if (vma === undefined) break
    const from = Math.max(va, vma.start)
    const stop = Math.min(end, vma.end)
    const length = stop - from
    const moved = remapVma(m, task, {
      ...remap,
      addr: from,
      oldLength: length,
      newLength: length,
      target: remap.target + (from - remap.addr),
    })
    if (moved < 0) return moved
    va = stop
  }
  return remap.target
}

function remapVma(m: Machine, task: Task, remap: Remap): number {
  const mm = task.mm!
  const { addr, oldLength, newLength, flags } = remap
  const vma = vmaLookup(mm, addr)
  if (vma === undefined) return -EFAULT
  if (oldLength === 0 && (vma.flags & (VM_SHARED | VM_MAYSHARE)) === 0) return -EINVAL
  if ((flags & MREMAP_DONTUNMAP) !== 0 && ((vma.flags & VM_DONTEXPAND) !== 0 || vma.special !== ''))
    return -EINVAL
  if (oldLength > vma.end - addr) return -EFAULT
  const placed = (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0
  if (newLength === oldLength && !placed) return addr
  if (newLength > oldLength) {
    if ((vma.flags & VM_DONTEXPAND) !== 0 || vma.special !== '') return -EFAULT
    const pages = (newLength - oldLength) / m.pageSize
    if ((vma.flags & VM_LOCKED) !== 0 && !mlockFutureOk(task, mm, pages)) return -EAGAIN
    if (!mayExpandVm(mm, task.rlimits, vma.flags, pages)) return -ENOMEM
    const atEnd = oldLength === vma.end - addr
    if (!placed && atEnd && oldLength > 0 && expandable(m, vma, newLength - oldLength)) {
      return expandInPlace(m, task, vma, remap, pages)
    }
  }
  if ((flags & MREMAP_MAYMOVE) === 0) return -ENOMEM
  return moveVma(m, task, vma, remap)
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
  pages: number,
): number {
  const { mm } = vma
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
  if (!movePageTables(m, vma, addr, copy, target, oldLength)) {
    movePageTables(m, copy, target, vma, addr, oldLength)
    doMunmap(m, mm, target, newLength)
    return -ENOMEM
  }
  vmStatAccount(mm, flags, newLength / m.pageSize)
  if (locked) mm.lockedVm += newLength / m.pageSize
  if (keepsOld) leaveEmpty(m, vma, addr, oldLength, locked)
  else if (oldLength > 0) {
    // The promise has moved along: what the old place gives back is what it keeps.
    if ((flags & VM_ACCOUNT) !== 0) m.committed += oldLength / m.pageSize
    doMunmap(m, mm, addr, oldLength)
  }
  mm.hiwaterVm = Math.max(peak, mm.totalVm)
  if (locked && newLength > oldLength) populate(m, task, target + oldLength, target + newLength)
  return target
}

/** MREMAP_DONTUNMAP: the old range is there still, without pages and without locks. */
function leaveEmpty(m: Machine, vma: Vma, addr: Vaddr, length: number, locked: boolean): void {
  if (locked) {
    vma.flags &= ~(VM_LOCKED | VM_LOCKONFAULT)
    vma.mm.lockedVm -= (vma.end - vma.start) / m.pageSize
  }
  if (vma.start === addr && vma.end === addr + length) unlinkAnonVmas(m, vma)
}

/** Moves the PTEs of `length` bytes. False: no memory for the tables at the new place. */
function movePageTables(
  m: Machine,
  from: Vma,
  source: Vaddr,
  to: Vma,
  target: Vaddr,
  length: number,
): boolean {
  let enough = true
  forEachPte(m, from.mm, source, source + length, (va, ptep) => {
    if (!enough) return
    const at = ptepAlloc(m, to.mm, target + (va - source))
    if (at === NO_PTE) {
      enough = false
      return
    }
    // As it is now: making the table may have sent the page to swap.
    const pte = getPte(m, ptep)
    setPte(m, from.mm, va, ptep, 0)
    setPte(m, to.mm, target + (va - source), at, pte)
  })
  return enough
}
