// The page allocator: frames in blocks of powers of two (the buddy system, mm/page_alloc.c).
//
//   order 0   [5]                    a free list per order; a free block's head has PG_BUDDY
//   order 1   [2 3]                  and its order; the others of the block have no flag.
//   order 2   [8 9 10 11]
//
// A block of order n starts at a multiple of 2^n. Its buddy is the block that differs in that one bit of the
// number; two free buddies become one block. Single frames come from a stack of free ones (zone.pcp) and go back to it;
// from the free lists it is filled, and to them it is emptied, in batches. Three watermarks say what happens when memory gets short (vmscan.ts):
//
//   free ≥ high    kswapd sleeps
//        < low     kswapd is woken
//        < min     whoever asks has to reclaim first; what is below is kept for those whose work frees memory
//
// Left out: zones beyond one, CPUs beyond one, migrate types. The watermarks are measured against all free frames, those of
// zone.pcp among them, as they can be had; what is shown as free leaves them out, as everywhere in Linux (nrFreePages).

import { assert } from '../lib/assert.ts'
import { intSqrt, log2 } from '../lib/bits.ts'
import { clearFrame, type Pfn } from '../hw/ram.ts'
import type { Machine } from '../state/machine.ts'
import {
  MAX_ORDER,
  NO_PFN,
  PG_BUDDY,
  PG_LRU,
  PG_RESERVED,
  mkPageColumns,
  type Zone,
} from '../state/page.ts'
import { emit } from '../trace/trace.ts'
import { lruDel, mkLruvec } from './lru.ts'
import { outOfMemory } from './oomKill.ts'
import { reclaimablePages, tryToFreePages, wakeupKswapd } from './vmscan.ts'

export function mkZone(nrFrames: number): Zone {
  return {
    name: 'Normal',
    page: mkPageColumns(nrFrames),
    freeHead: new Int32Array(MAX_ORDER + 1).fill(NO_PFN),
    nrFree: new Int32Array(MAX_ORDER + 1),
    pcp: { pages: new Int32Array(0), count: 0, batch: 1 },
    lruvec: mkLruvec(),
    freePages: 0,
    presentPages: nrFrames,
    managedPages: 0,
    watermarkMin: 0,
    watermarkLow: 0,
    watermarkHigh: 0,
  }
}

const STRUCT_PAGE_WORDS = 8

/** Frames that the table of frames takes (mem_map). */
export function memmapPages(m: Machine): number {
  const structPage = STRUCT_PAGE_WORDS * (m.layout.bits / 8)
  return Math.ceil((m.ram.nrFrames * structPage) / m.pageSize)
}

/** At boot: hands all frames from `first` on to the allocator; those before belong to the kernel. */
export function freeBootMemory(zone: Zone, first: Pfn): void {
  zone.page.flags.fill(PG_RESERVED, 0, first)
  zone.page.refcount.fill(1, 0, first)
  zone.managedPages = zone.presentPages - first
  let pfn = first
  while (pfn < zone.presentPages) {
    let order = MAX_ORDER
    while ((pfn & ((1 << order) - 1)) !== 0 || pfn + (1 << order) > zone.presentPages) order--
    addToFreeList(zone, pfn, order)
    zone.freePages += 1 << order
    pfn += 1 << order
  }
}

/** What /proc shows as free (NR_FREE_PAGES): the frames on the free lists. */
export function nrFreePages({ freePages, pcp }: Zone): number {
  return freePages - pcp.count
}

/**
 * How much the stack of free frames may hold and in what batches it is filled, by the kernel's formula (zone_batchsize,
 * zone_highsize): at boot, and when the watermarks change.
 */
export function setupPerCpuPages({ zone, pageSize }: Machine): void {
  const share = Math.min(zone.managedPages >> 10, 2 ** 20 / pageSize) >> 2
  const batch = share < 1 ? 1 : Math.max(1, 2 ** log2(share + (share >> 1)) - 1)
  const size = Math.max(zone.watermarkLow, batch * 4)
  if (zone.pcp.count > size) freePcppagesBulk(zone, zone.pcp.count - size)
  const { pages, count } = zone.pcp
  zone.pcp = { pages: new Int32Array(size), count, batch }
  zone.pcp.pages.set(pages.subarray(0, count))
}

