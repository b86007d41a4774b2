// System calls on the address space: mmap, munmap, mprotect, brk and those that say how it is to be kept.

import { EACCES, EBADF, EFAULT, EINVAL, ENOMEM } from '../lib/errno.ts'
import { roundUp } from '../lib/bits.ts'
import type { Inode } from '../state/inode.ts'
import { VM_LOCKED, VM_LOCKONFAULT, VM_SHARED } from '../state/mm.ts'
import { doMadvise } from '../mm/madvise.ts'
import { doMincore } from '../mm/mincore.ts'
import { doMlock, doMlockall, doMunlock, doMunlockall, populate } from '../mm/mlock.ts'
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
import { MREMAP_FIXED, MREMAP_MAYMOVE, doMremap } from '../mm/mremap.ts'
import { putInode, shmemZeroSetup } from '../mm/shmem.ts'
import { writebackPages } from '../mm/writeback.ts'
import { vmasIn } from '../mm/vma.ts'
import { defineSyscall } from './define.ts'
import {
  MADV,
  MAP_FLAGS,
  MAP_HUGETLB,
  MAP_TYPES,
  MCL,
  MLOCK,
  MLOCK_ONFAULT,
  MREMAP,
  MS,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  O_ACCMODE,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  PROT,
} from './flags.ts'
import {
  arg,
  flags as bits,
  hexOffset,
  hexRest,
  oneOf,
  out,
  peekBytes,
  showAddress,
  showName,
  takeNames,
} from './strace.ts'

const MAP_PRIVATE_OR_SHARED = 0x3
const MAP_TYPE = 0xf
const MAP_HUGE_SHIFT = 26

const protection = bits('int', PROT, 'PROT_???')

/** `MAP_PRIVATE|MAP_ANONYMOUS`: the type, the other bits, the size of huge pages. */
const mapFlags = arg(
  'int',
  (_t, value) => {
    const type = showName(value & MAP_TYPE, MAP_TYPES, 'MAP_???')
    const huge = value >>> MAP_HUGE_SHIFT
    const { found, rest } = takeNames(value & 0x3ff_fff0, MAP_FLAGS)
    const size = huge === 0 ? [] : [`${huge}<<MAP_HUGE_SHIFT`]
    return [type, ...found, ...hexRest(rest), ...size].join('|')
  },
  { ...MAP_TYPES, ...MAP_FLAGS },
)

export const mmap = defineSyscall({
  nr: 9,
  i386: 192,
  name: 'mmap',
  name32: 'mmap2',
  args: {
    addr: 'void *',
    length: 'size_t',
    prot: protection,
    flags: mapFlags,
    fd: 'int',
    offset: hexOffset,
  },
  result: 'void *',
  run(m, task, addr, length, prot, flags, fd, offset) {
    if (offset % m.pageSize !== 0) return -EINVAL
    // No huge page is ever set aside, and no file system here is made of them.
    if ((flags & MAP_HUGETLB) !== 0) return (flags & MAP_ANONYMOUS) !== 0 ? -ENOMEM : -EINVAL
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
      file = shmemZeroSetup(m, length, task, task.mm!.totalVm, (flags & MAP_NORESERVE) !== 0)
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
  i386: 91,
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
  i386: 125,
  name: 'mprotect',
  args: { addr: 'void *', length: 'size_t', prot: protection },
  run(m, task, addr, length, prot) {
    if (addr % m.pageSize !== 0 || (prot & ~0x7) !== 0) return -EINVAL
    if (length === 0) return 0
    const end = addr + roundUp(length, m.pageSize)
    if (!(end > addr)) return -ENOMEM
    return doMprotect(m, task, task.mm!, addr, end, prot)
  },
})

export const brk = defineSyscall({
  nr: 12,
  i386: 45,
  name: 'brk',
  args: { addr: 'void *' },
  result: 'void *',
  run: (m, task, addr) => doBrk(m, task, task.mm!, addr),
})

/** Means something only of a mapping that goes to a place of its own. */
const newAddress = arg('void *', (_t, va, { args }) => {
  const fixed = MREMAP_MAYMOVE | MREMAP_FIXED
  return (args[3] & fixed) === fixed ? showAddress(va) : null
})

export const mremap = defineSyscall({
  nr: 25,
  i386: 163,
  name: 'mremap',
  args: {
    old_address: 'void *',
    old_size: 'size_t',
    new_size: 'size_t',
    flags: bits('int', MREMAP, 'MREMAP_???'),
    new_address: newAddress,
  },
  result: 'void *',
  run: doMremap,
})

export const madvise = defineSyscall({
  nr: 28,
  i386: 219,
  name: 'madvise',
  args: { addr: 'void *', length: 'size_t', advice: oneOf('int', MADV, 'MADV_???') },
  run: (m, task, addr, length, advice) => doMadvise(m, task, addr, length, advice),
})

export const mlock = defineSyscall({
  nr: 149,
  i386: 150,
  name: 'mlock',
  args: { addr: 'void *', length: 'size_t' },
  run: (m, task, addr, length) => doMlock(m, task, addr, length, VM_LOCKED),
})

export const mlock2 = defineSyscall({
  nr: 325,
  i386: 376,
  name: 'mlock2',
  args: {
    addr: 'void *',
    length: 'size_t',
    flags: bits('unsigned int', MLOCK, 'MLOCK_???'),
  },
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
  i386: 151,
  name: 'munlock',
  args: { addr: 'void *', length: 'size_t' },
  run: (m, task, addr, length) => doMunlock(m, task, addr, length),
})

export const mlockall = defineSyscall({
  nr: 151,
  i386: 152,
  name: 'mlockall',
  args: { flags: bits('int', MCL, 'MCL_???') },
  run: (m, task, flags) => doMlockall(m, task, flags),
})

export const munlockall = defineSyscall({
  nr: 152,
  i386: 153,
  name: 'munlockall',
  args: {},
  run: (m, task) => doMunlockall(m, task),
})

export const msync = defineSyscall({
  nr: 26,
  i386: 144,
  name: 'msync',
  args: { addr: 'void *', length: 'size_t', flags: bits('int', MS, 'MS_???') },
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

/** `[1, 0]`: which pages are in memory; 32 of them at most. */
const VEC_SHOWN = 32
const residentPages = out('unsigned char *', (t, va, { args }) => {
  const pages = Math.ceil(args[1] / t.m.pageSize)
  const bytes = peekBytes(t, va, Math.min(pages, VEC_SHOWN))
  if (bytes === null) return showAddress(va)
  const shown = bytes.map((byte) => String(byte & 1))
  return `[${shown.join(', ')}${pages > VEC_SHOWN ? ', ...' : ''}]`
})

export const mincore = defineSyscall({
  nr: 27,
  i386: 218,
  name: 'mincore',
  args: { addr: 'void *', length: 'size_t', vec: residentPages },
  run(m, task, addr, length, vec) {
    const { taskSize } = m.layout
    if (addr % m.pageSize !== 0) return -EINVAL
    if (!(length >= 0 && addr + length <= taskSize)) return -ENOMEM
    const pages = Math.ceil(length / m.pageSize)
    if (vec + pages > taskSize) return -EFAULT
    return doMincore(m, task, addr, pages, vec)
  },
})
