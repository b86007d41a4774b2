// A room at work: number, append, apply, emit. It runs in the room's worker and knows nothing of threads or sockets.
//
// Commands are gathered until the next tick, written as one batch with one fdatasync, then applied one by one. While
// no program wants time there are no ticks, and a command is dealt with at once; when several come together, the next
// ones wait as long as a tick lasts, so that a crowd is sent one batch a tick, too.

import { wantsTicks } from '../../shared/kernel/sched.ts'
import { STEP_MAX, type Command, type Entry, type Header } from '../../shared/room/entry.ts'
import { fromKeyframe, takeKeyframe, type Keyframe } from '../../shared/room/keyframe.ts'
import { entryLine, voidLine } from '../../shared/room/log.ts'
import { nameKey, tidyName } from '../../shared/room/names.ts'
import {
  applyEntry,
  createRoom,
  hashRoom,
  passHash,
  type Room,
  type Seat,
} from '../../shared/room/room.ts'
import { refusalOf } from '../../shared/room/rules.ts'
import { mkSnapshot, partCount, type Snapshot } from '../../shared/room/snapshot.ts'
import { TICKS_PER_SECOND } from '../../shared/state/machine.ts'
import type { RoomStore, Seats } from '../store/logStore.ts'
import type { DoorInfo, FromWorker, RoomLimits, SeatInfo, ToWorker } from './messages.ts'
import { entryBatch, packAll, packPart, unpackAll } from './packing.ts'

/** Devices that may act for a seat; the one that came first is forgotten. */
const DEVICES_MAX = 8
const BATCH_MAX = 1000
const TICK_MS = 1000 / TICKS_PER_SECOND
const REST_MS = 5 // between ticks when they take longer than they should
const DISK_MS = 1000 // until the next try to write the log
const HASH_ENTRIES = 500
const HASH_MS = 10_000
const KEYFRAME_ENTRIES = 1000
const KEYFRAME_MS = 30_000
const STORE_MS = 60_000
/** What takes long is not done often: hashes, keyframes and stored snapshots take this part of the time at most. */
const SHARE = 1 / 50
/** Parts of stored snapshots are packed one after the other, with a rest of so many times as long in between. */
const STORE_RESTS = 9
const RECENT = 1200 // entries told to the main thread at start

type Request = ToWorker & { t: 'command' | 'join' | 'token' | 'return' }

/** After these another answer may be right to what comes next. */
const decisive: ReadonlySet<Command['t']> = new Set<Command['t']>([
  'rename',
  'remove',
  'ban',
  'readmit',
  'role',
  'room',
  'step',
  'close',
  'full',
])

export interface Surroundings {
  store: RoomStore
  emit: (message: FromWorker) => void
  limits: RoomLimits
  now: () => number // ms since 1970
  /** Called before an entry is applied, and with 0 after it. */
  applying: (seq: number) => void
}

export class RoomRunner {
  room!: Room
  private header!: Header
  private seats!: Seats
  private readonly env: Surroundings
  private queue: Request[] = []
  private timer: NodeJS.Timeout | null = null
  private atWork = false
  private closing = false
  private at = 0 // of the last entry
  private nextTick = 0 // ms
  private nextBatch = 0 // ms; between ticks that are far apart, or when there are none
  private names = new Map<number, string>() // of seats, as nameKey() has them
  private unhashed = 0 // entries since the last hash
  private lastHash = 0 // ms
  private hashCost = 0 // ms
  private keyframe: Keyframe | null = null
  private since: Entry[] = [] // entries after the keyframe
  private lastKeyframe = 0 // ms
  private keyframeCost = 0 // ms
  private readonly snapshots = new Map<number, Snapshot>() // on their way to newcomers
  private stored = 0 // seq of the snapshot in the store
  private nextStore = 0 // ms
  private storing: Promise<void> = Promise.resolve()

  constructor(env: Surroundings) {
    this.env = env
  }

