import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Answer, FromWorker } from '../../server/room/messages.ts'
import { RoomRunner } from '../../server/room/runner.ts'
import { fileStore } from '../../server/store/fileStore.ts'
import type { Command, Entry } from '../../shared/room/entry.ts'
import { LOG_FORMAT, parseLog } from '../../shared/room/log.ts'
import { DEFAULT_OPTIONS } from '../../shared/room/options.ts'
import { applyEntry, createRoom, hashRoom, type Room } from '../../shared/room/room.ts'

// A machine with one bug: it breaks, half done, over this file name.
vi.mock('../../shared/machine/machine.ts', async (original) => {
  const real = await original<typeof import('../../shared/machine/machine.ts')>()
  const apply: typeof real.apply = (m, seat, command) => {
    const outcome = real.apply(m, seat, command)
    if (command.t === 'mkdir' && command.path === '/tmp/bug') throw new Error('half done')
    return outcome
  }
  return { ...real, apply }
})

const CODE = '123456'
let dir: string
let runner: RoomRunner
let messages: FromWorker[]
let nextId = 1
let diskFull = false
let ahead = 0 // ms that the runner's clock is ahead
const LOG_MAX = 2 ** 30

beforeEach(async () => {
  ahead = 0
  diskFull = false
  dir = await mkdtemp(join(tmpdir(), 'oomroom-runner-'))
  const options = { ...DEFAULT_OPTIONS, ram: 16 * 2 ** 20 }
  const header = { format: LOG_FORMAT, engine: 'e', code: CODE, created: Date.now(), options }
  await fileStore(dir, 'e').create(header, { teacher: 't', key: 'k', seats: {} })
  await start()
})

afterEach(async () => {
  await runner.close()
  await rm(dir, { recursive: true })
})

async function start(voids: number[] = []): Promise<void> {
  messages = []
  const store = fileStore(dir, 'e').room(CODE)
  const append = store.append.bind(store)
  store.append = (lines) => (diskFull ? Promise.reject(new Error('ENOSPC')) : append(lines))
  runner = new RoomRunner({
    store,
    emit: (message) => messages.push(message),
    limits: { seats: 50, logBytes: LOG_MAX },
    now: () => Date.now() + ahead,
    applying: () => {},
  })
  await runner.start(voids)
}

/** As after kill -9: no farewell, and another process opens the files. */
async function crash(voids: number[] = []): Promise<void> {
  const left = runner as unknown as { atWork: boolean; closing: boolean; timer?: NodeJS.Timeout }
  left.closing = true // or it would go on writing the same numbers
  clearTimeout(left.timer)
  while (left.atWork) await new Promise((resolve) => setTimeout(resolve, 1))
  const before = runner
  await start(voids)
  await before.close()
}

