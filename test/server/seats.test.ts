// Who may be in a room and what the teacher does about it, by real sockets.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Classroom, refusal, until, type Made } from './classroom.ts'
import { parseLog } from '../../shared/room/log.ts'
import { ADVANCE_MAX, type Command } from '../../shared/room/entry.ts'
import type { Replica } from '../../server/replica.ts'
import type { Paired } from '../../shared/wire/events.ts'

const note = (out: string): Command => ({ t: 'note', out })
const prompt: Command = { t: 'prompt' }

let room: Classroom
let made: Made
let teacher: Replica
beforeAll(async () => {
  room = await Classroom.open()
  made = await room.create()
  teacher = await room.join(made.code, { token: made.teacherToken, name: 'Grace' })
})
afterAll(() => room.close())

const ended = (replica: Replica) =>
  new Promise<string>((resolve) => (replica.onEnd = ({ message }) => resolve(message)))

describe('the teacher', () => {
  it('renames; a student only oneself, and into no name that looks like another', async () => {
    const ada = await room.join(made.code, { name: 'Ada' })
    await ada.submit({ t: 'rename', who: ada.seat, name: '  Ada   L. ' })
    expect(ada.room().seats.get(ada.seat)!.name).toBe('Ada L.')
    await expect(ada.submit({ t: 'rename', who: teacher.seat, name: 'X' })).rejects.toThrow(
      'teacher',
    )
    await expect(
      ada.submit({ t: 'rename', who: ada.seat, name: 'Gгace'.replace('г', 'r') }),
    ).rejects.toThrow('name-taken')
    await expect(ada.submit({ t: 'rename', who: ada.seat, name: 'a\u202eb' })).rejects.toThrow(
      'name-characters',
    )
    await teacher.submit({ t: 'rename', who: ada.seat, name: 'Ada again' })
    ada.close()
  })

  it('alone may do what is the teacher’s', async () => {
    const eve = await room.join(made.code, { name: 'Eve' })
    const wanted: Command[] = [
      { t: 'remove', who: 1 }, { t: 'ban', who: 1 }, { t: 'readmit', who: 1 }, { t: 'role', who: eve.seat, role: 'teacher' },
      { t: 'room', set: { paused: true } }, { t: 'step', ticks: 1 }, { t: 'close' },
    ] // prettier-ignore
    for (const command of wanted) await expect(eve.submit(command)).rejects.toThrow('teacher')
    eve.close()
  })

  it('removes: the processes live on, and one may come back, unless the room is locked', async () => {
    const ben = await room.join(made.code, { name: 'Ben' })
    const gone = ended(ben)
    const tasks = () =>
      [...teacher.room().machine.tasks.values()].filter(
        (task) => task.seat === ben.seat && task.state !== 'Z',
      ).length
    const before = tasks()
    await teacher.submit({ t: 'remove', who: ben.seat })
    expect(await gone).toMatch(/removed this seat/)
    expect(tasks()).toBe(before)
    await teacher.submit({ t: 'room', set: { locked: true } })
    expect(await refusal(room.raw(room.hello(made.code, { token: ben.token })))).toBe('removed')
    expect(await refusal(room.raw(room.hello(made.code, { name: 'New' })))).toBe('locked')
    await teacher.submit({ t: 'room', set: { locked: false } })
    const back = await room.join(made.code, { token: ben.token })
    expect(back.seat).toBe(ben.seat)
    expect(back.room().seats.get(ben.seat)!.presence).toBe('in')
    await back.submit(note('here again'))
    back.close()
  })

  it('bans: the processes are killed, and nobody comes back, until let in again', async () => {
    const mal = await room.join(made.code, { name: 'Mal' })
    const gone = ended(mal)
    await teacher.submit({ t: 'ban', who: mal.seat })
    expect(await gone).toMatch(/banned/)
    const alive = () =>
      [...teacher.room().machine.tasks.values()].filter(
        (task) => task.seat === mal.seat && task.state !== 'Z',
      )
    expect(alive()).toEqual([])
    expect(await refusal(room.raw(room.hello(made.code, { token: mal.token })))).toBe('banned')
    await teacher.submit({ t: 'readmit', who: mal.seat })
    const back = await room.join(made.code, { token: mal.token })
    expect(
      alive()
        .map(({ comm }) => comm)
        .sort((a, b) => a.localeCompare(b)),
    ).toEqual(['bash', 'ic'])
    back.close()
  })

  it('hands the role over, and takes it back; the machine obeys', async () => {
    const zoe = await room.join(made.code, { name: 'Zoe' })
    await teacher.submit({ t: 'role', who: zoe.seat, role: 'teacher' })
    await zoe.submit({ t: 'room', set: { namesHidden: true } })
    expect(zoe.room().machine.handles.get(zoe.room().seats.get(zoe.seat)!.shell)!.uid).toBe(0)
    await expect(teacher.submit({ t: 'role', who: teacher.seat, role: 'student' })).rejects.toThrow(
      'who',
    )
    await teacher.submit({ t: 'role', who: zoe.seat, role: 'student' })
    await expect(zoe.submit({ t: 'room', set: { namesHidden: false } })).rejects.toThrow('teacher')
    expect(zoe.room().machine.handles.get(zoe.room().seats.get(zoe.seat)!.shell)!.uid).toBe(
      1000 + zoe.seat,
    )
    zoe.close()
  })

  it('pauses: statements are refused with a reason, a step lets ticks pass, and the log shows all of it', async () => {
    const kim = await room.join(made.code, { name: 'Kim' })
    await teacher.submit({
      t: 'spawn',
      path: '/usr/bin/hog',
      argv: ['hog', '16M', '--rate', '1M'],
      env: [],
      stdout: 'pipe',
    })
    await teacher.submit({ t: 'room', set: { paused: true } })
    const { ticks } = teacher.room().machine
    await expect(kim.submit(prompt)).rejects.toThrow('paused')
    await kim.submit(note('a look is free'))
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(teacher.room().machine.ticks).toBe(ticks)
    await teacher.submit({ t: 'step', ticks: 3 })
    await until('three ticks have passed', () => teacher.room().machine.ticks === ticks + 3)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(teacher.room().machine.ticks).toBe(ticks + 3)
    await teacher.submit({ t: 'room', set: { paused: false, speed: 4 } })
    await until('time goes on', () => teacher.room().machine.ticks > ticks + 5)
    await expect(teacher.submit({ t: 'step', ticks: 1 })).rejects.toThrow('running')
    await teacher.submit({ t: 'room', set: { speed: 1 } })
    kim.close()
  })
})

