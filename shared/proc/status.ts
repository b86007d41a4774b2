// /proc/PID/status (fs/proc/array.c proc_pid_status, fs/proc/task_mmu.c task_mem).

import { hex } from '../lib/bits.ts'
import type { Machine } from '../state/machine.ts'
import type { Mm } from '../state/mm.ts'
import type { Task, TaskState } from '../state/task.ts'

export const STATE_WORDS: Record<TaskState, string> = {
  R: 'running',
  S: 'sleeping',
  D: 'disk sleep',
  T: 'stopped',
  Z: 'zombie',
}

export function procStatus(m: Machine, task: Task): string {
  const uids = `${task.uid}\t${task.uid}\t${task.uid}\t${task.uid}`
  const gids = `${task.gid}\t${task.gid}\t${task.gid}\t${task.gid}`
  const capabilities = task.uid === 0 ? '000001ffffffffff' : '0000000000000000'
  const kthread = task.mm === null && task.state !== 'Z' ? 1 : 0
  // A name with a newline would be a line of its own (proc_task_name).
  const name = task.comm.replace(/[\\\n]/g, (c) => (c === '\n' ? '\\n' : '\\\\'))
  return `Name:\t${name}
Umask:\t0022
State:\t${task.state} (${STATE_WORDS[task.state]})
Tgid:\t${task.pid}
Ngid:\t0
Pid:\t${task.pid}
PPid:\t${task.parent?.pid ?? 0}
TracerPid:\t0
Uid:\t${uids}
Gid:\t${gids}
FDSize:\t${task.state === 'Z' ? 0 : task.fdSize}
Groups:\t${' '}
NStgid:\t${task.pid}
NSpid:\t${task.pid}
NSpgid:\t${task.pgrp}
NSsid:\t${task.session}
Kthread:\t${kthread}
${task.mm === null ? '' : memoryLines(m, task.mm)}Threads:\t1
SigQ:\t0/${task.rlimits.sigpending.soft}
SigPnd:\t0000000000000000
ShdPnd:\t${signalSet(task.pending)}
SigBlk:\t0000000000000000
SigIgn:\t${signalSet(task.ignored)}
SigCgt:\t${signalSet(task.caught)}
CapInh:\t0000000000000000
CapPrm:\t${capabilities}
CapEff:\t${capabilities}
CapBnd:\t000001ffffffffff
CapAmb:\t0000000000000000
NoNewPrivs:\t0
Seccomp:\t0
Seccomp_filters:\t0
Speculation_Store_Bypass:\tnot vulnerable
SpeculationIndirectBranch:\talways enabled
Cpus_allowed:\t1
Cpus_allowed_list:\t0
Mems_allowed:\t${m.layout.bits === 64 ? MEMS_ALLOWED : '1'}
Mems_allowed_list:\t0
voluntary_ctxt_switches:\t${task.nvcsw}
nonvoluntary_ctxt_switches:\t${task.nivcsw}
${m.layout.bits === 64 ? 'x86_Thread_features:\t\nx86_Thread_features_locked:\t\n' : ''}`
}

/** One of 1024 memory nodes. */
const MEMS_ALLOWED = '00000000,'.repeat(31) + '00000001'

/** Sets of signals are 64 bits wide. */
function signalSet(bits: number): string {
  return hex(bits >>> 0, 16)
}

/** The lines with sizes, which only a process with an address space has. */
function memoryLines(m: Machine, mm: Mm): string {
  const pageKb = m.pageSize / 1024
  const kb = (name: string, value: number) => `${name}:\t${String(value).padStart(8)} kB\n`
  const rss = rssPages(mm)
  const text = textKb(m, mm)
  return (
    kb('VmPeak', Math.max(mm.hiwaterVm, mm.totalVm) * pageKb) +
    kb('VmSize', mm.totalVm * pageKb) +
    kb('VmLck', mm.lockedVm * pageKb) +
    kb('VmPin', 0) +
    kb('VmHWM', Math.max(mm.hiwaterRss, rss) * pageKb) +
    kb('VmRSS', rss * pageKb) +
    kb('RssAnon', mm.rssAnon * pageKb) +
    kb('RssFile', mm.rssFile * pageKb) +
    kb('RssShmem', mm.rssShmem * pageKb) +
    kb('VmData', mm.dataVm * pageKb) +
    kb('VmStk', mm.stackVm * pageKb) +
    kb('VmExe', text) +
    kb('VmLib', Math.max(mm.execVm * pageKb - text, 0)) +
    kb('VmPTE', mm.pageTables * pageKb) +
    kb('VmSwap', mm.swapEnts * pageKb) +
    kb('HugetlbPages', 0) +
    'CoreDumping:\t0\nTHP_enabled:\t1\n' +
    (m.layout.bits === 64 ? 'untag_mask:\t0xffffffffffffffff\n' : '')
  )
}

export function rssPages(mm: Mm): number {
  return mm.rssAnon + mm.rssFile + mm.rssShmem
}

/** The program's own text in whole pages. */
export function textKb(m: Machine, mm: Mm): number {
  const end = Math.ceil(mm.endCode / m.pageSize) * m.pageSize
  const start = Math.floor(mm.startCode / m.pageSize) * m.pageSize
  return (end - start) / 1024
}
