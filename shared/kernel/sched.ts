// Who runs: in each tick the task that has had least runs for a slice, until the tick's fuel is used up
// (kernel/sched/fair.c, without the trees). A task's share follows from its nice value.

import { USER_FAULT } from '../mm/uaccess.ts'
import { sigMask } from '../mm/oomKill.ts'
import { flusherTick } from '../mm/writeback.ts'
import { fuelAt, machineUs } from '../state/clock.ts'
import { TICK_MS, type Machine } from '../state/machine.ts'
import { dequeueSleepers } from '../state/runqueue.ts'
import { SIGKILL, type Task } from '../state/task.ts'
import { emit } from '../trace/trace.ts'
import { accountIdle, accountSlice } from './cputime.ts'
import { doExit } from './exit.ts'
import { calcGlobalLoad } from './loadavg.ts'
import { isStalled, psiAccount, psiTick } from './psi.ts'
import { isKthread } from './kthread.ts'
import { getSignal } from './signal.ts'
import { refillStreams, sweepStreams } from './stream.ts'
import { taskPrio } from './task.ts'

/** Bytes that are touched, cleared or copied for the price of an instruction. */
const BYTES_PER_FUEL = 8

/** What that costs, in instructions. */
export function bytesFuel(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_FUEL)
}

/** What a page of 4 KiB costs, and a call that does much. */
export const PAGE_FUEL = 4096 / BYTES_PER_FUEL

/** Executes the task's program for at most about `fuel` instructions; returns what it used. May throw USER_FAULT. */
export type RunProgram = (m: Machine, task: Task, fuel: number) => number

// kernel/sched/core.c: a nice level is a tenth of the CPU.
const NICE_0_WEIGHT = 1024
const weights = [
  88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
  3906, 3121, 2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87,
  70, 56, 45, 36, 29, 23, 18, 15,
]
const MIN_SLICE = 2000

/** One tick of machine time. */
export function tick(m: Machine, fuel: number, run: RunProgram): void {
  m.ticks++
  m.tickFuel = fuel
  m.tickUsed = 0
  dequeueSleepers(m)
  sweepStreams(m)
  refillStreams(m)
  wakeSleepers(m)
  calcGlobalLoad(m)
  while (m.tickUsed < fuel && m.panic === '') {
    const { next: task, runnable, stalled } = pickNext(m)
    if (task === null) {
      idle(m, nextDiskWake(m))
      continue
    }
    contextSwitch(m, task)
    const share = Math.max(MIN_SLICE, Math.floor(fuel / runnable))
    const slice = Math.min(fuel - m.tickUsed, share)
    const used = runSlice(m, task, slice, run)
    if (stalled || isStalled(m, task)) psiAccount(m, usOf(m, used), task)
    m.tickUsed += used
  }
  m.tickFuel = 0
  m.tickUsed = 0
  flusherTick(m)
  psiTick(m)
  actOnSignals(m)
  dequeueSleepers(m)
}

/** Nobody can run: the clock goes on to that share of the tick's fuel. */
function idle(m: Machine, until: number): void {
  contextSwitch(m, null)
  psiAccount(m, usOf(m, until - m.tickUsed), null)
  accountIdle(m, until - m.tickUsed)
  m.tickUsed = until
}

/** µs of machine time in which that much fuel is used. */
function usOf(m: Machine, fuel: number): number {
  return Math.floor((fuel / m.tickFuel) * TICK_MS * 1000)
}

/** How much of the tick's fuel is used when the disk has something for the next task; all of it if that is later. */
function nextDiskWake(m: Machine): number {
  let earliest = Infinity
  for (const task of m.runqueue)
    if (task.state === 'D' && task.wait.for === 'disk')
      earliest = Math.min(earliest, task.wait.until)
  return earliest === Infinity ? m.tickFuel : Math.max(fuelAt(m, earliest), m.tickUsed + 1)
}

/** Whether time must go on: somebody runs, sleeps on a timer or waits to write, or the machine will boot itself. */
export function wantsTicks(m: Machine): boolean {
  if (m.panic !== '') return m.rebootAt >= 0
  for (const task of m.runqueue) {
    if (task.state === 'R' || task.state === 'D') return true
    if (task.state === 'S' && (task.wait.for === 'timer' || task.wait.for === 'output')) return true
  }
  return false
}

function wakeSleepers(m: Machine): void {
  for (const task of m.runqueue) {
    if (task.state !== 'S') continue
    const { wait } = task
    if (wait.for === 'output' || (wait.for === 'timer' && wait.until <= m.ticks)) task.state = 'R'
  }
}

/**
 * Whoever has had least, and how many could run; whether somebody waits for memory. Tasks go on whose pages the disk has
 * brought. Who has just woken starts level with the others and gets nothing for the time it slept.
 *
 * A class that types at once makes this the hottest loop of the machine: it is the only one of a slice.
 */
