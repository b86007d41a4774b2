// /proc/uptime and /proc/loadavg (fs/proc/uptime.c, loadavg.c).

import { FIXED_1, loadText } from '../kernel/loadavg.ts'
import { TICK_MS, TICKS_PER_SECOND, type Machine } from '../state/machine.ts'

/** Seconds since boot, and those of them in which the processor had nothing to do. */
export function procUptime(m: Machine): string {
  const idle = Math.floor((m.stat.idle + m.stat.iowait) / 10_000_000)
  return `${seconds((m.ticks * TICK_MS) / 10)} ${seconds(idle)}\n`
}

function seconds(centis: number): string {
  return `${Math.floor(centis / 100)}.${String(centis % 100).padStart(2, '0')}`
}

/** Whole seconds since boot. */
export function uptimeSeconds(m: Machine): number {
  return Math.floor(m.ticks / TICKS_PER_SECOND)
}

/** The averages, rounded to two places; then runnable/all tasks, and the last pid. */
export function procLoadavg(m: Machine): string {
  const averages = m.loadavg.map((load) => loadText(load + Math.floor(FIXED_1 / 200))).join(' ')
  return `${averages} ${countRunning(m)}/${m.tasks.size} ${m.lastPid}\n`
}

export function countRunning(m: Machine): number {
  let running = 0
  for (const { state } of m.tasks.values()) if (state === 'R') running++
  return running
}
