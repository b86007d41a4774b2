// Reclaim: pages are taken from those who have not used them lately (mm/vmscan.c, 6.1, the classic lists).
//
//   free < low   ──►  kswapd, until free ≥ high                  in advance, while others run
//   free < min   ──►  direct reclaim by whoever asks for memory  32 pages at a time, and its task waits for the disk
//
// Both look at the tails of the inactive lists. How hard is the `priority`: 1/4096 of a list at 12, all of it at 0. How
// much from either kind, files or anonymous, follows from swappiness and from what taking each has cost lately.
//
//   a page of a file     clean: dropped, it is on the disk.  dirty: written first.
//   an anonymous page    needs a slot of swap; written there unless the slot has the same content already.
//   used since           the accessed bit of a PTE says so: it gets a second chance.
//
// Left out: memory cgroups, more than one zone, MGLRU, slab caches, congestion.

import { assert } from '../lib/assert.ts'
import { intSqrt } from '../lib/bits.ts'
import { copyFrameTo, type Pfn } from '../hw/ram.ts'
import { swapDevice, swapSlot } from '../hw/mmu.ts'
import type { Machine } from '../state/machine.ts'
import { VM_EXEC, VM_LOCKED } from '../state/mm.ts'
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  PG_ACTIVE,
  PG_ANON,
  PG_DIRTY,
  PG_REFERENCED,
  PG_SWAPBACKED,
  PG_SWAPCACHE,
  PG_WORKINGSET,
} from '../state/page.ts'
import { wakeUp } from '../state/runqueue.ts'
import { RECLAIM_WB_ANON, RECLAIM_WB_ASYNC, RECLAIM_WB_FILE } from '../trace/events.ts'
import { emit } from '../trace/trace.ts'
import { diskBacklog, swapPosition, waitForDisk, writeBlocks } from './blockIo.ts'
import { removeFromPageCache } from './filemap.ts'
import { lruAdd, lruAddTail, lruDel } from './lru.ts'
import { mlockPage } from './mlock.ts'
import { putPage } from './pageAlloc.ts'
import { pageReferenced, tryToUnmap } from './rmap.ts'
import { addToSwap, deleteFromSwapCache, freeSwapOf } from './swapState.ts'
import {
  deviceOf,
  freeSwapPages,
  getSwapPage,
  swapDuplicate,
  totalSwapPages,
  vmSwapFull,
} from './swapfile.ts'
import { noteCost, workingsetEviction } from './workingset.ts'
import { syncInode } from './writeback.ts'

export const DEF_PRIORITY = 12
const SWAP_CLUSTER_MAX = 32
/** Rounds without success after which kswapd gives up until somebody else has freed something. */
export const MAX_RECLAIM_RETRIES = 16

/** What looking at a page costs, and taking it, in instructions. */
const SCAN_FUEL = 50
const STEAL_FUEL = 400

const DEACTIVATE_ANON = 1
const DEACTIVATE_FILE = 2

/** One attempt to free memory (struct scan_control). */
interface ScanControl {
  kswapd: boolean
  order: number
  priority: number
  nrToReclaim: number
  nrScanned: number
  nrReclaimed: number
  mayDeactivate: number // DEACTIVATE_*
  cacheTrimMode: boolean // there is plenty of file cache that nobody uses: leave anonymous pages alone
  fileIsTiny: boolean // there is next to no file cache: take anonymous pages
}

// --- who reclaims ----------------------------------------------------------------------------------------------------

/** Memory is below the low watermark: kswapd gets to work as soon as the task that runs gives way. */
export function wakeupKswapd(m: Machine): void {
  const { kswapd } = m
  if (kswapd === null || kswapd.state !== 'S' || kswapd.wait.for !== 'kswapd') return
  if (m.kswapdFailures >= MAX_RECLAIM_RETRIES || isBalanced(m)) return
  wakeUp(m, kswapd)
  kswapd.wait = { for: 'nothing' }
  m.needResched = true
  if (m.trace.on.mm_vmscan_wakeup_kswapd)
    emit(m.trace, m.ticks, m.current?.pid ?? 0, 'mm_vmscan_wakeup_kswapd', { nid: 0, order: 0 })
}

/** Enough is free for kswapd to sleep. */
function isBalanced({ zone }: Machine): boolean {
  return zone.freePages >= zone.watermarkHigh
}

