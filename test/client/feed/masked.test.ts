import { describe, expect, it } from 'vitest'
import { Chronicle } from '../../../client/feed/chronicle.ts'
import {
  maskDeath,
  maskMarkers,
  maskNames,
  viewerIn,
  viewerOf,
} from '../../../client/feed/masked.ts'
import type { Command, Entry } from '../../../shared/room/entry.ts'
import { LOG_FORMAT } from '../../../shared/room/log.ts'
import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import { openPlayer, scan } from '../../../shared/room/player.ts'
import { applyEntry, createRoom, hashRoom } from '../../../shared/room/room.ts'
import { SIGKILL } from '../../../shared/state/task.ts'

const options = { ...DEFAULT_OPTIONS, ram: 16 * 2 ** 20 }
const header = { format: LOG_FORMAT, engine: 'e', code: '123456', created: 0, options }
const from = '10.0.0.1'
const joining: [number, Command][] = [
  [1, { t: 'seat', name: 'Grace', role: 'teacher', from }],
  [2, { t: 'seat', name: 'Ada', role: 'student', from }],
  [3, { t: 'seat', name: 'Ben', role: 'student', from }],
]
const hiding: [number, Command] = [1, { t: 'room', set: { namesHidden: true } }]

function mkLesson() {
  const room = createRoom(header)
  const chronicle = new Chronicle()
  const entries: Entry[] = []
  const apply = ([seat, c]: [number, Command]) => {
    const entry = { seq: room.seq + 1, at: 0, seat, c }
    entries.push(entry)
    applyEntry(room, entry)
    return chronicle.observe(room, entry)
  }
  joining.forEach(apply)
  return { room, chronicle, entries, apply }
}

it('hidden names are seats to all but the teacher and oneself; the room stays as it is', () => {
  const { room, apply } = mkLesson()
  const shownTo = (seat: number) => maskNames(room, viewerIn(room, seat))
  expect(shownTo(2)).toBe(room)
  apply(hiding)
  const before = hashRoom(room)
  expect(shownTo(1)).toBe(room)
  const names = (seat: number) => [...shownTo(seat).seats.values()].map(({ name }) => name)
  expect(names(2)).toEqual(['#1', 'Ada', '#3'])
  expect(names(0)).toEqual(['#1', '#2', '#3'])
  const { users, syslog } = shownTo(0).machine
  expect(users.get(1002)).toBe('user2')
  expect(syslog.map(({ text }) => text).join('\n')).not.toMatch(/\b(ada|ben)\b/)
  expect(syslog.map(({ text }) => text).join('\n')).toMatch(/for user3 from/)
  expect(hashRoom(room)).toBe(before)
})

it('who ended a process is a seat as well, in what is told at once and in what stays at the prompt', () => {
  const { room, chronicle, apply } = mkLesson()
  apply(hiding)
  const kill: Command = { t: 'kill', task: room.seats.get(2)!.prompts[0], sig: SIGKILL }
  const deaths = [...apply([1, kill]), ...apply([0, { t: 'tick', fuel: 50_000 }])]
  expect(deaths).toHaveLength(1)
  const told = (seat: number) => maskDeath(deaths[0], viewerIn(room, seat))
  expect(told(1)).toMatchObject({ name: 'Ada', byName: 'Grace' })
  expect(told(2)).toMatchObject({ name: 'Ada', byName: '#1' })
  expect(told(3)).toMatchObject({ name: '#2', byName: '#1' })
  const transcript = chronicle.transcript(room, 2, 'en', viewerIn(room, 2))
  expect(JSON.stringify(transcript)).not.toContain('Grace')
})

describe('in a recording', () => {
  const { entries, apply } = mkLesson()
  apply(hiding)
  const viewer = (name: string, teacher = false) =>
    viewerOf(entries, { code: '123456', name, teacher })

  it('the last word of the teacher holds from the beginning', () => {
    const early = createRoom(header)
    for (const entry of entries.slice(0, 3)) applyEntry(early, entry)
    const names = [...maskNames(early, viewer('Ben')).seats.values()].map(({ name }) => name)
    expect(names).toEqual(['#1', '#2', 'Ben'])
    expect(viewerOf(entries, null)).toEqual({ seat: 0, hidden: true })
    expect(viewer('Grace', true).hidden).toBe(false)
    const shown: Entry = { ...entries[3], c: { t: 'room', set: { namesHidden: false } } }
    expect(viewerOf([...entries, shown], null).hidden).toBe(false)
  })

  it('markers name nobody', () => {
    const player = openPlayer(header, entries)
    scan(player, entries.length)
    const joined = (name: string, teacher = false) =>
      maskMarkers(player.markers, viewer(name, teacher)).map(({ what }) => what)
    expect(joined('Ada')).toEqual(['#1', 'Ada', '#3'])
    expect(joined('Grace', true)).toEqual(['Grace', 'Ada', 'Ben'])
  })
})
