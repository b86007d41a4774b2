// Pictures of every view in every look, to look at: `npm run screenshots [WORD …]` makes those whose names have all
// the words, for instance `npm run screenshots desk 40 projector de`. They land in test/screenshots/pictures as
// VIEW-SEATS-THEME-LANGUAGE-WIDTH.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { classUrl, launchBrowser } from '../helpers/browser.ts'
import { startServer } from '../helpers/server.ts'
import { Extra, names } from '../helpers/extra.ts'

const folder = fileURLToPath(new URL('pictures', import.meta.url))
const words = process.argv.slice(2)
const MIB = 2 ** 20

const classes = [1, 8, 40]
const themes = ['light', 'dark', 'projector']
const locales = ['en', 'de']
const sizes = [
  [1366, 657],
  [1920, 1080],
  [390, 844],
] as const
const PHONE = 390

interface Look {
  theme: string
  locale: string
}

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms))
const wanted = (name: string) => words.every((word) => name.split(/[-.]/).includes(word))

/** True if a picture of the view would be made in some look. */
function isWanted(view: string, seats: number): boolean {
  return themes.some((theme) =>
    locales.some((locale) =>
      sizes.some(([width]) => wanted(`${view}-${seats}-${theme}-${locale}-${width}`)),
    ),
  )
}

async function open(browser: Browser): Promise<Page> {
  const context = await browser.newContext({
    locale: 'en-GB',
    reducedMotion: 'reduce',
    viewport: { width: 1366, height: 657 },
  })
  const page = await context.newPage()
  page.on('pageerror', (error) => console.error(error))
  return page
}

async function putOn(page: Page, { theme, locale }: Look): Promise<void> {
  await page.setViewportSize({ width: 1366, height: 657 })
  await page.getByTestId('theme').selectOption(theme)
  await page.getByTestId('locale').selectOption(locale)
}

/** The view as it is on the page, in every look that is wanted. */
async function shoot(page: Page, view: string, seats: number): Promise<void> {
  const dressed = (await page.getByTestId('theme').count()) > 0
  for (const theme of dressed ? themes : ['projector']) {
    for (const locale of locales) {
      const shown = sizes.filter(([width]) =>
        wanted(`${view}-${seats}-${theme}-${locale}-${width}`),
      )
      if (shown.length === 0) continue
      if (dressed) await putOn(page, { theme, locale })
      else if (locale === 'de') continue
      for (const [width, height] of shown) {
        const name = `${view}-${seats}-${theme}-${locale}-${width}`
        await page.setViewportSize({ width, height })
        await pause(700)
        const wide = await page.evaluate(() => document.documentElement.scrollWidth)
        if (wide > width) console.error(`${name}: ${wide - width} px stick out`)
        const path = join(folder, `${name}.png`)
        await page.screenshot({ path, fullPage: width === PHONE })
      }
    }
  }
  await page.setViewportSize({ width: 1366, height: 657 })
}

await mkdir(folder, { recursive: true })
const server = await startServer()
const browser = await launchBrowser()
const origin = classUrl(server.url)

async function atHome(): Promise<void> {
  if (!isWanted('home', 0) && !isWanted('join', 0)) return
  const page = await open(browser)
  await page.goto(origin)
  await page.getByTestId('home-join-name').fill('Grace')
  await shoot(page, 'home', 0)
  await page.getByTestId('home-create-more').click()
  await shoot(page, 'home-options', 0)
  await page.goto(`${origin}/123456`)
  await shoot(page, 'join', 0)
  await page.getByTestId('join-name').fill('Grace')
  await page.getByTestId('join-go').click()
  await page.getByTestId('join-refused').waitFor()
  await shoot(page, 'join-refused', 0)
  await page.context().close()
}

