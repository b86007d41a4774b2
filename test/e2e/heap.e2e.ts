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
})