  /** Reads the log and replays it. An entry that cannot be applied is voided; `voids` are not even tried. */
  async start(voids: readonly number[] = []): Promise<void> {
    const { store, now } = this.env
    const { header, entries, seats, notice } = await store.open()
    this.header = header
    this.seats = seats
    if (notice !== null) this.log('warn', notice, {})
    for (const seq of voids) await this.voidEntry(entries[seq - 1], new Error('the worker hung'))
    await this.replay(entries)
    for (const { no, name } of this.room.seats.values()) this.names.set(no, nameKey(name))

    this.at = entries[entries.length - 1]?.at ?? 0
    this.lastHash = now()
    for (let i = entries.length - 1; i >= 0 && entries[i].c.t !== 'hash'; i--) this.unhashed++
    this.env.emit({
      t: 'ready',
      header,
      seq: this.room.seq,
      recent: entries.slice(-RECENT),
      seats: [...this.room.seats.values()].map(seatInfo),
      door: this.door(),
      tokens: this.seats,
    })
    this.plan()
  }

  request(request: Request): void {
    if (this.closing) return this.refuse(request.id, 'restarting')
    this.queue.push(request)
    this.plan()
  }

  /** The room as it is, for a newcomer. */
  snapshot(id: number): void {
    this.takeKeyframe()
    const snapshot = this.freshSnapshot()
    this.snapshots.set(id, snapshot)
    this.env.emit({ t: 'snapshot', id, seq: this.room.seq, of: partCount(snapshot) })
  }

  async part(id: number, index: number): Promise<void> {
    const snapshot = this.snapshots.get(id)
    if (snapshot === undefined) return
    this.env.emit({ t: 'part', id, index, gzip: await packPart(snapshot, index) })
  }

  /** Nobody needs the snapshot any more. */
  release(id: number): void {
    this.snapshots.delete(id)
  }

  /** Deals with what has come in, then lets go of the store. */
  async close(): Promise<void> {
    this.closing = true
    if (this.timer !== null) clearTimeout(this.timer)
    while (this.atWork) await new Promise((resolve) => setTimeout(resolve, 1))
    while (this.queue.length > 0) await this.work(false)
    this.takeKeyframe()
    await this.storing
    await this.storeSnapshot()
    await this.env.store.close()
  }

  /** Sets the timer for what comes next. */
  private plan(): void {
    if (this.atWork || this.closing) return
    if (this.timer !== null) clearTimeout(this.timer)
    const now = this.env.now()
    let due = Infinity
    if (this.timePasses()) due = this.tickDue(now)
    // A slow clock holds nobody back.
    if (this.queue.length > 0) due = Math.min(due, this.nextBatch)
    if (this.fullChanges()) due = now
    if (due === Infinity && this.unhashed > 0)
      due = this.lastHash + Math.max(HASH_MS, this.hashCost / SHARE)
    if (due === Infinity) return
    this.timer = setTimeout(() => void this.go(), Math.max(0, due - now))
  }

  private async go(): Promise<void> {
    this.timer = null
    this.atWork = true
    try {
      const now = this.env.now()
      const due = this.tickDue(now)
      const tick = this.timePasses() && now >= due - 1
      // No catching up: time that the server did not have is no machine time.
      const interval = TICK_MS / this.room.settings.speed
      if (tick) this.nextTick = Math.max(due + interval, now)
      await this.work(tick)
      if (tick) this.nextTick = Math.max(this.nextTick, this.env.now() + REST_MS)
      this.keepKeyframe()
    } finally {
      this.atWork = false
    }
    this.plan()
  }

  /** When the next tick comes: at once while the clock is being advanced. */
  private tickDue(now: number): number {
    return this.room.ahead > 0 ? now : this.nextTick
  }

  /** Whether the machine's clock goes on by itself. */
  private timePasses(): boolean {
    const { settings, ahead, closed, full, machine } = this.room
    if (closed || full) return false
    return ahead > 0 || (!settings.paused && wantsTicks(machine))
  }

