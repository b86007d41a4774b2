// The connection to a room: it keeps the replica in step with what comes, a slice of work at a time, and comes back by
// itself.

import { io, type Socket } from 'socket.io-client'
import { Follower } from '@shared/room/follower.ts'
import type { Applied, Room } from '@shared/room/room.ts'
import { errnoName } from '@shared/lib/errno.ts'
import type { Command, Entry, Header } from '@shared/room/entry.ts'
import {
  PROTOCOL,
  type Accepted,
  type ClientToServer,
  type Hello,
  type Paired,
  type Presence,
  type Refusal,
  type ServerToClient,
  type SnapshotPiece,
  type Welcome,
} from '@shared/wire/events.ts'
import { Chronicle } from './chronicle.ts'
import { gunzipBase64, inflatedEntries } from './unpacking.ts'
import type { BotsAsk, BotsState, Death, Link, Me, Ticket } from './protocol.ts'

export interface LiveEvents {
  link: (link: Link) => void
  me: (me: Me) => void
  presence: (presence: Presence) => void
  bots: (bots: BotsState) => void
  /** The replica is another object: first picture, or after a snapshot. */
  room: (room: Room) => void
  /** Entries were applied. */
  changed: () => void
  death: (death: Death) => void
  resynced: (seq: number) => void
}

export type LiveTicket = Ticket & { url: string }

type Line = Socket<ServerToClient, ClientToServer>
type Timed = ReturnType<Line['timeout']>

interface Waiting {
  seq: number
  done: (ok: boolean, why: string) => void
}

const SLICE_MS = 8 // work between two looks at the mailbox
const BEAT_MS = 3000
const BEAT_LATE_MS = 4000 // a dead line is noticed within the sum of both
const WAKE_LATE_MS = 2000 // after a sleep
const ANSWER_MS = 10_000
const BUSY_MS = 3000
const FAILURES_KEPT = 50
const CATCHING_UP = 200 // entries behind from which the way there is shown

export class Live {
  readonly chronicle = new Chronicle()
  readonly header = { value: null as Header | null }
  private readonly socket: Line
  private readonly ticket: LiveTicket
  private readonly on: LiveEvents
  private readonly follower: Follower
  private working = false
  private unpacking: Promise<void> = Promise.resolve()
  private present: Presence = { here: [], spectators: 0 }
  private waiting: Waiting[] = []
  private failures = new Map<number, string>() // by entry of one's own seat: the error's name, until it is told
  private me: Me | null = null
  private lost: number | null = null // when the connection went
  private rttMs: number | null = null
  private differed = false // and waits for a snapshot
  private over = false // it does not try again
  private beatTimer: ReturnType<typeof setInterval>

  constructor(ticket: LiveTicket, on: LiveEvents) {
    this.ticket = ticket
    this.on = on
    this.follower = new Follower({
      room: (room) => this.show(room),
      // The map can be drawn before the contents of the frames are there.
      picture: (room) => {
        if (this.room === null) this.show(room)
      },
      applied: (room, entry, applied) => this.takeNote(room, entry, applied),
      differs: (difference) => {
        this.differed = true
        socket.emit('differs', difference)
      },
    })
    const socket: Line = io(ticket.url, {
      auth: (give) => give(this.hello()),
      reconnectionDelay: 500,
      reconnectionDelayMax: 4000,
      timeout: 8000,
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
    })
    this.socket = socket
    socket.on('welcome', (welcome) => this.welcome(welcome))
    socket.on('snapshot', (piece) => this.queuePiece(piece))
    socket.on('entries', (text) => this.takeEntries(JSON.parse(text) as Entry[]))
    socket.on('packed', (_first, data) => this.takeEntries(inflatedEntries(data)))
    socket.on('presence', (presence) => this.takePresence(presence))
    socket.on('presenceChange', ({ came, gone, spectators }) => {
      const left = new Set(gone)
      const stayed = this.present.here.filter((seat) => !left.has(seat))
      this.takePresence({ here: [...new Set([...stayed, ...came])], spectators })
    })
    socket.on('bots', (bots) => this.on.bots(bots))
    socket.on('acts', (acts) => this.setMe({ acts }))
    socket.on('bye', (why) => this.bye(why))
    socket.on('connect_error', (error) => this.refused(error))
    socket.on('disconnect', (reason) => this.disconnected(reason))
    this.beatTimer = setInterval(() => this.beat(), BEAT_MS)
    on.link({ state: 'connecting' })
  }

