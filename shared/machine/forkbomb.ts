// forkbomb LIMIT: every process of it forks for ever, up to a limit of processes. Root's processes are not counted against
// RLIMIT_NPROC, so root's fork bomb becomes nobody first; a student's counts with all else that is the student's.

import { EAGAIN, ENOMEM, strerror } from '../lib/errno.ts'
import { doPrlimit } from '../kernel/rlimit.ts'
import { PAGE_FUEL, mustYield } from '../kernel/sched.ts'
import { NOBODY_UID, TICKS_PER_SECOND, type Machine } from '../state/machine.ts'
import type { Program, Task } from '../state/task.ts'
import { doSyscall } from '../syscall/table.ts'
import { usage, waitForTicks } from './userProgram.ts'

export interface ForkbombProgram extends Program {
  kind: 'forkbomb'
}

export const FORKBOMB_MAX = 500

export function startForkbomb(m: Machine, task: Task): void {
  const [limit = ''] = task.cmdline.slice(1)
  const processes = /^\d{1,4}$/.test(limit) ? Number(limit) : 0
  if (task.cmdline.length !== 2 || processes < 1 || processes > FORKBOMB_MAX)
    return usage(m, task, `usage: forkbomb LIMIT   processes at a time, from 1 to ${FORKBOMB_MAX}`)
  const { hard } = task.rlimits.nproc
  const soft = hard < 0 ? processes : Math.min(processes, hard)
  doPrlimit(task, task, 'nproc', { soft, hard: soft })
  if (task.uid === 0) doSyscall(m, task, 'setuid', [NOBODY_UID])
  task.program = { kind: 'forkbomb' } satisfies ForkbombProgram
}

/** Forks while it may; then tries again in a second. The child does the same. */
export function runForkbomb(m: Machine, task: Task, fuel: number): number {
  let used = 0
  while (used < fuel && !mustYield(m, task)) {
    const pid = doSyscall(m, task, 'fork', [])
    used += 4 * PAGE_FUEL
    if (pid === -EAGAIN || pid === -ENOMEM) return used + waitForTicks(m, task, TICKS_PER_SECOND)
    if (pid < 0) {
      usage(m, task, `forkbomb: fork: ${strerror(-pid)}`)
      return used
    }
  }
  return used
}
