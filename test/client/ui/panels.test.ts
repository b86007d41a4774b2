import { flushPromises } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import type { Block, CallRow, Death, ProcessRow } from '../../../client/feed/protocol.ts'
import { i18n } from '../../../client/i18n/index.ts'
import ConnectionLight from '../../../client/panels/ConnectionLight.vue'
import DeathNotice from '../../../client/panels/DeathNotice.vue'
import KillAnnouncer from '../../../client/panels/KillAnnouncer.vue'
import LogPanel from '../../../client/panels/LogPanel.vue'
import ProcessPanel from '../../../client/panels/ProcessPanel.vue'
import PromptPanel from '../../../client/panels/PromptPanel.vue'
import StatusBanner from '../../../client/panels/StatusBanner.vue'
import { mkFeed, show } from './stage.ts'

const row = (over: Partial<ProcessRow>): ProcessRow => ({
  handle: '2.2',
  pid: 308,
  ppid: 307,
  depth: 1,
  comm: 'ic',
  cmdline: 'ic',
  seat: 2,
  name: 'Linus',
  user: 'linus',
  state: 'S',
  rss: 2 ** 20,
  swap: 0,
  vsz: 2 ** 22,
  oomScore: 679,
  oomScoreAdj: 0,
  next: false,
  atPrompt: true,
  waiting: true,
  ...over,
})

const death: Death = {
  seq: 9,
  handle: '2.2',
  pid: 308,
  comm: 'ic',
  seat: 2,
  name: 'Linus',
  signal: 9,
  by: 'oom',
  bySeat: 0,
  byName: 'hog',
  rss: 5 * 2 ** 20,
  sum: {
    totalVm: 2976,
    rss: 1280,
    swap: 250,
    tables: 14,
    adj: 0,
    moved: 0,
    points: 1544,
    score: null,
  },
}

