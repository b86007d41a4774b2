// Swap devices and their slots (mm/swapfile.c).

import type { Machine } from '../state/machine.ts'

/** All slots, in pages (SwapTotal). */
export function totalSwapPages(m: Machine): number {
  return m.swaps.reduce((sum, device) => sum + device.pages, 0)
}

/** Slots that are free, in pages (SwapFree). */
export function freeSwapPages(m: Machine): number {
  return m.swaps.reduce((sum, device) => sum + device.pages - device.inUse, 0)
}
