// The sockets of a class: who may come in, what they are sent, what they may send.
//
// A socket that follows the live entries is in the socket.io room of its code. One that is far behind leaves it, is
// given a snapshot at its own pace, and comes back; so a slow phone costs the server no memory.

import type { Server as HttpServer } from 'node:http'
import { Server, type Socket } from 'socket.io'
import {
  PROTOCOL,
  type ClientToServer,
  type Hello,
  type Refusal,
  type Refused,
  type ServerToClient,
  type Welcome,
} from '../../shared/wire/events.ts'
import type { BotsState } from '../../shared/wire/bots.ts'
import { nameProblem, tidyName } from '../../shared/room/names.ts'
import type { Role } from '../../shared/room/entry.ts'
import {
  BotsSchema,
  DiffersSchema,
  PairSchema,
  readCommand,
  readHello,
  seatOf,
} from '../../shared/wire/schema.ts'
import { safeParse } from 'valibot'
import type { Log, RoomHost } from '../room/host.ts'
import type { EntryBatch, SeatInfo } from '../room/messages.ts'
import { newToken, RoomsFull, type Rooms } from '../room/rooms.ts'
import type { AddressOf } from './address.ts'
import { Known, MISS_MS, waitMs, within, type Limits } from './limits.ts'
import { CrowdPost } from './crowdPost.ts'
import { Pairings } from './pairing.ts'
import { PresenceWatch } from './presence.ts'
import { Rehearsals } from './rehearsals.ts'

// A dead socket is noticed within the sum of both.
const PING_INTERVAL_MS = 4000
const PING_TIMEOUT_MS = 4000
const MESSAGE_MAX = 512 * 1024
/** Who has missed more than both takes a snapshot: every entry costs it the work that it cost the room. */
const RESUME_ENTRIES = 600
const RESUME_MS = 10_000
/** Missed entries go out in pieces of about this size, each when the one before has left. */
const PIECE_BYTES = 128 * 1024
/** What may wait for a socket before it counts as too slow: some seconds of ticks, or much text. */
const WAITING_MAX = 100 // packets
const WAITING_BYTES = 4 * 2 ** 20

interface Guest {
  host: RoomHost
  hello: Hello
  seat: number // 0: a spectator
  role: Role | 'spectator'
  name: string
  token: string
  acts: boolean // false for a spectator, and when another connection has the seat
  following: boolean // in the socket.io room
}

type Place = Pick<Guest, 'seat' | 'role' | 'name' | 'token' | 'acts'>
type GuestSocket = Socket<ClientToServer, ServerToClient, Record<string, never>, Guest>
type GuestServer = Server<ClientToServer, ServerToClient, Record<string, never>, Guest>

/** Too many tries, and how long that will be so. */
interface Busy {
  waitMs: number
}

export interface SocketOptions {
  rooms: Rooms
  limits: Limits
  known: Known
  addressOf: AddressOf
  log: Log
}

export class Sockets {
  readonly io: GuestServer
  private readonly options: SocketOptions
  private readonly guests = new Map<string, Set<GuestSocket>>() // by code
  private readonly presences = new Map<string, PresenceWatch>() // by code
  private readonly pairings = new Pairings()
  private readonly rehearsals: Rehearsals

  constructor(http: HttpServer, options: SocketOptions) {
    this.options = options
    this.rehearsals = new Rehearsals(http, (code, state) => this.tellTeachers(code, state))
    this.io = new Server(http, {
      serveClient: false,
      perMessageDeflate: false,
      httpCompression: false,
      pingInterval: PING_INTERVAL_MS,
      pingTimeout: PING_TIMEOUT_MS,
      maxHttpBufferSize: MESSAGE_MAX,
    })
    options.rooms.onOpen = (host) => {
      const post = new CrowdPost((batch) => this.broadcast(host, batch))
      host.onBatch = (batch) => post.take(batch, this.guestsOf(host.code).size)
      host.onDoor = (seats) => {
        post.flush()
        this.applyDoor(host, seats)
      }
    }
    this.io.use((socket, next) => {
      this.admit(socket).then(
        (why) => next(why === null ? undefined : refusal(why)),
        (error: unknown) => {
          options.log.error({ error: String(error) }, 'a join failed')
          next(refusal('broken'))
        },
      )
    })
    this.io.on('connection', (socket) => this.welcome(socket))
  }

