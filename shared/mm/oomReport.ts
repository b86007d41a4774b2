// The lines that the OOM killer writes into the kernel log, in the forms of several kernels (dump_header, dump_tasks,
// oom_kill_process in mm/oom_kill.c). Left out: the call trace and the registers.

import type { KernelEra, Machine } from '../state/machine.ts'
import { printk } from '../state/printk.ts'
import { KERNEL_RELEASE } from '../state/version.ts'
import { ORIGIN_POINTS, rssOf, type OomTask } from './oomScore.ts'
import { showMem } from './showMem.ts'

/** Whose texts: an era's, or those of 6.1, which lack three columns of 6.12's table. */
export type ReportForm = KernelEra | '6.1'

/** Who asked for memory, or for a kill. */
export interface Asker {
  comm: string
  pid: number
  uid: number
  oomAdj: number
  oomScoreAdj: number
}

/** The allocation that failed. `flags` are the names of the bits; 2.6.x does not print them. */
export interface Gfp {
  mask: string
  flags: string
  order: number
}

export function invokedLine(form: ReportForm, asker: Asker, { mask, flags, order }: Gfp): string {
  const { comm, oomAdj, oomScoreAdj } = asker
  const old = form === '2.6.32' || form === '2.6.38'
  const adj = [
    ...(old ? [`oom_adj=${oomAdj}`] : []),
    ...(form === '2.6.32' ? [] : [`oom_score_adj=${oomScoreAdj}`]),
  ]
  const gfp = old ? mask : `${mask}(${flags})`
  return `${comm} invoked oom-killer: gfp_mask=${gfp}, order=${order}, ${adj.join(', ')}`
}

export function tasksHeader(form: ReportForm): string {
  switch (form) {
    case '2.6.32':
      return '[ pid ]   uid  tgid total_vm      rss cpu oom_adj name'
    case '2.6.38':
      return '[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name'
    case '6.1':
      return '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name'
    case '6.12':
      return '[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name'
  }
}

/** A row of the table. There is one CPU, number 0. */
export function taskLine(form: ReportForm, task: OomTask): string {
  const old = form === '2.6.32' || form === '2.6.38'
  const who = `[${pad(task.pid, old ? 5 : 7)}] ${pad(task.uid, 5)} ${pad(task.tgid, 5)}`
  const size = `${who} ${pad(task.totalVm, 8)} ${pad(rssOf(task), 8)}`
  const cost = `${pad(task.pgtablesBytes, 8)} ${pad(task.swapEnts, 8)}         ${pad(task.oomScoreAdj, 5)}`
  switch (form) {
    case '2.6.32':
      return `${size} ${pad(0, 3)}     ${pad(task.oomAdj, 3)} ${task.comm}`
    case '2.6.38':
      return `${size} ${pad(0, 3)}     ${pad(task.oomAdj, 3)}         ${pad(task.oomScoreAdj, 5)} ${task.comm}`
    case '6.1':
      return `${size} ${cost} ${task.comm}`
    case '6.12': {
      const parts = `${pad(task.rssAnon, 8)} ${pad(task.rssFile, 8)} ${pad(task.rssShmem, 9)}`
      return `${size} ${parts} ${cost} ${task.comm}`
    }
  }
}

/** The summary of the choice. */
export interface OomKill {
  constraint: string
  nodemask: string
  cpuset: string
  memsAllowed: string
  oomMemcg: string | null // the memory cgroup that was short, null: the whole machine
  taskMemcg: string
  task: string // comm
  pid: number
  uid: number
}

export function oomKillLine(kill: OomKill): string {
  const where = kill.oomMemcg === null ? 'global_oom' : `oom_memcg=${kill.oomMemcg}`
  return (
    `oom-kill:constraint=${kill.constraint},nodemask=${kill.nodemask},cpuset=${kill.cpuset},` +
    `mems_allowed=${kill.memsAllowed},${where},task_memcg=${kill.taskMemcg},` +
    `task=${kill.task},pid=${kill.pid},uid=${kill.uid}`
  )
}

