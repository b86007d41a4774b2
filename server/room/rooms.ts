// The rooms of this server. A room's worker starts when somebody asks for the room, and ends when nobody has been
// there for a while; the log stays.

import { randomBytes, randomInt } from 'node:crypto'
import type { Header } from '../../shared/room/entry.ts'
import { LOG_FORMAT } from '../../shared/room/log.ts'
import type { MachineOptions } from '../../shared/state/machine.ts'
import type { LogStore } from '../store/logStore.ts'
import { hashToken, RoomHost, type HostOptions } from './host.ts'

const IDLE_MS = 10 * 60_000
const SWEEP_MS = 30_000
const RECENT_MS = 10 * 60_000

interface Open {
  host: RoomHost
  watchers: number // connections
  idleSince: number
  closed: Promise<void> | null // while it is closing
}

export class Rooms {
  readonly store: LogStore
  /** Told of each room that is opened. */
  onOpen: (host: RoomHost) => void = () => {}

  private readonly options: HostOptions
  private readonly open = new Map<string, Open>()
  private readonly sweeper: NodeJS.Timeout

  constructor(store: LogStore, options: HostOptions) {
    this.store = store
    this.options = options
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS)
    this.sweeper.unref()
  }

  get openCount(): number {
    return this.open.size
  }

  async create(options: MachineOptions): Promise<{ header: Header; teacherToken: string }> {
    const code = await this.freeCode()
    const { engine } = this.options
    const header: Header = { format: LOG_FORMAT, engine, code, created: Date.now(), options }
    const teacherToken = newToken()
    await this.store.create(header, { teacher: hashToken(teacherToken), seats: {} })
    void this.get(code) // somebody will come in a moment
    return { header, teacherToken }
  }

  /** The room when it is ready (or in trouble); null if there is none. */
  async get(code: string): Promise<RoomHost | null> {
    let open = this.open.get(code)
    while (open?.closed) {
      await open.closed // one owner at a time
      open = this.open.get(code)
    }
    if (open === undefined) {
      if (!/^\d{6}$/.test(code) || !(await this.store.exists(code))) return null
      open = this.open.get(code) ?? this.openRoom(code)
    }
    await open.host.ready
    return open.host
  }

  /** After a restart: rooms that were in use go on, before anybody is back. */
  async recover(): Promise<void> {
    for (const code of await this.store.recent(Date.now() - RECENT_MS)) void this.get(code)
  }

  watch(code: string, by: 1 | -1): void {
    const open = this.open.get(code)
    if (open === undefined) return
    open.watchers += by
    open.idleSince = Date.now()
  }

  async close(): Promise<void> {
    clearInterval(this.sweeper)
    await Promise.all([...this.open.values()].map(({ host }) => host.close()))
    this.open.clear()
  }

  private openRoom(code: string): Open {
    const host = new RoomHost(code, this.options)
    const open: Open = { host, watchers: 0, idleSince: Date.now(), closed: null }
    this.open.set(code, open)
    this.onOpen(host)
    return open
  }

  private sweep(): void {
    for (const [code, open] of this.open) {
      if (open.watchers > 0 || open.closed !== null || Date.now() - open.idleSince < IDLE_MS)
        continue
      open.closed = open.host.close().then(() => void this.open.delete(code))
    }
  }

  private async freeCode(): Promise<string> {
    for (;;) {
      const code = String(randomInt(100_000, 1_000_000))
      if (!(await this.store.exists(code))) return code
    }
  }
}

/** 128 random bits. */
export function newToken(): string {
  return randomBytes(16).toString('hex')
}
