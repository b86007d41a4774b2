import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Classroom, ENGINE, hashesOf, refusal, until, type Made } from './classroom.ts'
import { mkPrng, nextBelow } from '../../shared/lib/prng.ts'
import { parseLog } from '../../shared/room/log.ts'
import type { Command } from '../../shared/room/entry.ts'
import { unpackEntries } from '../../server/room/packing.ts'
import { Past } from '../../server/room/past.ts'
import { PROTOCOL, type Accepted, type Refusal, type Welcome } from '../../shared/wire/events.ts'
import type { Replica } from '../../server/replica.ts'

const token = (digit: string) => digit.repeat(32)
const note = (out: string): Command => ({ t: 'note', out })

let room: Classroom
let made: Made
beforeAll(async () => {
  room = await Classroom.open()
  made = await room.create()
})
afterAll(() => room.close())

describe('rooms by plain requests', () => {
  it('are made with a code, a link and a token for the teacher', () => {
    expect(made.code).toMatch(/^\d{6}$/)
    expect(made.url).toBe(`${room.url}/${made.code}`)
    expect(made.teacherToken).toMatch(/^[0-9a-f]{32}$/)
    expect(made.header).toMatchObject({
      code: made.code,
      engine: ENGINE,
      options: { ram: 32 * 2 ** 20 },
    })
  })

  it('are refused when a machine cannot be like that', async () => {
    expect(await room.create({ swap: '8G' })).toMatchObject({
      why: 'options',
      detail: expect.stringMatching(/--swap: up to 4G/),
    })
    expect(await room.create([] as never)).toMatchObject({ why: 'options' })
    const response = await fetch(`${room.url}/api/rooms`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"ram":',
    })
    expect([response.status, await response.json()]).toEqual([400, { why: 'malformed' }])
  })

  it('tell about themselves, without a secret', async () => {
    const answer = await (await fetch(`${room.url}/api/rooms/${made.code}`)).text()
    expect(JSON.parse(answer)).toMatchObject({ code: made.code, seats: expect.any(Number) })
    expect(answer).not.toContain(made.teacherToken)
    expect((await fetch(`${room.url}/api/rooms/000001`)).status).toBe(404)
    expect((await fetch(`${room.url}/api/rooms/..%2f..%2fetc`)).status).toBe(404)
    expect((await fetch(`${room.url}/api/nothing`)).status).toBe(404)
  })

  it('give their log, packed if that is understood', async () => {
    const anna = await room.join(made.code, { name: 'Logger' })
    await anna.submit(note('for the log'))
    for (const encoding of ['gzip', 'identity']) {
      const response = await fetch(`${room.url}/api/rooms/${made.code}/log`, {
        headers: { 'Accept-Encoding': encoding },
      })
      expect(response.headers.get('content-encoding')).toBe(encoding === 'gzip' ? 'gzip' : null)
      const { log } = parseLog(await response.text())
      expect(log!.entries.map(({ c }) => c.t)).toContain('note')
      expect(log!.notice).toBeNull()
    }
  })

  it('have a QR code, the server a health', async () => {
    const svg = await fetch(`${room.url}/api/rooms/${made.code}/qr.svg`)
    expect(svg.headers.get('content-type')).toContain('image/svg+xml')
    expect(await svg.text()).toContain('<svg')
    expect(await (await fetch(`${room.url}/healthz`)).json()).toMatchObject({ ok: true })
  })

  it('come with headers that a class on plain http can live with', async () => {
    const { headers } = await fetch(`${room.url}/healthz`)
    const policy = headers.get('content-security-policy')!
    expect(policy).toContain("default-src 'self'")
    expect(policy).toContain("'wasm-unsafe-eval'")
    expect(policy).not.toContain('upgrade-insecure-requests')
    expect(headers.get('strict-transport-security')).toBeNull()
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })
})

