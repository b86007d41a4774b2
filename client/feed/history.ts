// The last ten minutes of machine time, a sample a second: what rates and curves are made of.

import { freeSwapPages, totalSwapPages } from '@shared/mm/swapfile.ts'
import { TICKS_PER_SECOND, type Machine, type Vmstat } from '@shared/state/machine.ts'
import type { Figures } from './protocol.ts'

export const SECONDS_KEPT = 600
const RATE_SECONDS = 5

interface Sample {
  ticks: number
  free: number // pages
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
  growth(value: (vmstat: Vmstat) => number): number[] {
    return this.between((a, b) => value(b.vmstat) - value(a.vmstat))
  }

  /** The share of each second in which somebody waited for memory, 0 to 1. */
  lost(): number[] {
    return this.between((a, b) => (b.some - a.some) / 1e6).map((share) => Math.min(1, share))
  }

  /** Everything as columns, a value a second of the machine's life; the first second has no growth. */
  figures({ zone, pageSize }: Machine): Figures {
    const growing = (values: number[]) => (this.samples.length === 0 ? [] : [0, ...values])
    return {
      seconds: this.samples.map(({ ticks }) => ticks / TICKS_PER_SECOND),
      used: this.samples.map(({ free }) => (zone.managedPages - free) * pageSize),
      all: zone.managedPages * pageSize,
      swap: this.samples.map(({ swapped }) => swapped * pageSize),
      lost: growing(this.lost()),
      faults: growing(this.growth((v) => v.pgfault)),
      major: growing(this.growth((v) => v.pgmajfault)),
    }
  }

  private between(change: (a: Sample, b: Sample) => number): number[] {
    return this.samples
      .slice(1)
      .map(
        (b, i) =>
          (change(this.samples[i], b) * TICKS_PER_SECOND) / (b.ticks - this.samples[i].ticks),
      )
  }
}

function sampleOf(m: Machine): Sample {
  const { ticks, zone, psi, vmstat } = m
  return {
    ticks,
    free: zone.freePages,
    swapped: totalSwapPages(m) - freeSwapPages(m),
    some: psi.some.total,
    vmstat: { ...vmstat },
  }
}
