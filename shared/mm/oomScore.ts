// How bad a process is when memory is out: the arithmetic of three kernels over plain records (mm/oom_kill.c). The
// machine makes the records of its tasks, `oomroom trace oom` makes them of recordings.
//
//   2.6.32  badness()      all that is mapped, and half of what its children have mapped; less for CPU time, age and
//                          root; oom_adj shifts it
//   2.6.38  oom_badness()  thousandths of RAM and swap that are held; 30 less for root; plus oom_score_adj
//   6.12    oom_badness()  pages that are held, page tables included; plus oom_score_adj thousandths of RAM and swap
//
// All numbers are whole, and each division cuts off before the next step, as in the kernel. Page tables count from
// 2.6.39 on: 2.6.38, which lies between, does not have them.

import { intSqrt } from '../lib/bits.ts'
import type { KernelEra } from '../state/machine.ts'

export const OOM_SCORE_ADJ_MIN = -1000
export const OOM_SCORE_ADJ_MAX = 1000
export const OOM_DISABLE = -17
export const OOM_ADJUST_MIN = -16
export const OOM_ADJUST_MAX = 15

/** HZ is 100, as in /proc/PID/stat: 2^7 ticks are about a second (include/linux/jiffies.h). */
const SHIFT_HZ = 7

/** ULONG_MAX, and one: what a process in swapoff(2) gets, more than anybody can have. */
export const ORIGIN_POINTS = 2 ** 64
const ORIGIN_PROMILLE = 1000
const ROOT_BONUS_PROMILLE = 30

/** A process as the OOM killer sees it. */
export interface OomTask {
  pid: number // of the thread that still has the memory
  tgid: number // of the process; differs if the first thread has ended
  comm: string
  uid: number
  root: boolean // has the capabilities of root
  nice: number
  mm: number // which address space; who has the same number shares it; 0: none
  totalVm: number // pages, from here on
  rssAnon: number
  rssFile: number
  rssShmem: number
  swapEnts: number
  pgtablesBytes: number
  oomAdj: number // -17, -16 to 15
  oomScoreAdj: number // -1000 to 1000
  cpuTicks: number // user and system time, hundredths of a second
  startTime: number // seconds since boot
  children: OomTask[] // oldest first
  memcg: string // path of its memory cgroup
  inVfork: boolean // runs in its parent's memory until it executes something
  origin: boolean // in swapoff(2)
  victim: boolean // TIF_MEMDIE: chosen before, and not gone yet
  reaped: boolean // MMF_OOM_SKIP: its memory has been taken
  exiting: boolean // PF_EXITING: on its way out, still with its memory
  foreignNodes: boolean // may use none of the memory nodes that the allocating task may use
}

/** What the scores are measured against. */
export interface OomScale {
  era: KernelEra
  tasks: OomTask[] // all, in the order of the task list
  totalpages: number // RAM and swap that the allocation could have had
  pageSize: number // bytes
  uptime: number // seconds
}

export type OomTerm =
  | 'origin'
  | 'total_vm'
  | 'children'
  | 'cpu_time'
  | 'run_time'
  | 'nice'
  | 'admin'
  | 'rawio'
  | 'nodes'
  | 'oom_adj'
  | 'rss'
  | 'swap'
  | 'pgtables'
  | 'promille'
  | 'oom_score_adj'
  | 'limit'

/** One step of the arithmetic: what was looked at, its value, and the points after it. */
export interface OomStep {
  term: OomTerm
  value: number
  points: number
}

export function rssOf({ rssAnon, rssFile, rssShmem }: OomTask): number {
  return rssAnon + rssFile + rssShmem
}

/** The points of a process, null if it may not be chosen. `steps` takes the arithmetic. */
export function badness(task: OomTask, scale: OomScale, steps: OomStep[] = []): number | null {
  switch (scale.era) {
    case '2.6.32':
      return badness2632(task, scale, steps)
    case '2.6.38':
      return badness2638(task, scale, steps)
    case '6.12':
      return badness612(task, scale, steps)
  }
}