/** min_free_kbytes and the watermarks by the kernel's formula (init_per_zone_wmark_min, __setup_per_zone_wmarks). */
export function setupWatermarks(m: Machine, minFreeKbytes: number): void {
  const { zone } = m
  const pageKb = m.pageSize / 1024
  m.sysctl.minFreeKbytes = minFreeKbytes
  zone.watermarkMin = Math.floor(minFreeKbytes / pageKb)
  const step = Math.max(
    zone.watermarkMin >> 2,
    Math.floor((zone.managedPages * m.sysctl.watermarkScaleFactor) / 10000),
  )
  zone.watermarkLow = zone.watermarkMin + step
  zone.watermarkHigh = zone.watermarkLow + step
}

export function defaultMinFreeKbytes(m: Machine): number {
  const lowmemKb = m.zone.managedPages * (m.pageSize / 1024)
  return Math.min(Math.max(intSqrt(lowmemKb * 16), 128), 262144)
}

/**
 * Takes a frame, charged to `memcg`, with reference count 1 and the given PG_* flags; the content is what was there. When
 * memory is short pages are reclaimed, and when that does not help the OOM killer acts. NO_PFN: the task that runs is
 * itself the victim.
 */
export function allocPage(m: Machine, flags: number, memcg: number): Pfn {
  const { zone } = m
  const { page, pcp } = zone
  if (pcp.count === 0 || zone.freePages <= zone.watermarkLow) return allocPages(m, 0, flags, memcg)
  const pfn = pcp.pages[--pcp.count]
  page.flags[pfn] = flags
  page.refcount[pfn] = 1
  page.memcg[pfn] = memcg
  zone.freePages--
  m.vmstat.pgalloc++
  if (m.trace.on.mm_page_alloc) traceAlloc(m, pfn, 0)
  return pfn
}

/** As allocPage, 2^order frames in a row. */
export function allocPages(m: Machine, order: number, flags: number, memcg: number): Pfn {
  const { zone } = m
  let pfn = NO_PFN
  if (zone.freePages - (1 << order) >= zone.watermarkLow) pfn = rmqueue(zone, order)
  if (pfn === NO_PFN) {
    pfn = allocPagesSlowpath(m, order)
    if (pfn === NO_PFN) return NO_PFN
  }
  zone.freePages -= 1 << order
  const { page } = zone
  page.order[pfn] = order
  for (let i = pfn; i < pfn + (1 << order); i++) {
    page.flags[i] = flags
    page.refcount[i] = 1
    page.memcg[i] = memcg
  }
  m.vmstat.pgalloc += 1 << order
  if (m.trace.on.mm_page_alloc) traceAlloc(m, pfn, order)
  return pfn
}

function traceAlloc(m: Machine, pfn: Pfn, order: number): void {
  emit(m.trace, m.ticks, m.current?.pid ?? 0, 'mm_page_alloc', { pfn, order })
}

/** As allocPage, cleared. */
export function allocZeroedPage(m: Machine, flags: number, memcg: number): Pfn {
  const pfn = allocPage(m, flags, memcg)
  if (pfn !== NO_PFN) clearFrame(m.ram, pfn)
  return pfn
}

/** Rounds of reclaim that may find nothing before the OOM killer acts. */
const MAX_RECLAIM_RETRIES = 16

function allocPagesSlowpath(m: Machine, order: number): Pfn {
  const { zone } = m
  wakeupKswapd(m)
  let fruitless = 0
  while (m.panic === '') {
    if (zone.freePages - (1 << order) >= zone.watermarkMin) {
      const pfn = rmqueue(zone, order)
      if (pfn !== NO_PFN) return pfn
    }
    // The victim may use what is left, so that it can die.
    if (m.current !== null && m.current.oomVictim) return rmqueue(zone, order)
    const reclaimed = tryToFreePages(m, order)
    fruitless = reclaimed > 0 ? 0 : fruitless + 1
    if (zone.freePages - (1 << order) >= zone.watermarkMin && reclaimed > 0) continue
    if (fruitless <= MAX_RECLAIM_RETRIES && reclaimCouldHelp(m, order)) continue
    drainAllPages(zone)
    if (!outOfMemory(m, order)) return NO_PFN
    if (m.current !== null && m.current.oomVictim) return NO_PFN
    fruitless = 0
  }
  return NO_PFN
}

/** Whether there would be enough if everything that can be reclaimed were (should_reclaim_retry). */
function reclaimCouldHelp(m: Machine, order: number): boolean {
  const available = m.zone.freePages + reclaimablePages(m)
  return available - (1 << order) >= m.zone.watermarkMin
}

