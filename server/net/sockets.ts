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
  type Refused,
  type ServerToClient,
  type Welcome,
} from '../../shared/wire/events.ts'
import { nameProblem, tidyName } from '../../shared/room/names.ts'
import type { Role } from '../../shared/room/entry.ts'
import { DiffersSchema, readCommand, readHello, seatOf } from '../../shared/wire/schema.ts'
import { safeParse } from 'valibot'
import type { Log, RoomHost } from '../room/host.ts'
import { newToken, type Rooms } from '../room/rooms.ts'
import { hasLeft, within, type Limits } from './limits.ts'
import { Presence } from './presence.ts'

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

type GuestSocket = Socket<ClientToServer, ServerToClient, Record<string, never>, Guest>
type GuestServer = Server<ClientToServer, ServerToClient, Record<string, never>, Guest>

export interface SocketOptions {
  rooms: Rooms
  limits: Limits
  log: Log
}

export class Sockets {
  readonly io: GuestServer
  private readonly options: SocketOptions
  private readonly guests = new Map<string, Set<GuestSocket>>() // by code
  private readonly presences = new Map<string, Presence>() // by code

  constructor(http: HttpServer, options: SocketOptions) {
    this.options = options
    this.io = new Server(http, {
      serveClient: false,
      perMessageDeflate: false,
      httpCompression: false,
      pingInterval: PING_INTERVAL_MS,
      pingTimeout: PING_TIMEOUT_MS,
      maxHttpBufferSize: MESSAGE_MAX,
    })
    options.rooms.onOpen = (host) => {
      host.onBatch = (entries) => this.broadcast(host, `[${entries.join(',')}]`)
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
    this.io.emit('bye', why)
    for (const { timer } of this.presences.values()) if (timer !== null) clearTimeout(timer)
    await new Promise((resolve) => setTimeout(resolve, 100)) // lets the word go out
    await this.io.close()
  }

  /** Fills socket.data, or says why not. */
  private async admit(socket: GuestSocket): Promise<Refused | null> {
    const hello = readHello(socket.handshake.auth)
    if (hello === null) return 'hello'
    if (hello.protocol !== PROTOCOL) return 'protocol'

    const { limits, rooms } = this.options
    const { address } = socket.handshake
    // Who holds a token has been here before, and is not locked out by a neighbour who guesses codes.
    if (hello.token === undefined && !(await hasLeft(limits.misses, address))) return 'busy'
    const host = await rooms.get(hello.code)
    if (host === null) {
      await within(limits.misses, address)
      return 'room'
    }
    if (host.trouble !== null) return host.trouble.why

    const place = await this.findPlace(host, hello)
    if (typeof place === 'string') return place
    Object.assign(socket.data, { host, hello, following: false, ...place })
    return null
  }

  private async findPlace(
    host: RoomHost,
    { token, name, spectator }: Hello,
  ): Promise<Pick<Guest, 'seat' | 'role' | 'name' | 'token' | 'acts'> | Refused> {
    const owner = token === undefined ? null : host.seatOf(token)
    if (owner !== null && owner !== 'teacher') {
      return {
        seat: owner.no,
        role: owner.role,
        name: owner.name,
        token: token!,
        acts: spectator !== true,
      }
    }
    if (spectator === true) return { seat: 0, role: 'spectator', name: '', token: '', acts: false }
    const wanted = name === undefined ? undefined : tidyName(name)
    if (owner === 'teacher') {
      const seat = host.teacherSeat(wanted)
      if (seat !== null)
        return { seat: seat.no, role: 'teacher', name: seat.name, token: token!, acts: true }
      return this.newSeat(host, wanted ?? 'teacher', 'teacher', token!)
    }
    if (wanted === undefined) return token === undefined ? 'name' : 'token'
    return this.newSeat(host, wanted, 'student', token ?? newToken())
  }

  private async newSeat(host: RoomHost, name: string, role: Role, token: string) {
    const problem = nameProblem(name)
    if (problem !== null) return problem
    if (!(await within(this.options.limits.joins, host.code))) return 'busy' as const
    const seat = await host.join(name, role, token)
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
      this.tellPresence(host)
    })
    this.listen(socket)

    const have = hello.have?.engine === host.header.engine ? hello.have.seq : 0
    const resume = mayResume(host, have) ? 'entries' : 'snapshot'
    const welcome: Welcome = { header: host.header, seat, role, name, token, seq: host.seq, resume }
    socket.emit('welcome', welcome)
    this.tellPresence(host)
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

  private broadcast(host: RoomHost, text: string): void {
    this.io.to(host.code).emit('entries', text)
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
    for (const other of this.guestsOf(socket.data.host.code)) {
      if (other.data.seat !== socket.data.seat || !other.data.acts) continue
      other.data.acts = false
      other.emit('bye', 'elsewhere')
    }
  }

  private listen(socket: GuestSocket): void {
    socket.on('command', (raw: unknown, answer: unknown) => {
      if (typeof answer !== 'function') return
      void this.command(socket, raw).then((reply) => (answer as (reply: unknown) => void)(reply))
    })
    socket.on('differs', (raw: unknown) => void this.differs(socket, raw))
    socket.on('beat', (answer: unknown) => {
      if (typeof answer === 'function') (answer as () => void)()
    })
  }

  private async command(socket: GuestSocket, raw: unknown) {
    const { host, seat } = socket.data
    const no = (why: string, detail?: string) => ({
      ok: false,
      why,
      ...(detail === undefined ? {} : { detail }),
    })
    if (!socket.data.acts) return no('seat')
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

  private async differs(socket: GuestSocket, raw: unknown): Promise<void> {
    const { host, seat } = socket.data
    const read = safeParse(DiffersSchema, raw)
    if (!read.success || !(await within(this.options.limits.snapshots, socket.id))) return
    const { seq, hash, field } = read.output
    host.report({ kind: 'differs', seat, seq, hash, field, agent: agentOf(socket) })
    this.options.log.warn({ room: host.code, seat, seq, field }, 'a client differs')
    // The socket goes on following; the snapshot falls between two entries.
    if (field === undefined && socket.data.following) await this.sendSnapshot(socket, true)
  }

  private tellPresence(host: RoomHost): void {
    this.presenceOf(host).look()
  }

  private presenceOf(host: RoomHost): Presence {
    const { code } = host
    let presence = this.presences.get(code)
    if (presence === undefined) {
      const seats = () => {
        const acting = new Set<number>()
        for (const { data } of this.guestsOf(code)) if (data.acts) acting.add(data.seat)
        return acting
      }
      presence = new Presence(seats, (change) => this.io.to(code).emit('presenceChange', change))
      this.presences.set(code, presence)
    }
    return presence
  }

  private guestsOf(code: string): Set<GuestSocket> {
    let guests = this.guests.get(code)
    if (guests === undefined) this.guests.set(code, (guests = new Set()))
    return guests
  }
}

/** Whether the missed entries are a shorter way than a snapshot. */
function mayResume(host: RoomHost, seq: number): boolean {
  const age = host.ageOf(seq)
  return age !== null && (host.seq - seq <= RESUME_ENTRIES || age <= RESUME_MS)
}

function refusal(why: Refused): Error & { data: { why: Refused } } {
  return Object.assign(new Error(why), { data: { why } })
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
