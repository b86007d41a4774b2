// Who dies when memory is out, and what is said: the decision of three kernels over plain records (out_of_memory,
// select_bad_process and oom_kill_process in mm/oom_kill.c). Nothing is done here.
//
//            of equals   the chosen one's death                        with it die
//   2.6.32   the first   its first child with memory of its own, if any   nobody
//   2.6.38   the first   its worst child, if any                          who shares the victim's memory
//   6.12     the last    its own                                          who shares it, or a whole memory cgroup

import { assert } from '../lib/assert.ts'
import {
  badness,
  isUnkillable,
  OOM_DISABLE,
  OOM_SCORE_ADJ_MIN,
  ORIGIN_POINTS,
  type OomScale,
  type OomTask,
} from './oomScore.ts'

/** What was short: the whole machine, the nodes of a memory policy, or a memory cgroup. */
export type OomConstraint = 'CONSTRAINT_NONE' | 'CONSTRAINT_MEMORY_POLICY' | 'CONSTRAINT_MEMCG'

/** One call of the OOM killer. */
export interface OomContext extends OomScale {
  current: OomTask | null // who wanted memory; null: a kernel thread
  sysrq: boolean // SysRq f asked for it, memory is not short
  constraint: OomConstraint
  memcg: string // path of the cgroup that is short; '/' for the whole machine
  oomGroups: string[] // cgroups with memory.oom.group set
  panicOnOom: number
  oomKillAllocatingTask: number
}

export interface OomVerdict {
  wait: boolean // one that was chosen before is still dying: nobody else is, now
  report: boolean // the long report comes first
  remark: string // a line behind it
  panic: string // the kernel's last words; '' if it goes on
  message: string // what stands before the colon of the line that names the dead
  chosen: OomTask | null // null: nobody
  score: number // of the chosen one, as 2.6.32 and 2.6.38 print it
  victim: OomTask | null // who dies: the chosen one or a child
  group: string // the cgroup that dies as a whole; '' for none
  killed: OomTask[] // a `Killed process` line each, in this order
  died: OomTask[] // those, and those who share memory with one of them, each once
}

export interface Choice {
  chosen: OomTask | null
  points: number
  wait: boolean // one that was chosen before is still dying
}

/** Decides one call. */
export function oomVerdict(context: OomContext): OomVerdict {
  switch (context.era) {
    case '2.6.32':
      return verdict2632(context)
    case '2.6.38':
      return verdict2638(context)
    case '6.12':
      return verdict612(context)
  }
}

/** Goes through the task list for the worst. */
export function selectBadProcess(context: OomContext): Choice {
  switch (context.era) {
    case '2.6.32':
      return select2632(context)
    case '2.6.38':
      return select2638(context)
    case '6.12':
      return select612(context)
  }
}

/** Who dies if this one is chosen; null: it cannot be killed, nor can a child of its. */
export function victimOf(chosen: OomTask, context: OomContext): OomTask | null {
  switch (context.era) {
    case '2.6.32':
      return firstChildOrSelf(chosen)
    case '2.6.38':
      return worstChildOrSelf(chosen, context)
    case '6.12':
      return chosen
  }
}

// --- 2.6.32 ----------------------------------------------------------------------------------------------------------

/** A panic comes without a report, SysRq f is no exception, and a memory cgroup's shortage never a reason. */
function verdict2632(context: OomContext): OomVerdict {
  const { current, constraint, panicOnOom, oomKillAllocatingTask } = context
  if (constraint === 'CONSTRAINT_MEMCG') return memcgVerdict2632(context)
  if (panicOnOom === 2)
    return panicked('out of memory. Compulsory panic_on_oom is selected.', false)
  if (constraint === 'CONSTRAINT_MEMORY_POLICY' && current !== null) {
    return killed(context, current, 0, 'No available memory (MPOL_BIND)') ?? nobody(true)
  }
  if (constraint === 'CONSTRAINT_NONE') {
    if (panicOnOom !== 0) return panicked('out of memory. panic_on_oom is selected', false)
    if (oomKillAllocatingTask !== 0 && current !== null) {
      const verdict = killed(context, current, 0, ALLOCATING_TASK)
      if (verdict !== null) return verdict
    }
  }
  const { chosen, points, wait } = select2632(context)
  if (wait) return { ...nobody(false), wait }
  if (chosen === null) return panicked('Out of memory and no killable processes...', false)
  return killed(context, chosen, points, 'Out of memory') ?? nobody(true)
}

