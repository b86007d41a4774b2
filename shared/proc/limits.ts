// /proc/PID/limits (fs/proc/base.c proc_pid_limits). What this kernel does not limit shows as on a common machine.

import { RLIM_INFINITY, type Rlimit, type Task } from '../state/task.ts'

const UNLIMITED: Rlimit = { soft: RLIM_INFINITY, hard: RLIM_INFINITY }
const same = (value: number): Rlimit => ({ soft: value, hard: value })

export function procLimits({ rlimits }: Task): string {
  return (
    row('Limit', 'Soft Limit', 'Hard Limit', 'Units') +
    limit('Max cpu time', UNLIMITED, 'seconds') +
    limit('Max file size', UNLIMITED, 'bytes') +
    limit('Max data size', rlimits.data, 'bytes') +
    limit('Max stack size', rlimits.stack, 'bytes') +
    limit('Max core file size', { soft: 0, hard: RLIM_INFINITY }, 'bytes') +
    limit('Max resident set', UNLIMITED, 'bytes') +
    limit('Max processes', rlimits.nproc, 'processes') +
    limit('Max open files', { soft: 1024, hard: 4096 }, 'files') +
    limit('Max locked memory', rlimits.memlock, 'bytes') +
    limit('Max address space', rlimits.as, 'bytes') +
    limit('Max file locks', UNLIMITED, 'locks') +
    limit('Max pending signals', rlimits.nproc, 'signals') +
    limit('Max msgqueue size', same(819200), 'bytes') +
    limit('Max nice priority', same(0), '') +
    limit('Max realtime priority', same(0), '') +
    limit('Max realtime timeout', UNLIMITED, 'us')
  )
}

function limit(name: string, { soft, hard }: Rlimit, unit: string): string {
  const text = (value: number) => (value === RLIM_INFINITY ? 'unlimited' : String(value))
  return row(name, text(soft), text(hard), unit)
}

function row(name: string, soft: string, hard: string, unit: string): string {
  const end = unit === '' ? '' : unit.padEnd(10)
  return `${name.padEnd(25)} ${soft.padEnd(20)} ${hard.padEnd(20)} ${end}\n`
}
