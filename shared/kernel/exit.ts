// The end of a process: memory goes at once, the zombie stays until its parent has asked (kernel/exit.c).

import { ECHILD } from '../lib/errno.ts'
import type { Machine } from '../state/machine.ts'
import { SIGCHLD, type Task } from '../state/task.ts'
import { sigMask } from '../mm/oomKill.ts'
import { putInode } from '../mm/shmem.ts'
import { kmemCacheFree } from '../mm/slab.ts'
import { emit } from '../trace/trace.ts'
import { mmPut } from './fork.ts'
import { sendSignal } from './signal.ts'
import { detachStream } from './stream.ts'
import { freeTask } from './task.ts'

const EXITS_KEEP = 256
const reapers = ['init', 'daemon', 'shell']

/** Ends the task; `status` as wait4 tells it: exit code << 8, or the signal. */
export function doExit(m: Machine, task: Task, status: number): void {
  emit(m.trace, m.ticks, task.pid, 'sched_process_exit', { comm: task.comm, status })
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
  sendSignal(m, parent, SIGCHLD)
  if (parent.wait.for === 'child' && parent.state === 'S') parent.state = 'R'
}

/** The parent has heard of it: the zombie is gone. */
function release(m: Machine, parent: Task, task: Task): void {
  parent.cutime += task.utime + task.cutime
  parent.cstime += task.stime + task.cstime
  parent.cminFlt += task.minFlt + task.cminFlt
  parent.cmajFlt += task.majFlt + task.cmajFlt
  parent.children.splice(parent.children.indexOf(task), 1)
  task.parent = null
  freeTask(m, task)
}

/** A zombie child as wait4 wants it (-1: any), taken; null: one may still come; -ECHILD: there is none. */
export function waitForChild(
  m: Machine,
  parent: Task,
  pid: number,
): { pid: number; status: number } | null | number {
  let candidates = 0
  for (const child of parent.children) {
    if (pid > 0 && child.pid !== pid) continue
    candidates++
    if (child.state !== 'Z') continue
    release(m, parent, child)
    parent.pending &= ~sigMask(SIGCHLD)
    return { pid: child.pid, status: child.exitCode }
  }
  return candidates === 0 ? -ECHILD : null
}
