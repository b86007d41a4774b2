// System calls on the address space: mmap, munmap, mprotect, brk.

import { EACCES, EBADF, EINVAL, ENOMEM } from '../lib/errno.ts'
import { roundUp } from '../lib/bits.ts'
import type { Inode } from '../state/inode.ts'
import type { Machine } from '../state/machine.ts'
import { VM_LOCKED, VM_SHARED, VM_WRITE } from '../state/mm.ts'
import type { Task } from '../state/task.ts'
import { faultIn } from '../mm/memory.ts'
import {
  MAP_ANONYMOUS,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_SHARED,
  doBrk,
  doMmap,
  doMprotect,
  doMunmap,
} from '../mm/mmap.ts'
import { putInode, shmemZeroSetup } from '../mm/shmem.ts'
import { findVmaIndex, vmaLookup } from '../mm/vma.ts'
import { defineSyscall } from './define.ts'
import { O_ACCMODE, O_RDONLY, O_RDWR, O_WRONLY } from './file.ts'

const MAP_PRIVATE_OR_SHARED = 0x3

export const mmap = defineSyscall({
  nr: 9,
  name: 'mmap',
  args: { addr: 'void *', length: 'size_t', prot: 'int', flags: 'int', fd: 'int', offset: 'off_t' },
  result: 'void *',
  run(m, task, { addr, length, prot, flags, fd, offset }) {
    if (offset % m.pageSize !== 0) return -EINVAL
    let file: Inode | null = null
    let access = O_RDWR
    if ((flags & MAP_ANONYMOUS) === 0) {
      const open = task.files[fd] ?? null
      if (open === null) return -EBADF
      file = open.inode
      access = open.flags & O_ACCMODE
    }
    if (!(length > 0)) return length === 0 ? -EINVAL : -ENOMEM
    const shared = (flags & MAP_PRIVATE_OR_SHARED) === MAP_SHARED
    const nameless = shared && (file === null || file.backing === 'zero')
    if (file !== null && !nameless && (file.backing === 'null' || file.backing === 'dir'))
      return -EACCES
    if (nameless) {
      if (length > m.layout.taskSize) return -ENOMEM
      file = shmemZeroSetup(
        m,
        length,
        task.uid === 0,
        task.mm!.totalVm,
        (flags & MAP_NORESERVE) !== 0,
      )
      if (file === null) return -ENOMEM
      if (task.files[fd] && access === O_RDONLY) file.mode = 0o400
    }
    const va = doMmap(m, task, {
      addr,
      length,
      prot,
      flags,
      file,
      pgoff: nameless ? 0 : offset / m.pageSize,
      readable: access !== O_WRONLY,
      writable: access === O_RDWR,
    })
    if (va < 0) {
      if (nameless) putInode(m, file!)
      return va
    }
    const locked = (flags & MAP_LOCKED) !== 0 || (task.mm!.defFlags & VM_LOCKED) !== 0
    if ((flags & MAP_POPULATE) !== 0 || locked)
      populate(m, task, va, va + roundUp(length, m.pageSize))
    return va
  },
})

/** Faults the pages of a fresh mapping in (mm_populate): private writable ones as writes. Stops where that fails. */
function populate(m: Machine, task: Task, start: number, end: number): void {
  for (let va = start; va < end; va += m.pageSize) {
    const vma = vmaLookup(task.mm!, va)
    if (vma === undefined || (vma.flags & 0x7) === 0) return
    const write = (vma.flags & (VM_WRITE | VM_SHARED)) === VM_WRITE
    if (faultIn(m, vma, va, write) !== 0) return
    task.minFlt++
    m.vmstat.pgfault++
    task.debt += 64
  }
}

export const munmap = defineSyscall({
  nr: 11,
  name: 'munmap',
  args: { addr: 'void *', length: 'size_t' },
  run(m, task, { addr, length }) {
    const { taskSize } = m.layout
    if (addr % m.pageSize !== 0 || !(length > 0) || addr > taskSize || length > taskSize - addr)
      return -EINVAL
    return unmapAndPut(m, task, addr, roundUp(length, m.pageSize))
  },
})

/** Unmaps, and lets go of shared memory that nobody maps any more. */
function unmapAndPut(m: Machine, task: Task, addr: number, length: number): number {
  const mm = task.mm!
  const inodes: Inode[] = []
  for (
    let at = findVmaIndex(mm, addr);
    at < mm.vmas.length && mm.vmas[at].start < addr + length;
    at++
  ) {
    const { file } = mm.vmas[at]
    if (file !== null && !inodes.includes(file)) inodes.push(file)
  }
  const result = doMunmap(m, mm, addr, length)
  for (const inode of inodes) putInode(m, inode)
  return result
}

export const mprotect = defineSyscall({
  nr: 10,
  name: 'mprotect',
  args: { addr: 'void *', length: 'size_t', prot: 'int' },
  run(m, task, { addr, length, prot }) {
    if (addr % m.pageSize !== 0 || (prot & ~0x7) !== 0) return -EINVAL
    if (length === 0) return 0
    const end = addr + roundUp(length, m.pageSize)
    if (!(end > addr) || end > m.layout.taskSize) return -ENOMEM
    return doMprotect(m, task, task.mm!, addr, end, prot)
  },
})

export const brk = defineSyscall({
  nr: 12,
  name: 'brk',
  args: { addr: 'void *' },
  result: 'void *',
  run: (m, task, { addr }) => doBrk(m, task, task.mm!, addr),
})
