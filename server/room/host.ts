// A room as the main thread sees it: the worker behind it, the last entries, who may sit where. When the worker dies
// or hangs, another one takes over from the log.

import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { Command, Header, Role } from '../../shared/room/entry.ts'
import { nameKey } from '../../shared/room/names.ts'
import { PackedSnapshot } from './packedSnapshot.ts'
import { entryBatch } from './packing.ts'
import { Past, type PastEntries } from './past.ts'
import {
  PULSE_APPLYING,
  PULSE_BEAT,
  type Answer,
  type DoorInfo,
  type EntryBatch,
  type FromWorker,
  type RoomLimits,
  type SeatInfo,
  type ToWorker,
  type WorkerData,
} from './messages.ts'

/** A snapshot serves the next newcomers, too, while it is not older than this. */
const SNAPSHOT_ENTRIES = 200
const SNAPSHOT_MS = 5000
/** Its packed parts are kept for so long after the last one who was sent them: people come in crowds. */
const PARTS_MS = 5000
const WATCH_MS = 1000
const RESTARTS_MAX = 5
const RESTARTS_MS = 60_000

export interface Log {
  info: (data: object, text: string) => void
  warn: (data: object, text: string) => void
  error: (data: object, text: string) => void
}

export interface HostOptions {
  dir: string
  engine: string
  log: Log
  hangMs: number // how long a worker may be silent
  limits: RoomLimits
}

/** Why a room cannot be entered. */
export interface Trouble {
  why: 'engine' | 'broken'
  text: string
}

export class RoomHost {
  readonly code: string
  header!: Header
  seq = 0 // the last entry that everyone may see
  trouble: Trouble | null = null
  seats = new Map<number, SeatInfo>()
  door!: DoorInfo
  /** Told of each batch. */
  onBatch: (batch: EntryBatch) => void = () => {}
  /** Told when a seat has changed, or who may come in; everyone has seen the entries. */
  onDoor: (seats: readonly SeatInfo[]) => void = () => {}

  private readonly options: HostOptions
  private worker: Worker | null = null
  private readonly pulse = new Int32Array(new SharedArrayBuffer(8))
  private readonly watch: NodeJS.Timeout
  private beat = -1
  private beatAt = Date.now()
  private readonly past = new Past() // up to `seq`
  private tokens = new Map<string, number>() // sha256 to seat; 0: the teacher's
  private keyHash: string | undefined // of the teacher's link, until it is used
  private pending = new Map<number, (answer: Answer) => void>()
  private snapshots = new Map<number, PackedSnapshot>() // that somebody may ask for parts of
  private lastSnapshot: PackedSnapshot | null = null
  private nextId = 1
  private restarts: number[] = []
  private closing = false
  private settleReady!: () => void
  private settleClosed!: () => void
  readonly ready = new Promise<void>((resolve) => (this.settleReady = resolve))
  private readonly closed = new Promise<void>((resolve) => (this.settleClosed = resolve))

  constructor(code: string, options: HostOptions) {
    this.code = code
    this.options = options
    this.startWorker([])
    this.watch = setInterval(() => this.look(), WATCH_MS)
  }

  /** Fulfilled when the command is in the log, applied and sent to everyone, or refused. */
  command(seat: number, command: Command): Promise<Answer> {
    return this.ask((id) => ({ t: 'command', id, seat, command }))
  }

  /** A new seat. The token stays with its owner; only its hash is kept. */
  async join(name: string, role: Role, token: string, key?: string): Promise<SeatInfo | string> {
    const tokenHash = hashToken(token)
    const keyHash = this.hashOfKey(key)
    const answer = await this.ask((id) => ({ t: 'join', id, name, role, tokenHash, keyHash }))
    if ('why' in answer) return answer.why
    this.useKey(keyHash)
    const seat = answer.seat!
    if (!this.tokens.has(tokenHash)) this.tokens.set(tokenHash, seat.no)
    return seat
  }

  /** Another device may act for the seat; null, or why not. */
  async addToken(seat: number, token: string, key?: string): Promise<string | null> {
    const tokenHash = hashToken(token)
    const keyHash = this.hashOfKey(key)
    const answer = await this.ask((id) => ({ t: 'token', id, seat, tokenHash, keyHash }))
    if ('why' in answer) return answer.why
    this.useKey(keyHash)
    this.tokens.set(tokenHash, seat)
    return null
  }

  /** Somebody who was sent away is back; null, or why not. */
  async readmit(seat: number): Promise<string | null> {
    const answer = await this.ask((id) => ({ t: 'return', id, seat }))
    return 'why' in answer ? answer.why : null
  }