/** What kswapd is in the middle of. */
export interface KswapdProgram {
  kind: 'kswapd'
  priority: number // 0 between two rounds
  reclaimed: number // pages in this round
}

/** A slice of kswapd (balance_pgdat): one pass over the lists at a time. Fuel used. */
export function runKswapd(m: Machine, program: KswapdProgram, fuel: number): number {
  const task = m.kswapd!
  let used = 0
  while (used < fuel && m.panic === '') {
    if (isBalanced(m) || program.priority === 1 || m.kswapdFailures >= MAX_RECLAIM_RETRIES) {
      if (program.priority === 1 && !isBalanced(m) && program.reclaimed === 0) m.kswapdFailures++
      snapshotRefaults(m)
      program.priority = 0
      program.reclaimed = 0
      if (isBalanced(m) || m.kswapdFailures >= MAX_RECLAIM_RETRIES) {
        task.state = 'S'
        task.wait = { for: 'kswapd' }
        if (m.trace.on.mm_vmscan_kswapd_sleep)
          emit(m.trace, m.ticks, task.pid, 'mm_vmscan_kswapd_sleep', { nid: 0 })
        return used + SCAN_FUEL
      }
    }
    if (program.priority === 0) {
      program.priority = DEF_PRIORITY
      m.vmstat.pageoutrun++
      if (m.trace.on.mm_vmscan_kswapd_wake)
        emit(m.trace, m.ticks, task.pid, 'mm_vmscan_kswapd_wake', { nid: 0, order: 0 })
    }
    const sc = mkScanControl(m, true, 0, program.priority)
    sc.nrToReclaim = Math.max(m.zone.watermarkHigh, SWAP_CLUSTER_MAX)
    ageActiveAnon(m, sc)
    shrinkLruvec(m, sc)
    program.reclaimed += sc.nrReclaimed
    if (sc.nrReclaimed > 0) m.kswapdFailures = 0
    if (sc.nrScanned < sc.nrToReclaim || sc.nrReclaimed === 0) program.priority--
    used += sc.nrScanned * SCAN_FUEL + sc.nrReclaimed * STEAL_FUEL + SCAN_FUEL
    if (diskBacklog(m) > KSWAPD_BACKLOG_US) {
      waitForDisk(m)
      break
    }
  }
  return used
}

/** How far kswapd lets the disk fall behind. */
const KSWAPD_BACKLOG_US = 20_000

/** Direct reclaim: the running task takes pages itself until 32 are free. Pages taken. */
export function tryToFreePages(m: Machine, order: number): number {
  if (m.current !== null && m.current === m.kswapd) return 0
  m.vmstat.allocstall_normal++
  if (m.trace.on.mm_vmscan_direct_reclaim_begin)
    emit(m.trace, m.ticks, m.current?.pid ?? 0, 'mm_vmscan_direct_reclaim_begin', { order })
  let reclaimed = 0
  let scanned = 0
  for (let priority = DEF_PRIORITY; priority >= 0; priority--) {
    const sc = mkScanControl(m, false, order, priority)
    sc.nrReclaimed = reclaimed
    shrinkLruvec(m, sc)
    reclaimed = sc.nrReclaimed
    scanned += sc.nrScanned
    if (reclaimed >= SWAP_CLUSTER_MAX) break
  }
  snapshotRefaults(m)
  if (reclaimed > 0) m.kswapdFailures = 0
  if (m.current !== null) {
    m.current.debt += scanned * SCAN_FUEL + reclaimed * STEAL_FUEL
    m.current.memstall = true
    waitForDisk(m)
  }
  if (m.trace.on.mm_vmscan_direct_reclaim_end)
    emit(m.trace, m.ticks, m.current?.pid ?? 0, 'mm_vmscan_direct_reclaim_end', {
      nr_reclaimed: reclaimed,
    })
  return reclaimed
}

/** Pages that reclaim could take if nobody used them (zone_reclaimable_pages). */
export function reclaimablePages(m: Machine): number {
  const { size } = m.zone.lruvec
  const file = size[LRU_INACTIVE_FILE] + size[LRU_ACTIVE_FILE]
  return canReclaimAnon(m) ? file + size[LRU_INACTIVE_ANON] + size[LRU_ACTIVE_ANON] : file
}

function canReclaimAnon(m: Machine): boolean {
  return freeSwapPages(m) > 0
}

