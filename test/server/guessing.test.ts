// Codes and passwords that somebody guesses, from an address behind which a whole class sits.

import { RateLimiterMemory } from 'rate-limiter-flexible'
import { io } from 'socket.io-client'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Classroom, ENGINE, type Made } from './classroom.ts'
import { mkLimits } from '../../server/net/limits.ts'
import { Replica } from '../../server/replica.ts'

const GUESSES = 6
const WINDOW_S = 60
const ADDRESS = '127.0.0.1'

let room: Classroom
let made: Made
let other: Made
const misses = new RateLimiterMemory({ points: GUESSES, duration: WINDOW_S })
beforeAll(async () => {
  const limits = { ...mkLimits(), misses }
  room = await Classroom.open(undefined, undefined, { limits })
  made = await room.create()
  other = await room.create()
})
afterAll(() => room.close())
/** The window has passed. */
const pass = () => misses.delete(ADDRESS)
beforeEach(pass)

interface Refusal {
  why: string
  waitMs?: number
}

/** What a connection is refused for; '' if it is let in. */
function knock(code: string, more: object = {}): Promise<Refusal> {
  const socket = room.raw(room.hello(code, more))
  return new Promise((resolve) => {
    socket.on('welcome', () => resolve({ why: '' }))
    socket.on('connect_error', (error) => resolve((error as Error & { data: Refusal }).data))
  }).finally(() => socket.disconnect()) as Promise<Refusal>
}

const token = (n: number) => n.toString(16).padStart(32, 'a')
const wrong = (n: number) => String(100_000 + n * 7919)

describe('who guesses codes', () => {
  it.each([
    ['without a token', () => ({ name: 'Eve' })],
    [
      'with a new one each time, as the client makes it',
      (n: number) => ({ name: 'Eve', token: token(n) }),
    ],
    ['as a spectator', () => ({ spectator: true })],
  ])(
    '%s is refused from the N-th on, and told how long',
    async (_, more) => {
      const guesses = Array.from({ length: GUESSES }, (_, n) => knock(wrong(n), more(n)))
      for (const { why } of await Promise.all(guesses)) expect(why).toBe('room')
      const late = await knock(wrong(99), more(99))
      expect(late.why).toBe('busy')
      expect(late.waitMs).toBeGreaterThan(0)
      expect(late.waitMs).toBeLessThanOrEqual(WINDOW_S * 1000)
      // A code that is right is not told from one that is wrong.
      expect((await knock(other.code, more(98))).why).toBe('busy')
      await pass()
      expect((await knock(wrong(99), more(99))).why).toBe('room')
    },
    30_000,
  )

  it('by plain requests is, too, with a Retry-After', async () => {
    const ask = (code: string) => fetch(`${room.url}/api/rooms/${code}`)
    const guesses = Array.from({ length: GUESSES }, (_, n) => ask(wrong(n)))
    for (const { status } of await Promise.all(guesses)) expect(status).toBe(404)
    const late = await ask(other.code)
    expect(late.status).toBe(429)
    expect(await late.json()).toEqual({ why: 'busy', waitMs: expect.any(Number) })
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(late.headers.get('retry-after'))).toBeLessThanOrEqual(WINDOW_S)
  })

  it('does not keep a class at the same address out of its room', async () => {
    const first = await room.join(made.code, { name: 'First' })
    await Promise.all(Array.from({ length: GUESSES }, (_, n) => knock(wrong(n), { name: 'Eve' })))
    expect((await knock(wrong(99), { name: 'Eve' })).why).toBe('busy')
    const class_ = Array.from({ length: 40 }, (_, n) =>
      knock(made.code, { name: `Student ${n}.`, token: token(n) }),
    )
    for (const { why } of await Promise.all(class_)) expect(why).toBe('')
    expect((await fetch(`${room.url}/api/rooms/${made.code}`)).status).toBe(200)
    expect((await knock(other.code, { name: 'Student' })).why, 'another room').toBe('busy')
    // Who has a seat comes back to it, wherever that is.
    expect((await knock(other.code, { token: other.teacherToken })).why).toBe('')
    first.close()
  })

  it('is told so by the command line, which tries again', async () => {
    await Promise.all(Array.from({ length: GUESSES }, (_, n) => knock(wrong(n), { name: 'Eve' })))
    const third = await room.create()
    const [left] = await Promise.all([misses.get(ADDRESS), misses.set(ADDRESS, GUESSES, 1)])
    expect(left!.msBeforeNext).toBeGreaterThan(1000) // as if it were nearly over
    const replica = new Replica({
      server: room.url,
      code: third.code,
      engine: ENGINE,
      name: 'Patient',
    })
    const told: number[] = []
    replica.onBusy = (ms) => told.push(ms)
    await replica.ready()
    expect(told[0]).toBeGreaterThan(0)
    expect(replica.seat).toBe(1)
    replica.close()
  })
})

