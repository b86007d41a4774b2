// /proc/vmstat: what of its counters this machine keeps, in the kernel's order (mm/vmstat.c).

import type { Machine } from '../state/machine.ts'
import { countFrames } from './census.ts'

export function procVmstat(m: Machine): string {
  const frames = countFrames(m)
  const zone = m.zone.name.toLowerCase()
  const stackKb = (frames.stack * m.pageSize) / 1024
  const cache = frames.file - frames.shmem
  const counters: [name: string, value: number][] = [
    ['nr_free_pages', m.zone.freePages],
    ['nr_inactive_anon', 0],
    ['nr_active_anon', frames.anon + frames.shmem],
    ['nr_inactive_file', 0],
    ['nr_active_file', cache],
    ['nr_slab_reclaimable', 0],
    ['nr_slab_unreclaimable', frames.slab],
    ['nr_anon_pages', frames.anon],
    ['nr_mapped', frames.mapped],
    ['nr_file_pages', frames.file],
    ['nr_dirty', frames.dirty],
    ['nr_shmem', frames.shmem],
    ['nr_kernel_stack', stackKb],
    ['nr_page_table_pages', frames.table],
    [`pgalloc_${zone}`, m.vmstat.pgalloc],
    ['pgfree', m.vmstat.pgfree],
    ['pgfault', m.vmstat.pgfault],
    ['pgmajfault', m.vmstat.pgmajfault],
    ['oom_kill', m.vmstat.oom_kill],
  ]
  return counters.map(([name, value]) => `${name} ${value}\n`).join('')
}
