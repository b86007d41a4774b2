// /proc/meminfo (fs/proc/meminfo.c). What this machine has not got shows as 0, as on a machine that does not use it.

import type { Machine } from '../state/machine.ts'
import { vmCommitLimit } from '../mm/overcommit.ts'
import { nrFreePages } from '../mm/pageAlloc.ts'
import { freeSwapPages, totalSwapPages } from '../mm/swapfile.ts'
import { vmCounters, type Counters } from './vmstat.ts'

/**
 * What could be had without trouble: free frames above the reserve, and about half of the page cache and of the
 * reclaimable kernel objects (si_mem_available, mm/show_mem.c).
 */
function availablePages({ zone }: Machine, counters: Counters): number {
  const half = (pages: number) => pages - Math.min(pages >> 1, zone.watermarkLow)
  const cache = half((counters.nr_active_file ?? 0) + (counters.nr_inactive_file ?? 0))
  const free = nrFreePages(zone) - zone.watermarkHigh
  return Math.max(free + cache + half(counters.nr_slab_reclaimable), 0)
}

export function procMeminfo(m: Machine): string {
  const counters = vmCounters(m)
  const pageKb = m.pageSize / 1024
  const count = (name: string) => counters[name] ?? 0
  const wide = m.layout.bits === 64
  const kb = (name: string, pages: number) => line(name, pages * pageKb)
  const sum = (name: string, list: string) =>
    kb(name, count(`nr_${list}_anon`) + count(`nr_${list}_file`))
  const slab = count('nr_slab_reclaimable') + count('nr_slab_unreclaimable')
  // Buffers (pages of block devices) are none here; the swap cache does not count as cached.
  return (
    kb('MemTotal', m.totalramPages) +
    kb('MemFree', nrFreePages(m.zone)) +
    kb('MemAvailable', availablePages(m, counters)) +
    line('Buffers', 0) +
    kb('Cached', count('nr_file_pages') - count('nr_swapcached')) +
    kb('SwapCached', count('nr_swapcached')) +
    sum('Active', 'active') +
    sum('Inactive', 'inactive') +
    kb('Active(anon)', count('nr_active_anon')) +
    kb('Inactive(anon)', count('nr_inactive_anon')) +
    kb('Active(file)', count('nr_active_file')) +
    kb('Inactive(file)', count('nr_inactive_file')) +
    kb('Unevictable', count('nr_unevictable')) +
    kb('Mlocked', count('nr_mlock')) +
    (wide ? '' : highLines(m)) +
    kb('SwapTotal', totalSwapPages(m)) +
    kb('SwapFree', freeSwapPages(m)) +
    (wide ? '' : line('Zswap', 0) + line('Zswapped', 0)) +
    kb('Dirty', count('nr_dirty')) +
    kb('Writeback', count('nr_writeback')) +
    kb('AnonPages', count('nr_anon_pages')) +
    kb('Mapped', count('nr_mapped')) +
    kb('Shmem', count('nr_shmem')) +
    kb('KReclaimable', count('nr_slab_reclaimable')) +
    kb('Slab', slab) +
    kb('SReclaimable', count('nr_slab_reclaimable')) +
    kb('SUnreclaim', count('nr_slab_unreclaimable')) +
    line('KernelStack', count('nr_kernel_stack')) +
    kb('PageTables', count('nr_page_table_pages')) +
    line('SecPageTables', 0) +
    line('NFS_Unstable', 0) +
    line('Bounce', 0) +
    line('WritebackTmp', 0) +
    kb('CommitLimit', vmCommitLimit(m)) +
    kb('Committed_AS', m.committed) +
    line('VmallocTotal', vmallocTotalKb(m)) +
    line('VmallocUsed', count('nr_kernel_stack')) + // where the stacks are mapped
    line('VmallocChunk', 0) +
    line('Percpu', 0) +
    line('HardwareCorrupted', 0, 6) +
    line('AnonHugePages', 0) +
    line('ShmemHugePages', 0) +
    line('ShmemPmdMapped', 0) +
    line('FileHugePages', 0) +
    line('FilePmdMapped', 0) +
    (wide ? line('Unaccepted', 0) : '') +
    ['Total', 'Free', 'Rsvd', 'Surp']
      .map((what) => `HugePages_${what}:`.padEnd(16) + '       0\n')
      .join('') +
    line('Hugepagesize', m.layout.entrySpan[1] / 1024) +
    line('Hugetlb', 0) +
    kb('DirectMap4k', m.zone.presentPages) +
    line(wide ? 'DirectMap2M' : 'DirectMap4M', 0)
  )
}

/** All of RAM is low memory on so small a machine. */
function highLines(m: Machine): string {
  const kb = (pages: number) => (pages * m.pageSize) / 1024
  return (
    line('HighTotal', 0) +
    line('HighFree', 0) +
    line('LowTotal', kb(m.totalramPages)) +
    line('LowFree', kb(nrFreePages(m.zone)))
  )
}

/** Kernel addresses that are not those of RAM: 32 TiB, on i386 what its gigabyte leaves. */
function vmallocTotalKb(m: Machine): number {
  if (m.layout.bits === 64) return 34359738367
  const lowmemKb = Math.min(m.options.ram / 1024, 896 << 10)
  return (1 << 20) - lowmemKb - VMALLOC_GAPS_KB
}

/** A hole of 8 MiB behind RAM, and the fixed mappings at the end. */
const VMALLOC_GAPS_KB = 8192 + 20360

function line(name: string, kb: number, width = 8): string {
  return `${name}:`.padEnd(16) + String(kb).padStart(width) + ' kB\n'
}
