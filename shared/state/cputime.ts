// CPU time as programs are told it (kernel/sched/cputime.c).

import type { Machine } from './machine.ts'
import type { Task } from './task.ts'

/** sysconf(_SC_CLK_TCK), the unit of times in /proc/PID/stat. */
export const CLK_TCK = 100

/** Clock ticks of machine time in which that much fuel is used. */
export function clockTicks(m: Machine, fuel: number): number {
  return Math.floor((fuel * CLK_TCK) / m.options.speed)
}

/** Clock ticks of CPU time that the task has used. */
export function cpuClockTicks(m: Machine, task: Task): number {
  return clockTicks(m, task.utime)
}