  get count(): number {
    return this.io.engine.clientsCount
  }

  /** Says so and ends all connections. */
  async close(why: string): Promise<void> {
    this.rehearsals.close()
    this.io.emit('bye', why)
    for (const { timer } of this.presences.values()) if (timer !== null) clearTimeout(timer)
    await new Promise((resolve) => setTimeout(resolve, 100)) // lets the word go out
    await this.io.close()
  }

  /** Fills socket.data, or says why not. */
  private async admit(socket: GuestSocket): Promise<Refused | Busy | null> {
    const hello = readHello(socket.handshake.auth)
    if (hello === null) return 'hello'
    if (hello.protocol !== PROTOCOL) return 'protocol'

    const { limits, rooms, known, addressOf } = this.options
    const address = addressOf(socket.request)
    const isKnown = known.has(hello.code, address)
    const wait = isKnown ? 0 : await waitMs(limits.misses, address)
    let host: RoomHost | null
    try {
      host = await rooms.get(hello.code)
    } catch (error) {
      if (error instanceof RoomsFull) return 'rooms'
      throw error
    }
    // Who has a seat is not locked out by a neighbour who guesses codes; to all others every code is as wrong.
    const owner = hello.token === undefined ? null : (host?.seatOf(hello.token) ?? null)
    const opens = hello.key !== undefined && host?.opens(hello.key) === true
    if (wait > 0 && owner === null && !opens) return { waitMs: wait }
    if (host === null) return this.miss(address, 'room')
    if (host.trouble !== null) return host.trouble.why
    if (host.door.closed) return 'closed'

    const place = await this.findPlace(host, hello)
    if (place === 'pair' || place === 'token' || place === 'key') return this.miss(address, place)
    if (typeof place === 'string' || 'waitMs' in place) return place
    known.note(hello.code, address)
    Object.assign(socket.data, { host, hello, following: false, ...place })
    return null
  }

  /** A code of nothing: whoever guesses is slowed down. */
  private async miss(address: string, why: Refused): Promise<Refused> {
    await within(this.options.limits.misses, address)
    await new Promise((resolve) => setTimeout(resolve, MISS_MS))
    return why
  }

  private async findPlace(host: RoomHost, hello: Hello): Promise<Place | Refused | Busy> {
    const { token, name, spectator, pair, key } = hello
    const owner = token === undefined ? null : host.seatOf(token)
    if (owner !== null && owner !== 'teacher') return this.returnTo(host, owner, token!, hello)
    if (spectator === true) return { seat: 0, role: 'spectator', name: '', token: '', acts: false }
    const wanted = name === undefined ? undefined : tidyName(name)
    if (owner === 'teacher') {
      const seat = host.teacherSeat(wanted)
      if (seat !== null) return this.returnTo(host, seat, token!, hello)
      return this.newSeat(host, wanted ?? 'teacher', 'teacher', token!)
    }
    if (key !== undefined) return this.comeByKey(host, key, wanted, token ?? newToken(), hello)
    if (pair !== undefined) return this.pairUp(host, pair, token ?? newToken(), hello)
    if (wanted === undefined) return token === undefined ? 'name' : 'token'
    return this.newSeat(host, wanted, 'student', token ?? newToken())
  }

  /** To a seat that one has. */
  private async returnTo(
    host: RoomHost,
    seat: SeatInfo,
    token: string,
    { spectator, watch }: Hello,
  ): Promise<Place | Refused | Busy> {
    if (seat.presence === 'banned') return 'banned'
    if (seat.presence === 'removed') {
      const why = await host.readmit(seat.no)
      if (why !== null) return why as Refused
    }
    const { no, role, name } = host.seats.get(seat.no) ?? seat
    const acts = spectator !== true && !(watch === true && this.actsFor(host.code, no) !== null)
    return { seat: no, role, name, token, acts }
  }

