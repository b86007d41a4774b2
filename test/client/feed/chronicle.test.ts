import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { LOG_FORMAT } from '@shared/room/log.ts'
import { describe, expect, it } from 'vitest'
import { DEFAULT_OPTIONS } from '@shared/room/options.ts'
import { applyEntry, createRoom, loadRoom, saveRoom, type Room } from '@shared/room/room.ts'
import type { Command } from '@shared/room/entry.ts'
import { KERNEL_ERAS, type MachineOptions } from '@shared/state/machine.ts'
import { SIGKILL, SIGSEGV } from '@shared/state/task.ts'
import { mkFrameMap, scanFrames } from '@shared/proc/frames.ts'
import { answer } from '../../../client/feed/answers.ts'
import { Chronicle } from '../../../client/feed/chronicle.ts'
import { viewerIn } from '../../../client/feed/masked.ts'
import { HeapLook } from '../../../client/feed/heapLook.ts'
import { History } from '../../../client/feed/history.ts'
import type {
  CallForm,
  Death,
  OomAnswer,
  OomDetails,
  Overview,
  Pressure,
  ProcessRow,
  SeatRow,
} from '../../../client/feed/protocol.ts'

/** A room with a teacher (seat 1) and a student (seat 2), told entry by entry. */
class Lesson {
  room: Room
  chronicle = new Chronicle()
  history = new History()
  deaths: Death[] = []

  constructor(options: Partial<MachineOptions> = {}) {
    this.room = createRoom({
      format: LOG_FORMAT,
      engine: 'test',
      code: '123456',
      created: 0,
      options: { ...DEFAULT_OPTIONS, ...options },
    })
    this.chronicle.begin(this.room)
    this.say(1, { t: 'seat', name: 'Ada', role: 'teacher', from: '10.0.0.1' })
    this.say(2, { t: 'seat', name: 'Linus', role: 'student', from: '10.0.0.2' })
  }

  say(seat: number, c: Command): void {
    const entry = { seq: this.room.seq + 1, at: this.room.seq * 50, seat, c }
    applyEntry(this.room, entry)
    this.deaths.push(...this.chronicle.observe(this.room, entry))
    this.history.observe(this.room.machine)
  }

  ticks(count: number): void {
    for (let i = 0; i < count; i++) this.say(0, { t: 'tick', fuel: 500_000 })
  }

  type(seat: number, line: string): void {
    this.say(seat, { t: 'ic', task: `${seat}.2`, line })
    this.ticks(8)
  }

  transcript(seat: number, language: 'en' | 'de' = 'en') {
    return this.chronicle.transcript(this.room, seat, language, viewerIn(this.room, seat))
  }

  scene() {
    const frames = mkFrameMap(this.room.machine.ram.nrFrames)
    scanFrames(this.room.machine, frames)
    return {
      room: this.room,
      frames,
      chronicle: this.chronicle,
      history: this.history,
      heaps: new HeapLook(),
      at: 0,
      viewer: viewerIn(this.room, 0),
    }
  }
}

describe('what a seat saw', () => {
  it('is its lines, each with what came of it', () => {
    const lesson = new Lesson()
    lesson.type(2, 'x = 6 * 7')
    lesson.type(2, 'puts("hello")')
    lesson.type(1, 'y = 1')
    const told = lesson.transcript(2)
    expect(told.map(({ line }) => line)).toEqual(['x = 6 * 7', 'puts("hello")'])
    expect(told[0].out).toContain('x = 42')
    expect(told[1].out).toContain('hello')
    expect(told[1].running).toBe(false)
    expect(lesson.transcript(1)).toHaveLength(1)
  })

  it('says what is wrong with a line in the reader’s language, with the caret in place', () => {
    const lesson = new Lesson()
    lesson.type(2, 'p = mallc(3)')
    const [english] = lesson.transcript(2, 'en')
    const [german] = lesson.transcript(2, 'de')
    expect(english.out).toMatch(/^error: /)
    expect(german.out).toMatch(/^Fehler: /)
    expect(german.out.split('\n').slice(1)).toEqual(english.out.split('\n').slice(1))
  })

  it('can be shown at an earlier moment', () => {
    const lesson = new Lesson()
    lesson.type(2, 'x = 1')
    const before = loadRoom(saveRoom(lesson.room))
    lesson.type(2, 'x = 2')
    expect(lesson.transcript(2)).toHaveLength(2)
    expect(lesson.chronicle.transcript(before, 2, 'en', viewerIn(before, 2))).toHaveLength(1)
  })

  it('survives a snapshot as what the terminal still shows', () => {
    const lesson = new Lesson()
    lesson.type(2, 'x = 6 * 7')
    const late = new Chronicle()
    late.begin(loadRoom(saveRoom(lesson.room)))
    const [block] = late.transcript(lesson.room, 2, 'en', viewerIn(lesson.room, 2))
    expect(block.kind).toBe('earlier')
    expect(block.out).toContain('x = 42')
  })
})