/** A lesson with so many students under pressure, and what all see of it. */
async function lesson(seats: number): Promise<void> {
  const views = ['desk', 'podium', 'projector', 'replay', 'state']
  if (!views.some((view) => isWanted(view, seats)) && words.length > 0) {
    if (!views.some((view) => words.includes(view))) return
  }
  if (
    !classes.some(
      (n) =>
        n === seats &&
        words.every(
          (w) =>
            !/^\d+$/.test(w) || Number(w) === n || sizes.some(([width]) => width === Number(w)),
        ),
    )
  )
    return
  const podium = await open(browser)
  await podium.goto(origin)
  await podium.getByTestId('home-join-name').fill('Grace')
  await podium.getByTestId('home-create-swap').selectOption('64')
  await podium.getByTestId('home-create').click()
  await podium.waitForURL(/\/\d{6}$/)
  const code = /\d{6}$/.exec(podium.url())![0]
  const desk = await open(browser)
  await desk.goto(origin)
  await desk.getByTestId('home-join-code').fill(code)
  await desk.getByTestId('home-join-name').fill('Linus')
  await desk.getByTestId('home-join').click()
  await desk.getByTestId('prompt-input').waitFor()
  await pause(1500)
  await shoot(desk, 'state-fresh', seats)
  const projector = await open(browser)
  await projector.goto(`${origin}/${code}/projector`)
  const extras: Extra[] = []
  for (const name of names.slice(0, seats - 1))
    extras.push(await Extra.join(server.url, code, name))

  const each = Math.floor((76 / seats - 0.4) * MIB)
  const lines = [
    `p = malloc(${each})`,
    `memset(p, 'x', ${each})`,
    'q = malloc(3000)',
    'c = fork()',
    `memset(p, 'y', ${Math.floor(each / 3)})`,
  ]
  for (const line of lines) {
    await desk.getByTestId('prompt-input').fill(line)
    await desk.getByTestId('prompt-input').press('Enter')
    for (const extra of extras) await extra.c(line)
    await pause(1500)
  }
  await pause(2500)
  for (const tab of ['processes', 'oom', 'pressure', 'space']) {
    for (const [view, page] of [
      ['desk', desk],
      ['podium', podium],
    ] as const) {
      await page.getByTestId(`tab-${tab}`).click()
      if (tab === 'oom') {
        const row = page.locator('[data-testid^=oom-row-]').first()
        if ((await row.getAttribute('aria-expanded')) === 'false') await row.click()
      }
      await shoot(page, `${view}-${tab}`, seats)
    }
  }
  await shoot(projector, 'projector', seats)
  await podium.getByTestId('room-code').click()
  await shoot(podium, 'podium-code', seats)
  await podium.keyboard.press('Escape')
  await podium.getByTestId('tab-processes').click()

  await podium.getByTestId('teacher-oom').click()
  await podium.getByTestId('teacher-oom').click()
  await pause(1500)
  await shoot(desk, 'state-killed', seats)
  await shoot(projector, 'projector-killed', seats)
  await replay(code, seats)
  await panic(podium, desk, seats)
  await desk.context().setOffline(true)
  await pause(12_000)
  await shoot(desk, 'state-lost', seats)
  for (const extra of extras) extra.leave()
  for (const page of [podium, desk, projector]) await page.context().close()
}

async function replay(code: string, seats: number): Promise<void> {
  if (!isWanted('replay', seats)) return
  const page = await open(browser)
  await page.goto(`${origin}/${code}/replay`)
  await page.getByTestId('replay-moment').waitFor()
  await pause(2000)
  await page.keyboard.press('k')
  await pause(500)
  await page.keyboard.press(',')
  await shoot(page, 'replay', seats)
  await page.context().close()
}

async function panic(podium: Page, desk: Page, seats: number): Promise<void> {
  if (!isWanted('state-panic', seats) && !isWanted('state-booted', seats)) return
  await podium.getByTestId('tab-oom').click()
  await podium.getByTestId('oom-panic').click()
  await podium.getByTestId('teacher-hog-size').fill('400')
  await podium.getByTestId('teacher-hog-rate').selectOption('64')
  await podium.getByTestId('teacher-hog-run').click()
  await podium.getByTestId('reboot').waitFor({ timeout: 60_000 })
  await shoot(podium, 'state-panic', seats)
  await podium.getByTestId('reboot').click()
  await desk.getByTestId('prompt-input').waitFor()
  await shoot(desk, 'state-booted', seats)
}

try {
  await atHome()
  for (const seats of classes) await lesson(seats)
} finally {
  await browser.close()
  await server.remove()
}