describe('the clock', () => {
  it('is advanced by the teacher, paused or not, tick by tick in the log; pausing ends it', async () => {
    const kim = await room.join(made.code, { name: 'Kim of the clock' })
    const path = '/usr/bin/sleep'
    await kim.submit({ t: 'spawn', path, argv: ['sleep', '3600'], env: [], stdout: 'pipe' })
    await expect(kim.submit({ t: 'advance', ticks: 20 })).rejects.toThrow('teacher')
    for (const ticks of [0, 1.5, ADVANCE_MAX + 1])
      await expect(teacher.submit({ t: 'advance', ticks })).rejects.toThrow('malformed')
    await teacher.submit({ t: 'room', set: { paused: true } })
    const { ticks } = teacher.room().machine
    await teacher.submit({ t: 'advance', ticks: 50 })
    await until('they have passed', () => teacher.room().machine.ticks === ticks + 50)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(teacher.room().machine.ticks).toBe(ticks + 50)

    await teacher.submit({ t: 'room', set: { paused: false } })
    const start = Date.now()
    await teacher.submit({ t: 'advance', ticks: 2000 })
    await until('a hundred seconds have passed', () => teacher.room().ahead === 0)
    expect(Date.now() - start).toBeLessThan(50_000)
    const then = teacher.room().machine.ticks
    expect(then).toBeGreaterThanOrEqual(ticks + 2050)
    const beat = Date.now()
    await until('the clock goes on as before', () => teacher.room().machine.ticks > then + 10)
    expect(Date.now() - beat).toBeLessThan(2500)

    await teacher.submit({ t: 'advance', ticks: ADVANCE_MAX })
    await teacher.submit({ t: 'room', set: { paused: true } })
    expect(teacher.room().ahead).toBe(0)
    await teacher.submit({ t: 'room', set: { paused: false } })
    kim.close()
  })
})

describe('another device', () => {
  const ask = (replica: Replica, question: object) => {
    const { socket } = replica as unknown as {
      socket: { emitWithAck: (event: string, ask: object) => Promise<Paired> }
    }
    return socket.emitWithAck('pair', question)
  }

  it('takes the seat by a code, once; the older device watches', async () => {
    const lea = await room.join(made.code, { name: 'Lea' })
    const { code, ms } = await ask(lea, {})
    expect(code).toMatch(/^[3-9A-Y]{6}$/)
    expect(ms).toBe(120_000)
    const older = ended(lea)
    const phone = await room.join(made.code, { pair: code.toLowerCase() })
    expect(phone.seat).toBe(lea.seat)
    expect(phone.token).not.toBe(lea.token)
    expect(await older).toMatch(/another connection/)
    expect(await refusal(room.raw(room.hello(made.code, { pair: code })))).toBe('pair')
    phone.close()
    const again = await room.join(made.code, { token: phone.token }) // its own key from now on
    expect(again.seat).toBe(lea.seat)
    again.close()
  })

  it('of anybody is let in by the teacher, of another seat by nobody else', async () => {
    const tim = await room.join(made.code, { name: 'Tim' })
    expect(await ask(tim, { who: teacher.seat })).toEqual({ ok: false, why: 'teacher' })
    const { code } = await ask(teacher, { who: tim.seat })
    const other = await room.join(made.code, { pair: code })
    expect(other.seat).toBe(tim.seat)
    other.close()
  })
})

