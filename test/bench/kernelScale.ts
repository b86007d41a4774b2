// How the kernel's costs grow: with the VMAs of a process, and with the pages of one mapping. Each figure is the median
// of some rounds, in nanoseconds of one call, one fault or one page.

import { MADV_DONTNEED } from '../../shared/mm/madvise.ts'
import { PROT_READ, PROT_WRITE } from '../../shared/mm/mmap.ts'
import type { Machine } from '../../shared/state/machine.ts'
import type { Task } from '../../shared/state/task.ts'
import { doSyscall } from '../../shared/syscall/table.ts'
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

export const VMA_COUNTS = [10, 100, 1000, 10_000, 60_000]
export const PAGE_COUNTS = [1000, 10_000, 100_000, 1_000_000]

/** What is measured, by what it depends on. */
export const VMA_CASES = ['mmapMunmap', 'mprotectPair', 'zeroFault', 'fork'] as const
export const PAGE_CASES = ['writeFault', 'zeroFault', 'munmapPage', 'fork10k'] as const

type RunReal = (pages: number, rounds: number) => Record<string, number>

const ROUNDS = 9
const WARM_UP = 5
const PAIRS = 500
const FAULTS = 250
const FEW_PAGES = 100_000 // more would take gigabytes of the host's memory if each had a frame

/** `real`: the real kernel's figures, where they can be had. */
export function measureScale(real: RunReal | null): Record<string, Figure> {
  const figures: Record<string, Figure> = {}
  for (let i = 0; i < WARM_UP; i++) measureVmas(VMA_COUNTS[1])
  for (const count of VMA_COUNTS) {
    const found = measureVmas(count)
    for (const name of VMA_CASES) {
      const why = 'bench-kernel.c does not measure this'
      figures[`${name}@${count}vmas`] = { ns: found[name], realNs: null, ratio: null, why }
    }
  }
  for (const count of PAGE_COUNTS) {
    const found = measurePages(count)
    const its = count > FEW_PAGES ? undefined : real?.(count, 3)
    for (const name of PAGE_CASES)
      figures[`${name}@${count}pages`] = compare(found[name], its?.[realNames[name]], name, count)
  }
  return figures
}

const realNames: Record<(typeof PAGE_CASES)[number], string> = {
  writeFault: 'write_fault_ns',
  zeroFault: 'zero_fault_ns',
  munmapPage: 'unmap_ns',
  fork10k: 'fork_us_per_10k',
}

function compare(ns: number | null, real: number | undefined, name: string, count: number): Figure {
  if (ns === null || real === undefined) {
    const why =
      count > FEW_PAGES
        ? 'it would take gigabytes of the host’s memory'
        : 'the real kernel’s figures cannot be had'
    return { ns, realNs: null, ratio: null, why }
  }
  const realNs = name === 'fork10k' ? real * 1000 : real
  return { ns, realNs: round(realNs), ratio: round(ns / realNs, 4) }
}

// --- VMAs ------------------------------------------------------------------------------------------------------------

/** A process with so many VMAs and nothing else: its stack, and single pages with a hole of one page between them. */
function scatter(count: number): { m: Machine; task: Task; area: number } {
  const { m, task } = bootProcess({ ram: 256 << 20, overcommit: 1 })
  const stack = m.layout.stackTop - m.pageSize
  doSyscall(m, task, 'munmap', [0, stack])
  const pages = 2 * (count - 1)
  const area = map(m, task, pages)
  for (let i = 1; i < pages; i += 2) unmap(m, task, area + i * m.pageSize, 1)
  return { m, task, area }
}

function measureVmas(count: number): Record<(typeof VMA_CASES)[number], number> {
  const { m, task, area } = scatter(count)
  const middle = map(m, task, 3) + m.pageSize
  const touched = Math.min(FAULTS, count - 1)
  const first = area + 2 * ((count - touched) >> 1) * m.pageSize // a VMA for each fault, amid the others
  const rounds = Array.from({ length: ROUNDS }, () => {
    const pairs = time(() => {
      for (let i = 0; i < PAIRS; i++) unmap(m, task, map(m, task, 16), 16)
    })
    const protects = time(() => {
      for (let i = 0; i < PAIRS; i++) {
        doSyscall(m, task, 'mprotect', [middle, m.pageSize, PROT_READ])
        doSyscall(m, task, 'mprotect', [middle, m.pageSize, PROT_READ | PROT_WRITE])
      }
    })
    const faults = time(() => {
      readAll(m, task, first, touched, 2)
    })
    doSyscall(m, task, 'madvise', [first, 2 * touched * m.pageSize, MADV_DONTNEED])
    const child = fork(m, task)
    end(m, child.task)
    return {
      mmapMunmap: pairs / PAIRS,
      mprotectPair: protects / PAIRS,
      zeroFault: faults / touched,
      fork: child.ns,
    }
  })
  return medians(VMA_CASES, rounds)
}

// --- pages -----------------------------------------------------------------------------------------------------------

function measurePages(count: number): Record<(typeof PAGE_CASES)[number], number | null> {
  const frames = count <= FEW_PAGES
  const { m, task } = bootProcess({ ram: frames ? 1 << 30 : 256 << 20, overcommit: 1 })
  const length = Math.max(3, Math.min(ROUNDS, Math.floor(200_000 / count)))
  const rounds = Array.from({ length }, () => {
    const zeroes = map(m, task, count)
    const zeroFault = time(() => {
      readAll(m, task, zeroes, count)
    })
    if (frames) unmap(m, task, zeroes, count)
    const area = frames ? map(m, task, count) : zeroes
    const writeFault = time(() => {
      if (frames) writeAll(m, task, area, count)
    })
    let forked = 0
    if (frames) {
      const child = fork(m, task)
      forked = child.ns
      end(m, child.task)
    }
    const gone = time(() => {
      unmap(m, task, area, count)
    })
    return {
      zeroFault: zeroFault / count,
      writeFault: writeFault / count,
      munmapPage: gone / count,
      fork10k: forked * (10_000 / count),
    }
  })
  const found = medians(PAGE_CASES, rounds)
  return frames ? found : { ...found, writeFault: null, fork10k: null }
}

function medians<Name extends string>(
  names: readonly Name[],
  rounds: Record<Name, number>[],
): Record<Name, number> {
  const found = {} as Record<Name, number>
  for (const name of names) found[name] = round(median(rounds.map((one) => one[name])))
  return found
}
