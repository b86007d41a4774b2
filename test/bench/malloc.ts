// malloc's speed beside the real glibc's, in one run: ns per step of a few loops.
//
//   pair     malloc and free of one size; 40 MiB are beyond the largest threshold, so always mmap and munmap
//   touched  with a byte written in between: two page faults' worth, header and block
//   replace  1000 live blocks of random sizes, a random one goes and another comes
//
// Ours: a process of a booted machine makes the calls, as its C prompt does. The real one: malloc.c beside this file,
// compiled where gcc is. The two take turns case by case, since a shared host's speed drifts; of each turn the least of
// its rounds counts, a figure is the median over the turns, the ratio the median of the turns' ratios.

import { join } from 'node:path'
import { mkPrng, nextBelow } from '../../shared/lib/prng.ts'
import { free, malloc, type MallocEnv } from '../../shared/libc/malloc.ts'
import { mkCaller } from '../../shared/libc/process.ts'
import { mkLibcState } from '../../shared/libc/state.ts'
import { topDirectory } from '../helpers/top.ts'
import { compile, type Native } from './native.ts'
import { bootProcess, median, round, time, type Figure } from './process.ts'

const TURNS = 5
const ROUNDS = 5
const LIVE = 1000

interface Case {
  kind: 'pair' | 'touched' | 'replace'
  low: number
  high: number
  count: number // steps of a round, ours
  realCount: number
}

const pair = (bytes: number, count = 200_000): Case => ({
  kind: 'pair',
  low: bytes,
  high: bytes,
  count,
  realCount: count * 5,
})
const replace = (low: number, high: number, count: number): Case => ({
  kind: 'replace',
  low,
  high,
  count,
  realCount: count * 5,
})
const mapped = (kind: 'pair' | 'touched'): Case => ({
  ...pair(40 << 20, 2000),
  kind,
})

export const CASES: Record<string, Case> = {
  pair24: pair(24),
  pair100: pair(100),
  pair1000: pair(1000),
  pair2000: pair(2000),
  pair100000: pair(100_000),
  replace1to100: replace(1, 100, 100_000),
  replace1to1000: replace(1, 1000, 100_000),
  replace1to20000: replace(1, 20_000, 50_000),
  pair40MiB: mapped('pair'),
  touched40MiB: mapped('touched'),
}

export function measure(): Record<string, Figure> {
  const real = realMalloc()
  const { m, task } = bootProcess({ ram: 256 << 20 })
  const { env } = mkCaller(m, task, mkLibcState(), () => '')
  const figures: Record<string, Figure> = {}
  for (const [name, one] of Object.entries(CASES)) {
    const ours = prepare(env, one)
    for (let i = 0; i < ROUNDS; i++) ours.round()
    const turns = Array.from({ length: TURNS }, () => ({
      real: runReal(real, one),
      ours: Math.min(...Array.from({ length: ROUNDS }, () => time(ours.round) / one.count)),
    }))
    ours.end()
    figures[name] = compare(turns, real.why)
  }
  real.remove()
  return figures
}

function compare(turns: { ours: number; real: number | null }[], why: string): Figure {
  const ns = round(median(turns.map(({ ours }) => ours)))
  const reals = turns.flatMap(({ real }) => (real === null ? [] : [real]))
  if (reals.length === 0) return { ns, realNs: null, ratio: null, why }
  const ratio = median(turns.map(({ ours }, i) => ours / reals[i]))
  return { ns, realNs: round(median(reals)), ratio: round(ratio, 2) }
}

export function show(figures: Record<string, Figure>): string {
  const cell = (value: number | null | undefined) => String(value ?? '-').padStart(12)
  const lines = Object.entries(figures).map(
    ([name, { ns, realNs, ratio }]) => name.padEnd(18) + [ns, realNs, ratio].map(cell).join(''),
  )
  const why = Object.values(figures).find((figure) => figure.why !== undefined)?.why
  const head = 'ns'.padEnd(18) + ['ours', 'real', 'ratio'].map((text) => text.padStart(12)).join('')
  return [head, ...lines, ...(why === undefined ? [] : [`no real figures: ${why}`]), ''].join('\n')
}

interface Loop {
  round: () => void
  end: () => void
}

export function prepare(env: MallocEnv, { kind, low, high, count }: Case): Loop {
  if (kind === 'pair') return { round: () => pairs(env, low, count), end: () => undefined }
  if (kind === 'touched') return { round: () => touched(env, low, count), end: () => undefined }
  const live = new Float64Array(LIVE)
  const which = new Int32Array(count)
  const sizes = new Int32Array(count)
  const prng = mkPrng(1)
  for (let i = 0; i < count; i++) {
    which[i] = nextBelow(prng, LIVE)
    sizes[i] = low + nextBelow(prng, high - low + 1)
  }
  return {
    round: () => replaceSome(env, live, which, sizes),
    end: () => live.forEach((mem) => free(env, mem)),
  }
}

function pairs(env: MallocEnv, bytes: number, count: number): void {
  for (let i = 0; i < count; i++) free(env, malloc(env, bytes))
}

function touched(env: MallocEnv, bytes: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const mem = malloc(env, bytes)
    env.store8(mem, 1)
    free(env, mem)
  }
}

function replaceSome(
  env: MallocEnv,
  live: Float64Array,
  which: Int32Array,
  sizes: Int32Array,
): void {
  for (let i = 0; i < which.length; i++) {
    const k = which[i]
    free(env, live[k])
    live[k] = malloc(env, sizes[i])
  }
}

/** malloc.c beside this file. */
function realMalloc(): Native {
  return compile(join(topDirectory(), 'test/bench/malloc.c'), ['-O2', '-fno-builtin'])
}

function runReal({ run }: Native, { kind, low, high, realCount }: Case): number | null {
  return run === null ? null : Number(run([kind, low, high, realCount, ROUNDS]))
}
