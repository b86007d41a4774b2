// A room at the end of a connection: for the command line what the worker is for the browser. It applies at once what
// comes, and comes back by itself.

import { io, type Socket } from 'socket.io-client'
import { Follower } from '../shared/room/follower.ts'
import type { Applied, Room } from '../shared/room/room.ts'
import type { Command, Entry, Header } from '../shared/room/entry.ts'
import type { MachinePort } from '../shared/shell/port.ts'
import { gunzipPart, unpackEntries } from './room/packing.ts'
import {
  PROTOCOL,
  type ClientToServer,
  type Hello,
  type ServerToClient,
  type SnapshotPiece,
  type Welcome,
} from '../shared/wire/events.ts'

export interface Ticket {
  server: string // http://host:port
  code: string
  engine: string // ours; another one's room is refused
  token?: string
  name?: string
  spectator?: boolean
  pair?: string // a code that another device of the seat was shown
}

type Listener = (entry: Entry, applied: Applied) => void

/** Results of the last entries, for those whose answer comes after the entry. */
const RESULTS_MAX = 2000
const BUSY_MS = 1000

export class Replica implements MachinePort {
  seat = 0
  token = ''
  snapshots = 0 // taken so far
  readonly readOnly = false
  /** What went wrong for good; the replica does not go on. */
  onEnd: (error: Error) => void = () => {}
  /** The server wants to be left alone for a while: too many tries. The replica tries again then. */
  onBusy: (ms: number) => void = () => {}
  /** A snapshot has begun to come: the room without the contents of its memory. */
  onPicture: (room: Room) => void = () => {}

  private readonly ticket: Ticket
  private readonly socket: Socket<ServerToClient, ClientToServer>
  private readonly follower: Follower
  private results = new Map<number, Applied>()
  private waiting = new Map<number, (applied: Applied) => void>()
  private lost = new Set<(error: Error) => void>() // told when the connection breaks
  private listeners = new Set<Listener>()
  private settle: { resolve: () => void; reject: (error: Error) => void } | null = null
  private live: Promise<void>

  constructor(ticket: Ticket) {
    this.ticket = ticket
    this.live = this.mkLive()
    this.follower = new Follower({
      room: () => {},
      picture: (room) => this.onPicture(room),
      applied: (_room, entry, applied) => this.tell(entry, applied),
      differs: (difference) => socket.emit('differs', difference),
    })
    const socket: typeof this.socket = io(ticket.server, {
      auth: (give) => give(this.hello()),
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      reconnectionDelay: 200,
      reconnectionDelayMax: 2000,
      forceNew: true,
    })
    this.socket = socket
    socket.on('welcome', (welcome) => this.welcome(welcome))
    socket.on('snapshot', (piece) => this.takePiece(piece))
    socket.on('entries', (text) => this.takeEntries(JSON.parse(text) as Entry[]))
    socket.on('packed', (_first, data) => this.takeEntries(unpackEntries(data)))
    socket.on('acts', (acts) => {
      if (!acts) this.end(new Error('another connection has taken this seat'))
    })
    socket.on('bye', (why) => {
      if (why !== 'restarting') this.end(new Error(farewells[why] ?? why))
    })
    socket.on('disconnect', (reason) => this.disconnected(reason))
    socket.on('connect_error', (error) => this.refused(error))
  }

  /** Fulfilled when the room is there; rejected when it never will be. */
  ready(): Promise<void> {
    return this.live
  }

  get header(): Header {
    return this.room().header
  }

  room(): Room {
    const { room } = this.follower
    if (room === null) throw new Error('not connected yet')
    return room
  }

  async submit(command: Command): Promise<Applied> {
    await this.live
    const reply = await new Promise<
      { ok: true; seq: number } | { ok: false; why: string; detail?: string }
    >((resolve, reject) => {
      this.lost.add(reject)
      this.socket.emit('command', command, (answer) => {
        this.lost.delete(reject)
        resolve(answer)
      })
    })
    if (!reply.ok)
      throw new Error(reply.detail === undefined ? reply.why : `${reply.why}: ${reply.detail}`)
    const { seq } = reply
    if (this.room().seq >= seq) return this.results.get(seq) ?? {}
    return new Promise((resolve) => this.waiting.set(seq, resolve))
  }

