// What the frames are used for, counted by a scan of the columns: the numbers behind meminfo, vmstat and show_mem().

import { reclaimableSlabPages } from './slab.ts'
import type { Machine } from '../state/machine.ts'
import {
  PG_ANON,
  PG_DIRTY,
  PG_FILE,
  PG_RESERVED,
  PG_SLAB,
  PG_STACK,
  PG_SWAPBACKED,
  PG_SWAPCACHE,
  PG_TABLE,
} from '../state/page.ts'

/** Frames of each use. */
export interface Census {
  anon: number
  file: number // in the page cache, tmpfs among them
  shmem: number
  mapped: number // of the page cache, by some process
  dirty: number // of the page cache, not tmpfs
  swapCache: number // with a slot in swap, too
  table: number
  slab: number
  slabReclaimable: number // of it, of caches that shrink when memory is short
  stack: number
}

export function countFrames(m: Machine): Census {
  const { flags, mapcount } = m.zone.page
  const census = {
    anon: 0,
    file: 0,
    shmem: 0,
    mapped: 0,
    dirty: 0,
    swapCache: 0,
    table: 0,
    slab: 0,
    slabReclaimable: 0,
    stack: 0,
  }
  for (let pfn = 0; pfn < flags.length; pfn++) {
    const is = flags[pfn]
    if ((is & PG_RESERVED) !== 0) continue
    if ((is & PG_SWAPCACHE) !== 0) census.swapCache++
    if ((is & PG_ANON) !== 0) census.anon++
    else if ((is & PG_FILE) !== 0) {
      census.file++
      if (mapcount[pfn] > 0) census.mapped++
      if ((is & PG_SWAPBACKED) !== 0) census.shmem++
      else if ((is & PG_DIRTY) !== 0) census.dirty++
    } else if ((is & PG_TABLE) !== 0) census.table++
    else if ((is & PG_SLAB) !== 0) census.slab++
    else if ((is & PG_STACK) !== 0) census.stack++
  }
  census.slabReclaimable = reclaimableSlabPages(m)
  return census
}