  /** The seat of a token; 'teacher' for the teacher's, null for none. */
  seatOf(token: string): SeatInfo | 'teacher' | null {
    const no = this.tokens.get(hashToken(token))
    if (no === undefined) return null
    return no === 0 ? 'teacher' : (this.seats.get(no) ?? null)
  }

  /** Whether the teacher's link has this key and nobody has used it, or it is a token. */
  opens(key: string): boolean {
    const keyHash = hashToken(key)
    return keyHash === this.keyHash || this.tokens.has(keyHash)
  }

  private hashOfKey(key: string | undefined): string | undefined {
    return key === undefined ? undefined : hashToken(key)
  }

  private useKey(keyHash: string | undefined): void {
    if (keyHash === this.keyHash) this.keyHash = undefined
  }

  /** The teacher's seat of that name, or the first one if no name is given. */
  teacherSeat(name: string | undefined): SeatInfo | null {
    const key = name === undefined ? null : nameKey(name)
    for (const seat of this.seats.values()) {
      if (seat.role === 'teacher' && (key === null || nameKey(seat.name) === key)) return seat
    }
    return null
  }

  /** Entries after `seq` in whole batches, about `bytes` of them at most; null if they are no longer here. */
  entriesAfter(seq: number, bytes: number): PastEntries | null {
    return this.past.after(seq, bytes)
  }

  /** How long ago the first entry after `seq` was made, in ms; 0 if there is none; null if it is no longer here. */
  ageOf(seq: number): number | null {
    return this.past.has(seq) ? this.past.ageOf(seq) : null
  }

  /**
   * The room as it is now, or (for a newcomer) a little while ago. Who has taken it gives it back with release(). null:
   * the room is starting again.
   */
  async snapshot(fresh = false): Promise<PackedSnapshot | null> {
    let snapshot = this.lastSnapshot
    if (fresh || snapshot === null || this.isStale(snapshot)) {
      if (this.worker === null || this.closing) return null
      snapshot = this.askSnapshot()
    }
    snapshot.users++
    if (await snapshot.ready) return snapshot
    this.release(snapshot)
    return null
  }

  release(snapshot: PackedSnapshot): void {
    snapshot.users--
    if (snapshot.users > 0) return
    if (snapshot !== this.lastSnapshot) return this.dropSnapshot(snapshot)
    setTimeout(() => {
      if (snapshot.users === 0) snapshot.forgetParts()
    }, PARTS_MS).unref()
  }

  private isStale({ asked, askedMs }: PackedSnapshot): boolean {
    if (!this.past.has(asked)) return true
    return this.seq - asked >= SNAPSHOT_ENTRIES && Date.now() - askedMs >= SNAPSHOT_MS
  }

  private askSnapshot(): PackedSnapshot {
    const id = this.nextId++
    const snapshot = new PackedSnapshot(id, this.seq, (index) =>
      this.post({ t: 'part', id, index }),
    )
    this.snapshots.set(id, snapshot)
    this.post({ t: 'snapshot', id })
    const before = this.lastSnapshot
    this.lastSnapshot = snapshot
    if (before !== null && before.users === 0) this.dropSnapshot(before)
    return snapshot
  }

  private dropSnapshot({ id }: PackedSnapshot): void {
    if (this.snapshots.delete(id)) this.post({ t: 'release', id })
  }

  report(report: object): void {
    this.post({ t: 'report', report })
  }

  /** Everything that was accepted is written; then the worker is gone. */
  async close(): Promise<void> {
    if (this.closing) return this.closed
    this.closing = true
    clearInterval(this.watch)
    if (this.worker === null) return
    this.post({ t: 'close' })
    await this.closed
  }

  private ask(request: (id: number) => ToWorker): Promise<Answer> {
    const id = this.nextId++
    if (this.worker === null || this.closing) return Promise.resolve({ id, why: 'restarting' })
    return new Promise((resolve) => {
      this.pending.set(id, resolve)
      this.post(request(id))
    })
  }

  private post(message: ToWorker): void {
    this.worker?.postMessage(message)
  }

  private startWorker(voids: number[]): void {
    const { dir, engine, limits } = this.options
    const { code, pulse } = this
    const workerData: WorkerData = { dir, code, engine, limits, voids, pulse }
    Atomics.store(this.pulse, PULSE_APPLYING, 0)
    this.beatAt = Date.now()
    const worker = new Worker(workerUrl(), {
      workerData,
      name: `room-${this.code}`,
    })
    this.worker = worker
    worker.on('message', (message: FromWorker) => this.take(message))
    worker.on('error', (error) => {
      this.options.log.error(
        { room: this.code, error: error.stack ?? String(error) },
        'the room worker failed',
      )
    })
    worker.on('exit', () => {
      if (this.worker === worker) this.gone()
    })
  }

