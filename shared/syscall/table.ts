// All system calls, by name and by number, and the way to make one.

import { EFAULT, ENOSYS } from '../lib/errno.ts'
import type { Machine } from '../state/machine.ts'
import { SIGBUS, SIGSEGV, type Task } from '../state/task.ts'
import { sigMask } from '../mm/oomKill.ts'
import { USER_FAULT } from '../mm/uaccess.ts'
import type { TraceEvent } from '../trace/events.ts'
import { WAITING, type Syscall } from './define.ts'
import { close, fsync, lseek, open, openat, read, sync, write } from './file.ts'
import { ftruncate, memfdCreate, mkdir, rmdir, truncate, unlink } from './inode.ts'
import {
  brk,
  madvise,
  mincore,
  mlock,
  mlock2,
  mlockall,
  mmap,
  mprotect,
  mremap,
  msync,
  munlock,
  munlockall,
  munmap,
} from './memory.ts'
import {
  clone,
  execve,
  exitGroup,
  fork,
  geteuid,
  getgid,
  getpid,
  getppid,
  getrandom,
  gettid,
  getuid,
  kill,
  prctl,
  schedYield,
  setRobustList,
  setuid,
  sysinfo,
  tgkill,
  wait4,
} from './process.ts'
import { getpriority, getrusage, prlimit64, setpriority } from './resource.ts'
import { RESTART_BLOCK, RESTART_SYS, enterEvent, traceEnter, traceExit } from './strace.ts'
import { swapoff, swapon } from './swap.ts'
import { clockNanosleep, nanosleep } from './time.ts'

/** In the order of their numbers. */
export const SYSCALLS: Syscall[] = [
  read,
  write,
  open,
  close,
  lseek,
  mmap,
  mprotect,
  munmap,
  brk,
  schedYield,
  mremap,
  msync,
  mincore,
  madvise,
  nanosleep,
  getpid,
  clone,
  fork,
  execve,
  wait4,
  kill,
  fsync,
  truncate,
  ftruncate,
  mkdir,
  rmdir,
  unlink,
  getrusage,
  sysinfo,
  getuid,
  getgid,
  setuid,
  geteuid,
  getppid,
  getpriority,
  setpriority,
  mlock,
  munlock,
  mlockall,
  munlockall,
  prctl,
  sync,
  swapon,
  swapoff,
  gettid,
  clockNanosleep,
  exitGroup,
  tgkill,
  openat,
  setRobustList,
  prlimit64,
  getrandom,
  memfdCreate,
  mlock2,
]

const byName = new Map(SYSCALLS.map((call) => [call.name, call]))
const byNumber = new Map(SYSCALLS.map((call) => [call.nr, call]))

export function findSyscall(name: string): Syscall | undefined {
  return byName.get(name)
}

/**
 * Makes a system call for the task: the result, -errno, or WAITING with the task asleep (make the same call again when
 * it runs next). exit and a successful execve do not return: they throw USER_FAULT, as does a call that is the end of the
 * task for want of memory.
 */
export function doSyscall(m: Machine, task: Task, name: string, args: number[]): number {
  const call = byName.get(name)
  if (call === undefined) return -ENOSYS
  while (args.length < 6) args.push(0)
  if (task.call === null) {
    task.call = { nr: call.nr, args, started: m.ticks }
    if (m.trace.on.sys_enter) traceEnter(m, task, call, args)
  }
  const result = runCall(m, task, call, args)
  if (result === WAITING) return WAITING
  task.call = null
  if (m.trace.on.sys_exit) traceExit(m, task, call, args, result)
  return result
}

/** The call that the task sleeps in, as its beginning was told; null if it is in none. */
export function callInProgress(m: Machine, task: Task): TraceEvent | null {
  const call = task.call === null ? undefined : byNumber.get(task.call.nr)
  return call === undefined ? null : enterEvent(m, task, call, task.call!.args)
}

/** A caught signal comes before the call that the task sleeps in is done; it will not be made again. */
export function abandonCall(m: Machine, task: Task): void {
  if (task.call === null) return
  const { nr, args } = task.call
  const call = byNumber.get(nr)!
  const sleeps = call === nanosleep || call === clockNanosleep
  if (sleeps) runCall(m, task, call, args) // it says how much time is left
  task.call = null
  const result = sleeps ? RESTART_BLOCK : RESTART_SYS
  if (m.trace.on.sys_exit) traceExit(m, task, call, args, result)
}

/** A bad pointer is the caller's error here, not its end. */
function runCall(m: Machine, task: Task, call: Syscall, args: number[]): number {
  const before = task.pending
  try {
    return call.run(m, task, args[0], args[1], args[2], args[3], args[4], args[5])
  } catch (thrown) {
    const bad = task.pending & ~before & (sigMask(SIGSEGV) | sigMask(SIGBUS))
    if (thrown !== USER_FAULT || bad === 0) throw thrown
    task.pending &= ~bad
    return -EFAULT
  }
}
