// `oomroom join URL/CODE`: a seat from a terminal.

import { randomBytes } from 'node:crypto'
import { engineId } from '../engine.ts'
import { Replica } from '../replica.ts'
import { readArgs, readRoomAddress } from './args.ts'
import { Failure, UsageError } from './errors.ts'
import { runCommands, runTerminal } from './terminal.ts'
import { writeTo } from './terminalText.ts'

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArgs({
    args,
    options: {
      name: { type: 'string' },
      token: { type: 'string' },
      pair: { type: 'string' },
      command: { type: 'string', short: 'c' },
    },
    allowPositionals: true,
  })
  const address = positionals.length === 1 ? readRoomAddress(positionals[0]) : null
  if (address === null)
    throw new UsageError('join URL/CODE --name NAME [--token T|--pair CODE] [-c CMDS]')
  const { name, token, pair } = values
  if (name === undefined && token === undefined && pair === undefined)
    throw new UsageError('join: --name, --token or --pair is needed')
  if (token !== undefined && !/^[0-9a-f]{32}$/.test(token))
    throw new UsageError('--token: 32 hexadecimal digits')

  const replica = new Replica({
    ...address,
    engine: engineId(),
    name,
    pair,
    // Made up here, so that coming back after a lost answer finds the seat.
    token: token ?? randomBytes(16).toString('hex'),
  })
  const ended = new Promise<never>(
    (_, reject) => (replica.onEnd = (error) => reject(new Failure(error.message))),
  )
  replica.onBusy = (ms) =>
    process.stderr.write(`too many tries: waiting for ${Math.ceil(ms / 1000)} s\n`)
  const work = async () => {
    await replica.ready()
    if (values.command !== undefined) return runCommands(replica, values.command)
    const seat = replica.room().seats.get(replica.seat)
    writeTo(
      process.stderr,
      `seat ${replica.seat} (${seat?.name ?? ''}); to come back: --token ${replica.token}\n`,
    )
    return runTerminal(replica)
  }
  try {
    return await Promise.race([work(), ended])
  } finally {
    replica.close()
  }
}
