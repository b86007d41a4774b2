// The connection to a room. It takes entries and snapshots, keeps the replica in step, and comes back by itself.

import { io, type Socket } from 'socket.io-client'
import { applyEntry, createRoom, hashRoom, type Room } from '@shared/room/room.ts'
import { errnoName } from '@shared/lib/errno.ts'
import type { Command, Entry, Header } from '@shared/room/entry.ts'
import { addPart, roomOfState } from '@shared/room/snapshot.ts'
import { differingField } from '@shared/state/walk.ts'
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
  room: Room | null = null
  readonly chronicle = new Chronicle()
  readonly header = { value: null as Header | null }
  private readonly socket: Socket<ServerToClient, ClientToServer>
  private readonly ticket: LiveTicket
  private readonly on: LiveEvents
  private queue: Entry[] = []
  private working = false
  private coming: { room: Room; done: number; all: number } | null = null // a snapshot of which parts are missing
  private unpacking: Promise<void> = Promise.resolve()
  private present: Presence = { here: [], spectators: 0 }
  private restoring = false
  private waiting: Waiting[] = []
  private failures = new Map<number, string>() // by entry of one's own seat: the error's name, until it is told
  private me: Me | null = null
  private lost: number | null = null // when the connection went
  private rttMs: number | null = null
  private differed = false
  private over = false // it does not try again
  private beatTimer: ReturnType<typeof setInterval>

  constructor(ticket: LiveTicket, on: LiveEvents) {
    this.ticket = ticket
    this.on = on
    this.socket = io(ticket.url, {
      auth: (give) => give(this.hello()),
      reconnectionDelay: 500,
      reconnectionDelayMax: 4000,
      timeout: 8000,
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
    })
    const { socket } = this
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

  askBots(ask: BotsAsk, done: (ok: boolean, why: string) => void): void {
    if (!this.socket.connected) return done(false, 'offline')
    this.socket
      .timeout(ANSWER_MS)
      .emit('bots', ask, (late: Error | null, reply: { ok: true } | Refusal) => {
        if (late !== null) done(false, 'offline')
        else done(reply.ok, reply.ok ? '' : reply.why)
      })
  }

  /** A pairing code for this seat or, for the teacher, another one. */
  pair(who?: number): Promise<Paired | Refusal> {
    const offline = { ok: false, why: 'offline' } as const
    if (!this.socket.connected) return Promise.resolve(offline)
    return new Promise((resolve) => {
      const ask = who === undefined ? {} : { who }
      this.socket
        .timeout(ANSWER_MS)
        .emit('pair', ask, (late: Error | null, reply: Paired | Refusal) =>
          resolve(late === null ? reply : offline),
        )
    })
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
    const { code, token, name, spectator, pair } = this.ticket
    const hello: Hello = { protocol: PROTOCOL, code }
    if (token !== '') hello.token = token
    if (name !== '') hello.name = name
    if (spectator) hello.spectator = true
    if (pair !== undefined && this.me === null) hello.pair = pair
    // Who has watched another tab act goes on watching, unless that one is gone.
    if (this.me?.acts === false) hello.watch = true
    const { room } = this
    if (room !== null && !this.differed)
      hello.have = { engine: room.header.engine, seq: this.lastKnown() }
    return hello
  }

  private welcome(welcome: Welcome): void {
    this.lost = null
    this.coming = null
    this.restoring = welcome.resume === 'snapshot'
    this.ticket.token = welcome.token
    const { seat, role, name, token, acts } = welcome
    this.chronicle.follow(seat)
    this.me = { seat, role, name, token, acts }
    this.on.me(this.me)
    if (welcome.resume === 'entries' && (this.room === null || this.differed))
      this.beginAnew(welcome)
    this.say()
    this.beat()
  }

  /** All entries come. */
  private beginAnew({ header }: Welcome): void {
    this.queue = []
    this.differed = false
    this.replace(createRoom(header))
  }

  /** The last entry that is applied or waits to be. */
  private lastKnown(): number {
    return this.queue[this.queue.length - 1]?.seq ?? this.room?.seq ?? 0
  }

  private takeEntries(entries: Entry[]): void {
    for (const entry of entries) {
      const last = this.lastKnown()
      if (entry.seq <= last) continue
      if (!this.restoring && entry.seq > last + 1) {
        this.again()
        return
      }
      this.queue.push(entry)
    }
    this.work()
  }

  /** Something is missing: come back and say what is there. */
  private again(): void {
    this.queue = []
    this.socket.disconnect().connect()
  }

  private work(): void {
    if (this.working || this.room === null || this.differed) return
    this.working = true
    const end = performance.now() + SLICE_MS
    let done = 0
    const { room, queue } = this
    while (this.isNext(queue[done]) && performance.now() < end) this.apply(room, queue[done++])
    queue.splice(0, done)
    this.working = false
    if (done > 0) this.applied()
    if (this.isNext(queue[0])) setTimeout(() => this.work())
  }

  /** A machine that differs stands still until the snapshot comes, so that the difference can be named. */
  private isNext(entry: Entry | undefined): boolean {
    return !this.differed && entry?.seq === this.room!.seq + 1
  }

  private apply(room: Room, entry: Entry): void {
    const { mismatch, errno } = applyEntry(room, entry)
    if (errno !== undefined && entry.seat === this.me?.seat) this.noteFailure(entry.seq, errno)
    for (const death of this.chronicle.observe(room, entry)) this.on.death(death)
    if (mismatch === undefined) return
    this.differed = true
    this.socket.emit('differs', { seq: entry.seq, hash: mismatch })
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
  private queuePiece(piece: SnapshotPiece): void {
    const { id } = this.socket
    if (piece.index === 0) this.restoring = true // entries wait from here on
    this.unpacking = this.unpacking.then(async () => {
      if (this.socket.id !== id) return
      try {
        await this.takePiece(piece, id)
      } catch {
        if (this.socket.id === id) this.again()
      }
    })
  }

  private async takePiece({ index, of, data }: SnapshotPiece, id?: string): Promise<void> {
    const bytes = await gunzipBase64(data)
    if (this.socket.id !== id) return
    if (index === 0) {
      this.coming = { room: roomOfState(bytes), done: 1, all: of }
      // The map can be drawn before the contents of the frames are there.
      if (this.room === null) this.show(this.coming.room)
    } else {
      if (this.coming?.done !== index) throw new Error('a piece is missing')
      addPart(this.coming.room, bytes)
      this.coming.done++
    }
    this.say()
    if (this.coming.done === this.coming.all) this.restore(this.coming.room)
  }

  /** The snapshot is complete. */
  private restore(room: Room): void {
    this.coming = null
    if (this.differed && this.room !== null) this.reportField(this.room, room)
    const had = this.room !== null
    this.restoring = false
    this.queue = this.queue.filter(({ seq }) => seq > room.seq)
    this.replace(room)
    if (had && this.differed) this.on.resynced(room.seq)
    this.differed = false
    this.applied()
    this.work()
  }

  /** Brings our machine to the snapshot's entry and names the first difference. */
  private reportField(ours: Room, theirs: Room): void {
    for (const entry of this.queue) {
      if (entry.seq === ours.seq + 1 && entry.seq <= theirs.seq) applyEntry(ours, entry)
    }
    if (ours.seq !== theirs.seq) return
    const field = differingField(ours, theirs)
    if (field !== null) {
      this.socket.emit('differs', { seq: theirs.seq, hash: hashRoom(ours), field })
    }
  }

  private replace(room: Room): void {
    this.room = room
    this.show(room)
  }

  private show(room: Room): void {
    this.chronicle.begin(room)
    this.on.room(room)
  }

  private say(): void {
    if (this.over || this.lost !== null) return
    const behind = this.queue.length
    if (this.restoring) {
      const { done, all } = this.coming ?? { done: 0, all: 1 }
      this.on.link({ state: 'syncing', done, all })
    } else if (behind > CATCHING_UP) {
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
    if (this.restoring) this.queue = [] // they waited for the rest of a snapshot that will not come
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
