// `oomroom create URL`: makes a room.

import {
  givenOptions,
  machineOptionArgs,
  readArgs,
  readMachineOptions,
  readServer,
} from './args.ts'
import { Failure, UsageError } from './errors.ts'

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArgs({
    args,
    options: machineOptionArgs,
    allowPositionals: true,
  })
  if (positionals.length !== 1) throw new UsageError('create URL [MACHINE OPTIONS]')
  const server = readServer(positionals[0])
  readMachineOptions(values) // says what is wrong before anyone is asked
  const response = await fetch(`${server}/api/rooms`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(givenOptions(values)),
  }).catch((error: Error) => {
    throw new Failure(`${server} cannot be reached: ${causeOf(error)}`)
  })
  const answer = (await response.json().catch(() => ({}))) as { why?: string; detail?: string }
  if (!response.ok)
    throw new Failure(answer.detail ?? `${server} refuses: ${answer.why ?? response.status}`)
  process.stdout.write(JSON.stringify(answer) + '\n')
  return 0
}

export function causeOf(error: Error): string {
  const cause = error.cause as { code?: string; message?: string } | undefined
  return cause?.code ?? cause?.message ?? error.message
}