/** Nobody left: who asks has to go. */
function memcgVerdict2632(context: OomContext): OomVerdict {
  const { chosen, points, wait } = select2632(context)
  if (wait) return { ...nobody(false), wait }
  const task = chosen ?? context.current
  return (task && killed(context, task, points, messageOf(context.constraint))) ?? nobody(true)
}

/** Of equals the first; who scores 0 may be chosen as long as nobody is. */
function select2632(context: OomContext): Choice {
  let chosen: OomTask | null = null
  let most = 0
  for (const task of context.tasks) {
    if (isUnkillable(task)) continue
    if (task.victim) return WAIT
    if (task.exiting) {
      if (task !== context.current) return WAIT
      chosen = task
      most = ORIGIN_POINTS
    }
    const points = badness(task, context)
    if (points === null || (points <= most && chosen !== null)) continue
    chosen = task
    most = points
  }
  return { chosen, points: most, wait: false }
}

function firstChildOrSelf(chosen: OomTask): OomTask | null {
  const mayDie = (task: OomTask) => !isUnkillable(task) && task.oomAdj !== OOM_DISABLE
  const child = chosen.children.find((one) => one.mm !== chosen.mm && mayDie(one))
  return child ?? (mayDie(chosen) ? chosen : null)
}

// --- 2.6.38 ----------------------------------------------------------------------------------------------------------

function verdict2638(context: OomContext): OomVerdict {
  const { current, constraint } = context
  const panic = panicOnOom(context)
  if (panic !== null) return panic
  if (constraint !== 'CONSTRAINT_MEMCG' && context.oomKillAllocatingTask !== 0) {
    if (current !== null && badness(current, context) !== null)
      return killed(context, current, 0, ALLOCATING_TASK)!
  }
  const { chosen, points, wait } = select2638(context)
  if (wait) return { ...nobody(false), wait }
  if (chosen !== null) return killed(context, chosen, points, messageOf(constraint))!
  if (constraint === 'CONSTRAINT_MEMCG') return nobody(false)
  return panicked('Out of memory and no killable processes...', true)
}

/** Of equals the first. */
function select2638(context: OomContext): Choice {
  let chosen: OomTask | null = null
  let most = 0
  for (const task of context.tasks) {
    if (isUnkillable(task)) continue
    if (task.victim) return WAIT
    if (task.exiting) {
      if (task !== context.current) return WAIT
      chosen = task
      most = 1000
    }
    const points = badness(task, context) ?? 0
    if (points <= most) continue
    chosen = task
    most = points
  }
  return { chosen, points: most, wait: false }
}

/** Also a child that shares the chosen one's memory: only 2.6.39 leaves it out. */
function worstChildOrSelf(chosen: OomTask, context: OomContext): OomTask {
  let victim = chosen
  let most = 0
  for (const child of chosen.children) {
    const points = badness(child, context) ?? 0
    if (points <= most) continue
    victim = child
    most = points
  }
  return victim
}

// --- 6.12 ------------------------------------------------------------------------------------------------------------

