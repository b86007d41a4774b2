// `oomroom trace oom`: what the machine's OOM killer and its overcommit rules answer to recorded situations. A case is a
// line of JSON, and so is its answer; the kinds and their fields are those of the recordings of real kernels.
//
//   {"id":"a","kind":"score","kernel":"6.1","rss":500,"swapents":0,…}      {"id":"a","oom_score":678}

import * as lines from '../../shared/mm/oomReport.ts'
import {
  OOM_ADJUST_MAX,
  OOM_DISABLE,
  badness,
  shownScore,
  type OomScale,
  type OomTask,
} from '../../shared/mm/oomScore.ts'
import {
  isInside,
  oomVerdict,
  parentOf,
  type OomConstraint,
  type OomContext,
} from '../../shared/mm/oomVerdict.ts'
import {
  commitLimit,
  isEnoughMemory,
  isPromised,
  type CommitContext,
} from '../../shared/mm/overcommit.ts'
import { seventeenths, thousandths } from '../../shared/proc/oomAdj.ts'
import { VM_NORESERVE, VM_READ, VM_SHARED, VM_WRITE } from '../../shared/state/mm.ts'
import { KERNEL_ERAS, type KernelEra, type MachineOptions } from '../../shared/state/machine.ts'

const PAGE = 4096
const PAGE_KB = PAGE / 1024
/** The most pages that a recording asked for in one mapping. */
const LARGEST_MAPPING = 2 ** 34

type Answer = Record<string, unknown>

const answers: Record<string, (one: Case) => Answer> = {
  victim: answerVictim,
  score: answerScore,
  overcommit: answerOvercommit,
  many: answerMany,
  oomadj: answerOomAdj,
  adjadj: (one) => ({ oom_adj: seventeenths(one.number('written')) }),
  line: (one) => ({ text: answerLine(one) }),
}

/** Answers every case. Throws SyntaxError naming the line that it cannot read. */
export function runCases(text: string, { kernel }: MachineOptions): string[] {
  const out: string[] = []
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return
    try {
      const one = readCase(line, kernel)
      out.push(JSON.stringify({ id: one.value('id'), ...answers[one.text('kind')](one) }))
    } catch (error) {
      if (error instanceof SyntaxError)
        throw new SyntaxError(`line ${i + 1}: ${error.message}`, { cause: error })
      throw error
    }
  })
  return out
}

// --- reading ---------------------------------------------------------------------------------------------------------

type Fields = Record<string, unknown>

/** A record of JSON, asked for its fields by kind. What is absent or null is what `otherwise` says. */
class Case {
  private readonly fields: Fields
  private readonly kernel: string // for a case that names none

  constructor(fields: Fields, kernel: string) {
    this.fields = fields
    this.kernel = kernel
  }

  value(name: string): unknown {
    return this.fields[name]
  }

  number(name: string, otherwise?: number): number {
    const value = this.fields[name] ?? otherwise
    if (typeof value !== 'number') throw new SyntaxError(`'${name}' is no number`)
    if (!Number.isSafeInteger(value)) throw new SyntaxError(`'${name}' is no whole number`)
    return value
  }

  text(name: string, otherwise?: string): string {
    const value = this.fields[name] ?? otherwise
    if (typeof value !== 'string') throw new SyntaxError(`'${name}' is no text`)
    return value
  }

  record(name: string): Case {
    return this.inside(this.fields[name] ?? {}, name)
  }

  records(name: string): Case[] {
    return this.list(name).map((value) => this.inside(value, name))
  }

  list(name: string): unknown[] {
    const value = this.fields[name] ?? []
    if (!Array.isArray(value)) throw new SyntaxError(`'${name}' is no list`)
    return value
  }

  /** The kernel's version: 6.1, 6.12.117+deb12-cloud-amd64, … */
  version(): string {
    return this.text('kernel', this.kernel)
  }