/** Drops clean pages of files that nobody has mapped (/proc/sys/vm/drop_caches, invalidate_mapping_pages). Pages dropped. */
export function dropPagecache(m: Machine): number {
  const { page } = m.zone
  let dropped = 0
  for (const inode of m.inodes.values()) {
    if (inode.backing === 'tmpfs') continue
    for (const [index, pfn] of inode.pages) {
      if (page.refcount[pfn] > 1 || (page.flags[pfn] & PG_DIRTY) !== 0) continue
      removeFromPageCache(m, inode, index, pfn)
      dropped++
    }
  }
  m.vmstat.drop_pagecache++
  return dropped
}

// --- how much of what ------------------------------------------------------------------------------------------------

function mkScanControl(m: Machine, kswapd: boolean, order: number, priority: number): ScanControl {
  const { lruvec, freePages, watermarkHigh } = m.zone
  const { size, refaults } = lruvec
  const { workingset_activate_anon, workingset_activate_file } = m.vmstat
  let mayDeactivate = 0
  if (workingset_activate_anon !== refaults[0] || inactiveIsLow(m, LRU_INACTIVE_ANON))
    mayDeactivate |= DEACTIVATE_ANON
  if (workingset_activate_file !== refaults[1] || inactiveIsLow(m, LRU_INACTIVE_FILE))
    mayDeactivate |= DEACTIVATE_FILE
  const file = size[LRU_ACTIVE_FILE] + size[LRU_INACTIVE_FILE]
  return {
    kswapd,
    order,
    priority,
    nrToReclaim: SWAP_CLUSTER_MAX,
    nrScanned: 0,
    nrReclaimed: 0,
    mayDeactivate,
    cacheTrimMode:
      size[LRU_INACTIVE_FILE] >> priority > 0 && (mayDeactivate & DEACTIVATE_FILE) === 0,
    fileIsTiny:
      file + freePages <= watermarkHigh &&
      (mayDeactivate & DEACTIVATE_ANON) === 0 &&
      size[LRU_INACTIVE_ANON] >> priority > 0,
  }
}

/** The active list has grown too long for the inactive one to say who is idle (inactive_is_low). */
function inactiveIsLow(m: Machine, inactive: number): boolean {
  const { size } = m.zone.lruvec
  const gigabytes = Math.floor(((size[inactive] + size[inactive + 1]) * m.pageSize) / 2 ** 30)
  const ratio = gigabytes > 0 ? intSqrt(10 * gigabytes) : 1
  return size[inactive] * ratio < size[inactive + 1]
}

/** How many pages of each list to look at (get_scan_count). */
function getScanCount(m: Machine, sc: ScanControl): Int32Array {
  const { lruvec } = m.zone
  const { swappiness } = m.sysctl
  const anonToo = canReclaimAnon(m)
  const fraction = [0, 0]
  let denominator = 0
  let only: 'anon' | 'file' | null = null
  let equal = false
  if (!anonToo) only = 'file'
  else if (sc.priority === 0 && swappiness > 0) equal = true
  else if (sc.fileIsTiny) only = 'anon'
  else if (sc.cacheTrimMode) only = 'file'
  else {
    let total = lruvec.anonCost + lruvec.fileCost
    const anonCost = total + lruvec.anonCost
    const fileCost = total + lruvec.fileCost
    total = anonCost + fileCost
    fraction[0] = Math.floor((swappiness * (total + 1)) / (anonCost + 1))
    fraction[1] = Math.floor(((200 - swappiness) * (total + 1)) / (fileCost + 1))
    denominator = fraction[0] + fraction[1]
  }
  const nr = new Int32Array(4)
  for (let lru = LRU_INACTIVE_ANON; lru <= LRU_ACTIVE_FILE; lru++) {
    const file = lru >= LRU_INACTIVE_FILE
    const scan = lruvec.size[lru] >> sc.priority
    if (equal) nr[lru] = scan
    else if (only !== null) nr[lru] = (only === 'file') === file ? scan : 0
    else nr[lru] = Math.floor((scan * fraction[file ? 1 : 0]) / denominator)
  }
  return nr
}

/** Whether pages came back is judged from one attempt to the next. */
function snapshotRefaults(m: Machine): void {
  const { refaults } = m.zone.lruvec
  refaults[0] = m.vmstat.workingset_activate_anon
  refaults[1] = m.vmstat.workingset_activate_file
}