function verdict612(context: OomContext): OomVerdict {
  const { current, constraint, sysrq } = context
  const panic = sysrq ? null : panicOnOom(context)
  if (panic !== null) return panic
  if (constraint !== 'CONSTRAINT_MEMCG' && context.oomKillAllocatingTask !== 0) {
    if (current !== null && !isUnkillable(current) && current.oomScoreAdj !== OOM_SCORE_ADJ_MIN)
      return killed(context, current, 0, ALLOCATING_TASK)!
  }
  const { chosen, points, wait } = select612(context)
  if (wait) return { ...nobody(false), wait }
  if (chosen !== null) return killed(context, chosen, points, messageOf(constraint))!
  const deadlocked = !sysrq && constraint !== 'CONSTRAINT_MEMCG'
  return {
    ...nobody(true),
    remark: 'Out of memory and no killable processes...',
    panic: deadlocked ? 'System is deadlocked on memory' : '',
  }
}

/** Of equals the last; points may be below zero. */
function select612(context: OomContext): Choice {
  let chosen: OomTask | null = null
  let most = 0
  for (const task of context.tasks) {
    if (isUnkillable(task)) continue
    if (task.victim && !context.sysrq) {
      if (task.reaped) continue
      return WAIT
    }
    const points = task.origin ? ORIGIN_POINTS : badness(task, context)
    if (points === null || (chosen !== null && points < most)) continue
    chosen = task
    most = points
  }
  return { chosen, points: most, wait: false }
}

/** The highest cgroup, from the victim's up to the one that is short, that wants to die as a whole; '' for none. */
function oomGroupOf(victim: OomTask, { memcg, oomGroups }: OomContext): string {
  let group = ''
  for (let path = victim.memcg; isInside(path, memcg); path = parentOf(path)) {
    if (oomGroups.includes(path)) group = path
    if (path === memcg || path === '/') break
  }
  return group
}

export function isInside(path: string, memcg: string): boolean {
  return memcg === '/' || path === memcg || path.startsWith(memcg + '/')
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

// --- verdicts --------------------------------------------------------------------------------------------------------

const ALLOCATING_TASK = 'Out of memory (oom_kill_allocating_task)'
const WAIT: Choice = { chosen: null, points: 0, wait: true }

/** 1: only if the whole machine is short; 2: always. */
function panicOnOom({ panicOnOom, constraint }: OomContext): OomVerdict | null {
  if (panicOnOom === 0 || (panicOnOom !== 2 && constraint !== 'CONSTRAINT_NONE')) return null
  const kind = panicOnOom === 2 ? 'compulsory' : 'system-wide'
  return panicked(`Out of memory: ${kind} panic_on_oom is enabled`, true)
}

function messageOf(constraint: OomConstraint): string {
  return constraint === 'CONSTRAINT_MEMCG' ? 'Memory cgroup out of memory' : 'Out of memory'
}

function nobody(report: boolean): OomVerdict {
  return {
    wait: false,
    report,
    remark: '',
    panic: '',
    message: '',
    chosen: null,
    score: 0,
    victim: null,
    group: '',
    killed: [],
    died: [],
  }
}

function panicked(panic: string, report: boolean): OomVerdict {
  return { ...nobody(report), panic }
}

/** The chosen one's end; null if neither it nor a child can be killed. */
function killed(
  context: OomContext,
  chosen: OomTask,
  score: number,
  message: string,
): OomVerdict | null {
  const { era, tasks } = context
  const victim = victimOf(chosen, context)
  if (victim === null) return null
  const group = era === '6.12' ? oomGroupOf(victim, context) : ''
  const lines = [victim]
  if (group !== '') lines.push(...tasks.filter((task) => isInGroup(task, group)))
  const spaces = new Set(lines.map(({ mm }) => mm))
  assert(!spaces.has(0), 'who is killed has memory')
  const died =
    era === '2.6.32' ? [victim] : tasks.filter(({ mm, tgid }) => spaces.has(mm) && tgid !== 1)
  return { ...nobody(true), message, chosen, score, victim, group, killed: lines, died }
}

/** Of a cgroup that dies as a whole only those go free who may never be chosen. */
function isInGroup(task: OomTask, group: string): boolean {
  if (isUnkillable(task) || task.oomScoreAdj === OOM_SCORE_ADJ_MIN) return false
  return isInside(task.memcg, group)
}
