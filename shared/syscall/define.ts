// A system call is described once. From the description come the argument names and types, the strace line, the C
// prototype at the prompt and the register order of compiled programs.

import type { Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'

/** C types of arguments and results. */
export type ArgType =
  'void *' | 'size_t' | 'int' | 'unsigned' | 'long' | 'off_t' | 'pid_t' | 'const char *' | 'int *'

/** Returned by a call that has to wait (the kernel's ERESTARTSYS); it is made again when the task runs next. */
export const WAITING = -512

export interface Syscall {
  nr: number // x86-64
  name: string
  args: Record<string, ArgType> // in the order in which `run` takes them
  result: ArgType
  /** The result, -errno, or WAITING. At most six arguments, as in registers; those not given are 0. */
  run: (m: Machine, task: Task, ...args: Args) => number
}

export type Args = [number, number, number, number, number, number]

/** Describes a call; `run` may take as few of the arguments as it needs. */
export function defineSyscall(call: {
  nr: number
  name: string
  args: Record<string, ArgType>
  result?: ArgType
  run: Syscall['run']
}): Syscall {
  return { result: 'int', ...call }
}