  /** One batch, from the queue to everyone. */
  private async work(tick: boolean): Promise<void> {
    const batch = new Batch(this.room.seq, this.clock())
    if (this.hashIsDue()) batch.add(0, { t: 'hash', hash: this.hash() })
    if (this.fullChanges()) batch.add(0, { t: 'full', full: !this.room.full })
    const requests = batch.isDecided ? [] : this.queue.splice(0, BATCH_MAX)
    const { key } = this.seats
    const { joins, done } = await this.number(requests, batch)
    this.queue.unshift(...requests.splice(done))
    if (requests.length > 1 || tick) this.nextBatch = this.env.now() + TICK_MS
    const ticks = Math.min(Math.max(this.room.ahead, 1), STEP_MAX)
    if (tick && !batch.isDecided) for (let n = 0; n < ticks; n++) batch.add(0, this.tick())
    if (batch.entries.length === 0) return

    try {
      await this.env.store.append(batch.entries.map(entryLine))
    } catch (error) {
      // Nothing was numbered, then. A full disk may have room again.
      this.lastHash = this.env.now()
      this.nextTick = this.env.now() + DISK_MS
      this.log('error', 'the log cannot be written', { error: String(error) })
      for (const request of requests) {
        if (request.t === 'join' && request.keyHash === key) this.seats.key = key
        this.refuse(request.id, 'disk')
      }
      return
    }
    this.at = batch.at
    for (const entry of batch.entries) {
      if (entry.c.t === 'hash') this.pass(entry)
      else await this.applyOne(entry)
    }

    const answers = batch.answers.map((answer) => {
      const seat = joins.get(answer.seq)
      if (seat === undefined) return answer
      return this.room.seats.has(seat.no) ? { ...answer, seat } : { id: answer.id, why: 'broken' }
    })
    this.env.emit({
      t: 'batch',
      batch: entryBatch(batch.entries),
      answers,
      seats: this.changedSeats(batch.entries),
      door: this.door(),
    })
  }

  /** The log has just reached the host's limit, or the host has raised it. */
  private fullChanges(): boolean {
    const { closed, full } = this.room
    return !closed && full !== this.env.store.size >= this.env.limits.logBytes
  }

  private tick(): Command {
    return { t: 'tick', fuel: Math.round(this.header.options.speed / TICKS_PER_SECOND) }
  }

  private door(): DoorInfo {
    const { settings, closed, full } = this.room
    return { settings, closed, full }
  }

  private changedSeats(entries: readonly Entry[]): SeatInfo[] {
    const changed = new Map<number, SeatInfo>()
    for (const { seat, c } of entries) {
      const no = c.t === 'seat' ? seat : 'who' in c ? c.who : 0
      const now = this.room.seats.get(no)
      if (now === undefined) continue
      changed.set(no, seatInfo(now))
      this.names.set(no, nameKey(now.name))
    }
    return [...changed.values()]
  }

  /**
   * Turns requests into entries, up to the first one that decides about those behind it; how many. The token hash of a
   * new seat is durable before the seat is.
   */
  private async number(requests: readonly Request[], batch: Batch) {
    const joins = new Map<number, SeatInfo>()
    const names = new Set<string>()
    const devices: number[] = [] // ids of requests
    let done = 0
    while (done < requests.length && !batch.isDecided) {
      const request = requests[done++]
      switch (request.t) {
        case 'command':
          this.numberCommand(request, batch)
          break
        case 'join': {
          const why = this.keyProblem(request) ?? this.seatProblem(request, names, joins.size)
          if (why !== null) {
            this.refuse(request.id, why)
            break
          }
          const { id, name, role } = request
          names.add(nameKey(name))
          const no = this.room.seats.size + joins.size + 1
          // An address of the machine's own world: nobody's real one enters the log.
          const from = `10.0.${Math.floor(no / 200)}.${(no % 200) + 10}`
          const seq = batch.add(no, { t: 'seat', name, role, from }, id)
          joins.set(seq, { no, name, role, presence: 'in' })
          this.seats.seats[no] = [request.tokenHash]
          this.useKey(request)
          break
        }
        case 'token': {
          const why = this.keyProblem(request)
          if (why !== null) {
            this.refuse(request.id, why)
            break
          }
          this.useKey(request)
          const known = (this.seats.seats[request.seat] ??= [])
          known.push(request.tokenHash)
          if (known.length > DEVICES_MAX) known.shift()
          devices.push(request.id)
          break
        }
        case 'return': {
          const { id, seat: who } = request
          const why = this.returnProblem(who)
          if (why === null) batch.add(who, { t: 'readmit', who }, id)
          else this.refuse(id, why)
        }
      }
    }
    if (joins.size + devices.length > 0) await this.env.store.writeSeats(this.seats)
    for (const id of devices) this.env.emit({ t: 'done', answer: { id, seq: this.room.seq } })
    return { joins, done }
  }

