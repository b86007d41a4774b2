// When memory is out: a process is chosen and ended by the rules of the machine's era (mm/oom_kill.c). The rules are in
// oomScore.ts and oomVerdict.ts, the texts in oomReport.ts; here the machine's tasks are told to them, and what they say
// is done.
//
// The victim's memory is taken at once: the allocation that failed then goes on, and the victim dies when the kernel
// gets to its signals. In 6.12 the reaper would do that a moment later, in 2.6.x the victim itself.

import { TICKS_PER_SECOND, type KernelEra, type Machine } from '../state/machine.ts'
import { cpuClockTicks } from '../state/cputime.ts'
import { panic } from '../state/panic.ts'
import { printk } from '../state/printk.ts'
import { ratelimit } from '../state/ratelimit.ts'
import { wakeUp } from '../state/runqueue.ts'
import { SI_KERNEL, SIGKILL, type Task } from '../state/task.ts'
import { TRACE_SIGNAL_DELIVERED } from '../trace/events.ts'
import { emit } from '../trace/trace.ts'
import { mkSigInfo, traceSignal } from './siginfo.ts'
import { exitMmap } from './mmap.ts'
import {
  chosenLine,
  dumpHeader,
  killedLine,
  oomKillLine,
  sharingLine,
  type Asker,
  type Gfp,
  type Killed,
  type OomKill,
} from './oomReport.ts'
import { badness, shownScore, type OomScale, type OomStep, type OomTask } from './oomScore.ts'
import {
  oomVerdict,
  selectBadProcess,
  victimOf,
  type OomContext,
  type OomVerdict,
} from './oomVerdict.ts'
import { totalSwapPages } from './swapfile.ts'

/** What scores are measured against: RAM and swap, in pages. */
export function oomTotalpages(m: Machine): number {
  return m.totalramPages + totalSwapPages(m)
}

// --- the machine's tasks as records ----------------------------------------------------------------------------------

/** Every process as the killer of that era sees it, in the order of the task list. */
export function oomTasks(m: Machine, era: KernelEra): OomTask[] {
  const records = new Map<Task, OomTask>()
  for (const task of m.tasks.values()) records.set(task, mkOomTask(m, task, era))
  for (const [task, record] of records)
    for (const child of task.children) record.children.push(records.get(child)!)
  return [...records.values()]
}

/** The children are left to the caller. */
function mkOomTask(m: Machine, task: Task, era: KernelEra): OomTask {
  const { pid, comm, uid, nice, mm, oomAdj, oomScoreAdj } = task
  const reaped = mm?.oomSkip === true
  // Before there was a reaper, who had lost its memory had done so on its way out.
  const gone = mm === null || (reaped && era !== '6.12')
  return {
    pid,
    tgid: pid,
    comm,
    uid,
    root: uid === 0,
    nice,
    mm: gone ? 0 : mm.id,
    totalVm: mm?.totalVm ?? 0,
    rssAnon: mm?.rssAnon ?? 0,
    rssFile: mm?.rssFile ?? 0,
    rssShmem: mm?.rssShmem ?? 0,
    swapEnts: mm?.swapEnts ?? 0,
    pgtablesBytes: (mm?.pageTables ?? 0) * m.pageSize,
    oomAdj,
    oomScoreAdj,
    cpuTicks: cpuClockTicks(m, task),
    startTime: Math.floor(task.startTime / TICKS_PER_SECOND),
    children: [],
    memcg: '/',
    inVfork: false,
    origin: task.oomOrigin,
    victim: task.oomVictim,
    reaped,
    exiting: false,
    foreignNodes: false,
  }
}

function mkScale(m: Machine, era: KernelEra, tasks: OomTask[]): OomScale {
  return {
    era,
    tasks,
    totalpages: oomTotalpages(m),
    pageSize: m.pageSize,
    uptime: Math.floor(m.ticks / TICKS_PER_SECOND),
  }
}

/** What the killer of that era would be told now. `current` wants memory; null: nobody, SysRq f. */
export function mkOomContext(m: Machine, era: KernelEra, current: Task | null): OomContext {
  const tasks = oomTasks(m, era)
  return {
    ...mkScale(m, era, tasks),
    current: tasks.find(({ tgid }) => tgid === current?.pid) ?? null,
    sysrq: current === null,
    constraint: 'CONSTRAINT_NONE',
    memcg: '/',
    oomGroups: [],
    panicOnOom: m.sysctl.panicOnOom,
    oomKillAllocatingTask: m.sysctl.oomKillAllocatingTask,
  }
}

// --- scores ----------------------------------------------------------------------------------------------------------

/** The task's points by the rules of an era, null if it may not be chosen. `steps` takes the arithmetic. */
export function oomBadness(
  m: Machine,
  task: Task,
  era: KernelEra = m.era,
  steps: OomStep[] = [],
): number | null {
  const record = mkOomTask(m, task, era)
  record.children = task.children.map((child) => mkOomTask(m, child, era))
  return badness(record, mkScale(m, era, [record]), steps)
}

/** /proc/PID/oom_score. */
export function oomScore(m: Machine, task: Task, era: KernelEra = m.era): number {
  return shownScore(oomBadness(m, task, era), mkScale(m, era, []))
}

/** Who would die now, had the machine's killer to choose; null if nobody may be chosen. */
export function nextVictim(m: Machine, era: KernelEra = m.era): Task | null {
  const context = mkOomContext(m, era, null)
  const { chosen } = selectBadProcess(context)
  const victim = chosen === null ? null : victimOf(chosen, context)
  return victim === null ? null : m.tasks.get(victim.tgid)!
}