describe('the link of the teacher', () => {
  interface Place {
    role: string
    seat: number
    why: string // '' if one is let in
  }
  const token = (n: number) => String(n).repeat(32)
  const come = (at: Classroom, code: string, hello: object): Promise<Place> => {
    const socket = at.raw(at.hello(code, hello))
    const place = new Promise<Place>((resolve) => {
      socket.on('welcome', ({ role, seat }) => resolve({ role, seat, why: '' }))
      socket.on('connect_error', (error) => {
        const { why } = (error as Error & { data: { why: string } }).data
        resolve({ role: '', seat: 0, why })
      })
    })
    return place.finally(() => socket.disconnect())
  }

  it('is good once, over a restart of the server, and for one of two who come at once', async () => {
    const before = await Classroom.open()
    const { code, teacherKey: key } = await before.create()
    await before.stop()
    const own = await Classroom.open(before.data)
    const both = [1, 2].map((n) => come(own, code, { key, token: token(n), name: `T${n}.` }))
    const places = await Promise.all(both)
    expect(places.map(({ role }) => role).sort()).toEqual(['', 'teacher'])
    const first = places[0].role === 'teacher' ? 1 : 2
    expect(places[2 - first]).toEqual({ role: '', seat: 0, why: 'key' })
    // The answer may have been lost: the browser comes with the same again.
    const again = await come(own, code, { key, token: token(first), name: 'T' })
    expect(again).toEqual({ role: 'teacher', seat: 1, why: '' })
    await own.stop()
    const later = await Classroom.open(before.data)
    expect((await come(later, code, { key, token: token(3), name: 'T' })).why).toBe('key')
    expect((await come(later, code, { key: token(4), token: token(4), name: 'T' })).why).toBe('key')
    expect((await come(later, code, { token: key, name: 'T' })).role, 'no token').toBe('student')
    expect((await come(later, code, { token: token(first) })).role).toBe('teacher')
    await later.close()
  })

  it('needs the lasting token no more than that needs the link', async () => {
    const own = await room.create()
    const root = await room.join(own.code, { token: own.teacherToken, name: 'Grace' })
    const { teacherKey: key } = own
    const linked = await come(room, own.code, { key, token: token(5), name: 'Grace' })
    expect(linked).toEqual({ role: 'teacher', seat: root.seat, why: '' })
    expect((await come(room, own.code, { token: token(5) })).seat).toBe(root.seat)
    const typed = { key: own.teacherToken, token: token(6), name: 'Second' }
    expect(await come(room, own.code, typed)).toMatchObject({ role: 'teacher', why: '' })
    // What a teacher's browser shows as the key is the token of its seat.
    const shown = { key: token(5), token: token(7), name: 'New' }
    expect(await come(room, own.code, shown)).toEqual(linked)
    expect((await come(room, own.code, { token: token(7) })).seat).toBe(root.seat)
    // A student's is no more than a student's.
    await come(room, own.code, { token: token(8), name: 'Ada' })
    const student = { key: token(8), token: token(9), name: 'Root' }
    expect((await come(room, own.code, student)).role).toBe('student')
    root.close()
  })
})

describe('the log', () => {
  it('knows what the teacher did, and no secret', async () => {
    const text = await (await fetch(`${room.url}/api/rooms/${made.code}/log`)).text()
    const { log } = parseLog(text)
    const kinds = new Set(log!.entries.map(({ c }) => c.t))
    for (const kind of ['rename', 'remove', 'ban', 'readmit', 'role', 'room', 'step'] as const)
      expect(kinds).toContain(kind)
    expect(text).not.toContain(made.teacherToken)
    expect(text).not.toMatch(/"(?:token|tokenHash|pair)"/)
  })
})

describe('the end', () => {
  it('of a room: everybody is told, nobody comes, the log stays', async () => {
    const own = await room.create()
    const host = await room.join(own.code, { token: own.teacherToken, name: 'T' })
    const pia = await room.join(own.code, { name: 'Pia' })
    const told = ended(pia)
    host.submit({ t: 'close' }).catch(() => {})
    expect(await told).toMatch(/closed the room/)
    expect(await refusal(room.raw(room.hello(own.code, { token: pia.token })))).toBe('closed')
    const { log } = parseLog(await (await fetch(`${room.url}/api/rooms/${own.code}/log`)).text())
    expect(log!.entries.map(({ c }) => c.t)).toContain('close')
  })
})

describe('a lobby', () => {
  it('holds statements until the teacher begins', async () => {
    const own = await room.create({ ram: '32M', lobby: true })
    const host = await room.join(own.code, { token: own.teacherToken, name: 'T' })
    const pia = await room.join(own.code, { name: 'Pia' })
    await expect(pia.submit(prompt)).rejects.toThrow('lobby')
    await host.submit({ t: 'room', set: { lobby: false } })
    await pia.submit(prompt)
  })
})
