// Panels that show how short memory is and who would die of it.

import { flushPromises } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import { KERNEL_ERAS, type KernelEra } from '@shared/state/machine.ts'
import type {
  Block,
  OomAnswer,
  OomDetails,
  OomEntry,
  Overview,
  Pressure,
} from '../../../client/feed/protocol.ts'
import { i18n } from '../../../client/i18n/index.ts'
import FrameTable from '../../../client/panels/FrameTable.vue'
import OomPanel from '../../../client/panels/OomPanel.vue'
import PressurePanel from '../../../client/panels/PressurePanel.vue'
import PromptPanel from '../../../client/panels/PromptPanel.vue'
import SpacePanel from '../../../client/panels/SpacePanel.vue'
import StatusBanner from '../../../client/panels/StatusBanner.vue'
import { operationOf } from '../../../client/panels/oomArithmetic.ts'
import { mkFeed, show } from './stage.ts'

type Standings = OomEntry['standings']
const eras = (value: (era: KernelEra) => Standings[KernelEra]) =>
  Object.fromEntries(KERNEL_ERAS.map((era) => [era, value(era)])) as Standings

const entry = (over: Partial<OomEntry>): OomEntry => ({
  pid: 308,
  handle: '2.2',
  seat: 2,
  name: 'Linus',
  comm: 'ic',
  uid: 1002,
  rss: 300,
  swap: 20,
  tables: 14,
  totalVm: 900,
  oomAdj: 0,
  oomScoreAdj: 0,
  standings: eras(() => ({ score: 680, fate: 'safe' })),
  ...over,
})

const oom: OomAnswer = {
  era: '6.12',
  pageSize: 4096,
  totalpages: 16384,
  killAllocatingTask: false,
  panicOnOom: 0,
  rows: [
    entry({
      pid: 1,
      handle: '0.1',
      seat: 0,
      name: '',
      comm: 'init',
      standings: eras(() => ({ score: 0, fate: 'exempt' })),
    }),
    entry({
      standings: eras((era) =>
        era === '2.6.32' ? { score: 900, fate: 'next' } : { score: 680, fate: 'safe' },
      ),
    }),
    entry({
      pid: 311,
      handle: '3.2',
      seat: 3,
      name: 'Grace',
      standings: eras((era) =>
        era === '2.6.32' ? { score: 800, fate: 'safe' } : { score: 700, fate: 'next' },
      ),
    }),
  ],
}

