// All system calls, by name and by number, and the way to make one.

import { EFAULT, ENOSYS, errnoName } from '../lib/errno.ts'
import type { Machine } from '../state/machine.ts'
import { SIGBUS, SIGSEGV, type Task } from '../state/task.ts'
import { sigMask } from '../mm/oomKill.ts'
import { USER_FAULT } from '../mm/uaccess.ts'
import { emit } from '../trace/trace.ts'
import { WAITING, type Syscall } from './define.ts'
import { close, fsync, open, read, sync, write } from './file.ts'
import {
  brk,
  madvise,
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
  execve,
  exitGroup,
  fork,
  geteuid,
  getgid,
  getpid,
  getppid,
  getpriority,
  getuid,
  kill,
  nanosleep,
  schedYield,
  setpriority,
  sysinfo,
  wait4,
} from './process.ts'
import { swapoff, swapon } from './swap.ts'

export const SYSCALLS: Syscall[] = [
  read,
  write,
  open,
  close,
  mmap,
  mprotect,
  munmap,
  mremap,
  madvise,
  mlock,
  mlock2,
  munlock,
  mlockall,
  munlockall,
  msync,
  brk,
  schedYield,
  nanosleep,
  getpid,
  fork,
  execve,
  exitGroup,
  wait4,
  kill,
  sysinfo,
  getuid,
  getgid,
  geteuid,
  getppid,
  getpriority,
  setpriority,
  fsync,
  sync,
  swapon,
  swapoff,
]

const byName = new Map(SYSCALLS.map((call) => [call.name, call]))

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
  task.call ??= { nr: call.nr, args, started: m.ticks }
  const result = runCall(m, task, call, args)
  if (result === WAITING) return WAITING
  task.call = null
  if (m.trace.ring !== null)
    emit(m.trace, m.ticks, task.pid, 'sys_exit', { line: straceLine(call, args, result) })
  return result
}

/** A bad pointer is the caller's error here, not its end. */
function runCall(m: Machine, task: Task, call: Syscall, args: number[]): number {
  const before = task.pending
  try {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args
    return call.run(m, task, a, b, c, d, e, f)
  } catch (thrown) {
    const bad = task.pending & ~before & (sigMask(SIGSEGV) | sigMask(SIGBUS))
    if (thrown !== USER_FAULT || bad === 0) throw thrown
    task.pending &= ~bad
    return -EFAULT
  }
}

/** The line that strace(1) prints of a call. */
export function straceLine(call: Syscall, args: number[], result: number): string {
  const shown = Object.values(call.args).map((type, i) => showValue(type, args[i] ?? 0))
  const value =
    result < 0 && result > -4096 ? `-1 ${errnoName(-result)}` : showValue(call.result, result)
  return `${call.name}(${shown.join(', ')}) = ${value}`
}

function showValue(type: string, value: number): string {
  if (!type.endsWith('*')) return String(value)
  return value === 0 ? 'NULL' : `0x${value.toString(16)}`
}
