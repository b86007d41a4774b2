// Resource limits: who may set them to what (do_prlimit, kernel/sys.c).

import { EINVAL, EPERM } from '../lib/errno.ts'
import { RLIM_INFINITY, type Rlimit, type RlimitName, type Task } from '../state/task.ts'

const NR_OPEN = 1048576

/** prlimit(2) by `actor`: 0 or -errno. The hard limit goes down for everyone, up for root only. */
export function doPrlimit(actor: Task, task: Task, name: RlimitName, wanted: Rlimit): number {
  const limit = task.rlimits[name]
  if (wanted.soft < RLIM_INFINITY || wanted.hard < RLIM_INFINITY) return -EINVAL
  if (size(wanted.soft) > size(wanted.hard)) return -EINVAL
  if (name === 'nofile' && size(wanted.hard) > NR_OPEN) return -EPERM
  if (actor.uid !== 0 && (actor.uid !== task.uid || size(wanted.hard) > size(limit.hard)))
    return -EPERM
  limit.soft = wanted.soft
  limit.hard = wanted.hard
  return 0
}

/** For comparing: no limit is more than any. */
function size(value: number): number {
  return value === RLIM_INFINITY ? Infinity : value
}
