// The heap panel, from a real heap: answers are those of the worker.

import { flushPromises } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import { DEFAULT_OPTIONS } from '@shared/room/options.ts'
import { applyEntry, createRoom, type Room } from '@shared/room/room.ts'
import { answer, type Scene } from '../../../client/feed/answers.ts'
import { Feed, type Port } from '../../../client/feed/feed.ts'
import { HeapLook } from '../../../client/feed/heapLook.ts'
import type { ToWorker } from '../../../client/feed/protocol.ts'
import { Chronicle } from '../../../client/feed/chronicle.ts'
import { History } from '../../../client/feed/history.ts'
import { i18n } from '../../../client/i18n/index.ts'
import HeapPanel from '../../../client/panels/HeapPanel.vue'
import { useFrames } from '../../../client/stores/frames.ts'
import { mkFrameMap } from '@shared/proc/frames.ts'
import { show } from './stage.ts'

/** A room with one student, and a feed that answers from it. */
class Desk {
  readonly room: Room = createRoom({
    format: 1,
    engine: 'test',
    code: '123456',
    created: 0,
    options: DEFAULT_OPTIONS,
  })
  readonly chronicle = new Chronicle()
  readonly feed: Feed
  private readonly port: Port
  private readonly heaps = new HeapLook()
  private version = 0

  constructor() {
    this.chronicle.follow(1)
    this.port = {
      onmessage: null,
      terminate: () => undefined,
      postMessage: (message: ToWorker) => {
        if (message.t !== 'ask') return
        const text = JSON.stringify(answer(this.scene(), message.question) ?? null)
        const data = { t: 'answer', id: message.id, text, mark: 1 }
        this.port.onmessage!(new MessageEvent('message', { data }) as never)
      },
    }
    this.feed = new Feed(this.port)
    this.say(1, { t: 'seat', name: 'Ada', role: 'student', from: '10.0.0.1' })
  }

  private scene(): Scene {
    return {
      room: this.room,
      frames: mkFrameMap(0),
      chronicle: this.chronicle,
      history: new History(),
      heaps: this.heaps,
      at: 0,
      viewer: { seat: 1, hidden: false },
    }
  }

  private say(seat: number, c: Parameters<typeof applyEntry>[1]['c']): void {
    const entry = { seq: this.room.seq + 1, at: 0, seat, c }
    applyEntry(this.room, entry)
    this.chronicle.observe(this.room, entry)
  }

  type(line: string): void {
    this.say(1, { t: 'ic', task: '1.2', line })
    for (let i = 0; i < 8; i++) this.say(0, { t: 'tick', fuel: 500_000 })
    const data = { t: 'version', version: ++this.version, seq: this.room.seq }
    this.port.onmessage!(new MessageEvent('message', { data }) as never)
  }

  async open() {
    const row = {
      handle: '1.2',
      pid: 304,
      comm: 'ic',
      seat: 1,
      vsz: 9,
      atPrompt: true,
      name: 'Ada',
    }
    const panel = show(HeapPanel, { processes: [row], seat: 1 }, this.feed)
    await settle()
    return panel
  }
}

/** Answers are asked for again only after a while. */
async function settle(): Promise<void> {
  await flushPromises()
  await vi.advanceTimersByTimeAsync(400)
  await flushPromises()
}

// happy-dom has no canvas to give away.
HTMLCanvasElement.prototype.transferControlToOffscreen = () => ({}) as OffscreenCanvas

