// System calls on what a process may use and has used: limits, priorities, rusage (kernel/sys.c).

import { EINVAL, EPERM, ESRCH } from '../lib/errno.ts'
import type { Machine } from '../state/machine.ts'
import { RLIM_INFINITY, RLIMITS, type RlimitName, type Task } from '../state/task.ts'
import { setNice } from '../kernel/nice.ts'
import { doPrlimit } from '../kernel/rlimit.ts'
import { mayKill } from '../kernel/signal.ts'
import { load32, store32, storePtr } from '../mm/uaccess.ts'
import { defineSyscall } from './define.ts'
import {
  PRIO,
  PRIO_PROCESS,
  RLIMIT,
  RUSAGE,
  RUSAGE_CHILDREN,
  RUSAGE_SELF,
  RUSAGE_THREAD,
} from './flags.ts'
import { arg, oneOf, out, peek64, peekLongs, showAddress, type Tracee } from './strace.ts'

// --- limits: two numbers of 64 bits on every machine -----------------------------------------------------------------

const TOP = 0x1_0000_0000_0000_0000n

/** `{rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}` */
function showRlimit(t: Tracee, va: number): string {
  if (va === 0) return 'NULL'
  const soft = peek64(t, va)
  const hard = peek64(t, va + 8)
  if (soft === null || hard === null) return showAddress(va)
  return `{rlim_cur=${showLimit(soft)}, rlim_max=${showLimit(hard)}}`
}

function showLimit(value: bigint): string {
  if (value === -1n) return 'RLIM64_INFINITY'
  const limit = value < 0n ? TOP + value : value
  return limit > 1024n && limit % 1024n === 0n ? `${limit / 1024n}*1024` : String(limit)
}

function loadLimit(m: Machine, task: Task, va: number): number {
  const low = load32(m, task, va) >>> 0
  const high = load32(m, task, va + 4) >>> 0
  const infinite = low === 0xffff_ffff && high === 0xffff_ffff
  return infinite ? RLIM_INFINITY : high * 0x1_0000_0000 + low
}

function storeLimit(m: Machine, task: Task, va: number, limit: number): void {
  store32(m, task, va, limit | 0)
  store32(m, task, va + 4, Math.floor(limit / 0x1_0000_0000) | 0)
}

export const prlimit64 = defineSyscall({
  nr: 302,
  i386: 340,
  name: 'prlimit64',
  args: {
    pid: 'pid_t',
    resource: oneOf('int', RLIMIT, 'RLIMIT_???'),
    new_limit: arg('const struct rlimit *', showRlimit),
    old_limit: out('struct rlimit *', showRlimit),
  },
  run(m, task, pid, resource, newLimit, oldLimit) {
    const name: RlimitName | undefined = RLIMITS[resource]
    if (name === undefined) return -EINVAL
    const wanted =
      newLimit === 0
        ? null
        : { soft: loadLimit(m, task, newLimit), hard: loadLimit(m, task, newLimit + 8) }
    const target = pid === 0 ? task : m.tasks.get(pid)
    if (target === undefined) return -ESRCH
    if (!mayKill(task, target)) return -EPERM
    const before = { ...target.rlimits[name] }
    const error = wanted === null ? 0 : doPrlimit(task, target, name, wanted)
    if (error < 0) return error
    if (oldLimit !== 0) {
      storeLimit(m, task, oldLimit, before.soft)
      storeLimit(m, task, oldLimit + 8, before.hard)
    }
    return 0
  },
})

// --- rusage ----------------------------------------------------------------------------------------------------------

interface Rusage {
  utime: number // instructions
  stime: number
  maxrss: number // KiB
  minflt: number
  majflt: number
  nvcsw: number
  nivcsw: number
}

/** `{ru_utime={tv_sec=0, tv_usec=0}, ru_stime={tv_sec=0, tv_usec=1705}, ...}` */
function showRusage(t: Tracee, va: number): string {
  const times = peekLongs(t, va, 4)
  if (times === null) return showAddress(va)
  const [sec, usec, systemSec, systemUsec] = times
  const stime = `{tv_sec=${systemSec}, tv_usec=${systemUsec}}`
  return `{ru_utime={tv_sec=${sec}, tv_usec=${usec}}, ru_stime=${stime}, ...}`
}