  onApplied(listener: Listener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  close(): void {
    this.socket.disconnect()
  }

  /** Breaks the line as a network does; the replica comes back. For tests. */
  drop(): void {
    this.socket.io.engine.close()
  }

  private hello(): Hello {
    const { code, token, name, spectator, pair } = this.ticket
    const hello: Hello = { protocol: PROTOCOL, code }
    const known = this.token || token
    if (known) hello.token = known
    if (name !== undefined) hello.name = name
    if (spectator) hello.spectator = true
    if (pair !== undefined) hello.pair = pair
    const { room, have } = this.follower
    if (room !== null && have !== null) hello.have = { engine: room.header.engine, seq: have }
    return hello
  }

  private welcome(welcome: Welcome): void {
    const { header } = welcome
    if (header.engine !== this.ticket.engine) {
      return this.end(
        new Error(
          `the room runs on engine ${header.engine}, this program is engine ${this.ticket.engine}`,
        ),
      )
    }
    this.seat = welcome.seat
    this.token = welcome.token
    this.follower.begin(header, welcome.resume)
    if (welcome.resume === 'entries' && this.room().seq >= welcome.seq) this.isLive()
  }

  private takeEntries(entries: Entry[]): void {
    if (this.follower.take(entries)) this.work()
    else this.drop() // something is missing: come back and say what is there
  }

  private work(): void {
    this.follower.work()
    if (this.follower.have !== null && this.follower.progress === null) this.isLive()
  }

  private tell(entry: Entry, applied: Applied): void {
    this.results.set(entry.seq, applied)
    this.results.delete(entry.seq - RESULTS_MAX)
    for (const listener of [...this.listeners]) listener(entry, applied)
    this.waiting.get(entry.seq)?.(applied)
    this.waiting.delete(entry.seq)
  }

  private takePiece({ index, of, data }: SnapshotPiece): void {
    try {
      if (!this.follower.takePart(index, of, gunzipPart(Buffer.from(data, 'base64')))) return
    } catch {
      return this.drop()
    }
    this.snapshots++
    const { seq: now } = this.room()
    for (const [seq, resolve] of this.waiting) {
      if (seq > now) continue
      resolve({})
      this.waiting.delete(seq)
    }
    this.work()
  }

  private disconnected(reason: string): void {
    this.follower.lose()
    const error = new Error('the connection was lost')
    for (const reject of this.lost) reject(error)
    this.lost.clear()
    if (this.settle === null) this.live = this.mkLive()
    // The server has ended the connection on purpose, to start again.
    if (reason === 'io server disconnect') setTimeout(() => this.socket.connect(), BUSY_MS)
  }

  private refused(error: Error & { data?: { why?: string; waitMs?: number } }): void {
    const why = error.data?.why
    if (why === undefined && this.follower.room === null)
      return this.end(new Error(`${this.ticket.server} cannot be reached`))
    if (why === undefined) return // the network; it is tried again
    if (why === 'busy') {
      const wait = Math.max(error.data?.waitMs ?? 0, BUSY_MS)
      this.onBusy(wait)
      setTimeout(() => this.socket.connect(), wait)
    } else this.end(new Error(refusals[why] ?? why))
  }

  private end(error: Error): void {
    this.socket.disconnect()
    for (const reject of this.lost) reject(error)
    this.lost.clear()
    this.settle?.reject(error)
    this.settle = null
    this.onEnd(error)
  }

  private isLive(): void {
    this.settle?.resolve()
    this.settle = null
  }

  private mkLive(): Promise<void> {
    const live = new Promise<void>((resolve, reject) => (this.settle = { resolve, reject }))
    live.catch(() => {}) // who waits is told; nobody may be waiting
    return live
  }
}

const farewells: Record<string, string> = {
  removed: 'the teacher has removed this seat; joining again with its token brings it back',
  banned: 'the teacher has banned this seat',
  closed: 'the teacher has closed the room; its log can still be replayed',
  flood: 'the server has ended the connection: far too many messages',
}

const refusals: Record<string, string> = {
  hello: 'the server did not understand the request',
  protocol: 'the server speaks another version of the protocol',
  room: 'there is no room with this code',
  engine: 'the room was made by another version of the program',
  broken: 'the log of the room cannot be read; the server says why in its own log',
  name: 'a name is needed for a new seat',
  'name-empty': 'the name has no letters',
  'name-long': 'the name is too long',
  'name-characters': 'the name has characters that cannot be shown',
  'name-taken':
    'somebody in the room has this name or one that looks the same; with its token the seat is yours',
  seats: 'the room has no more seats',
  full: 'the log of the room is full: nobody new may join',
  locked: 'the room is locked: nobody new may join',
  removed: 'the teacher has removed this seat, and the room is locked',
  banned: 'the teacher has banned this seat',
  closed: 'the room is closed; its log can still be replayed',
  rooms: 'the server has as many rooms open as it may',
  pair: 'the pairing code is wrong, used or too old',
  token: 'the token is of no seat in this room',
  key: 'the link of the teacher was used already, or is wrong',
}