  close(): void {
    this.over = true
    clearInterval(this.beatTimer)
    this.socket.disconnect()
  }

  /** Null until the first one is complete. */
  get room(): Room | null {
    return this.follower.room
  }

  /** One's own, 0 for a spectator. */
  get seat(): number {
    return this.me?.seat ?? 0
  }

  /** The network or the page is back: try now, or find out whether the line is dead. */
  retry(): void {
    if (this.over) return
    if (this.socket.connected) this.beat(WAKE_LATE_MS)
    else this.socket.connect()
  }

  submit(command: Command, done: (ok: boolean, why: string) => void): void {
    if (!this.socket.connected) {
      done(false, 'offline')
      return
    }
    this.socket
      .timeout(ANSWER_MS)
      .emit('command', command, (late: Error | null, reply: Accepted | Refusal) => {
        if (late !== null) done(false, 'offline')
        else if (!reply.ok) done(false, reply.why)
        else if (this.room !== null && this.room.seq >= reply.seq) this.finish(reply.seq, done)
        else this.waiting.push({ seq: reply.seq, done })
      })
  }

  askBots(ask: BotsAsk): Promise<{ ok: true } | Refusal> {
    return this.answer((line) => line.emitWithAck('bots', ask))
  }

  /** A pairing code for this seat or, for the teacher, another one. */
  pair(who?: number): Promise<Paired | Refusal> {
    return this.answer((line) => line.emitWithAck('pair', who === undefined ? {} : { who }))
  }

  /** What the server says; offline if it says nothing. */
  private async answer<T>(ask: (line: Timed) => Promise<T>): Promise<T | Refusal> {
    const offline = { ok: false, why: 'offline' } as const
    if (!this.socket.connected) return offline
    return ask(this.socket.timeout(ANSWER_MS)).catch(() => offline)
  }

  /** This connection acts for the seat from now on; the server says so when it is so. */
  act(): void {
    if (this.socket.connected) this.socket.timeout(ANSWER_MS).emit('act', () => undefined)
  }

  private setMe(change: Partial<Me>): void {
    if (this.me === null) return
    this.me = { ...this.me, ...change }
    this.on.me(this.me)
  }

  /** The command has been applied; whether the machine did it. */
  private finish(seq: number, done: Waiting['done']): void {
    const why = this.failures.get(seq) ?? ''
    this.failures.delete(seq)
    done(why === '', why)
  }

  private hello(): Hello {
    const { code, token, name, spectator, pair, key } = this.ticket
    const hello: Hello = { protocol: PROTOCOL, code }
    if (token !== '') hello.token = token
    if (name !== '') hello.name = name
    if (spectator) hello.spectator = true
    if (pair !== undefined && this.me === null) hello.pair = pair
    if (key !== undefined && this.me === null) hello.key = key
    // Who has watched another tab act goes on watching, unless that one is gone.
    if (this.me?.acts === false) hello.watch = true
    const { room, have } = this.follower
    if (room !== null && have !== null) hello.have = { engine: room.header.engine, seq: have }
    return hello
  }

  private welcome(welcome: Welcome): void {
    this.lost = null
    this.ticket.token = welcome.token
    const { seat, role, name, token, acts } = welcome
    this.chronicle.follow(seat)
    this.me = { seat, role, name, token, acts }
    this.on.me(this.me)
    this.follower.begin(welcome.header, welcome.resume)
    if (welcome.resume === 'entries') this.differed = false
    this.say()
    this.beat()
  }

  private takeEntries(entries: Entry[]): void {
    if (this.follower.take(entries)) this.work()
    else this.again()
  }

  /** Something is missing: come back and say what is there. */
  private again(): void {
    this.socket.disconnect().connect()
  }

  private work(): void {
    if (this.working) return
    this.working = true
    const end = performance.now() + SLICE_MS
    const done = this.follower.work(() => performance.now() >= end)
    this.working = false
    if (done > 0) this.applied()
    if (this.follower.isDue) setTimeout(() => this.work())
  }