describe('the prompt', () => {
  const block = (over: Partial<Block>): Block => ({
    seq: 1,
    kind: 'ic',
    pid: 308,
    line: 'x = 1',
    out: 'x = 1\n',
    running: false,
    death: null,
    ...over,
  })
  const props = { seat: 2, processes: [row({})], readOnly: false, name: '', halted: false }

  it('sends a line to the process and remembers it', async () => {
    const { feed, submitted } = mkFeed({ transcript: [] })
    const panel = show(PromptPanel, props, feed)
    const input = panel.get('[data-testid=prompt-input]')
    await input.setValue('x = 1')
    await panel.get('form').trigger('submit')
    await flushPromises()
    expect(submitted).toEqual([{ t: 'ic', task: '2.2', line: 'x = 1' }])
    expect((input.element as HTMLInputElement).value).toBe('')
    await input.trigger('keydown', { key: 'ArrowUp' })
    expect((input.element as HTMLInputElement).value).toBe('x = 1')
    await input.trigger('keydown', { key: 'ArrowDown' })
    expect((input.element as HTMLInputElement).value).toBe('')
  })

  it('completes what is unique and offers what is not', async () => {
    const candidates = ['malloc', 'mallopt'].map((text) => ({
      text,
      kind: 'function',
      detail: `int ${text}(void)`,
    }))
    const { feed, submitted } = mkFeed({ transcript: [], complete: { from: 4, candidates } })
    const panel = show(PromptPanel, props, feed)
    const input = panel.get('[data-testid=prompt-input]')
    await input.setValue('p = mal')
    await input.trigger('keydown', { key: 'Tab' })
    await flushPromises()
    expect((input.element as HTMLInputElement).value).toBe('p = mallo')
    expect(panel.findAll('[role=option]').map((one) => one.text().replace(/ +/, ' '))).toEqual([
      'malloc int malloc(void)',
      'mallopt int mallopt(void)',
    ])
    // Down to the second, and Enter takes it in place of running the line.
    for (const key of ['ArrowDown', 'ArrowDown', 'Enter']) await input.trigger('keydown', { key })
    await flushPromises()
    expect((input.element as HTMLInputElement).value).toBe('p = mallopt(')
    expect(panel.find('[role=listbox]').exists()).toBe(false)
    expect(submitted).toEqual([])
  })

  it('remembers after a reload what was typed before', async () => {
    const { feed } = mkFeed({ transcript: [block({ line: 'a = 1' }), block({ line: 'b = 2' })] })
    const panel = show(PromptPanel, props, feed)
    await flushPromises()
    const input = panel.get('[data-testid=prompt-input]')
    for (const key of ['ArrowUp', 'ArrowUp']) await input.trigger('keydown', { key })
    expect((input.element as HTMLInputElement).value).toBe('a = 1')
  })

  it('has a palette that makes the line of C and puts it into the prompt', async () => {
    const { feed, submitted } = mkFeed({
      transcript: [],
      variables: [{ name: 'p', type: 'void *' }],
      callTable: [
        { name: 'malloc', prototype: 'void *malloc(size_t size)', constants: [] },
        {
          name: 'mprotect',
          prototype: 'int mprotect(void *addr, size_t len, int prot)',
          constants: [['prot', ['PROT_NONE', 'PROT_READ']]],
        },
      ],
    })
    const panel = show(PromptPanel, props, feed)
    await panel.get('[data-testid=prompt-calls]').trigger('click')
    await flushPromises()
    await panel.get('[data-testid=palette-mprotect]').trigger('click')
    await flushPromises()
    const line = () => panel.get('[data-testid=palette-line]').text()
    expect(line()).toBe('mprotect(p, 1 << 20, PROT_READ | PROT_WRITE)')
    await panel.findAll('.params input')[1].setValue('4096')
    expect(line()).toBe('mprotect(p, 4096, PROT_READ | PROT_WRITE)')
    await panel.get('.prototype button').trigger('click')
    await panel.get('[data-testid=palette-malloc]').trigger('click')
    await flushPromises()
    expect(line()).toBe('q = malloc(1 << 20)') // p is taken
    await panel.get('[data-testid=palette] form').trigger('submit')
    await flushPromises()
    const input = panel.get('[data-testid=prompt-input]').element as HTMLInputElement
    expect(input.value).toBe('q = malloc(1 << 20)')
    expect(panel.find('[data-testid=palette]').exists()).toBe(false)
    expect(submitted).toEqual([])
  })

  it('leaves Tab alone on an empty line', () => {
    const { feed } = mkFeed({ transcript: [] })
    const panel = show(PromptPanel, props, feed)
    const event = new KeyboardEvent('keydown', { key: 'Tab', cancelable: true })
    panel.get('[data-testid=prompt-input]').element.dispatchEvent(event)
    expect(event.defaultPrevented).toBe(false)
  })

  it('shows what the machine says as text, whatever it is', async () => {
    const evil = '<img src=x onerror=alert(1)>'
    const { feed } = mkFeed({ transcript: [block({ line: evil, out: evil })] })
    const panel = show(PromptPanel, props, feed)
    await flushPromises()
    expect(panel.find('img').exists()).toBe(false)
    expect(panel.get('[data-testid=prompt-output]').text()).toContain(evil)
  })

  it('offers a new process in place of the line when the last one is gone', async () => {
    const { feed, submitted } = mkFeed({ transcript: [block({ kind: 'death', out: '', death })] })
    const panel = show(PromptPanel, { ...props, processes: [] }, feed)
    await flushPromises()
    expect(panel.find('[data-testid=prompt-input]').exists()).toBe(false)
    await panel.get('form').trigger('submit')
    expect(submitted).toEqual([{ t: 'prompt' }])
  })

  it('interrupts a statement that is at work', async () => {
    const { feed, submitted } = mkFeed({ transcript: [block({ running: true })] })
    const panel = show(
      PromptPanel,
      { ...props, processes: [row({ waiting: false, state: 'R' })] },
      feed,
    )
    await panel.get('[data-testid=prompt-interrupt]').trigger('click')
    expect(submitted).toEqual([{ t: 'kill', task: '2.2', sig: 2 }])
  })

  it('keeps the line, its text and the focus while the room is paused, and says why', async () => {
    const { feed, submitted } = mkFeed({ transcript: [] })
    const panel = show(PromptPanel, props, feed)
    const line = panel.get<HTMLInputElement>('[data-testid=prompt-input]')
    await line.setValue('x = 1')
    await panel.setProps({ readOnly: true, held: 'Paused.' } as never)
    expect(panel.get('[data-testid=prompt-input]').element).toBe(line.element)
    expect(line.element.readOnly).toBe(true)
    const why = panel.get(`[id="${line.attributes('aria-describedby')}"]`)
    expect(why.text()).toBe('Paused.')
    await panel.get('form').trigger('submit')
    expect(submitted).toEqual([])
    await panel.setProps({ readOnly: false, held: '' } as never)
    expect(line.element.readOnly).toBe(false)
    expect(line.element.value).toBe('x = 1')
  })

  it('of a recording cannot be typed at', () => {
    const { feed } = mkFeed({ transcript: [] })
    const panel = show(PromptPanel, { ...props, readOnly: true, name: 'Linus' }, feed)
    expect(panel.find('form').exists()).toBe(false)
  })
})

