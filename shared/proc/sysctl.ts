// /proc/sys: what can be set (kernel/sysctl.c, mm/*.c). Files that this kernel obeys show what it goes by; of the
// others it keeps what was written, within the bounds that the real one has.

import { EACCES, EINVAL } from '../lib/errno.ts'
import { maxThreads, PID_MAX } from '../kernel/task.ts'
import { setupPerCpuPages, setupWatermarks } from '../mm/pageAlloc.ts'
import { dropPagecache } from '../mm/vmscan.ts'
import { KERNEL_ERAS, type KernelEra, type Machine, type Sysctl } from '../state/machine.ts'
import { printk } from '../state/printk.ts'
import type { Task } from '../state/task.ts'
import { KERNEL_RELEASE } from '../state/version.ts'
import { KERNEL_VERSION, OSTYPE } from './version.ts'

/** One file below /proc/sys. */
export interface SysctlFile {
  path: string // below /proc/sys
  mode: number
  get: (m: Machine) => string
  /** Takes what was written: 0 or -errno. */
  write: (m: Machine, text: string, writer: Task) => number
  /** The eras whose kernels have the file; all unless given. */
  eras?: KernelEra[]
  /** The words of the kernels that have it; both unless given. */
  bits?: 64 | 32
}

const INT_MIN = -(2 ** 31)
const INT_MAX = 2 ** 31 - 1
const LONG_MAX = Number.MAX_SAFE_INTEGER // counts as 2^63 - 1

/** A file that the kernel shows and nobody changes. */
function constant(path: string, get: (m: Machine) => string | number): SysctlFile {
  return { path, mode: 0o444, get: (m) => String(get(m)), write: () => -EACCES }
}

/** An int within bounds that some part of the kernel goes by. */
function obeyed(
  path: string,
  key: keyof Sysctl,
  min = INT_MIN,
  max = INT_MAX,
  changed: (m: Machine) => void = () => {},
): SysctlFile {
  return {
    path,
    mode: 0o644,
    get: (m) => String(m.sysctl[key]),
    write(m, text) {
      const value = parseInt32(text)
      if (value === null || value < min || value > max) return -EINVAL
      m.sysctl[key] = value
      changed(m)
      return 0
    },
  }
}

/** An unsigned long that some part of the kernel goes by. A negative number is passed over, not refused. */
function obeyedLong(
  path: string,
  key: keyof Sysctl,
  min = 0,
  changed: (m: Machine) => void = () => {},
): SysctlFile {
  return {
    path,
    mode: 0o644,
    get: (m) => String(m.sysctl[key]),
    write(m, text) {
      const value = parseSysctl(text)
      if (value === null || value > LONG_MAX) return -EINVAL
      if (value < 0) return 0
      if (value < min) return -EINVAL
      m.sysctl[key] = value
      changed(m)
      return 0
    },
  }
}

/** An int that is kept and changes nothing. */
function kept(
  path: string,
  initial: number,
  min = INT_MIN,
  max = INT_MAX,
  mode = 0o644,
): SysctlFile {
  return {
    path,
    mode,
    get: (m) => m.sysctlTexts.get(path) ?? String(initial),
    write(m, text) {
      const value = parseInt32(text)
      if (value === null || value < min || value > max) return -EINVAL
      m.sysctlTexts.set(path, String(value))
      return 0
    },
  }
}

/** Several ints between tabs. */
function keptVector(path: string, initial: number[]): SysctlFile {
  return {
    path,
    mode: 0o644,
    get: (m) => m.sysctlTexts.get(path) ?? initial.join('\t'),
    write(m, text) {
      const values = text.trim().split(/\s+/).map(parseInt32)
      if (values.some((value) => value === null || value < 0)) return -EINVAL
      const all = [...values, ...initial.slice(values.length)].slice(0, initial.length)
      m.sysctlTexts.set(path, all.join('\t'))
      return 0
    },
  }
}

/** A text of limited length. */
function keptText(path: string, initial: string, maxLength: number): SysctlFile {
  return {
    path,
    mode: 0o644,
    get: (m) => m.sysctlTexts.get(path) ?? initial,
    write(m, text) {
      m.sysctlTexts.set(path, text.split('\n')[0].slice(0, maxLength))
      return 0
    },
  }
}

const hostname: SysctlFile = {
  path: 'kernel/hostname',
  mode: 0o644,
  get: (m) => m.options.hostname,
  write(m, text) {
    const name = text.split('\n')[0].slice(0, 64)
    // It stands in prompts, in the log and on other people's screens.
    if (!/^[\x21-\x7e]+$/.test(name)) return -EINVAL
    m.options.hostname = name
    return 0
  },
}

