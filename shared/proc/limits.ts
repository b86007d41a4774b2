// /proc/PID/limits (proc_pid_limits, fs/proc/base.c).

import { RLIM_INFINITY, RLIMITS, type RlimitName, type Task } from '../state/task.ts'

const NAMES: Record<RlimitName, [name: string, unit: string]> = {
  cpu: ['Max cpu time', 'seconds'],
  fsize: ['Max file size', 'bytes'],
  data: ['Max data size', 'bytes'],
  stack: ['Max stack size', 'bytes'],
  core: ['Max core file size', 'bytes'],
  rss: ['Max resident set', 'bytes'],
  nproc: ['Max processes', 'processes'],
  nofile: ['Max open files', 'files'],
  memlock: ['Max locked memory', 'bytes'],
  as: ['Max address space', 'bytes'],
  locks: ['Max file locks', 'locks'],
  sigpending: ['Max pending signals', 'signals'],
  msgqueue: ['Max msgqueue size', 'bytes'],
  nice: ['Max nice priority', ''],
  rtprio: ['Max realtime priority', ''],
  rttime: ['Max realtime timeout', 'us'],
}

export function procLimits({ rlimits }: Task): string {
  let text = row('Limit', 'Soft Limit', 'Hard Limit', 'Units')
  for (const limit of RLIMITS) {
    const [name, unit] = NAMES[limit]
    const { soft, hard } = rlimits[limit]
    text += row(name, value(soft), value(hard), unit)
  }
  return text
}

function value(limit: number): string {
  return limit === RLIM_INFINITY ? 'unlimited' : String(limit)
}

function row(name: string, soft: string, hard: string, unit: string): string {
  const end = unit === '' ? '' : unit.padEnd(10)
  return `${name.padEnd(25)} ${soft.padEnd(20)} ${hard.padEnd(20)} ${end}\n`
}