  private keyProblem({ keyHash }: { keyHash?: string }): string | null {
    const { key, teacher } = this.seats
    return keyHash === undefined || keyHash === key || keyHash === teacher ? null : 'key'
  }

  private useKey({ keyHash }: { keyHash?: string }): void {
    if (keyHash === this.seats.key) delete this.seats.key
  }

  private numberCommand({ id, seat, command }: Request & { t: 'command' }, batch: Batch): void {
    const why = refusalOf(this.room, seat, command)
    if (why !== null) return this.refuse(id, why)
    if (command.t === 'rename') {
      batch.add(seat, { ...command, name: tidyName(command.name) }, id)
      return
    }
    batch.add(seat, command, id)
    if (command.t === 'step') for (let n = 0; n < command.ticks; n++) batch.add(0, this.tick())
  }

  private seatProblem(
    { name, role }: Request & { t: 'join' },
    names: ReadonlySet<string>,
    joining: number,
  ): string | null {
    const { closed, full, settings, seats } = this.room
    if (closed) return 'closed'
    if (full) return 'full'
    if (settings.locked && role === 'student') return 'locked'
    if (seats.size + joining >= this.env.limits.seats) return 'seats'
    const key = nameKey(name)
    for (const other of this.names.values()) if (other === key) return 'name-taken'
    return names.has(key) ? 'name-taken' : null
  }

  private returnProblem(no: number): string | null {
    const { closed, full, settings, seats } = this.room
    if (closed) return 'closed'
    if (full) return 'full'
    if (seats.get(no)?.presence !== 'removed') return 'banned'
    return settings.locked ? 'removed' : null
  }

  private async applyOne(entry: Entry): Promise<void> {
    this.since.push(entry)
    this.env.applying(entry.seq)
    try {
      const { mismatch } = applyEntry(this.room, entry)
      if (mismatch) this.log('error', 'the hash is not stable', { seq: entry.seq, mismatch })
    } catch (error) {
      await this.voidEntry(entry, error)
      await this.goBack()
    } finally {
      this.env.applying(0)
    }
    this.unhashed = entry.c.t === 'hash' ? 0 : this.unhashed + 1
    if (entry.c.t === 'hash') this.lastHash = this.env.now()
  }

  /** The batch's own hash, which was taken a moment ago. */
  private pass(entry: Entry): void {
    this.since.push(entry)
    passHash(this.room, entry)
    this.unhashed = 0
    this.lastHash = this.env.now()
  }

  /** Our bug: the entry will never be tried again, and what is known about it is kept. */
  private async voidEntry(entry: Entry | undefined, error: unknown): Promise<void> {
    if (entry === undefined || entry.c.t === 'void') return
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const report = { kind: 'void', entry: { ...entry }, error: text, engine: this.header.engine }
    this.log('error', 'an entry is voided', {
      seq: entry.seq,
      command: entry.c.t,
      error: text.split('\n')[0],
    })
    entry.c = { t: 'void' }
    await this.env.store.append([voidLine(entry.seq)])
    await this.env.store.writeReport(report)
  }

  /** The machine from before the entry that failed, by the last keyframe and the entries since. */
  private async goBack(): Promise<void> {
    const entries = this.since
    this.since = []
    this.room = this.keyframe === null ? createRoom(this.header) : fromKeyframe(this.keyframe)
    for (const entry of entries) await this.applyOne(entry)
  }

