// Plays the scenarios with which real kernels were recorded, on a machine of ours: processes by fork, their sizes by
// mmap and touching, hogs that take memory until somebody dies. What a directive means is what the recorder's player
// did (oracle/oom/tool/init.c); where its processes hold more than the scenario asks for (the C library, the program's
// file), ours hold as much as the recorded snapshot says.

import { DEFAULT_OPTIONS } from '@shared/room/options.ts'
import { create, ROOT } from '@shared/fs/tree.ts'
import { actOnSignals } from '@shared/kernel/sched.ts'
import { createMachine } from '@shared/machine/machine.ts'
import { MAP_ANONYMOUS, MAP_NORESERVE, MAP_PRIVATE, MAP_SHARED } from '@shared/mm/mmap.ts'
import { allocPages } from '@shared/mm/pageAlloc.ts'
import { freeSwapPages, totalSwapPages } from '@shared/mm/swapfile.ts'
import { writeProc } from '@shared/proc/write.ts'
import { S_IFREG } from '@shared/state/inode.ts'
import type { Machine } from '@shared/state/machine.ts'
import { PG_RESERVED } from '@shared/state/page.ts'
import type { Task } from '@shared/state/task.ts'
import { openPath } from '@shared/syscall/file.ts'
import { O_APPEND, O_CREAT, O_RDONLY, O_WRONLY } from '@shared/syscall/flags.ts'
import { PAGE, addProcess, call, load, store } from './process.ts'

/** A recorded run, as far as it is looked at. Sizes of /proc are in kB. */
export interface Run {
  id: string
  shape: string
  kernel: string
  ram_MB: number
  scenario: string
  memory: { when: string; MemTotal: number; MemFree: number; SwapTotal: number; SwapFree: number }[]
  snapshot: Snapshot[]
  steps: { name: string; events: string[]; unreported?: number[] }[]
}

interface Snapshot {
  when: string
  name: string
  pid: number
  RssAnon: number
  RssFile: number
  RssShmem: number
  VmSwap: number
  VmPTE: number
}

/** A `proc` line. */
interface Proc {
  name: string
  words: Map<string, string>
  task: Task | null
}

/** What the machine has not got; null: it can play the run. */
export function obstacle({ scenario, shape }: Run): string | null {
  const has = (pattern: RegExp) => pattern.test(scenario)
  if (!has(/^(run|sysrq)/m)) return `nobody dies in it (${shape})`
  if (has(/^cgroup/m)) return 'memory cgroups'
  if (has(/ mm=(share|vfork)/)) return 'address spaces that processes share (CLONE_VM)'
  return null
}

/** Who died, in order: indices of `proc` lines, and 'panic' if the kernel did. */
export type Deaths = (number | 'panic')[]

export interface Played {
  deaths: Deaths
  /** Where it first went another way: by how many pages ours was worse than the one that should have died. */
  margin: number
}

const PROT_READ = 1
const PROT_WRITE = 3
const REACH = 512 // pages that one table maps
const CHUNK = 257 // pages of malloc(1 << 20)
const THREAD_STACK = 16 // pages
const START_BRK = 0x100_0000

/** Plays the run; `recorded` is who died in the real one. */
export function playRun(run: Run, recorded: Deaths): Played {
  const stage = new Stage(run, recorded)
  for (const line of run.scenario.split('\n')) stage.direct(line.split(' ').filter((w) => w !== ''))
  return { deaths: stage.deaths, margin: stage.margin }
}

class Stage {
  readonly deaths: Deaths = []
  margin = 0
  private readonly run: Run
  private readonly recorded: Deaths
  private readonly m: Machine
  private readonly player: Task // forks everybody; may not die
  private readonly procs: Proc[] = []
  private segment = 0 // where the common segment lies
  private seen = 0 // lines of the system log

  constructor(run: Run, recorded: Deaths) {
    this.run = run
    this.recorded = recorded
    this.m = bootLike(run)
    this.player = addProcess(this.m, 0)
    this.player.program = { kind: 'daemon' }
    this.player.mm!.startBrk = START_BRK
    this.player.mm!.brk = START_BRK
    for (const task of this.m.tasks.values()) task.oomScoreAdj = -1000
  }