/** Who was chosen, before it is said who dies (2.6.x only). */
export function chosenLine(
  form: '2.6.32' | '2.6.38',
  message: string,
  { pid, comm }: OomTask,
  score: number,
): string {
  return form === '2.6.32'
    ? `${message}: kill process ${pid} (${comm}) score ${signedLong(score)} or a child`
    : `${message}: Kill process ${pid} (${comm}) score ${score} or sacrifice child`
}

/** printf's %li of an unsigned long. */
function signedLong(points: number): number {
  return points === ORIGIN_POINTS ? -1 : points
}

/** Who dies; sizes in kB. */
export interface Killed {
  message: string
  pid: number
  comm: string
  totalVmKb: number
  anonRssKb: number
  fileRssKb: number
  shmemRssKb: number
  uid: number
  pgtablesKb: number
  oomScoreAdj: number
}

export function killedLine(form: ReportForm, killed: Killed): string {
  const { pid, comm } = killed
  const who = `Killed process ${pid} (${comm})`
  const sizes = `total-vm:${killed.totalVmKb}kB, anon-rss:${killed.anonRssKb}kB`
  switch (form) {
    case '2.6.32':
      return who
    case '2.6.38': // which counts shared memory as that of files
      return `${who} ${sizes}, file-rss:${killed.fileRssKb + killed.shmemRssKb}kB`
    default:
      return (
        `${killed.message}: ${who} ${sizes}, file-rss:${killed.fileRssKb}kB, ` +
        `shmem-rss:${killed.shmemRssKb}kB, UID:${killed.uid} pgtables:${killed.pgtablesKb}kB ` +
        `oom_score_adj:${killed.oomScoreAdj}`
      )
  }
}

/** Who dies since it shares the victim's memory (2.6.38). */
export function sharingLine({ pid, comm }: OomTask): string {
  return `Kill process ${pid} (${comm}) sharing same memory`
}

export function groupLine(memcg: string): string {
  return `Tasks in ${memcg} are going to be killed due to memory.oom.group set`
}

/** What the reaper has left of a victim that did not die by itself. */
export function reapedLine(
  left: Pick<Killed, 'pid' | 'comm' | 'anonRssKb' | 'fileRssKb' | 'shmemRssKb'>,
): string {
  return (
    `oom_reaper: reaped process ${left.pid} (${left.comm}), now anon-rss:${left.anonRssKb}kB, ` +
    `file-rss:${left.fileRssKb}kB, shmem-rss:${left.shmemRssKb}kB`
  )
}

/** init shares the victim's memory: it cannot be taken. */
export function pinnedLine(
  victim: { pid: number; comm: string },
  by: { pid: number; comm: string },
): string {
  return `oom killer ${victim.pid} (${victim.comm}) has mm pinned by ${by.pid} (${by.comm})`
}

/** Everything from the invoker's line to the table of tasks. */
export function dumpHeader(m: Machine, asker: Asker, gfp: Gfp, tasks: OomTask[]): void {
  const { era } = m
  const { comm, pid, uid } = asker
  printk(m, invokedLine(era, asker, gfp))
  if (era === '6.12')
    printk(m, `CPU: 0 UID: ${uid} PID: ${pid} Comm: ${comm} Not tainted ${KERNEL_RELEASE} #1`)
  else {
    printk(m, `${comm} cpuset=/ mems_allowed=0`)
    printk(m, `Pid: ${pid}, comm: ${comm} Not tainted ${KERNEL_RELEASE} #1`)
  }
  showMem(m)
  if (m.sysctl.oomDumpTasks === 0) return
  if (era === '6.12') printk(m, 'Tasks state (memory values in pages):', 'info')
  printk(m, tasksHeader(era), 'info')
  for (const task of tasks) printk(m, taskLine(era, task), 'info')
}

function pad(value: number, width: number): string {
  return String(value).padStart(width)
}
