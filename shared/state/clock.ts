// Machine time finer than a tick, for what the disk does: it goes on within a tick as the tick's fuel is used.

import { TICK_MS, type Machine } from './machine.ts'

const TICK_US = TICK_MS * 1000

/** µs of machine time. Between two ticks it is the end of the last one. */
export function machineUs(m: Machine): number {
  if (m.tickFuel === 0) return m.ticks * TICK_US
  return (m.ticks - 1) * TICK_US + Math.floor((m.tickUsed / m.tickFuel) * TICK_US)
}

/** How much of the tick's fuel is used at that time; at most all of it. */
export function fuelAt(m: Machine, us: number): number {
  const into = us - (m.ticks - 1) * TICK_US
  return Math.min(m.tickFuel, Math.ceil((into / TICK_US) * m.tickFuel))
}
