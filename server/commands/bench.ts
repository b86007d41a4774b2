// `oomroom bench [NAME…]`: what things cost here. One object: bench, case, figures with the unit in the key.

import { readArgs } from './args.ts'
import { UsageError } from './errors.ts'

export type Figures = Record<string, unknown>

interface Bench {
  /** What cannot be measured here is null with a `why`. */
  measure(): Promise<Figures> | Figures
  /** The figures for people; without it they are listed one by one. */
  show?(figures: Figures): string
}

const benches: Record<string, () => Promise<Bench>> = {
  kernel: () => import('../../test/bench/kernel.ts'),
  malloc: () => import('../../test/bench/malloc.ts'),
  room: () => import('../../test/bench/room.ts'),
  client: () => import('../../test/bench/client.ts'),
}

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArgs({
    args,
    options: { json: { type: 'boolean', default: false } },
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
  const results: Record<string, Figures> = {}
  for (const name of names) {
    const bench = await benches[name]()
    results[name] = await bench.measure()
    if (values.json) continue
    if (bench.show !== undefined) process.stdout.write(bench.show(results[name]))
    else print(name, results[name])
  }
  if (values.json) process.stdout.write(JSON.stringify(results) + '\n')
  return 0
}

function print(path: string, value: unknown): void {
  if (typeof value !== 'object' || value === null)
    process.stdout.write(`${path.padEnd(40)} ${String(value)}\n`)
  else for (const [key, inner] of Object.entries(value)) print(`${path} ${key}`, inner)
}
