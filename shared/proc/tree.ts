// The processes as a tree, for panels: each with what one wants to know of it at a glance.

import { oomScore } from '../mm/oomKill.ts'
import type { Machine } from '../state/machine.ts'
import type { Task, TaskState } from '../state/task.ts'
import { rssPages } from './status.ts'

export interface ProcessRow {
  pid: number
  handle: string
  seat: number
  depth: number // below the first process shown
  ppid: number
  comm: string
  cmdline: string
  state: TaskState
  uid: number
  nice: number
  kind: string // of its program
  vszKb: number
  rssKb: number
  rssAnonKb: number
  oomScore: number
  oomScoreAdj: number
}

/** Parents before their children, these by age; only one seat's processes, or all of the machine's with null. */
export function processTree(m: Machine, seat: number | null): ProcessRow[] {
  const wanted = (task: Task) => seat === null || task.seat === seat
  const rows: ProcessRow[] = []
  const stack: { task: Task; depth: number }[] = []
  const roots = [...m.tasks.values()].filter(
    (task) => wanted(task) && (task.parent === null || !wanted(task.parent)),
  )
  for (const task of roots.reverse()) stack.push({ task, depth: 0 })
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { task, depth } = next
    rows.push(processRow(m, task, depth))
    for (let i = task.children.length - 1; i >= 0; i--) {
      const child = task.children[i]
      if (wanted(child)) stack.push({ task: child, depth: depth + 1 })
    }
  }
  return rows
}

function processRow(m: Machine, task: Task, depth: number): ProcessRow {
  const { pid, handle, seat, comm, state, uid, nice, oomScoreAdj, mm } = task
  const kb = m.pageSize / 1024
  return {
    pid,
    handle,
    seat,
    depth,
    ppid: task.parent?.pid ?? 0,
    comm,
    cmdline: task.cmdline.join(' '),
    state,
    uid,
    nice,
    kind: task.program.kind,
    vszKb: mm === null ? 0 : mm.totalVm * kb,
    rssKb: mm === null ? 0 : rssPages(mm) * kb,
    rssAnonKb: mm === null ? 0 : mm.rssAnon * kb,
    oomScore: oomScore(m, task),
    oomScoreAdj,
  }
}
