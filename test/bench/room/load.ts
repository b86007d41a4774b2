// Rooms full of people, over real sockets: a server in a process of its own, the people in this one. Every one types
// two statements a second; one of them has a machine, and what is timed is from the key to that machine.

import { appendFile, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { entryLine, LOG_FORMAT } from '../../../shared/room/log.ts'
import type { Command, Entry } from '../../../shared/room/entry.ts'
import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import { applyEntry, createRoom, hashRoom } from '../../../shared/room/room.ts'
import { TICKS_PER_SECOND } from '../../../shared/state/machine.ts'
import { PROTOCOL, type Hello } from '../../../shared/wire/events.ts'
import { engineId } from '../../../server/engine.ts'
import { hashToken } from '../../../server/room/host.ts'
import { fileStore } from '../../../server/store/fileStore.ts'
import {
  canPin,
  createRoom as openRoom,
  loadNow,
  memoryOf,
  pinMe,
  standBack,
  startServer,
  usageOf,
  type BenchServer,
} from './host.ts'
import { STATEMENTS_PER_SECOND, ramFor, statement } from './lesson.ts'
import { RawClient, now, type Heard } from './rawClient.ts'
import { Watcher } from './watcher.ts'

const WARM_MS = 15_000 // everyone has used all that there is once, and what that piled up is done
const BEAT_MS = 5 // between looks at who types next
const DRAIN_MS = 1500
const CROWD_NICE = 5

export interface ClassFigures {
  seats: number
  seconds: number
  ramMiB: number
  statements: number
  refused: number
  failed: number // the machine did not do them
  cpuPercent: number // of one core, the whole server
  waitedPercent: number // of the time its threads stood in the queue for that core
  clientsCpuPercent: number // of one core: all the people, and the machine of one of them
  clientsWaitedPercent: number
  bytesPerEntry: number // on the wire, what comes with them included
  kibPerClientSecond: number
  p50Ms: number | null // from emit to applied on the machine of somebody else; null: not within a minute
  p95Ms: number | null
  p99Ms: number | null
  arrivedP50Ms: number | null // at the socket of somebody else
  arrivedP95Ms: number | null
  arrivedP99Ms: number | null
  rssMiB: number
  load: number // of the host, before
}

export async function measureClass(seats: number, seconds: number): Promise<ClassFigures> {
  const load = loadNow()
  const ramMiB = ramFor(seats)
  const server = await startServer()
  pinMe(1)
  try {
    const { code, header } = await openRoom(server, { ram: `${ramMiB}M`, hostname: 'bench' })
    const arrivals = new Map<number, Float64Array>() // when who was sent which batch
    const emitted = new Map<number, number>() // when, by number of the entry
    let refused = 0
    const people: RawClient[] = []
    const hears = (i: number): Heard => ({
      entries(first) {
        let times = arrivals.get(first)
        if (times === undefined) arrivals.set(first, (times = new Float64Array(seats)))
        times[i] = now()
      },
      answer(reply, emittedMs) {
        if (reply.ok) emitted.set(reply.seq, emittedMs)
        else refused++
      },
    })
    // They have no machines, so they need nothing of the past.
    for (let i = 0; i < seats; i++) {
      const have = { engine: header.engine, seq: people[i - 1]?.lastSeq ?? 0 }
      people.push(await sitDown(server, { code, name: `Seat ${i + 1}`, have }, hears(i)))
    }
    const ticket = { server: server.url, code, engine: header.engine, spectator: true }
    const watcher = new Watcher(ticket)
    await watcher.ready

    // The crowd shares its core with the machine that is timed, which in a class has one of its own.
    standBack(CROWD_NICE)
    const typists = startTyping(people)
    await pause(WARM_MS)
    const from = now()
    const before = await usageOf(server.pid)
    const mine = await usageOf(process.pid)
    const bytes = sum(people, ({ bytes }) => bytes)
    const seq = people[0].lastSeq
    await pause(seconds * 1000)
    const after = await usageOf(server.pid)
    const mineAfter = await usageOf(process.pid)
    const to = now()
    const received = sum(people, (one) => one.bytes) - bytes
    const entries = people[0].lastSeq - seq
    typists.stop()
    await pause(DRAIN_MS)
    const { rssMiB } = await memoryOf(server.pid)
    let last = 0
    for (const entry of emitted.keys()) last = Math.max(last, entry)
    const seen = await watcher.end(last)
    for (const one of people) one.drop()

    const timed = [...emitted].filter(([, ms]) => ms >= from && ms < to)
    const wallMs = after.atMs - before.atMs
    const applied = delays(timed, appliedAt(seen.seqs, seen.appliedMs))
    const arrived = delays(timed, arrivedAt(arrivals, people.length))
    return {
      seats,
      seconds,
      ramMiB,
      statements: timed.length,
      refused,
      failed: seen.failed,
      cpuPercent: round(((after.cpuMs - before.cpuMs) / wallMs) * 100),
      waitedPercent: round(((after.waitedMs - before.waitedMs) / wallMs) * 100),
      clientsCpuPercent: round(((mineAfter.cpuMs - mine.cpuMs) / wallMs) * 100),
      clientsWaitedPercent: round(((mineAfter.waitedMs - mine.waitedMs) / wallMs) * 100),
      bytesPerEntry: round(received / seats / entries),
      kibPerClientSecond: round(received / seats / (wallMs / 1000) / 1024),
      p50Ms: at(applied, 0.5),
      p95Ms: at(applied, 0.95),
      p99Ms: at(applied, 0.99),
      arrivedP50Ms: at(arrived, 0.5),
      arrivedP95Ms: at(arrived, 0.95),
      arrivedP99Ms: at(arrived, 0.99),
      rssMiB,
      load,
    }
  } finally {
    standBack(0)
    pinMe(null)
    await server.stop()
  }
}

async function sitDown(
  { port }: BenchServer,
  hello: Omit<Hello, 'protocol'>,
  heard: Heard,
): Promise<RawClient> {
  for (;;) {
    const client = new RawClient(port, { protocol: PROTOCOL, ...hello }, heard)
    if (await client.joined) return client
    if (client.refused !== 'busy')
      throw new Error(`${hello.name} was not let in: ${client.refused}`)
    await pause(500)
  }
}

/** Everyone in a rhythm of their own, by the clock: who was held up does not catch up in a burst. */
function startTyping(people: RawClient[]): { stop: () => void } {
  const everyMs = 1000 / STATEMENTS_PER_SECOND
  const start = now()
  const turns = people.map((_, i) => ({ next: start + (i / people.length) * everyMs, n: 0 }))
  const timer = setInterval(() => {
    const ms = now()
    turns.forEach((turn, i) => {
      if (turn.next > ms) return
      people[i].command(statement(i + 1, turn.n++))
      turn.next = Math.max(turn.next + everyMs, ms)
    })
  }, BEAT_MS)
  return { stop: () => clearInterval(timer) }
}

type When = (seq: number) => number | undefined

function appliedAt(seqs: Float64Array, times: Float64Array): When {
  const when = new Map<number, number>()
  seqs.forEach((seq, i) => when.set(seq, times[i]))
  return (seq) => when.get(seq)
}

/** At one of the others, each in turn. */
function arrivedAt(arrivals: Map<number, Float64Array>, count: number): When {
  const firsts = [...arrivals.keys()].sort((a, b) => a - b)
  return (seq) => {
    let low = 0
    let high = firsts.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (firsts[middle] <= seq) low = middle + 1
      else high = middle
    }
    const ms = arrivals.get(firsts[low - 1])?.[seq % count]
    return ms === 0 ? undefined : ms
  }
}

