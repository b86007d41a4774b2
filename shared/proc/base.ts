// The files of a process's directory: name, permissions, content (fs/proc/base.c tgid_base_stuff).

import { EACCES } from '../lib/errno.ts'
import { oomScore } from '../mm/oomKill.ts'
import { ORIGIN_POINTS } from '../mm/oomScore.ts'
import type { KernelEra, Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { procLimits } from './limits.ts'
import { procMaps } from './maps.ts'
import { oomAdj } from './oomAdj.ts'
import { procSmaps, procSmapsRollup } from './smaps.ts'
import { procStat, procStatm } from './stat.ts'
import { procStatus } from './status.ts'

export interface PidFile {
  name: string
  mode: number
  /** The eras whose kernels have the file; all unless given. */
  eras?: KernelEra[]
  /** `permitted`: the reader may look into the process as a debugger would. */
  show(m: Machine, task: Task, permitted: boolean): string | { errno: number }
}

/** Only for those who may look into the process. */
function guarded(name: string, show: (m: Machine, task: Task) => string): PidFile {
  return {
    name,
    mode: 0o444,
    show: (m, task, permitted) => (permitted ? show(m, task) : { errno: EACCES }),
  }
}

function open(name: string, show: PidFile['show'], mode = 0o444): PidFile {
  return { name, mode, show }
}

const PID_FILES: PidFile[] = [
  open('cmdline', (_, task) => procCmdline(task)),
  open('comm', (_, task) => task.comm + '\n'),
  open('limits', (_, task) => procLimits(task)),
  guarded('maps', procMaps),
  open('oom_adj', (m, task) => `${oomAdj(m, task)}\n`, 0o644),
  open('oom_score', (m, task) => `${procOomScore(m, task)}\n`),
  {
    ...open('oom_score_adj', (_, task) => `${task.oomScoreAdj}\n`, 0o644),
    eras: ['2.6.38', '6.12'],
  },
  guarded('smaps', procSmaps),
  guarded('smaps_rollup', procSmapsRollup),
  open('stat', procStat),
  open('statm', (m, task) => procStatm(m, task)),
  open('status', (m, task) => procStatus(m, task)),
  open('wchan', (_, task, permitted) => (permitted ? wchan(task) : '0')),
]

/** The files that a process has under the kernel of the machine's era. */
export function pidFiles({ era }: Machine): PidFile[] {
  return PID_FILES.filter(({ eras }) => eras === undefined || eras.includes(era))
}

/** A number, and ULONG_MAX for a process in swapoff(2) under 2.6.32. */
function procOomScore(m: Machine, task: Task): number | string {
  const score = oomScore(m, task)
  return score === ORIGIN_POINTS ? '18446744073709551615' : score
}

/** ptrace_may_access(): root, and the user whose process it is. */
export function mayAccess(task: Task, uid: number): boolean {
  return uid === 0 || uid === task.uid
}

/** The arguments, each ended by a zero byte; empty for kernel threads and zombies. */
function procCmdline({ mm, cmdline }: Task): string {
  return mm === null ? '' : cmdline.map((arg) => arg + '\0').join('')
}

/** The kernel function in which the task sleeps; without a newline, as the kernel has it. */
export function wchan({ state, wait }: Task): string {
  if (state === 'T') return 'do_signal_stop'
  if (state !== 'S' && state !== 'D') return '0'
  switch (wait.for) {
    case 'timer':
      return 'hrtimer_nanosleep'
    case 'child':
      return 'do_wait'
    case 'input':
    case 'output':
      return 'wait_woken'
    case 'disk':
      return 'folio_wait_bit_common'
    case 'kswapd':
      return 'kswapd'
    case 'nothing':
      return '0'
  }
}
