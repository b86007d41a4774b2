import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileStore } from '../../server/store/fileStore.ts'
import { UnreadableLog } from '../../server/store/logStore.ts'
import type { Entry, Header } from '../../shared/room/entry.ts'
import { entryLine, headerLine, LOG_FORMAT, voidLine } from '../../shared/room/log.ts'
import { DEFAULT_OPTIONS } from '../../shared/room/options.ts'

const header: Header = {
  format: LOG_FORMAT,
  engine: 'e',
  code: '123456',
  created: 5,
  options: DEFAULT_OPTIONS,
}
const entry = (seq: number, name = 'Jürgen'): Entry => ({
  seq,
  at: seq,
  seat: seq,
  c: { t: 'seat', name, role: 'student', from: '10.0.0.1' },
})

let dir: string
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'oomroom-store-'))))
afterEach(() => rm(dir, { recursive: true }))

async function written(count: number) {
  const store = fileStore(dir, 'e')
  await store.create(header, { teacher: 'hash', seats: {} })
  const room = store.room('123456')
  await room.open()
  for (let seq = 1; seq <= count; seq++) await room.append([entryLine(entry(seq))])
  await room.close()
  return { store, path: join(dir, '123456.ndjson') }
}

describe('the file store', () => {
  it('makes, lists, finds and deletes rooms', async () => {
    const { store } = await written(1)
    expect(await store.list()).toEqual(['123456'])
    expect(await store.exists('123456')).toBe(true)
    expect(await store.exists('654321')).toBe(false)
    expect(await store.recent(Date.now() - 60_000)).toEqual(['123456'])
    expect(await store.recent(Date.now() + 60_000)).toEqual([])
    await expect(
      Promise.resolve().then(() => store.create(header, { teacher: '', seats: {} })),
    ).rejects.toThrow(/there already/)
    await store.delete('123456')
    expect(await store.list()).toEqual([])
  })

  it('reads back what was appended, voids included', async () => {
    const { store } = await written(3)
    const room = store.room('123456')
    await room.open()
    await room.append([entryLine(entry(4)), entryLine(entry(5)), voidLine(4)])
    await room.close()
    const { entries, notice } = await store.room('123456').open()
    expect(entries.map(({ c }) => c.t)).toEqual(['seat', 'seat', 'seat', 'void', 'seat'])
    expect(notice).toBeNull()
  })

  it('cuts a record that was torn at any byte, and goes on after it', async () => {
    const { store, path } = await written(2)
    const whole = await readFile(path)
    const end = whole.length - Buffer.byteLength(entryLine(entry(2))) - 1
    for (let cut = end; cut <= whole.length; cut++) {
      await writeFile(path, whole.subarray(0, cut))
      const room = store.room('123456')
      const { entries, notice } = await room.open()
      const complete = cut >= whole.length - 1
      expect(entries, `cut at ${cut}`).toHaveLength(complete ? 2 : 1)
      expect(notice === null, `cut at ${cut}`).toBe(complete || cut === end)
      await room.append([entryLine(entry(entries.length + 1, 'Next'))])
      await room.close()
      const again = await store.room('123456').open()
      expect(again.entries.at(-1)!.c).toMatchObject({ name: 'Next' })
      expect(again.notice).toBeNull()
    }
  })

  it('refuses a log that is damaged in the middle, and leaves it as it is', async () => {
    const { store, path } = await written(3)
    const bad = (await readFile(path, 'utf8')).replace('"seq":2', '"seq":7')
    await writeFile(path, bad)
    await expect(store.room('123456').open()).rejects.toThrow(/line 3 \(entry 2\) is damaged/)
    expect(await readFile(path, 'utf8')).toBe(bad)
  })

  it('refuses the log of another engine', async () => {
    await written(1)
    const opening = fileStore(dir, 'other').room('123456').open()
    await expect(opening).rejects.toThrow(UnreadableLog)
    await expect(opening).rejects.toMatchObject({ field: 'engine' })
  })

  it('keeps tokens only as hashes, beside the log, for nobody else to read', async () => {
    const { store, path } = await written(1)
    const room = store.room('123456')
    await room.open()
    await room.writeSeats({ teacher: 'h0', seats: { 1: 'h1' } })
    await room.close()
    expect((await store.room('123456').open()).seats).toEqual({ teacher: 'h0', seats: { 1: 'h1' } })
    expect(await readFile(path, 'utf8')).not.toContain('h1')
    expect((await stat(join(dir, '123456.seats.json'))).mode & 0o077).toBe(0)
  })

  it('takes a snapshot as a cache that may be bad', async () => {
    const { store } = await written(1)
    const room = store.room('123456')
    expect(await room.readSnapshot()).toBeNull()
    const parts = ['zip\nzip', '', 'zap'].map((text) => Buffer.from(text))
    await room.writeSnapshot({ seq: 1, parts })
    expect(await room.readSnapshot()).toEqual({ seq: 1, parts })
    expect(await fileStore(dir, 'other').room('123456').readSnapshot()).toBeNull()
    const path = join(dir, '123456.snapshot')
    await truncate(path, (await stat(path)).size - 1)
    expect(await room.readSnapshot()).toBeNull()
    await writeFile(path, '{')
    expect(await room.readSnapshot()).toBeNull()
  })

  it('does not number what could not be written', async () => {
    const { store, path } = await written(1)
    const room = store.room('123456')
    await room.open()
    await room.append([entryLine(entry(2))])
    const before = await readFile(path, 'utf8')
    await room.close()
    await expect(Promise.resolve().then(() => room.append([entryLine(entry(3))]))).rejects.toThrow()
    expect(await readFile(path, 'utf8')).toBe(before)
    expect(before.startsWith(headerLine(header))).toBe(true)
  })
})
