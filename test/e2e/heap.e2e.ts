// The heap panel in a real browser: what is typed at the prompt shows there, and it is accessible.

import { describe, expect, it } from 'vitest'
import { violations } from '../helpers/axe.ts'
import { Hall } from '../helpers/hall.ts'

const hall = Hall.of()

describe('the heap panel', () => {
  it('follows malloc, free and memset at the prompt', async () => {
    const ada = await hall.seat()
    await ada.create(hall.origin, { name: 'Ada', ram: 64 })
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
    for (const view of ['picture', 'list', 'bins', 'story']) {
      await ada.at(`heap-${view}`).click()
      await ada.page.waitForTimeout(400)
      expect(await violations(ada.page), view).toEqual([])
    }
  })

  it('is walked with keys, which do nothing else meanwhile', async () => {
    const ada = await hall.seat()
    await ada.create(hall.origin, { name: 'Ada', ram: 64 })
    await ada.c('p = malloc(24); q = malloc(24)')
    await ada.at('tab-heap').click()
    await ada.at('heap-canvas').focus()
    const byte = () => ada.at('heap-byte').locator('strong').first().innerText()
    for (const [key, va] of [
      ['Home', '0x1000000'],
      ['n', '0x1000290'],
      ['n', '0x10002b0'],
      ['p', '0x1000290'],
      ['ArrowRight', '0x1000298'],
    ] as const) {
      await ada.page.keyboard.press(key)
      await expect.poll(byte, { message: key }).toBe(va)
    }
    expect(await ada.page.getByRole('dialog').count()).toBe(0)
  })

  it('tells the last statement of a process that is no more', async () => {
    const ada = await hall.seat()
    await ada.create(hall.origin, { name: 'Ada', ram: 64 })
    await ada.at('tab-heap').click()
    await ada.at('prompt-input').fill('*(int *)0 = 1')
    await ada.at('prompt-input').press('Enter')
    const told = () => ada.at('heap-told').innerText()
    await expect.poll(told).toContain('ended by SIGSEGV')
    await expect.poll(() => ada.at('heap-empty').innerText()).toContain('process has ended')
    await ada.at('prompt-new').click()
    await expect.poll(told).toContain('which has ended')
    // Without a heap, too.
    await ada.c('m = mmap(0, 40960, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)')
    await expect.poll(told).toContain('40 KiB (10 pages)')
  })
})
