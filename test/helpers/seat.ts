// A person in front of a browser: a page with its own memory of seats, and what one does on it.

import type { Browser, Locator, Page } from 'playwright-core'
import { expect } from 'vitest'
import { de } from '../../client/i18n/de.ts'
import { en, type Catalogue } from '../../client/i18n/en.ts'

const PATIENCE_MS = 15_000
// What a browser says when a server ends or a new one is not there yet: the page shows it, the console repeats it.
const NETWORK = /ERR_CONNECTION|ERR_SOCKET|ERR_EMPTY_RESPONSE|WebSocket connection/

export const SIZES = [
  { width: 1366, height: 657 },
  { width: 1920, height: 1080 },
  { width: 390, height: 844 },
]
const [LAPTOP] = SIZES

export type Language = 'en' | 'de'
const languages: [Language, Catalogue][] = [
  ['en', en],
  ['de', de],
]

export class Seat {
  readonly page: Page
  /** What went wrong on the page that its script did not expect. */
  readonly faults: string[] = []

  private constructor(page: Page) {
    this.page = page
    page.setDefaultTimeout(PATIENCE_MS)
    page.on('pageerror', (error) => this.faults.push(error.stack ?? error.message))
    page.on('console', (message) => {
      if (message.type() === 'error' && !NETWORK.test(message.text()))
        this.faults.push(message.text())
    })
  }

  static async open(browser: Browser, locale = 'en-GB'): Promise<Seat> {
    const context = await browser.newContext({
      locale,
      viewport: LAPTOP,
      acceptDownloads: true,
    })
    return new Seat(await context.newPage())
  }

  /** The person at a page that is open already. */
  static of(page: Page): Seat {
    return new Seat(page)
  }

  at(testId: string): Locator {
    return this.page.getByTestId(testId)
  }

  /** Opens a room as its teacher; the code. */
  async create(origin: string, { name, ram }: { name: string; ram: number }): Promise<string> {
    await this.page.goto(origin)
    await this.at('home-join-name').fill(name)
    await this.at('home-create-ram').selectOption(String(ram))
    await this.at('home-create').click()
    await this.page.waitForURL(/\/\d{6}$/)
    await this.live()
    return /\d{6}$/.exec(this.page.url())![0]
  }

  async join(origin: string, code: string, name: string): Promise<void> {
    await this.page.goto(origin)
    await this.at('home-join-code').fill(code)
    await this.at('home-join-name').fill(name)
    await this.at('home-join').click()
    await this.page.waitForURL(`**/${code}`)
    await this.live()
  }

  /** In English and in German, as the person chooses it. */
  async inEachLanguage(
    check: (say: Catalogue, language: Language) => Promise<void>,
  ): Promise<void> {
    for (const [language, say] of languages) {
      await this.at('locale').selectOption(language)
      await check(say, language)
    }
    await this.at('locale').selectOption('en')
  }

  /** The place comes to have these words, in both languages. */
  says(testId: string, words: (say: Catalogue) => string): Promise<void> {
    return this.inEachLanguage((say) =>
      expect.poll(() => this.at(testId).innerText(), { message: testId }).toContain(words(say)),
    )
  }

  /** At each size the place is in sight and has these words, and nothing sticks out to the side. */
  async atEachSize(testId: string, text: RegExp): Promise<void> {
    const place = this.at(testId).first()
    for (const size of SIZES) {
      await this.page.setViewportSize(size)
      await expect.poll(() => place.innerText(), { message: testId }).toMatch(text)
      expect(await place.isVisible(), testId).toBe(true)
      await this.fits(size.width, testId)
    }
    await this.page.setViewportSize(LAPTOP)
  }

  async fits(width: number, what: string): Promise<void> {
    const wide = () => this.page.evaluate(() => document.documentElement.scrollWidth)
    await expect.poll(wide, { message: `${what} at ${width}` }).toBeLessThanOrEqual(width)
  }

  live(): Promise<void> {
    return this.page.locator('[data-testid=connection][data-state=live]').waitFor()
  }

  /** Types a line of C and gives what the prompt has answered when the statement is done. */
  async c(line: string): Promise<string> {
    const blocks = this.at('prompt-output').locator('.block')
    await this.at('prompt-input').waitFor()
    const before = await blocks.count()
    await this.at('prompt-input').fill(line)
    await this.at('prompt-input').press('Enter')
    const mine = blocks.nth(before)
    await mine.locator('.out').waitFor()
    await mine.locator('.run-note').waitFor({ state: 'detached' })
    return (await mine.innerText()).split('\n').slice(1).join('\n').trim()
  }

  /** The list of processes, a line each: pid, command, state, memory, score. */
  async processes(): Promise<string[]> {
    const rows = await this.at('process-list').locator('tbody tr').allInnerTexts()
    return rows.map((row) => row.replace(/\s+/g, ' ').trim())
  }

  /** pids of those processes that execute a program of this name. */
  async pidsOf(comm: string): Promise<number[]> {
    const rows = (await this.processes()).map((row) => /^(\d+) (?:└ )?(\S+)/.exec(row))
    return rows.filter((row) => row?.[2] === comm).map((row) => Number(row![1]))
  }

  async syslog(): Promise<string> {
    return this.at('syslog').innerText()
  }

  async openPeople(): Promise<void> {
    await this.at('presence').click()
    await this.at('roster').waitFor()
  }

  async closePeople(): Promise<void> {
    await this.page.keyboard.press('Escape')
    await this.at('roster').waitFor({ state: 'detached' })
  }

  /** The frame on the map, found with the keys, and what is said about it. */
  async frame(pfn: number): Promise<string> {
    const shown = async () => {
      const text = await this.at('map-info').innerText()
      return Number(/\d[\d,]*/.exec(text)?.[0].replaceAll(',', '') ?? -1)
    }
    // A key that is held repeats itself.
    const press = async (key: string, count: number) => {
      for (let i = 0; i < count; i++) await this.page.keyboard.down(key)
      if (count > 0) await this.page.keyboard.up(key)
    }
    await this.at('map-canvas').focus()
    await press('Escape', 1)
    await press('Home', 1)
    await expect.poll(shown).toBe(0)
    await press('ArrowDown', 1)
    await expect.poll(shown).toBeGreaterThan(0)
    const columns = await shown()
    await press('ArrowDown', Math.floor(pfn / columns) - 1)
    await press('ArrowRight', pfn % columns)
    await expect.poll(shown).toBe(pfn)
    // The worker's answer comes after the number.
    await expect.poll(() => this.at('map-info').locator('li').count()).toBeGreaterThan(0)
    return this.at('map-info').innerText()
  }

  close(): Promise<void> {
    return this.page.context().close()
  }
}
