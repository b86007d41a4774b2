// The last ten minutes of machine time, a sample a second: what rates and curves are made of.

import { freeSwapPages, totalSwapPages } from '@shared/mm/swapfile.ts'
import { TICKS_PER_SECOND, type Machine, type Vmstat } from '@shared/state/machine.ts'
import type { Figures } from './protocol.ts'

export const SECONDS_KEPT = 600
const RATE_SECONDS = 5

interface Sample {
  ticks: number
  free: number // pages
  used: number // pages, of those that the machine had then
  swapped: number // pages
  some: number // µs since boot, PSI
  vmstat: Vmstat
}

export class History {
  private samples: Sample[] = []
  private boots = 0

  /** After the machine has gone on; or back, in a recording. */
  observe(m: Machine): void {
    const last = this.samples[this.samples.length - 1]
    const another = m.boots !== this.boots || (last !== undefined && m.ticks < last.ticks)
    if (another) this.samples = []
    this.boots = m.boots
    if (!another && last !== undefined && m.ticks < last.ticks + TICKS_PER_SECOND) return
    this.samples.push(sampleOf(m))
    if (this.samples.length > SECONDS_KEPT + 1) this.samples.shift()
  }

  /** How fast something grows now, per second of machine time. */
  rate(m: Machine, value: (vmstat: Vmstat) => number): number {
    const from = m.ticks - RATE_SECONDS * TICKS_PER_SECOND
    const past = this.samples.find(({ ticks }) => ticks >= from && ticks < m.ticks)
    if (past === undefined) return 0
    return ((value(m.vmstat) - value(past.vmstat)) * TICKS_PER_SECOND) / (m.ticks - past.ticks)
  }

  /** Free pages, second by second, oldest first. */
  free(): number[] {
    return this.samples.map(({ free }) => free)
  }

  /** A counter's growth per second. */
  growth(value: (vmstat: Vmstat) => number, samples = this.samples): number[] {
    return between(samples, ({ vmstat }) => value(vmstat))
  }

  /** The share of each second in which somebody waited for memory, 0 to 1. */
  lost(samples = this.samples): number[] {
    return between(samples, ({ some }) => some / 1e6).map((share) => Math.min(1, share))
  }

  /** Everything as columns, a value a second of the machine's life and the last for now; the first has no growth. */
  figures(m: Machine): Figures {
    const { pageSize, zone } = m
    const samples = this.samples.length === 0 ? [] : this.untilNow(m)
    const growing = (values: number[]) => (samples.length === 0 ? [] : [0, ...values])
    return {
      seconds: samples.map(({ ticks }) => ticks / TICKS_PER_SECOND),
      used: samples.map(({ used }) => used * pageSize),
      all: zone.managedPages * pageSize,
      swap: samples.map(({ swapped }) => swapped * pageSize),
      lost: growing(this.lost(samples)),
      faults: growing(this.growth((v) => v.pgfault, samples)),
      major: growing(this.growth((v) => v.pgmajfault, samples)),
    }
  }

  /** Where no time passes, things happen all the same: a process that waits is killed, the balloon is filled. */
  private untilNow(m: Machine): Sample[] {
    const last = this.samples[this.samples.length - 1]
    return [...(m.ticks > last.ticks ? this.samples : this.samples.slice(0, -1)), sampleOf(m)]
  }
}

/** Per second. The last sample may be younger than one: then it is compared with the one before the one before. */
function between(samples: readonly Sample[], value: (sample: Sample) => number): number[] {
  return samples.slice(1).map((to, i) => {
    const young = to.ticks - samples[i].ticks < TICKS_PER_SECOND
    const from = young && i > 0 ? samples[i - 1] : samples[i]
    return ((value(to) - value(from)) * TICKS_PER_SECOND) / (to.ticks - from.ticks)
  })
}

function sampleOf(m: Machine): Sample {
  const { ticks, zone, psi, vmstat } = m
  return {
    ticks,
    free: zone.freePages,
    used: zone.managedPages - zone.freePages,
    swapped: totalSwapPages(m) - freeSwapPages(m),
    some: psi.some.total,
    vmstat: { ...vmstat },
  }
}
