// All data of the machine. Everything that can influence its future is reachable from `Machine`; save, load and hash
// walk it (walk.ts), so a new field is covered the day it is added.

import type { Layout } from '../hw/layout.ts'
import type { Ram, Pfn } from '../hw/ram.ts'
import type { Tlb } from '../hw/tlb.ts'
import type { Prng } from '../lib/prng.ts'
import type { Trace } from '../trace/trace.ts'
import type { Inode } from './inode.ts'
import type { AnonVma } from './mm.ts'
import type { Zone } from './page.ts'
import type { LogLevel } from './printk.ts'
import type { Disk, SwapDevice } from './swap.ts'
import type { Ratelimit } from './ratelimit.ts'
import type { Stream, Task } from './task.ts'

/** How a machine is made; see the command line's MACHINE OPTIONS. */
export interface MachineOptions {
  ram: number // bytes
  swap: number // bytes; 0: none
  bits: 64 | 32
  pageSize: number // bytes
  kernel: KernelEra
  glibc: GlibcVersion
  overcommit: number // vm.overcommit_memory at boot
  swappiness: number // vm.swappiness at boot
  seed: number
  hostname: string
  speed: number // instructions a second
}

/** Whose OOM killer and overcommit rules are at work, with their /proc files and texts. All else is the same in every era. */
export const KERNEL_ERAS = ['2.6.32', '2.6.38', '6.12'] as const
export type KernelEra = (typeof KERNEL_ERAS)[number]

/** Whose C library programs are linked with: its malloc, what it says of a damaged heap, its files. */
export const GLIBC_VERSIONS = ['2.13', '2.36'] as const
export type GlibcVersion = (typeof GLIBC_VERSIONS)[number]

/** Whose processes nobody else's are. */
export const NOBODY_UID = 65534

/** One tick is 1/20 s of machine time. */
export const TICK_MS = 50
export const TICKS_PER_SECOND = 20

export interface Machine {
  options: MachineOptions
  layout: Layout
  pageSize: number // bytes
  ram: Ram
  zone: Zone
  zeroPfn: Pfn // the zero page: what untouched memory reads from
  vdsoPfn: Pfn // the kernel's page that everyone's [vdso] shows first; the others follow
  bootTime: number // ms since 1970; when tick 0 was
  ticks: number // jiffies
  entries: number // commands applied; for those who count
  prng: Prng
  tasks: Map<number, Task> // by pid, in order of creation
  handles: Map<string, Task> // living tasks and zombies
  births: Map<number, number> // per seat: processes it has had
  logins: Map<number, Login> // per seat: as whom sshd logs it in
  current: Task | null // who runs, while somebody runs
  onCpu: Task | null // who had the CPU last; null: the idle task
  lastPid: number
  runqueue: Task[] // who has something to do, see state/runqueue.ts
  minVruntime: number // the scheduler's clock: where newcomers and wakers start
  nextId: number // for VMAs, address spaces, anon_vmas, inodes, streams
  root: Inode // the directory tree
  inodes: Map<number, Inode> // all inodes, by number
  anonVmas: Map<number, AnonVma> // by id
  streams: Map<number, Stream>
  syslog: LogLine[] // the last SYSLOG_KEEP lines
  syslogLines: number // lines ever
  exits: Exit[] // the last exits, for shells outside
  panic: string // why the kernel panicked; then nothing runs until it is booted anew
  boots: number // from 1
  rebootAt: number // ticks when the machine is booted anew; -1: it stays up
  committed: number // pages promised (Committed_AS)
  totalramPages: number // managed
  pageCache: number // frames in the page cache, tmpfs and shared memory included
  shmem: number // of these, tmpfs and shared memory
  dirtyPages: number // of these, files' that the disk does not have yet
  slab: SlabCache[]
  era: KernelEra // at first that of the options; root may change it
  oomReports: Ratelimit
  swaps: SwapDevice[] // in the order in which they were switched on
  disk: Disk
  psi: { some: PsiLine; full: PsiLine }
  balloon: Balloon
  kswapd: Task | null // the kernel thread that frees memory in advance; null before it has started
  kswapdFailures: number // rounds in which it found nothing
  needResched: boolean // somebody who comes first has woken: the task that runs gives way
  tickFuel: number // fuel of the tick that is being executed, 0 between two
  tickUsed: number // of it
  sysctl: Sysctl
  sysctlTexts: Map<string, string> // below /proc/sys: what was written to files that nothing here obeys
  vmstat: Vmstat
  stat: KernelStat
  loadavg: [number, number, number] // over 1, 5 and 15 minutes; fixed point (kernel/loadavg.ts)
  users: Map<number, string> // uid to name
  trace: Trace // transient
  tlb: Tlb // transient
}