describe('the heap panel', () => {
  it('says when there is no heap, and when there is one, whose allocator it is', async () => {
    vi.useFakeTimers()
    const desk = new Desk()
    const panel = await desk.open()
    expect(panel.get('[data-testid=heap-empty]').text()).toContain('No malloc() yet')
    desk.type('p = malloc(100)')
    await settle()
    const summary = panel.get('[data-testid=heap-summary]').text()
    expect(summary).toContain('glibc 2.36, 64 bits')
    expect(summary).toContain('0x1000000–0x1021000')
    expect(summary).toContain('3 chunks')
    expect(panel.get('[data-testid=heap-legend]').text()).toMatch(/in use\s*1, 112\u00a0B/)
    desk.type('exit(0)')
    await settle()
    expect(panel.get('[data-testid=heap-empty]').text()).toContain('has ended')
  })

  it('lists chunks in the order wanted, and shows the selected one’s bytes', async () => {
    vi.useFakeTimers()
    const desk = new Desk()
    desk.type('p = malloc(3000); q = malloc(100); strcpy(q, (char *) "hello")')
    const panel = await desk.open()
    await panel.get('[data-testid=heap-list]').trigger('click')
    await settle()
    const rows = () =>
      panel.findAll('[data-testid=heap-row]').map((row) =>
        row
          .findAll('th, td')
          .map((cell) => cell.text())
          .join(' '),
      )
    expect(rows()).toHaveLength(4)
    expect(rows()[2]).toMatch(
      /^1000e50 112 in use ●changed by the last statement P-- 68 65 6c 6c 6f 00 .*hello\./,
    )
    await panel.get('[data-testid=heap-by-size]').trigger('click')
    await settle()
    expect(rows()[0]).toContain('top chunk')
    expect(panel.get('th[aria-sort=descending]').text()).toContain('Size')
    await panel.findAll('[data-testid=heap-row] button')[1].trigger('click')
    await settle()
    const details = panel.get('[data-testid=heap-byte]').text()
    expect(details).toContain('0x10002a0')
    expect(details).toContain('The user’s bytes, 3,000 of them')
    await panel.get('[data-testid=heap-frame]').trigger('click')
    expect(useFrames().selected).toBeGreaterThan(0)
  })

  it('shows bins link by link, with the stored and the real pointer', async () => {
    vi.useFakeTimers()
    const desk = new Desk()
    desk.type('a = malloc(24); b = malloc(24); c = malloc(3000); d = malloc(24)')
    desk.type('free(a); free(b); free(c)')
    const panel = await desk.open()
    await panel.get('[data-testid=heap-bins]').trigger('click')
    await settle()
    const text = panel.get('[data-testid=heap-bins-list]').text().replace(/\s+/g, ' ')
    expect(text).toContain('Thread cache, list 0')
    expect(text).toContain('counter says 2')
    expect(text).toContain('next stored 0x10012a0 = 0x10002a0')
    expect(text).toContain('= end of the list')
    expect(text).toContain('Unsorted list (bin 1)')
    expect(text).toContain('fd head')
  })

  it('goes to an address, and says what a size field’s flags mean', async () => {
    vi.useFakeTimers()
    const desk = new Desk()
    desk.type('a = malloc(24); b = malloc(3000); c = malloc(24); free(b)')
    const panel = await desk.open()
    const go = async (address: string) => {
      await panel.get('[data-testid=heap-go]').setValue(address)
      await panel.get('form').trigger('submit')
      await settle()
    }
    await go('0x1000e78')
    expect(panel.get('[data-testid=heap-role]').text()).toMatch(
      /0x20: 32 bytes and the flags ---\.\s*no P: the chunk before is free/,
    )
    await go('nonsense')
    expect(panel.get('[data-testid=heap-go]').attributes('aria-invalid')).toBe('true')
    await go('7')
    expect(panel.get('[data-testid=heap-byte]').text()).toContain('in no chunk')
    i18n.global.locale.value = 'de'
    await go('0x10002b8')
    expect(panel.get('[data-testid=heap-role]').text()).toContain('Größenfeld')
  })

  it('shows where the walk stopped in a damaged heap, and nothing beyond', async () => {
    vi.useFakeTimers()
    const desk = new Desk()
    desk.type('char *p = malloc(24); q = malloc(24)')
    desk.type('memset(p, 65, 40)')
    const panel = await desk.open()
    const notices = panel.get('[data-testid=heap-notices]').text()
    expect(notices).toContain('The heap is damaged.')
    expect(notices).toContain('0x4141414141414141 (“AAAAAAAA”)')
    expect(notices).toContain('0x10002b0')
    expect(notices).toContain('Nothing is shown beyond.')
    expect(panel.get('[data-testid=heap-summary]').text()).toContain('2 chunks')
    await panel.get('[data-testid=heap-bins]').trigger('click')
    await settle()
    expect(panel.get('[data-testid=heap-bins-list]').text()).toContain('0x10002d0, 131\u00a0KiB')
  })

  it('says of a list whose link was overwritten that it leads astray, and where to', async () => {
    vi.useFakeTimers()
    const desk = new Desk()
    desk.type('long *a = malloc(24), *b = malloc(24); free(a); free(b)')
    desk.type('*b = 0x1234567')
    const panel = await desk.open()
    expect(panel.get('[data-testid=heap-notices]').text()).toContain('leads astray')
    await panel.get('[data-testid=heap-bins]').trigger('click')
    await settle()
    const bins = panel.get('[data-testid=heap-bins-list]').text().replace(/\s+/g, ' ')
    expect(bins).toContain('counter says 2 A link leads to where no chunk can be.')
    await panel.get('[data-testid=heap-story]').trigger('click')
    await settle()
    const told = panel.get('[data-testid=heap-told]').text()
    expect(told).toContain('the list leads astray')
    expect(told).not.toContain('is in use now')
  })

  it('counts pages that were only read as the zero page’s', async () => {
    vi.useFakeTimers()
    const desk = new Desk()
    desk.type('char *p = malloc(300000); p[100000] + p[200000]')
    const panel = await desk.open()
    const legend = panel.get('[data-testid=heap-legend]').text().replace(/\s+/g, ' ')
    expect(legend).toMatch(/in a frame 2 only read: the zero page 2 never touched/)
  })

  it('tells a process’s story without a heap, and that of one that is no more', async () => {
    vi.useFakeTimers()
    const desk = new Desk()
    desk.type('m = mmap(0, 40960, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)')
    const panel = await desk.open()
    expect(panel.get('[data-testid=heap-empty]').text()).toContain('No malloc() yet')
    expect(panel.get('[data-testid=heap-told]').text()).toContain('40 KiB (10 pages)')
    desk.type('*(int *)0 = 1')
    await settle()
    expect(panel.get('[data-testid=heap-told]').text()).toContain('ended by SIGSEGV')
    i18n.global.locale.value = 'de'
    await settle()
    expect(panel.get('[data-testid=heap-told]').text()).toContain('von SIGSEGV beendet')
  })

  it('knows who shares a page since a fork', async () => {
    vi.useFakeTimers()
    const desk = new Desk()
    desk.type('p = malloc(24); fork()')
    const panel = await desk.open()
    await panel.get('[data-testid=heap-go]').setValue('10002a0')
    await panel.get('form').trigger('submit')
    await settle()
    await settle()
    expect(panel.get('[data-testid=heap-byte]').text()).toMatch(/shared with Ada \[\d+\]/)
  })

  it('moves with the keys: by word, by chunk, and away', async () => {
    vi.useFakeTimers()
    const desk = new Desk()
    desk.type('a = malloc(24); b = malloc(3000)')
    const panel = await desk.open()
    const canvas = panel.get('[data-testid=heap-canvas]')
    const press = async (key: string) => {
      await canvas.trigger('keydown', { key })
      await settle()
      return panel.find('[data-testid=heap-byte] strong').exists()
        ? panel.get('[data-testid=heap-byte] strong').text()
        : ''
    }
    expect(await press('ArrowRight')).toBe('0x1000000')
    expect(await press('ArrowRight')).toBe('0x1000008')
    expect(await press('n')).toBe('0x1000290')
    expect(await press('n')).toBe('0x10002b0')
    expect(await press('p')).toBe('0x1000290')
    expect(await press('End')).toBe('0x1020ff8')
    expect(await press('Home')).toBe('0x1000000')
    expect(await press('Escape')).toBe('')
  })
})
