// The last minute of machine time, a sample a second: what rates and small curves are made of.

import { TICKS_PER_SECOND, type Machine, type Vmstat } from '@shared/state/machine.ts'

const SECONDS_KEPT = 60
const RATE_SECONDS = 5

interface Sample {
  ticks: number
  free: number // pages
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

  private between(change: (a: Sample, b: Sample) => number): number[] {
    return this.samples
      .slice(1)
      .map(
        (b, i) =>
          (change(this.samples[i], b) * TICKS_PER_SECOND) / (b.ticks - this.samples[i].ticks),
      )
  }
}

function sampleOf({ ticks, zone, psi, vmstat }: Machine): Sample {
  return { ticks, free: zone.freePages, some: psi.some.total, vmstat: { ...vmstat } }
}
