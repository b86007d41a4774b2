// What the host says on the command line of `oomroom serve`, or in the environment: what is wrong is named, what is
// right holds.

import { access, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Classroom, refusal } from './classroom.ts'
import { run } from '../../server/commands/serve.ts'
import { UsageError } from '../../server/commands/errors.ts'
import type { Command } from '../../shared/room/entry.ts'

const note = (out: string): Command => ({ t: 'note', out })

describe('a value that makes no sense is named with what would', () => {
  it.each([
    ['--port', 'x', /^--port: a whole number from 0 to 65535$/],
    ['--port', '65536', /^--port: /],
    ['--port', '-1', /^--port: the value is missing/],
    ['--port=-1', '', /^--port: a whole number/],
    ['--log-level', 'loud', /^--log-level: one of fatal, .*silent$/],
    ['--public-url', 'javascript:alert(1)', /^--public-url: http/],
    ['--public-url', 'class.example', /^--public-url: http/],
    ['--create-password', 'x'.repeat(201), /^--create-password: 200 characters at most$/],
    ['--max-rooms', '0', /^--max-rooms: a whole number from 1 to 10000$/],
    ['--max-rooms', '10001', /^--max-rooms: /],
    ['--max-rooms', '1e3', /^--max-rooms: /],
    ['--max-rooms', '', /^--max-rooms: /],
    ['--max-seats', '0', /^--max-seats: a whole number from 1 to 10000$/],
    ['--max-seats', '2.5', /^--max-seats: /],
    ['--max-seats', '99999999999', /^--max-seats: /],
    ['--max-log', 'much', /^--max-log: a size from 64K, such as 64M$/],
    ['--max-log', '1K', /^--max-log: /],
    ['--max-log', '-64M', /^--max-log: the value is missing/],
    ['--retention', '36501', /^--retention: a whole number from 0 to 36500$/],
    ['--retention', '1.5', /^--retention: /],
    ['--retention', 'forever', /^--retention: /],
    ['--proxies', 'yes', /^--proxies: a whole number from 0 to 10$/],
    ['--nonsense', '1', /--nonsense/],
  ])('%s %s', async (option, value, text) => {
    const thrown: unknown = await run(
      value === '' && option.includes('=') ? [option] : [option, value],
    ).catch((error: unknown) => error)
    expect(thrown).toBeInstanceOf(UsageError)
    expect((thrown as Error).message).toMatch(text)
    expect((thrown as Error).message).not.toContain('\n')
  })

  it.each([
    ['PORT', 'x', /^--port: /],
    ['LOG_LEVEL', 'loud', /^--log-level: /],
    ['MAX_ROOMS', '0', /^--max-rooms: /],
    ['MAX_SEATS', 'all', /^--max-seats: /],
    ['MAX_LOG', 'x', /^--max-log: /],
    ['RETENTION_DAYS', '-1', /^--retention: /],
    ['PUBLIC_URL', 'class', /^--public-url: /],
    ['PROXIES', '-1', /^--proxies: /],
    ['CREATE_PASSWORD', 'x'.repeat(201), /^--create-password: /],
  ])('in the environment: %s=%s', async (name, value, text) => {
    process.env[name] = value
    try {
      await expect(run([])).rejects.toThrow(text)
    } finally {
      delete process.env[name]
    }
  })
})

describe('what is right holds', () => {
  it('so many seats, rooms and bytes of log; each refusal says which', async () => {
    const allowed = { seats: 2, logBytes: 64 * 1024, rooms: 1 }
    const room = await Classroom.open(undefined, undefined, { allowed })
    const made = await room.create()
    const teacher = await room.join(made.code, { token: made.teacherToken, name: 'T' })
    await room.join(made.code, { name: 'One' })
    expect(await refusal(room.raw(room.hello(made.code, { name: 'Two' })))).toBe('seats')
    expect(await room.create()).toEqual({ why: 'rooms' })
    for (let n = 0; n < 5; n++) await teacher.submit(note('x'.repeat(15_000))).catch(() => {})
    await expect(teacher.submit(note('more'))).rejects.toThrow('full')
    expect(await refusal(room.raw(room.hello(made.code, { name: 'Two' })))).toBe('full')
    await teacher.submit({ t: 'close' }).catch(() => {}) // that is taken, still
    await room.close()
  })

  it('a password for new rooms: without it, with a wrong one, of another type', async () => {
    const room = await Classroom.open(undefined, undefined, {
      allowed: { createPassword: 'sesame' },
    })
    expect(await (await fetch(`${room.url}/api/host`)).json()).toEqual({ createPassword: true })
    for (const password of [undefined, '', 'Sesame', 'sesame ', 5, ['sesame'], { length: 6 }, null])
      expect(await room.create({ ram: '32M', password })).toEqual({ why: 'password' })
    const made = await room.create({ ram: '32M', password: 'sesame' })
    expect(made.code).toMatch(/^\d{6}$/)
    expect(JSON.stringify(made)).not.toContain('sesame')
    const log = await (await fetch(`${room.url}/api/rooms/${made.code}/log`)).text()
    expect(log).not.toContain('sesame')
    await room.close()
  })

  it('rooms older than the retention are deleted with all their files, others and foreign files stay', async () => {
    const before = await Classroom.open()
    const [old, young] = [await before.create(), await before.create()]
    const someone = await before.join(old.code, { name: 'Ada' })
    await someone.submit(note('once'))
    await before.stop()
    const days = (n: number) => new Date(Date.now() - n * 86_400_000)
    await utimes(join(before.data, `${old.code}.ndjson`), days(8), days(8))
    await utimes(join(before.data, `${young.code}.ndjson`), days(6), days(6))
    await writeFile(join(before.data, 'notes.txt'), 'mine')

    const never = await Classroom.open(before.data)
    await access(join(before.data, `${old.code}.ndjson`)) // 0 days: none is deleted
    await never.stop()
    await utimes(join(before.data, `${old.code}.ndjson`), days(8), days(8))
    const after = await Classroom.open(before.data, undefined, { allowed: { retentionDays: 7 } })
    const names = await readdir(before.data)
    expect(names.filter((name) => name.startsWith(old.code))).toEqual([])
    expect(names).toEqual(expect.arrayContaining([`${young.code}.ndjson`, 'notes.txt']))
    expect((await fetch(`${after.url}/api/rooms/${old.code}`)).status).toBe(404)
    expect((await fetch(`${after.url}/api/rooms/${young.code}`)).status).toBe(200)
    await after.close()
  })
})
