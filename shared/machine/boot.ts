// Booting: the kernel takes its own memory, init starts, init starts the daemons.

import { assert } from '../lib/assert.ts'
import { mkPrng } from '../lib/prng.ts'
import { mkLayout } from '../hw/layout.ts'
import { clearFrame, mkRam } from '../hw/ram.ts'
import { mkTlb } from '../hw/tlb.ts'
import { S_IFDIR, S_IFREG, type Inode } from '../state/inode.ts'
import { NOBODY_UID, type Machine, type MachineOptions } from '../state/machine.ts'
import { PG_RESERVED } from '../state/page.ts'
import { printk, syslog } from '../state/printk.ts'
import type { Task } from '../state/task.ts'
import { mkRatelimit } from '../state/ratelimit.ts'
import { mkTrace } from '../trace/trace.ts'
import { mkDisk } from '../mm/blockIo.ts'
import {
  defaultMinFreeKbytes,
  freeBootMemory,
  memmapPages,
  mkZone,
  setupPerCpuPages,
  setupWatermarks,
} from '../mm/pageAlloc.ts'
import { mkSlabCaches } from '../mm/slab.ts'
import { SWAP_DEVICE, swapon } from '../mm/swapon.ts'
import { mkVmstat } from '../mm/vmstat.ts'
import { IMAGES, imageFileSize } from '../fs/images.ts'
import { VDSO_UNITS, findRuntime, librariesOf, loadLibrary, unitPages } from '../fs/runtime.ts'
import { ROOT, create, createDevice, createPartition, mkdir } from '../fs/tree.ts'
import { doExecve } from '../kernel/exec.ts'
import { copyProcess } from '../kernel/fork.ts'
import { startKthreads } from '../kernel/kthread.ts'
import { mkPsiLine } from '../kernel/psi.ts'
import { newTask } from '../kernel/task.ts'
import { bootCommandLine, procVersion } from '../proc/version.ts'

/** Frames of the kernel's image: what it keeps of RAM, at the real one's proportion on a small machine. */
const KERNEL_IMAGE_SHARE = 1 / 16

/**
 * A machine that has just booted, with init and the daemons asleep. `bootTime`: ms since 1970. What counts on over a
 * reboot, so that no number is ever given twice, comes from `before`.
 */
export function bootMachine(options: MachineOptions, bootTime: number, before?: Machine): Machine {
  const layout = mkLayout(options.bits, options.pageSize)
  const ram = mkRam(options.ram, layout.pageShift)
  const m: Machine = {
    options: { ...options }, // root may change the host's name
    layout,
    pageSize: options.pageSize,
    ram,
    zone: mkZone(ram.nrFrames),
    zeroPfn: 0,
    vdsoPfn: 0,
    bootTime,
    ticks: 0,
    entries: before?.entries ?? 0,
    prng: before?.prng ?? mkPrng(options.seed),
    tasks: new Map(),
    handles: new Map(),
    births: new Map(before?.births),
    logins: new Map(before?.logins),
    current: null,
    onCpu: null,
    lastPid: 0,
    runqueue: [],
    minVruntime: 0,
    nextId: before?.nextId ?? 1,
    root: null as unknown as Inode,
    inodes: new Map(),
    anonVmas: new Map(),
    streams: new Map(),
    syslog: [],
    syslogLines: before?.syslogLines ?? 0,
    exits: [],
    panic: '',
    boots: (before?.boots ?? 0) + 1,
    rebootAt: -1,
    committed: 0,
    totalramPages: 0,
    pageCache: 0,
    shmem: 0,
    dirtyPages: 0,
    slab: mkSlabCaches(options.bits),
    era: options.kernel,
    oomReports: mkRatelimit(),
    swaps: [],
    disk: mkDisk(layout.pageShift),
    psi: { some: mkPsiLine(), full: mkPsiLine() },
    balloon: {
      target: before?.balloon.target ?? 0,
      frames: [],
      thread: null,
      puffs: mkRatelimit(),
    },
    kswapd: null,
    kswapdFailures: 0,
    needResched: false,
    tickFuel: 0,
    tickUsed: 0,
    sysctl: {
      overcommitMemory: options.overcommit,
      overcommitRatio: 50,
      overcommitKbytes: 0,
      swappiness: options.swappiness,
      watermarkScaleFactor: 10,
      pageCluster: 3,
      panicOnOom: 0,
      oomKillAllocatingTask: 0,
      oomDumpTasks: options.kernel === '2.6.32' ? 0 : 1,
      panicTimeout: 0,
      minFreeKbytes: 0,
      dirtyRatio: 20,
      dirtyBackgroundRatio: 10,
      maxMapCount: 65530,
      adminReserveKbytes: 0,
      userReserveKbytes: 0,
      stackGuardGap: 256,
      mmapMinAddr: 65536,
      dirtyBytes: 0,
      dirtyBackgroundBytes: 0,
      dirtyWritebackCentisecs: 500,
      dirtyExpireCentisecs: 3000,
      vfsCachePressure: 100,
    },
    sysctlTexts: new Map(),
    vmstat: mkVmstat(),
    stat: {
      user: 0,
      nice: 0,
      system: 0,
      idle: 0,
      iowait: 0,
      ctxt: 0,
      processes: 0,
    },
    loadavg: [0, 0, 0],
    users: new Map(
      before?.users ?? [
        [0, 'root'],
        [NOBODY_UID, 'nobody'],
      ],
    ),
    trace: before?.trace ?? mkTrace(),
    tlb: mkTlb(),
  }
  initMemory(m)
  initTree(m)
  announce(m)
  if (options.swap > 0) swapon(m, SWAP_DEVICE)
  startInit(m)
  m.disk.busyUntil = 0
  return m
}

