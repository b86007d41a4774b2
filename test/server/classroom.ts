// A server in this process and people who come to it.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { io, type Socket } from 'socket.io-client'
import { startServer, type RunningServer, type ServerOptions } from '../../server/net/server.ts'
import { Replica, type Ticket } from '../../server/replica.ts'
import type { Header } from '../../shared/room/entry.ts'
import { hashRoom } from '../../shared/room/room.ts'
import { PROTOCOL, type ClientToServer, type ServerToClient } from '../../shared/wire/events.ts'

export const ENGINE = 'engine-of-tests'
process.env.OOMROOM_TEST_ENGINE = ENGINE

export interface Made {
  code: string
  url: string
  teacherToken: string
  teacherKey: string
  header: Header
}

export class Classroom {
  readonly url: string
  readonly data: string
  readonly server: RunningServer
  private readonly replicas: Replica[] = []

  private constructor(server: RunningServer, data: string) {
    this.server = server
    this.data = data
    this.url = `http://127.0.0.1:${server.address.port}`
  }

  static async open(
    data?: string,
    hangMs?: number,
    more: Partial<ServerOptions> = {},
  ): Promise<Classroom> {
    const dir = data ?? (await mkdtemp(join(tmpdir(), 'oomroom-test-')))
    const server = await startServer({
      port: 0,
      host: '127.0.0.1',
      data: dir,
      logLevel: 'silent',
      hangMs,
      ...more,
    })
    return new Classroom(server, dir)
  }

  async create(options: Record<string, unknown> = { ram: '32M' }): Promise<Made> {
    const response = await fetch(`${this.url}/api/rooms`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(options),
    })
    return (await response.json()) as Made
  }

  async join(code: string, who: Partial<Ticket>): Promise<Replica> {
    const replica = new Replica({ server: this.url, code, engine: ENGINE, ...who })
    this.replicas.push(replica)
    await replica.ready()
    return replica
  }

  /** A socket without a replica: sends and hears whatever the test wants. */
  raw(auth: object): Socket<ServerToClient, ClientToServer> {
    return io(this.url, { auth, transports: ['websocket'], forceNew: true, reconnection: false })
  }

  hello(code: string, more: object = {}): object {
    return { protocol: PROTOCOL, code, ...more }
  }

  /** Stops the server; the data stays. */
  async stop(): Promise<void> {
    for (const replica of this.replicas) replica.close()
    await this.server.stop()
  }

  async close(): Promise<void> {
    await this.stop()
    await rm(this.data, { recursive: true, force: true })
  }
}

/** Why a connection was refused. */
export function refusal(socket: Socket<ServerToClient, ClientToServer>): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.on('connect_error', (error) => {
      resolve((error as Error & { data?: { why: string } }).data?.why ?? error.message)
      socket.disconnect()
    })
    socket.on('welcome', () => reject(new Error('was let in')))
  })
}

/** Until it is so; fails after some seconds. */
export async function until(what: string, so: () => boolean, ms = 10_000): Promise<void> {
  const end = Date.now() + ms
  while (!so()) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Brings all replicas to one number and gives their hashes. */
export async function hashesOf(replicas: Replica[]): Promise<Set<string>> {
  for (;;) {
    const seqs = new Set(replicas.map((replica) => replica.room().seq))
    if (seqs.size === 1) return new Set(replicas.map((replica) => hashRoom(replica.room())))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
