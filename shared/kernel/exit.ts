// The end of a process: memory goes at once, the zombie stays until its parent has asked (kernel/exit.c).

import { ECHILD } from '../lib/errno.ts'
import { clockTicks } from '../state/cputime.ts'
import type { Machine } from '../state/machine.ts'
import { wakeUp } from '../state/runqueue.ts'
import { CLD_DUMPED, CLD_EXITED, CLD_KILLED, SIGCHLD, type Task } from '../state/task.ts'
import { sigMask } from '../mm/oomKill.ts'
import { putInode } from '../mm/shmem.ts'
import { kmemCacheFree } from '../mm/slab.ts'
import type { SigInfo } from '../trace/events.ts'
import { emit } from '../trace/trace.ts'
import { mmPut } from './fork.ts'
import { sendSignal, WCOREFLAG } from './signal.ts'
import { detachStream } from './stream.ts'
import { freeTask, taskPrio } from './task.ts'

const EXITS_KEEP = 256
const reapers = ['init', 'daemon', 'shell']

/** Ends the task; `status` as wait4 tells it: exit code << 8, or the signal. */
export function doExit(m: Machine, task: Task, status: number): void {
  if (m.trace.on.sched_process_exit) {
    const { comm, pid } = task
    emit(m.trace, m.ticks, pid, 'sched_process_exit', { comm, pid, prio: taskPrio(task), status })
  }
  exitMm(m, task)
  exitFiles(m, task)
  detachStream(task)
  reparentChildren(m, task)
  task.state = 'Z'
  task.exitCode = status
  task.pending = 0
  task.call = null
  task.wait = { for: 'nothing' }
  m.exits.push({ handle: task.handle, pid: task.pid, comm: task.comm, status })
  if (m.exits.length > EXITS_KEEP) m.exits.shift()
  notifyParent(m, task)
}

function exitMm(m: Machine, task: Task): void {
  const { mm } = task
  task.mm = null
  if (mm !== null) mmPut(m, mm)
}

function exitFiles(m: Machine, task: Task): void {
  for (let fd = 0; fd < task.files.length; fd++) closeFile(m, task, fd)
  task.files.length = 0
}

/** Drops the descriptor; the last one closes the file. */
export function closeFile(m: Machine, task: Task, fd: number): void {
  const file = task.files[fd] ?? null
  if (file === null) return
  task.files[fd] = null
  if (--file.count > 0) return
  file.inode.users--
  kmemCacheFree(m, 'filp')
  putInode(m, file.inode)
}

/** Orphans become init's children. */
function reparentChildren(m: Machine, task: Task): void {
  const init = m.tasks.get(1)!
  for (const child of task.children) {
    child.parent = init
    init.children.push(child)
    if (child.state === 'Z') notifyParent(m, child)
  }
  task.children = []
}

/** SIGCHLD; a parent that waits wakes, one that reaps everything by itself (init, a daemon, a login shell) does so now. */
function notifyParent(m: Machine, task: Task): void {
  const { parent } = task
  if (parent === null) return
  if (reapers.includes(parent.program.kind)) {
    release(m, parent, task)
    return
  }
  sendSignal(m, parent, SIGCHLD, childInfo(m, task))
  if (parent.wait.for === 'child' && parent.state === 'S') wakeUp(m, parent)
}

/** What SIGCHLD says of the child. */
function childInfo(m: Machine, { pid, uid, exitCode, utime }: Task): SigInfo {
  const signal = exitCode & 0x7f
  const code = signal === 0 ? CLD_EXITED : (exitCode & WCOREFLAG) !== 0 ? CLD_DUMPED : CLD_KILLED
  const status = signal === 0 ? exitCode >> 8 : signal
  return { code, pid, uid, address: 0, status, utime: clockTicks(m, utime) }
}

/** The parent has heard of it: the zombie is gone. */
function release(m: Machine, parent: Task, task: Task): void {
  parent.cutime += task.utime + task.cutime
  parent.cstime += task.stime + task.cstime
  parent.cminFlt += task.minFlt + task.cminFlt
  parent.cmajFlt += task.majFlt + task.cmajFlt
  parent.cnvcsw += task.nvcsw + task.cnvcsw
  parent.cnivcsw += task.nivcsw + task.cnivcsw
  parent.children.splice(parent.children.indexOf(task), 1)
  task.parent = null
  freeTask(m, task)
}

/** A zombie child as wait4 wants it (-1: any), taken; null: one may still come; -ECHILD: there is none. */
export function waitForChild(m: Machine, parent: Task, pid: number): Task | null | number {
  let candidates = 0
  for (const child of parent.children) {
    if (pid > 0 && child.pid !== pid) continue
    candidates++
    if (child.state !== 'Z') continue
    release(m, parent, child)
    parent.pending &= ~sigMask(SIGCHLD)
    return child
  }
  return candidates === 0 ? -ECHILD : null
}
