// The reclaim lists: every page of a process or a file is on one, those used lately in front (mm/swap.c,
// include/linux/mm_inline.h). New pages start at the head of an inactive list and have to be used again to get on.
//
//                 head = youngest                    tail = looked at next
//   active        ■ ■ ■ ■ ■ ■ ■ ■  ──── grown old ──►  inactive
//   inactive      □ □ □ □ □ □ □ □  ──── not used since ──►  taken

import { assert } from '../lib/assert.ts'
import type { Pfn } from '../hw/ram.ts'
import type { Machine } from '../state/machine.ts'
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
  NO_PFN,
  NR_LRU_LISTS,
  PG_ACTIVE,
  PG_LRU,
  PG_REFERENCED,
  PG_SWAPBACKED,
  PG_UNEVICTABLE,
  type Lruvec,
  type Zone,
} from '../state/page.ts'

export function mkLruvec(): Lruvec {
  return {
    head: new Int32Array(NR_LRU_LISTS).fill(NO_PFN),
    tail: new Int32Array(NR_LRU_LISTS).fill(NO_PFN),
    size: new Int32Array(NR_LRU_LISTS),
    anonCost: 0,
    fileCost: 0,
    nonresidentAge: 0,
    refaults: new Int32Array(2),
  }
}

/** Which list the flags say (folio_lru_list). tmpfs pages go with the anonymous ones: both need swap. */
export function lruOf(flags: number): number {
  if ((flags & PG_UNEVICTABLE) !== 0) return LRU_UNEVICTABLE
  const active = (flags & PG_ACTIVE) !== 0
  if ((flags & PG_SWAPBACKED) !== 0) return active ? LRU_ACTIVE_ANON : LRU_INACTIVE_ANON
  return active ? LRU_ACTIVE_FILE : LRU_INACTIVE_FILE
}

/** Puts the frame at the head of its list. */
export function lruAdd({ page, lruvec }: Zone, pfn: Pfn): void {
  const flags = page.flags[pfn]
  const lru = lruOf(flags)
  const head = lruvec.head[lru]
  page.flags[pfn] = flags | PG_LRU
  page.next[pfn] = head
  page.prev[pfn] = NO_PFN
  if (head === NO_PFN) lruvec.tail[lru] = pfn
  else page.prev[head] = pfn
  lruvec.head[lru] = pfn
  lruvec.size[lru]++
}

/** Puts the frame at the tail: it is looked at next. */
export function lruAddTail({ page, lruvec }: Zone, pfn: Pfn): void {
  const flags = page.flags[pfn]
  const lru = lruOf(flags)
  const tail = lruvec.tail[lru]
  page.flags[pfn] = flags | PG_LRU
  page.prev[pfn] = tail
  page.next[pfn] = NO_PFN
  if (tail === NO_PFN) lruvec.head[lru] = pfn
  else page.next[tail] = pfn
  lruvec.tail[lru] = pfn
  lruvec.size[lru]++
}

export function lruDel({ page, lruvec }: Zone, pfn: Pfn): void {
  const flags = page.flags[pfn]
  assert((flags & PG_LRU) !== 0, 'a frame leaves a list that it is on')
  const lru = lruOf(flags)
  const next = page.next[pfn]
  const prev = page.prev[pfn]
  if (prev === NO_PFN) lruvec.head[lru] = next
  else page.next[prev] = next
  if (next === NO_PFN) lruvec.tail[lru] = prev
  else page.prev[next] = prev
  page.flags[pfn] = flags & ~PG_LRU
  lruvec.size[lru]--
}

/** Changes flags that decide about the list, and moves the frame. */
export function lruMove(zone: Zone, pfn: Pfn, clear: number, set: number): void {
  const { flags } = zone.page
  const listed = (flags[pfn] & PG_LRU) !== 0
  if (listed) lruDel(zone, pfn)
  flags[pfn] = (flags[pfn] & ~clear) | set
  if (listed) lruAdd(zone, pfn)
}

/** A page of a file is read or written by a system call: seen twice, it is active (folio_mark_accessed). */
export function markPageAccessed(m: Machine, pfn: Pfn): void {
  const { flags } = m.zone.page
  if ((flags[pfn] & PG_REFERENCED) === 0) flags[pfn] |= PG_REFERENCED
  else if ((flags[pfn] & (PG_ACTIVE | PG_UNEVICTABLE)) === 0) {
    lruMove(m.zone, pfn, PG_REFERENCED, PG_ACTIVE)
    m.vmstat.pgactivate++
    m.zone.lruvec.nonresidentAge++
  }
}
