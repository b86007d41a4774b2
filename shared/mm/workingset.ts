// Does memory hold what is in use? A page that comes back soon after it was taken says no (mm/workingset.c).
//
// `nonresidentAge` counts evictions and activations. A page taken leaves its value behind; when the page comes back,
// the difference is how many pages more memory would have had to hold to keep it. If that is no more than what the
// active lists hold, the page belongs there.

import type { Pfn } from '../hw/ram.ts'
import type { Machine } from '../state/machine.ts'
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  PG_ACTIVE,
  PG_SWAPBACKED,
  PG_WORKINGSET,
} from '../state/page.ts'
import type { Shadow } from '../state/swap.ts'
import { freeSwapPages } from './swapfile.ts'

/** The page is taken: what to remember of it. */
export function workingsetEviction(m: Machine, pfn: Pfn): Shadow {
  const { lruvec, page } = m.zone
  lruvec.nonresidentAge++
  return lruvec.nonresidentAge * 2 + ((page.flags[pfn] & PG_WORKINGSET) !== 0 ? 1 : 0)
}

/** A page that was taken is read in again. True: it had been in use before, and whoever waits for it is stalled. */
export function workingsetRefault(m: Machine, pfn: Pfn, shadow: Shadow): boolean {
  const { lruvec, page } = m.zone
  const file = (page.flags[pfn] & PG_SWAPBACKED) === 0
  const workingset = shadow % 2 === 1
  const distance = lruvec.nonresidentAge - Math.floor(shadow / 2)
  if (file) m.vmstat.workingset_refault_file++
  else m.vmstat.workingset_refault_anon++
  if (distance > workingsetSize(m, file)) return workingset
  page.flags[pfn] |= PG_ACTIVE
  lruvec.nonresidentAge++
  if (file) m.vmstat.workingset_activate_file++
  else m.vmstat.workingset_activate_anon++
  if (workingset) {
    page.flags[pfn] |= PG_WORKINGSET
    noteCost(m, file, 1)
    if (file) m.vmstat.workingset_restore_file++
    else m.vmstat.workingset_restore_anon++
  }
  return workingset
}

/** Pages that the one that comes back competes with. */
function workingsetSize(m: Machine, file: boolean): number {
  const { size } = m.zone.lruvec
  let pages = size[LRU_ACTIVE_FILE]
  if (!file) pages += size[LRU_INACTIVE_FILE]
  if (freeSwapPages(m) > 0) {
    pages += size[LRU_ACTIVE_ANON]
    if (file) pages += size[LRU_INACTIVE_ANON]
  }
  return pages
}

/** Taking pages of this kind has cost something: look at the other kind for a while (lru_note_cost). */
export function noteCost(m: Machine, file: boolean, pages: number): void {
  const { lruvec } = m.zone
  if (file) lruvec.fileCost += pages
  else lruvec.anonCost += pages
  const { size } = lruvec
  const all =
    size[LRU_INACTIVE_ANON] +
    size[LRU_ACTIVE_ANON] +
    size[LRU_INACTIVE_FILE] +
    size[LRU_ACTIVE_FILE]
  if (lruvec.fileCost + lruvec.anonCost > all / 4) {
    lruvec.fileCost = Math.floor(lruvec.fileCost / 2)
    lruvec.anonCost = Math.floor(lruvec.anonCost / 2)
  }
}
