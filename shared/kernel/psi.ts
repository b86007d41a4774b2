// Pressure: how much time is lost because memory is short (kernel/sched/psi.c).
//
//   some   at least one task waits for memory: for a page that it had before, or while it reclaims
//   full   and nobody else gets anything done meanwhile
//
// kswapd's own work counts as waiting, and so does the time that reclaim has cost a task. The averages decay exponentially, as those of the load.

import { TICKS_PER_SECOND, type Machine, type PsiLine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { FIXED_1, calcLoad } from './loadavg.ts'

const PERIOD_TICKS = 2 * TICKS_PER_SECOND
const PERIOD_US = 2_000_000

// 1 / exp(2 s / window) in 2048ths.
const EXP_10s = 1677
const EXP_60s = 1981
const EXP_300s = 2034

export function mkPsiLine(): PsiLine {
  return { total: 0, period: 0, avg10: 0, avg60: 0, avg300: 0 }
}

/** Whether the time in which the task has the CPU is lost: it makes room in memory, or has just done so. */
export function isStalled(m: Machine, task: Task): boolean {
  return task === m.kswapd || task.memstall
}

/** `us` of machine time have gone by, with `running` on the CPU (null: idle). */
export function psiAccount(m: Machine, us: number, running: Task | null): void {
  if (us <= 0) return
  let stalled = running !== null && isStalled(m, running)
  let working = running !== null && !stalled
  for (const task of m.runqueue) {
    if (task === running) continue
    if (task.state === 'D' && task.memstall) stalled = true
    else if (task.state === 'R' && task !== m.kswapd) working = true
  }
  if (!stalled) return
  add(m.psi.some, us)
  if (!working) add(m.psi.full, us)
}

function add(line: PsiLine, us: number): void {
  line.total += us
  line.period += us
}

/** Once a tick: every two seconds the averages move. */
export function psiTick(m: Machine): void {
  if (m.ticks % PERIOD_TICKS !== 0) return
  for (const line of [m.psi.some, m.psi.full]) {
    const share = Math.floor((Math.min(line.period, PERIOD_US) * 100) / PERIOD_US) * FIXED_1
    line.avg10 = calcLoad(line.avg10, EXP_10s, share)
    line.avg60 = calcLoad(line.avg60, EXP_60s, share)
    line.avg300 = calcLoad(line.avg300, EXP_300s, share)
    line.period = 0
  }
}