describe('who dies next', () => {
  const props = { seat: 2, root: false, readOnly: false }

  it('has the worst under the machine’s own killer on top, and under another when asked', async () => {
    const { feed } = mkFeed({ oom })
    const panel = show(OomPanel, props, feed)
    await flushPromises()
    const order = () => panel.findAll('[data-testid^=oom-row-]').map((button) => button.text())
    expect(order()).toEqual(['311', '308', '1'])
    expect(panel.get('[data-testid="oom-next-2.6.32"]').text()).toBe('308')
    expect(panel.get('[data-testid="oom-next-6.12"]').text()).toBe('311')
    expect(panel.get('[data-testid=oom-place]').text()).toContain('number 2 of 3 under 6.12')
    await panel.get('[data-testid="oom-by-2.6.32"]').trigger('click')
    expect(order()).toEqual(['308', '311', '1'])
    expect(panel.get('[data-testid=oom-place]').text()).toContain('would die now')
    expect(panel.get('th[aria-sort=descending]').text()).toContain('2.6.32')
  })

  it('opens to the arithmetic, step by step', async () => {
    const standing = { score: 680, points: 334, fate: 'safe' as const }
    const { seat: _seat, name: _name, handle: _handle, ...row } = oom.rows[1]
    const oomDetails: OomDetails = {
      totalpages: 16384,
      row: {
        ...row,
        standings: {
          '2.6.32': { ...standing, steps: [{ term: 'admin', value: 4, points: 225 }] },
          '2.6.38': { ...standing, points: null, fate: 'exempt', steps: [] },
          '6.12': {
            ...standing,
            steps: [
              { term: 'rss', value: 300, points: 300 },
              { term: 'swap', value: 20, points: 320 },
              { term: 'oom_score_adj', value: -5, points: 240 },
            ],
          },
        },
      },
    }
    const { feed } = mkFeed({ oom, oomDetails })
    const panel = show(OomPanel, props, feed)
    await flushPromises()
    await panel.get('[data-testid=oom-row-308]').trigger('click')
    await flushPromises()
    const text = panel.get('[data-testid=oom-details]').text()
    expect(text).toContain('÷ 4')
    expect(text).toMatch(/\+ 20\s*pages in swap\s*320/)
    expect(text).toContain('− 5 × 16')
    expect(text).toContain('may not be chosen')
  })

  it('students look, the teacher changes the rules', async () => {
    const { feed, submitted } = mkFeed({ oom })
    expect(show(OomPanel, props, feed).find('[data-testid=oom-panic]').exists()).toBe(false)
    const panel = show(OomPanel, { ...props, root: true }, feed)
    await flushPromises()
    await panel.get('[data-testid=oom-panic]').trigger('change')
    await panel.get('[data-testid=oom-era] button').trigger('click')
    const write = (path: string, text: string) => ({ t: 'write', path, text, append: false })
    expect(submitted).toEqual([
      write('/proc/sys/vm/panic_on_oom', '1'),
      write('/proc/sys/kernel/oom_era', '2.6.32'),
    ])
  })

  it('steps are written as the kernel computes them', () => {
    const count = String
    const step = (term: 'oom_adj' | 'promille' | 'nice', value: number) =>
      operationOf({ term, value, points: 0 }, '2.6.32', 16384, count)
    expect([step('oom_adj', 3), step('oom_adj', -2)]).toEqual(['<< 3', '>> 2'])
    expect(step('promille', 31487)).toBe('× 1000 ÷ 31487')
    expect(step('nice', 2)).toBe('× 2')
  })
})

const pressure: Pressure = {
  pageSize: 4096,
  managed: 15000,
  free: 200,
  min: 245,
  low: 306,
  high: 367,
  kswapd: 'working',
  lru: [100, 200, 30, 40, 5],
  swapDevice: '/dev/vdb',
  swaps: [{ path: '/dev/vdb', pages: 16383, inUse: 4096 }],
  swappiness: 60,
  some: { avg10: 12.5, avg60: 3, avg300: 1 },
  full: { avg10: 2, avg60: 1, avg300: 0 },
  lostMs: 4000,
  uptimeMs: 60_000,
  counters: [{ name: 'pgmajfault', total: 5000, rate: 210 }],
  history: { free: [900, 400, 200], faults: [0, 210], lost: [0, 0.25] },
}

describe('memory pressure', () => {
  it('says in words how short memory is and what the kernel does', async () => {
    const { feed } = mkFeed({ pressure })
    const panel = show(PressurePanel, { root: false, readOnly: false }, feed)
    await flushPromises()
    const meter = panel.get('[data-testid=pressure-free]')
    expect(meter.attributes('role')).toBe('meter')
    expect(meter.attributes('aria-valuenow')).toBe('200')
    expect(meter.attributes('aria-valuetext')).toContain('Below min')
    expect(panel.get('[data-testid=pressure-kswapd]').text()).toBe('kswapd is at work')
    expect(panel.text()).toContain('16\u00a0MiB')
    expect(panel.text()).toContain('12.5%')
    expect(panel.text()).toMatch(/unevictable\s*20\u00a0KiB\s*5/)
    expect(panel.find('[data-testid=pressure-swappiness]').exists()).toBe(false)
    i18n.global.locale.value = 'de'
    await flushPromises()
    expect(meter.attributes('aria-valuetext')).toContain('Unter min')
  })

  it('the teacher turns the screws; swapoff wants a second press', async () => {
    const { feed, submitted } = mkFeed({ pressure })
    const panel = show(PressurePanel, { root: true, readOnly: false }, feed)
    await flushPromises()
    await panel.get('[data-testid=pressure-swappiness]').setValue('150')
    await panel.get('[data-testid=pressure-drop]').trigger('click')
    await panel.get('[data-testid=pressure-swap]').trigger('click')
    await panel.get('[data-testid=pressure-swap]').trigger('click')
    expect(submitted).toEqual([
      { t: 'write', path: '/proc/sys/vm/swappiness', text: '150', append: false },
      { t: 'write', path: '/proc/sys/vm/drop_caches', text: '1', append: false },
      { t: 'swapoff', path: '/dev/vdb' },
    ])
  })

  it('a machine without swap says so', async () => {
    const { feed } = mkFeed({ pressure: { ...pressure, swaps: [], swapDevice: '' } })
    const panel = show(PressurePanel, { root: true, readOnly: false }, feed)
    await flushPromises()
    expect(panel.text()).toContain('no swap')
    expect(panel.find('[data-testid=pressure-swap]').exists()).toBe(false)
  })
})