async function answer(id: number): Promise<Answer> {
  for (;;) {
    for (const message of messages) {
      if (message.t === 'refused' && message.answer.id === id) return message.answer
      if (message.t !== 'batch') continue
      const found = message.answers.find((one) => one.id === id)
      if (found) return found
    }
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

function sit(name: string): Promise<Answer> {
  const id = nextId++
  runner.request({ t: 'join', id, name, role: 'student', tokenHash: `hash of ${name}` })
  return answer(id)
}

function send(seat: number, command: Command): Promise<Answer> {
  const id = nextId++
  runner.request({ t: 'command', id, seat, command })
  return answer(id)
}

const mkdir = (path: string): Command => ({ t: 'mkdir', path, mode: 0o755 })

async function logOf() {
  const parsed = parseLog(await readFile(join(dir, `${CODE}.ndjson`), 'utf8'))
  if (parsed.problem) throw new Error(`${parsed.problem.field}: ${parsed.problem.why}`)
  return parsed.log
}

function replayed(entries: Entry[], room: Room): Room {
  const again = createRoom(room.header)
  for (const entry of entries) applyEntry(again, entry)
  return again
}

/** What everybody was sent, in order. */
function emitted(): Entry[] {
  return messages.flatMap((m) => (m.t === 'batch' ? (JSON.parse(m.batch.json) as Entry[]) : []))
}

describe('a full disk', () => {
  it('refuses who comes by the teacher’s link, and uses up no key', async () => {
    const come = (tokenHash: string): Promise<Answer> => {
      const id = nextId++
      const name = `T ${tokenHash}`
      runner.request({ t: 'join', id, name, role: 'teacher', tokenHash, keyHash: 'k' })
      return answer(id)
    }
    diskFull = true
    expect(await come('first')).toMatchObject({ why: 'disk' })
    diskFull = false
    expect(await come('first')).toMatchObject({ seat: { no: 1, role: 'teacher' } })
    expect(await come('second')).toMatchObject({ why: 'key' })
  })
})

describe('a room at work', () => {
  it('numbers, writes, applies and emits', async () => {
    const anna = await sit('Anna')
    expect(anna).toMatchObject({ seq: 1, seat: { no: 1, name: 'Anna', role: 'student' } })
    const made = await send(1, mkdir('/tmp/a'))
    expect(made).toMatchObject({ seq: 2 })
    const { entries } = await logOf()
    expect(entries).toEqual(emitted())
    expect(hashRoom(replayed(entries, runner.room))).toBe(hashRoom(runner.room))
  })

  it('gives a name to one only, also when both come at once', async () => {
    const both = await Promise.all([sit('Anna'), sit('anna '), sit('Bert')])
    expect(both.map((one) => ('why' in one ? one.why : one.seat!.no))).toEqual([1, 'name-taken', 2])
    expect(await sit('ANNA')).toMatchObject({ why: 'name-taken' })
  })

  it('ticks while somebody sleeps, and not a tick longer', async () => {
    await sit('Anna')
    await send(1, {
      t: 'spawn',
      path: '/usr/bin/sleep',
      argv: ['sleep', '0.3'],
      env: [],
      stdout: 'tty',
    })
    await vi.waitFor(() =>
      expect(emitted().filter(({ c }) => c.t === 'tick').length).toBeGreaterThan(5),
    )
    await new Promise((resolve) => setTimeout(resolve, 200))
    const ticks = emitted().filter(({ c }) => c.t === 'tick')
    expect(ticks.length).toBeLessThan(12)
    const { fuel } = ticks[0].c as Command & { t: 'tick' }
    expect(fuel).toBe(DEFAULT_OPTIONS.speed / 20)
  })

  it('does not catch up on time it did not have', async () => {
    await sit('Anna')
    await send(1, {
      t: 'spawn',
      path: '/usr/bin/sleep',
      argv: ['sleep', '60'],
      env: [],
      stdout: 'tty',
    })
    await vi.waitFor(() => expect(runner.room.machine.ticks).toBeGreaterThan(2))
    const before = runner.room.machine.ticks
    const end = Date.now() + 500
    while (Date.now() < end); // stalls
    await new Promise((resolve) => setTimeout(resolve, 220))
    const passed = runner.room.machine.ticks - before
    expect(passed).toBeGreaterThanOrEqual(2)
    expect(passed).toBeLessThan(9)
  })

  it('writes its hash now and then, when something has happened', async () => {
    await sit('Anna')
    const hashes = () => emitted().filter(({ c }) => c.t === 'hash').length
    const end = Date.now() + 20_000 // what takes long on a busy host is not done often
    for (let n = 0; (n < 1100 || hashes() < 2) && Date.now() < end; n += 20) {
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => send(1, { t: 'note', out: `${n + i}` })),
      )
    }
    const { entries } = await logOf()
    expect(entries.filter(({ c }) => c.t === 'hash').length).toBeGreaterThanOrEqual(2)
    const again = createRoom(runner.room.header)
    for (const entry of entries) expect(applyEntry(again, entry).mismatch).toBeUndefined()
  }, 30_000)

  it('writes its hash in a quiet lesson, too, when ten seconds have passed', async () => {
    await sit('Anna')
    await send(1, { t: 'note', out: 'hello' })
    const hashes = () => emitted().filter(({ c }) => c.t === 'hash').length
    expect(hashes()).toBe(0)
    ahead = 10_000
    await send(1, { t: 'note', out: 'hello again' })
    await vi.waitFor(() => expect(hashes()).toBe(1))
    ahead += 9000
    await send(1, { t: 'note', out: 'and again' })
    expect(hashes()).toBe(1)
  })
})

