// Bots in a room of a real server: they join, type, come back, and go without leaving a process behind.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Classroom, ENGINE, until } from './classroom.ts'
import { Crowd, type CrowdOptions } from '../../server/bots/crowd.ts'
import { STYLES, Typist, type Style } from '../../server/bots/styles.ts'
import { run } from '../../server/commands/bots.ts'
import { UsageError } from '../../server/commands/errors.ts'
import { oomroom } from '../helpers/cli.ts'
import { mkPrng } from '../../shared/lib/prng.ts'
import type { BotsAsk, BotsState } from '../../shared/wire/bots.ts'
import type { Accepted, Refusal } from '../../shared/wire/events.ts'

let room: Classroom
beforeAll(async () => {
  room = await Classroom.open()
})
afterAll(() => room.close())

function crowdOf(code: string, more: Partial<CrowdOptions> = {}): Crowd {
  return new Crowd({
    server: room.url,
    code,
    engine: ENGINE,
    count: 8,
    styles: STYLES,
    paceMs: 150,
    seed: 7,
    ...more,
  })
}

describe('a crowd of bots', () => {
  it(
    'joins under names that say what they are, types, and logs out',
    { timeout: 60_000 },
    async () => {
      const { code } = await room.create({ ram: '32M' })
      const ada = await room.join(code, { name: 'Ada' })
      const crowd = crowdOf(code)
      await crowd.join()
      expect(crowd.missing()).toBe('')
      await until('it is so (1)', () => crowd.tally.statements > 80)
      await until(
        'it is so (2)',
        () =>
          [...ada.room().machine.tasks.values()].filter(({ comm }) => comm === 'ic').length > 10,
      )
      const names = [...ada.room().seats.values()].map(({ name }) => name)
      expect(names).toContain('Ada')
      expect(
        names.filter((name) => /^Bot \d+ \((calm|greedy|leaky|forky)\)$/.test(name)),
      ).toHaveLength(8)
      const mine = [...ada.room().machine.tasks.values()].filter(
        ({ seat }) => seat === ada.seat,
      ).length

      await crowd.leave(true)
      const tasks = () => [...ada.room().machine.tasks.values()]
      await until('it is so (3)', () =>
        tasks().every(({ seat }) => seat === 0 || seat === ada.seat),
      )
      expect(tasks().filter(({ seat }) => seat === ada.seat)).toHaveLength(mine)
      const summary = crowd.summary()
      expect(summary).toMatchObject({
        joins: 8,
        refused: {},
        lost: 0,
        left: { seats: 8, processes: 0 },
      })
      expect(summary.roundTripMs.p95!).toBeGreaterThanOrEqual(summary.roundTripMs.p50!)
    },
  )

  it(
    'comes back to its seats when lines break, and counts on where another crowd ended',
    { timeout: 60_000 },
    async () => {
      const { code } = await room.create({ ram: '32M' })
      const first = crowdOf(code, { count: 3 })
      await first.join()
      for (const bot of first.bots) bot.drop()
      await until('it is so (4)', () => first.tally.rejoins === 3)
      await until('it is so (5)', () => first.state().here === 3)
      const second = crowdOf(code, { count: 2 })
      await second.join()
      const watcher = await room.join(code, { spectator: true })
      expect([...watcher.room().seats.values()].map(({ name }) => name.slice(0, 5))).toEqual([
        'Bot 1',
        'Bot 2',
        'Bot 3',
        'Bot 4',
        'Bot 5',
      ])
      expect(first.tally.joins).toBe(3)
      await Promise.all([first.leave(false), second.leave(false)])
      // They stay when they are told to: their processes are there.
      expect(
        [...watcher.room().machine.tasks.values()].filter(({ comm }) => comm === 'ic'),
      ).not.toHaveLength(0)
    },
  )

  it(
    'goes in the middle of its work, and takes what it has just asked for with it',
    { timeout: 60_000 },
    async () => {
      const { code } = await room.create({ ram: '32M' })
      const watcher = await room.join(code, { spectator: true })
      const crowd = crowdOf(code, { count: 12, styles: ['forky'], paceMs: 20 })
      await crowd.join() // the last ones have only just asked for their first prompt
      await until('it is so (9)', () => crowd.tally.statements > 60)
      await crowd.leave(true)
      expect(crowd.summary().left).toEqual({ seats: 12, processes: 0 })
      const tasks = () => [...watcher.room().machine.tasks.values()]
      await until('it is so (10)', () => tasks().every(({ seat }) => seat === 0))
    },
  )

  it('takes a new process when the old one was killed', { timeout: 60_000 }, async () => {
    const { code, teacherToken } = await room.create({ ram: '32M' })
    const teacher = await room.join(code, { name: 'Grace', token: teacherToken })
    const crowd = crowdOf(code, { count: 1, styles: ['calm'] })
    await crowd.join()
    await until('it is so (6)', () => crowd.tally.statements > 2)
    const { seat } = crowd.bots[0]
    const [handle] = teacher.room().seats.get(seat)!.prompts
    await teacher.submit({ t: 'kill', task: handle, sig: 9 })
    await until('it is so (7)', () => crowd.tally.deaths === 1)
    const before = crowd.tally.statements
    await until('it is so (8)', () => crowd.tally.statements > before + 2)
    await crowd.leave(true)
    expect(crowd.summary().left).toEqual({ seats: 1, processes: 0 })
  })
})

