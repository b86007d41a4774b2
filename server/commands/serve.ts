// `oomroom serve`: the classroom server.

import type { AddressInfo } from 'node:net'
import { renderUnicodeCompact } from 'uqr'
import { lanAddresses } from '../net/lan.ts'
import { startServer } from '../net/server.ts'
import { readArgs } from './args.ts'
import { UsageError } from './errors.ts'

/** SIGTERM to exit, whatever the clients do. */
const STOP_MS = 4500

export async function run(args: string[]): Promise<void> {
  const { env } = process
  const { values } = readArgs({
    args,
    options: {
      port: { type: 'string', default: env.PORT ?? '3000' },
      host: { type: 'string', default: env.HOST ?? '0.0.0.0' },
      data: { type: 'string', default: env.DATA_DIR ?? 'data' },
      'public-url': { type: 'string', default: env.PUBLIC_URL },
      'log-level': { type: 'string', default: env.LOG_LEVEL ?? 'info' },
      dev: { type: 'boolean', default: false },
    },
  })
  const port = Number(values.port)
  if (!/^\d+$/.test(values.port) || port > 65_535) throw new UsageError(`--port: 0 to 65535`)
  const publicUrl = values['public-url']?.replace(/\/+$/, '') ?? null
  if (publicUrl !== null && !/^https?:\/\/[^/]+/.test(publicUrl))
    throw new UsageError(`--public-url: http://…`)

  const server = await startServer({
    port,
    host: values.host,
    data: values.data,
    publicUrl,
    logLevel: values['log-level'],
    dev: values.dev,
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
