import { describe, expect, it } from 'vitest'
import { DEFAULT_OPTIONS } from '@shared/room/options.ts'
import type { Command } from '@shared/room/entry.ts'
import { applyEntry, createRoom } from '@shared/room/room.ts'
import { HeapStory } from '../../../client/feed/heapStory.ts'

/** A room with one person whose statements are followed. */
class Lesson {
  room = createRoom({
    format: 1,
    engine: 'test',
    code: '123456',
    created: 0,
    options: DEFAULT_OPTIONS,
  })
  story = new HeapStory()

  constructor(seat: number | null = 1) {
    this.story.follow(seat)
    this.say(1, { t: 'seat', name: 'Ada', role: 'student', from: '10.0.0.1' })
  }

  say(seat: number, c: Command): void {
    const entry = { seq: this.room.seq + 1, at: this.room.seq * 50, seat, c }
    applyEntry(this.room, entry)
    this.story.observe(this.room, entry)
  }

  type(line: string) {
    this.say(1, { t: 'ic', task: '1.2', line })
    for (let i = 0; i < 8; i++) this.say(0, { t: 'tick', fuel: 500_000 })
    return this.story.told(this.room, '1.2', 0)?.steps ?? []
  }
}

describe('a statement’s story', () => {
  it('goes from the chunk by the break and the mapping to the frames', () => {
    const lesson = new Lesson()
    const steps = lesson.type('p = malloc(2000)')
    expect(steps).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'table', chunk: 0x1000000 }),
        expect.objectContaining({ kind: 'taken', user: 0x10002a0, size: 2016, from: 'new' }),
        { kind: 'brk', from: 0x1000000, to: 0x1021000 },
        expect.objectContaining({ kind: 'mapping', what: 'new', name: '[heap]', bytes: 0x21000 }),
        expect.objectContaining({ kind: 'pages', what: 'touched', name: '[heap]', count: 1 }),
        expect.objectContaining({ kind: 'tables' }),
      ]),
    )
    expect([...lesson.story.marked(lesson.room, '1.2')]).toContain(0x1000290)
  })

  it('knows where a block came from and where it went', () => {
    const lesson = new Lesson()
    lesson.type('p = malloc(24); q = malloc(3000); r = malloc(24)')
    expect(lesson.type('free(p)')).toMatchObject([{ kind: 'freed', to: 'tcache', merged: 0 }])
    expect(lesson.type('p = malloc(24)')).toMatchObject([
      { kind: 'taken', from: 'tcache', split: false },
    ])
    expect(lesson.type('free(q)')).toMatchObject([{ kind: 'freed', to: 'unsorted' }])
    expect(lesson.type('s = malloc(1000)')).toMatchObject([
      { kind: 'taken', from: 'unsorted', split: true },
    ])
    expect(lesson.type('m = malloc(300000)')[0]).toMatchObject({ kind: 'mapped', size: 0x4a000 })
    expect(lesson.type('free(m)')[0]).toMatchObject({ kind: 'unmapped', size: 0x4a000 })
  })

  it('counts the frames that come with a memset, and those that fork makes a write copy', () => {
    const lesson = new Lesson()
    lesson.type('p = malloc(40960)')
    const touched = lesson.type('memset(p, 1, 40960)')
    expect(touched).toMatchObject([{ kind: 'pages', what: 'touched', name: '[heap]', count: 9 }])
    expect(touched[0]).toHaveProperty('frames.length', 4)
    lesson.type('f = fork()')
    expect(lesson.type('memset(p, 2, 8192)')).toContainEqual(
      expect.objectContaining({ kind: 'pages', what: 'copied', name: '[heap]' }),
    )
  })

  it('is told at an earlier moment as it was known then, and of the dead', () => {
    const lesson = new Lesson()
    lesson.type('p = malloc(24)')
    const { seq } = lesson.room
    lesson.type('exit(0)')
    expect(lesson.story.told(lesson.room, '1.2', 0)!.steps).toEqual([{ kind: 'ended' }])
    expect(lesson.story.told(lesson.room, '1.2', 1)!.statement).toBe('p = malloc(24)')
    const then = { ...lesson.room, seq }
    expect(lesson.story.told(then, '1.2', 0)).toMatchObject({
      statement: 'p = malloc(24)',
      done: true,
    })
    expect(lesson.story.told({ ...then, seq: seq - 8 }, '1.2', 0)).toMatchObject({
      done: false,
      steps: [],
    })
  })

  it('is nobody’s for one who follows another seat', () => {
    const lesson = new Lesson(2)
    lesson.type('p = malloc(24)')
    expect(lesson.story.told(lesson.room, '1.2', 0)).toBe(null)
  })
})
