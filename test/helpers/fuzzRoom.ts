// A room that is sent messages which it must refuse: what it said to each, and whether its machine is what it was.

import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { Socket } from 'socket.io-client'
import { mkPrng } from '../../shared/lib/prng.ts'
import { hashState } from '../../shared/state/walk.ts'
import { PROTOCOL, type Accepted, type Refusal, type Welcome } from '../../shared/wire/events.ts'
import { mkLimits, type Limits } from '../../server/net/limits.ts'
import { Classroom, refusal, until } from '../server/classroom.ts'
import { badMessage, mkRandom, type BadMessage, type Sender } from './badMessages.ts'

export interface FuzzResult {
  messages: number
  hellos: number // of them, attempts to come in
  reasons: Record<string, number>
  accepted: number
  first: string // that was
  silent: number // were not answered
  firstSilent: string
  entries: number // more in the log, hashes apart
  before: string // hashes of the machine
  after: string
}

const WINDOW = 200 // messages on their way
const HELLO_EVERY = 400
const ANSWER_MS = 60_000

/** Limits that let everything come as far as its check. */
function noLimits(): Limits {
  const limits = mkLimits()
  for (const name of Object.keys(limits) as (keyof Limits)[])
    limits[name] = new RateLimiterMemory({ points: 2 ** 31, duration: 1 })
  return limits
}

export async function fuzz(
  count: number,
  seed: number,
  tell: (done: number) => void = () => {},
): Promise<FuzzResult> {
  const room = await Classroom.open(undefined, undefined, { limits: noLimits() })
  try {
    return await fuzzRoom(room, count, seed, tell)
  } finally {
    await room.close()
  }
}

async function fuzzRoom(room: Classroom, count: number, seed: number, tell: (n: number) => void) {
  const { code, teacherToken } = await room.create({ ram: '32M', lobby: true })
  const random = mkRandom(mkPrng(seed))
  const witness = await room.join(code, { spectator: true })
  const people = await senders(room, code, teacherToken)
  await until('everybody is there', () => witness.room().seats.size === 4)
  const machine = () => hashState(witness.room().machine)
  const before = machine()
  const host = (await room.server.rooms.get(code))!
  let entries = 0
  witness.onApplied((entry) => void (entries += entry.c.t === 'hash' ? 0 : 1))

  const reasons: Record<string, number> = {}
  const result = { accepted: 0, first: '', silent: 0, firstSilent: '', hellos: 0 }
  const refuse = (why: string) => (reasons[why] = (reasons[why] ?? 0) + 1)
  const judge = (reply: Accepted | Refusal | null, message: object) => {
    if (reply === REFUSED) return // its event was counted
    if (reply === null && result.silent++ === 0) result.firstSilent = JSON.stringify(message)
    if (reply === null) return
    if (!reply.ok && typeof reply.why === 'string') refuse(reply.why)
    else if (result.accepted++ === 0) result.first = JSON.stringify(message).slice(0, 300)
  }
  for (const { socket, unanswered } of people)
    socket.on('refused', ({ why }: { why: string }) => {
      refuse(why)
      unanswered.shift()?.()
    })

  let sent = 0
  const lane = async () => {
    while (sent < count) {
      const n = ++sent
      if (n % 1000 === 0) tell(n)
      if (n % HELLO_EVERY === 0) {
        result.hellos++
        refuse(`hello: ${await refusal(room.raw(badHello(random, code)))}`)
        continue
      }
      const person = random.of(people)
      const message = badMessage(random, person.sender)
      judge(await send(person, message), message)
    }
  }
  await Promise.all(Array.from({ length: WINDOW }, lane))
  await until('the witness has seen all', () => witness.room().seq === host.seq)
  return { messages: sent, ...result, reasons, entries, before, after: machine() }
}

interface Person {
  sender: Sender
  socket: Socket
  unanswered: (() => void)[]
}

/** A refusal; null: there was none. What gives no way to answer is answered by an event of its own, counted there. */
function send({ socket, unanswered }: Person, { event, args, answered }: BadMessage) {
  return new Promise<Accepted | Refusal | null>((resolve) => {
    const timer = setTimeout(() => resolve(null), ANSWER_MS)
    const done = (reply: Accepted | Refusal | null) => {
      clearTimeout(timer)
      resolve(reply)
    }
    if (answered) socket.emit(event, ...args, done)
    else {
      unanswered.push(() => done(REFUSED))
      socket.emit(event, ...args)
    }
  })
}

const REFUSED: Refusal = { ok: false, why: '' }

async function senders(room: Classroom, code: string, token: string): Promise<Person[]> {
  const people: Person[] = []
  const join = async (as: Sender['as'], more: object) => {
    const socket = room.raw(room.hello(code, more)) as Socket
    const { seat } = await new Promise<Welcome>((done, fail) => {
      socket.once('welcome', done)
      socket.once('connect_error', fail)
    })
    people.push({ sender: { as, seat, others: [], names: [] }, socket, unanswered: [] })
  }
  await join('teacher', { name: 'Grace', token })
  await join('elsewhere', { name: 'Ada', token: 'a'.repeat(32) })
  await join('student', { name: 'Ada', token: 'a'.repeat(32) })
  await join('student', { name: 'Ben' })
  await join('student', { name: 'Cem' })
  await join('spectator', { spectator: true })
  const names = ['Ada', 'Ben', 'Cem']
  for (const { sender } of people) {
    sender.others = [2, 3, 4].filter((no) => no !== sender.seat)
    sender.names = names
  }
  return people
}

function badHello(random: ReturnType<typeof mkRandom>, code: string): object {
  const protocol = { protocol: PROTOCOL }
  return random.of<object>([
    {},
    { protocol: 'x', code },
    { protocol: 1, code, name: 'Old' },
    { ...protocol, code: '12345' },
    { ...protocol, code: '000000', name: 'Guess' },
    { ...protocol, code },
    { ...protocol, code, token: 'nothing' },
    { ...protocol, code, token: 'f'.repeat(32) },
    { ...protocol, code, pair: 'AAAAAA' },
    { ...protocol, code, name: 'Ben' },
    { ...protocol, code, name: '\u202e' },
    { ...protocol, code, name: 'x'.repeat(1000) },
    { ...protocol, code, name: { toString: 'Eve' } },
    { ...protocol, code, have: { engine: 5, seq: -1 } },
  ])
}
