import { expect, it } from 'vitest'
import { maskNames } from '../../../client/feed/masked.ts'
import { LOG_FORMAT } from '../../../shared/room/log.ts'
import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import { applyEntry, createRoom, hashRoom } from '../../../shared/room/room.ts'
import type { Command } from '../../../shared/room/entry.ts'

it('hidden names are seats to all but the teacher and oneself; the room stays as it is', () => {
  const options = { ...DEFAULT_OPTIONS, ram: 16 * 2 ** 20 }
  const header = { format: LOG_FORMAT, engine: 'e', code: '123456', created: 0, options }
  const room = createRoom(header)
  const from = '10.0.0.1'
  const commands: [number, Command][] = [
    [1, { t: 'seat', name: 'Grace', role: 'teacher', from }],
    [2, { t: 'seat', name: 'Ada', role: 'student', from }],
    [3, { t: 'seat', name: 'Ben', role: 'student', from }],
  ]
  const apply = ([seat, c]: [number, Command]) =>
    applyEntry(room, { seq: room.seq + 1, at: 0, seat, c })
  commands.forEach(apply)
  expect(maskNames(room, 2)).toBe(room)
  apply([1, { t: 'room', set: { namesHidden: true } }])
  const before = hashRoom(room)
  expect(maskNames(room, 1)).toBe(room)
  const names = (viewer: number) => [...maskNames(room, viewer).seats.values()].map((s) => s.name)
  expect(names(2)).toEqual(['#1', 'Ada', '#3'])
  expect(names(0)).toEqual(['#1', '#2', '#3'])
  const { users, syslog } = maskNames(room, 0).machine
  expect(users.get(1002)).toBe('user2')
  expect(syslog.map(({ text }) => text).join('\n')).not.toMatch(/\b(ada|ben)\b/)
  expect(syslog.map(({ text }) => text).join('\n')).toMatch(/for user3 from/)
  expect(hashRoom(room)).toBe(before)
})