  private inside(value: unknown, name: string): Case {
    if (!isRecord(value)) throw new SyntaxError(`'${name}' is no record`)
    return new Case(value, this.kernel)
  }
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readCase(line: string, kernel: string): Case {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new SyntaxError('this is no JSON')
  }
  if (!isRecord(value)) throw new SyntaxError('this is no record')
  const one = new Case(value, kernel)
  if (value.id === undefined) throw new SyntaxError("the case has no 'id'")
  const kind = one.text('kind')
  if (!Object.hasOwn(answers, kind)) {
    const known = Object.keys(answers).join(', ')
    throw new SyntaxError(`unknown kind '${kind}'; there are ${known}`)
  }
  return one
}

/** Whose rules: 6.12's are those of all kernels since 5.9. */
function eraOf(one: Case): KernelEra {
  const version = one.version()
  const old = KERNEL_ERAS.find((era) => version === era || version.startsWith(`${era}.`))
  if (old !== undefined) return old
  if (isSince(version, 5, 9)) return '6.12'
  throw new SyntaxError(
    `no rules of kernel '${version}'; there are ${KERNEL_ERAS.join(', ')} and those since 5.9`,
  )
}

/** Whose texts: the table got three columns in 6.8. */
function formOf(one: Case): lines.ReportForm {
  const era = eraOf(one)
  return era === '6.12' && !isSince(one.version(), 6, 8) ? '6.1' : era
}

function isSince(version: string, major: number, minor: number): boolean {
  const [, x, y] = /^(\d+)\.(\d+)/.exec(version) ?? []
  return Number(x) > major || (Number(x) === major && Number(y) >= minor)
}

// --- victim ----------------------------------------------------------------------------------------------------------

function answerVictim(one: Case): Answer {
  const verdict = oomVerdict(contextOf(one))
  const pids = (tasks: OomTask[]) => tasks.map(({ pid }) => pid)
  return {
    victim: verdict.victim?.tgid ?? null,
    panic: verdict.panic === '' ? null : verdict.panic,
    message: verdict.message === '' ? null : verdict.message,
    killed: pids(verdict.killed),
    died: pids(verdict.died),
    group: verdict.group === '' ? null : verdict.group,
  }
}

function contextOf(one: Case): OomContext {
  const tasks = tasksOf(one.records('tasks'))
  const constraint = one.text('constraint', 'CONSTRAINT_NONE') as OomConstraint
  const sysctl = one.record('sysctl')
  const asker = one.record('current').number('pid', 0)
  const memcg = constraint === 'CONSTRAINT_MEMCG' ? commonCgroup(tasks) : '/'
  for (const task of tasks) if (task.memcg === '') task.memcg = memcg
  return {
    ...scaleOf(one, tasks),
    current: tasks.find(({ pid, tgid }) => pid === asker || tgid === asker) ?? null,
    sysrq: one.text('trigger', 'pressure') === 'sysrq',
    constraint,
    memcg,
    oomGroups: one.list('oom_groups').map(String),
    panicOnOom: sysctl.number('panic_on_oom', 0),
    oomKillAllocatingTask: sysctl.number('oom_kill_allocating_task', 0),
  }
}

function scaleOf(one: Case, tasks: OomTask[]): OomScale {
  return {
    era: eraOf(one),
    tasks,
    totalpages: totalpagesOf(one),
    pageSize: PAGE,
    uptime: one.number('uptime', 0),
  }
}

function totalpagesOf(one: Case): number {
  const pages = one.number('totalpages')
  if (pages <= 0) throw new SyntaxError("'totalpages' is not above 0")
  return pages
}

/** The table has the processes of the cgroup that is short, and of those below it; of some it is not said which. */
function commonCgroup(tasks: OomTask[]): string {
  const paths = tasks.map(({ memcg }) => memcg).filter((memcg) => memcg !== '')
  let common = paths[0] ?? '/'
  while (!paths.every((path) => isInside(path, common))) common = parentOf(common)
  return common
}

function tasksOf(rows: Case[]): OomTask[] {
  const tasks = rows.map(taskOf)
  for (const [i, task] of tasks.entries()) task.mm = spaceOf(rows, i)
  for (const [i, row] of rows.entries()) {
    const parent = tasks.find(({ tgid }) => tgid === row.number('ppid', 0))
    parent?.children.push(tasks[i])
  }
  return tasks
}