describe('the address space', () => {
  it('shows mappings, and the page table of one with the slots in swap', async () => {
    const start = 0x7ffff755c000
    const space = [
      {
        start,
        end: start + 3 * 4096,
        permissions: 'rw-p',
        name: '',
        pages: [1, 1, 0, 0, 0, 1],
        cells: '150',
      },
    ]
    const there = {
      va: start,
      pfn: 77,
      kind: 5,
      mapcount: 1,
      writable: true,
      dirty: true,
      accessed: false,
      swap: null,
    }
    const out = { ...there, va: start + 4096, pfn: -1, swap: { device: '/dev/vdb', slot: 9 } }
    const { feed } = mkFeed({ space, pages: [there, out] })
    const processes = [{ handle: '2.2', pid: 308, comm: 'ic', seat: 2, vsz: 9, atPrompt: true }]
    const panel = show(SpacePanel, { processes, seat: 2, pageSize: 4096 }, feed)
    await flushPromises()
    expect(panel.get('[data-testid=space]').text()).toContain('7ffff755c000')
    await panel.get('[aria-expanded=false]').trigger('click')
    await flushPromises()
    const table = panel.get('[data-testid=page-table]').text()
    expect(table).toContain('WD-')
    expect(table).toContain('/dev/vdb, slot 9')
  })
})

describe('a panic', () => {
  const overview = {
    panic: 'Out of memory: system-wide panic_on_oom is enabled',
    boots: 1,
  } as Overview

  it('is told to everyone with its reason; the teacher boots', async () => {
    const { feed, submitted } = mkFeed()
    const student = show(StatusBanner, { overview, root: false }, feed)
    expect(student.text()).toContain('The room is fine')
    expect(student.text()).toContain('panic rather than kill')
    expect(student.find('[data-testid=reboot]').exists()).toBe(false)
    const teacher = show(StatusBanner, { overview, root: true }, feed)
    await teacher.get('[data-testid=reboot]').trigger('click')
    expect(submitted).toEqual([{ t: 'reboot' }])
    await teacher.setProps({ overview: { ...overview, panic: '', boots: 2 } } as never)
    expect(teacher.text()).toContain('booted anew')
  })

  it('takes the prompt away and says why', async () => {
    const block = {
      seq: 1,
      kind: 'boot',
      pid: 0,
      line: '',
      out: '',
      running: false,
      death: null,
    } as Block
    const { feed } = mkFeed({ transcript: [block] })
    const props = { seat: 2, processes: [], readOnly: false, name: '', halted: true }
    const panel = show(PromptPanel, props, feed)
    await flushPromises()
    expect(panel.get('[data-testid=prompt-halted]').text()).toContain('stopped')
    expect(panel.find('[data-testid=prompt-new]').exists()).toBe(false)
    expect(panel.text()).toContain('booted anew')
  })
})

it('the map in words: frames by age, when that is what the map shows', () => {
  const { feed } = mkFeed()
  const overview = { frames: 100, pageSize: 4096, kinds: [40], tasks: 3 } as Overview
  const table = show(FrameTable, { overview, seats: [], ages: [40, 1, 2, 3, 4, 5, 6, 39] }, feed)
  expect(table.get('caption').text()).toBe('Frames by age')
  expect(table.findAll('tbody tr')).toHaveLength(8)
  expect(table.text()).toMatch(/swap cache\s*6/)
})