describe('processes', () => {
  const others = [row({}), row({ handle: '3.2', pid: 310, seat: 3, name: 'Grace' })]
  const props = {
    mine: [others[0]],
    all: others,
    seat: 2,
    root: false,
    readOnly: false,
    scope: 'all',
    only: null,
    swap: false,
  }

  it('are killed by a second press only', async () => {
    const { feed, submitted } = mkFeed()
    const panel = show(ProcessPanel, props, feed)
    const button = panel.get('[data-testid=kill-308]')
    await button.trigger('click')
    expect(submitted).toEqual([])
    await button.trigger('click')
    expect(submitted).toEqual([{ t: 'kill', task: '2.2', sig: 9 }])
  })

  it('of others are for root to kill', () => {
    const { feed } = mkFeed()
    expect(show(ProcessPanel, props, feed).find('[data-testid=kill-310]').exists()).toBe(false)
    expect(
      show(ProcessPanel, { ...props, root: true }, feed)
        .find('[data-testid=kill-310]')
        .exists(),
    ).toBe(true)
  })
})

describe('what everyone has to know', () => {
  it('is that a lost connection is nobody’s fault, and how old the picture is', async () => {
    vi.useFakeTimers()
    const { feed } = mkFeed()
    const banner = show(StatusBanner, { overview: null }, feed)
    feed.changedAt.value = Date.now()
    feed.link.value = { state: 'lost', since: Date.now() }
    vi.advanceTimersByTime(12_000)
    await flushPromises()
    expect(banner.text()).toContain('It is not you')
    expect(banner.text()).toContain('12 seconds')
    // The seconds are read by who looks, not said each time.
    expect(banner.attributes('aria-live')).toBe('off')
    expect(banner.get('[role=status]').text()).toMatch(/^No connection.*\D$/)
    i18n.global.locale.value = 'de'
    await flushPromises()
    expect(banner.text()).toContain('12 Sekunden')
  })

  it('is that a connection that has ended for good is none', async () => {
    const { feed } = mkFeed()
    const light = show(ConnectionLight, {}, feed)
    for (const link of [
      { state: 'ended', why: 'banned' },
      { state: 'lost', since: 0 },
    ] as const) {
      feed.link.value = link
      await flushPromises()
      expect(light.text()).toBe('No connection')
    }
  })

  it('is that the server wants to be left alone, and for how long', async () => {
    vi.useFakeTimers()
    const { feed } = mkFeed()
    const banner = show(StatusBanner, { overview: null }, feed)
    feed.link.value = { state: 'busy', until: Date.now() + 42_000 }
    vi.advanceTimersByTime(12_000)
    await flushPromises()
    expect(banner.text()).toContain('again in 30 seconds')
    i18n.global.locale.value = 'de'
    await flushPromises()
    expect(banner.text()).toContain('in 30 Sekunden')
  })

  it('is nothing while all is well', async () => {
    const { feed } = mkFeed()
    const banner = show(StatusBanner, { overview: null }, feed)
    feed.link.value = { state: 'live', rttMs: 4 }
    await flushPromises()
    expect(banner.text()).toBe('')
  })

  it('is announced: one’s own death at once, others’ politely', async () => {
    const { feed } = mkFeed()
    const announcer = show(KillAnnouncer, { seat: 2 }, feed)
    feed.death.value = death
    await flushPromises()
    expect(announcer.get('[aria-live=assertive]').text()).toContain('308')
    feed.death.value = { ...death, seat: 3, name: 'Grace', pid: 310 }
    await flushPromises()
    expect(announcer.get('[aria-live=polite]').text()).toContain('Grace')
  })

  it('is who killed a process and why', () => {
    const { feed } = mkFeed()
    expect(show(DeathNotice, { death }, feed).text()).toMatch(/hog asked.*5\u00a0MiB/)
    const moved: Death = { ...death, sum: { ...death.sum!, adj: -100, moved: -1500 } }
    expect(show(DeathNotice, { death: moved }, feed).text()).toContain(
      '14 page tables − 1,500 for oom_score_adj -100 = 44 points',
    )
    const byPerson: Death = { ...death, by: 'person', bySeat: 2, byName: 'Ada' }
    expect(show(DeathNotice, { death: byPerson }, feed).text()).toContain('Ada with SIGKILL')
    const wild: Death = { ...death, by: 'self', signal: 11 }
    expect(show(DeathNotice, { death: wild }, feed).text()).toContain('SIGSEGV')
  })
})

