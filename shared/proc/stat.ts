// /proc/PID/stat and statm: the same facts for programs to read (fs/proc/array.c do_task_stat, proc_pid_statm).

import { CLK_TCK, clockTicks } from '../state/cputime.ts'
import type { Machine } from '../state/machine.ts'
import { RLIM_INFINITY, type Task } from '../state/task.ts'
import { rssPages, textKb } from './status.ts'

const TTY_PTS = 136 // device major of /dev/pts/0 to 255

/** The number of the terminal /dev/pts/N of the task's seat; -1 for the machine's own tasks. */
export function ptsNumber(task: Task): number {
  return task.seat - 1
}

/** `permitted`: whether the reader may know addresses. */
export function procStat(m: Machine, task: Task, permitted: boolean): string {
  const { mm } = task
  const pts = ptsNumber(task)
  const address = (va: number) => (mm === null || !permitted ? 0 : va)
  const fields = [
    task.pid,
    `(${task.comm})`,
    task.state,
    task.parent?.pid ?? 0,
    task.pgrp,
    task.session,
    pts < 0 ? 0 : (pts & 0xff) | (TTY_PTS << 8) | ((pts & ~0xff) << 12),
    -1, // tpgid
    task.flags,
    task.minFlt,
    task.cminFlt,
    task.majFlt,
    task.cmajFlt,
    clockTicks(m, task.utime - task.stime),
    clockTicks(m, task.stime),
    clockTicks(m, task.cutime - task.cstime),
    clockTicks(m, task.cstime),
    20 + task.nice,
    task.nice,
    1, // threads
    0,
    task.startTime * (CLK_TCK / 20),
    mm === null ? 0 : mm.totalVm * m.pageSize,
    mm === null ? 0 : rssPages(mm),
    rssLimit(m, task),
    permitted ? address(mm?.startCode ?? 0) : mm === null ? 0 : 1,
    permitted ? address(mm?.endCode ?? 0) : mm === null ? 0 : 1,
    address(mm?.startStack ?? 0),
    0, // kstkesp
    0, // kstkeip
    task.pending >>> 0,
    0, // blocked
    task.ignored >>> 0,
    task.caught >>> 0,
    permitted && task.state !== 'R' ? 1 : 0, // wchan
    0,
    0,
    17, // exit_signal
    0, // processor
    0, // rt_priority
    0, // policy
    0,
    0,
    0,
    address(mm?.startData ?? 0),
    address(mm?.endData ?? 0),
    address(mm?.startBrk ?? 0),
    address(mm?.argStart ?? 0),
    address(mm?.argEnd ?? 0),
    address(mm?.argEnd ?? 0), // env_start
    address(mm?.argEnd ?? 0), // env_end
    permitted ? task.exitCode : 0,
  ]
  return fields.join(' ') + '\n'
}

/** Bytes; the largest number stands for none. */
function rssLimit(m: Machine, { rlimits }: Task): string {
  if (rlimits.rss.soft !== RLIM_INFINITY) return String(rlimits.rss.soft)
  return m.layout.bits === 64 ? '18446744073709551615' : '4294967295'
}

/** size resident shared text lib data dt, in pages. */
export function procStatm(m: Machine, { mm }: Task): string {
  if (mm === null) return '0 0 0 0 0 0 0\n'
  const text = (textKb(m, mm) * 1024) / m.pageSize
  const shared = mm.rssFile + mm.rssShmem
  return `${mm.totalVm} ${rssPages(mm)} ${shared} ${text} 0 ${mm.dataVm + mm.stackVm} 0\n`
}
