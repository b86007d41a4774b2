// `oomroom serve`: the classroom server.

import type { AddressInfo } from 'node:net'
import { renderUnicodeCompact } from 'uqr'
import { parseSize, sizeText } from '../../shared/room/options.ts'
import { DEFAULT_ALLOWED } from '../net/allowed.ts'
import { lanAddresses } from '../net/lan.ts'
import { startServer } from '../net/server.ts'
import { readArgs } from './args.ts'
import { UsageError } from './errors.ts'

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']
const LOG_MIN = 64 * 1024

/** SIGTERM to exit, whatever the clients do. */
const STOP_MS = 4500

const help = `usage: oomroom serve [OPTIONS]        the classroom server

  --port N              3000            PORT             where it listens; 0: any free port
  --host ADDRESS        0.0.0.0         HOST             0.0.0.0: the whole network, 127.0.0.1: this computer only
  --data DIR            data            DATA_DIR         where the rooms are kept
  --public-url URL                      PUBLIC_URL       how the class reaches this server, behind a proxy
  --proxies N           0               PROXIES          proxies before this server: who asks is what X-Forwarded-For
                                                         says, which so many of them have added to
  --log-level LEVEL     info            LOG_LEVEL        fatal, error, warn, info, debug, trace or silent

  --create-password P                   CREATE_PASSWORD  who wants to open a room has to know it (better in the
                                                         environment: others on this computer see command lines)
  --max-rooms N         64              MAX_ROOMS        rooms open at a time; one that nobody is in makes place
  --max-seats N         2000            MAX_SEATS        seats of a room
  --max-log SIZE        1G              MAX_LOG          size of a room's log; then the room takes nothing more, and
                                                         can be read
  --retention DAYS      0               RETENTION_DAYS   rooms that were not written to for so many days are deleted;
                                                         0: none is

The second column is what holds if nothing is said, the third the environment variable.
`

export async function run(args: string[]): Promise<number | void> {
  const { env } = process
  const { values } = readArgs({
    args,
    options: {
      port: { type: 'string', default: env.PORT ?? '3000' },
      host: { type: 'string', default: env.HOST ?? '0.0.0.0' },
      data: { type: 'string', default: env.DATA_DIR ?? 'data' },
      'public-url': { type: 'string', default: env.PUBLIC_URL },
      proxies: { type: 'string', default: env.PROXIES ?? '0' },
      'log-level': { type: 'string', default: env.LOG_LEVEL ?? 'info' },
      'create-password': { type: 'string', default: env.CREATE_PASSWORD ?? '' },
      'max-rooms': { type: 'string', default: env.MAX_ROOMS ?? String(DEFAULT_ALLOWED.rooms) },
      'max-seats': { type: 'string', default: env.MAX_SEATS ?? String(DEFAULT_ALLOWED.seats) },
      'max-log': { type: 'string', default: env.MAX_LOG ?? String(DEFAULT_ALLOWED.logBytes) },
      retention: {
        type: 'string',
        default: env.RETENTION_DAYS ?? String(DEFAULT_ALLOWED.retentionDays),
      },
      dev: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const publicUrl = values['public-url']?.replace(/\/+$/, '') ?? null
  if (publicUrl !== null && !/^https?:\/\/[^/]+/.test(publicUrl))
    throw new UsageError(`--public-url: http://…`)
  const level = values['log-level']
  if (!LEVELS.includes(level)) throw new UsageError(`--log-level: one of ${LEVELS.join(', ')}`)

  const server = await startServer({
    port: whole('--port', values.port, 0, 65_535),
    host: values.host,
    data: values.data,
    publicUrl,
    proxies: whole('--proxies', values.proxies, 0, 10),
    logLevel: level,
    dev: values.dev,
    allowed: {
      createPassword: password(values['create-password']),
      rooms: whole('--max-rooms', values['max-rooms'], 1, 10_000),
      seats: whole('--max-seats', values['max-seats'], 1, 10_000),
      logBytes: logSize(values['max-log']),
      retentionDays: whole('--retention', values.retention, 0, 36_500),
    },
  })
  announce(server.address, values.host, publicUrl)

  let stopping = false
  const stop = (signal: string) => {
    if (stopping) process.exit(1) // asked twice: at once
    stopping = true
    setTimeout(() => process.exit(0), STOP_MS).unref()
    void server.stop(signal).then(() => process.exit(0))
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  if (value >= least && value <= most) return value
  throw new UsageError(`${option}: a whole number from ${least} to ${most}`)
}

function logSize(text: string): number {
  const size = parseSize(text)
  if (size !== null && size >= LOG_MIN) return size
  throw new UsageError(`--max-log: a size from ${sizeText(LOG_MIN)}, such as 64M`)
}

function password(text: string): string {
  if (text.length > 200) throw new UsageError('--create-password: 200 characters at most')
  return text
}

function announce({ port }: AddressInfo, host: string, publicUrl: string | null): void {
  const everywhere = host === '0.0.0.0' || host === '::'
  console.log(
    `listening on http://${everywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host}:${port}`,
  )
  const lan = everywhere ? lanAddresses().map((address) => `http://${address}:${port}`) : []
  for (const url of lan) console.log(`for the class: ${url}`)
  const first = publicUrl ?? lan[0]
  if (first === undefined) return
  if (publicUrl !== null) console.log(`for the class: ${publicUrl}`)
  console.log(renderUnicodeCompact(first))
}
