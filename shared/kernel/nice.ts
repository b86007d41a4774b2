// Nice values: who may set them to what (set_one_prio, kernel/sys.c; can_nice, kernel/sched).

import { EACCES, EPERM } from '../lib/errno.ts'
import type { Task } from '../state/task.ts'

export const MIN_NICE = -20
export const MAX_NICE = 19

/** setpriority(2) by `actor`: 0 or -errno. Being nicer is free; the other way takes root, or a limit that allows it. */
export function setNice(actor: Task, task: Task, wanted: number): number {
  const nice = Math.max(MIN_NICE, Math.min(MAX_NICE, wanted))
  if (actor.uid !== 0 && actor.uid !== task.uid) return -EPERM
  const allowed = MAX_NICE + 1 - actor.rlimits.nice.soft
  if (nice < task.nice && nice < allowed && actor.uid !== 0) return -EACCES
  task.nice = nice
  return 0
}