/** Ascending; Infinity for what was never seen. */
function delays(timed: [seq: number, ms: number][], when: When): number[] {
  return timed.map(([seq, ms]) => (when(seq) ?? Infinity) - ms).sort((a, b) => a - b)
}

export interface ArrivalFigures {
  joins: number
  joinMs: number // until the last of them follows the room
  storm: number
  stormMs: number // from the loss of all connections until all follow again
  refused: number
  load: number
}

/** 200 who come at once, and 300 whose network goes and comes back at once. */
export async function measureArrivals(joins: number, storm: number): Promise<ArrivalFigures> {
  const load = loadNow()
  const server = await startServer()
  pinMe(1)
  try {
    const ram = `${ramFor(storm)}M`
    const { code, header } = await openRoom(server, { ram, hostname: 'bench' })
    const auth = (i: number) => ({ protocol: PROTOCOL, code, token: tokenOf(i) })
    const come = (i: number) =>
      new RawClient(server.port, { ...auth(i), name: `Seat ${i + 1}` }, {})
    const start = now()
    const first = await allIn(Array.from({ length: joins }, (_, i) => come(i)))
    const joinMs = now() - start
    const more = await allIn(Array.from({ length: storm - joins }, (_, i) => come(joins + i)))
    const people = [...first, ...more]
    const typists = startTyping(people)
    await pause(2000)
    typists.stop()

    const lost = now()
    for (const one of people) one.drop()
    const { engine } = header
    const back = await allIn(
      people.map(({ lastSeq: seq }, i) => {
        return new RawClient(server.port, { ...auth(i), have: { engine, seq } }, {})
      }),
    )
    const stormMs = now() - lost
    for (const one of back) one.drop()
    return {
      joins,
      joinMs: Math.round(joinMs),
      storm,
      stormMs: Math.round(stormMs),
      refused: [...people, ...back].filter(({ refused }) => refused !== null).length,
      load,
    }
  } finally {
    pinMe(null)
    await server.stop()
  }
}