describe('what bots type', () => {
  it.each(STYLES)(
    '%s: the same seed types the same, and never gives -1 to kill',
    (style: Style) => {
      const lines = (seed: number) => {
        const typist = new Typist(style, mkPrng(seed), 64 << 20)
        return Array.from({ length: 200 }, () => typist.line())
      }
      expect(lines(3)).toEqual(lines(3))
      expect(lines(3)).not.toEqual(lines(4))
      for (const line of lines(5)) {
        if (line.includes('kill(')) expect(line).toMatch(/^if \((c\d) > 0\) kill\(\1, SIGKILL\)$/)
        if (line.includes('memset(')) expect(line).toMatch(/^if \((\w+)\) memset\(\1, /)
      }
    },
  )
})

describe('bots of a room', () => {
  interface Told {
    states: BotsState[]
    ask: (order: object) => Promise<Accepted | Refusal>
    close: () => void
  }
  const order = { do: 'start', count: 4, styles: ['calm', 'forky'], seconds: 60 }

  async function comeIn(code: string, more: object): Promise<Told> {
    const socket = room.raw(room.hello(code, more))
    const states: BotsState[] = []
    socket.on('bots', (state) => states.push(state))
    await new Promise((resolve) => socket.once('welcome', resolve))
    const ask = (order: object) => socket.emitWithAck('bots', order as BotsAsk) as Promise<Accepted>
    return { states, ask, close: () => void socket.disconnect() }
  }

  it(
    'come and go as the teacher says, and leave neither process nor seat behind',
    { timeout: 90_000 },
    async () => {
      const { code, teacherToken: token } = await room.create({ ram: '32M' })
      const grace = await comeIn(code, { token, name: 'Grace' })
      const ada = await comeIn(code, { name: 'Ada' })
      const watcher = await room.join(code, { spectator: true })
      expect(await ada.ask(order)).toEqual({ ok: false, why: 'teacher' })
      expect(await grace.ask({ do: 'stop' })).toEqual({ ok: false, why: 'bots' })
      expect(await grace.ask({ ...order, count: 101 })).toMatchObject({ why: 'malformed' })

      expect(await grace.ask(order)).toEqual({ ok: true })
      expect(await grace.ask(order)).toEqual({ ok: false, why: 'bots' })
      await until('they type', () => (grace.states.at(-1)?.statements ?? 0) > 3, 30_000)
      expect(grace.states.at(-1)).toMatchObject({
        phase: 'running',
        wanted: 4,
        here: 4,
        problem: '',
      })
      const late = await comeIn(code, { token, name: 'Grace' })
      await until('the other tab knows', () => late.states.length > 0)

      expect(await late.ask({ do: 'stop' })).toEqual({ ok: true })
      await until('they are gone', () => late.states.at(-1)?.phase === 'gone', 30_000)
      const bots = () => [...watcher.room().seats.values()].filter(({ name }) => /^Bot /.test(name))
      await until('their seats are removed', () =>
        bots().every(({ presence }) => presence === 'removed'),
      )
      expect(bots()).toHaveLength(4)
      const seats = new Set(bots().map(({ no }) => no))
      expect(
        [...watcher.room().machine.tasks.values()].filter(({ seat }) => seats.has(seat)),
      ).toEqual([])
      expect(ada.states).toEqual([])
      for (const one of [grace, ada, late]) one.close()
    },
  )

  it('go by themselves, and say why when they could not come', { timeout: 90_000 }, async () => {
    const { code, teacherToken: token } = await room.create({ ram: '32M' })
    const grace = await comeIn(code, { token, name: 'Grace' })
    const teacher = await room.join(code, { token, name: 'Hopper' })
    expect(await grace.ask({ ...order, count: 2, seconds: 3 })).toEqual({ ok: true })
    await until('they are gone', () => grace.states.at(-1)?.phase === 'gone', 30_000)
    expect(grace.states.at(-1)).toMatchObject({ problem: '', here: 0, refused: 0 })

    await teacher.submit({ t: 'room', set: { locked: true } })
    expect(await grace.ask({ ...order, count: 2, seconds: 1 })).toEqual({ ok: true })
    await until('they have given up', () => grace.states.at(-1)?.phase === 'gone', 30_000)
    expect(grace.states.at(-1)!.problem).toContain('2 of 2 bots have no seat: locked')
    grace.close()
  })
})

describe('oomroom bots', () => {
  it('says what is wrong with its arguments', async () => {
    const address = `${room.url}/123456`
    const cases: [string[], RegExp][] = [
      [[], /^bots URL\/CODE /],
      [[address, '-n', '0'], /^-n: a whole number from 1 to 1000$/],
      [[address, '-n', '1001'], /^-n: /],
      [[address, '--pace', '0'], /^--pace: a number from 0.1 to 600$/],
      [[address, '--style', 'wild'], /^--style: 'wild' is none of calm, /],
      [[address, '--seconds', 'x'], /^--seconds: /],
    ]
    for (const [args, text] of cases) {
      const thrown: unknown = await run(args).catch((error: unknown) => error)
      expect(thrown).toBeInstanceOf(UsageError)
      expect((thrown as Error).message).toMatch(text)
    }
    await expect(run([`${room.url}/100000`, '-n', '1'])).rejects.toThrow(
      'there is no room with this code',
    )
  })

  it('prints what they did, and ends with 0', { timeout: 90_000 }, async () => {
    const { code } = await room.create({ ram: '32M' })
    const args = [
      '-n',
      '3',
      '--seconds',
      '3',
      '--pace',
      '0.3',
      '--seed',
      '4',
      '--style',
      'forky,leaky',
    ]
    const { status, stdout, stderr } = await oomroom(['bots', `${room.url}/${code}`, ...args])
    expect([status, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toMatchObject({
      bots: 3,
      joins: 3,
      seed: 4,
      left: { seats: 3, processes: 0 },
    })
  })
})
