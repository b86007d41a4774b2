// /proc/stat: what the processor did since boot, in hundredths of a second (fs/proc/stat.c). The timer is the only
// thing that interrupts this one.

import type { Machine } from '../state/machine.ts'
import { CLK_TCK } from '../state/cputime.ts'
import { countRunning } from './uptime.ts'

const NS = 1_000_000_000

export function procKernelStat(m: Machine): string {
  const { user, nice, system, idle, iowait, ctxt, processes } = m.stat
  const times = [user, nice, system, idle, iowait].map((ns) => Math.floor((ns * CLK_TCK) / NS))
  const cpu = [...times, 0, 0, 0, 0, 0].join(' ')
  let blocked = 0
  for (const { state } of m.tasks.values()) if (state === 'D') blocked++
  return `cpu  ${cpu}
cpu0 ${cpu}
intr ${m.ticks}
ctxt ${ctxt}
btime ${Math.floor(m.bootTime / 1000)}
processes ${processes}
procs_running ${countRunning(m)}
procs_blocked ${blocked}
softirq 0 0 0 0 0 0 0 0 0 0 0
`
}