  /** Through the teacher's link, which is good once: the browser's own token is the teacher's from now on. */
  private async comeByKey(
    host: RoomHost,
    key: string,
    wanted: string | undefined,
    token: string,
    hello: Hello,
  ): Promise<Place | Refused | Busy> {
    if (!host.opens(key)) return 'key'
    const holder = host.seatOf(key)
    if (holder !== null && holder !== 'teacher') return this.addDevice(host, holder, token, hello)
    const seat = host.teacherSeat(wanted)
    if (seat === null) return this.newSeat(host, wanted ?? 'teacher', 'teacher', token, key)
    return this.addDevice(host, seat, token, hello, key)
  }

  private async addDevice(
    host: RoomHost,
    seat: SeatInfo,
    token: string,
    hello: Hello,
    key?: string,
  ): Promise<Place | Refused | Busy> {
    const why = await host.addToken(seat.no, token, key)
    return why === null ? this.returnTo(host, seat, token, hello) : (why as Refused)
  }

  private async pairUp(
    host: RoomHost,
    typed: string,
    token: string,
    hello: Hello,
  ): Promise<Place | Refused | Busy> {
    const { pairing } = this.options.limits
    if (!(await within(pairing, host.code))) return { waitMs: await waitMs(pairing, host.code) }
    const no = this.pairings.take(host.code, typed)
    const seat = no === null ? undefined : host.seats.get(no)
    if (seat === undefined) return 'pair'
    return this.addDevice(host, seat, token, hello)
  }

  private async newSeat(host: RoomHost, name: string, role: Role, token: string, key?: string) {
    const problem = nameProblem(name)
    if (problem !== null) return problem
    const { joins } = this.options.limits
    if (!(await within(joins, host.code))) return { waitMs: await waitMs(joins, host.code) }
    const seat = await host.join(name, role, token, key)
    if (typeof seat === 'string') return seat as Refused
    return { seat: seat.no, role, name: seat.name, token, acts: true }
  }

  private welcome(socket: GuestSocket): void {
    const { host, seat, role, name, token, hello } = socket.data
    const { code } = host
    this.options.rooms.watch(code, 1)
    if (socket.data.acts) this.takeOver(socket)
    this.guestsOf(code).add(socket)
    socket.on('disconnect', () => {
      this.options.rooms.watch(code, -1)
      this.guestsOf(code).delete(socket)
      if (socket.data.acts) this.passOn(socket)
      this.tellPresence(host)
    })
    // Every message comes by here, whatever it calls itself.
    socket.use((packet: unknown[]) => void this.take(socket, packet))

    const have = hello.have?.engine === host.header.engine ? hello.have.seq : 0
    const resume = mayResume(host, have) ? 'entries' : 'snapshot'
    const { acts } = socket.data
    const { header, seq } = host
    const welcome: Welcome = { header, seat, role, name, token, acts, seq, resume }
    socket.emit('welcome', welcome)
    this.tellPresence(host)
    const bots = this.rehearsals.stateOf(code)
    if (bots !== null && role === 'teacher') socket.emit('bots', bots)
    if (resume === 'snapshot') void this.bringUp(socket)
    else void this.catchUp(socket, have)
  }

  /** From now on the socket, which has everything, gets what everybody gets. */
  private follow(socket: GuestSocket): void {
    socket.data.following = true
    socket.emit('presence', this.presenceOf(socket.data.host).told())
    void socket.join(socket.data.host.code)
  }

  /** What it has missed since entry `seq`, at the socket's own pace, until nothing is missing. */
  private async catchUp(socket: GuestSocket, seq: number): Promise<void> {
    const { host } = socket.data
    for (let at = seq; socket.connected;) {
      const missing = host.entriesAfter(at, PIECE_BYTES)
      if (missing === null) return this.bringUp(socket)
      if (missing.last > at) socket.emit('entries', missing.text)
      if (missing.last === host.seq) return this.follow(socket)
      at = missing.last
      await drained(socket)
    }
  }

