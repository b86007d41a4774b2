// /proc/vmstat: every counter of the kernel's, in its order (vmstat_text, mm/vmstat.c). What this machine does not
// count shows as 0.

import { countFrames } from '../mm/census.ts'
import { memmapPages, nrFreePages } from '../mm/pageAlloc.ts'
import { globalDirtyLimits } from '../mm/writeback.ts'
import type { Machine } from '../state/machine.ts'
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
} from '../state/page.ts'

const words = (text: string) => text.trim().split(/\s+/)

const ZONE_ITEMS = words(`
  nr_free_pages nr_zone_inactive_anon nr_zone_active_anon nr_zone_inactive_file nr_zone_active_file
  nr_zone_unevictable nr_zone_write_pending nr_mlock nr_bounce nr_zspages nr_free_cma nr_unaccepted`)

const NUMA_ITEMS = words('numa_hit numa_miss numa_foreign numa_interleave numa_local numa_other')

const NODE_ITEMS = words(`
  nr_inactive_anon nr_active_anon nr_inactive_file nr_active_file nr_unevictable nr_slab_reclaimable
  nr_slab_unreclaimable nr_isolated_anon nr_isolated_file workingset_nodes workingset_refault_anon
  workingset_refault_file workingset_activate_anon workingset_activate_file workingset_restore_anon
  workingset_restore_file workingset_nodereclaim nr_anon_pages nr_mapped nr_file_pages nr_dirty nr_writeback
  nr_writeback_temp nr_shmem nr_shmem_hugepages nr_shmem_pmdmapped nr_file_hugepages nr_file_pmdmapped
  nr_anon_transparent_hugepages nr_vmscan_write nr_vmscan_immediate_reclaim nr_dirtied nr_written
  nr_throttled_written nr_kernel_misc_reclaimable nr_foll_pin_acquired nr_foll_pin_released nr_kernel_stack
  nr_page_table_pages nr_sec_page_table_pages nr_iommu_pages nr_swapcached pgpromote_success
  pgpromote_candidate pgdemote_kswapd pgdemote_direct pgdemote_khugepaged`)

const LIMIT_ITEMS = words(`
  nr_dirty_threshold nr_dirty_background_threshold nr_memmap_pages nr_memmap_boot_pages`)

/** One for each kind of zone. */
const PER_ZONE_EVENTS = words('pgalloc allocstall pgskip')

const EVENTS = words(`
  pgfree pgactivate pgdeactivate pglazyfree pgfault pgmajfault pglazyfreed pgrefill pgreuse pgsteal_kswapd
  pgsteal_direct pgsteal_khugepaged pgscan_kswapd pgscan_direct pgscan_khugepaged pgscan_direct_throttle
  pgscan_anon pgscan_file pgsteal_anon pgsteal_file zone_reclaim_success zone_reclaim_failed pginodesteal
  slabs_scanned kswapd_inodesteal kswapd_low_wmark_hit_quickly kswapd_high_wmark_hit_quickly pageoutrun
  pgrotated drop_pagecache drop_slab oom_kill numa_pte_updates numa_huge_pte_updates numa_hint_faults
  numa_hint_faults_local numa_pages_migrated pgmigrate_success pgmigrate_fail thp_migration_success
  thp_migration_fail thp_migration_split compact_migrate_scanned compact_free_scanned compact_isolated
  compact_stall compact_fail compact_success compact_daemon_wake compact_daemon_migrate_scanned
  compact_daemon_free_scanned htlb_buddy_alloc_success htlb_buddy_alloc_fail unevictable_pgs_culled
  unevictable_pgs_scanned unevictable_pgs_rescued unevictable_pgs_mlocked unevictable_pgs_munlocked
  unevictable_pgs_cleared unevictable_pgs_stranded thp_fault_alloc thp_fault_fallback
  thp_fault_fallback_charge thp_collapse_alloc thp_collapse_alloc_failed thp_file_alloc thp_file_fallback
  thp_file_fallback_charge thp_file_mapped thp_split_page thp_split_page_failed thp_deferred_split_page
  thp_underused_split_page thp_split_pmd thp_scan_exceed_none_pte thp_scan_exceed_swap_pte
  thp_scan_exceed_share_pte thp_split_pud thp_zero_page_alloc thp_zero_page_alloc_failed thp_swpout
  thp_swpout_fallback balloon_inflate balloon_deflate balloon_migrate swap_ra swap_ra_hit swpin_zero
  swpout_zero ksm_swpin_copy cow_ksm zswpin zswpout direct_map_level2_splits direct_map_level3_splits
  nr_unstable`)