describe('joining', () => {
  it.each([
    [{}, 'hello'],
    [{ protocol: 99, code: '111111' }, 'protocol'],
    [{ protocol: PROTOCOL, code: '111111', name: 'A' }, 'room'],
    [{ protocol: PROTOCOL, code: 'abc' }, 'hello'],
  ])('%j is refused: %s', async (auth, why) => expect(await refusal(room.raw(auth))).toBe(why))

  it.each([
    [{}, 'name'],
    [{ name: '\u202eevil' }, 'name-characters'],
    [{ name: '  ' }, 'name-empty'],
    [{ name: 'x'.repeat(50) }, 'name-long'],
    [{ token: token('0') }, 'token'],
    [{ name: 5 }, 'hello'],
  ])('with %j is refused: %s', async (more, why) =>
    expect(await refusal(room.raw(room.hello(made.code, more)))).toBe(why),
  )

  it('gives a seat, which the token brings back, and no one else the name', async () => {
    const anna = await room.join(made.code, { name: 'Anna' })
    const seat = anna.room().seats.get(anna.seat)!
    expect(seat).toMatchObject({ name: 'Anna', role: 'student', user: 'anna' })
    anna.close()
    await expect(room.join(made.code, { name: 'anna' })).rejects.toThrow(/has this name/)
    const again = await room.join(made.code, { token: anna.token })
    expect(again.seat).toBe(anna.seat)
    expect(again.token).toBe(anna.token)
  })

  it('again after a lost answer finds the seat made with that token', async () => {
    const first = await room.join(made.code, { name: 'Carla', token: token('c') })
    first.close()
    const second = await room.join(made.code, { name: 'Carla', token: token('c') })
    expect(second.seat).toBe(first.seat)
  })

  it('as the teacher takes the teacher’s token; another name is another seat of a teacher', async () => {
    const teacher = await room.join(made.code, { token: made.teacherToken, name: 'Ms Root' })
    const seat = teacher.room().seats.get(teacher.seat)!
    expect(seat).toMatchObject({ role: 'teacher', uid: 0, user: 'root' })
    const back = await room.join(made.code, { token: made.teacherToken })
    expect(back.seat).toBe(teacher.seat)
    const terminal = await room.join(made.code, { token: made.teacherToken, name: 'terminal' })
    expect(terminal.seat).not.toBe(teacher.seat)
    expect(terminal.room().seats.get(terminal.seat)!.role).toBe('teacher')
  })

  it('as a spectator shows everything and does nothing', async () => {
    const spectator = await room.join(made.code, { spectator: true })
    expect(spectator.seat).toBe(0)
    await expect(spectator.submit(note('x'))).rejects.toThrow('seat')
  })
})

describe('a seat', () => {
  it('has one connection that acts: the newer one', async () => {
    const words: boolean[] = []
    const old = room.raw(room.hello(made.code, { name: 'Two Tabs', token: token('d') }))
    old.on('acts', (acts) => words.push(acts))
    await new Promise((resolve) => old.once('welcome', resolve))
    const newer = await room.join(made.code, { token: token('d') })
    await until('the older one is told', () => words.length > 0)
    expect(words).toEqual([false])
    const reply = await old.emitWithAck('command', note('old'))
    expect(reply).toEqual({ ok: false, why: 'elsewhere' })
    let seen = ''
    old.on('entries', (text) => (seen += text)) // and watches
    old.on('packed', (_first, data) => (seen += JSON.stringify(unpackEntries(data))))
    await newer.submit(note('from the newer one'))
    await until('the older one sees it', () => seen.includes('from the newer one'))
    old.disconnect()
  })

  it('may not type into the process of another', async () => {
    const eve = await room.join(made.code, { name: 'Eve' })
    await expect(eve.submit({ t: 'ic', task: '1.2', line: 'exit(0)' })).rejects.toThrow('task')
  })

  it('may send so much and no more, and the others do not notice', async () => {
    const flood = room.raw(room.hello(made.code, { name: 'Flood' }))
    await new Promise((resolve) => flood.once('welcome', resolve))
    const sent = Array.from({ length: 120 }, (): Promise<Accepted | Refusal> =>
      flood.emitWithAck('command', note('x')),
    )
    const replies = await Promise.all(sent)
    const refused = replies.filter((reply) => !reply.ok)
    expect(replies.length - refused.length).toBeGreaterThanOrEqual(40)
    expect(refused.length).toBeGreaterThan(20)
    expect(new Set(refused.map((reply) => !reply.ok && reply.why))).toEqual(new Set(['rate']))
    const quiet = await room.join(made.code, { name: 'Quiet' })
    await quiet.submit(note('still there'))
    flood.disconnect()
  })
})

