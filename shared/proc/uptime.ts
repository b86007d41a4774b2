// /proc/uptime and /proc/loadavg (fs/proc/uptime.c, loadavg.c).

import { TICK_MS, TICKS_PER_SECOND, type Machine } from '../state/machine.ts'

/** Seconds since boot, and those of them in which the processor had nothing to do for a living task. */
export function procUptime(m: Machine): string {
  const centis = (m.ticks * TICK_MS) / 10
  let busy = 0
  for (const task of m.tasks.values()) busy += Math.floor((task.utime * 100) / m.options.speed)
  return `${seconds(centis)} ${seconds(Math.max(centis - busy, 0))}\n`
}

function seconds(centis: number): string {
  return `${Math.floor(centis / 100)}.${String(centis % 100).padStart(2, '0')}`
}

/** Whole seconds since boot. */
export function uptimeSeconds(m: Machine): number {
  return Math.floor(m.ticks / TICKS_PER_SECOND)
}

/** Averages of runnable tasks are not kept: they show as 0. Then runnable/all tasks, and the last pid. */
export function procLoadavg(m: Machine): string {
  let running = 0
  for (const task of m.tasks.values()) if (task.state === 'R') running++
  return `0.00 0.00 0.00 ${running}/${m.tasks.size} ${m.lastPid}\n`
}
