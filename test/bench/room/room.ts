// `oomroom bench room`: what a room costs, alone and full of people.
//
// --seconds N    how long each class is watched (60)
// --seats N,…    the classes (40, 300 and 1,000)

import type { BenchOptions } from '../../../server/commands/bench.ts'
import { measureCost } from './cost.ts'
import { ramFor } from './lesson.ts'
import {
  measureArrivals,
  measureClass,
  measureLateJoin,
  pinning,
  type ArrivalFigures,
  type ClassFigures,
  type LateFigures,
} from './load.ts'
import type { PatchFigures } from './statePatches.ts'

const SECONDS = 60
const SEATS = [40, 300, 1000]
const JOINS = 200
const STORM = 300
const LATE = { entries: 20_000, randomMiB: 64 }
const PATCH_TICKS = 60

type Patches = PatchFigures | { kibPerClientSecond: null; why: string }
type Class = ClassFigures & { statePatches: Patches }

export async function measure({ seconds = SECONDS, seats = SEATS }: BenchOptions) {
  const classes: Record<string, Class> = {}
  for (const count of seats) {
    const figures = await measureClass(count, seconds)
    classes[count] = { ...figures, statePatches: await patches(count) }
  }
  return {
    ...classes,
    where: pinning(),
    arrivals: await measureArrivals(JOINS, STORM),
    lateJoin: await measureLateJoin(LATE.entries, LATE.randomMiB),
    ...(await measureCost()),
  }
}

/** The library is a development dependency: an installed program may be without it. */
async function patches(seats: number): Promise<Patches> {
  try {
    const { measurePatches } = await import('./statePatches.ts')
    return measurePatches(seats, ramFor(seats), PATCH_TICKS)
  } catch (error) {
    return { kibPerClientSecond: null, why: (error as Error).message.split('\n')[0] }
  }
}

export function show(figures: Record<string, unknown>): string {
  const { where, arrivals, lateJoin, ...rest } = figures as {
    where: string
    arrivals: ArrivalFigures
    lateJoin: LateFigures
  } & Record<string, unknown>
  const lines: string[] = []
  const classes = Object.entries(rest).filter(([name]) => /^\d+$/.test(name))
  const columns = ['seats', 'RAM', 'CPU', 'queued', 'clients', 'queued', 'p50', 'p95', 'p99', 'at socket p95', 'refused', 'failed', 'B/entry', 'KiB/s each', 'by state patches', 'RSS', 'load'] // prettier-ignore
  const rows = classes.map(([, one]) => rowOf(one as Class))
  const first = classes[0]?.[1] as Class | undefined
  lines.push(
    `rooms at 2 statements a second and seat, ${first?.seconds ?? 0} s each; ${where}`,
    ...table([columns, ...rows]),
    '',
    `${arrivals.joins} join at once: ${arrivals.joinMs} ms; the network of ${arrivals.storm} goes and comes: ${arrivals.stormMs} ms`,
    `late into ${lateJoin.entries} entries, ${lateJoin.randomMiB} MiB of random bytes: map after ${lateJoin.pictureMs} ms, ` +
      `all after ${lateJoin.liveMs} ms (${lateJoin.kib} KiB); the server's start from its log: ${lateJoin.restartMs} ms`,
    '',
  )
  for (const [name, value] of Object.entries(rest)) {
    if (/^\d+$/.test(name)) continue
    for (const [key, inner] of Object.entries(value as object))
      lines.push(`${`${name} ${key}`.padEnd(28)} ${String(inner)}`)
  }
  return lines.join('\n') + '\n'
}

function rowOf(one: Class): string[] {
  const patches = one.statePatches.kibPerClientSecond
  return [
    String(one.seats),
    `${one.ramMiB}M`,
    `${one.cpuPercent} %`,
    `${one.waitedPercent} %`,
    `${one.clientsCpuPercent} %`,
    `${one.clientsWaitedPercent} %`,
    ms(one.p50Ms),
    ms(one.p95Ms),
    ms(one.p99Ms),
    ms(one.arrivedP95Ms),
    String(one.refused),
    String(one.failed),
    String(one.bytesPerEntry),
    String(one.kibPerClientSecond),
    patches === null ? '-' : `${patches} KiB/s`,
    `${one.rssMiB}M`,
    String(one.load),
  ]
}

function ms(value: number | null): string {
  return value === null ? 'never' : `${value} ms`
}

function table(rows: string[][]): string[] {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  return rows.map((row) => row.map((cell, i) => cell.padStart(widths[i])).join('  '))
}