  direct([word, ...rest]: string[]): void {
    switch (word) {
      case 'proc':
        this.procs.push(readProc(rest))
        return
      case 'segment':
        this.segment = this.map(this.player, Number(rest[0]), PROT_WRITE, MAP_SHARED)
        return
      case 'put':
        writeProc(this.m, this.player, rest[0], rest[1])
        return
      case 'start':
        for (const proc of this.procs) if (!proc.words.has('parent')) this.make(proc, this.player)
        return
      case 'snapshot':
        if (rest[0] === 'before') this.resembleSnapshot()
        return
      case 'run':
        this.hog(this.procs.find(({ name }) => name === rest[0])!)
        return
      case 'sysrq':
        this.m.current = this.player
        writeProc(this.m, this.player, '/proc/sysrq-trigger', 'f')
        this.m.current = null
        this.settle()
    }
  }

  // --- processes -----------------------------------------------------------------------------------------------------

  private make(proc: Proc, parent: Task): void {
    const { m } = this
    const task = m.tasks.get(call(m, parent, 'fork'))!
    const number = (word: string) => Number(proc.words.get(word) ?? 0)
    proc.task = task
    task.comm = (proc.words.get('comm') ?? proc.name).replaceAll('~', ' ')
    task.oomScoreAdj = proc.words.has('adj')
      ? number('adj')
      : parent === this.player
        ? 0
        : parent.oomScoreAdj
    task.nice = number('nice')
    if (number('cow') === 0) this.makeChildren(proc)
    this.touch(task, this.map(task, number('anon'), PROT_WRITE, MAP_PRIVATE), number('anon'))
    const sparse = this.map(task, number('sparse') * REACH, PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE)
    for (let i = 0; i < number('sparse'); i++) store(m, task, sparse + i * REACH * PAGE, 1)
    this.map(task, number('map'), PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE)
    this.touch(task, this.map(task, number('shm'), PROT_WRITE, MAP_SHARED), number('shm'))
    this.touch(task, this.segment, number('join'))
    for (let i = 0; i < number('threads'); i++)
      this.map(task, THREAD_STACK, PROT_WRITE, MAP_PRIVATE)
    if (number('cow') !== 0) this.makeChildren(proc)
    task.uid = number('uid')
  }

  private makeChildren(parent: Proc): void {
    for (const proc of this.procs)
      if (proc.words.get('parent') === parent.name) this.make(proc, parent.task!)
  }

  /** Maps anonymous pages; 0 for none. */
  private map(task: Task, pages: number, prot: number, flags: number): number {
    if (pages === 0) return 0
    return call(this.m, task, 'mmap', 0, pages * PAGE, prot, flags | MAP_ANONYMOUS, -1, 0)
  }

  /** False: the task was killed over it. */
  private touch(task: Task, va: number, pages: number): boolean {
    for (let i = 0; i < pages; i++) {
      const outcome = store(this.m, task, va + i * PAGE, 1)
      if (this.m.vmstat.oom_kill !== this.deaths.length || outcome !== 'ok') this.settle()
      if (this.m.panic !== '' || task.mm === null) return false
    }
    return true
  }

  // --- what the recorded processes and kernel held besides -----------------------------------------------------------

  private resembleSnapshot(): void {
    const { m } = this
    const before = this.run.snapshot.filter(({ when }) => when === 'before')
    const blob = this.makeBlob(Math.max(...before.map(({ RssFile }) => RssFile / 4)))
    for (const { name, RssAnon, RssFile, RssShmem, VmSwap, VmPTE } of before) {
      const task = this.procs.find((proc) => proc.name === name)!.task!
      const mm = task.mm!
      const shmem = Math.max(0, RssShmem / 4 - mm.rssShmem)
      this.touch(task, this.map(task, shmem, PROT_WRITE, MAP_SHARED), shmem)
      this.readFile(task, blob, RssFile / 4 - mm.rssFile)
      // What of it is in swap counts the same.
      this.scatter(task, (RssAnon + VmSwap) / 4 - mm.rssAnon - mm.swapEnts, VmPTE / 4)
    }
    const { MemFree, SwapFree } = this.run.memory.find(({ when }) => when === 'before')!
    while (m.zone.freePages + freeSwapPages(m) > (MemFree + SwapFree) / 4)
      allocPages(m, 0, PG_RESERVED, 0)
  }

  /** Touches pages far from one another until there are so many page tables, the others side by side. */
  private scatter(task: Task, pages: number, tables: number): void {
    const { m } = this
    let va = this.map(task, (pages + 1) * REACH, PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE)
    for (let i = 0; i < pages; i++) {
      store(m, task, va, 1)
      va += task.mm!.pageTables < tables ? REACH * PAGE : PAGE
    }
  }

  private makeBlob(pages: number): string {
    const inode = create(this.m, '/mnt/blob', S_IFREG | 0o666, 'disk', ROOT)
    if (typeof inode === 'number') throw new Error(`create: ${inode}`)
    inode.size = pages * PAGE
    return '/mnt/blob'
  }

