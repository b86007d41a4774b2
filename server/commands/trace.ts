// `oomroom trace SET [FILE|-]`: runs a trace of a recording on a booted machine and prints result lines.

import { readFileSync } from 'node:fs'
import type { MachineOptions } from '../../shared/state/machine.ts'
import { machineOptionArgs, readArgs, readMachineOptions } from './args.ts'
import { Failure, UsageError } from './errors.ts'

type Runner = (text: string, options: MachineOptions) => string[]

/** By the name of the set. */
const runners: Record<string, () => Promise<Runner>> = {
  malloc: async () => (await import('../trace/malloc.ts')).runTrace,
  mm: async () => (await import('../trace/mm.ts')).runTrace,
  oom: async () => (await import('../trace/oom.ts')).runCases,
}

/** The recorded machines had plenty. */
const DEFAULT_RAM = '1G'

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArgs({
    args,
    options: machineOptionArgs,
    allowPositionals: true,
  })
  const [set, file = '-'] = positionals
  if (set === undefined || positionals.length > 2) {
    throw new UsageError('trace malloc|mm|oom [FILE|-] [MACHINE OPTIONS]')
  }
  if (!Object.hasOwn(runners, set)) {
    throw new UsageError(
      `trace: unknown set '${set}'; there are ${Object.keys(runners).join(', ')}`,
    )
  }
  const options = readMachineOptions({ ram: DEFAULT_RAM, ...values })
  const runTrace = await runners[set]()
  for (const line of answer(runTrace, readTrace(file), options)) process.stdout.write(`${line}\n`)
  return 0
}

function readTrace(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new Failure(`trace: ${(error as Error).message}`)
  }
}

function answer(runTrace: Runner, text: string, options: MachineOptions): string[] {
  try {
    return runTrace(text, options)
  } catch (error) {
    if (error instanceof SyntaxError) throw new Failure(`trace: ${error.message}`)
    throw error
  }
}
