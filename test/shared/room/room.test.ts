import { describe, expect, it } from 'vitest'
import { giveLesson, header } from './lesson.ts'
import { fromKeyframe, takeKeyframe } from '../../../shared/room/keyframe.ts'
import {
  applyEntry,
  createRoom,
  hashRoom,
  loadRoom,
  saveRoom,
  TERMINAL_KEEP,
  type Room,
} from '../../../shared/room/room.ts'
import type { Command, Entry } from '../../../shared/room/entry.ts'

function roomWith(...commands: [seat: number, command: Command][]): Room {
  const room = createRoom(header)
  for (const [seat, c] of commands) applyEntry(room, { seq: room.seq + 1, at: 0, seat, c })
  return room
}

const sit = (name: string, role: 'student' | 'teacher' = 'student'): Command => ({
  t: 'seat',
  name,
  role,
  from: '10.0.0.1',
})

describe('a room', () => {
  it('gives seats in order, with a user, a shell and a prompt', () => {
    const room = roomWith([1, sit('Frau Müller', 'teacher')], [2, sit('Anna')], [3, sit('ANNA!')])
    expect([...room.seats.values()]).toMatchObject([
      { no: 1, role: 'teacher', uid: 0, user: 'root', shell: '1.1', prompts: ['1.2'] },
      { no: 2, role: 'student', uid: 1002, user: 'anna', shell: '2.1', prompts: ['2.2'] },
      { no: 3, uid: 1003, user: 'anna2' },
    ])
    const { machine } = room
    for (const { shell, prompts, stream, user, uid } of room.seats.values()) {
      expect(machine.handles.get(shell)).toMatchObject({ comm: 'bash', uid })
      expect(machine.handles.get(prompts[0])).toMatchObject({ comm: 'ic', uid })
      expect(machine.streams.get(stream)).toBeDefined()
      expect(machine.users.get(uid)).toBe(user)
    }
  })

  it('knows the new shell and prompt of a seat whose processes were killed', () => {
    const kill = (task: string): Command => ({ t: 'kill', task, sig: 9 })
    const room = roomWith(
      [1, sit('Root', 'teacher')],
      [2, sit('Anna')],
      [1, kill('2.2')],
      [1, kill('2.1')],
      [2, { t: 'prompt' }],
    )
    const anna = room.seats.get(2)!
    expect(anna.shell).not.toBe('2.1')
    expect(room.machine.handles.get(anna.shell)?.comm).toBe('bash')
    expect(anna.prompts).toHaveLength(1)
    expect(room.machine.handles.get(anna.prompts[0])?.comm).toBe('ic')
  })

  it('after a reboot knows everybody’s new shell, prompt and terminal, however it came', () => {
    const panicked: Command = { t: 'write', path: '/proc/sysrq-trigger', text: 'c', append: false }
    const soon: Command = { ...panicked, path: '/proc/sys/kernel/panic', text: '1' }
    const ticks = Array<[number, Command]>(20).fill([0, { t: 'tick', fuel: 1000 }])
    const ways: [number, Command][][] = [
      [[1, { t: 'reboot' }]],
      [[1, { ...panicked, text: 'b' }]],
      [
        [1, panicked],
        [1, { t: 'reboot' }],
      ],
      [[1, soon], [1, panicked], ...ticks],
    ]
    for (const way of ways) {
      const before = takeKeyframe(roomWith([1, sit('Root', 'teacher')], [2, sit('Anna')]), null)
      const room = fromKeyframe(before)
      for (const [seat, c] of way) applyEntry(room, { seq: room.seq + 1, at: 0, seat, c })
      expect(room.machine.boots).toBe(2)
      for (const { no, shell, prompts, stream } of room.seats.values()) {
        expect([shell, ...prompts]).toEqual([`${no}.3`, `${no}.4`])
        expect(room.machine.handles.get(shell)?.comm).toBe('bash')
        expect(room.machine.handles.get(prompts[0])?.comm).toBe('ic')
        expect(room.machine.streams.get(stream)).toMatchObject({ seat: no, terminal: true })
      }
      expect(hashRoom(loadRoom(saveRoom(room)))).toBe(hashRoom(room))
      expect(fromKeyframe(before).machine.boots).toBe(1)
    }
  })

  it('keeps the end of each terminal', () => {
    const room = roomWith(
      [1, sit('Anna')],
      [1, { t: 'note', line: 'ls', out: 'a b\n' }],
      [1, { t: 'note', out: 'c\n' }],
    )
    expect(room.terminals.get(1)).toBe('ls\na b\nc\n')
    applyEntry(room, { seq: 4, at: 0, seat: 1, c: { t: 'note', out: 'x'.repeat(16_380) } })
    applyEntry(room, { seq: 5, at: 0, seat: 1, c: { t: 'note', out: 'the end' } })
    expect(room.terminals.get(1)).toHaveLength(TERMINAL_KEEP)
    expect(room.terminals.get(1)!.endsWith('xthe end')).toBe(true)
  })

  it('says when its hash is not the recorded one', () => {
    const room = roomWith([1, sit('Anna')])
    const hash = hashRoom(room)
    expect(applyEntry(room, { seq: 2, at: 0, seat: 0, c: { t: 'hash', hash } })).toEqual({})
    const mismatch = hashRoom(room)
    expect(applyEntry(room, { seq: 3, at: 0, seat: 0, c: { t: 'hash', hash } })).toEqual({
      mismatch,
    })
  })

  it('takes no entry out of turn, and a void changes nothing but the number', () => {
    const room = roomWith([1, sit('Anna')])
    const skip: Entry = { seq: 3, at: 0, seat: 0, c: { t: 'void' } }
    expect(() => applyEntry(room, skip)).toThrow(/without gaps/)
    const { machine } = roomWith([1, sit('Anna')], [1, { t: 'void' }])
    expect(machine.entries).toBe(room.machine.entries)
  })
})

describe('a random lesson', () => {
  it.each([1, 2])(
    'of seed %i is the same machine after save and load, and after a keyframe, at any entry',
    (seed) => {
      let other = createRoom(header)
      let moves = 0
      const { room, entries } = giveLesson(seed, 60, (entry) => {
        applyEntry(other, entry)
        if (entry.seq % 12 !== 0) return
        other =
          entry.seq % 2 === 0 ? loadRoom(saveRoom(other)) : fromKeyframe(takeKeyframe(other, null))
        moves++
      })
      expect(hashRoom(other)).toBe(hashRoom(room))
      expect(moves).toBeGreaterThan(6)
      expect(new Set(entries.map(({ c }) => c.t)).size).toBeGreaterThan(7)
      expect(room.machine.vmstat.pgfault).toBeGreaterThan(1000)
    },
  )
})
