// Messages that may come too often (lib/ratelimit.c).

import { TICKS_PER_SECOND, type Machine } from './machine.ts'
import { printk } from './printk.ts'

export interface Ratelimit {
  begin: number // ticks when the interval began; -1: never
  printed: number // in this interval
  missed: number
}

const INTERVAL = 5 * TICKS_PER_SECOND
const BURST = 10

export function mkRatelimit(): Ratelimit {
  return { begin: -1, printed: 0, missed: 0 }
}

/** Whether one more may be printed. What was left out is told when it may, under the caller's name. */
export function ratelimit(m: Machine, state: Ratelimit, caller: string): boolean {
  if (state.begin < 0) state.begin = m.ticks
  if (state.begin + INTERVAL < m.ticks) {
    if (state.missed > 0) printk(m, `${caller}: ${state.missed} callbacks suppressed`)
    state.missed = 0
    state.begin = m.ticks
    state.printed = 0
  }
  if (state.printed < BURST) {
    state.printed++
    return true
  }
  state.missed++
  return false
}