function rmqueue(zone: Zone, order: number): Pfn {
  const { pcp } = zone
  if (order === 0) {
    if (pcp.count === 0) rmqueueBulk(zone)
    return pcp.count === 0 ? NO_PFN : pcp.pages[--pcp.count]
  }
  const pfn = rmqueueBuddy(zone, order)
  if (pfn !== NO_PFN || pcp.count === 0) return pfn
  drainAllPages(zone)
  return rmqueueBuddy(zone, order)
}

/** Fills the empty stack with a batch of frames, so that they are taken in the order in which they lay. */
function rmqueueBulk(zone: Zone): void {
  const { pages, batch } = zone.pcp
  let below = batch
  while (below > 0) {
    const pfn = rmqueueBuddy(zone, 0)
    if (pfn === NO_PFN) break
    zone.page.order[pfn] = 0
    pages[--below] = pfn
  }
  pages.copyWithin(0, below, batch)
  zone.pcp.count = batch - below
}

function rmqueueBuddy(zone: Zone, order: number): Pfn {
  for (let o = order; o <= MAX_ORDER; o++) {
    const pfn = zone.freeHead[o]
    if (pfn === NO_PFN) continue
    delFromFreeList(zone, pfn, o)
    while (o > order) {
      o--
      addToFreeList(zone, pfn + (1 << o), o)
    }
    return pfn
  }
  return NO_PFN
}

/** Drops a reference; the last one frees the allocation that starts at this frame. */
export function putPage(m: Machine, pfn: Pfn): void {
  const { page } = m.zone
  assert(page.refcount[pfn] > 0, 'reference dropped on a free frame')
  if (--page.refcount[pfn] === 0) freePages(m, pfn, page.order[pfn])
}

function freePages(m: Machine, pfn: Pfn, order: number): void {
  const { zone } = m
  const { page, pcp } = zone
  if ((page.flags[pfn] & PG_LRU) !== 0) lruDel(zone, pfn)
  for (let i = pfn; i < pfn + (1 << order); i++) {
    assert(page.mapcount[i] === 0, 'a mapped frame is freed')
    page.flags[i] = 0
    page.refcount[i] = 0
    page.mapping[i] = 0
    page.index[i] = 0
    page.memcg[i] = 0
  }
  if (m.trace.on.mm_page_free) {
    emit(m.trace, m.ticks, m.current?.pid ?? 0, 'mm_page_free', { pfn, order })
  }
  zone.freePages += 1 << order
  m.vmstat.pgfree += 1 << order
  if (order > 0) freeOnePage(zone, pfn, order)
  else {
    if (pcp.count === pcp.pages.length) freePcppagesBulk(zone, pcp.batch)
    pcp.pages[pcp.count++] = pfn
  }
}

/** Gives back those frames of the stack that have lain there longest. */
function freePcppagesBulk(zone: Zone, count: number): void {
  const { pcp } = zone
  for (let i = 0; i < count; i++) freeOnePage(zone, pcp.pages[i], 0)
  pcp.pages.copyWithin(0, count, pcp.count)
  pcp.count -= count
}

/** All free frames go to the free lists, where they can become larger blocks. */
export function drainAllPages(zone: Zone): void {
  freePcppagesBulk(zone, zone.pcp.count)
}

/** The block goes to the free lists, together with its buddy if that is free, and so on. */
function freeOnePage(zone: Zone, pfn: Pfn, order: number): void {
  const { page } = zone
  while (order < MAX_ORDER) {
    const buddy = pfn ^ (1 << order)
    if (buddy + (1 << order) > zone.presentPages) break
    if ((page.flags[buddy] & PG_BUDDY) === 0 || page.order[buddy] !== order) break
    delFromFreeList(zone, buddy, order)
    pfn &= buddy
    order++
  }
  addToFreeList(zone, pfn, order)
}

function addToFreeList(zone: Zone, pfn: Pfn, order: number): void {
  const { page } = zone
  const head = zone.freeHead[order]
  page.flags[pfn] = PG_BUDDY
  page.order[pfn] = order
  page.next[pfn] = head
  page.prev[pfn] = NO_PFN
  if (head !== NO_PFN) page.prev[head] = pfn
  zone.freeHead[order] = pfn
  zone.nrFree[order]++
}

function delFromFreeList(zone: Zone, pfn: Pfn, order: number): void {
  const { page } = zone
  const next = page.next[pfn]
  const prev = page.prev[pfn]
  if (prev === NO_PFN) zone.freeHead[order] = next
  else page.next[prev] = next
  if (next !== NO_PFN) page.prev[next] = prev
  page.flags[pfn] = 0
  page.next[pfn] = NO_PFN
  page.prev[pfn] = NO_PFN
  zone.nrFree[order]--
}
