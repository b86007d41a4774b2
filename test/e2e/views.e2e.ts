// Each view and each state of it, in both languages, on a small laptop, a large screen and a phone.

import { beforeAll, expect, it } from 'vitest'
import { violations } from '../helpers/axe.ts'
import { Hall } from '../helpers/hall.ts'
import { SIZES, type Language, type Seat } from '../helpers/seat.ts'

const PHONE = 390

const english = {
  fresh: /process of your own/,
  calls: /Calls/,
  segments: /stack ↓[^]*heap ↑[^]*text/,
  killed: /was killed: out of memory[^]*pages in RAM \+ [\d,]+ in swap \+ [\d,]+ page tables = /,
  panic: /kernel has panicked/,
  booted: /booted anew/,
  noRoom: /There is no room 123\s456/,
  figures: /Memory used[^]*of 1\d\.\d\sMiB[^]*Faults per second/,
}
const words: Record<Language, typeof english> = {
  en: english,
  de: {
    fresh: /eigenen Prozess/,
    calls: /Aufrufe/,
    segments: /Stack ↓[^]*Heap ↑[^]*Text/,
    killed: /Speicher[^]*Seiten im RAM \+ [\d.]+ im Swap \+ [\d.]+ Seitentabellen = /,
    panic: /Kernel/,
    booted: /neu gebootet|neu gestartet/,
    noRoom: /keinen Raum 123\s456/,
    figures: /Belegter Speicher[^]*von 1\d,\d\sMiB[^]*Seitenfehler/,
  },
}

/** The place has these words in both languages, and at each size it is in sight. */
const isSaid = (seat: Seat, testId: string, what: keyof typeof english) =>
  seat.inEachLanguage((_, language) => seat.atEachSize(testId, words[language][what]))

const hall = Hall.of()
let teacher: Seat
let ada: Seat
let code: string

beforeAll(async () => {
  ;({ teacher, ada, code } = await hall.lesson())
})

it('a desk that nobody has used yet says how to begin', async () => {
  await isSaid(ada, 'prompt-output', 'fresh')
})

it('on a small laptop prompt, map and addresses are in sight at once, on a phone the prompt', async () => {
  const { page } = ada
  for (const size of SIZES) {
    await page.setViewportSize(size)
    const inSight =
      size.width === PHONE ? ['prompt-input'] : ['prompt-input', 'space-column', 'map-canvas']
    for (const testId of inSight) {
      const box = (await ada.at(testId).boundingBox())!
      expect(box.y + Math.min(box.height, 40), testId).toBeLessThanOrEqual(size.height)
      expect(box.height, testId).toBeGreaterThan(20)
    }
    if (size.width === PHONE) continue
    const tall = await page.evaluate(() => document.documentElement.scrollHeight)
    expect(tall, 'nothing to scroll').toBeLessThanOrEqual(size.height)
  }
  await page.setViewportSize(SIZES[0])
})

it('the palette makes a line of C, the prompt runs it, the heap is drawn', async () => {
  await isSaid(ada, 'prompt-calls', 'calls')
  await ada.at('prompt-calls').click()
  await ada.at('palette-find').fill('malloc')
  await ada.page.keyboard.press('Enter')
  await expect.poll(() => ada.at('palette-line').innerText()).toBe('p = malloc(1 << 20)')
  expect(await violations(ada.page)).toEqual([])
  await ada.at('palette').locator('.params input').first().fill('3000')
  await ada.at('palette-fill').click()
  expect(await ada.at('prompt-input').inputValue()).toBe('p = malloc(3000)')
  await ada.at('prompt-input').press('Enter')
  await expect.poll(() => ada.at('prompt-output').innerText()).toMatch(/p = \(void \*\) 0x1/)
  await isSaid(ada, 'space-column', 'segments')
  await ada.at('space-scale').click()
  await isSaid(ada, 'space-column', 'segments')
  await ada.at('space-scale').click()
})