describe('coming back', () => {
  const busy = async (replica: Replica, seconds: string) =>
    replica.submit({
      t: 'spawn',
      path: '/usr/bin/sleep',
      argv: ['sleep', seconds],
      env: [],
      stdout: 'pipe',
    })

  it('brings exactly the missing entries', async () => {
    const { code } = await room.create()
    const anna = await room.join(code, { name: 'Anna' })
    const bert = await room.join(code, { name: 'Bert' })
    await busy(bert, '30')
    const machine = anna.room()
    const before = anna.room().seq
    anna.drop()
    await until('some time has passed', () => bert.room().seq > before + 5)
    await anna.submit(note('back'))
    expect(anna.room()).toBe(machine) // no snapshot was needed
    expect((await hashesOf([anna, bert])).size).toBe(1)
  })

  it('from far behind brings a snapshot, in pieces, and the entries after it', async () => {
    const { code } = await room.create()
    const anna = await room.join(code, { name: 'Anna' })
    await anna.submit({
      t: 'spawn',
      path: '/usr/bin/hog',
      argv: ['hog', '8M', '--rate', '4M'],
      env: [],
      stdout: 'pipe',
    })
    await Promise.all(Array.from({ length: 30 }, (_, i) => anna.submit(note(`${i}`))))
    const host = (await room.server.rooms.get(code))!
    // As if these had been seen long ago and were forgotten.
    await until('there is a past', () => host.seq > 60)
    Object.assign(host, { past: new Past(host.seq) })
    const welcomes: Welcome[] = []
    const raw = room.raw(room.hello(code, { spectator: true }))
    raw.on('welcome', (welcome) => welcomes.push(welcome))
    const pieces: { seq: number; index: number; of: number; data: string }[] = []
    raw.on('snapshot', (piece) => pieces.push(piece))
    await until('it has come', () => pieces.length > 0 && pieces.length === pieces[0].of)
    expect(welcomes[0].resume).toBe('snapshot')
    for (const { data } of pieces) expect(data.length).toBeLessThanOrEqual(256 * 1024)
    raw.disconnect()

    Object.assign(host, { past: new Past(host.seq) })
    const late = await room.join(code, { name: 'Late' })
    await late.submit(note('here'))
    await anna.submit(note('hello'))
    expect((await hashesOf([anna, late])).size).toBe(1)
  })

  it('of a machine that differs is repaired by a snapshot, and the field is reported', async () => {
    const { code } = await room.create()
    const anna = await room.join(code, { name: 'Anna' })
    const bert = await room.join(code, { name: 'Bert' })
    anna.room().machine.vmstat.pgfault += 3 // a bit flips
    const host = (await room.server.rooms.get(code))!
    const end = Date.now() + 30_000
    // A hash comes after so many entries.
    while (anna.snapshots === 0 && Date.now() < end)
      await Promise.all(Array.from({ length: 20 }, () => host.command(bert.seat, note('.'))))
    await until(
      'the hash has told',
      () => anna.room().machine.vmstat.pgfault === bert.room().machine.vmstat.pgfault,
    )
    expect((await hashesOf([anna, bert])).size).toBe(1)
    const { readdir, readFile } = await import('node:fs/promises')
    const fields = async () => {
      const names = (await readdir(room.data)).filter((name) => name.startsWith(`${code}.report-`))
      const reports = await Promise.all(
        names.map(
          async (name) =>
            JSON.parse(await readFile(`${room.data}/${name}`, 'utf8')) as { field?: string },
        ),
      )
      return reports.map(({ field }) => field).filter(Boolean)
    }
    await expect.poll(fields, { timeout: 10_000 }).toEqual([expect.stringContaining('pgfault')])
  }, 60_000)

  it('goes on when the room’s worker has died over its work', async () => {
    const { code } = await room.create()
    const anna = await room.join(code, { name: 'Anna' })
    await busy(anna, '60')
    const host = (await room.server.rooms.get(code))!
    const { worker } = host as unknown as { worker: { terminate: () => Promise<number> } }
    await worker.terminate()
    await until('another one has taken over', () => {
      return (host as unknown as { worker: object | null }).worker !== worker
    })
    const ticks = anna.room().machine.ticks
    await until('time goes on', () => anna.room().machine.ticks > ticks + 2)
    await anna.submit(note('still me'))
    expect(host.trouble).toBeNull()
    expect(anna.room().seats.size).toBe(1)
  }, 40_000)

  it('is told who is there', async () => {
    const { code } = await room.create()
    const there = new Set<number>()
    const raw = room.raw(room.hello(code, { name: 'Watcher' }))
    raw.on('presence', ({ here }) => {
      there.clear()
      for (const seat of here) there.add(seat)
    })
    raw.on('presenceChange', ({ came, gone }) => {
      for (const seat of came) there.add(seat)
      for (const seat of gone) there.delete(seat)
    })
    await until('it is alone', () => [...there].join() === '1')
    const other = await room.join(code, { name: 'Other' })
    await until('there are two', () => [...there].join() === '1,2')
    const third: number[][] = []
    const late = room.raw(room.hello(code, { spectator: true }))
    late.on('presence', ({ here }) => third.push(here))
    await until('a newcomer is told of both', () => third.at(-1)?.join() === '1,2')
    late.disconnect()
    other.close()
    await until('it is alone again', () => [...there].join() === '1')
    raw.disconnect()
  })
})