/** Frames that the host has taken away (struct virtio_balloon). */
export interface Balloon {
  target: number // pages that the host wants
  frames: Pfn[] // that it has; the one taken last goes back first
  thread: Task | null // vballoon; null until the host wants something
  puffs: Ratelimit // messages that nothing could be had
}

/** 'user': as the seat's own user; 'none': not at all. */
export type Login = 'user' | 'root' | 'none'

/** Pressure stall information (kernel/sched/psi.c): time that was lost because memory is short. */
export interface PsiLine {
  total: number // µs since boot
  period: number // µs, in the period of two seconds that is not over yet
  avg10: number // per cent of the time, in 2048ths; over the last ten seconds, …
  avg60: number
  avg300: number
}

/** A line of the system log. The kernel's own lines are what dmesg shows. */
export interface LogLine {
  ms: number // machine time since boot
  ident: string // 'kernel', 'sshd[612]'
  text: string
  level: LogLevel
}

export interface Exit {
  handle: string
  pid: number
  comm: string
  status: number // as wait4's
}

/** Kernel objects of one size and the frames they fill (mm/slub.c, without the per-object lists). */
export interface SlabCache {
  name: string
  size: number // bytes
  objects: number // in use
  frames: Pfn[]
}

/** /proc/sys/vm, what of it this kernel obeys. */
export interface Sysctl {
  overcommitMemory: number
  overcommitRatio: number
  overcommitKbytes: number // 0: the ratio counts
  swappiness: number
  watermarkScaleFactor: number // ten-thousandths of RAM between the watermarks
  pageCluster: number // log2 of the slots that a swap-in reads
  panicOnOom: number
  oomKillAllocatingTask: number
  oomDumpTasks: number // whether the OOM killer's report has a table of tasks
  panicTimeout: number // kernel.panic: seconds from a panic to a reboot; 0: none
  minFreeKbytes: number
  dirtyRatio: number // per cent of memory that may be dirty before writers have to wait
  dirtyBackgroundRatio: number // and before it is written in the background
  maxMapCount: number
  adminReserveKbytes: number
  userReserveKbytes: number
  stackGuardGap: number // pages
  mmapMinAddr: number // bytes; the lowest address that may be mapped
  dirtyBytes: number // instead of the ratio, unless 0
  dirtyBackgroundBytes: number
  dirtyWritebackCentisecs: number // between two rounds of writeback
  dirtyExpireCentisecs: number // dirty for longer: written in the next round
  vfsCachePressure: number // per cent of the usual zeal in reclaiming inodes
}

/** What the processor did since boot (struct kernel_cpustat, kernel_stat); times in ns. */
export interface KernelStat {
  user: number
  nice: number // in programs whose nice value is above 0
  system: number
  idle: number
  iowait: number // idle while somebody waits for a disk
  ctxt: number // how often it went to another task, or to none
  processes: number // forks
}

/** Counters under their public names (/proc/vmstat). */
export interface Vmstat {
  pgalloc: number
  pgfree: number
  pgfault: number
  pgmajfault: number
  pgpgin: number // KiB
  pgpgout: number // KiB
  pswpin: number
  pswpout: number
  pgactivate: number
  pgdeactivate: number
  pgrefill: number
  pglazyfree: number
  pglazyfreed: number
  pgscan_kswapd: number
  pgscan_direct: number
  pgscan_anon: number
  pgscan_file: number
  pgsteal_kswapd: number
  pgsteal_direct: number
  pgsteal_anon: number
  pgsteal_file: number
  pgrotated: number
  allocstall_normal: number
  pageoutrun: number
  workingset_refault_anon: number
  workingset_refault_file: number
  workingset_activate_anon: number
  workingset_activate_file: number
  workingset_restore_anon: number
  workingset_restore_file: number
  unevictable_pgs_mlocked: number
  unevictable_pgs_munlocked: number
  unevictable_pgs_culled: number
  unevictable_pgs_rescued: number
  nr_dirtied: number
  nr_written: number
  nr_vmscan_write: number
  swap_ra: number
  swap_ra_hit: number
  drop_pagecache: number
  oom_kill: number
  balloon_inflate: number
  balloon_deflate: number
}
