// The simulated kernel's speed beside the real one's, in one run: ns per fault, fork per 10,000 pages, mmap and munmap.
//
// Ours: a process of a booted machine makes the accesses and calls. The real one: oracle/mm/bench-kernel.c beside the
// repository, compiled where gcc is. The two take turns, since a shared host's speed drifts; a figure is the median over
// the turns of the medians of each, the ratio the median of the turns' ratios. Faults are measured over few
// pages, so that the host's caches matter little (ours 250, the real one's 1,000, its least), fork over 10,000.

import { DEFAULT_OPTIONS } from '../../shared/room/options.ts'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { apply, createMachine } from '../../shared/machine/machine.ts'
import type { Machine } from '../../shared/state/machine.ts'
import { SIGKILL, type Task } from '../../shared/state/task.ts'
import { actOnSignals } from '../../shared/kernel/sched.ts'
import { sendSignal } from '../../shared/kernel/signal.ts'
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../shared/mm/mmap.ts'
import { load8, store8 } from '../../shared/mm/uaccess.ts'
import { doSyscall } from '../../shared/syscall/table.ts'

export interface Figure {
  ns: number
  realNs: number | null
  ratio: number | null
  why?: string
}

const TURNS = 7
const FAULT_PAGES = 250
const FAULT_ROUNDS = 60
const REAL_FAULT_PAGES = 1000 // the least that bench-kernel.c takes
const REAL_FAULT_ROUNDS = 21
const FORK_PAGES = 10_000
const FORK_ROUNDS = 9
const WARM_UP = 100
const PAIRS = 1000

type Case = 'writeFault' | 'zeroFault' | 'cowFault' | 'reuseFault' | 'fork10k' | 'mmapMunmap'

/** What bench-kernel.c calls the same, and how many of its units make a nanosecond. */
const realNames: Record<Case, [name: string, ns: number]> = {
  writeFault: ['write_fault_ns', 1],
  zeroFault: ['zero_fault_ns', 1],
  cowFault: ['cow_fault_ns', 1],
  reuseFault: ['reuse_fault_ns', 1],
  fork10k: ['fork_us_per_10k', 1000],
  mmapMunmap: ['mmap_munmap_ns', 1],
}

export function measure(): Record<Case, Figure> {
  const real = buildReal()
  const { m, task } = bootProcess()
  for (let i = 0; i < WARM_UP; i++) faultRound(m, task)
  for (let i = 0; i < FORK_ROUNDS; i++) forkRound(m, task)
  const turns = Array.from({ length: TURNS }, () => takeTurn(m, task, real.run))
  real.remove()

  const figures = {} as Record<Case, Figure>
  for (const name of Object.keys(realNames) as Case[]) {
    const ns = round(median(turns.map(({ ours }) => ours[name])))
    const reals = turns.flatMap((turn) => (turn.real === null ? [] : [turn.real[name]]))
    if (reals.length < TURNS) figures[name] = { ns, realNs: null, ratio: null, why: real.why }
    else {
      const ratios = turns.map(({ ours }, i) => ours[name] / reals[i])
      figures[name] = { ns, realNs: round(median(reals)), ratio: round(median(ratios), 4) }
    }
  }
  return figures
}

interface Turn {
  ours: Record<Case, number>
  real: Record<Case, number> | null
}

/** Both once: the median of each in nanoseconds. */
function takeTurn(m: Machine, task: Task, run: RunReal | null): Turn {
  const faults = run?.(REAL_FAULT_PAGES, REAL_FAULT_ROUNDS)
  const samples = Array.from({ length: FAULT_ROUNDS }, () => faultRound(m, task))
  const forks = run?.(FORK_PAGES, FORK_ROUNDS)
  const forked = Array.from({ length: FORK_ROUNDS }, () => forkRound(m, task))
  const ours = { fork10k: median(forked) } as Record<Case, number>
  for (const name of Object.keys(samples[0]) as (keyof (typeof samples)[0])[]) {
    ours[name] = median(samples.map((sample) => sample[name]))
  }
  if (faults === undefined || forks === undefined) return { ours, real: null }
  const real = {} as Record<Case, number>
  for (const [name, [realName, unit]] of Object.entries(realNames)) {
    real[name as Case] = (name === 'fork10k' ? forks : faults)[realName] * unit
  }
  return { ours, real }
}

/** A process at its prompt on a fresh machine. */
function bootProcess(): { m: Machine; task: Task } {
  const m = createMachine({ ...DEFAULT_OPTIONS, ram: 256 << 20 }, 0)
  const { task: handle } = apply(m, 1, { t: 'seat', name: 'bench', role: 'teacher', from: '::1' })
  const task = m.handles.get(handle!)!
  m.current = task
  return { m, task }
}

