// The rooms of this server. A room's worker starts when somebody asks for the room, and ends when nobody has been
// there for a while; the log stays.

import { randomBytes, randomInt } from 'node:crypto'
import type { Entry, Header, Settings } from '../../shared/room/entry.ts'
import { LOG_FORMAT } from '../../shared/room/log.ts'
import type { MachineOptions } from '../../shared/state/machine.ts'
import type { LogStore } from '../store/logStore.ts'
import { hashToken, RoomHost, type HostOptions } from './host.ts'

const IDLE_MS = 10 * 60_000
const SWEEP_MS = 30_000
const RECENT_MS = 10 * 60_000
const DAY_MS = 24 * 60 * 60_000

interface Open {
  host: RoomHost
  watchers: number // connections
  idleSince: number
  closed: Promise<void> | null // while it is closing
}

export interface RoomsOptions extends HostOptions {
  roomsMax: number // open at a time; each has a thread and a machine
  retentionDays: number // a room that nobody has written to for so long is deleted; 0: never
}

/** As many rooms are open as the host allows, and somebody is in each. */
export class RoomsFull extends Error {
  override name = 'RoomsFull'
}

export class Rooms {
  readonly store: LogStore
  /** Told of each room that is opened. */
  onOpen: (host: RoomHost) => void = () => {}

  private readonly options: RoomsOptions
  private readonly open = new Map<string, Open>()
  private readonly sweeper: NodeJS.Timeout

  constructor(store: LogStore, options: RoomsOptions) {
    this.store = store
    this.options = options
    this.sweeper = setInterval(() => void this.sweep(), SWEEP_MS)
    this.sweeper.unref()
  }

  get openCount(): number {
    return this.open.size
  }

  /** Rejects with RoomsFull. */
  async create(
    options: MachineOptions,
    settings: Partial<Settings> = {},
  ): Promise<{ header: Header; teacherToken: string; teacherKey: string }> {
    await this.makePlace()
    const code = await this.freeCode()
    const { engine } = this.options
    const header: Header = { format: LOG_FORMAT, engine, code, created: Date.now(), options }
    const teacherToken = newToken()
    const teacherKey = newToken()
    const first: Entry[] = []
    if (Object.keys(settings).length > 0)
      first.push({ seq: 1, at: 0, seat: 0, c: { t: 'room', set: settings } })
    const teacher = hashToken(teacherToken)
    await this.store.create(header, { teacher, key: hashToken(teacherKey), seats: {} }, first)
    this.get(code).catch(() => {}) // somebody will come in a moment
    return { header, teacherToken, teacherKey }
  }

  /** The room when it is ready (or in trouble); null if there is none. Rejects with RoomsFull. */
  async get(code: string): Promise<RoomHost | null> {
    let open = this.open.get(code)
    while (open?.closed) {
      await open.closed // one owner at a time
      open = this.open.get(code)
    }
    if (open === undefined) {
      if (!/^\d{6}$/.test(code) || !(await this.store.exists(code))) return null
      if (!this.open.has(code)) await this.makePlace()
      open = this.open.get(code) ?? this.openRoom(code)
    }
    await open.host.ready
    return open.host
  }

  /** After a restart: rooms that were in use go on, before anybody is back. */
  async recover(): Promise<void> {
    await this.deleteOld()
    for (const code of await this.store.recent(Date.now() - RECENT_MS))
      this.get(code).catch(() => {}) // as many as there may be
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

  private async sweep(): Promise<void> {
    for (const [code, open] of this.open) {
      if (open.watchers > 0 || open.closed !== null || Date.now() - open.idleSince < IDLE_MS)
        continue
      void this.closeRoom(code, open)
    }
    await this.deleteOld()
  }

  /** Where as many rooms are open as there may be, one that nobody is in makes place. */
  private async makePlace(): Promise<void> {
    if (this.open.size < this.options.roomsMax) return
    let idle: [string, Open] | null = null
    for (const [code, open] of this.open) {
      if (open.watchers > 0) continue
      if (idle === null || open.idleSince < idle[1].idleSince) idle = [code, open]
    }
    if (idle === null) throw new RoomsFull(`${this.open.size} rooms are open`)
    await this.closeRoom(...idle)
  }

  private closeRoom(code: string, open: Open): Promise<void> {
    return (open.closed ??= open.host.close().then(() => void this.open.delete(code)))
  }

  /** Rooms that nobody has written to for as long as the host keeps them. */
  private async deleteOld(): Promise<void> {
    const { retentionDays, log } = this.options
    if (retentionDays === 0) return
    const since = Date.now() - retentionDays * DAY_MS
    const kept = new Set(await this.store.recent(since))
    for (const code of await this.store.list()) {
      if (kept.has(code) || this.open.has(code)) continue
      await this.store.delete(code)
      log.info({ room: code }, 'the room was old and is deleted')
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