/** Ours: whose OOM killer is at work. No kernel can change that; here root may, while the machine runs. */
const oomEra: SysctlFile = {
  path: 'kernel/oom_era',
  mode: 0o644,
  get: ({ era }) => era,
  write(m, text) {
    const era = KERNEL_ERAS.find((one) => one === text.trim())
    if (era === undefined) return -EINVAL
    if (era !== m.era) printk(m, `oom: the rules of ${m.era} are replaced by those of ${era}`)
    m.era = era
    return 0
  },
}

const NEW: KernelEra[] = ['6.12']

/** Written, not read: bit 0 the page cache; bit 1, kernel objects, has nothing to drop here; bit 2: say nothing of it (fs/drop_caches.c). */
const dropCaches: SysctlFile = {
  path: 'vm/drop_caches',
  mode: 0o200,
  get: () => '',
  write(m, text, writer) {
    const value = parseInt32(text)
    if (value === null || value < 1 || value > 4) return -EINVAL
    if ((value & 1) !== 0) dropPagecache(m)
    if ((value & 4) === 0)
      printk(m, `${writer.comm} (${writer.pid}): drop_caches: ${value}`, 'info')
    return 0
  },
}

const numaZonelistOrder: SysctlFile = {
  path: 'vm/numa_zonelist_order',
  mode: 0o644,
  get: () => 'Node',
  write: (_, text) => (/^[dn]/i.test(text) ? 0 : -EINVAL),
}

/** Nothing is read of it: a look brings the counters up to date. */
const statRefresh: SysctlFile = {
  path: 'vm/stat_refresh',
  mode: 0o600,
  get: () => '',
  write: () => 0,
}

/** A ratio and a number of bytes for the same: who sets one takes the other back. */
function instead(key: keyof Sysctl): (m: Machine) => void {
  return (m) => {
    m.sysctl[key] = 0
  }
}

function rewatermark(m: Machine): void {
  setupWatermarks(m, m.sysctl.minFreeKbytes)
  setupPerCpuPages(m)
}

const kernelFiles: SysctlFile[] = [
  constant('kernel/cap_last_cap', () => 40),
  keptText('kernel/core_pattern', 'core', 127),
  kept('kernel/dmesg_restrict', 1, 0, 1),
  keptText('kernel/domainname', '(none)', 64),
  hostname,
  kept('kernel/kptr_restrict', 0, 0, 2),
  constant('kernel/ngroups_max', () => 65536),
  oomEra,
  constant('kernel/osrelease', () => KERNEL_RELEASE),
  constant('kernel/ostype', () => OSTYPE),
  kept('kernel/overflowgid', 65534, 0, 65535),
  kept('kernel/overflowuid', 65534, 0, 65535),
  obeyed('kernel/panic', 'panicTimeout'),
  kept('kernel/panic_on_oops', 0),
  kept('kernel/perf_event_paranoid', 3, -1),
  kept('kernel/pid_max', PID_MAX, 301, 4194304),
  keptVector('kernel/printk', [4, 4, 1, 7]),
  kept('kernel/randomize_va_space', 0),
  kept('kernel/sysrq', 438),
  constant('kernel/tainted', () => 0),
  {
    ...kept('kernel/threads-max', 0, 20, 0x3fffffff),
    get: (m) => m.sysctlTexts.get('kernel/threads-max') ?? String(maxThreads(m)),
  },
  constant('kernel/version', () => KERNEL_VERSION),
]