// --- the killer ------------------------------------------------------------------------------------------------------

/**
 * Makes memory free by ending a process. False: nobody could be chosen, and the kernel has panicked. `order` -1: SysRq f
 * asked for it, memory is not short.
 */
export function outOfMemory(m: Machine, order: number): boolean {
  const sysrq = order === -1
  const current = sysrq ? null : (m.current ?? m.tasks.get(1)!)
  if (current !== null && m.era !== '2.6.32' && (current.pending & sigMask(SIGKILL)) !== 0) {
    // It is about to die and give back what it has: let it.
    current.oomVictim = true
    return true
  }
  const context = mkOomContext(m, m.era, current)
  const verdict = oomVerdict(context)
  if (verdict.wait) {
    for (const task of m.tasks.values()) if (task.oomVictim) reapMm(m, task)
    return true
  }
  const asker = current ?? kernelThread(m.era)
  report(m, asker, gfpOf(m.era, order), context, verdict)
  for (const { tgid } of verdict.died) kill(m, m.tasks.get(tgid)!)
  if (verdict.victim !== null) markVictim(m, verdict.victim, asker.pid)
  if (verdict.panic !== '') panic(m, verdict.panic)
  return verdict.victim !== null
}

/** The call's lines in the system log. */
function report(
  m: Machine,
  asker: Asker,
  gfp: Gfp,
  { tasks }: OomContext,
  verdict: OomVerdict,
): void {
  const { era } = m
  const { message, chosen, victim } = verdict
  // Only 2.6.32 shows init, too.
  const rows = tasks.filter(({ mm, tgid }) => mm !== 0 && (tgid !== 1 || era === '2.6.32'))
  if (chosen === null || victim === null) {
    if (verdict.report) dumpHeader(m, asker, gfp, rows)
    if (verdict.remark !== '') printk(m, verdict.remark)
    return
  }
  const caller = era === '2.6.32' ? '__ratelimit' : 'oom_kill_process'
  if (ratelimit(m, m.oomReports, caller)) {
    dumpHeader(m, asker, gfp, rows)
    if (era === '6.12') printk(m, oomKillLine(summary(victim)), 'info')
  }
  if (era !== '6.12') printk(m, chosenLine(era, message, chosen, verdict.score), 'err')
  printk(m, killedLine(era, obituary(m, victim, message)), 'err')
  if (era !== '2.6.38') return
  for (const task of verdict.died) if (task !== victim) printk(m, sharingLine(task), 'err')
}

function summary({ comm, pid, uid }: OomTask): OomKill {
  return {
    constraint: 'CONSTRAINT_NONE',
    nodemask: '(null)',
    cpuset: '/',
    memsAllowed: '0',
    oomMemcg: null,
    taskMemcg: '/',
    task: comm,
    pid,
    uid,
  }
}

function obituary(m: Machine, task: OomTask, message: string): Killed {
  const kb = (pages: number): number => (pages * m.pageSize) / 1024
  return {
    message,
    pid: task.pid,
    comm: task.comm,
    totalVmKb: kb(task.totalVm),
    anonRssKb: kb(task.rssAnon),
    fileRssKb: kb(task.rssFile),
    shmemRssKb: kb(task.rssShmem),
    uid: task.uid,
    pgtablesKb: task.pgtablesBytes / 1024,
    oomScoreAdj: task.oomScoreAdj,
  }
}

/** The allocation as the era names it: an anonymous page, or what SysRq f pretends to want. */
function gfpOf(era: KernelEra, order: number): Gfp {
  const sysrq = order === -1
  if (era !== '6.12')
    return { mask: sysrq ? '0xd0' : '0x280da', flags: '', order: sysrq ? 0 : order }
  if (sysrq) return { mask: '0xcc0', flags: 'GFP_KERNEL', order }
  return { mask: '0x140dca', flags: 'GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO', order }
}

/** Who does SysRq f's work. The kernel's own threads are not shown on this machine. */
function kernelThread(era: KernelEra): Asker {
  const comm = era === '2.6.32' ? 'events/0' : 'kworker/0:0'
  return { comm, pid: 9, uid: 0, oomAdj: 0, oomScoreAdj: 0 }
}

function kill(m: Machine, task: Task): void {
  task.pending |= sigMask(SIGKILL)
  traceSignal(m, task, SIGKILL, mkSigInfo(SI_KERNEL), TRACE_SIGNAL_DELIVERED)
  if (task.state !== 'Z') wakeUp(m, task)
  reapMm(m, task)
}

/** Takes the memory of one that is to die; not of who is running, which dies of itself in a moment. */
function reapMm(m: Machine, { mm }: Task): void {
  if (mm === null || mm === m.current?.mm || mm.oomSkip) return
  exitMmap(m, mm)
  mm.oomSkip = true
}

function markVictim(m: Machine, victim: OomTask, asker: number): void {
  m.tasks.get(victim.tgid)!.oomVictim = true
  m.vmstat.oom_kill++
  if (!m.trace.on.mark_victim) return
  const killed = obituary(m, victim, '')
  emit(m.trace, m.ticks, asker, 'mark_victim', {
    pid: killed.pid,
    comm: killed.comm,
    total_vm: killed.totalVmKb,
    anon_rss: killed.anonRssKb,
    file_rss: killed.fileRssKb,
    shmem_rss: killed.shmemRssKb,
    uid: killed.uid,
    pgtables: killed.pgtablesKb,
    oom_score_adj: killed.oomScoreAdj,
  })
}

/** The bit of a signal in a set. */
export function sigMask(signal: number): number {
  return 1 << (signal - 1)
}