/** Of a wait that has found nobody there is nothing to show. */
export const childRusage = out('struct rusage *', (t, va, { result }) =>
  result === 0 ? showAddress(va) : showRusage(t, va),
)

/** What a task has used, its children not counted. */
function usageOf(m: Machine, task: Task): Rusage {
  return {
    utime: task.utime - task.stime,
    stime: task.stime,
    maxrss: ((task.mm?.hiwaterRss ?? 0) * m.pageSize) / 1024,
    minflt: task.minFlt,
    majflt: task.majFlt,
    nvcsw: task.nvcsw,
    nivcsw: task.nivcsw,
  }
}

/** What the children have used that it has waited for. */
function usageOfChildren(task: Task): Rusage {
  const { cutime, cstime, cminFlt, cmajFlt, cnvcsw, cnivcsw } = task
  return {
    utime: cutime - cstime,
    stime: cstime,
    maxrss: 0,
    minflt: cminFlt,
    majflt: cmajFlt,
    nvcsw: cnvcsw,
    nivcsw: cnivcsw,
  }
}

/** Stores what a child has used, with its own children: wait4's fourth argument. */
export function storeChildRusage(m: Machine, task: Task, va: number, child: Task): void {
  const own = usageOf(m, child)
  const below = usageOfChildren(child)
  const keys = Object.keys(own) as (keyof Rusage)[]
  for (const key of keys) own[key] += below[key]
  storeRusage(m, task, va, own)
}

/** struct rusage: two times, then maxrss, three that are always 0, minflt, majflt, seven more, nvcsw, nivcsw. */
function storeRusage(m: Machine, task: Task, va: number, usage: Rusage): void {
  const words = [
    ...timeval(m, usage.utime),
    ...timeval(m, usage.stime),
    usage.maxrss,
    ...[0, 0, 0],
    usage.minflt,
    usage.majflt,
    ...[0, 0, 0, 0, 0, 0],
    usage.nvcsw,
    usage.nivcsw,
  ]
  words.forEach((value, i) => storePtr(m, task, va + (i * m.layout.bits) / 8, value))
}

/** Seconds and microseconds. */
function timeval(m: Machine, instructions: number): [number, number] {
  const micros = Math.floor((instructions * 1_000_000) / m.options.speed)
  return [Math.floor(micros / 1_000_000), micros % 1_000_000]
}

export const getrusage = defineSyscall({
  nr: 98,
  i386: 77,
  name: 'getrusage',
  args: { who: oneOf('int', RUSAGE, 'RUSAGE_???'), usage: out('struct rusage *', showRusage) },
  run(m, task, who, usage) {
    if (who !== RUSAGE_SELF && who !== RUSAGE_CHILDREN && who !== RUSAGE_THREAD) return -EINVAL
    storeRusage(m, task, usage, who === RUSAGE_CHILDREN ? usageOfChildren(task) : usageOf(m, task))
    return 0
  },
})

// --- priorities ------------------------------------------------------------------------------------------------------

const whichPriority = oneOf('int', PRIO, 'PRIO_???')

export const setpriority = defineSyscall({
  nr: 141,
  i386: 97,
  name: 'setpriority',
  args: { which: whichPriority, who: 'int', prio: 'int' },
  run(m, task, which, who, prio) {
    if (which !== PRIO_PROCESS) return -EINVAL
    const target = who === 0 ? task : m.tasks.get(who)
    if (target === undefined) return -ESRCH
    return setNice(task, target, prio)
  },
})

export const getpriority = defineSyscall({
  nr: 140,
  i386: 96,
  name: 'getpriority',
  args: { which: whichPriority, who: 'int' },
  run(m, task, which, who) {
    if (which !== PRIO_PROCESS) return -EINVAL
    const target = who === 0 ? task : m.tasks.get(who)
    // The system call answers 20 - nice, so that it is never negative; the C library turns it round.
    return target === undefined ? -ESRCH : 20 - target.nice
  },
})
