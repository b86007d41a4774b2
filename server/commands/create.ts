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
    options: {
      ...machineOptionArgs,
      password: { type: 'string', default: process.env.CREATE_PASSWORD },
      lobby: { type: 'boolean' },
    },
    allowPositionals: true,
  })
  if (positionals.length !== 1)
    throw new UsageError('create URL [--password P] [--lobby] [MACHINE OPTIONS]')
  const server = readServer(positionals[0])
  readMachineOptions(values) // says what is wrong before anyone is asked
  const response = await fetch(`${server}/api/rooms`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      ...givenOptions(values),
      password: values.password,
      lobby: values.lobby,
    }),
  }).catch((error: Error) => {
    throw new Failure(`${server} cannot be reached: ${causeOf(error)}`)
  })
  const answer = (await response.json().catch(() => ({}))) as {
    why?: string
    waitMs?: number
    detail?: string
    url?: string
    teacherToken?: string
    teacherKey?: string
  }
  if (!response.ok)
    throw new Failure(answer.detail ?? `${server} refuses: ${reasonOf(answer.why, answer.waitMs)}`)
  const { teacherKey, ...rest } = answer
  // What is behind # reaches no server, and the page takes it out of its address. Browsers remember all the same what
  // was typed: so this key is good once.
  process.stdout.write(
    JSON.stringify({ ...rest, teacherUrl: `${rest.url}#key=${teacherKey}` }) + '\n',
  )
  return 0
}

export function causeOf(error: Error): string {
  const cause = error.cause as { code?: string; message?: string } | undefined
  return cause?.code ?? cause?.message ?? error.message
}

function reasonOf(why: string | undefined, wait = 0): string {
  if (why === 'password') return 'rooms are opened with a password: --password, or CREATE_PASSWORD'
  if (why === 'rooms') return 'it has as many rooms open as it may'
  if (why === 'busy') return `too many tries; again in ${Math.ceil(wait / 1000)} s`
  return why ?? 'no reason is given'
}