async function allIn(people: RawClient[]): Promise<RawClient[]> {
  await Promise.all(people.map(({ joined }) => joined))
  return people
}

function tokenOf(i: number): string {
  return i.toString(16).padStart(32, 'b')
}

export interface LateFigures {
  entries: number
  randomMiB: number
  pictureMs: number // until the map can be drawn
  liveMs: number // until the replica is the room
  kib: number // that the state took, and its memory
  restartMs: number // until the server had the room ready, from its log alone
  load: number
}

/** Somebody who comes into a long lesson whose memory is full of what no packer makes smaller. */
export async function measureLateJoin(entries: number, randomMiB: number): Promise<LateFigures> {
  const load = loadNow()
  const data = await writeLesson(entries, randomMiB)
  const server = await startServer(data.dir)
  pinMe(1)
  try {
    const start = now()
    const early = await sitDown(server, { code: data.code, name: 'Early' }, {})
    const restartMs = now() - start
    const ticket = { server: server.url, code: data.code, engine: engineId(), spectator: true }
    const watcher = new Watcher(ticket)
    await watcher.ready
    const late = new RawClient(server.port, { protocol: PROTOCOL, code: data.code, spectator: true }, {}) // prettier-ignore
    await late.joined
    const seen = await watcher.end(0)
    if (seen.snapshots === 0) throw new Error('no snapshot was needed')
    early.drop()
    late.drop()
    return {
      entries,
      randomMiB,
      pictureMs: Math.round(seen.pictureMs - seen.startMs),
      liveMs: Math.round(seen.liveMs - seen.startMs),
      kib: Math.round(late.bytes / 1024),
      restartMs: Math.round(restartMs),
      load,
    }
  } finally {
    pinMe(null)
    await server.stop()
  }
}

/** A data directory with the log of such a lesson. */
async function writeLesson(entries: number, randomMiB: number) {
  const dir = await mkdtemp(join(tmpdir(), 'oomroom-bench-'))
  const code = '424242'
  const ram = (randomMiB + 64) * 2 ** 20
  const options = { ...DEFAULT_OPTIONS, ram }
  const header = { format: LOG_FORMAT, engine: engineId(), code, created: 0, options }
  const room = createRoom(header)
  const lines: string[] = []
  const enter = (seat: number, c: Command) => {
    const entry: Entry = { seq: room.seq + 1, at: room.seq * 10, seat, c }
    applyEntry(room, entry)
    lines.push(entryLine(entry))
  }
  const tick = () => enter(0, { t: 'tick', fuel: options.speed / TICKS_PER_SECOND })
  const seats = 30
  for (let seat = 1; seat <= seats; seat++)
    enter(seat, { t: 'seat', name: `Seat ${seat}`, role: 'student', from: '10.0.0.1' })
  const task = '1.2'
  enter(1, { t: 'ic', task, line: `char *r = malloc(${randomMiB} << 20)` })
  // Twice as far back as gzip looks for what it has seen before.
  const seed = 65_536
  for (let at = 0; at < seed; at += 256) {
    enter(1, { t: 'ic', task, line: `getrandom(r + ${at}, 256, 0)` })
    if (at % 8192 === 0) tick()
  }
  for (let size = seed; size < randomMiB * 2 ** 20; size *= 2) {
    enter(1, { t: 'ic', task, line: `memcpy(r + ${size}, r, ${size})` })
    for (let n = 0; n < 40; n++) tick()
  }
  for (let n = 0; lines.length < entries; n++) {
    enter((n % seats) + 1, statement((n % seats) + 1, Math.floor(n / seats)))
    if (n % 3 === 2) tick()
    if (n % 2000 === 1999) enter(0, { t: 'hash', hash: hashRoom(room) })
  }
  const inUse = room.machine.handles.get(task)?.mm?.rssAnon ?? 0
  if (inUse < randomMiB * 256) throw new Error(`only ${inUse} frames are in use`)
  const store = fileStore(dir, engineId())
  await store.create(header, { teacher: hashToken('0'.repeat(32)), seats: {} })
  await appendFile(join(dir, `${code}.ndjson`), lines.join('\n') + '\n')
  return { dir, code }
}

export function pinning(): string {
  return canPin ? 'server on core 0, clients on core 1' : 'not pinned'
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function sum<T>(list: T[], of: (item: T) => number): number {
  return list.reduce((total, item) => total + of(item), 0)
}

/** Null: what would be there never came. */
function at(sorted: number[], share: number): number | null {
  const ms = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Infinity
  return ms === Infinity ? null : round(ms)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
