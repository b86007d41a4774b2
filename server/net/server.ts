// The server as a whole: one http port for the client's files, the API and the sockets.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { destination, pino, type Logger } from 'pino'
import { engineId } from '../engine.ts'
import { Rooms } from '../room/rooms.ts'
import { lockDir } from '../store/dirLock.ts'
import { fileStore } from '../store/fileStore.ts'
import { mkApp } from './api.ts'
import { mkAddressOf } from './address.ts'
import { DEFAULT_ALLOWED, type Allowed } from './allowed.ts'
import { Known, mkLimits, type Limits } from './limits.ts'
import { Sockets } from './sockets.ts'

const HANG_MS = 10_000

export interface ServerOptions {
  port: number // 0: any free one
  host: string
  data: string
  publicUrl?: string | null
  proxies?: number // that stand before this server
  logLevel?: string
  dev?: boolean // the client from its sources, through vite
  hangMs?: number
  allowed?: Partial<Allowed>
  limits?: Limits // how fast; for tests that want more
}

export interface RunningServer {
  address: AddressInfo
  rooms: Rooms
  sockets: Sockets
  /** Tells the clients, writes what was accepted, ends. */
  stop(signal?: string): Promise<void>
}

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const unlock = lockDir(options.data)
  try {
    const server = await start(options)
    return { ...server, stop: (signal) => server.stop(signal).finally(unlock) }
  } catch (error) {
    unlock()
    throw error
  }
}

async function start(options: ServerOptions): Promise<RunningServer> {
  const log = mkLog(options.logLevel ?? 'info')
  const engine = engineId()
  const allowed = { ...DEFAULT_ALLOWED, ...options.allowed }
  const rooms = new Rooms(fileStore(options.data, engine), {
    dir: options.data,
    engine,
    log,
    hangMs: options.hangMs ?? HANG_MS,
    roomsMax: allowed.rooms,
    retentionDays: allowed.retentionDays,
    limits: { seats: allowed.seats, logBytes: allowed.logBytes },
  })
  const limits = options.limits ?? mkLimits()
  const known = new Known()
  const addressOf = mkAddressOf(options.proxies ?? 0)
  const clientDir = options.dev ? null : builtClient()
  const publicUrl = options.publicUrl ?? null
  const app = mkApp({
    rooms,
    limits,
    known,
    addressOf,
    engine,
    publicUrl,
    clientDir,
    createPassword: allowed.createPassword,
  })
  const http = createServer(app)
  const sockets = new Sockets(http, { rooms, limits, known, addressOf, log })
  if (options.dev) {
    const { createServer: createVite } = await import('vite')
    const vite = await createVite({
      server: { middlewareMode: true, hmr: { server: http } },
      appType: 'spa',
    })
    app.use(vite.middlewares)
  }

  await rooms.recover()
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen(options.port, options.host, resolve)
  })
  const address = http.address() as AddressInfo
  log.info({ port: address.port, host: options.host, data: options.data, engine }, 'listening')

  let stopped: Promise<void> | null = null
  const stop = async (signal: string) => {
    log.info({ signal }, 'stopping')
    http.close()
    await sockets.close('restarting')
    await rooms.close()
    http.closeAllConnections()
    log.info({}, 'stopped')
  }
  return { address, rooms, sockets, stop: (signal = 'stop') => (stopped ??= stop(signal)) }
}

/** To stderr, a line of ASCII each: a terminal that shows it obeys nobody who is named in it. */
function mkLog(level: string): Logger {
  const out = destination({ fd: 2, sync: true })
  const plain = (line: string) =>
    line.replace(/[\x7f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return pino({ level }, { write: (line: string) => void out.write(plain(line)) })
}

/** dist/client, seen from the source or from the bundle. */
function builtClient(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  return import.meta.url.endsWith('.ts') ? join(here, '../../dist/client') : join(here, 'client')
}
