// The pages by the rules that a machine can check: WCAG 2.2 A and AA, in each look and on a small screen.

import type { Page } from 'playwright-core'
import { beforeAll, expect, it } from 'vitest'
import { violations } from '../helpers/axe.ts'
import { Hall } from '../helpers/hall.ts'
import type { Seat } from '../helpers/seat.ts'

const hall = Hall.of()
let teacher: Seat
let code: string

beforeAll(async () => {
  teacher = await hall.seat()
  code = await teacher.create(hall.origin, { name: 'Grace', ram: 16 })
  await teacher.c('p = malloc(1 << 20)')
  await teacher.c('fork()')
})

async function inEachLook(page: Page): Promise<string[]> {
  const found: string[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    // Colours on their way from one look to the other are neither.
    await page.evaluate(async () => {
      await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))
      await Promise.allSettled(document.getAnimations().map((a) => a.finished))
    })
    for (const broken of await violations(page)) found.push(`${colorScheme}: ${broken}`)
  }
  await page.emulateMedia({ colorScheme: null })
  return found
}

it('home', async () => {
  const seat = await hall.seat()
  await seat.page.goto(hall.origin)
  await seat.at('home-join').waitFor()
  await seat.at('home-create-more').click()
  expect(await inEachLook(seat.page)).toEqual([])
  await seat.close()
})

it('the way into a room by its address', async () => {
  const seat = await hall.seat()
  await seat.page.goto(`${hall.origin}/${code}`)
  await seat.at('join-go').waitFor()
  expect(await inEachLook(seat.page)).toEqual([])
  await seat.close()
})

it('the room', async () => {
  expect(await inEachLook(teacher.page)).toEqual([])
})

it('what one looks at beside the map', async () => {
  for (const tab of ['oom', 'pressure', 'space']) {
    await teacher.at(`tab-${tab}`).click()
    await teacher.page.locator('[role=tabpanel] tbody tr').first().waitFor()
    if (tab === 'oom') await teacher.page.locator('[data-testid^=oom-row-]').first().click()
    if (tab === 'space') await teacher.at('space').locator('button').first().click()
    expect(await inEachLook(teacher.page), tab).toEqual([])
  }
  await teacher.at('tabs-large').click()
  expect(await violations(teacher.page)).toEqual([])
  await teacher.at('tabs-large').click()
  await teacher.at('tab-processes').click()
})

it('the map by age, and as a table', async () => {
  await teacher.page.getByText('Age', { exact: true }).click()
  expect(await inEachLook(teacher.page)).toEqual([])
  await teacher.at('map-table-toggle').click()
  expect(await inEachLook(teacher.page)).toEqual([])
  await teacher.at('map-table-toggle').click()
})

it('the room on a phone: nothing sticks out to the side', async () => {
  await teacher.page.setViewportSize({ width: 320, height: 568 })
  const wide = () => teacher.page.evaluate(() => document.documentElement.scrollWidth)
  for (const tab of ['oom', 'pressure', 'space', 'processes']) {
    await teacher.at(`tab-${tab}`).click()
    await expect.poll(wide, { message: tab }).toBeLessThanOrEqual(320)
    expect(await violations(teacher.page), tab).toEqual([])
  }
  await teacher.page.setViewportSize({ width: 1366, height: 657 })
})

it('a machine that has panicked', async () => {
  await teacher.at('tab-oom').click()
  await teacher.at('oom-panic').click()
  await teacher.at('teacher-hog-size').fill('64')
  await teacher.at('teacher-hog-rate').selectOption('64')
  await teacher.at('teacher-hog-run').click()
  await teacher.at('reboot').waitFor()
  expect(await inEachLook(teacher.page)).toEqual([])
  await teacher.at('reboot').click()
  await teacher.at('prompt-input').waitFor()
})

it('the recording', async () => {
  await teacher.at('to-replay').click()
  await teacher.at('replay-moment').waitFor()
  expect(await inEachLook(teacher.page)).toEqual([])
})