/** A pass over the lists (shrink_lruvec). */
function shrinkLruvec(m: Machine, sc: ScanControl): void {
  const nr = getScanCount(m, sc)
  const targets = nr.slice()
  const proportional = !sc.kswapd && sc.priority === DEF_PRIORITY
  const before = sc.nrReclaimed
  let adjusted = false
  while (nr[LRU_INACTIVE_ANON] > 0 || nr[LRU_ACTIVE_FILE] > 0 || nr[LRU_INACTIVE_FILE] > 0) {
    for (let lru = LRU_INACTIVE_ANON; lru <= LRU_ACTIVE_FILE; lru++) {
      if (nr[lru] === 0) continue
      const scan = Math.min(nr[lru], SWAP_CLUSTER_MAX)
      nr[lru] -= scan
      shrinkList(m, lru, scan, sc)
    }
    if (sc.nrReclaimed - before < sc.nrToReclaim || proportional || adjusted) continue
    if (!stopSmaller(nr, targets)) break
    adjusted = true
  }
  if (canAgeAnon(m) && inactiveIsLow(m, LRU_INACTIVE_ANON))
    shrinkActiveList(m, SWAP_CLUSTER_MAX, LRU_ACTIVE_ANON, sc)
}

/**
 * Enough is taken: the kind that has less left to do stops, the other goes on so far that both have been looked at in
 * the proportion that was meant. False: one of them is done already.
 */
function stopSmaller(nr: Int32Array, targets: Int32Array): boolean {
  const anon = nr[LRU_INACTIVE_ANON] + nr[LRU_ACTIVE_ANON]
  const file = nr[LRU_INACTIVE_FILE] + nr[LRU_ACTIVE_FILE]
  if (anon === 0 || file === 0) return false
  const [stop, goOn] =
    file > anon ? [LRU_INACTIVE_ANON, LRU_INACTIVE_FILE] : [LRU_INACTIVE_FILE, LRU_INACTIVE_ANON]
  const target = targets[stop] + targets[stop + 1] + 1
  const percentage = Math.floor((Math.min(anon, file) * 100) / target)
  nr[stop] = 0
  nr[stop + 1] = 0
  for (let lru = goOn; lru <= goOn + 1; lru++) {
    const scanned = targets[lru] - nr[lru]
    const wanted = Math.floor((targets[lru] * (100 - percentage)) / 100)
    nr[lru] = Math.max(0, wanted - scanned)
  }
  return true
}

function shrinkList(m: Machine, lru: number, count: number, sc: ScanControl): void {
  if (lru === LRU_ACTIVE_ANON || lru === LRU_ACTIVE_FILE) {
    const bit = lru === LRU_ACTIVE_FILE ? DEACTIVATE_FILE : DEACTIVATE_ANON
    if ((sc.mayDeactivate & bit) !== 0) shrinkActiveList(m, count, lru, sc)
  } else shrinkInactiveList(m, count, lru, sc)
}

function canAgeAnon(m: Machine): boolean {
  return totalSwapPages(m) > 0
}

/** Before kswapd's passes: anonymous pages grow old even while only file pages are taken. */
function ageActiveAnon(m: Machine, sc: ScanControl): void {
  if (canAgeAnon(m) && inactiveIsLow(m, LRU_INACTIVE_ANON))
    shrinkActiveList(m, SWAP_CLUSTER_MAX, LRU_ACTIVE_ANON, sc)
}

// --- page by page ----------------------------------------------------------------------------------------------------

/** Pages at the tail of an active list become inactive; code that was executed since goes round once more. */
function shrinkActiveList(m: Machine, count: number, lru: number, sc: ScanControl): void {
  const { zone } = m
  const { flags } = zone.page
  const looks = Math.min(count, zone.lruvec.size[lru])
  let referenced = 0
  for (let i = 0; i < looks; i++) {
    const pfn = zone.lruvec.tail[lru]
    lruDel(zone, pfn)
    const { ptes, vmFlags } = pageReferenced(m, pfn)
    if (ptes > 0 && (vmFlags & VM_EXEC) !== 0 && (flags[pfn] & PG_SWAPBACKED) === 0) {
      lruAdd(zone, pfn)
      referenced++
      continue
    }
    flags[pfn] = (flags[pfn] & ~PG_ACTIVE) | PG_WORKINGSET
    lruAdd(zone, pfn)
    m.vmstat.pgdeactivate++
  }
  m.vmstat.pgrefill += looks
  sc.nrScanned += looks
  if (m.trace.on.mm_vmscan_lru_shrink_active)
    emit(m.trace, m.ticks, m.current?.pid ?? 0, 'mm_vmscan_lru_shrink_active', {
      nid: 0,
      nr_taken: looks,
      nr_deactivated: looks - referenced,
      nr_referenced: referenced,
      priority: sc.priority,
      reclaim_flags: reclaimFlags(lru === LRU_ACTIVE_FILE),
    })
}

