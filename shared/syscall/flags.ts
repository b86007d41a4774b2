// What the bits and values are called that system calls take, in the order in which strace prints them (its xlat/). The
// C prompt knows these names as constants.

import * as madvise from '../mm/madvise.ts'
import { MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT } from '../mm/mlock.ts'
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../mm/mmap.ts'
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from '../mm/mremap.ts'

export type Names = Record<string, number>

// include/uapi/asm-generic/fcntl.h
export const O_RDONLY = 0
export const O_WRONLY = 1
export const O_RDWR = 2
export const O_ACCMODE = 3
export const O_CREAT = 0o100
export const O_EXCL = 0o200
export const O_TRUNC = 0o1000
export const O_APPEND = 0o2000
export const O_DIRECTORY = 0o200000
export const O_NOFOLLOW = 0o400000
export const O_CLOEXEC = 0o2000000
export const O_TMPFILE = 0o20200000

export const ACCESS_MODES: Names = { O_RDONLY, O_WRONLY, O_RDWR, O_ACCMODE }
export const OPEN_FLAGS: Names = {
  O_CREAT,
  O_EXCL,
  O_NOCTTY: 0o400,
  O_TRUNC,
  O_APPEND,
  O_NONBLOCK: 0o4000,
  O_SYNC: 0o4010000,
  O_DSYNC: 0o10000,
  O_DIRECT: 0o40000,
  O_LARGEFILE: 0o100000,
  O_NOFOLLOW,
  O_NOATIME: 0o1000000,
  O_CLOEXEC,
  O_PATH: 0o10000000,
  O_TMPFILE,
  O_DIRECTORY,
}

export const PROT: Names = {
  PROT_NONE: 0,
  PROT_READ,
  PROT_WRITE,
  PROT_EXEC,
  PROT_SEM: 0x8,
  PROT_GROWSDOWN: 0x100_0000,
  PROT_GROWSUP: 0x200_0000,
}

export const MAP_HUGETLB = 0x4_0000
export const MAP_TYPES: Names = {
  MAP_FILE: 0,
  MAP_SHARED,
  MAP_PRIVATE,
  MAP_SHARED_VALIDATE: 0x3,
}
export const MAP_FLAGS: Names = {
  MAP_FIXED,
  MAP_ANONYMOUS,
  MAP_32BIT: 0x40,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_NONBLOCK: 0x1_0000,
  MAP_GROWSDOWN,
  MAP_DENYWRITE: 0x800,
  MAP_EXECUTABLE: 0x1000,
  MAP_LOCKED,
  MAP_STACK: 0x2_0000,
  MAP_HUGETLB,
  MAP_SYNC: 0x8_0000,
  MAP_FIXED_NOREPLACE,
}

export const MREMAP: Names = { MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_DONTUNMAP }

export const MADV: Names = {
  ...numbersOf(madvise, /^MADV_/),
  MADV_MERGEABLE: 12,
  MADV_UNMERGEABLE: 13,
  MADV_HUGEPAGE: 14,
  MADV_NOHUGEPAGE: 15,
  MADV_COLD: 20,
  MADV_PAGEOUT: 21,
  MADV_DONTNEED_LOCKED: 24,
  MADV_COLLAPSE: 25,
  MADV_HWPOISON: 100,
  MADV_SOFT_OFFLINE: 101,
}

function numbersOf(module: object, pattern: RegExp): Names {
  const numbers = Object.entries(module).filter(
    ([name, value]) => pattern.test(name) && typeof value === 'number',
  )
  return Object.fromEntries<number>(numbers)
}

export const MLOCK_ONFAULT = 1
export const MLOCK: Names = { MLOCK_ONFAULT }
export const MCL: Names = { MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT }

export const MS_ASYNC = 1
export const MS_INVALIDATE = 2
export const MS_SYNC = 4
export const MS: Names = { MS_SYNC, MS_ASYNC, MS_INVALIDATE }

export const MFD_CLOEXEC = 1
export const MFD_ALLOW_SEALING = 2
export const MFD: Names = { MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB: 4 }

export const SEEK_SET = 0
export const SEEK_CUR = 1
export const SEEK_END = 2
export const SEEK_DATA = 3
export const SEEK_HOLE = 4
export const SEEK: Names = { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE }

export const AT_FDCWD = -100
export const AT: Names = { AT_FDCWD }

export const WNOHANG = 1
export const WUNTRACED = 2
export const WCONTINUED = 8
export const WAIT: Names = {
  WNOHANG,
  WEXITED: 4,
  WSTOPPED: WUNTRACED,
  WCONTINUED,
  WNOWAIT: 0x0100_0000,
  __WCLONE: 0x8000_0000,
  __WALL: 0x4000_0000,
  __WNOTHREAD: 0x2000_0000,
}

export const PRIO_PROCESS = 0
export const PRIO: Names = { PRIO_PROCESS, PRIO_PGRP: 1, PRIO_USER: 2 }

export const RLIMIT: Names = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
}

export const RUSAGE_SELF = 0
export const RUSAGE_CHILDREN = -1
export const RUSAGE_THREAD = 1
export const RUSAGE: Names = { RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD }

// include/uapi/linux/prctl.h
export const PR: Names & { PR_SET_NAME: number } = { PR_SET_NAME: 15 }

export const GRND: Names = { GRND_NONBLOCK: 1, GRND_RANDOM: 2, GRND_INSECURE: 4 }

export const TIMER_ABSTIME = 1
export const TIMER: Names = { TIMER_ABSTIME }
export const CLOCK: Names = { CLOCK_REALTIME: 0, CLOCK_MONOTONIC: 1, CLOCK_BOOTTIME: 7 }

export const CLONE: Names = {
  CLONE_VM: 0x100,
  CLONE_VFORK: 0x4000,
  CLONE_CHILD_CLEARTID: 0x20_0000,
  CLONE_CHILD_SETTID: 0x100_0000,
}

export const SWAP_FLAGS: Names = { SWAP_FLAG_PREFER: 0x8000, SWAP_FLAG_DISCARD: 0x1_0000 }