describe('how a process ended', () => {
  it('by its own wild pointer', () => {
    const lesson = new Lesson()
    lesson.type(2, '*(int *)8 = 1')
    expect(lesson.deaths).toHaveLength(1)
    expect(lesson.deaths[0]).toMatchObject({ seat: 2, name: 'Linus', signal: SIGSEGV, by: 'self' })
    expect(lesson.transcript(2).at(-1)?.kind).toBe('death')
  })

  it('by a person, who is named', () => {
    const lesson = new Lesson()
    lesson.say(1, { t: 'kill', task: '2.2', sig: SIGKILL })
    lesson.ticks(3)
    expect(lesson.deaths[0]).toMatchObject({ signal: SIGKILL, by: 'person', byName: 'Ada' })
  })

  it('by the OOM killer at root’s wish: nobody had asked for memory', () => {
    const lesson = new Lesson()
    const trigger = (text: string): Command => ({
      t: 'write',
      path: '/proc/sysrq-trigger',
      text,
      append: false,
    })
    for (const era of ['6.12', '2.6.38', '2.6.32']) {
      lesson.say(1, { ...trigger(era), path: '/proc/sys/kernel/oom_era' } as Command)
      lesson.say(1, trigger('f'))
      expect(lesson.deaths.at(-1), era).toMatchObject({ by: 'oom', byName: '' })
    }
    expect(lesson.deaths).toHaveLength(3)
  })

  it('by the OOM killer, with what it held and who had asked', () => {
    const lesson = new Lesson()
    lesson.say(1, {
      t: 'spawn',
      path: '/usr/bin/hog',
      argv: ['hog', '80M'],
      env: [],
      stdout: 'tty',
    })
    lesson.ticks(400)
    const [death] = lesson.deaths
    expect(death).toMatchObject({ comm: 'hog', seat: 1, by: 'oom', byName: 'hog' })
    expect(death.rss).toBeGreaterThan(20 * 2 ** 20)
    const { rss, swap, tables, points } = death.sum!
    expect(rss * 4096).toBe(death.rss)
    expect(points).toBe(rss + swap! + tables!)
  })
})

describe('a reboot', () => {
  it('stands between what was typed before and after, and nothing old is running', () => {
    const lesson = new Lesson()
    lesson.type(2, 'sleep(1000)')
    expect(lesson.transcript(2).at(-1)!.running).toBe(true)
    lesson.say(1, { t: 'write', path: '/proc/sysrq-trigger', text: 'c', append: false })
    expect(lesson.transcript(2).at(-1)!.running).toBe(false)
    lesson.say(1, { t: 'reboot' })
    const [handle] = lesson.room.seats.get(2)!.prompts
    lesson.say(2, { t: 'ic', task: handle, line: 'x = 1' })
    lesson.ticks(8)
    const told = lesson.transcript(2)
    expect(told.map(({ kind }) => kind)).toEqual(['ic', 'boot', 'ic'])
    expect(told.at(-1)!.out).toContain('x = 1')
  })
})

describe('answers about memory', () => {
  it('rank the same processes under every killer, with the arithmetic for one', () => {
    const lesson = new Lesson()
    lesson.type(2, 'p = malloc(4000000); memset(p, 1, 4000000)')
    const oom = answer(lesson.scene(), { topic: 'oom', ask: {} }) as OomAnswer
    const mine = oom.rows.find(({ seat, comm }) => seat === 2 && comm === 'ic')!
    expect(mine.name).toBe('Linus')
    for (const era of KERNEL_ERAS)
      expect(oom.rows.filter(({ standings }) => standings[era].fate === 'next')).toHaveLength(1)
    const ask = { pid: mine.pid }
    const { row } = answer(lesson.scene(), { topic: 'oomDetails', ask }) as OomDetails
    expect(row.standings['6.12'].steps[0]).toMatchObject({ term: 'rss', points: mine.rss })
    expect(row.standings['6.12'].score).toBe(mine.standings['6.12'].score)
    expect(answer(lesson.scene(), { topic: 'oomDetails', ask: { pid: 9999 } })).toBe(null)
  })

  it('show how short memory is, and where the pages are', () => {
    const mib = 2 ** 20
    const lesson = new Lesson({ ram: 16 * mib, swap: 16 * mib })
    const pressure = () => answer(lesson.scene(), { topic: 'pressure', ask: {} }) as Pressure
    expect(pressure().history.lost).toEqual([])
    lesson.type(2, `p = malloc(${18 * mib})`)
    lesson.type(2, `memset(p, 1, ${18 * mib})`)
    lesson.ticks(80)
    const short = pressure()
    expect(short.min).toBeLessThan(short.low)
    expect(short.swaps[0].inUse).toBeGreaterThan(0)
    expect(short.history.free.length).toBe(short.history.faults.length + 1)
    expect(short.counters.find(({ name }) => name === 'pswpout')!.total).toBeGreaterThan(0)
    const { machine } = lesson.room
    expect(short.lru).toEqual([...machine.zone.lruvec.size])

    const [mine] = (
      answer(lesson.scene(), { topic: 'processes', ask: { seat: 2 } }) as ProcessRow[]
    ).filter(({ atPrompt }) => atPrompt)
    expect(mine.swap).toBeGreaterThan(0)
    const overview = answer(lesson.scene(), { topic: 'overview', ask: {} }) as Overview
    expect(overview.swapUsed).toBe(short.swaps[0].inUse)
  })
})

