import { describe, expect, it } from 'vitest'
import { DEFAULT_OPTIONS } from '@shared/room/options.ts'
import type { MachineOptions } from '@shared/state/machine.ts'
import type { Command } from '@shared/room/entry.ts'
import { applyEntry, createRoom } from '@shared/room/room.ts'
import { Chronicle } from '../../../client/feed/chronicle.ts'
import type { StoryStep } from '../../../client/feed/protocol.ts'

const MIB = 2 ** 20

/** A room with one person whose statements are followed. */
class Lesson {
  room
  chronicle = new Chronicle()

  constructor({ seat = 1, ...options }: { seat?: number | null } & Partial<MachineOptions> = {}) {
    this.room = createRoom({
      format: 1,
      engine: 'test',
      code: '123456',
      created: 0,
      options: { ...DEFAULT_OPTIONS, ...options },
    })
    this.chronicle.follow(seat)
    this.say(1, { t: 'seat', name: 'Ada', role: 'student', from: '10.0.0.1' })
  }

  get story() {
    return this.chronicle.heap
  }

  say(seat: number, c: Command): void {
    const entry = { seq: this.room.seq + 1, at: this.room.seq * 50, seat, c }
    applyEntry(this.room, entry)
    this.chronicle.observe(this.room, entry)
  }

  /** The story of the line, with what did not happen. */
  whole(line: string, { task = '1.2', ticks = 8 } = {}): StoryStep[] {
    this.say(1, { t: 'ic', task, line })
    for (let i = 0; i < ticks; i++) this.say(0, { t: 'tick', fuel: 500_000 })
    return this.story.told(this.room, task, 0)?.steps ?? []
  }

  /** Only what happened to chunks. */
  type(line: string): StoryStep[] {
    const kinds = ['taken', 'table', 'resized', 'freed', 'mapped', 'unmapped', 'damaged']
    return this.whole(line).filter(({ kind }) => kinds.includes(kind))
  }

  pages(line: string): StoryStep[] {
    return this.whole(line).filter(({ kind }) => kind === 'pages')
  }

  mappings(line: string): StoryStep[] {
    return this.whole(line).filter(({ kind }) => kind === 'mapping')
  }
}

const nothing = (layer: string, why: string) => ({ kind: 'nothing', layer, why })

