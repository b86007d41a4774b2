// Pictures of desk and podium under memory pressure, to look at: `npm run screenshots [WORD …]` makes those whose names
// have all the words. They land in test/screenshots/pictures.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { io, type Socket } from 'socket.io-client'
import type { Page } from 'playwright-core'
import type { Command } from '../../shared/room/entry.ts'
import { PROTOCOL, type Accepted, type Refusal, type Welcome } from '../../shared/wire/events.ts'
import { classUrl, launchBrowser } from '../helpers/browser.ts'
import { startServer } from '../helpers/server.ts'

const folder = fileURLToPath(new URL('pictures', import.meta.url))
const words = process.argv.slice(2)

const sizes = { small: [390, 844], laptop: [1366, 768], large: [1920, 1080] } as const
const tabs = ['processes', 'oom', 'pressure', 'space'] as const
const MIB = 2 ** 20

/** Somebody who has a seat and no screen. */
class Extra {
  readonly socket: Socket
  private seat = 0

  private constructor(socket: Socket) {
    this.socket = socket
  }

  static async join(url: string, code: string, name: string): Promise<Extra> {
    const auth = { protocol: PROTOCOL, code, name }
    const extra = new Extra(io(url, { auth, transports: ['websocket'], forceNew: true }))
    const welcome = await new Promise<Welcome>((done) => extra.socket.once('welcome', done))
    extra.seat = welcome.seat
    return extra
  }

  /** A line for the first C prompt: the seat's shell was born before it. */
  c(line: string): Promise<Accepted | Refusal> {
    const command: Command = { t: 'ic', task: `${this.seat}.2`, line }
    return this.socket.emitWithAck('command', command) as Promise<Accepted | Refusal>
  }
}

const people =
  'Ada Ben Cem Dana Emil Fatma Gül Hanna Ivan Jana Kim Lars Mia Noor Ole Pia Quirin Rosa Sami Tom'
const names = [...people.split(' '), ...people.split(' ').map((name) => `${name} 2`)]
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms))

await mkdir(folder, { recursive: true })
const server = await startServer({ built: true })
const browser = await launchBrowser()
const url = classUrl(server.url)

async function open(theme: string, locale: string): Promise<Page> {
  const context = await browser.newContext({ reducedMotion: 'reduce' })
  const page = await context.newPage()
  await page.addInitScript(
    ([shown, language]) => {
      localStorage.setItem('oomroom:theme', JSON.stringify(shown))
      localStorage.setItem('oomroom:locale', JSON.stringify(language))
    },
    [theme, locale],
  )
  page.on('pageerror', (error) => console.error(error))
  return page
}

async function shoot(page: Page, name: string, size: keyof typeof sizes): Promise<void> {
  const [width, height] = sizes[size]
  await page.setViewportSize({ width, height })
  await pause(900)
  const wide = await page.evaluate(() => document.documentElement.scrollWidth)
  if (wide > width) console.error(`${name} ${size}: ${wide - width} px stick out`)
  const path = join(folder, `${name}-${size}.png`)
  await page.screenshot({ path, fullPage: size === 'small' })
}

async function room(seats: number, theme: string, locale: string): Promise<void> {
  const label = `${seats}-${theme}-${locale}`
  const wanted = (size: string) => words.every((word) => `${label}-${size}`.includes(word))
  const shown = (Object.keys(sizes) as (keyof typeof sizes)[]).filter(wanted)
  if (shown.length === 0) return
  const podium = await open(theme, locale)
  await podium.goto(url)
  await podium.getByTestId('home-join-name').fill('Grace')
  await podium.getByTestId('home-create-ram').selectOption('64')
  await podium.getByTestId('home-create-swap').selectOption('64')
  for (const size of shown) await shoot(podium, `${label}-home`, size)
  await podium.getByTestId('home-create').click()
  await podium.waitForURL(/\/\d{6}$/)
  const code = /\d{6}$/.exec(podium.url())![0]
  const desk = await open(theme, locale)
  await desk.goto(url)
  await desk.getByTestId('home-join-code').fill(code)
  await desk.getByTestId('home-join-name').fill('Linus')
  await desk.getByTestId('home-join').click()
  await desk.getByTestId('prompt-input').waitFor()
  const extras: Extra[] = []
  for (const name of names.slice(0, seats - 1))
    extras.push(await Extra.join(server.url, code, name))

  const each = Math.floor((76 * MIB) / seats) - 0.4 * MIB
  const lines = [`p = malloc(${each})`, `memset(p, 'x', ${each})`, `memset(p, 'y', ${each})`]
  for (const line of lines) {
    await desk.getByTestId('prompt-input').fill(line)
    await desk.getByTestId('prompt-input').press('Enter')
    for (const extra of extras) await extra.c(line)
    await pause(1500)
  }
  await pause(2500)
  for (const size of shown) {
    for (const tab of tabs) {
      for (const [who, page] of [
        ['desk', desk],
        ['podium', podium],
      ] as const) {
        await page.getByTestId(`tab-${tab}`).click()
        if (tab === 'oom') {
          const row = page.locator('[data-testid^=oom-row-]').first()
          if ((await row.getAttribute('aria-expanded')) === 'false') await row.click()
        }
        await shoot(page, `${label}-${who}-${tab}`, size)
      }
    }
    await podium.getByText(/^(Age|Alter)$/).click()
    if (size !== 'small') {
      await podium.getByTestId('tab-oom').click()
      await podium.getByTestId('tabs-large').click()
      await shoot(podium, `${label}-podium-enlarged`, size)
      await podium.getByTestId('tabs-large').click()
    }
  }
  await podium.getByTestId('tab-oom').click()
  await podium.getByTestId('oom-panic').click()
  await podium.getByTestId('teacher-hog-size').fill('400')
  await podium.getByTestId('teacher-hog-rate').selectOption('64')
  await podium.getByTestId('teacher-hog-run').click()
  await podium.getByTestId('reboot').waitFor({ timeout: 60_000 })
  for (const size of shown) {
    await shoot(podium, `${label}-podium-panic`, size)
    await shoot(desk, `${label}-desk-panic`, size)
  }
  await podium.getByTestId('reboot').click()
  await desk.getByTestId('prompt-input').waitFor()
  for (const size of shown) await shoot(desk, `${label}-desk-booted`, size)
  for (const { socket } of extras) socket.disconnect()
  await podium.context().close()
  await desk.context().close()
}

try {
  await room(8, 'light', 'en')
  await room(8, 'dark', 'de')
  await room(1, 'dark', 'en')
  await room(40, 'light', 'de')
} finally {
  await browser.close()
  await server.remove()
}
