// The run queue: the tasks that somebody has to think of in a tick, among thousands that sleep until they are typed to.
// On it is who can run, waits for the disk, a timer or room in its stream, or has a signal pending.
//
// Who gets something to do is put on it at once. Who has nothing any more is taken off when a tick begins or ends, so
// that loops over it may go on while tasks fall asleep. Its order means nothing.

import type { Machine } from './machine.ts'
import type { Task } from './task.ts'

/** The task has something to do. */
export function enqueueTask(m: Machine, task: Task): void {
  if (task.onRq) return
  task.onRq = true
  m.runqueue.push(task)
}

/** The task can run (try_to_wake_up). */
export function wakeUp(m: Machine, task: Task): void {
  task.state = 'R'
  enqueueTask(m, task)
}

/** Takes those off who have nothing to do. */
export function dequeueSleepers({ runqueue }: Machine): void {
  let kept = 0
  for (const task of runqueue) {
    task.onRq = isOccupied(task)
    if (task.onRq) runqueue[kept++] = task
  }
  runqueue.length = kept
}

/** Whether the scheduler must think of the task. */
export function isOccupied({ state, wait, pending }: Task): boolean {
  if (state === 'R' || state === 'D') return true
  if (state === 'Z') return false
  if (pending !== 0) return true
  return state === 'S' && (wait.for === 'timer' || wait.for === 'output')
}