  /** A snapshot at the socket's own pace, then what has come since. */
  private async bringUp(socket: GuestSocket): Promise<void> {
    for (let fresh = false; socket.connected; fresh = true) {
      const seq = await this.sendSnapshot(socket, fresh)
      if (seq !== null) return this.catchUp(socket, seq)
    }
  }

  /** The number of the entry it was taken after; null if there was none to be had. */
  private async sendSnapshot(socket: GuestSocket, fresh: boolean): Promise<number | null> {
    const { host } = socket.data
    const snapshot = await host.snapshot(fresh)
    if (snapshot === null) {
      await new Promise((resolve) => setTimeout(resolve, 500)) // the room is starting again
      return null
    }
    try {
      const { seq, of } = snapshot
      for (let index = 0; index < of; index++) {
        const data = await snapshot.part(index)
        if (data === null) return null
        socket.emit('snapshot', { seq, index, of, data })
        await drained(socket)
        if (!socket.connected) return null
      }
      return seq
    } finally {
      host.release(snapshot)
    }
  }

  private broadcast(host: RoomHost, { first, json, packed }: EntryBatch): void {
    const everyone = this.io.to(host.code)
    if (packed === null) everyone.emit('entries', json)
    else everyone.emit('packed', first, packed)
    for (const socket of this.guestsOf(host.code)) {
      if (!socket.data.following || !isSlow(socket)) continue
      socket.data.following = false
      void socket.leave(host.code)
      void this.comeBack(socket, host.seq)
    }
  }

  /** A slow socket has been sent everything up to `seq`, and is sent more when that has left. */
  private async comeBack(socket: GuestSocket, seq: number): Promise<void> {
    await drained(socket)
    if (!socket.connected) return
    if (mayResume(socket.data.host, seq)) await this.catchUp(socket, seq)
    else await this.bringUp(socket)
  }

  /** The newer connection acts, the older one watches. */
  private takeOver(socket: GuestSocket): void {
    const { host, seat } = socket.data
    for (let other; (other = this.actsFor(host.code, seat)) !== null && other !== socket;) {
      other.data.acts = false
      other.emit('acts', false)
    }
  }

  /** The acting connection is gone: one that has watched meanwhile acts again. */
  private passOn({ data: { host, seat } }: GuestSocket): void {
    let heir: GuestSocket | null = null
    for (const other of this.guestsOf(host.code)) {
      if (other.data.seat !== seat || other.data.hello.spectator === true) continue
      if (other.data.acts) return
      heir = other
    }
    if (heir === null || seat === 0) return
    heir.data.acts = true
    heir.emit('acts', true)
  }

  private actsFor(code: string, seat: number): GuestSocket | null {
    for (const other of this.guestsOf(code)) {
      if (other.data.seat === seat && other.data.acts) return other
    }
    return null
  }

  /** Seats have changed, or the door is shut: who may no longer be here is sent away. */
  private applyDoor(host: RoomHost, seats: readonly SeatInfo[]): void {
    const changed = new Map(seats.map((seat) => [seat.no, seat]))
    for (const socket of this.guestsOf(host.code)) {
      const seat = changed.get(socket.data.seat)
      if (host.door.closed) this.sendAway(socket, 'closed')
      else if (seat !== undefined && seat.presence !== 'in') this.sendAway(socket, seat.presence)
      else if (seat !== undefined) Object.assign(socket.data, { role: seat.role, name: seat.name })
    }
    for (const { no, presence } of seats)
      if (presence === 'banned') this.pairings.drop(host.code, no)
  }

  private sendAway(socket: GuestSocket, why: string): void {
    socket.data.acts = false
    socket.emit('bye', why)
    socket.disconnect()
  }

