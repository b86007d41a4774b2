// The simulated kernel's speed beside the real one's, in one run: ns per fault, fork per 10,000 pages, mmap and munmap.
//
// Ours: a process of a booted machine makes the accesses and calls. The real one: oracle/mm/bench-kernel.c beside the
// repository, compiled where gcc is. The figure is the median over the rounds of both. Faults are measured over few
// pages, so that the host's caches matter little (ours 250, the real one's 1,000, its least), fork over 10,000.

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

const FAULT_PAGES = 250
const FAULT_ROUNDS = 160
const REAL_FAULT_PAGES = 1000 // the least that bench-kernel.c takes
const REAL_FAULT_ROUNDS = 41
const FORK_PAGES = 10_000
const FORK_ROUNDS = 9
const WARM_UP = 20
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
  const faults = measureReal(REAL_FAULT_PAGES, REAL_FAULT_ROUNDS)
  const forks = measureReal(FORK_PAGES, FORK_ROUNDS)
  const ours = measureOurs()
  const figures = {} as Record<Case, Figure>
  for (const name of Object.keys(realNames) as Case[]) {
    const ns = round(median(ours[name]))
    const [realName, unit] = realNames[name]
    const real = name === 'fork10k' ? forks : faults
    if (typeof real === 'string') figures[name] = { ns, realNs: null, ratio: null, why: real }
    else {
      const realNs = round(real[realName] * unit)
      figures[name] = { ns, realNs, ratio: round(ns / realNs, 4) }
    }
  }
  return figures
}

function measureOurs(): Record<Case, number[]> {
  const m = createMachine(
    { ram: 256 << 20, bits: 64, pageSize: 4096, seed: 1, hostname: 'bench', speed: 20_000_000 },
    0,
  )
  const { task: handle } = apply(m, 1, { t: 'seat', name: 'bench', role: 'teacher', from: '::1' })
  const task = m.handles.get(handle!)!
  m.current = task
  const times: Record<Case, number[]> = {
    writeFault: [],
    zeroFault: [],
    cowFault: [],
    reuseFault: [],
    fork10k: [],
    mmapMunmap: [],
  }
  for (let i = -WARM_UP; i < FAULT_ROUNDS; i++) {
    const sample = faultRound(m, task)
    if (i >= 0) for (const [name, ns] of Object.entries(sample)) times[name as Case].push(ns)
  }
  for (let i = -WARM_UP; i < FORK_ROUNDS; i++) {
    const ns = forkRound(m, task)
    if (i >= 0) times.fork10k.push(ns)
  }
  return times
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

/** bench-kernel's median figures, or why there are none. */
function measureReal(pages: number, rounds: number): Record<string, number> | string {
  const source = join(repository(), '../shared/oracle/mm/bench-kernel.c')
  if (!existsSync(source)) return 'no recordings of the real kernel beside the repository'
  if (spawnSync('gcc', ['--version']).status !== 0) return 'no gcc'
  const folder = mkdtempSync(join(tmpdir(), 'oomroom-bench-'))
  try {
    const binary = join(folder, 'bench-kernel')
    execFileSync('gcc', ['-O2', '-o', binary, source])
    const printed = execFileSync(binary, [String(pages), String(rounds)], { encoding: 'utf8' })
    return (JSON.parse(printed) as { median: Record<string, number> }).median
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits))
}