/** Who shares memory has the number of the process that owns it. */
function spaceOf(rows: Case[], at: number): number {
  const idOf = (row: Case) => row.number('tgid', row.number('pid'))
  const seen = new Set([idOf(rows[at])])
  for (let row: Case | undefined = rows[at]; row !== undefined;) {
    const owner: number = row.number('shares_mm_with', 0)
    if (owner === 0 || seen.has(owner)) break
    seen.add(owner)
    row = rows.find((other) => idOf(other) === owner)
  }
  return [...seen].at(-1)!
}

/** A row of the kernel's table. 6.1 has one number for what is resident. */
function taskOf(row: Case): OomTask {
  const parts = row.value('rss_anon') !== undefined
  const pid = row.number('pid', 0)
  const reaped = row.number('oom_skip', 0) === 1
  return {
    pid,
    tgid: row.number('tgid', pid),
    comm: row.text('name', ''),
    uid: row.number('uid', 0),
    root: row.number('uid', 0) === 0,
    nice: row.number('nice', 0),
    mm: -1,
    totalVm: row.number('total_vm', 0),
    rssAnon: parts ? row.number('rss_anon') : row.number('rss'),
    rssFile: row.number('rss_file', 0),
    rssShmem: row.number('rss_shmem', 0),
    swapEnts: row.number('swapents', 0),
    pgtablesBytes: row.number('pgtables_bytes', 0),
    oomAdj: row.number('oom_adj', 0),
    oomScoreAdj: row.number('oom_score_adj', 0),
    cpuTicks: row.number('cpu_ticks', 0),
    startTime: row.number('start_time', 0),
    children: [],
    memcg: row.text('memcg', ''),
    inVfork: row.number('in_vfork', 0) === 1,
    origin: row.number('oom_origin', 0) === 1,
    victim: reaped || row.number('oom_victim', 0) === 1,
    reaped,
    exiting: false,
    foreignNodes: false,
  }
}

// --- score, oomadj ---------------------------------------------------------------------------------------------------

function answerScore(one: Case): Answer {
  const task = taskOf(one)
  const scale = scaleOf(one, [task])
  return { oom_score: shownScore(badness(task, scale), scale) }
}

function answerOomAdj(one: Case): Answer {
  const written = one.number('written')
  if (written < OOM_DISABLE || written > OOM_ADJUST_MAX)
    throw new SyntaxError(`'written' is not from ${OOM_DISABLE} to ${OOM_ADJUST_MAX}`)
  const adj = thousandths(written)
  return { oom_score_adj: adj, oom_adj: seventeenths(adj) }
}

// --- overcommit ------------------------------------------------------------------------------------------------------

function commitContextOf(one: Case): CommitContext {
  return {
    era: eraOf(one),
    mode: one.number('overcommit_memory'),
    ratio: one.number('overcommit_ratio'),
    kbytes: one.number('overcommit_kbytes', 0),
    pageKb: PAGE_KB,
    totalram: one.number('totalram_pages'),
    hugetlb: one.number('hugetlb_pages', 0),
    totalSwap: one.number('total_swap_pages'),
    committed: one.number('committed_pages'),
    adminReserveKb: one.number('admin_reserve_kbytes', 0),
    userReserveKb: one.number('user_reserve_kbytes', 0),
    free: one.number('free_pages', 0),
    filePages: one.number('file_pages', 0),
    freeSwap: one.number('free_swap_pages', 0),
    slabReclaimable: one.number('slab_reclaimable_pages', 0),
    totalreserve: one.number('totalreserve_pages', 0),
  }
}

function answerOvercommit(one: Case): Answer {
  const context = commitContextOf(one)
  const largest = (flags: number) => largestMapping(one, context, flags)
  return {
    commit_limit_kB: commitLimit(context) * PAGE_KB,
    private_rw: largest(VM_READ | VM_WRITE),
    private_rw_noreserve: largest(VM_READ | VM_WRITE | VM_NORESERVE),
    private_ro: largest(VM_READ),
    shared_rw: largest(VM_READ | VM_WRITE | VM_SHARED),
  }
}