/** Pages at the tail of an inactive list are taken, or get a second chance. */
function shrinkInactiveList(m: Machine, count: number, lru: number, sc: ScanControl): void {
  const { lruvec } = m.zone
  const looks = Math.min(count, lruvec.size[lru])
  const before = { reclaimed: sc.nrReclaimed, written: m.vmstat.nr_vmscan_write }
  for (let i = 0; i < looks; i++) shrinkPage(m, lruvec.tail[lru], sc)
  sc.nrScanned += looks
  const stolen = sc.nrReclaimed - before.reclaimed
  const file = lru === LRU_INACTIVE_FILE
  countScan(m, sc.kswapd, file, looks, stolen)
  noteCost(m, file, m.vmstat.nr_vmscan_write - before.written)
  if (m.trace.on.mm_vmscan_lru_shrink_inactive)
    emit(m.trace, m.ticks, m.current?.pid ?? 0, 'mm_vmscan_lru_shrink_inactive', {
      nid: 0,
      nr_scanned: looks,
      nr_reclaimed: stolen,
      priority: sc.priority,
      reclaim_flags: reclaimFlags(file),
    })
}

function reclaimFlags(file: boolean): number {
  return RECLAIM_WB_ASYNC | (file ? RECLAIM_WB_FILE : RECLAIM_WB_ANON)
}

function countScan(
  m: Machine,
  kswapd: boolean,
  file: boolean,
  looks: number,
  stolen: number,
): void {
  const { vmstat } = m
  if (kswapd) {
    vmstat.pgscan_kswapd += looks
    vmstat.pgsteal_kswapd += stolen
  } else {
    vmstat.pgscan_direct += looks
    vmstat.pgsteal_direct += stolen
  }
  if (file) {
    vmstat.pgscan_file += looks
    vmstat.pgsteal_file += stolen
  } else {
    vmstat.pgscan_anon += looks
    vmstat.pgsteal_anon += stolen
  }
}

/** One page of an inactive list (shrink_folio_list): taken, or on a list again, elsewhere. */
function shrinkPage(m: Machine, pfn: Pfn, sc: ScanControl): void {
  const { zone } = m
  const { page } = zone
  lruDel(zone, pfn)
  switch (decide(m, pfn)) {
    case 'free':
      sc.nrReclaimed++
      return
    case 'activate':
      if ((page.flags[pfn] & PG_SWAPCACHE) !== 0 && vmSwapFull(m)) freeSwapOf(m, pfn)
      page.flags[pfn] |= PG_ACTIVE
      m.vmstat.pgactivate++
      lruAdd(zone, pfn)
      return
    case 'lock':
      mlockPage(m, pfn)
      m.vmstat.unevictable_pgs_culled++
      return
    case 'keep':
      lruAdd(zone, pfn)
      return
    case 'rotate':
      lruAddTail(zone, pfn)
      m.vmstat.pgrotated++
  }
}

type Fate = 'free' | 'activate' | 'lock' | 'keep' | 'rotate'

function decide(m: Machine, pfn: Pfn): Fate {
  const { page } = m.zone
  const seen = checkReferences(m, pfn)
  if (seen !== null) return seen
  if (isPinned(m, pfn)) return 'keep'
  const anon = (page.flags[pfn] & PG_ANON) !== 0
  const swapBacked = (page.flags[pfn] & PG_SWAPBACKED) !== 0
  if (anon && swapBacked && (page.flags[pfn] & PG_SWAPCACHE) === 0 && !addToSwap(m, pfn))
    return 'activate'
  if (page.mapcount[pfn] > 0 && !tryToUnmap(m, pfn)) return 'activate'
  if (anon) return swapBacked ? swapOut(m, pfn) : discard(m, pfn)
  return swapBacked ? shmemWritepage(m, pfn) : evictFilePage(m, pfn)
}