describe('2,000 messages that make no sense', () => {
  it('change nothing and hurt nobody', async () => {
    const { code } = await room.create()
    const anna = await room.join(code, { name: 'Anna' })
    const host = (await room.server.rooms.get(code))!
    const start = host.seq
    const prng = mkPrng(7)
    const random = (below: number) => nextBelow(prng, below)
    const scraps: unknown[] = [
      null, undefined, 0, -1, NaN, 1e308, '', 'prompt', '__proto__', [], {}, true, 'x'.repeat(5000), { t: 'ic' }, '\0',
      { t: 'tick', fuel: 1e9 }, { t: 'seat', name: 'x', role: 'teacher' }, { t: 'void' }, { toString: 1 }, { length: 9 },
      { t: 'hash', hash: '' }, [[[[[[]]]]]], { t: 'kill', task: '0.1', sig: '9' }, { constructor: { prototype: {} } },
    ] // prettier-ignore
    const scrap = () => scraps[random(scraps.length)]
    const events = [
      'command',
      'differs',
      'beat',
      'welcome',
      'entries',
      'packed',
      'join',
      'error',
      'connection',
      'toString',
    ]
    let refused = 0
    let sent = 0
    for (let round = 0; round < 20; round++) {
      const eve = room.raw(room.hello(code, { name: `E${'v'.repeat(round + 1)}e` }))
      await new Promise((resolve) => eve.once('welcome', resolve))
      for (let n = 0; n < 100; n++, sent++) {
        const event = events[random(events.length)] as 'command'
        const args = Array.from({ length: random(4) }, scrap)
        if (event === 'command' && random(2) === 0) {
          eve.emit(
            event,
            { t: 'ic', task: scrap(), line: scrap() } as never,
            (reply) => void (refused += reply.ok ? 0 : 1),
          )
        } else eve.emit(event, ...(args as [never, never]))
      }
      await eve.emitWithAck('command', {} as never) // the answers before this one have come
      eve.disconnect()
    }
    expect(sent).toBe(2000)
    expect(refused).toBeGreaterThan(50)
    await anna.submit(note('alive'))
    expect(host.seq - start).toBe(21) // the seats of 20 Eves and Anna's note
    expect(await (await fetch(`${room.url}/healthz`)).json()).toMatchObject({ ok: true })
  }, 60_000)
})
