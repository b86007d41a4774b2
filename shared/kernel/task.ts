// Making and finding tasks: pids, handles, the parts every new task has.

import { NO_PFN, PG_STACK } from '../state/page.ts'
import type { Pfn } from '../hw/ram.ts'
import type { Machine } from '../state/machine.ts'
import {
  PF_FORKNOEXEC,
  RLIM_INFINITY,
  RLIMITS,
  type Program,
  type Rlimits,
  type Task,
} from '../state/task.ts'
import { enqueueTask } from '../state/runqueue.ts'
import { allocPage, putPage } from '../mm/pageAlloc.ts'
import { kmemCacheAlloc, kmemCacheFree } from '../mm/slab.ts'

export const PID_MAX = 32768
const RESERVED_PIDS = 300
const KERNEL_STACK_BYTES = 16384

/** As init has them (INIT_RLIMITS, include/asm-generic/resource.h). */
export function defaultRlimits(m: Machine): Rlimits {
  const unlimited = () => ({ soft: RLIM_INFINITY, hard: RLIM_INFINITY })
  const both = (value: number) => ({ soft: value, hard: value })
  const processes = Math.floor(maxThreads(m) / 2)
  return {
    cpu: unlimited(),
    fsize: unlimited(),
    data: unlimited(),
    stack: { soft: 8 << 20, hard: RLIM_INFINITY },
    core: { soft: 0, hard: RLIM_INFINITY },
    rss: unlimited(),
    nproc: both(processes),
    nofile: { soft: 1024, hard: 4096 },
    memlock: both(8 << 20),
    as: unlimited(),
    locks: unlimited(),
    sigpending: both(processes),
    msgqueue: both(819200),
    nice: both(0),
    rtprio: both(0),
    rttime: unlimited(),
  }
}

/** As many as fill an eighth of RAM with their kernel stacks (set_max_threads, kernel/fork.c). */
export function maxThreads(m: Machine): number {
  return Math.max(Math.floor((m.totalramPages * m.pageSize) / (KERNEL_STACK_BYTES * 8)), 20)
}

/** The next free pid, round and round (alloc_pid). */
export function allocPid(m: Machine): number {
  for (let tries = 0; tries < PID_MAX; tries++) {
    m.lastPid++
    if (m.lastPid >= PID_MAX) m.lastPid = RESERVED_PIDS
    if (!m.tasks.has(m.lastPid)) return m.lastPid
  }
  return -1
}

/** The next handle of a seat. */
function allocHandle(m: Machine, seat: number): string {
  const birth = (m.births.get(seat) ?? 0) + 1
  m.births.set(seat, birth)
  return `${seat}.${birth}`
}

/** A new task as a copy of `parent` in all that fork hands down but memory; null when there is no memory or no pid. */
export function newTask(
  m: Machine,
  parent: Task | null,
  seat: number,
  program: Program,
): Task | null {
  if (!kmemCacheAlloc(m, 'task_struct')) return null
  const kernelStack = allocKernelStack(m)
  const pid = kernelStack === null ? -1 : allocPid(m)
  if (kernelStack === null || pid < 0) {
    for (const pfn of kernelStack ?? []) putPage(m, pfn)
    kmemCacheFree(m, 'task_struct')
    return null
  }
  const task: Task = {
    pid,
    handle: allocHandle(m, seat),
    seat,
    comm: parent?.comm ?? 'swapper',
    cmdline: parent?.cmdline.slice() ?? [],
    environ: parent?.environ.slice() ?? [],
    state: 'R',
    wait: { for: 'nothing' },
    parent,
    children: [],
    pgrp: parent?.pgrp ?? pid,
    session: parent?.session ?? pid,
    exitCode: 0,
    uid: parent?.uid ?? 0,
    gid: parent?.gid ?? 0,
    nice: parent?.nice ?? 0,
    flags: PF_FORKNOEXEC,
    pending: 0,
    caught: parent?.caught ?? 0,
    ignored: parent?.ignored ?? 0,
    faultAddress: 0,
    faultCode: 0,
    mm: null,
    program,
    stdout: null,
    cwd: parent?.cwd ?? m.root,
    cwdPath: parent?.cwdPath ?? '/',
    fdSize: m.layout.bits, // NR_OPEN_DEFAULT
    files: [],
    rlimits: copyRlimits(parent?.rlimits ?? defaultRlimits(m)),
    oomAdj: parent?.oomAdj ?? 0,
    oomScoreAdj: parent?.oomScoreAdj ?? 0,
    oomScoreAdjMin: parent?.oomScoreAdjMin ?? 0,
    oomOrigin: false,
    oomVictim: false,
    kernelStack,
    startTime: m.ticks,
    utime: 0,
    stime: 0,
    cutime: 0,
    cstime: 0,
    onRq: false,
    vruntime: m.minVruntime,
    debt: 0,
    ioUntil: 0,
    memstall: false,
    minFlt: 0,
    majFlt: 0,
    cminFlt: 0,
    cmajFlt: 0,
    cnvcsw: 0,
    cnivcsw: 0,
    nvcsw: 0,
    nivcsw: 0,
    call: null,
  }
  m.tasks.set(pid, task)
  m.handles.set(task.handle, task)
  enqueueTask(m, task)
  parent?.children.push(task)
  return task
}

function copyRlimits(limits: Rlimits): Rlimits {
  const copy = { ...limits }
  for (const name of RLIMITS) copy[name] = { ...limits[name] }
  return copy
}

/** The task is gone for good: zombie no longer. */
export function freeTask(m: Machine, task: Task): void {
  m.tasks.delete(task.pid)
  m.handles.delete(task.handle)
  task.state = 'Z' // a fork that failed has left it on the run queue: it must not run
  for (const pfn of task.kernelStack) putPage(m, pfn)
  kmemCacheFree(m, 'task_struct')
}

/** 16 KiB in single frames (CONFIG_VMAP_STACK): a new task needs no block of neighbours. null: no memory. */
function allocKernelStack(m: Machine): Pfn[] | null {
  const frames: Pfn[] = []
  while (frames.length * m.pageSize < KERNEL_STACK_BYTES) {
    const pfn = allocPage(m, PG_STACK, 0)
    if (pfn === NO_PFN) {
      for (const taken of frames) putPage(m, taken)
      return null
    }
    frames.push(pfn)
  }
  return frames
}

/** Plain data, copied all the way down; for programs at fork. */
export function copyProgram(program: Program): Program {
  return copyPlain(program) as Program
}

// Depth: that of the programs' own records, which their definitions bound.
function copyPlain(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(copyPlain)
  if (value instanceof Map)
    return new Map([...value].map(([key, entry]) => [key, copyPlain(entry)]))
  if (value instanceof Uint8Array || value instanceof Int32Array || value instanceof Float64Array)
    return value.slice()
  const copy: Record<string, unknown> = {}
  for (const [key, entry] of Object.entries(value)) copy[key] = copyPlain(entry)
  return copy
}

/** The priority as the kernel shows it: 100 to 139 by nice value. */
export function taskPrio({ nice }: Task): number {
  return 120 + nice
}