describe('answers', () => {
  it('count every frame once', () => {
    const scene = new Lesson().scene()
    const overview = answer(scene, { topic: 'overview', ask: {} }) as Overview
    expect(overview.kinds.reduce((a, b) => a + b)).toBe(overview.frames)
    expect(overview.kinds[0]).toBe(overview.freePages)
    const seats = answer(scene, { topic: 'seats', ask: {} }) as SeatRow[]
    expect(seats.map(({ name }) => name)).toEqual(['Ada', 'Linus'])
    expect(seats[1].frames).toBeGreaterThan(0)
  })

  it('show processes as a fork tree, and whom the killer would choose', () => {
    const lesson = new Lesson()
    lesson.type(2, 'p = malloc(4000000); memset(p, 1, 4000000)')
    lesson.type(2, 'fork()')
    const mine = answer(lesson.scene(), { topic: 'processes', ask: { seat: 2 } }) as ProcessRow[]
    expect(mine.map(({ comm, depth }) => [comm, depth])).toEqual([
      ['bash', 0],
      ['ic', 1],
      ['ic', 2],
    ])
    expect(mine.filter(({ waiting }) => waiting)).toHaveLength(2)
    const all = answer(lesson.scene(), { topic: 'processes', ask: { seat: null } }) as ProcessRow[]
    expect(all.filter(({ next }) => next).map(({ seat }) => seat)).toEqual([2])
    expect(all.length).toBe(lesson.room.machine.tasks.size)
  })

  it('complete names and variables', () => {
    const lesson = new Lesson()
    lesson.type(2, 'buffer = malloc(10)')
    const ask = { seat: 2, task: '2.2', line: 'free(buf' }
    expect(answer(lesson.scene(), { topic: 'complete', ask })).toEqual({
      from: 5,
      candidates: [{ text: 'buffer', kind: 'variable', detail: 'void *' }],
    })
  })

  it('tell which functions there are, and what the process has named', () => {
    const lesson = new Lesson()
    lesson.type(2, 'buffer = malloc(10)')
    const table = answer(lesson.scene(), { topic: 'callTable', ask: {} }) as CallForm[]
    const mmap = table.find(({ name }) => name === 'mmap')!
    expect(mmap.prototype).toMatch(/^void \*mmap\(void \*addr, size_t length, int prot, /)
    expect(Object.fromEntries(mmap.constants).prot).toContain('PROT_READ')
    const ask = { task: '2.2' }
    expect(answer(lesson.scene(), { topic: 'variables', ask })).toEqual([
      { name: 'buffer', type: 'void *' },
    ])
  })

  it('tell a frame’s sharers by person', () => {
    const lesson = new Lesson()
    lesson.type(2, 'p = malloc(4000000); memset(p, 1, 4000000); fork()')
    const scene = lesson.scene()
    const shared = scene.frames.sharers.findIndex(
      (sharers, pfn) => sharers === 2 && scene.frames.seat[pfn] === 2,
    )
    const frame = answer(scene, { topic: 'frame', ask: { pfn: shared } })
    expect(frame).toMatchObject({ name: 'Linus', mapcount: 2, people: { 2: 'Linus' } })
    expect(answer(scene, { topic: 'frame', ask: { pfn: -1 } })).toBeNull()
  })
})

it('a line of output keeps only itself in memory, not all that its stream held', () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const lesson = new Lesson()
  const task = lesson.room.seats.get(2)!.prompts[0]
  const type = () => {
    lesson.say(2, { t: 'ic', task, line: 'printf("a line of some length\\n")' })
    lesson.say(0, { t: 'tick', fuel: 500_000 })
  }
  for (let n = 0; n < 500; n++) type() // the stream is full
  gc()
  const before = process.memoryUsage().heapUsed
  for (let n = 0; n < 1000; n++) type()
  gc()
  const perLine = (process.memoryUsage().heapUsed - before) / 1000
  expect(
    lesson.chronicle.transcript(lesson.room, 2, 'en', viewerIn(lesson.room, 2)).at(-1)!.out,
  ).toContain('a line of some length')
  expect(perLine).toBeLessThan(4096)
})
