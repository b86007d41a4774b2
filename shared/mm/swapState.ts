// The swap cache: pages that are in memory and in a slot of swap (mm/swap_state.c). A page on its way out is there until
// nobody maps it; a page that was read in is there until it is written to, so that it can go again without being written.

import { copyFrameTo, type Pfn } from '../hw/ram.ts'
import { mkSwapEntry, swapSlot } from '../hw/mmu.ts'
import type { Machine } from '../state/machine.ts'
import { NO_PFN, PG_ANON, PG_DIRTY, PG_SWAPBACKED, PG_SWAPCACHE } from '../state/page.ts'
import type { SwapDevice, SwapEntry } from '../state/swap.ts'
import { readBlocks, swapPosition } from './blockIo.ts'
import { lruAdd } from './lru.ts'
import { allocPage, putPage } from './pageAlloc.ts'
import { deviceOf, getSwapPage, putSlot, swapCount, swapFree } from './swapfile.ts'
import { workingsetRefault } from './workingset.ts'

/** The frame that holds what is in the slot, NO_PFN if none does. */
export function lookupSwapCache(m: Machine, entry: SwapEntry): Pfn {
  return deviceOf(m, entry).cache[swapSlot(entry)]
}

/** Gives an anonymous page a slot. False: swap is full. */
export function addToSwap(m: Machine, pfn: Pfn): boolean {
  const entry = getSwapPage(m)
  if (entry === 0) return false
  addToSwapCache(m, pfn, entry)
  m.zone.page.flags[pfn] |= PG_DIRTY
  return true
}

function addToSwapCache(m: Machine, pfn: Pfn, entry: SwapEntry): void {
  const { page } = m.zone
  page.flags[pfn] |= PG_SWAPCACHE
  page.private[pfn] = entry
  page.refcount[pfn]++
  deviceOf(m, entry).cache[swapSlot(entry)] = pfn
}

/** The page is only in memory from now on; the caller has a reference besides the cache's. */
export function deleteFromSwapCache(m: Machine, pfn: Pfn): void {
  const { page } = m.zone
  const entry = page.private[pfn]
  const device = deviceOf(m, entry)
  page.flags[pfn] = (page.flags[pfn] & ~PG_SWAPCACHE) | PG_DIRTY
  page.private[pfn] = 0
  device.cache[swapSlot(entry)] = NO_PFN
  putSlot(device, swapSlot(entry))
  putPage(m, pfn)
}

/** Gives the slot back if no PTE needs it (folio_free_swap). */
export function freeSwapOf(m: Machine, pfn: Pfn): boolean {
  if ((m.zone.page.flags[pfn] & PG_SWAPCACHE) === 0) return false
  if (swapCount(m, m.zone.page.private[pfn]) > 0) return false
  deleteFromSwapCache(m, pfn)
  return true
}

/** A PTE that says where in swap its page is goes; the cached page goes with the last one (free_swap_and_cache). */
export function freeSwapAndCache(m: Machine, entry: SwapEntry): void {
  const cached = lookupSwapCache(m, entry)
  swapFree(m, entry)
  if (cached !== NO_PFN && m.zone.page.mapcount[cached] === 0) freeSwapOf(m, cached)
}

/**
 * Reads the page and its neighbours: 2^page-cluster slots at once, since pages that left together are often wanted
 * together. The frame, with a reference for the caller; NO_PFN: no memory. The running task waits for the disk.
 */
export function swapinReadahead(m: Machine, entry: SwapEntry, memcg: number): Pfn {
  const device = deviceOf(m, entry)
  const slot = swapSlot(entry)
  const pfn = readSlot(m, device, slot, memcg)
  if (pfn === NO_PFN) return NO_PFN
  m.zone.page.refcount[pfn]++
  const window = 1 << Math.min(m.sysctl.pageCluster, 5)
  const first = Math.max(slot - (slot % window), 1)
  const end = Math.min(slot - (slot % window) + window, device.pages + 1)
  let pages = 1
  for (let near = first; near < end && m.zone.freePages > m.zone.watermarkLow; near++) {
    if (device.map[near] === 0 || device.cache[near] !== NO_PFN) continue
    if (readSlot(m, device, near, memcg) === NO_PFN) break
    m.vmstat.swap_ra++
    pages++
  }
  readBlocks(m, swapPosition(device.type, first), pages)
  return pfn
}

/** A frame in the swap cache with what is in the slot; NO_PFN: no memory. */
function readSlot(m: Machine, device: SwapDevice, slot: number, memcg: number): Pfn {
  const pfn = allocPage(m, PG_ANON | PG_SWAPBACKED, memcg)
  if (pfn === NO_PFN) return NO_PFN
  copyFrameTo(m.ram, pfn, device.ram, slot)
  addToSwapCache(m, pfn, mkSwapEntry(device.type, slot))
  const shadow = device.shadows[slot]
  device.shadows[slot] = 0
  if (shadow !== 0 && workingsetRefault(m, pfn, shadow) && m.current !== null)
    m.current.memstall = true
  lruAdd(m.zone, pfn)
  m.vmstat.pswpin++
  putPage(m, pfn) // the cache's reference stays
  return pfn
}
