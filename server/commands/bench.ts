// `oomroom bench [NAME…] [--seconds N] [--seats N,…]`: what things cost here. One object: bench, case, figures with the unit in the key.

import { readArgs } from './args.ts'
import { UsageError } from './errors.ts'

export type Figures = Record<string, unknown>

/** For those that take long. */
export interface BenchOptions {
  seconds?: number
  seats?: number[]
}

interface Bench {
  /** What cannot be measured here is null with a `why`. */
  measure(options: BenchOptions): Promise<Figures> | Figures
  /** The figures for people; without it they are listed one by one. */
  show?(figures: Figures): string
}

const benches: Record<string, () => Promise<Bench>> = {
  kernel: () => import('../../test/bench/kernel.ts'),
  malloc: () => import('../../test/bench/malloc.ts'),
  room: () => import('../../test/bench/room/room.ts'),
  client: () => import('../../test/bench/client.ts'),
}

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArgs({
    args,
    options: {
      json: { type: 'boolean', default: false },
      seconds: { type: 'string' },
      seats: { type: 'string' },
    },
    allowPositionals: true,
  })
  const names = positionals.length === 0 ? Object.keys(benches) : positionals
  for (const name of names) {
    if (!Object.hasOwn(benches, name)) {
      throw new UsageError(
        `bench: there is no '${name}'; there are ${Object.keys(benches).join(', ')}`,
      )
    }
  }
  const options = {
    seconds: readNumbers('--seconds', values.seconds)?.[0],
    seats: readNumbers('--seats', values.seats),
  }
  const results: Record<string, Figures> = {}
  for (const name of names) {
    const bench = await benches[name]()
    results[name] = await bench.measure(options)
    if (values.json) continue
    if (bench.show !== undefined) process.stdout.write(bench.show(results[name]))
    else print(name, results[name])
  }
  if (values.json) process.stdout.write(JSON.stringify(results) + '\n')
  return 0
}

function readNumbers(option: string, text: string | undefined): number[] | undefined {
  if (text === undefined) return undefined
  const numbers = text.split(',').map(Number)
  if (numbers.every((number) => Number.isInteger(number) && number >= 1 && number <= 10_000))
    return numbers
  throw new UsageError(`bench: ${option}: whole numbers from 1`)
}

function print(path: string, value: unknown): void {
  if (typeof value !== 'object' || value === null)
    process.stdout.write(`${path.padEnd(40)} ${String(value)}\n`)
  else for (const [key, inner] of Object.entries(value)) print(`${path} ${key}`, inner)
}