describe('who guesses through a proxy', () => {
  const said = (chain: string) => ({ 'X-Forwarded-For': chain })
  const ask = (url: string, chain: string) =>
    fetch(`${url}/api/rooms/${wrong(1)}`, { headers: said(chain) })
  const knockFrom = (at: Classroom, code: string, chain: string): Promise<Refusal> => {
    const socket = io(at.url, {
      auth: at.hello(code, { name: 'Eve' }),
      extraHeaders: said(chain),
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
    })
    return new Promise((resolve) => {
      socket.on('welcome', () => resolve({ why: '' }))
      socket.on('connect_error', (error) => resolve((error as Error & { data: Refusal }).data))
    }).finally(() => socket.disconnect()) as Promise<Refusal>
  }

  it('is known by the address that the proxy names, and locks out nobody else', async () => {
    const limits = {
      ...mkLimits(),
      misses: new RateLimiterMemory({ points: GUESSES, duration: WINDOW_S }),
    }
    const behind = await Classroom.open(undefined, undefined, { limits, proxies: 1 })
    const { code } = await behind.create()
    // What the guesser claims himself stands before it, and changes from try to try.
    const chain = (n: number) => `10.9.9.${n}, 192.0.2.7`
    const tries = Array.from({ length: GUESSES }, (_, n) => ask(behind.url, chain(n)))
    for (const { status } of await Promise.all(tries)) expect(status).toBe(404)
    expect((await ask(behind.url, chain(99))).status).toBe(429)
    expect((await knockFrom(behind, code, chain(99))).why).toBe('busy')
    expect((await ask(behind.url, '192.0.2.8')).status).toBe(404)
    expect((await knockFrom(behind, code, '192.0.2.8')).why).toBe('')
    await behind.close()
  })

  it('is not believed where there is none', async () => {
    const tries = Array.from({ length: GUESSES }, (_, n) => ask(room.url, `192.0.2.${n}`))
    for (const { status } of await Promise.all(tries)) expect(status).toBe(404)
    expect((await ask(room.url, '192.0.2.99')).status).toBe(429)
    const { code } = await room.create() // where nobody has been yet
    expect((await knockFrom(room, code, '192.0.2.99')).why).toBe('busy')
  })
})

describe('who guesses the password for new rooms', () => {
  it('is slowed down and told how long', async () => {
    const allowed = { createPassword: 'sesame' }
    const strict = await Classroom.open(undefined, undefined, {
      allowed,
      limits: { ...mkLimits(), misses },
    })
    const ask = (password: string) => strict.create({ ram: '32M', password })
    const guesses = await Promise.all(Array.from({ length: GUESSES }, (_, n) => ask(`guess ${n}`)))
    for (const answer of guesses) expect(answer).toEqual({ why: 'password' })
    expect(await ask('sesame')).toEqual({ why: 'busy', waitMs: expect.any(Number) })
    await pass()
    expect(await ask('sesame')).toMatchObject({ code: expect.stringMatching(/^\d{6}$/) })
    await strict.close()
  })
})