/** Debian's kernels for small machines: the one of i386 is built without NUMA and with zswap. */
const ONLY_64 =
  /^(nr_unaccepted|nr_iommu_pages|numa_.*|pgpromote_.*|zone_reclaim_.*|thp_split_pud)$/
const ONLY_32 = /^zswp/

export type Counters = Record<string, number>

/** The counters by name: those that are kept as they are, those that follow from what the frames are used for. */
export function vmCounters(m: Machine): Counters {
  const frames = countFrames(m)
  const { size } = m.zone.lruvec
  const limits = globalDirtyLimits(m)
  const counters: Counters = {
    nr_free_pages: nrFreePages(m.zone),
    nr_inactive_anon: size[LRU_INACTIVE_ANON],
    nr_active_anon: size[LRU_ACTIVE_ANON],
    nr_inactive_file: size[LRU_INACTIVE_FILE],
    nr_active_file: size[LRU_ACTIVE_FILE],
    nr_unevictable: size[LRU_UNEVICTABLE],
    nr_mlock: size[LRU_UNEVICTABLE],
    nr_slab_reclaimable: frames.slabReclaimable,
    nr_slab_unreclaimable: frames.slab - frames.slabReclaimable,
    nr_anon_pages: frames.anon,
    nr_mapped: frames.mapped,
    nr_file_pages: frames.file + frames.swapCache,
    nr_dirty: frames.dirty,
    nr_shmem: frames.shmem,
    nr_swapcached: frames.swapCache,
    nr_kernel_stack: (frames.stack * m.pageSize) / 1024,
    nr_page_table_pages: frames.table,
    nr_dirty_threshold: limits.threshold,
    nr_dirty_background_threshold: limits.background,
    nr_memmap_boot_pages: memmapPages(m),
    numa_hit: m.vmstat.pgalloc,
    numa_local: m.vmstat.pgalloc,
    [`pgalloc_${m.zone.name.toLowerCase()}`]: m.vmstat.pgalloc,
    ...m.vmstat,
  }
  for (const list of [
    'inactive_anon',
    'active_anon',
    'inactive_file',
    'active_file',
    'unevictable',
  ]) {
    counters[`nr_zone_${list}`] = counters[`nr_${list}`] ?? 0
  }
  counters.nr_zone_write_pending = counters.nr_dirty + (counters.nr_writeback ?? 0)
  return counters
}

/** Names of this machine's counters of a zone, and those of a node. */
export function zoneItems(m: Machine): string[] {
  return configured(m, [...ZONE_ITEMS, ...NUMA_ITEMS])
}

export function nodeItems(m: Machine): string[] {
  return configured(m, NODE_ITEMS)
}

function eventItems(m: Machine): string[] {
  const zones = words(
    m.layout.bits === 64 ? 'dma dma32 normal movable device' : 'dma normal high movable',
  )
  const perZone = PER_ZONE_EVENTS.flatMap((event) => zones.map((zone) => `${event}_${zone}`))
  return configured(m, ['pgpgin', 'pgpgout', 'pswpin', 'pswpout', ...perZone, ...EVENTS])
}

function configured(m: Machine, names: string[]): string[] {
  const absent = m.layout.bits === 64 ? ONLY_32 : ONLY_64
  return names.filter((name) => !absent.test(name))
}

export function procVmstat(m: Machine): string {
  const counters = vmCounters(m)
  const names = [...zoneItems(m), ...nodeItems(m), ...LIMIT_ITEMS, ...eventItems(m)]
  return names.map((name) => `${name} ${counters[name] ?? 0}\n`).join('')
}