describe('an entry that cannot be applied', () => {
  it('is voided, and the machine is as before it', async () => {
    await sit('Anna')
    await send(1, mkdir('/tmp/a'))
    await Promise.all([send(1, mkdir('/tmp/bug')), send(1, mkdir('/tmp/b'))])
    const { entries, voided } = await logOf()
    expect(voided).toEqual([3])
    expect(emitted()).toEqual(entries)
    expect(entries[2].c).toEqual({ t: 'void' })
    const { root } = runner.room.machine
    expect([...root.entries.get('tmp')!.entries.keys()]).toEqual(['a', 'b'])
    expect(hashRoom(replayed(entries, runner.room))).toBe(hashRoom(runner.room))

    const reports = (await readdir(dir)).filter((name) => name.includes('report'))
    expect(reports).toHaveLength(1)
    const report = JSON.parse(await readFile(join(dir, reports[0]), 'utf8'))
    expect(report).toMatchObject({ kind: 'void', entry: { seq: 3, c: { path: '/tmp/bug' } } })
    expect(report.error).toContain('half done')
  })

  it('is not retried for ever: a start from the log voids it, too', async () => {
    await sit('Anna')
    await send(1, mkdir('/tmp/a'))
    // The log of a server that died between writing the entry and voiding it.
    const store = fileStore(dir, 'e').room(CODE)
    await runner.close()
    const { entryLine } = await import('../../shared/room/log.ts')
    await store.open()
    await store.append(
      [3, 4].map((seq) =>
        entryLine({ seq, at: 9e6, seat: 1, c: mkdir(seq === 3 ? '/tmp/bug' : '/tmp/c') }),
      ),
    )
    await store.close()
    await start()
    expect(runner.room.seq).toBe(4)
    expect((await logOf()).voided).toEqual([3])
    expect([...runner.room.machine.root.entries.get('tmp')!.entries.keys()]).toEqual(['a', 'c'])
    await crash()
    expect(runner.room.seq).toBe(4)
  })

  it('is not even tried when the watchdog says so', async () => {
    await sit('Anna')
    await send(1, mkdir('/tmp/a'))
    await crash([2])
    expect((await logOf()).voided).toEqual([2])
    expect(runner.room.machine.root.entries.get('tmp')!.entries.size).toBe(0)
  })
})

describe('after a crash', () => {
  it('everything accepted is there, and the same', async () => {
    await sit('Anna')
    await sit('Bert')
    await send(2, { t: 'ic', task: '2.2', line: 'p = malloc(20000)' })
    await send(1, {
      t: 'spawn',
      path: '/usr/bin/hog',
      argv: ['hog', '8M', '--rate', '1M'],
      env: [],
      stdout: 'pipe',
    })
    await vi.waitFor(() => expect(runner.room.machine.ticks).toBeGreaterThan(3))
    await crash()
    const ready = messages.find((message) => message.t === 'ready')!
    expect(ready).toMatchObject({
      seats: [
        { no: 1, name: 'Anna' },
        { no: 2, name: 'Bert' },
      ],
    })
    expect(ready).toMatchObject({
      tokens: { teacher: 't', seats: { 1: ['hash of Anna'], 2: ['hash of Bert'] } },
    })
    const { room } = runner
    const { seq } = room // time goes on while the log is read
    const hash = hashRoom(room)
    const { entries } = await logOf()
    expect(hashRoom(replayed(entries.slice(0, seq), room))).toBe(hash)
  })

  it('a stored snapshot shortens the way, and a bad one does not matter', async () => {
    await sit('Anna')
    await send(1, mkdir('/tmp/a'))
    await runner.close()
    const path = join(dir, `${CODE}.snapshot`)
    expect((await readFile(path)).length).toBeGreaterThan(100)
    await start()
    const hash = hashRoom(runner.room)
    await runner.close()
    await writeFile(path, '{"seq":2,"engine":"e"}\nrubbish')
    await start()
    expect(hashRoom(runner.room)).toBe(hash)
    expect(hashRoom(replayed((await logOf()).entries, runner.room))).toBe(hash)
  })
})
