// /proc/sys: the values that this kernel obeys, and a few that programs ask for (kernel/sysctl.c).

import { EINVAL } from '../lib/errno.ts'
import { setupWatermarks } from '../mm/pageAlloc.ts'
import { dropPagecache } from '../mm/vmscan.ts'
import { KERNEL_ERAS, type KernelEra, type Machine, type Sysctl } from '../state/machine.ts'
import { printk } from '../state/printk.ts'
import { KERNEL_RELEASE } from '../state/version.ts'
import { KERNEL_VERSION, OSTYPE } from './version.ts'

/** One file below /proc/sys. Without `set` or `write` nobody can write it. */
export interface SysctlFile {
  path: string // below /proc/sys
  get(m: Machine): string
  set?(m: Machine, value: number): void
  min?: number
  max?: number
  /** Takes the text where it is no number; 0 or a negative errno. */
  write?(m: Machine, text: string): number
  /** The eras whose kernels have the file; all unless given. */
  eras?: KernelEra[]
}

const INT_MAX = 2 ** 31 - 1
const INT_MIN = -(2 ** 31)

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

/** vm.overcommit_ratio and _kbytes exclude each other: who is written takes the other's place (mm/util.c). */
function commitShare(
  path: string,
  key: 'overcommitRatio' | 'overcommitKbytes',
  other: 'overcommitRatio' | 'overcommitKbytes',
): SysctlFile {
  const set = (m: Machine, value: number): void => {
    m.sysctl[key] = value
    m.sysctl[other] = 0
  }
  return { ...number(path, key, 0, INT_MAX), set }
}

/** Ours: whose OOM killer is at work. No kernel can change that; here root may, while the machine runs. */
const oomEra: SysctlFile = {
  path: 'kernel/oom_era',
  get: ({ era }) => era,
  write: (m, text) => {
    const era = KERNEL_ERAS.find((one) => one === text.trim())
    if (era === undefined) return -EINVAL
    if (era !== m.era) printk(m, `oom: the rules of ${m.era} are replaced by those of ${era}`)
    m.era = era
    return 0
  },
}

const NEW: KernelEra[] = ['6.12']

/** In the order in which a directory lists them. */
export const SYSCTL_FILES: SysctlFile[] = [
  constant('kernel/dmesg_restrict', () => 1),
  constant('kernel/hostname', (m) => m.options.hostname),
  oomEra,
  constant('kernel/osrelease', () => KERNEL_RELEASE),
  constant('kernel/ostype', () => OSTYPE),
  number('kernel/panic', 'panicTimeout', INT_MIN, INT_MAX),
  constant('kernel/pid_max', () => 32768),
  constant('kernel/randomize_va_space', () => 0),
  constant('kernel/version', () => KERNEL_VERSION),
  { ...number('vm/admin_reserve_kbytes', 'adminReserveKbytes', 0, INT_MAX), eras: NEW },
  number('vm/dirty_background_ratio', 'dirtyBackgroundRatio', 0, 100),
  number('vm/dirty_ratio', 'dirtyRatio', 0, 100),
  { ...number('vm/drop_caches', 'dropCaches', 1, 4), set: dropCaches },
  number('vm/max_map_count', 'maxMapCount', 0, INT_MAX),
  { ...number('vm/min_free_kbytes', 'minFreeKbytes', 0, INT_MAX), set: setupWatermarks },
  number('vm/mmap_min_addr', 'mmapMinAddr', 0, INT_MAX),
  number('vm/oom_dump_tasks', 'oomDumpTasks', 0, INT_MAX),
  number('vm/oom_kill_allocating_task', 'oomKillAllocatingTask', 0, INT_MAX),
  { ...commitShare('vm/overcommit_kbytes', 'overcommitKbytes', 'overcommitRatio'), eras: NEW },
  number('vm/overcommit_memory', 'overcommitMemory', 0, 2),
  commitShare('vm/overcommit_ratio', 'overcommitRatio', 'overcommitKbytes'),
  number('vm/page-cluster', 'pageCluster', 0, 31),
  number('vm/panic_on_oom', 'panicOnOom', 0, 2),
  number('vm/swappiness', 'swappiness', 0, 200),
  { ...number('vm/user_reserve_kbytes', 'userReserveKbytes', 0, INT_MAX), eras: NEW },
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

/** Whether the kernel of the machine's era has the file. */
export function hasSysctl({ era }: Machine, { eras }: SysctlFile): boolean {
  return eras === undefined || eras.includes(era)
}

export function isWritable(file: SysctlFile): boolean {
  return file.set !== undefined || file.write !== undefined
}

/** Takes a decimal number within the file's bounds, or what the file wants instead; 0 or a negative errno. */
export function writeSysctl(m: Machine, file: SysctlFile, text: string): number {
  if (file.write !== undefined) return file.write(m, text)
  const digits = text.trim()
  if (!/^[+-]?\d{1,15}$/.test(digits)) return -EINVAL
  const value = Number(digits)
  if (value < (file.min ?? 0) || value > (file.max ?? INT_MAX)) return -EINVAL
  file.set!(m, value)
  return 0
}