it('names are completed from a list by the keys', async () => {
  const input = ada.at('prompt-input')
  await input.fill('q = mall')
  await input.press('Tab')
  await ada.page.getByRole('option', { name: 'malloc void *malloc(size_t size)' }).waitFor()
  expect(await violations(ada.page)).toEqual([])
  await input.press('ArrowDown')
  await input.press('Enter')
  expect(await input.inputValue()).toMatch(/^q = mall\w+\($/)
  await input.fill('')
})

it('the podium has figures over time', async () => {
  await teacher.at('figures').locator('canvas').first().waitFor()
  await isSaid(teacher, 'figures', 'figures')
  expect(await violations(teacher.page)).toEqual([])
})

it('on the projector’s type the last tab and the last tool are in reach as well', async () => {
  const theme = teacher.at('theme')
  await theme.selectOption('projector')
  for (const [group, last] of [
    [teacher.page.locator('.tabbed'), teacher.at('tab-heap')],
    [
      teacher.page.locator('.panel:has([data-testid=teacher-tool])'),
      teacher.at('teacher-tool').locator('button').last(),
    ],
  ]) {
    const [around, box] = [(await group.first().boundingBox())!, (await last.boundingBox())!]
    expect(box.x + box.width).toBeLessThanOrEqual(around.x + around.width)
  }
  await theme.selectOption('system')
})

it('the wall shows how to join and how it stands, no names and nothing to press', async () => {
  const wall = await hall.seat('de-DE')
  const { page } = wall
  await page.goto(`${hall.origin}/${code}/projector`)
  await expect.poll(() => wall.at('projector-facts').innerText()).toMatch(/2[^]*Prozesse/)
  for (const { width, height } of SIZES) {
    await page.setViewportSize({ width, height })
    const shown = await page.locator('body').innerText()
    expect(shown).toContain(`${code.slice(0, 3)}\u00a0${code.slice(3)}`)
    expect(shown).not.toMatch(/Ada|Grace/)
    await wall.fits(width, 'the wall')
  }
  expect(await page.locator('button, a[href], input, select, [tabindex="0"]').count()).toBe(
    await page.locator('a[href="#content"], .legend[tabindex]').count(),
  )
  await page.setViewportSize(SIZES[1])
  const smallest = await page.evaluate(() => {
    const texts = [...document.querySelectorAll('[data-testid=projector] *')].filter(
      (element) =>
        [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent!.trim()) &&
        element.getClientRects().length > 0 &&
        element.closest('.sr-only') === null,
    )
    return Math.min(...texts.map((element) => parseFloat(getComputedStyle(element).fontSize)))
  })
  expect(smallest, 'px on a wall of 1080').toBeGreaterThanOrEqual(26)
  expect(await violations(page)).toEqual([])
  await wall.close()
})

it('a process that was killed: who, why, and the arithmetic', async () => {
  await ada.c(`r = malloc(${3 << 20})`)
  await ada.c(`memset(r, 1, ${3 << 20})`)
  await teacher.at('teacher-oom').click()
  await teacher.at('teacher-oom').click()
  await isSaid(ada, 'death', 'killed')
  expect(await violations(ada.page)).toEqual([])
})

it('a machine that has panicked, and one that was booted anew', async () => {
  await teacher.at('tab-oom').click()
  await teacher.at('oom-panic').click()
  await teacher.at('teacher-hog-size').fill('64')
  await teacher.at('teacher-hog-rate').selectOption('64')
  await teacher.at('teacher-hog-run').click()
  await teacher.at('reboot').waitFor()
  await isSaid(ada, 'panic', 'panic')
  await teacher.at('reboot').click()
  await ada.inEachLanguage((_, language) =>
    expect.poll(() => ada.at('banner').innerText()).toMatch(words[language].booted),
  )
  await ada.at('prompt-input').waitFor()
})

it('a room that does not exist', async () => {
  const lost = await hall.seat()
  await lost.page.goto(`${hall.origin}/123456`)
  await lost.at('join-name').fill('Ada')
  await lost.at('join-go').click()
  await isSaid(lost, 'join-refused', 'noRoom')
  expect(await violations(lost.page)).toEqual([])
  await lost.close()
})

it('a recording: the same panels, markers by the keys, a moment by ?t=', async () => {
  const { page } = teacher
  await page.goto(`${hall.origin}/${code}/replay?t=9:59`)
  const moment = () => teacher.at('replay-moment').innerText()
  // A time beyond the end is the end.
  await expect.poll(moment, { timeout: 30_000 }).toMatch(/ ([\d.,]+) \w+ \1$/)
  const entry = async () =>
    Number(/\d[\d.,]*(?=\D+\d[\d.,]*$)/.exec(await moment())![0].replace(/\D/g, ''))
  const end = await entry()
  await page.keyboard.press('[')
  await expect.poll(entry).toBeLessThan(end)
  const before = await entry()
  await page.keyboard.press(']')
  await expect.poll(entry).toBeGreaterThan(before)
  await page.keyboard.press('k')
  for (const testId of ['prompt-output', 'space-column', 'map-canvas', 'process-list', 'syslog'])
    await teacher.at(testId).waitFor()
  await teacher.inEachLanguage(() => teacher.atEachSize('replay-moment', /\d/))
  expect(await violations(page)).toEqual([])
})