  private takeNote(room: Room, entry: Entry, { errno }: Applied): void {
    if (errno !== undefined && entry.seat === this.me?.seat) this.noteFailure(entry.seq, errno)
    for (const death of this.chronicle.observe(room, entry)) this.on.death(death)
  }

  private noteFailure(seq: number, errno: number): void {
    this.failures.set(seq, errnoName(errno))
    for (const old of this.failures.keys()) {
      if (this.failures.size <= FAILURES_KEPT) break
      this.failures.delete(old)
    }
  }

  private applied(): void {
    const { seq, seats } = this.room!
    const seat = seats.get(this.me?.seat ?? 0)
    if (seat !== undefined && (seat.name !== this.me?.name || seat.role !== this.me.role))
      this.setMe({ name: seat.name, role: seat.role })
    const ready = this.waiting.filter((waiting) => waiting.seq <= seq)
    if (ready.length > 0) {
      this.waiting = this.waiting.filter((waiting) => waiting.seq > seq)
      for (const waiting of ready) this.finish(waiting.seq, waiting.done)
    }
    this.on.changed()
    this.say()
  }

  private takePresence({ here, spectators }: Presence): void {
    this.present = { here: here.sort((a, b) => a - b), spectators }
    this.on.presence(this.present)
  }

  /** Pieces are unpacked one after the other; those of an earlier connection are not taken any more. */
  private queuePiece({ index, of, data }: SnapshotPiece): void {
    const { id } = this.socket
    this.follower.expectSnapshot()
    this.unpacking = this.unpacking.then(async () => {
      try {
        const bytes = await gunzipBase64(data)
        if (this.socket.id === id) this.takePiece(index, of, bytes)
      } catch {
        if (this.socket.id === id) this.again()
      }
    })
  }

  private takePiece(index: number, of: number, bytes: Uint8Array): void {
    const { differed } = this
    const complete = this.follower.takePart(index, of, bytes)
    this.say()
    if (!complete) return
    this.differed = false
    if (differed) this.on.resynced(this.room!.seq)
    this.applied()
    this.work()
  }

  private show(room: Room): void {
    this.chronicle.begin(room)
    this.on.room(room)
  }

  private say(): void {
    if (this.over || this.lost !== null) return
    const { behind, progress } = this.follower
    if (progress !== null) this.on.link({ state: 'syncing', ...progress })
    else if (behind > CATCHING_UP) {
      const seq = this.room?.seq ?? 0
      this.on.link({ state: 'syncing', done: seq, all: seq + behind })
    } else {
      this.on.link({ state: 'live', rttMs: this.rttMs })
    }
  }

  private beat(late = BEAT_LATE_MS): void {
    if (!this.socket.connected) return
    const start = performance.now()
    this.socket.timeout(late).emit('beat', (error: Error | null) => {
      if (error !== null) {
        // The line looks open and is dead, as after a sleep: a new one.
        if (this.socket.connected) this.socket.io.engine.close()
        return
      }
      this.rttMs = Math.round(performance.now() - start)
      this.say()
    })
  }

  private disconnected(reason: string): void {
    for (const { done } of this.waiting) done(false, 'offline')
    this.waiting = []
    this.follower.lose()
    if (this.over) return
    this.lost ??= Date.now()
    this.on.link({ state: 'lost', since: this.lost })
    // The server has ended the connection on purpose, to start again; that is not tried again by itself.
    if (reason === 'io server disconnect') setTimeout(() => this.retry(), BUSY_MS)
  }

  private refused(error: Error & { data?: { why?: string; waitMs?: number } }): void {
    const { why, waitMs } = error.data ?? {}
    if (why !== undefined && why !== 'busy') return this.end({ state: 'refused', why })
    this.lost ??= Date.now()
    if (why === undefined) return this.on.link({ state: 'lost', since: this.lost })
    // A refusal by the server, unlike a dead network, is not tried again by itself.
    const wait = Math.max(waitMs ?? 0, BUSY_MS)
    this.on.link({ state: 'busy', until: Date.now() + wait })
    setTimeout(() => this.retry(), wait)
  }

  private bye(why: string): void {
    if (why !== 'restarting') this.end({ state: 'ended', why })
  }

  private end(link: Link): void {
    this.close()
    this.on.link(link)
  }
}
