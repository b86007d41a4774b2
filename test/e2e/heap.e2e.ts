// The heap panel in a real browser: what is typed at the prompt shows there, and it is accessible.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { classUrl, launchBrowser } from '../helpers/browser.ts'
import { Seat } from '../helpers/seat.ts'
import { startServer, type TestServer } from '../helpers/server.ts'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let server: TestServer
let browser: Browser

beforeAll(async () => {
  server = await startServer({ built: true })
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser.close()
  await server.remove()
})

describe('the heap panel', () => {
  it('follows malloc, free and memset at the prompt', async () => {
    const ada = await Seat.open(browser)
    await ada.create(classUrl(server.url), { name: 'Ada', ram: 64 })
    await ada.at('tab-heap').click()
    await expect.poll(() => ada.at('heap-empty').innerText()).toContain('No malloc() yet')
    await ada.c('char *p = malloc(3000)')
    await expect.poll(() => ada.at('heap-summary').innerText()).toContain('3 chunks')
    await ada.at('heap-list').click()
    const rows = () => ada.at('heap-row').allInnerTexts()
    await expect.poll(rows).toHaveLength(3)
    await ada.c("memset(p, 'x', 3000)")
    await ada.at('heap-row').nth(1).locator('button').click()
    await expect.poll(() => ada.at('heap-byte').innerText()).toContain('0x78')
    await ada.c('q = malloc(24)')
    await ada.at('prompt-input').fill('free(p)')
    await ada.at('prompt-input').press('Enter')
    await expect.poll(async () => (await rows())[1]).toContain('unsorted')
    await ada.at('heap-story').click()
    await expect.poll(() => ada.at('heap-told').innerText()).toContain('is free: unsorted')
    await ada.at('heap-frame').click()
    await expect.poll(() => ada.at('map-info').innerText()).toContain('anonymous')
    await ada.page.evaluate(axe)
    for (const view of ['picture', 'list', 'bins', 'story']) {
      await ada.at(`heap-${view}`).click()
      await ada.page.waitForTimeout(400)
      const found = await ada.page.evaluate(async () => {
        const { axe: run } = window as unknown as {
          axe: { run: () => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
        }
        const { violations } = await run.run()
        return violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`)
      })
      expect(found, view).toEqual([])
    }
    expect(ada.faults).toEqual([])
    await ada.close()
  })
})
