// The server as a whole: one http port for the client's files, the API and the sockets.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { destination, pino } from 'pino'
import { engineId } from '../engine.ts'
import { Rooms } from '../room/rooms.ts'
import { lockDir } from '../store/dirLock.ts'
import { fileStore } from '../store/fileStore.ts'
import { mkApp } from './api.ts'
import { mkLimits } from './limits.ts'
import { Sockets } from './sockets.ts'

const HANG_MS = 10_000

export interface ServerOptions {
  port: number // 0: any free one
  host: string
  data: string
  publicUrl?: string | null
  logLevel?: string
  dev?: boolean // the client from its sources, through vite
  hangMs?: number
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
  const log = pino({ level: options.logLevel ?? 'info' }, destination({ fd: 2, sync: true }))
  const engine = engineId()
  const rooms = new Rooms(fileStore(options.data, engine), {
    dir: options.data,
    engine,
    log,
    hangMs: options.hangMs ?? HANG_MS,
  })
  const limits = mkLimits()
  const clientDir = options.dev ? null : builtClient()
  const app = mkApp({ rooms, limits, engine, publicUrl: options.publicUrl ?? null, clientDir })
  const http = createServer(app)
  const sockets = new Sockets(http, { rooms, limits, log })
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

/** dist/client, seen from the source or from the bundle. */
function builtClient(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  return import.meta.url.endsWith('.ts') ? join(here, '../../dist/client') : join(here, 'client')
}
