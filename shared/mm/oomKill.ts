// When memory is out: choose a process and end it (mm/oom_kill.c, 6.12).
//
//   points = rss + swap + page tables          in pages, shared pages in full for everyone who maps them
//          + oom_score_adj * (totalpages / 1000)
//
// The highest loses; of equals the last in the task list. Nothing else counts: not the user, not the age, not who asked.
//
// Here the victim's memory is taken at once, as the kernel's reaper would do a moment later: the allocation that failed
// then goes on. The victim itself dies when the kernel gets to its signals.

import type { Machine } from '../state/machine.ts'
import { printk } from '../state/printk.ts'
import { SI_KERNEL, SIGKILL, type Task } from '../state/task.ts'
import { TRACE_SIGNAL_DELIVERED } from '../trace/events.ts'
import { emit } from '../trace/trace.ts'
import { mkSigInfo, traceSignal } from './siginfo.ts'
import { exitMmap } from './mmap.ts'
import { dumpHeader, killedLine, oomKillLine } from './oomReport.ts'
import { totalSwapPages } from './swapfile.ts'

export const OOM_SCORE_ADJ_MIN = -1000
export const OOM_SCORE_ADJ_MAX = 1000

/** What scores are measured against: RAM and swap, in pages. */
export function oomTotalpages(m: Machine): number {
  return m.totalramPages + totalSwapPages(m)
}

/** The task's points, null if it may not be chosen. Negative is possible. */
export function oomBadness(m: Machine, task: Task): number | null {
  const { mm } = task
  if (task.pid === 1 || mm === null || mm.oomSkip || task.oomScoreAdj === OOM_SCORE_ADJ_MIN)
    return null
  const points = mm.rssAnon + mm.rssFile + mm.rssShmem + mm.swapEnts + mm.pageTables
  return points + task.oomScoreAdj * Math.floor(oomTotalpages(m) / 1000)
}

/** /proc/PID/oom_score: 0 if it may not be chosen, 667 for next to nothing, at most 2000. */
export function oomScore(m: Machine, task: Task): number {
  const points = oomBadness(m, task)
  if (points === null) return 0
  return Math.trunc(((1000 + Math.trunc((points * 1000) / oomTotalpages(m))) * 2) / 3)
}

/** The worst of all; null if nobody may be chosen. */
export function selectBadProcess(m: Machine): Task | null {
  let chosen: Task | null = null
  let chosenPoints = 0
  for (const task of m.tasks.values()) {
    const points = oomBadness(m, task)
    if (points === null || (chosen !== null && points < chosenPoints)) continue
    chosen = task
    chosenPoints = points
  }
  return chosen
}

/**
 * Makes memory free by ending a process. False: nobody could be chosen and the kernel has panicked. `order` -1: SysRq f
 * asked for it, memory is not short.
 */
export function outOfMemory(m: Machine, order: number): boolean {
  const { current } = m
  if (current !== null && (current.pending & sigMask(SIGKILL)) !== 0) {
    // It is about to die and give back what it has: let it.
    current.oomVictim = true
    return true
  }
  const asker = current ?? m.tasks.get(1)!
  const sysrq = order === -1
  if (m.sysctl.panicOnOom !== 0 && !sysrq) {
    dumpHeader(m, asker, order, oomTasks(m))
    const kind = m.sysctl.panicOnOom === 2 ? 'compulsory' : 'system-wide'
    panic(m, `Out of memory: ${kind} panic_on_oom is enabled`)
    return false
  }
  if (
    m.sysctl.oomKillAllocatingTask !== 0 &&
    !sysrq &&
    current !== null &&
    oomBadness(m, current) !== null
  ) {
    oomKillProcess(m, current, asker, order, 'Out of memory (oom_kill_allocating_task)')
    return true
  }
  const victim = selectBadProcess(m)
  if (victim === null) {
    dumpHeader(m, asker, order, oomTasks(m))
    printk(m, 'Out of memory and no killable processes...')
    if (!sysrq) panic(m, 'System is deadlocked on memory')
    return false
  }
  oomKillProcess(m, victim, asker, order, sysrq ? 'Out of memory (SysRq)' : 'Out of memory')
  return true
}

function oomKillProcess(
  m: Machine,
  victim: Task,
  asker: Task,
  order: number,
  message: string,
): void {
  dumpHeader(m, asker, order, oomTasks(m))
  printk(m, oomKillLine(victim, '0'))
  printk(m, killedLine(m, victim, message))
  m.vmstat.oom_kill++
  traceVictim(m, asker, victim)
  for (const task of m.tasks.values()) {
    if (task.mm === null || task.mm !== victim.mm) continue
    task.pending |= sigMask(SIGKILL)
    traceSignal(m, task, SIGKILL, mkSigInfo(SI_KERNEL), TRACE_SIGNAL_DELIVERED)
    task.oomVictim = true
    if (task.state !== 'Z') task.state = 'R'
  }
  if (victim !== m.current) reapMm(m, victim)
}

function traceVictim(m: Machine, asker: Task, victim: Task): void {
  if (!m.trace.on.mark_victim) return
  const { pid, comm, uid } = victim
  const mm = victim.mm!
  const kb = (pages: number) => (pages * m.pageSize) / 1024
  emit(m.trace, m.ticks, asker.pid, 'mark_victim', {
    pid,
    comm,
    total_vm: kb(mm.totalVm),
    anon_rss: kb(mm.rssAnon),
    file_rss: kb(mm.rssFile),
    shmem_rss: kb(mm.rssShmem),
    uid,
    pgtables: kb(mm.pageTables),
    oom_score_adj: victim.oomScoreAdj,
  })
}

/** Takes the memory of a process that is to die and is not running. */
function reapMm(m: Machine, victim: Task): void {
  exitMmap(m, victim.mm!)
  victim.mm!.oomSkip = true
}

/** Who stands in the report's table: every process with memory, in the order in which they are looked at. */
function oomTasks(m: Machine): Task[] {
  return [...m.tasks.values()].filter((task) => task.mm !== null && task.pid !== 1)
}

export function panic(m: Machine, text: string): void {
  m.panic = text
  printk(m, `Kernel panic - not syncing: ${text}`)
}

/** The bit of a signal in a set. */
export function sigMask(signal: number): number {
  return 1 << (signal - 1)
}
