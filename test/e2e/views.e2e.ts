// Each view and each state of it, in both languages, on a small laptop, a large screen and a phone.

import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { violations } from '../helpers/axe.ts'
import { classUrl, launchBrowser } from '../helpers/browser.ts'
import { Seat } from '../helpers/seat.ts'
import { startServer, type TestServer } from '../helpers/server.ts'

const sizes = [
  { width: 1366, height: 657 },
  { width: 1920, height: 1080 },
  { width: 390, height: 844 },
]
const PHONE = 390
const patient = { timeout: 15_000, interval: 200 }

let server: TestServer
let browser: Browser
let origin: string

beforeAll(async () => {
  server = await startServer({ built: true })
  browser = await launchBrowser()
  origin = classUrl(server.url)
})

afterAll(async () => {
  await browser?.close()
  await server?.remove()
})

/** At each size: the text is in sight, and nothing sticks out to the side. */
async function atEachSize(page: Page, testId: string, text: RegExp): Promise<void> {
  for (const size of sizes) {
    await page.setViewportSize(size)
    const place = page.getByTestId(testId).first()
    await expect.poll(() => place.innerText(), { ...patient, message: testId }).toMatch(text)
    expect(await place.isVisible(), testId).toBe(true)
    const wide = () => page.evaluate(() => document.documentElement.scrollWidth)
    await expect
      .poll(wide, { ...patient, message: `${testId} at ${size.width}` })
      .toBeLessThanOrEqual(size.width)
  }
  await page.setViewportSize(sizes[0])
}

const languages = [
  {
    locale: 'en-GB',
    fresh: /process of your own/,
    calls: /Calls/,
    segments: /stack ↓[^]*heap ↑[^]*text/,
    killed: /was killed: out of memory[^]*pages in RAM \+ [\d,]+ in swap \+ [\d,]+ page tables = /,
    lost: /It is not you[^]*\d+ seconds? old/,
    elsewhere: /Another window acts/,
    panic: /kernel has panicked/,
    booted: /booted anew/,
    noRoom: /There is no room 123\s456/,
    figures: /Memory used[^]*of 1\d\.\d\sMiB[^]*Faults per second/,
  },
  {
    locale: 'de-DE',
    fresh: /eigenen Prozess/,
    calls: /Aufrufe/,
    segments: /Stack ↓[^]*Heap ↑[^]*Text/,
    killed: /Speicher[^]*Seiten im RAM \+ [\d.]+ im Swap \+ [\d.]+ Seitentabellen = /,
    lost: /Es liegt nicht an dir[^]*\d+ Sekunden? alt/,
    elsewhere: /Ein anderes Fenster/,
    panic: /Kernel/,
    booted: /neu gebootet|neu gestartet/,
    noRoom: /keinen Raum 123\s456/,
    figures: /Belegter Speicher[^]*von 1\d,\d\sMiB[^]*Seitenfehler/,
  },
]

