// Every process's score under the OOM killers of all eras side by side, with the arithmetic: plain data for a command
// and for panels. The functions are those that the killer itself uses.

import { mkOomContext } from '../mm/oomKill.ts'
import {
  badness,
  isUnkillable,
  rssOf,
  shownScore,
  type OomStep,
  type OomTask,
} from '../mm/oomScore.ts'
import { selectBadProcess, victimOf } from '../mm/oomVerdict.ts'
import { KERNEL_ERAS, type KernelEra, type Machine } from '../state/machine.ts'

export interface OomRank {
  era: KernelEra // whose killer is at work
  pageSize: number // bytes
  totalpages: number // RAM and swap
  rows: OomRow[] // in the order in which the killer looks at them
}

export interface OomRow {
  pid: number
  comm: string
  uid: number
  rss: number // pages, from here on
  swap: number
  tables: number
  totalVm: number
  oomAdj: number
  oomScoreAdj: number
  standings: Record<KernelEra, OomStanding>
}

/** How a process stands under one era's killer. */
export interface OomStanding {
  score: number // as /proc/PID/oom_score shows it
  points: number | null // null: it may not be chosen
  steps: OomStep[]
  fate: OomFate
}

export type OomFate =
  | 'exempt' // it may not be chosen
  | 'safe' // another one is
  | 'spared' // it would be chosen now, and a child would die in its place
  | 'next' // it would die now

export function oomRank(m: Machine): OomRank {
  const standings = KERNEL_ERAS.map((era) => standingsOf(m, era))
  const { tasks, totalpages } = mkOomContext(m, m.era, null)
  const rows = tasks
    .filter(({ pid }) => m.tasks.get(pid)!.mm !== null)
    .map((task) => ({
      pid: task.pid,
      comm: task.comm,
      uid: task.uid,
      rss: rssOf(task),
      swap: task.swapEnts,
      tables: task.pgtablesBytes / m.pageSize,
      totalVm: task.totalVm,
      oomAdj: task.oomAdj,
      oomScoreAdj: task.oomScoreAdj,
      standings: byEra((_, i) => standings[i].get(task.pid)!),
    }))
  return { era: m.era, pageSize: m.pageSize, totalpages, rows }
}

function byEra<T>(value: (era: KernelEra, i: number) => T): Record<KernelEra, T> {
  return Object.fromEntries(KERNEL_ERAS.map((era, i) => [era, value(era, i)])) as Record<
    KernelEra,
    T
  >
}

/** By pid. */
function standingsOf(m: Machine, era: KernelEra): Map<number, OomStanding> {
  const context = mkOomContext(m, era, null)
  const { chosen } = selectBadProcess(context)
  const victim = chosen === null ? null : victimOf(chosen, context)
  const fateOf = (task: OomTask, points: number | null): OomFate => {
    if (task === victim) return 'next'
    if (task === chosen) return 'spared'
    return points === null || isUnkillable(task) ? 'exempt' : 'safe'
  }
  const standings = new Map<number, OomStanding>()
  for (const task of context.tasks) {
    const steps: OomStep[] = []
    const points = badness(task, context, steps)
    const score = shownScore(points, context)
    standings.set(task.pid, { score, points, steps, fate: fateOf(task, points) })
  }
  return standings
}