  /** A message of any kind: it is done, or refused with a reason. */
  private async take(socket: GuestSocket, [event, ...args]: unknown[]): Promise<void> {
    const last = args[args.length - 1]
    const answer = typeof last === 'function' ? (last as (reply: object) => void) : null
    if (answer !== null) args.pop()
    try {
      const reply = await this.respond(socket, event, args, answer !== null)
      if (answer !== null) answer(reply)
      else if (!reply.ok) {
        const { why, detail } = reply as Refusal
        socket.emit('refused', { event: String(event).slice(0, 32), why, detail })
      }
    } catch (error) {
      this.options.log.error({ error: String(error) }, 'a message could not be dealt with')
      answer?.(no('broken'))
    }
  }

  private async respond(
    socket: GuestSocket,
    event: unknown,
    args: unknown[],
    answered: boolean,
  ): Promise<{ ok: boolean }> {
    const { limits } = this.options
    if (!(await within(limits.messages, socket.id))) {
      if (!(await within(limits.flood, socket.id))) this.sendAway(socket, 'flood')
      return no('rate')
    }
    switch (event) {
      case 'command':
        if (!answered) return no('answer')
        return args.length === 1 ? this.command(socket, args[0]) : no('malformed', 'one command')
      case 'pair':
        if (!answered) return no('answer')
        return args.length === 1 ? this.pair(socket, args[0]) : no('malformed', 'one question')
      case 'act':
        if (!answered) return no('answer')
        return args.length === 0 ? this.act(socket) : no('malformed', 'nothing more')
      case 'bots':
        if (!answered) return no('answer')
        return args.length === 1 ? this.bots(socket, args[0]) : no('malformed', 'one question')
      case 'beat':
        if (!answered) return no('answer')
        return args.length === 0 ? { ok: true } : no('malformed', 'nothing more')
      case 'differs':
        return args.length === 1 ? this.differs(socket, args[0]) : no('malformed', 'one report')
      default:
        return no('event')
    }
  }

  private async command(socket: GuestSocket, raw: unknown) {
    const { host, seat, acts } = socket.data
    if (!acts) return no(seat === 0 ? 'seat' : 'elsewhere')
    const { limits } = this.options
    const key = `${host.code}/${seat}`
    if (!(await within(limits.commands, key))) return no('rate')
    const read = readCommand(raw)
    if ('why' in read) return no('malformed', read.why)
    const { command } = read
    if (command.t === 'ic' && seatOf(command.task) !== seat) return no('task')
    if (!(await within(limits.text, key, JSON.stringify(command).length))) return no('rate')
    const answer = await host.command(seat, command)
    return 'why' in answer ? no(answer.why) : { ok: true, seq: answer.seq }
  }

  /** Another device shall act for a seat: one's own, or, for the teacher, any. */
  private async pair(socket: GuestSocket, raw: unknown) {
    const { host, seat, acts } = socket.data
    if (seat === 0) return no('seat')
    if (!acts) return no('elsewhere')
    const read = safeParse(PairSchema, raw)
    if (!read.success) return no('malformed', read.issues[0].message)
    const { who = seat } = read.output
    if (who !== seat && host.seats.get(seat)?.role !== 'teacher') return no('teacher')
    if ((host.seats.get(who)?.presence ?? 'banned') === 'banned') return no('who')
    if (!(await within(this.options.limits.offers, `${host.code}/${seat}`))) return no('rate')
    return { ok: true, ...this.pairings.offer(host.code, who) }
  }

  /** The teacher sends bots into the room, or calls them back. */
  private async bots(socket: GuestSocket, raw: unknown) {
    const { host, seat, acts } = socket.data
    if (!acts) return no(seat === 0 ? 'seat' : 'elsewhere')
    if (host.seats.get(seat)?.role !== 'teacher') return no('teacher')
    const read = safeParse(BotsSchema, raw)
    if (!read.success) return no('malformed', read.issues[0].message)
    if (!(await within(this.options.limits.bots, host.code))) return no('rate')
    const ask = read.output
    const done =
      ask.do === 'stop' ? this.rehearsals.stop(host.code) : this.rehearsals.start(host, seat, ask)
    return done ? { ok: true } : no('bots')
  }