describe('the log', () => {
  const call = (over: Partial<CallRow>): CallRow => ({
    no: 1,
    ms: 65_000,
    pid: 308,
    comm: 'ic',
    statement: 'p = malloc(100)',
    text: 'brk(NULL)                               = 0x1000000',
    kind: 'call',
    done: true,
    ...over,
  })
  const syslog = [{ no: 1, head: 'Nov 22 22:06:06 amd64 kernel', text: 'Killed process 308' }]

  async function calls(rows: CallRow[]) {
    const panel = show(LogPanel, { seat: 2 }, mkFeed({ calls: rows, syslog }).feed)
    await flushPromises()
    await panel
      .findAll('button')
      .find((button) => button.text() === 'System calls')!
      .trigger('click')
    await flushPromises()
    return panel
  }

  it('is the syslog first', async () => {
    const panel = show(LogPanel, { seat: 2 }, mkFeed({ syslog }).feed)
    await flushPromises()
    expect(panel.get('[data-testid=syslog]').text()).toMatch(/amd64 kernel:\s+Killed process 308/)
    expect(panel.get('.kill').text()).toContain('Killed')
  })

  it('shows the calls of each statement as a table', async () => {
    const panel = await calls([
      call({}),
      call({ no: 2, text: 'brk(0x1021000) = 0x1021000' }),
      call({ no: 3, statement: 'wait(0)', text: 'wait4(-1, ', done: false }),
    ])
    expect(panel.get('h2').text()).toBe('System calls')
    expect(panel.findAll('thead th').map((cell) => cell.text())).toEqual([
      'Time',
      'PID',
      'Command',
      'System call',
    ])
    expect(panel.findAll('.statement').map((row) => row.text())).toEqual([
      'p = malloc(100)',
      'wait(0)',
    ])
    const rows = panel.findAll('[data-testid=call]')
    expect(rows.map((row) => row.findAll('td')[0].text())).toEqual(['1:05', '1:05', '1:05'])
    expect(rows[2].text()).toContain('not done yet')
  })

  it('marks what failed, and says what it leaves out', async () => {
    const panel = await calls([
      call({ kind: 'failed', text: 'munmap(0x1, 4096) = -1 EINVAL (Invalid argument)' }),
      call({ no: 2, kind: 'lost', text: '' }),
    ])
    expect(panel.findAll('[data-testid=call]')[0].classes()).toContain('failed')
    expect(panel.text()).toContain('some are left out')
  })

  it('shows text as text, and says when there is nothing', async () => {
    const evil = '<img src=x onerror=alert(1)>'
    const panel = await calls([call({ statement: evil, text: evil })])
    expect(panel.find('img').exists()).toBe(false)
    expect(panel.text()).toContain(evil)
    expect((await calls([])).text()).toContain('No system call yet')
  })

  it('has no choice for those without processes', async () => {
    const panel = show(LogPanel, { seat: 0 }, mkFeed({ syslog }).feed)
    await flushPromises()
    expect(panel.find('[data-testid=log-choice]').exists()).toBe(false)
  })
})