  private async replay(entries: Entry[]): Promise<void> {
    this.room = (await this.fromSnapshot(entries.length)) ?? createRoom(this.header)
    if (this.room.seq > 0) this.takeKeyframe()
    for (const entry of entries.slice(this.room.seq)) {
      await this.applyOne(entry)
      this.keepKeyframe()
    }
  }

  private async fromSnapshot(last: number): Promise<Room | null> {
    const snapshot = await this.env.store.readSnapshot()
    if (snapshot === null || snapshot.seq > last) return null
    try {
      const room = unpackAll(snapshot.parts)
      if (room.seq !== snapshot.seq) return null
      this.stored = snapshot.seq
      return room
    } catch (error) {
      this.log('warn', 'the stored snapshot is not used', { error: String(error) })
      return null
    }
  }

  private keepKeyframe(): void {
    const passed = this.env.now() - this.lastKeyframe
    if (passed < this.keyframeCost / SHARE) return
    if (this.since.length >= KEYFRAME_ENTRIES || passed >= KEYFRAME_MS) this.takeKeyframe()
  }

  private takeKeyframe(): void {
    const start = this.env.now()
    if (this.keyframe?.seq !== this.room.seq) {
      this.keyframe = takeKeyframe(this.room, this.keyframe)
      this.since = []
    }
    this.lastKeyframe = this.env.now()
    this.keyframeCost = this.lastKeyframe - start
    if (this.lastKeyframe < this.nextStore || this.closing) return
    if (this.room.seq - this.stored >= KEYFRAME_ENTRIES) this.storing = this.storeSnapshot()
  }

  /** Of the keyframe that was taken right now. */
  private freshSnapshot(): Snapshot {
    return mkSnapshot(this.keyframe!, this.room.machine.zone.page.flags)
  }

  private async storeSnapshot(): Promise<void> {
    const { seq } = this.room
    if (seq === this.stored) return
    const start = this.env.now()
    this.stored = seq
    this.nextStore = Infinity // one at a time
    try {
      const parts = await packAll(this.freshSnapshot(), (ms) => this.rest(ms * STORE_RESTS))
      await this.env.store.writeSnapshot({ seq, parts })
    } catch (error) {
      this.log('warn', 'no snapshot could be stored', { error: String(error) })
    }
    const end = this.env.now()
    this.nextStore = end + Math.max(STORE_MS, (end - start) / STORE_RESTS / SHARE)
  }

  /** Nobody waits, unless the room is being closed. */
  private rest(ms: number): Promise<void> {
    if (this.closing) return Promise.resolve()
    return new Promise((resolve) => setTimeout(resolve, ms))
  }

  private hash(): string {
    const start = this.env.now()
    const hash = hashRoom(this.room)
    this.hashCost = this.env.now() - start
    return hash
  }

  private hashIsDue(): boolean {
    if (this.unhashed === 0) return false
    const passed = this.env.now() - this.lastHash
    if (passed < this.hashCost / SHARE) return false
    return this.unhashed >= HASH_ENTRIES || passed >= HASH_MS
  }

  /** ms since the room was made; never backwards. */
  private clock(): number {
    return Math.max(this.at, this.env.now() - this.header.created)
  }

  private refuse(id: number, why: string): void {
    this.env.emit({ t: 'refused', answer: { id, why } })
  }

  private log(level: 'info' | 'warn' | 'error', text: string, data: object): void {
    this.env.emit({ t: 'log', level, text, data })
  }
}

function seatInfo({ no, name, role, presence }: Seat): SeatInfo {
  return { no, name, role, presence }
}

/** Entries that get their numbers together. */
class Batch {
  readonly entries: Entry[] = []
  readonly answers: { id: number; seq: number }[] = []
  readonly at: number
  /** What comes next depends on what this does. */
  isDecided = false
  private seq: number

  constructor(seq: number, at: number) {
    this.seq = seq
    this.at = at
  }

  add(seat: number, command: Command, id?: number): number {
    const seq = ++this.seq
    this.entries.push({ seq, at: this.at, seat, c: command })
    this.isDecided ||= decisive.has(command.t)
    if (id !== undefined) this.answers.push({ id, seq })
    return seq
  }
}
