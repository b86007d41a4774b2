// /proc/buddyinfo: free blocks of each order (mm/vmstat.c frag_show_print), without what the CPU has at hand.

import type { Machine } from '../state/machine.ts'

export function procBuddyinfo({ zone }: Machine): string {
  let text = `Node 0, zone ${zone.name.padStart(8)} `
  for (const count of zone.nrFree) text += String(count).padStart(6) + ' '
  return text + '\n'
}
