import { mount, flushPromises } from '@vue/test-utils'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h, ref } from 'vue'
import { FEED, Feed, useAnswer, type Port } from '../../../client/feed/feed.ts'
import type { FromWorker, ToWorker } from '../../../client/feed/protocol.ts'

/** A worker that answers what the test says. */
function worker() {
  const sent: ToWorker[] = []
  const port: Port = {
    onmessage: null,
    postMessage: (message) => sent.push(message),
    terminate: () => undefined,
  }
  const say = (message: FromWorker) =>
    port.onmessage!(new MessageEvent('message', { data: message }))
  return { port, sent, say, asked: () => sent.filter((message) => message.t === 'ask') }
}

afterEach(() => vi.useRealTimers())

describe('the feed', () => {
  it('brings each answer to its question', async () => {
    const { port, say, asked } = worker()
    const feed = new Feed(port)
    const first = feed.askOnce('hash', { seq: 1 })
    const second = feed.askOnce('hash', { seq: 2 })
    const [a, b] = asked()
    say({ t: 'answer', id: b.id, text: '"two"', mark: 2 })
    say({ t: 'answer', id: a.id, text: '"one"', mark: 1 })
    expect(await first).toBe('one')
    expect(await second).toBe('two')
  })

  it('says whether a command was taken, and why not', async () => {
    const { port, say, sent } = worker()
    const feed = new Feed(port)
    const done = feed.submit({ t: 'prompt' })
    const message = sent[0] as Extract<ToWorker, { t: 'submit' }>
    expect(message.command).toEqual({ t: 'prompt' })
    say({ t: 'done', id: message.id, ok: false, why: 'rate' })
    expect(await done).toEqual({ ok: false, why: 'rate' })
  })

  it('keeps what it was told last', () => {
    const { port, say } = worker()
    const feed = new Feed(port)
    say({ t: 'link', link: { state: 'lost', since: 5 } })
    say({ t: 'presence', presence: { here: [1, 2], spectators: 0 } })
    say({ t: 'version', version: 3, seq: 70 })
    expect(feed.link.value.state).toBe('lost')
    expect(feed.presence.value.here).toEqual([1, 2])
    expect(feed.seq.value).toBe(70)
    expect(feed.changedAt.value).toBeGreaterThan(0)
  })
})

describe('a panel’s answer', () => {
  function panel(port: Port, every: number) {
    const feed = new Feed(port)
    const seq = ref(1)
    const Panel = defineComponent(() => {
      const answer = useAnswer('hash', () => ({ seq: seq.value }), every)
      return () => h('p', answer.value ?? 'none')
    })
    return { seq, wrapper: mount(Panel, { global: { provide: { [FEED as symbol]: feed } } }) }
  }

  it('is asked again after a version, once for many of them, and says what it knows', async () => {
    vi.useFakeTimers()
    const { port, say, asked } = worker()
    const { wrapper } = panel(port, 50)
    expect(wrapper.text()).toBe('none')
    say({ t: 'answer', id: asked()[0].id, text: '"a"', mark: 9 })
    await flushPromises()
    expect(wrapper.text()).toBe('a')

    for (let version = 1; version < 6; version++) {
      say({ t: 'version', version, seq: version })
      await flushPromises()
    }
    vi.advanceTimersByTime(60)
    expect(asked().length).toBe(2)
    expect(asked()[1].known).toBe(9)
    say({ t: 'answer', id: asked()[1].id, text: null, mark: 9 })
    await flushPromises()
    expect(wrapper.text()).toBe('a')
  })

  it('does not ask twice at a time', async () => {
    vi.useFakeTimers()
    const { port, say, asked } = worker()
    panel(port, 50)
    say({ t: 'version', version: 1, seq: 1 })
    await flushPromises()
    vi.advanceTimersByTime(60)
    expect(asked().length).toBe(1)
    say({ t: 'answer', id: asked()[0].id, text: '"a"', mark: 1 })
    await flushPromises()
    vi.advanceTimersByTime(60)
    expect(asked().length).toBe(2)
  })

  it('to another question starts afresh', async () => {
    const { port, say, asked } = worker()
    const { seq } = panel(port, 50)
    say({ t: 'answer', id: asked()[0].id, text: '"a"', mark: 4 })
    await flushPromises()
    seq.value = 2
    await flushPromises()
    expect(asked()[1].known).toBe(0)
    expect(asked()[1].question.ask).toEqual({ seq: 2 })
  })
})
