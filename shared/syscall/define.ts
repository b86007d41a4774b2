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
  args: [name: string, type: ArgType][]
  result: ArgType
  /** The result, -errno, or WAITING. */
  run: (m: Machine, task: Task, args: number[]) => number
}

type Named<A extends Record<string, ArgType>> = { [K in keyof A]: number }

/** Describes a call; `run` gets its arguments by name. */
export function defineSyscall<A extends Record<string, ArgType>>(call: {
  nr: number
  name: string
  args: A
  result?: ArgType
  run: (m: Machine, task: Task, args: Named<A>) => number
}): Syscall {
  const names = Object.keys(call.args)
  return {
    nr: call.nr,
    name: call.name,
    args: names.map((name) => [name, call.args[name]]),
    result: call.result ?? 'int',
    run: (m, task, values) => {
      const args: Record<string, number> = {}
      for (let i = 0; i < names.length; i++) args[names[i]] = values[i] ?? 0
      return call.run(m, task, args as Named<A>)
    },
  }
}