  private tellTeachers(code: string, state: BotsState): void {
    for (const socket of this.guestsOf(code))
      if (socket.data.role === 'teacher') socket.emit('bots', state)
  }

  private act(socket: GuestSocket) {
    const { seat, hello, host } = socket.data
    if (seat === 0 || hello.spectator === true) return no('seat')
    if (!socket.data.acts) {
      this.takeOver(socket)
      socket.data.acts = true
      socket.emit('acts', true)
      this.tellPresence(host)
    }
    return { ok: true }
  }

  private async differs(socket: GuestSocket, raw: unknown): Promise<{ ok: boolean }> {
    const { host, seat } = socket.data
    const read = safeParse(DiffersSchema, raw)
    if (!read.success) return no('malformed', read.issues[0].message)
    if (!(await within(this.options.limits.snapshots, socket.id))) return no('rate')
    const { seq, hash, field } = read.output
    host.report({ kind: 'differs', seat, seq, hash, field, agent: agentOf(socket) })
    this.options.log.warn({ room: host.code, seat, seq, field }, 'a client differs')
    // The socket goes on following; the snapshot falls between two entries.
    if (field === undefined && socket.data.following) await this.sendSnapshot(socket, true)
    return { ok: true }
  }

  private tellPresence(host: RoomHost): void {
    this.presenceOf(host).look()
  }

  private presenceOf(host: RoomHost): PresenceWatch {
    const { code } = host
    let presence = this.presences.get(code)
    if (presence === undefined) {
      presence = new PresenceWatch(
        () => this.whoIsThere(code),
        (change) => this.io.to(code).emit('presenceChange', change),
      )
      this.presences.set(code, presence)
    }
    return presence
  }

  private whoIsThere(code: string): { here: Set<number>; spectators: number } {
    const here = new Set<number>()
    let spectators = 0
    for (const { data } of this.guestsOf(code)) {
      if (data.seat === 0) spectators++
      else if (data.acts) here.add(data.seat)
    }
    return { here, spectators }
  }

  private guestsOf(code: string): Set<GuestSocket> {
    let guests = this.guests.get(code)
    if (guests === undefined) this.guests.set(code, (guests = new Set()))
    return guests
  }
}

function no(why: string, detail?: string): Refusal {
  return { ok: false, why, ...(detail === undefined ? {} : { detail }) }
}

/** Whether the missed entries are a shorter way than a snapshot. */
function mayResume(host: RoomHost, seq: number): boolean {
  const age = host.ageOf(seq)
  return age !== null && (host.seq - seq <= RESUME_ENTRIES || age <= RESUME_MS)
}

function refusal(no: Refused | Busy): Error & { data: { why: Refused; waitMs?: number } } {
  const data = typeof no === 'string' ? { why: no } : { why: 'busy' as const, ...no }
  return Object.assign(new Error(data.why), { data })
}

function agentOf(socket: GuestSocket): string {
  return String(socket.handshake.headers['user-agent'] ?? '').slice(0, 200)
}

/** Packets that have not left for the network. engine.io keeps the list to itself; a test watches that it is there. */
function waiting({ conn }: GuestSocket): { data?: string }[] {
  return (conn as unknown as { writeBuffer: { data?: string }[] }).writeBuffer
}

function isSlow(socket: GuestSocket): boolean {
  const packets = waiting(socket)
  if (packets.length < 4 || packets.length > WAITING_MAX) return packets.length > WAITING_MAX
  let bytes = 0
  for (const { data } of packets) bytes += data?.length ?? 0
  return bytes > WAITING_BYTES
}

/** Fulfilled when what was sent has left for the network, or the socket is gone. */
function drained(socket: GuestSocket): Promise<void> {
  const { conn } = socket
  if (!socket.connected || waiting(socket).length === 0) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      conn.off('drain', look)
      conn.off('close', done)
      resolve()
    }
    const look = () => {
      if (waiting(socket).length === 0) done()
    }
    conn.on('drain', look)
    conn.on('close', done)
  })
}