describe.each(languages)('in $locale', (say) => {
  let teacher: Seat
  let ada: Seat
  let code: string

  beforeAll(async () => {
    teacher = await Seat.open(browser, say.locale)
    ada = await Seat.open(browser, say.locale)
    code = await teacher.create(origin, { name: 'Grace', ram: 16 })
    await ada.join(origin, code, 'Ada')
  })
  afterAll(async () => {
    expect([teacher.faults, ada.faults]).toEqual([[], []])
    await teacher.close()
    await ada.close()
  })

  it('a desk that nobody has used yet says how to begin', async () => {
    await atEachSize(ada.page, 'prompt-output', say.fresh)
  })

  it('on a small laptop prompt, map and addresses are in sight at once, on a phone the prompt', async () => {
    const { page } = ada
    for (const size of sizes) {
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
    await page.setViewportSize(sizes[0])
  })

  it('the palette makes a line of C, the prompt runs it, the heap is drawn', async () => {
    expect(await ada.at('prompt-calls').innerText()).toMatch(say.calls)
    await ada.at('prompt-calls').click()
    await ada.at('palette-find').fill('malloc')
    await ada.page.keyboard.press('Enter')
    await expect.poll(() => ada.at('palette-line').innerText(), patient).toBe('p = malloc(1 << 20)')
    expect(await violations(ada.page)).toEqual([])
    await ada.at('palette').locator('.params input').first().fill('3000')
    await ada.at('palette-fill').click()
    expect(await ada.at('prompt-input').inputValue()).toBe('p = malloc(3000)')
    await ada.at('prompt-input').press('Enter')
    await expect
      .poll(() => ada.at('prompt-output').innerText(), patient)
      .toMatch(/p = \(void \*\) 0x1/)
    await atEachSize(ada.page, 'space-column', say.segments)
    await ada.at('space-scale').click()
    await atEachSize(ada.page, 'space-column', say.segments)
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
    await atEachSize(teacher.page, 'figures', say.figures)
    expect(await violations(teacher.page)).toEqual([])
  })

  it('the wall shows how to join and how it stands, no names and nothing to press', async () => {
    const wall = await Seat.open(browser, say.locale)
    const { page } = wall
    await page.goto(`${origin}/${code}/projector`)
    await expect.poll(() => wall.at('projector-facts').innerText(), patient).toMatch(/2[^]*16|2/)
    for (const size of sizes) {
      await page.setViewportSize(size)
      const shown = await page.locator('body').innerText()
      expect(shown).toContain(`${code.slice(0, 3)}\u00a0${code.slice(3)}`)
      expect(shown).not.toMatch(/Ada|Grace/)
      const wide = await page.evaluate(() => document.documentElement.scrollWidth)
      expect(wide).toBeLessThanOrEqual(size.width)
    }
    expect(await page.locator('button, a[href], input, select, [tabindex="0"]').count()).toBe(
      await page.locator('a[href="#content"], .legend[tabindex]').count(),
    )
    await page.setViewportSize(sizes[1])
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
    expect(wall.faults).toEqual([])
    await wall.close()
  })

  it('a second window of one’s own acts, the first one watches and can take over', async () => {
    const second = await ada.page.context().newPage()
    await second.goto(`${origin}/${code}`)
    await atEachSize(ada.page, 'banner', say.elsewhere)
    expect(await violations(ada.page)).toEqual([])
    await ada.at('banner').getByRole('button').click()
    await ada.at('prompt-input').waitFor()
    await second.close()
  })

  it('without a network: that it is not you, and how old the picture is', async () => {
    await ada.page.context().setOffline(true)
    await expect
      .poll(() => ada.at('banner').innerText(), { ...patient, timeout: 30_000 })
      .toMatch(say.lost)
    await atEachSize(ada.page, 'banner', say.lost)
    expect(await violations(ada.page)).toEqual([])
    await ada.page.context().setOffline(false)
    await ada.live()
  })

  it('a process that was killed: who, why, and the arithmetic', async () => {
    await ada.c(`r = malloc(${3 << 20})`)
    await ada.c(`memset(r, 1, ${3 << 20})`)
    await teacher.at('teacher-oom').click()
    await teacher.at('teacher-oom').click()
    await atEachSize(ada.page, 'death', say.killed)
    expect(await violations(ada.page)).toEqual([])
  })

  it('a machine that has panicked, and one that was booted anew', async () => {
    await teacher.at('tab-oom').click()
    await teacher.at('oom-panic').click()
    await teacher.at('teacher-hog-size').fill('64')
    await teacher.at('teacher-hog-rate').selectOption('64')
    await teacher.at('teacher-hog-run').click()
    await teacher.at('reboot').waitFor()
    await atEachSize(ada.page, 'panic', say.panic)
    await teacher.at('reboot').click()
    await expect.poll(() => ada.at('banner').innerText(), patient).toMatch(say.booted)
    await ada.at('prompt-input').waitFor()
  })

  it('a room that does not exist', async () => {
    const lost = await Seat.open(browser, say.locale)
    await lost.page.goto(`${origin}/123456`)
    await lost.at('join-name').fill('Ada')
    await lost.at('join-go').click()
    await atEachSize(lost.page, 'join-refused', say.noRoom)
    expect(await violations(lost.page)).toEqual([])
    await lost.close()
  })

  it('a recording: the same panels, markers by the keys, a moment by ?t=', async () => {
    const { page } = teacher
    await page.goto(`${origin}/${code}/replay?t=9:59`)
    const moment = () => teacher.at('replay-moment').innerText()
    // A time beyond the end is the end.
    await expect.poll(moment, { ...patient, timeout: 30_000 }).toMatch(/ ([\d.,]+) \w+ \1$/)
    const entry = async () =>
      Number(/\d[\d.,]*(?=\D+\d[\d.,]*$)/.exec(await moment())![0].replace(/\D/g, ''))
    const end = await entry()
    await page.keyboard.press('[')
    await expect.poll(entry, patient).toBeLessThan(end)
    const before = await entry()
    await page.keyboard.press(']')
    await expect.poll(entry, patient).toBeGreaterThan(before)
    await page.keyboard.press('k')
    for (const testId of ['prompt-output', 'space-column', 'map-canvas', 'process-list', 'syslog'])
      await teacher.at(testId).waitFor()
    await atEachSize(page, 'replay-moment', /\d/)
    expect(await violations(page)).toEqual([])
  })
})