function initMemory(m: Machine): void {
  const { zone, ram } = m
  const image = Math.ceil(ram.nrFrames * KERNEL_IMAGE_SHARE)
  m.zeroPfn = image - 1
  m.vdsoPfn = m.zeroPfn - unitPages(VDSO_UNITS, m.pageSize)
  freeBootMemory(zone, image + memmapPages(m))
  clearFrame(ram, m.zeroPfn)
  assert((zone.page.flags[m.zeroPfn] & PG_RESERVED) !== 0, 'the zero page is the kernel’s')
  m.totalramPages = zone.managedPages
  setupWatermarks(m, defaultMinFreeKbytes(m))
  setupPerCpuPages(m)
  const freeKb = zone.freePages * (m.pageSize / 1024)
  m.sysctl.adminReserveKbytes = Math.min(Math.floor(freeKb / 32), 8192)
  m.sysctl.userReserveKbytes = Math.min(Math.floor(freeKb / 32), 131072)
}

function initTree(m: Machine): void {
  const runtime = findRuntime(m.options)
  m.root = {
    ino: m.nextId++,
    dev: '08:01',
    mode: S_IFDIR | 0o755,
    uid: 0,
    gid: 0,
    nlink: 2,
    size: 0,
    mtime: 0,
    backing: 'dir',
    name: '/',
    image: '',
    pages: new Map(),
    mappings: new Map(),
    blocks: new Map(),
    swapped: new Map(),
    shadows: new Map(),
    dirtiedWhen: 0,
    entries: new Map(),
    accounted: 0,
    users: 0,
  }
  m.inodes.set(m.root.ino, m.root)
  for (const path of [
    '/bin',
    '/dev',
    '/home',
    '/mnt',
    '/proc',
    '/root',
    '/sbin',
    '/sys',
    '/usr',
    '/usr/bin',
    '/usr/lib',
    '/usr/sbin',
    '/var',
    '/var/log',
  ]) {
    mkdir(m, path, 0o755, ROOT)
  }
  makeFolder(m, runtime.folder)
  for (const path of ['/dev/shm', '/run', '/tmp']) mkdir(m, path, 0o777, ROOT)
  createDevice(m, '/dev/null', 'null')
  createDevice(m, '/dev/zero', 'zero')
  if (m.options.swap > 0) createPartition(m, SWAP_DEVICE)
  for (const image of IMAGES) addImage(m, image.path, imageFileSize(image, m.pageSize))
  for (const library of librariesOf(runtime))
    addImage(m, library.path, loadLibrary(library, m.pageSize).fileBytes)
}

/** With the folders that it lies in. */
function makeFolder(m: Machine, path: string): void {
  for (let end = path.indexOf('/', 1); end >= 0; end = path.indexOf('/', end + 1))
    mkdir(m, path.slice(0, end), 0o755, ROOT)
  mkdir(m, path, 0o755, ROOT)
}

function addImage(m: Machine, path: string, size: number): void {
  const inode = create(m, path, S_IFREG | 0o755, 'image', ROOT)
  assert(typeof inode !== 'number', 'a built-in program has its place')
  inode.size = size
  inode.image = path
}

function announce(m: Machine): void {
  const kb = (pages: number): number => (pages * m.pageSize) / 1024
  printk(m, procVersion().trimEnd(), 'notice')
  printk(m, `Command line: ${bootCommandLine(m)}`, 'info')
  printk(
    m,
    `Memory: ${kb(m.zone.freePages)}K/${kb(m.zone.presentPages)}K available ` +
      `(${kb(m.zone.presentPages - m.zone.managedPages)}K reserved)`,
    'info',
  )
}

function startInit(m: Machine): void {
  const init = newTask(m, null, 0, { kind: 'init' })
  assert(init !== null && init.pid === 1, 'init is the first task')
  assert(doExecve(m, init, '/sbin/init', ['/sbin/init'], { kind: 'init' }) === 0, 'init starts')
  startKthreads(m)
  m.lastPid = 299
  for (const path of ['/usr/sbin/syslogd', '/usr/sbin/cron', '/usr/sbin/sshd'])
    startDaemon(m, init, path)
}

function startDaemon(m: Machine, init: Task, path: string): void {
  const task = copyProcess(m, init, { kind: 'daemon' })
  assert(typeof task !== 'number', 'a daemon is forked')
  assert(doExecve(m, task, path, [path], { kind: 'daemon' }) === 0, 'a daemon starts')
  task.pgrp = task.pid
  task.session = task.pid
  if (path.endsWith('sshd')) {
    task.oomAdj = -17
    task.oomScoreAdj = -1000
    task.oomScoreAdjMin = -1000
    syslog(m, `sshd[${task.pid}]`, 'Server listening on 0.0.0.0 port 22.')
  }
  for (const one of [init, task]) {
    one.state = 'S'
    one.wait = { for: 'input' }
  }
}