describe('a statement’s story', () => {
  it('goes from the chunk by the break and the mapping to the frames', () => {
    const lesson = new Lesson()
    const steps = lesson.whole('p = malloc(2000)')
    expect(steps).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'table', user: 0x1000010 }),
        expect.objectContaining({ kind: 'taken', user: 0x10002a0, size: 2016, from: 'new' }),
        { kind: 'brk', from: 0x1000000, to: 0x1021000 },
        expect.objectContaining({ kind: 'mapping', what: 'new', name: '[heap]', bytes: 0x21000 }),
        expect.objectContaining({ kind: 'pages', what: 'touched', name: '[heap]', count: 1 }),
        expect.objectContaining({ kind: 'tables' }),
      ]),
    )
    expect([...lesson.story.marked(lesson.room, '1.2')]).toContain(0x1000290)
  })

  it('knows where a block came from and where it went, by the pointer that the program has', () => {
    const lesson = new Lesson()
    lesson.type('p = malloc(24); q = malloc(3000); r = malloc(24)')
    expect(lesson.type('free(p)')).toMatchObject([
      { kind: 'freed', user: 0x10002a0, to: 'tcache', merged: 0 },
    ])
    expect(lesson.type('p = malloc(24)')).toMatchObject([
      { kind: 'taken', user: 0x10002a0, from: 'tcache', split: false },
    ])
    expect(lesson.type('free(q)')).toMatchObject([{ kind: 'freed', to: 'unsorted' }])
    expect(lesson.type('s = malloc(1000)')).toMatchObject([
      { kind: 'taken', from: 'unsorted', split: true },
    ])
    expect(lesson.type('m = malloc(300000)')).toMatchObject([{ kind: 'mapped', size: 0x4a000 }])
    expect(lesson.type('free(m)')).toMatchObject([{ kind: 'unmapped', size: 0x4a000 }])
  })

  it('tells which bytes of which block are others than before', () => {
    const lesson = new Lesson()
    const p = 0x10002a0
    lesson.type('char *p = malloc(100); char *m = malloc(300000)')
    expect(lesson.whole('memset(p + 3, 7, 50)')).toContainEqual({
      kind: 'written',
      user: p,
      first: 3,
      last: 52,
      count: 50,
      cleared: false,
    })
    expect([...lesson.story.marked(lesson.room, '1.2')]).toEqual([p - 16])
    // The same bytes once more: nothing is different.
    expect(lesson.whole('memset(p + 3, 7, 50)')).toEqual([
      nothing('malloc', 'plain'),
      nothing('kernel', 'plain'),
      nothing('frames', 'plain'),
    ])
    // The last word belongs to the block, though it lies in the next chunk's header.
    expect(lesson.whole('p[103] = 1')).toContainEqual(
      expect.objectContaining({ kind: 'written', user: p, first: 103, last: 103, count: 1 }),
    )
    expect(lesson.whole('memset(m, 1, 300000)')).toContainEqual(
      expect.objectContaining({ kind: 'written', first: 0, last: 299_999, count: 300_000 }),
    )
  })

  it('tells calloc, which clears what others have left, from one who writes', () => {
    const lesson = new Lesson()
    lesson.whole('char *p = malloc(3000); memset(p, 1, 3000); q = malloc(24); free(p)')
    const steps = lesson.whole('calloc(1, 2000)')
    expect(steps).toContainEqual(
      expect.objectContaining({ kind: 'written', first: 0, last: 2007, cleared: true }),
    )
  })

  it('does not take malloc’s own bookkeeping for the user’s bytes', () => {
    const lesson = new Lesson()
    lesson.type('p = malloc(24); q = malloc(24); free(p); free(q)')
    const kinds = (line: string) => lesson.whole(line).map(({ kind }) => kind)
    expect(kinds('p = malloc(24)')).toEqual(['taken', 'nothing', 'nothing'])
    expect(kinds('free(p)')).toEqual(['freed', 'nothing', 'nothing'])
  })

  it('says what did not happen, and why', () => {
    const lesson = new Lesson()
    lesson.whole('p = malloc(24); q = malloc(24)')
    expect(lesson.whole('r = malloc(24)')).toMatchObject([
      { kind: 'taken' },
      nothing('kernel', 'enough'),
      nothing('frames', 'plain'),
    ])
    expect(lesson.whole('free(p)')).toMatchObject([
      { kind: 'freed' },
      nothing('kernel', 'kept'),
      nothing('frames', 'kept'),
    ])
    expect(lesson.whole('sbrk(4096)').slice(2)).toEqual([
      nothing('malloc', 'plain'),
      nothing('frames', 'promise'),
    ])
  })

  it('counts the frames that come with a memset, and those that fork makes a write copy', () => {
    const lesson = new Lesson()
    lesson.whole('p = malloc(40960)')
    const touched = lesson.whole('memset(p, 1, 40960)')
    const pages = touched.filter(({ kind }) => kind === 'pages')
    expect(pages).toMatchObject([{ kind: 'pages', what: 'touched', name: '[heap]', count: 9 }])
    expect(pages[0]).toHaveProperty('frames.length', 4)
    const resident = touched.find((step) => step.kind === 'resident')!
    expect(resident.to - resident.from).toBe(9)
    expect(lesson.whole('f = fork()')).toContainEqual(
      expect.objectContaining({ kind: 'pages', what: 'shared', name: '[heap]', count: 11 }),
    )
    expect(lesson.pages('memset(p, 2, 8192)')).toContainEqual(
      expect.objectContaining({ what: 'copied', name: '[heap]', count: 3 }),
    )
    lesson.whole('kill(f, 9)')
    lesson.whole('wait(0)')
    expect(lesson.pages('memset(p + 16384, 2, 8192)')).toMatchObject([
      { what: 'kept', name: '[heap]', count: 3 },
    ])
  })

  it('tells a page that was only read from one that has a frame', () => {
    const lesson = new Lesson()
    lesson.whole('char *p = malloc(300000)')
    const { zeroPfn } = lesson.room.machine
    const read = lesson.whole('p[100000] + p[200000]')
    expect(read).toMatchObject([
      { kind: 'pages', what: 'zero', count: 2, frames: [zeroPfn] },
      nothing('malloc', 'plain'),
      nothing('kernel', 'plain'),
    ])
    expect(lesson.pages('p[100000] = 1')).toMatchObject([{ what: 'filled', count: 1 }])
  })

  it('tells that frames go back: with free, with munmap, with malloc_trim', () => {
    const lesson = new Lesson()
    lesson.whole('char *p = malloc(300000); memset(p, 1, 300000)')
    expect(lesson.whole('free(p)')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'unmapped', user: 0x7ffff7d93010 }),
        expect.objectContaining({ kind: 'pages', what: 'returned', count: 74, frames: [] }),
      ]),
    )
    lesson.whole('char *q = malloc(100000); memset(q, 1, 100000)')
    const trimmed = lesson.whole('free(q); malloc_trim(0)')
    expect(trimmed).toContainEqual(
      expect.objectContaining({ kind: 'pages', what: 'returned', name: '[heap]', count: 24 }),
    )
    const resident = trimmed.find((step) => step.kind === 'resident')!
    expect(resident.from - resident.to).toBe(24)
  })

  it('knows a frame again that realloc takes to another address', () => {
    const lesson = new Lesson()
    lesson.whole('char *p = malloc(200000), *q = malloc(200000); memset(p, 1, 200000)')
    const moved = lesson.pages('p = realloc(p, 400000)')
    expect(moved).toMatchObject([{ what: 'moved', count: 49 }])
    expect(lesson.type('p = realloc(p, 300000)')).toMatchObject([
      { kind: 'resized', from: 401_408, size: 303_104 },
    ])
  })

  it('counts what is cut out of a mapping once, and tells other permissions', () => {
    const lesson = new Lesson()
    const made = 'char *m = mmap(0, 40960, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)'
    expect(lesson.mappings(made)).toMatchObject([{ what: 'grown', bytes: 40_960 }])
    expect(lesson.mappings('munmap(m + 8192, 4096)')).toMatchObject([
      { what: 'split', bytes: 4096 },
    ])
    expect(lesson.mappings('munmap(m, 8192)')).toMatchObject([{ what: 'gone', bytes: 8192 }])
    expect(lesson.mappings('mprotect(m + 16384, 4096, PROT_READ)')).toMatchObject([
      { what: 'protected', bytes: 4096, permissions: 'r--p' },
    ])
    expect(lesson.mappings('munmap(m + 12288, 4096)')).toMatchObject([
      { what: 'gone', bytes: 4096 },
    ])
  })

  it('does not call free what lies behind a size field that was overwritten', () => {
    const lesson = new Lesson()
    lesson.whole('char *p = malloc(24); char *q = malloc(24); char *r = malloc(24)')
    expect(lesson.type('memset(p, 65, 40)')).toEqual([{ kind: 'damaged', at: 0x10002b0 }])
  })

  it('brings pages back from swap', () => {
    const lesson = new Lesson({ ram: 16 * MIB, swap: 32 * MIB })
    lesson.whole('char *p = malloc(16000000)')
    expect(lesson.whole('memset(p, 1, 16000000)', { ticks: 200 })).toContainEqual(
      expect.objectContaining({ kind: 'resident' }),
    )
    const { room } = lesson
    const inSwap = room.machine.handles.get('1.2')!.mm!.swapEnts
    expect(inSwap).toBeGreaterThan(100)
    const back = lesson.whole('for (int i = 0; i < 16000000; i += 4096) p[i] = 2', { ticks: 2000 })
    expect(back.map((step) => (step.kind === 'pages' ? step.what : ''))).toContain('swappedIn')
    const freed = lesson.whole('free(p)')
    expect(freed.map((step) => (step.kind === 'pages' ? step.what : ''))).toEqual(
      expect.arrayContaining(['returned', 'slots']),
    )
  })

  it('tells how a process ended: by itself, by a signal, for want of memory', () => {
    const lesson = new Lesson({ ram: 16 * MIB, overcommit: 1 })
    expect(lesson.whole('exit(3)')).toMatchObject([{ kind: 'ended', by: 'exit', status: 3 }])
    const next = () => lesson.room.seats.get(1)!.prompts.at(-1)!
    lesson.say(1, { t: 'prompt' })
    lesson.whole('p = malloc(24)', { task: next() })
    expect(lesson.whole('*(int *)0 = 1', { task: next() }).at(-1)).toMatchObject({
      kind: 'ended',
      by: 'signal',
      status: 11,
    })
    lesson.say(1, { t: 'prompt' })
    const victim = next()
    lesson.whole('p = malloc(30000000)', { task: victim })
    const [end] = lesson.whole('memset(p, 1, 30000000)', { task: victim, ticks: 200 })
    expect(end).toMatchObject({ kind: 'ended', by: 'oom', status: 9 })
    expect(end).toHaveProperty('frames')
    expect((end as { frames: number }).frames).toBeGreaterThan(1000)
    // Whoever is at the prompt now sees how it came.
    lesson.say(1, { t: 'prompt' })
    expect(next()).not.toBe(victim)
    const told = lesson.story.told(lesson.room, next(), 0)!
    expect(told).toMatchObject({ statement: 'memset(p, 1, 30000000)', done: true })
    expect(told.earlier).toBeGreaterThan(2)
  })

  it('knows that exec takes the heap away with the address space', () => {
    const lesson = new Lesson()
    lesson.whole('p = malloc(5000)')
    const steps = lesson.whole('execl("/usr/bin/ic", "ic", 0)')
    expect(steps[0]).toEqual({ kind: 'replaced' })
  })

  it('is told at an earlier moment as it was known then', () => {
    const lesson = new Lesson()
    lesson.whole('p = malloc(24)')
    const { seq } = lesson.room
    lesson.whole('exit(0)')
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
    const lesson = new Lesson({ seat: 2 })
    lesson.whole('p = malloc(24)')
    expect(lesson.story.told(lesson.room, '1.2', 0)).toBe(null)
  })
})
