// Processes and calls of the OOM killer for tests, as plain records.

import type { OomTask } from '../../shared/mm/oomScore.ts'
import type { OomContext } from '../../shared/mm/oomVerdict.ts'
import type { KernelEra } from '../../shared/state/machine.ts'

/** An ordinary process of a user's. */
export function oomTask(pid: number, more: Partial<OomTask> = {}): OomTask {
  return {
    pid,
    tgid: pid,
    comm: `job${pid}`,
    uid: 1000,
    root: false,
    nice: 0,
    mm: pid,
    totalVm: 1000,
    rssAnon: 100,
    rssFile: 0,
    rssShmem: 0,
    swapEnts: 0,
    pgtablesBytes: 0,
    oomAdj: 0,
    oomScoreAdj: 0,
    cpuTicks: 0,
    startTime: 0,
    children: [],
    memcg: '/',
    inVfork: false,
    origin: false,
    victim: false,
    reaped: false,
    exiting: false,
    foreignNodes: false,
    ...more,
  }
}

/** The whole machine is short of memory; 10,000 pages there are. */
export function oomContext(
  era: KernelEra,
  tasks: OomTask[],
  more: Partial<OomContext> = {},
): OomContext {
  return {
    era,
    tasks,
    totalpages: 10_000,
    pageSize: 4096,
    uptime: 0,
    current: tasks[0] ?? null,
    sysrq: false,
    constraint: 'CONSTRAINT_NONE',
    memcg: '/',
    oomGroups: [],
    panicOnOom: 0,
    oomKillAllocatingTask: 0,
    ...more,
  }
}