function pickNext(m: Machine): { next: Task | null; runnable: number; stalled: boolean } {
  const now = machineUs(m)
  const { minVruntime } = m
  let next: Task | null = null
  let runnable = 0
  let stalled = false
  for (const task of m.runqueue) {
    if (task.state === 'D') {
      if (task.wait.for !== 'disk' || task.wait.until > now) {
        stalled ||= task.memstall
        continue
      }
      task.state = 'R'
      task.memstall = false
    }
    if (task.state !== 'R') continue
    runnable++
    if (task.vruntime < minVruntime) task.vruntime = minVruntime
    if (next === null || comesBefore(task, next)) next = task
  }
  if (next !== null) m.minVruntime = next.vruntime
  return { next, runnable, stalled }
}

function comesBefore(a: Task, b: Task): boolean {
  return a.vruntime < b.vruntime || (a.vruntime === b.vruntime && a.pid < b.pid)
}

/** What going from one task to another costs; so a tick is a bounded number of slices. */
const SWITCH_FUEL = 100

/** Runs one slice; returns the fuel that it took. */
function runSlice(m: Machine, task: Task, slice: number, run: RunProgram): number {
  m.current = task
  m.needResched = false
  const faults = m.vmstat.pgfault
  let used = Math.min(task.debt, slice)
  task.debt -= used
  if (!actOnSignal(m, task) && used < slice) {
    task.wait = { for: 'nothing' }
    used += runUntilFault(m, task, slice - used, run)
    actOnSignal(m, task)
  }
  if (used > slice) task.debt += used - slice
  waitForIo(task)
  used = Math.min(Math.max(used, SWITCH_FUEL), slice)
  const system = Math.min(used, (m.vmstat.pgfault - faults) * PAGE_FUEL)
  accountSlice(m, task, used, isKthread(task) ? used : system)
  task.vruntime += Math.ceil((used * NICE_0_WEIGHT) / weights[task.nice + 20])
  m.current = null
  return used
}

/** What the task has asked the disk for is not there yet: it sleeps, and no signal but SIGKILL wakes it. */
function waitForIo(task: Task): void {
  if (task.ioUntil > 0 && task.state === 'R') {
    task.state = 'D'
    task.wait = { for: 'disk', until: task.ioUntil }
  } else if (task.debt === 0) task.memstall = false
  task.ioUntil = 0
}

/** Whether the running program should stop at the next instruction, with fuel left: it sleeps, or others come first. */
export function mustYield(m: Machine, task: Task): boolean {
  return task.ioUntil > 0 || m.needResched
}

function runUntilFault(m: Machine, task: Task, fuel: number, run: RunProgram): number {
  try {
    return run(m, task, fuel)
  } catch (thrown) {
    if (thrown !== USER_FAULT) throw thrown
    return Math.min(fuel, PAGE_FUEL)
  }
}

/** Another task gets the CPU; null: the idle one. Whoever could have gone on has been preempted. */
function contextSwitch(m: Machine, next: Task | null): void {
  const prev = m.onCpu
  if (prev === next) return
  if (prev !== null) {
    if (prev.state === 'R') prev.nivcsw++
    else if (prev.state !== 'Z') prev.nvcsw++
  }
  m.onCpu = next
  m.stat.ctxt++
  if (!m.trace.on.sched_switch) return
  emit(m.trace, m.ticks, prev?.pid ?? 0, 'sched_switch', {
    prev_comm: prev?.comm ?? IDLE_COMM,
    prev_pid: prev?.pid ?? 0,
    prev_prio: prev === null ? IDLE_PRIO : taskPrio(prev),
    prev_state: prev === null ? 'R' : prev.state === 'R' ? 'R+' : prev.state,
    next_comm: next?.comm ?? IDLE_COMM,
    next_pid: next?.pid ?? 0,
    next_prio: next === null ? IDLE_PRIO : taskPrio(next),
  })
}

const IDLE_COMM = 'swapper/0'
const IDLE_PRIO = 120

/** Lets pending signals end or stop whom they are for, without waiting for a tick. Who can't go on leaves the CPU. */
export function actOnSignals(m: Machine): void {
  for (const task of m.runqueue) if (task.pending !== 0) actOnSignal(m, task)
  if (m.onCpu !== null && m.onCpu.state !== 'R') contextSwitch(m, null)
}

/** True if the task runs no further. After a panic nobody does, and nobody dies: what was in memory stays to be seen. */
function actOnSignal(m: Machine, task: Task): boolean {
  if (m.panic !== '') return true
  if (task.state === 'Z') return true
  if (task.pending === 0) return task.state === 'T'
  if (task.state === 'T' && (task.pending & sigMask(SIGKILL)) === 0) return true
  const action = getSignal(m, task)
  if (action.kind === 'none') return false
  if (action.kind === 'stop') {
    task.state = 'T'
    return true
  }
  doExit(m, task, action.status)
  return true
}
