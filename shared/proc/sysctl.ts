// /proc/sys: the values that this kernel obeys, and a few that programs ask for (kernel/sysctl.c).

import { EINVAL } from '../lib/errno.ts'
import { setupWatermarks } from '../mm/pageAlloc.ts'
import { dropPagecache } from '../mm/vmscan.ts'
import type { Machine, Sysctl } from '../state/machine.ts'
import { printk } from '../state/printk.ts'
import { KERNEL_RELEASE } from '../state/version.ts'
import { KERNEL_VERSION, OSTYPE } from './version.ts'

/** One file below /proc/sys. Without `set` nobody can write it. */
export interface SysctlFile {
  path: string // below /proc/sys
  get(m: Machine): string
  set?(m: Machine, value: number): void
  min?: number
  max?: number
}

const INT_MAX = 2 ** 31 - 1

function number(path: string, key: keyof Sysctl, min: number, max: number): SysctlFile {
  return {
    path,
    get: (m) => String(m.sysctl[key]),
    set: (m, value) => {
      m.sysctl[key] = value
    },
    min,
    max,
  }
}

function constant(path: string, get: (m: Machine) => string | number): SysctlFile {
  return { path, get: (m) => String(get(m)) }
}

/** In the order in which a directory lists them. */
export const SYSCTL_FILES: SysctlFile[] = [
  constant('kernel/dmesg_restrict', () => 1),
  constant('kernel/hostname', (m) => m.options.hostname),
  constant('kernel/osrelease', () => KERNEL_RELEASE),
  constant('kernel/ostype', () => OSTYPE),
  constant('kernel/pid_max', () => 32768),
  constant('kernel/randomize_va_space', () => 0),
  constant('kernel/version', () => KERNEL_VERSION),
  number('vm/admin_reserve_kbytes', 'adminReserveKbytes', 0, INT_MAX),
  number('vm/dirty_background_ratio', 'dirtyBackgroundRatio', 0, 100),
  number('vm/dirty_ratio', 'dirtyRatio', 0, 100),
  { ...number('vm/drop_caches', 'dropCaches', 1, 4), set: dropCaches },
  number('vm/max_map_count', 'maxMapCount', 0, INT_MAX),
  { ...number('vm/min_free_kbytes', 'minFreeKbytes', 0, INT_MAX), set: setupWatermarks },
  number('vm/mmap_min_addr', 'mmapMinAddr', 0, INT_MAX),
  number('vm/oom_kill_allocating_task', 'oomKillAllocatingTask', 0, INT_MAX),
  number('vm/overcommit_kbytes', 'overcommitKbytes', 0, INT_MAX),
  number('vm/overcommit_memory', 'overcommitMemory', 0, 2),
  number('vm/overcommit_ratio', 'overcommitRatio', 0, INT_MAX),
  number('vm/page-cluster', 'pageCluster', 0, 31),
  number('vm/panic_on_oom', 'panicOnOom', 0, 2),
  number('vm/swappiness', 'swappiness', 0, 200),
  number('vm/user_reserve_kbytes', 'userReserveKbytes', 0, INT_MAX),
  {
    ...number('vm/watermark_scale_factor', 'watermarkScaleFactor', 1, 3000),
    set(m, value) {
      m.sysctl.watermarkScaleFactor = value
      setupWatermarks(m, m.sysctl.minFreeKbytes)
    },
  },
]

/** drop_caches: bit 0 the page cache; bit 1, kernel objects, has nothing to drop here (fs/drop_caches.c). */
function dropCaches(m: Machine, value: number): void {
  m.sysctl.dropCaches = value
  if ((value & 1) !== 0) dropPagecache(m)
  if (m.current !== null && (value & 4) === 0)
    printk(m, `${m.current.comm} (${m.current.pid}): drop_caches: ${value}`)
}

export function findSysctl(path: string): SysctlFile | null {
  return SYSCTL_FILES.find((file) => file.path === path) ?? null
}

/** Takes a decimal number within the file's bounds; 0 or -EINVAL. */
export function writeSysctl(m: Machine, file: SysctlFile, text: string): number {
  const digits = text.trim()
  if (!/^[+-]?\d{1,15}$/.test(digits)) return -EINVAL
  const value = Number(digits)
  if (value < (file.min ?? 0) || value > (file.max ?? INT_MAX)) return -EINVAL
  file.set!(m, value)
  return 0
}
