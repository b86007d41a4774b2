// Where the processor's time goes (kernel/sched/cputime.c). A task counts its time in fuel, the machine in ns, so that
// a tick is 50 ms whatever fuel it has.

import { TICK_MS, type Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'

const TICK_NS = TICK_MS * 1_000_000

/** ns of machine time in which that much of the tick's fuel is used. */
function nsOf(m: Machine, fuel: number): number {
  return Math.floor((fuel / m.tickFuel) * TICK_NS)
}

/** A slice has taken `used` fuel, `system` of it in the kernel. */
export function accountSlice(m: Machine, task: Task, used: number, system: number): void {
  task.utime += used
  task.stime += system
  m.stat.system += nsOf(m, system)
  m.stat[task.nice > 0 ? 'nice' : 'user'] += nsOf(m, used - system)
}

/** Nobody could run for so much fuel; who waits for a disk makes it waiting time. */
export function accountIdle(m: Machine, fuel: number): void {
  let waits = false
  for (const { state } of m.runqueue) if (state === 'D') waits = true
  m.stat[waits ? 'iowait' : 'idle'] += nsOf(m, fuel)
}