/** Second chance (folio_check_references): null if the page may go. */
function checkReferences(m: Machine, pfn: Pfn): Fate | null {
  const { flags } = m.zone.page
  const { ptes, vmFlags } = pageReferenced(m, pfn)
  const before = (flags[pfn] & PG_REFERENCED) !== 0
  const file = (flags[pfn] & PG_SWAPBACKED) === 0
  flags[pfn] &= ~PG_REFERENCED
  if ((vmFlags & VM_LOCKED) !== 0) return 'lock'
  if (ptes > 0) {
    flags[pfn] |= PG_REFERENCED
    if (before || ptes > 1) return 'activate'
    return (vmFlags & VM_EXEC) !== 0 && file ? 'activate' : 'keep'
  }
  // Read by a system call once: it may go if that costs no writing.
  return before && file && (flags[pfn] & PG_DIRTY) !== 0 ? 'keep' : null
}

/** Somebody in the middle of something holds it. */
function isPinned(m: Machine, pfn: Pfn): boolean {
  const { refcount, mapcount, flags } = m.zone.page
  const cached = (flags[pfn] & PG_ANON) === 0 || (flags[pfn] & PG_SWAPCACHE) !== 0 ? 1 : 0
  return refcount[pfn] !== mapcount[pfn] + cached
}

/** The anonymous page leaves: its slot has the content, written now if it differs. */
function swapOut(m: Machine, pfn: Pfn): Fate {
  const { page } = m.zone
  const entry = page.private[pfn]
  const device = deviceOf(m, entry)
  if ((page.flags[pfn] & PG_DIRTY) !== 0) writeToSlot(m, pfn, entry)
  device.shadows[swapSlot(entry)] = workingsetEviction(m, pfn)
  page.refcount[pfn]++
  deleteFromSwapCache(m, pfn)
  assert(page.refcount[pfn] === 1, 'a page that leaves has no other user')
  putPage(m, pfn)
  return 'free'
}

function writeToSlot(m: Machine, pfn: Pfn, entry: number): void {
  copyFrameTo(deviceOf(m, entry).ram, swapSlot(entry), m.ram, pfn)
  writeBlocks(m, swapPosition(swapDevice(entry), swapSlot(entry)), 1)
  m.zone.page.flags[pfn] &= ~PG_DIRTY
  m.vmstat.pswpout++
  m.vmstat.nr_vmscan_write++
  if (m.trace.on.mm_vmscan_write_folio) {
    const reclaim_flags = reclaimFlags(false)
    emit(m.trace, m.ticks, m.current?.pid ?? 0, 'mm_vmscan_write_folio', { pfn, reclaim_flags })
  }
}

/** After MADV_FREE, and not written to since: the content is not wanted any more. */
function discard(m: Machine, pfn: Pfn): Fate {
  m.vmstat.pglazyfreed++
  assert(m.zone.page.refcount[pfn] === 0, 'a discarded page has no user')
  m.zone.page.refcount[pfn] = 1
  putPage(m, pfn)
  return 'free'
}

/** A page of tmpfs or shared memory goes to swap; the file remembers where. */
function shmemWritepage(m: Machine, pfn: Pfn): Fate {
  const { page } = m.zone
  const entry = getSwapPage(m)
  if (entry === 0) return 'activate'
  const inode = m.inodes.get(page.mapping[pfn])!
  const index = page.index[pfn]
  swapDuplicate(m, entry)
  inode.swapped.set(index, entry)
  writeToSlot(m, pfn, entry)
  deviceOf(m, entry).shadows[swapSlot(entry)] = workingsetEviction(m, pfn)
  removeFromPageCache(m, inode, index, pfn)
  return 'free'
}

/** A page of a file: dropped if the disk has it, else written and taken the next time. */
function evictFilePage(m: Machine, pfn: Pfn): Fate {
  const { page } = m.zone
  const inode = m.inodes.get(page.mapping[pfn])!
  if ((page.flags[pfn] & PG_DIRTY) !== 0) {
    syncInode(m, inode)
    return 'rotate'
  }
  inode.shadows.set(page.index[pfn], workingsetEviction(m, pfn))
  removeFromPageCache(m, inode, page.index[pfn], pfn)
  return 'free'
}
