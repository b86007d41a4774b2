// A system call is described once. From the description come the argument names and types, the strace line, the C
// prototype at the prompt and the register order of compiled programs.

import type { Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { plainArg, type Arg, type Tracee } from './strace.ts'

/** C types of arguments and results. */
export type ArgType =
  | 'void *'
  | 'const void *'
  | 'size_t'
  | 'ssize_t'
  | 'int'
  | 'unsigned int'
  | 'long'
  | 'unsigned long'
  | 'off_t'
  | 'mode_t'
  | 'pid_t'
  | 'uid_t'
  | 'gid_t'
  | 'clockid_t'
  | 'const char *'
  | 'int *'
  | 'unsigned char *'
  | 'struct rlimit *'
  | 'const struct rlimit *'
  | 'struct rusage *'
  | 'struct sysinfo *'
  | 'struct timespec *'
  | 'const struct timespec *'

/** Returned by a call that has to wait (the kernel's ERESTARTSYS); it is made again when the task runs next. */
export const WAITING = -512

export interface Syscall {
  nr: number // x86-64
  i386: number
  name: string
  name32: string // what the call is called that an i386 program makes instead
  args: Record<string, Arg> // in the order in which `run` takes them
  result: ArgType
  /** The result, -errno, or WAITING. At most six arguments, as in registers; those not given are 0. */
  run: (m: Machine, task: Task, ...args: Args) => number
  /** How strace shows the arguments if not one after the other; `after`: the part that follows the call. */
  line: ((t: Tracee, args: number[], after: boolean) => string) | null
}

export type Args = [number, number, number, number, number, number]

/** Describes a call; `run` may take as few of the arguments as it needs. A type alone shows as strace shows such a type. */
export function defineSyscall(call: {
  nr: number
  i386: number
  name: string
  name32?: string
  args: Record<string, Arg | ArgType>
  result?: ArgType
  run: Syscall['run']
  line?: Syscall['line']
}): Syscall {
  const { name, name32 = name, result = 'int', line = null } = call
  const args = Object.entries(call.args).map(([arg, kind]) => [arg, plainArg(kind)] as const)
  return { ...call, name32, result, line, args: Object.fromEntries(args) }
}