function forkRound(m: Machine, task: Task): number {
  const area = map(m, task, FORK_PAGES)
  writeAll(m, task, area, FORK_PAGES)
  const child = fork(m, task)
  end(m, child.task)
  unmap(m, task, area, FORK_PAGES)
  return child.ns * (10_000 / FORK_PAGES)
}

function faultRound(m: Machine, task: Task): Omit<Record<Case, number>, 'fork10k'> {
  const area = map(m, task, FAULT_PAGES)
  const writeFault = perPage(() => {
    writeAll(m, task, area, FAULT_PAGES)
  })
  let child = fork(m, task)
  const cowFault = perPage(() => {
    writeAll(m, task, area, FAULT_PAGES)
  })
  end(m, child.task)
  child = fork(m, task)
  end(m, child.task)
  const reuseFault = perPage(() => {
    writeAll(m, task, area, FAULT_PAGES)
  })
  unmap(m, task, area, FAULT_PAGES)

  const zeroes = map(m, task, FAULT_PAGES)
  const zeroFault = perPage(() => {
    for (let i = 0; i < FAULT_PAGES; i++) load8(m, task, zeroes + i * m.pageSize)
  })
  unmap(m, task, zeroes, FAULT_PAGES)

  const pairs = time(() => {
    for (let i = 0; i < PAIRS; i++) unmap(m, task, map(m, task, 16), 16)
  })
  return { writeFault, zeroFault, cowFault, reuseFault, mmapMunmap: pairs / PAIRS }
}

function map(m: Machine, task: Task, pages: number): number {
  return doSyscall(m, task, 'mmap', [
    0,
    pages * m.pageSize,
    PROT_READ | PROT_WRITE,
    MAP_PRIVATE | MAP_ANONYMOUS,
    -1,
    0,
  ])
}

function unmap(m: Machine, task: Task, va: number, pages: number): void {
  doSyscall(m, task, 'munmap', [va, pages * m.pageSize])
}

function writeAll(m: Machine, task: Task, area: number, pages: number): void {
  for (let i = 0; i < pages; i++) store8(m, task, area + i * m.pageSize, i)
}

function fork(m: Machine, task: Task): { task: Task; ns: number } {
  let pid = 0
  const ns = time(() => {
    pid = doSyscall(m, task, 'fork', [])
  })
  return { task: m.tasks.get(pid)!, ns }
}

function end(m: Machine, child: Task): void {
  sendSignal(m, child, SIGKILL)
  actOnSignals(m)
  doSyscall(m, child.parent!, 'wait4', [-1, 0, 0, 0])
}

/**
 * Nanoseconds of CPU time, as bench-kernel.c takes it. Node tells that of the whole process only, compiler and collector
 * threads included, so the wall clock is taken where it is less: neither is ever below what the work itself took.
 */
function time(work: () => void): number {
  const before = process.cpuUsage()
  const start = process.hrtime.bigint()
  work()
  const wall = Number(process.hrtime.bigint() - start)
  const spent = process.cpuUsage(before)
  return Math.min(wall, (spent.user + spent.system) * 1000)
}

function perPage(work: () => void): number {
  return time(work) / FAULT_PAGES
}

/** The folder of package.json, from the sources as from dist/. */
function repository(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder))
    folder = dirname(folder)
  return folder
}

type RunReal = (pages: number, rounds: number) => Record<string, number>

/** Compiles bench-kernel.c: `run` gives its median figures, null where it cannot be had, and then why. */
function buildReal(): { run: RunReal | null; why: string; remove: () => void } {
  const source = join(repository(), '../shared/oracle/mm/bench-kernel.c')
  const none = (why: string) => ({ run: null, why, remove: () => undefined })
  if (!existsSync(source)) return none('no recordings of the real kernel beside the repository')
  if (spawnSync('gcc', ['--version']).status !== 0) return none('no gcc')
  const folder = mkdtempSync(join(tmpdir(), 'oomroom-bench-'))
  const binary = join(folder, 'bench-kernel')
  execFileSync('gcc', ['-O2', '-o', binary, source])
  return {
    run: (pages, rounds) => {
      const printed = execFileSync(binary, [String(pages), String(rounds)], { encoding: 'utf8' })
      return (JSON.parse(printed) as { median: Record<string, number> }).median
    },
    why: '',
    remove: () => rmSync(folder, { recursive: true }),
  }
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits))
}