const vmFiles: SysctlFile[] = [
  { ...obeyedLong('vm/admin_reserve_kbytes', 'adminReserveKbytes'), eras: NEW },
  { ...kept('vm/compact_memory', 0, 1, 1, 0o200), get: () => '' },
  kept('vm/compact_unevictable_allowed', 1, 0, 1),
  kept('vm/compaction_proactiveness', 20, 0, 100),
  obeyedLong(
    'vm/dirty_background_bytes',
    'dirtyBackgroundBytes',
    1,
    instead('dirtyBackgroundRatio'),
  ),
  obeyed(
    'vm/dirty_background_ratio',
    'dirtyBackgroundRatio',
    0,
    100,
    instead('dirtyBackgroundBytes'),
  ),
  obeyedLong('vm/dirty_bytes', 'dirtyBytes', 8192, instead('dirtyRatio')),
  obeyed('vm/dirty_expire_centisecs', 'dirtyExpireCentisecs', 0),
  obeyed('vm/dirty_ratio', 'dirtyRatio', 0, 100, instead('dirtyBytes')),
  obeyed('vm/dirty_writeback_centisecs', 'dirtyWritebackCentisecs'),
  kept('vm/dirtytime_expire_seconds', 43200, 0),
  dropCaches,
  kept('vm/enable_soft_offline', 1, 0, 1),
  kept('vm/extfrag_threshold', 500, 0, 1000),
  { ...kept('vm/highmem_is_dirtyable', 0, 0, 1), bits: 32 },
  { ...kept('vm/hugetlb_optimize_vmemmap', 0, 0, 1), bits: 64 },
  kept('vm/hugetlb_shm_group', 0),
  kept('vm/laptop_mode', 0),
  kept('vm/legacy_va_layout', 0, 0),
  { ...keptVector('vm/lowmem_reserve_ratio', [256, 256, 32, 0, 0]), bits: 64 },
  { ...keptVector('vm/lowmem_reserve_ratio', [256, 32, 0, 0]), bits: 32 },
  obeyed('vm/max_map_count', 'maxMapCount', 0),
  kept('vm/memfd_noexec', 0, 0, 2),
  kept('vm/memory_failure_early_kill', 0, 0, 1),
  kept('vm/memory_failure_recovery', 1, 0, 1),
  obeyed('vm/min_free_kbytes', 'minFreeKbytes', 0, INT_MAX, rewatermark),
  { ...kept('vm/min_slab_ratio', 5, 0, 100), bits: 64 },
  { ...kept('vm/min_unmapped_ratio', 1, 0, 100), bits: 64 },
  obeyedLong('vm/mmap_min_addr', 'mmapMinAddr'),
  { ...kept('vm/mmap_rnd_bits', 28, 28, 32, 0o600), bits: 64 },
  { ...kept('vm/mmap_rnd_bits', 8, 8, 16, 0o600), bits: 32 },
  { ...kept('vm/mmap_rnd_compat_bits', 8, 8, 16, 0o600), bits: 64 },
  kept('vm/nr_hugepages', 0, 0, 0),
  { ...kept('vm/nr_hugepages_mempolicy', 0, 0, 0), bits: 64 },
  kept('vm/nr_overcommit_hugepages', 0, 0),
  { ...kept('vm/numa_stat', 1, 0, 1), bits: 64 },
  { ...numaZonelistOrder, bits: 64 },
  obeyed('vm/oom_dump_tasks', 'oomDumpTasks'),
  obeyed('vm/oom_kill_allocating_task', 'oomKillAllocatingTask'),
  {
    ...obeyedLong('vm/overcommit_kbytes', 'overcommitKbytes', 0, instead('overcommitRatio')),
    eras: NEW,
  },
  obeyed('vm/overcommit_memory', 'overcommitMemory', 0, 2),
  obeyed('vm/overcommit_ratio', 'overcommitRatio', INT_MIN, INT_MAX, instead('overcommitKbytes')),
  obeyed('vm/page-cluster', 'pageCluster', 0, 31),
  kept('vm/page_lock_unfairness', 5, 0),
  obeyed('vm/panic_on_oom', 'panicOnOom', 0, 2),
  kept('vm/percpu_pagelist_high_fraction', 0, 0),
  kept('vm/stat_interval', 1),
  statRefresh,
  obeyed('vm/swappiness', 'swappiness', 0, 200),
  kept('vm/unprivileged_userfaultfd', 0, 0, 1),
  { ...obeyedLong('vm/user_reserve_kbytes', 'userReserveKbytes'), eras: NEW },
  { ...kept('vm/vdso_enabled', 1, 0, 1), bits: 32 },
  obeyed('vm/vfs_cache_pressure', 'vfsCachePressure', 0),
  kept('vm/watermark_boost_factor', 15000, 0),
  obeyed('vm/watermark_scale_factor', 'watermarkScaleFactor', 1, 3000, rewatermark),
  { ...kept('vm/zone_reclaim_mode', 0, 0), bits: 64 },
]

/** In the order in which a directory lists them: by their characters. */
const SYSCTL_FILES: SysctlFile[] = [...kernelFiles, ...vmFiles]

export function findSysctl(m: Machine, path: string): SysctlFile | null {
  return sysctlFiles(m).find((file) => file.path === path) ?? null
}

/** Those that the machine's kernel has. */
export function sysctlFiles({ era, layout }: Machine): SysctlFile[] {
  return SYSCTL_FILES.filter(
    ({ eras, bits }) => (eras?.includes(era) ?? true) && (bits ?? layout.bits) === layout.bits,
  )
}

/** What was written to the file counts up to the first blank behind the number (proc_get_long). */
function parseSysctl(text: string): number | null {
  const [, sign, digits] = /^\s*(-?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)(?=\s|$)/.exec(text) ?? []
  if (digits === undefined) return null
  const value = /^0[0-7]/.test(digits) ? parseInt(digits, 8) : Number(digits)
  return sign === '-' ? -value : value
}

function parseInt32(text: string): number | null {
  const value = parseSysctl(text)
  return value !== null && value >= INT_MIN && value <= INT_MAX ? value : null
}