  private take(message: FromWorker): void {
    switch (message.t) {
      case 'ready':
        return this.takeReady(message)
      case 'unreadable':
        this.trouble = { why: message.field === 'engine' ? 'engine' : 'broken', text: message.why }
        this.options.log.error({ room: this.code, why: message.why }, 'the room cannot be opened')
        return this.settleReady()
      case 'batch':
        return this.takeBatch(message)
      case 'refused':
      case 'done':
        return this.answer(message.answer)
      case 'snapshot':
        return this.snapshots.get(message.id)?.begin(message.seq, message.of)
      case 'part':
        return this.snapshots.get(message.id)?.take(message.index, message.gzip)
      case 'log':
        return this.options.log[message.level]({ room: this.code, ...message.data }, message.text)
      case 'closed':
        return this.settleClosed()
    }
  }

  private takeReady(message: FromWorker & { t: 'ready' }): void {
    const { header, seq, recent, seats, door, tokens } = message
    this.header = header
    this.door = door
    for (const seat of seats) this.seats.set(seat.no, seat)
    this.tokens.set(tokens.teacher, 0)
    this.keyHash = tokens.key
    for (const { no } of seats) {
      // A teacher who came with the key has no token besides.
      for (const hash of tokens.seats[no] ?? [])
        if (hash !== tokens.teacher) this.tokens.set(hash, no)
    }
    // After a restart of the worker, entries that were durable and never sent are sent now.
    const unseen = this.seq === 0 ? 0 : seq - this.seq
    const fresh = this.seq === 0 ? recent : unseen > 0 ? recent.slice(-unseen) : []
    this.seq = seq
    if (fresh.length > 0) {
      const batch = entryBatch(fresh)
      this.past.add(batch)
      if (unseen > 0) this.onBatch(batch)
    }
    this.onDoor(seats)
    this.settleReady()
  }

  private takeBatch(message: FromWorker & { t: 'batch' }): void {
    const { batch, answers, seats, door } = message
    this.past.add(batch)
    this.seq = batch.last
    const closes = door.closed && !this.door.closed
    this.door = door
    for (const seat of seats) this.seats.set(seat.no, seat)
    this.onBatch(batch)
    for (const answer of answers) this.answer(answer)
    if (seats.length > 0 || closes) this.onDoor(seats)
  }

  private answer(answer: Answer): void {
    this.pending.get(answer.id)?.(answer)
    this.pending.delete(answer.id)
  }

  /** The worker has ended, by itself or by the watchdog: what it was applying must not kill the next one, too. */
  private gone(): void {
    this.worker = null
    for (const [id, settle] of this.pending) settle({ id, why: 'restarting' })
    this.pending.clear()
    for (const snapshot of this.snapshots.values()) snapshot.fail()
    this.snapshots.clear()
    this.lastSnapshot = null
    if (this.closing || this.trouble !== null) return this.settleClosed()

    const now = Date.now()
    this.restarts = [...this.restarts.filter((at) => now - at < RESTARTS_MS), now]
    if (this.restarts.length > RESTARTS_MAX) {
      this.trouble = { why: 'broken', text: 'the room has failed too often' }
      this.options.log.error({ room: this.code }, 'the room has failed too often and stays closed')
      this.settleReady()
      return this.settleClosed()
    }
    const applying = Atomics.load(this.pulse, PULSE_APPLYING)
    this.options.log.warn({ room: this.code, applying }, 'the room is started again from its log')
    this.startWorker(applying === 0 ? [] : [applying])
  }

  /** The watchdog. */
  private look(): void {
    if (this.worker === null) return
    const beat = Atomics.load(this.pulse, PULSE_BEAT)
    if (beat !== this.beat) {
      this.beat = beat
      this.beatAt = Date.now()
      return
    }
    if (Date.now() - this.beatAt < this.options.hangMs) return
    this.options.log.error({ room: this.code }, 'the room worker hangs and is ended')
    this.beatAt = Date.now()
    void this.worker.terminate()
  }
}

export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/** Beside this file: as source, or as the build names it. */
function workerUrl(): URL {
  const source = import.meta.url.endsWith('.ts')
  return new URL(source ? './sourceWorker.cjs' : './roomWorker.js', import.meta.url)
}
