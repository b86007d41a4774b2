// kill -9 of a real server under a busy class, again and again: nobody loses a seat, a process or a thing that the
// server had acknowledged.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { ENGINE } from './classroom.ts'
import { oomroom } from '../helpers/cli.ts'
import { startServer, type TestServer } from '../helpers/server.ts'
import { mkPrng, nextBelow } from '../../shared/lib/prng.ts'
import { parseLog } from '../../shared/room/log.ts'
import type { Command, Entry } from '../../shared/room/entry.ts'
import { PROTOCOL } from '../../shared/wire/events.ts'
import { unpackEntries } from '../../server/room/packing.ts'
import { io, type Socket } from 'socket.io-client'

const SEATS = 40
const KILLS = 10

let server: TestServer
let port: number
beforeAll(async () => {
  port = await freePort()
  server = await startServer({ port })
}, 60_000)
afterAll(() => server.remove())

/** A seat without a replica: 40 machines in one test would say nothing about the server. */
interface Person {
  socket: Socket
  token: string
  seat: number
  seen: number // the last entry seen
  acknowledged: Map<number, string> // commands by the number that the server gave them
}

it('the server dies ten times and nothing is lost', async () => {
  const random = (
    (prng) => (below: number) =>
      nextBelow(prng, below)
  )(mkPrng(Date.now() | 0))
  const { code } = (await (await fetch(`${server.url}/api/rooms`, { method: 'POST' })).json()) as {
    code: string
  }
  const people = await Promise.all(
    Array.from({ length: SEATS }, (_, i) => sitDown(server.url, code, i)),
  )
  const seats = people.map(({ seat }) => seat)
  expect(new Set(seats).size).toBe(SEATS)
  let stop = false
  const busy = people.map(async (person, i) => {
    for (let n = 0; !stop; n++) {
      await send(person, commandOf(person, i, n))
      await new Promise((resolve) => setTimeout(resolve, 150 + random(300)))
    }
  })

  for (let kill = 0; kill < KILLS; kill++) {
    await new Promise((resolve) => setTimeout(resolve, 400 + random(900)))
    await server.kill()
    server = await startServer({ port, data: server.data })
    await Promise.all(people.map((person) => welcomed(person)))
    expect(people.map(({ seat }) => seat)).toEqual(seats)
  }
  stop = true
  await Promise.all(busy)
  for (const { socket } of people) socket.disconnect()
  await server.kill() // the log stands still

  const { log } = parseLog(await readFile(join(server.data, `${code}.ndjson`), 'utf8'))
  let acknowledged = 0
  for (const { acknowledged: own } of people) {
    for (const [seq, command] of own) {
      acknowledged++
      expect(JSON.stringify(log!.entries[seq - 1]?.c), `entry ${seq}`).toBe(command)
    }
  }
  expect(acknowledged).toBeGreaterThan(SEATS * KILLS)
  expect(log!.voided).toEqual([])

  const { stdout, stderr } = await oomroom([
    'replay',
    join(server.data, `${code}.ndjson`),
    '--verify',
  ])
  const verdict = JSON.parse(stdout || `{"failed":${JSON.stringify(stderr)}}`)
  expect(verdict).toMatchObject({ entries: log!.entries.length, mismatch: null })
  expect(verdict.hashes).toBeGreaterThanOrEqual(Math.floor(verdict.entries / 1000))
  expect(verdict.hashes).toBeGreaterThan(0)

  // Everybody's first process is still there, unless it was killed on the machine.
  const moment = await oomroom([
    'replay',
    join(server.data, `${code}.ndjson`),
    '-c',
    'ps -e | grep -c " ic"',
  ])
  expect(Number(moment.stdout)).toBe(SEATS)
  server = await startServer({ port, data: server.data })
}, 300_000)

it('asked to stop, it tells everyone, and stops within 5 s with status 0', async () => {
  const { code } = (await (await fetch(`${server.url}/api/rooms`, { method: 'POST' })).json()) as {
    code: string
  }
  const person = await sitDown(server.url, code, 0)
  await send(person, {
    t: 'spawn',
    path: '/usr/bin/sleep',
    argv: ['sleep', '99'],
    env: [],
    stdout: 'pipe',
  })
  const words: string[] = []
  person.socket.on('bye', (why: string) => words.push(why))
  const start = Date.now()
  const status = await server.stop()
  expect({ status, words }).toEqual({ status: 0, words: ['restarting'] })
  expect(Date.now() - start).toBeLessThan(5000)
  person.socket.disconnect()
  server = await startServer({ port, data: server.data })
  const { log } = parseLog(await readFile(join(server.data, `${code}.ndjson`), 'utf8'))
  expect(log!.notice).toBeNull()
}, 60_000)

function commandOf({ seat }: Person, i: number, n: number): Command {
  if (n === 0) return { t: 'ic', task: `${seat}.2`, line: 'p = malloc(20000); memset(p, 1, 20000)' }
  if (i % 10 === 0 && n === 1) {
    return { t: 'spawn', path: '/usr/bin/sleep', argv: ['sleep', '600'], env: [], stdout: 'pipe' }
  }
  if (n % 3 === 0) return { t: 'note', line: `line ${n}`, out: `of seat ${seat}\n` }
  return { t: 'ic', task: `${seat}.2`, line: `p[${n}] = ${n}` }
}

function sitDown(url: string, code: string, i: number): Promise<Person> {
  const token = i.toString(16).padStart(32, '5')
  const person: Person = {
    socket: null as unknown as Socket,
    token,
    seat: 0,
    seen: 0,
    acknowledged: new Map(),
  }
  person.socket = io(url, {
    auth: (give) =>
      give({
        protocol: PROTOCOL,
        code,
        token,
        name: `Person ${i}.`,
        have: { engine: ENGINE, seq: person.seen },
      }),
    transports: ['websocket'],
    reconnectionDelay: 50,
    reconnectionDelayMax: 200,
  })
  person.socket.on('welcome', ({ seat }: { seat: number }) => (person.seat = seat))
  const see = (entries: Entry[]) => (person.seen = Math.max(person.seen, entries.at(-1)!.seq))
  person.socket.on('entries', (text) => see(JSON.parse(text) as Entry[]))
  person.socket.on('packed', (_first, data) => see(unpackEntries(data)))
  return new Promise((resolve, reject) => {
    person.socket.once('welcome', () => resolve(person))
    person.socket.on('connect_error', (error) => {
      if ((error as Error & { data?: unknown }).data !== undefined) reject(error)
    })
  })
}

function welcomed(person: Person): Promise<void> {
  if (person.socket.connected) return Promise.resolve()
  return new Promise((resolve) => person.socket.once('welcome', () => resolve()))
}

/** What is answered was acknowledged; without an answer nothing was promised. */
async function send(person: Person, command: Command): Promise<void> {
  if (!person.socket.connected) return
  const reply = await Promise.race([
    person.socket
      .timeout(2000)
      .emitWithAck('command', command)
      .catch(() => null),
    new Promise<null>((resolve) => person.socket.once('disconnect', () => resolve(null))),
  ])
  if (reply?.ok) person.acknowledged.set(reply.seq, JSON.stringify(command))
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
