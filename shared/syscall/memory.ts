// System calls on the address space: mmap, munmap, mprotect, brk.

import { EACCES, EBADF, EINVAL, ENOMEM } from '../lib/errno.ts'
import { roundUp } from '../lib/bits.ts'
import type { Inode } from '../state/inode.ts'
import { VM_LOCKED, VM_LOCKONFAULT, VM_SHARED } from '../state/mm.ts'
import { doMadvise } from '../mm/madvise.ts'
import { doMlock, doMlockall, doMunlock, doMunlockall, populate } from '../mm/mlock.ts'
import {
  MAP_ANONYMOUS,
  MAP_GROWSDOWN,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_SHARED,
  doBrk,
  doMmap,
  doMprotect,
  doMunmap,
} from '../mm/mmap.ts'
import { doMremap } from '../mm/mremap.ts'
import { putInode, shmemZeroSetup } from '../mm/shmem.ts'
import { writebackPages } from '../mm/writeback.ts'
import { vmasIn } from '../mm/vma.ts'
import { defineSyscall } from './define.ts'
import { O_ACCMODE, O_RDONLY, O_RDWR, O_WRONLY } from './file.ts'

const MAP_PRIVATE_OR_SHARED = 0x3

export const mmap = defineSyscall({
  nr: 9,
  name: 'mmap',
  args: { addr: 'void *', length: 'size_t', prot: 'int', flags: 'int', fd: 'int', offset: 'off_t' },
  result: 'void *',
  run(m, task, addr, length, prot, flags, fd, offset) {
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
    if (nameless && (flags & MAP_ANONYMOUS) !== 0 && (flags & MAP_GROWSDOWN) !== 0) return -EINVAL
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

export const munmap = defineSyscall({
  nr: 11,
  name: 'munmap',
  args: { addr: 'void *', length: 'size_t' },
  run(m, task, addr, length) {
    const { taskSize } = m.layout
    if (addr % m.pageSize !== 0 || !(length > 0) || addr > taskSize || length > taskSize - addr)
      return -EINVAL
    return doMunmap(m, task.mm!, addr, roundUp(length, m.pageSize))
  },
})

export const mprotect = defineSyscall({
  nr: 10,
  name: 'mprotect',
  args: { addr: 'void *', length: 'size_t', prot: 'int' },
  run(m, task, addr, length, prot) {
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
  run: (m, task, addr) => doBrk(m, task, task.mm!, addr),
})

export const mremap = defineSyscall({
  nr: 25,
  name: 'mremap',
  args: {
    old_address: 'void *',
    old_size: 'size_t',
    new_size: 'size_t',
    flags: 'int',
    new_address: 'void *',
  },
  result: 'void *',
  run: doMremap,
})

export const madvise = defineSyscall({
  nr: 28,
  name: 'madvise',
  args: { addr: 'void *', length: 'size_t', advice: 'int' },
  run: (m, task, addr, length, advice) => doMadvise(m, task, addr, length, advice),
})

export const mlock = defineSyscall({
  nr: 149,
  name: 'mlock',
  args: { addr: 'void *', length: 'size_t' },
  run: (m, task, addr, length) => doMlock(m, task, addr, length, VM_LOCKED),
})

export const MLOCK_ONFAULT = 1

export const mlock2 = defineSyscall({
  nr: 325,
  name: 'mlock2',
  args: { addr: 'void *', length: 'size_t', flags: 'unsigned' },
  run(m, task, addr, length, flags) {
    if ((flags & ~MLOCK_ONFAULT) !== 0) return -EINVAL
    return doMlock(
      m,
      task,
      addr,
      length,
      VM_LOCKED | (flags === MLOCK_ONFAULT ? VM_LOCKONFAULT : 0),
    )
  },
})

export const munlock = defineSyscall({
  nr: 150,
  name: 'munlock',
  args: { addr: 'void *', length: 'size_t' },
  run: (m, task, addr, length) => doMunlock(m, task, addr, length),
})

export const mlockall = defineSyscall({
  nr: 151,
  name: 'mlockall',
  args: { flags: 'int' },
  run: (m, task, flags) => doMlockall(m, task, flags),
})

export const munlockall = defineSyscall({
  nr: 152,
  name: 'munlockall',
  args: {},
  run: (m, task) => doMunlockall(m, task),
})

export const MS_ASYNC = 1
export const MS_INVALIDATE = 2
export const MS_SYNC = 4

export const msync = defineSyscall({
  nr: 26,
  name: 'msync',
  args: { addr: 'void *', length: 'size_t', flags: 'int' },
  run(m, task, addr, length, flags) {
    if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0 || addr % m.pageSize !== 0)
      return -EINVAL
    if ((flags & MS_ASYNC) !== 0 && (flags & MS_SYNC) !== 0) return -EINVAL
    const end = addr + roundUp(length, m.pageSize)
    if (!(end >= addr)) return -ENOMEM
    const mm = task.mm!
    let covered = addr
    for (const vma of vmasIn(mm, addr, end)) {
      if (vma.start > covered) break
      covered = Math.min(end, vma.end)
      if ((flags & MS_SYNC) === 0 || (vma.flags & VM_SHARED) === 0 || vma.file?.backing !== 'disk')
        continue
      const from = Math.max(addr, vma.start)
      const first = vma.pgoff + (from - vma.start) / m.pageSize
      writebackPages(m, vma.file, first, first + (covered - from) / m.pageSize)
    }
    return covered < end ? -ENOMEM : 0
  },
})
