// How short of memory the machine is: watermarks, reclaim lists, swap, time lost, and how fast pages come and go.

import { SWAP_DEVICE } from '@shared/mm/swapon.ts'
import { TICK_MS, type Machine, type PsiLine, type Vmstat } from '@shared/state/machine.ts'
import type { History } from './history.ts'
import type { Pressure, PsiShare } from './protocol.ts'

/** By the names that they have in /proc/vmstat; `workingset_refault` is both kinds together. */
export const counters = {
  pgmajfault: (v: Vmstat) => v.pgmajfault,
  workingset_refault: (v: Vmstat) => v.workingset_refault_anon + v.workingset_refault_file,
  pswpin: (v: Vmstat) => v.pswpin,
  pswpout: (v: Vmstat) => v.pswpout,
  pgscan_kswapd: (v: Vmstat) => v.pgscan_kswapd,
  pgsteal_kswapd: (v: Vmstat) => v.pgsteal_kswapd,
  pgscan_direct: (v: Vmstat) => v.pgscan_direct,
  pgsteal_direct: (v: Vmstat) => v.pgsteal_direct,
} as const
export type CounterName = keyof typeof counters

const MINUTE = 60
const PSI_ONE = 2048 // a per cent in a PsiLine's averages

export function pressure(m: Machine, history: History): Pressure {
  const { zone } = m
  return {
    pageSize: m.pageSize,
    managed: zone.managedPages,
    free: zone.freePages,
    min: zone.watermarkMin,
    low: zone.watermarkLow,
    high: zone.watermarkHigh,
    kswapd: m.kswapd !== null && m.kswapd.wait.for !== 'kswapd' ? 'working' : 'asleep',
    lru: [...zone.lruvec.size],
    swapDevice: m.options.swap > 0 ? SWAP_DEVICE : '',
    swaps: m.swaps.map(({ path, pages, inUse }) => ({ path, pages, inUse })),
    swappiness: m.sysctl.swappiness,
    some: share(m.psi.some),
    full: share(m.psi.full),
    lostMs: Math.round(m.psi.some.total / 1000),
    uptimeMs: m.ticks * TICK_MS,
    counters: Object.entries(counters).map(([name, value]) => ({
      name: name as CounterName,
      total: value(m.vmstat),
      rate: history.rate(m, value),
    })),
    history: {
      free: history.free().slice(-MINUTE),
      faults: history.growth(counters.pgmajfault).slice(-MINUTE),
      lost: history.lost().slice(-MINUTE),
    },
  }
}

/** Per cent, as /proc/pressure/memory shows them. */
function share({ avg10, avg60, avg300 }: PsiLine): PsiShare {
  return { avg10: avg10 / PSI_ONE, avg60: avg60 / PSI_ONE, avg300: avg300 / PSI_ONE }
}