/** What /proc/PID/oom_score shows of the points. */
export function shownScore(points: number | null, { era, totalpages }: OomScale): number {
  if (points === null) return 0
  if (era !== '6.12') return points
  return Math.trunc(((1000 + Math.trunc((points * 1000) / totalpages)) * 2) / 3)
}

function badness2632(task: OomTask, { uptime }: OomScale, steps: OomStep[]): number | null {
  if (task.oomAdj === OOM_DISABLE || task.mm === 0) return null
  const then = stepper(steps)
  let points = then('total_vm', task.totalVm, task.totalVm)
  if (task.origin) return then('origin', 1, ORIGIN_POINTS)

  const theirs = childrensHalf(task)
  if (theirs > 0) points = then('children', theirs, points + theirs)
  const cpuTime = intSqrt(Math.floor(task.cpuTicks / 2 ** (SHIFT_HZ + 3)))
  if (cpuTime > 0) points = then('cpu_time', cpuTime, Math.floor(points / cpuTime))
  const age = Math.max(0, uptime - task.startTime)
  const runTime = intSqrt(intSqrt(Math.floor(age / 1024)))
  if (runTime > 0) points = then('run_time', runTime, Math.floor(points / runTime))
  if (task.nice > 0) points = then('nice', 2, points * 2)
  if (task.root) {
    points = then('admin', 4, Math.floor(points / 4))
    points = then('rawio', 4, Math.floor(points / 4))
  }
  if (task.foreignNodes) points = then('nodes', 8, Math.floor(points / 8))
  if (task.oomAdj > 0) points = Math.max(points, 1)
  if (task.oomAdj !== 0)
    points = then('oom_adj', task.oomAdj, Math.floor(points * 2 ** task.oomAdj))
  return points
}

/** Half of what each child with memory of its own has mapped, and one. */
function childrensHalf({ mm, children }: OomTask): number {
  let sum = 0
  for (const child of children)
    if (child.mm !== 0 && child.mm !== mm) sum += Math.floor(child.totalVm / 2) + 1
  return sum
}

function badness2638(task: OomTask, scale: OomScale, steps: OomStep[]): number | null {
  if (isUnkillable(task) || isDisabled(task, scale)) return null
  const then = stepper(steps)
  if (task.origin) return then('origin', 1, ORIGIN_PROMILLE)

  let points = then('rss', rssOf(task), rssOf(task))
  points = then('swap', task.swapEnts, points + task.swapEnts)
  const totalpages = Math.max(scale.totalpages, 1)
  points = then('promille', totalpages, Math.floor((points * 1000) / totalpages))
  if (task.root) points = then('admin', ROOT_BONUS_PROMILLE, points - ROOT_BONUS_PROMILLE)
  points = then('oom_score_adj', task.oomScoreAdj, points + task.oomScoreAdj)
  if (points <= 0) return then('limit', 1, 1)
  return points < 1000 ? points : then('limit', 1000, 1000)
}

/** -1000 of one protects all who share its memory. */
function isDisabled({ mm }: OomTask, { tasks }: OomScale): boolean {
  return tasks.some((other) => other.mm === mm && other.oomScoreAdj === OOM_SCORE_ADJ_MIN)
}

function badness612(task: OomTask, scale: OomScale, steps: OomStep[]): number | null {
  if (isUnkillable(task) || task.oomScoreAdj === OOM_SCORE_ADJ_MIN) return null
  if (task.reaped || task.inVfork) return null
  const then = stepper(steps)
  const tables = Math.floor(task.pgtablesBytes / scale.pageSize)
  const thousandth = Math.floor(scale.totalpages / 1000)
  let points = then('rss', rssOf(task), rssOf(task))
  points = then('swap', task.swapEnts, points + task.swapEnts)
  points = then('pgtables', tables, points + tables)
  return then('oom_score_adj', task.oomScoreAdj, points + task.oomScoreAdj * thousandth)
}

/** init, and who has no memory. */
export function isUnkillable({ tgid, mm }: OomTask): boolean {
  return tgid === 1 || mm === 0
}

/** Notes a step and hands on the points after it. */
function stepper(steps: OomStep[]): (term: OomTerm, value: number, points: number) => number {
  return (term, value, points) => {
    steps.push({ term, value, points })
    return points
  }
}