  private readFile(task: Task, path: string, pages: number): void {
    if (pages <= 0) return
    const fd = openPath(this.m, task, path, O_RDONLY, 0)
    const va = call(this.m, task, 'mmap', 0, pages * PAGE, PROT_READ, MAP_SHARED, fd, 0)
    for (let i = 0; i < pages; i++) load(this.m, task, va + i * PAGE)
  }

  // --- hogs ----------------------------------------------------------------------------------------------------------

  /** Takes memory in its way until it is dead, or the kernel is. */
  private hog({ words, task }: Proc): void {
    if (task === null || task.mm === null || this.m.panic !== '') return
    const chunk = Number(words.get('chunk') ?? 1)
    const limit = Number(words.get('limit') ?? Infinity)
    const kind = words.get('hog')!
    if (kind === 'tmpfs') this.fillTmpfs(task)
    for (let taken = 0; taken < limit && kind !== 'tmpfs'; taken += chunk)
      if (!this.takeChunk(task, kind, chunk)) return
  }

  private takeChunk(task: Task, kind: string, chunk: number): boolean {
    switch (kind) {
      case 'oom2':
        return this.touch(task, this.map(task, CHUNK, PROT_WRITE, MAP_PRIVATE), CHUNK)
      case 'step':
        return this.touch(task, this.map(task, chunk, PROT_WRITE, MAP_PRIVATE), chunk)
      case 'shm':
        return this.touch(task, this.map(task, chunk, PROT_WRITE, MAP_SHARED), chunk)
      case 'brk': {
        const { brk } = task.mm!
        call(this.m, task, 'brk', brk + chunk * PAGE)
        return this.touch(task, brk, chunk)
      }
      default:
        throw new Error(`unknown hog '${kind}'`)
    }
  }

  private fillTmpfs(task: Task): void {
    const { m } = this
    const size = 16 * PAGE
    const buffer = this.map(task, 16, PROT_WRITE, MAP_PRIVATE)
    const fd = openPath(m, task, '/tmp/hog', O_WRONLY | O_CREAT | O_APPEND, 0o600)
    while (task.mm !== null && m.panic === '') {
      const written = call(m, task, 'write', fd, buffer, size)
      this.settle()
      if (written <= 0) return
    }
  }

  /** The killed die; who they were is noted. */
  private settle(): void {
    const { m } = this
    const fresh = m.syslog.slice(m.syslog.length - (m.syslogLines - this.seen))
    this.seen = m.syslogLines
    for (const { text } of fresh) {
      const killed = /: Killed process (\d+) \(/.exec(text)
      if (killed !== null)
        this.note(this.procs.findIndex(({ task }) => task?.pid === Number(killed[1])))
      else if (text.startsWith('Kernel panic')) this.note('panic')
    }
    actOnSignals(m)
  }

  private note(death: number | 'panic'): void {
    const wanted = this.recorded[this.deaths.length]
    this.deaths.push(death)
    if (this.margin === 0 && wanted !== death)
      this.margin = this.reported(death) - this.reported(wanted)
  }

  /** Points by the last report's table. */
  private reported(who: number | 'panic' | undefined): number {
    if (typeof who !== 'number') return NaN
    const { m } = this
    const start = `[${String(this.procs[who].task!.pid).padStart(7)}]`
    const row = m.syslog.findLast(({ text }) => text.startsWith(start))!
    const [rss, , , , tables, swap, adj] = row.text
      .slice(start.length)
      .trim()
      .split(/\s+/)
      .slice(3)
      .map(Number)
    const totalpages = m.totalramPages + totalSwapPages(m)
    return rss + tables / PAGE + swap + adj * Math.floor(totalpages / 1000)
  }
}

function readProc([name, ...words]: string[]): Proc {
  return {
    name,
    words: new Map(words.map((word) => word.split('=') as [string, string])),
    task: null,
  }
}

/** A machine with as much RAM for processes as the recorded one had. */
function bootLike({ memory }: Run): Machine {
  const pages = memory[0].MemTotal / 4
  // The first page of a swap device is its header.
  const swap = memory[0].SwapTotal === 0 ? 0 : (memory[0].SwapTotal + 4) * 1024
  for (let megabytes = Math.floor(pages / 256); ;) {
    const m = createMachine({ ...DEFAULT_OPTIONS, ram: megabytes << 20, swap }, 0)
    const missing = pages - m.totalramPages
    if (missing <= 0) {
      m.totalramPages = pages
      return m
    }
    megabytes += Math.ceil(missing / 256)
  }
}
