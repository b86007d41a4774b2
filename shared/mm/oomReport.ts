// The lines that the OOM killer writes into the kernel log, as 6.12 prints them (dump_header, show_mem, dump_tasks,
// __oom_kill_process in mm/oom_kill.c; mm/show_mem.c). Left out: the call trace and the registers.

import type { Machine } from '../state/machine.ts'
import { MAX_ORDER, PG_STACK, PG_TABLE } from '../state/page.ts'
import { printk } from '../state/printk.ts'
import type { Task } from '../state/task.ts'
import { KERNEL_RELEASE } from '../state/version.ts'

const GFP_HIGHUSER_MOVABLE_ZERO = '0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO)'

export function invokedLine(task: Task, order: number): string {
  return `${task.comm} invoked oom-killer: gfp_mask=${GFP_HIGHUSER_MOVABLE_ZERO}, order=${order}, oom_score_adj=${task.oomScoreAdj}`
}

export const TASKS_HEADER =
  '[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name'

export function taskLine(m: Machine, task: Task): string {
  const mm = task.mm!
  const rss = mm.rssAnon + mm.rssFile + mm.rssShmem
  return (
    `[${pad(task.pid, 7)}] ${pad(task.uid, 5)} ${pad(task.pid, 5)} ${pad(mm.totalVm, 8)} ${pad(rss, 8)} ` +
    `${pad(mm.rssAnon, 8)} ${pad(mm.rssFile, 8)} ${pad(mm.rssShmem, 9)} ${pad(mm.pageTables * m.pageSize, 8)} ` +
    `${pad(mm.swapEnts, 8)}         ${pad(task.oomScoreAdj, 5)} ${task.comm}`
  )
}

export function oomKillLine(task: Task, memAllowed: string): string {
  return (
    `oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=${memAllowed},global_oom,task_memcg=/,` +
    `task=${task.comm},pid=${task.pid},uid=${task.uid}`
  )
}

export function killedLine(m: Machine, task: Task, message: string): string {
  const mm = task.mm!
  const kb = (pages: number): number => (pages * m.pageSize) / 1024
  return (
    `${message}: Killed process ${task.pid} (${task.comm}) total-vm:${kb(mm.totalVm)}kB, anon-rss:${kb(mm.rssAnon)}kB, ` +
    `file-rss:${kb(mm.rssFile)}kB, shmem-rss:${kb(mm.rssShmem)}kB, UID:${task.uid} pgtables:${kb(mm.pageTables)}kB ` +
    `oom_score_adj:${task.oomScoreAdj}`
  )
}

/** Everything from the invoker's line to the table of tasks. */
export function dumpHeader(m: Machine, current: Task, order: number, tasks: Task[]): void {
  printk(m, invokedLine(current, order))
  printk(
    m,
    `CPU: 0 UID: ${current.uid} PID: ${current.pid} Comm: ${current.comm} Not tainted ${KERNEL_RELEASE} #1`,
  )
  showMem(m)
  printk(m, 'Tasks state (memory values in pages):')
  printk(m, TASKS_HEADER)
  for (const task of tasks) printk(m, taskLine(m, task))
}

/** Mem-Info: how every frame is used, in pages and by zone. */
function showMem(m: Machine): void {
  const { zone } = m
  const kb = m.pageSize / 1024
  let anon = 0
  let mapped = 0
  for (const task of m.tasks.values()) {
    if (task.mm === null) continue
    anon += task.mm.rssAnon
    mapped += task.mm.rssFile + task.mm.rssShmem
  }
  const tables = countFrames(m, PG_TABLE)
  const slab = m.slab.reduce((sum, cache) => sum + cache.frames.length, 0)
  const file = m.pageCache - m.shmem
  printk(m, 'Mem-Info:')
  printk(m, `active_anon:0 inactive_anon:${anon} isolated_anon:0`)
  printk(m, ` active_file:0 inactive_file:${file} isolated_file:0`)
  printk(m, ' unevictable:0 dirty:0 writeback:0')
  printk(m, ` slab_reclaimable:0 slab_unreclaimable:${slab}`)
  printk(m, ` mapped:${mapped} shmem:${m.shmem} pagetables:${tables}`)
  printk(m, ' sec_pagetables:0 bounce:0')
  printk(m, ' kernel_misc_reclaimable:0')
  printk(m, ` free:${zone.freePages} free_pcp:0 free_cma:0`)
  printk(
    m,
    `Node 0 ${zone.name} free:${zone.freePages * kb}kB boost:0kB min:${zone.watermarkMin * kb}kB ` +
      `low:${zone.watermarkLow * kb}kB high:${zone.watermarkHigh * kb}kB inactive_anon:${anon * kb}kB ` +
      `inactive_file:${file * kb}kB present:${zone.presentPages * kb}kB managed:${zone.managedPages * kb}kB ` +
      `kernel_stack:${countFrames(m, PG_STACK) * kb}kB pagetables:${tables * kb}kB`,
  )
  const blocks: string[] = []
  for (let order = 0; order <= MAX_ORDER; order++)
    blocks.push(`${zone.nrFree[order]}*${kb * 2 ** order}kB`)
  printk(m, `Node 0 ${zone.name}: ${blocks.join(' ')} = ${zone.freePages * kb}kB`)
  printk(m, `${m.pageCache} total pagecache pages`)
  printk(m, '0 pages in swap cache')
  printk(m, 'Free swap  = 0kB')
  printk(m, 'Total swap = 0kB')
  printk(m, `${zone.presentPages} pages RAM`)
  printk(m, '0 pages HighMem/MovableOnly')
  printk(m, `${zone.presentPages - zone.managedPages} pages reserved`)
}

function countFrames(m: Machine, flag: number): number {
  const { flags } = m.zone.page
  let count = 0
  for (let pfn = 0; pfn < flags.length; pfn++) if ((flags[pfn] & flag) !== 0) count++
  return count
}

function pad(value: number, width: number): string {
  return String(value).padStart(width)
}
