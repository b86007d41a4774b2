// Panels on a page of their own, with a feed that needs no worker.

import { mount, type VueWrapper } from '@vue/test-utils'
import { createPinia } from 'pinia'
import { afterEach, vi } from 'vitest'
import type { Plugin } from 'vue'
import { FEED, Feed, type Port } from '../../../client/feed/feed.ts'
import type { ToWorker } from '../../../client/feed/protocol.ts'
import { i18n } from '../../../client/i18n/index.ts'

/** A feed that answers at once what the test has laid out, and keeps what was submitted. */
export function mkFeed(answers: Record<string, unknown> = {}) {
  const submitted: unknown[] = []
  const port: Port = {
    onmessage: null,
    terminate: () => undefined,
    postMessage(message: ToWorker) {
      const say = (data: object) => port.onmessage!(new MessageEvent('message', { data }) as never)
      if (message.t === 'ask') {
        const text = JSON.stringify(answers[message.question.topic] ?? null)
        say({ t: 'answer', id: message.id, text, mark: 1 })
      }
      if (message.t === 'submit') {
        submitted.push(message.command)
        say({ t: 'done', id: message.id, ok: true, why: '' })
      }
    },
  }
  return { feed: new Feed(port), submitted }
}

const open: VueWrapper[] = []
export function show(component: unknown, props: object, feed: Feed, more: Plugin[] = []) {
  const wrapper = mount(component as never, {
    props: props as never,
    attachTo: document.body,
    global: { plugins: [i18n, createPinia(), ...more], provide: { [FEED as symbol]: feed } },
  })
  open.push(wrapper)
  return wrapper
}

afterEach(() => {
  for (const wrapper of open.splice(0)) wrapper.unmount()
  i18n.global.locale.value = 'en'
  vi.useRealTimers()
})
