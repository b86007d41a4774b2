// /proc/meminfo (fs/proc/meminfo.c). What this machine has not got shows as 0, as on a machine that does not use it.

import type { Machine } from '../state/machine.ts'
import { vmCommitLimit } from '../mm/overcommit.ts'
import { countFrames, type Census } from './census.ts'

/** The numbers of meminfo that others (free, panels) need, in pages. */
export interface MemInfo extends Census {
  total: number
  free: number
  available: number
  commitLimit: number
  committed: number
}

export function memInfo(m: Machine): MemInfo {
  const census = countFrames(m)
  return {
    ...census,
    total: m.totalramPages,
    free: m.zone.freePages,
    available: availablePages(m, census),
    commitLimit: vmCommitLimit(m),
    committed: m.committed,
  }
}

/** What could be had without trouble: free frames above the reserve and about half of the cache (mm/show_mem.c si_mem_available). */
function availablePages({ zone }: Machine, { file, shmem }: Census): number {
  const cache = file - shmem
  const keptCache = Math.min(Math.floor(cache / 2), zone.watermarkLow)
  return Math.max(zone.freePages - zone.watermarkHigh + cache - keptCache, 0)
}

export function procMeminfo(m: Machine): string {
  const info = memInfo(m)
  const pageKb = m.pageSize / 1024
  const kb = (name: string, pages: number) => line(name, pages * pageKb)
  const cache = info.file - info.shmem
  return (
    kb('MemTotal', info.total) +
    kb('MemFree', info.free) +
    kb('MemAvailable', info.available) +
    kb('Buffers', 0) +
    kb('Cached', info.file) +
    kb('SwapCached', 0) +
    kb('Active', info.anon + info.shmem + cache) +
    kb('Inactive', 0) +
    kb('Active(anon)', info.anon + info.shmem) +
    kb('Inactive(anon)', 0) +
    kb('Active(file)', cache) +
    kb('Inactive(file)', 0) +
    kb('Unevictable', 0) +
    kb('Mlocked', 0) +
    kb('SwapTotal', 0) +
    kb('SwapFree', 0) +
    kb('Dirty', info.dirty) +
    kb('Writeback', 0) +
    kb('AnonPages', info.anon) +
    kb('Mapped', info.mapped) +
    kb('Shmem', info.shmem) +
    kb('KReclaimable', 0) +
    kb('Slab', info.slab) +
    kb('SReclaimable', 0) +
    kb('SUnreclaim', info.slab) +
    kb('KernelStack', info.stack) +
    kb('PageTables', info.table) +
    kb('SecPageTables', 0) +
    kb('NFS_Unstable', 0) +
    kb('Bounce', 0) +
    kb('WritebackTmp', 0) +
    kb('CommitLimit', info.commitLimit) +
    kb('Committed_AS', info.committed) +
    line('VmallocTotal', m.layout.bits === 64 ? 34359738367 : 122880) +
    line('VmallocUsed', 0) +
    line('VmallocChunk', 0) +
    line('Percpu', 0) +
    'HardwareCorrupted:     0 kB\n' +
    line('AnonHugePages', 0) +
    line('ShmemHugePages', 0) +
    line('ShmemPmdMapped', 0) +
    line('FileHugePages', 0) +
    line('FilePmdMapped', 0) +
    line('Unaccepted', 0) +
    'HugePages_Total:       0\nHugePages_Free:        0\n' +
    'HugePages_Rsvd:        0\nHugePages_Surp:        0\n' +
    line('Hugepagesize', 2048) +
    line('Hugetlb', 0) +
    kb('DirectMap4k', m.zone.presentPages) +
    line('DirectMap2M', 0)
  )
}

function line(name: string, kb: number): string {
  return `${name}:`.padEnd(16) + String(kb).padStart(8) + ' kB\n'
}
