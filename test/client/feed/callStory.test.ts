import { LOG_FORMAT } from '@shared/room/log.ts'
import { describe, expect, it } from 'vitest'
import { DEFAULT_OPTIONS } from '@shared/room/options.ts'
import type { Command } from '@shared/room/entry.ts'
import { applyEntry, createRoom, hashRoom, type Room } from '@shared/room/room.ts'
import { CallStory } from '../../../client/feed/callStory.ts'

/** A room with two people, watched from a seat (null: from all). */
class Lesson {
  room: Room = createRoom({
    format: LOG_FORMAT,
    engine: 'test',
    code: '123456',
    created: 0,
    options: DEFAULT_OPTIONS,
  })
  story = new CallStory()

  constructor(seat: number | null) {
    this.story.follow(seat)
    this.story.begin(this.room)
    this.say(1, { t: 'seat', name: 'Ada', role: 'teacher', from: '10.0.0.1' })
    this.say(2, { t: 'seat', name: 'Linus', role: 'student', from: '10.0.0.2' })
  }

  say(seat: number, c: Command): void {
    const entry = { seq: this.room.seq + 1, at: this.room.seq * 50, seat, c }
    applyEntry(this.room, entry)
    this.story.observe(this.room, entry)
  }

  ticks(count: number, fuel = 500_000): void {
    for (let i = 0; i < count; i++) this.say(0, { t: 'tick', fuel })
  }

  type(seat: number, line: string): void {
    this.say(seat, { t: 'ic', task: `${seat}.2`, line })
    this.ticks(8)
  }

  rows(seat: number, last = 100) {
    return this.story.told(this.room, seat, last)
  }

  texts(seat: number) {
    return this.rows(seat).map(({ text }) => text.replace(/ +=/, ' ='))
  }
}

describe('the system calls of a seat', () => {
  it('are told as strace tells them, each with its statement', () => {
    const lesson = new Lesson(2)
    lesson.type(2, 'p = malloc(100)')
    lesson.type(2, 'munmap((void *) 1, 4096)')
    const rows = lesson.rows(2).slice(-3)
    expect(rows.map(({ statement, kind }) => [statement, kind])).toEqual([
      ['p = malloc(100)', 'call'],
      ['p = malloc(100)', 'call'],
      ['munmap((void *) 1, 4096)', 'failed'],
    ])
    expect(lesson.texts(2).slice(-2)).toEqual([
      'brk(0x1021000) = 0x1021000',
      'munmap(0x1, 4096) = -1 EINVAL (Invalid argument)',
    ])
    expect(rows.every(({ comm, done }) => comm === 'ic' && done)).toBe(true)
  })

  it('are the seat’s own, its children’s and those of programs it starts', () => {
    const lesson = new Lesson(2)
    lesson.type(1, 'getpid()')
    lesson.type(2, 'if (fork() == 0) { getppid(); exit(3); }')
    const path = '/usr/bin/sleep'
    lesson.say(2, { t: 'spawn', path, argv: ['sleep', '0.1'], env: [], stdout: 'tty' })
    lesson.ticks(4)
    const texts = lesson.texts(2)
    expect(texts.join('\n')).toMatch(
      /getppid\(\) = \d+\nexit_group\(3\) = \?\n\+\+\+ exited with 3 \+\+\+/,
    )
    expect(texts.join('\n')).toMatch(/execve\("\/usr\/bin\/sleep", \["sleep", "0\.1"\], .*\) = 0/)
    expect(texts.at(-1)).toBe('+++ exited with 0 +++')
    expect(lesson.rows(2).at(-1)).toMatchObject({ comm: 'sleep', statement: '', kind: 'note' })
    const child = lesson.rows(2).find(({ text }) => text.startsWith('getppid'))!
    expect(child.statement).toBe('if (fork() == 0) { getppid(); exit(3); }')
    expect(lesson.rows(1)).toEqual([])
  })

  it('are everyone’s in a recording', () => {
    const lesson = new Lesson(null)
    lesson.type(1, 'getpid()')
    lesson.type(2, 'getuid()')
    expect(lesson.texts(1).at(-1)).toMatch(/^getpid\(\) = \d+$/)
    expect(lesson.texts(2).slice(1)).toEqual(['getuid() = 1002'])
  })

  it('are nobody’s for one without a seat', () => {
    const lesson = new Lesson(0)
    lesson.type(2, 'getpid()')
    expect(lesson.rows(2)).toEqual([])
    expect(lesson.room.machine.trace.ring).toBe(null)
  })

  it('show at an earlier moment what was known then', () => {
    const lesson = new Lesson(2)
    lesson.say(2, { t: 'ic', task: '2.2', line: 'sleep(1)' })
    lesson.ticks(1)
    const { seq } = lesson.room
    expect(lesson.rows(2, 1)).toMatchObject([{ done: false, kind: 'call' }])
    expect(lesson.texts(2).at(-1)).toMatch(
      /^clock_nanosleep\(CLOCK_REALTIME, 0, \{tv_sec=1, tv_nsec=0\}, $/,
    )
    lesson.ticks(25)
    expect(lesson.texts(2).at(-1)).toMatch(/\) = 0$/)
    const then = { ...lesson.room, seq }
    expect(lesson.story.told(then, 2, 1)).toMatchObject([{ done: false }])
    expect(lesson.story.told({ ...then, seq: 1 }, 2, 9)).toEqual([])
  })

  it('leave out what is too much, say so, and go on', () => {
    const lesson = new Lesson(2)
    lesson.say(2, { t: 'ic', task: '2.2', line: 'for (i = 0; i < 3000; i++) getpid()' })
    lesson.ticks(3, 20_000_000)
    const kinds = lesson.rows(2, 5000).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'lost')).toHaveLength(1)
    expect(kinds.length).toBeLessThan(1100)
    lesson.type(2, 'getuid()')
    expect(lesson.texts(2).at(-1)).toBe('getuid() = 1002')
  })

  it('change nothing of the room', () => {
    const [watched, unwatched] = [new Lesson(2), new Lesson(0)]
    for (const lesson of [watched, unwatched]) {
      lesson.type(2, 'p = malloc(100000); memset(p, 1, 100000); if (fork() == 0) exit(1); wait(0)')
      lesson.type(2, 'printf("%d\\n", *(int *) 0)')
    }
    expect(watched.rows(2).length).toBeGreaterThan(5)
    expect(hashRoom(watched.room)).toBe(hashRoom(unwatched.room))
  })
})
