// Load averages: how many tasks ran or waited for a disk, smoothed over 1, 5 and 15 minutes (kernel/sched/loadavg.c).
//
// Fixed point with 11 bits behind the point; every 5 s of machine time a part of the old average gives way to what is
// found then.

import { TICKS_PER_SECOND, type Machine } from '../state/machine.ts'

export const FSHIFT = 11
export const FIXED_1 = 1 << FSHIFT
const LOAD_FREQ = 5 * TICKS_PER_SECOND // ticks
/** FIXED_1 / exp(5 s / 1, 5, 15 min) */
const DECAY = [1884, 2014, 2037] as const

/** What stays of the old average and what comes of the new value, both fixed point; rounded up while it rises. */
export function calcLoad(load: number, decay: number, active: number): number {
  const sum = load * decay + active * (FIXED_1 - decay)
  return Math.floor((active >= load ? sum + FIXED_1 - 1 : sum) / FIXED_1)
}

/** Called each tick. */
export function calcGlobalLoad(m: Machine): void {
  if (m.ticks % LOAD_FREQ !== 0) return
  let active = 0
  for (const { state } of m.runqueue) if (state === 'R' || state === 'D') active++
  for (let i = 0; i < DECAY.length; i++) {
    m.loadavg[i] = calcLoad(m.loadavg[i], DECAY[i], active * FIXED_1)
  }
}

/** Fixed point with two decimals, cut: `0.15`. */
export function loadText(load: number): string {
  const hundredths = ((load & (FIXED_1 - 1)) * 100) >> FSHIFT
  return `${Math.floor(load / FIXED_1)}.${String(hundredths).padStart(2, '0')}`
}
