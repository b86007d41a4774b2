// The simulated kernel's speed beside the real one's, in one run: ns per fault, fork per 10,000 pages, mmap and munmap.
//
// Ours: a process of a booted machine makes the accesses and calls. The real one: oracle/mm/bench-kernel.c beside the
// repository, compiled where gcc is. The two take turns, since a shared host's speed drifts; a figure is the median over
// the turns of the medians of each, the ratio the median of the turns' ratios. Faults are measured over few
// pages, so that the host's caches matter little (ours 250, the real one's 1,000, its least), fork over 10,000.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Machine } from '../../shared/state/machine.ts'
import type { Task } from '../../shared/state/task.ts'
import { PAGE_CASES, PAGE_COUNTS, VMA_CASES, VMA_COUNTS, measureScale } from './kernelScale.ts'
import { compile, notHad, type Native } from './native.ts'
import {
  bootProcess,
  end,
  fork,
  map,
  median,
  readAll,
  round,
  time,
  unmap,
  writeAll,
  type Figure,
} from './process.ts'

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

export function measure(): Record<string, Figure> {
  const real = realKernel()
  const run = real.run === null ? null : runReal.bind(null, real.run)
  const { m, task } = bootProcess({ ram: 256 << 20 })
  for (let i = 0; i < WARM_UP; i++) faultRound(m, task)
  for (let i = 0; i < FORK_ROUNDS; i++) forkRound(m, task)
  const turns = Array.from({ length: TURNS }, () => takeTurn(m, task, run))
  const scale = measureScale(run)
  real.remove()

  const figures: Record<string, Figure> = {}
  for (const name of Object.keys(realNames) as Case[]) {
    const ns = round(median(turns.map(({ ours }) => ours[name])))
    const reals = turns.flatMap((turn) => (turn.real === null ? [] : [turn.real[name]]))
    if (reals.length < TURNS) figures[name] = { ns, realNs: null, ratio: null, why: real.why }
    else {
      const ratios = turns.map(({ ours }, i) => ours[name] / reals[i])
      figures[name] = { ns, realNs: round(median(reals)), ratio: round(median(ratios), 4) }
    }
  }
  return { ...figures, ...scale }
}

/** As tables: the cases beside the real kernel, then how they grow. Nanoseconds. */
export function show(figures: Record<string, Figure>): string {
  const cell = (value: number | null | undefined) => String(value ?? '-').padStart(12)
  const line = (head: string, cells: (number | string | null | undefined)[]) =>
    head.padEnd(14) +
    cells.map((one) => (typeof one === 'string' ? one.padStart(12) : cell(one))).join('') +
    '\n'
  let text = line('ns', ['ours', 'real', 'ratio'])
  for (const name of Object.keys(realNames)) {
    const { ns, realNs, ratio } = figures[name]
    text += line(name, [ns, realNs, ratio])
  }
  const grown = (names: readonly string[], counts: number[], unit: string) => {
    text += '\n' + line(unit, counts.map(String))
    for (const name of names)
      text += line(
        name,
        counts.map((count) => figures[`${name}@${count}${unit}`].ns),
      )
  }
  grown(VMA_CASES, VMA_COUNTS, 'vmas')
  grown(PAGE_CASES, PAGE_COUNTS, 'pages')
  return text
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
    readAll(m, task, zeroes, FAULT_PAGES)
  })
  unmap(m, task, zeroes, FAULT_PAGES)

  const pairs = time(() => {
    for (let i = 0; i < PAIRS; i++) unmap(m, task, map(m, task, 16), 16)
  })
  return { writeFault, zeroFault, cowFault, reuseFault, mmapMunmap: pairs / PAIRS }
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

/** bench-kernel.c beside the repository. */
function realKernel(): Native {
  const source = join(repository(), '../shared/oracle/mm/bench-kernel.c')
  if (!existsSync(source)) return notHad('no recordings of the real kernel beside the repository')
  return compile(source, ['-O2'])
}

/** Its median figures. */
function runReal(
  run: NonNullable<Native['run']>,
  pages: number,
  rounds: number,
): Record<string, number> {
  return (JSON.parse(run([pages, rounds])) as { median: Record<string, number> }).median
}