/** By bisection, as the recorder asked its kernel; null: everything that it asked for. */
function largestMapping(one: Case, context: CommitContext, flags: number): number | null {
  const admin = one.number('cap_sys_admin') === 1
  const totalVm = one.number('total_vm_pages')
  const granted = (pages: number) =>
    !isPromised(context.mode, flags) || isEnoughMemory(context, pages, admin, totalVm)
  let low = 0
  let high = LARGEST_MAPPING
  while (low < high) {
    const middle = low + Math.ceil((high - low) / 2)
    if (granted(middle)) low = middle
    else high = middle - 1
  }
  return low === LARGEST_MAPPING ? null : low
}

/** Mappings that stay: each adds to what is promised and to what the process has. */
function answerMany(one: Case): Answer {
  const context = commitContextOf(one)
  const admin = one.number('cap_sys_admin') === 1
  const pages = one.number('pages_each')
  const attempts = one.number('attempts')
  let totalVm = one.number('total_vm_pages')
  let granted = 0
  if (pages <= 0) return { granted } // EINVAL
  // Where each is asked for itself, all are granted or none.
  if (context.mode !== 2 && context.era === '6.12')
    return { granted: isEnoughMemory(context, pages, admin, totalVm) ? attempts : 0 }
  while (granted < attempts && isEnoughMemory(context, pages, admin, totalVm)) {
    context.committed += pages
    totalVm += pages
    granted++
  }
  return { granted }
}

// --- line ------------------------------------------------------------------------------------------------------------

function answerLine(one: Case): string {
  const form = formOf(one)
  const fields = one.record('fields')
  const line = one.text('line')
  switch (line) {
    case 'invoked':
      return lines.invokedLine(form, askerOf(fields), gfpOf(fields))
    case 'header':
      return lines.tasksHeader(form)
    case 'task':
      return lines.taskLine(form, taskOf(fields))
    case 'oom-kill':
      return lines.oomKillLine({
        constraint: fields.text('constraint'),
        nodemask: fields.text('nodemask'),
        cpuset: fields.text('cpuset'),
        memsAllowed: fields.text('mems_allowed'),
        oomMemcg: fields.value('oom_memcg') == null ? null : fields.text('oom_memcg'),
        taskMemcg: fields.text('task_memcg'),
        task: fields.text('task'),
        pid: fields.number('pid'),
        uid: fields.number('uid'),
      })
    case 'killed':
      return lines.killedLine(form, killedOf(fields))
    case 'reaped':
      return lines.reapedLine(killedOf(fields))
    case 'group':
      return lines.groupLine(fields.text('memcg'))
    case 'pinned':
      return lines.pinnedLine(
        { pid: fields.number('victim'), comm: fields.text('victim_comm') },
        { pid: fields.number('pid'), comm: fields.text('comm') },
      )
    default:
      throw new SyntaxError(`unknown line '${line}'`)
  }
}

function askerOf(fields: Case): lines.Asker {
  return {
    comm: fields.text('comm'),
    pid: 0,
    uid: 0,
    oomAdj: fields.number('oom_adj', 0),
    oomScoreAdj: fields.number('oom_score_adj', 0),
  }
}

function gfpOf(fields: Case): lines.Gfp {
  return {
    mask: fields.text('gfp_mask'),
    flags: fields.text('gfp_flags', ''),
    order: fields.number('order'),
  }
}

function killedOf(fields: Case): lines.Killed {
  return {
    message: fields.text('message', ''),
    pid: fields.number('pid'),
    comm: fields.text('comm'),
    totalVmKb: fields.number('total_vm_kB', 0),
    anonRssKb: fields.number('anon_rss_kB', 0),
    fileRssKb: fields.number('file_rss_kB', 0),
    shmemRssKb: fields.number('shmem_rss_kB', 0),
    uid: fields.number('uid', 0),
    pgtablesKb: fields.number('pgtables_kB', 0),
    oomScoreAdj: fields.number('oom_score_adj', 0),
  }
}
