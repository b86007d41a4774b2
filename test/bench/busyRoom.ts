// A room full of people who allocate, write and free, and a page that looks at it.

import type { Browser, Page, Worker } from 'playwright-core'
import { classUrl } from '../helpers/browser.ts'
import { Extra } from '../helpers/extra.ts'
import { startServer, type TestServer } from '../helpers/server.ts'

const STATEMENTS_PER_SECOND = 2
const KIB = 1024

export interface BusyRoom {
  server: TestServer
  code: string
  page: Page
  replica: Worker // the page's
  statements(): number // that were accepted so far
  close(): Promise<void>
}

/** `frames` of 4 KiB, so many people at two statements a second each. */
export async function openBusyRoom(
  browser: Browser,
  frames: number,
  people: number,
): Promise<BusyRoom> {
  const server = await startServer()
  const response = await fetch(`${server.url}/api/rooms`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ram: `${frames / 256}M`, swap: '0' }),
  })
  const { code } = (await response.json()) as { code: string }
  const extras: Extra[] = []
  for (let i = 0; i < people; i++) extras.push(await Extra.join(server.url, code, `Busy ${i + 1}`))

  // Half of RAM is in use, and an eighth of that changes hands all the time.
  const block = Math.floor((frames * 4 * KIB) / 2 / people / 8)
  let statements = 0
  let turn = 0
  const names = 'abcdefgh'
  const timer = setInterval(
    () => {
      const at = turn++
      const who = extras[at % people]
      const round = Math.floor(at / people)
      const name = names[Math.floor(round / 3) % names.length]
      const lines = [
        `${name} = realloc(${round < 3 * names.length ? 'NULL' : name}, ${block})`,
        `memset(${name}, ${at % 256}, ${block})`,
        round % 6 === 5 ? `free(${name}); ${name} = NULL` : `${name}[${at % block}] = 'x'`,
      ]
      who.c(lines[round % 3]).then(
        ({ ok }) => (statements += ok ? 1 : 0),
        () => undefined, // the room closes
      )
    },
    1000 / STATEMENTS_PER_SECOND / people,
  )

  const context = await browser.newContext({
    locale: 'en-GB',
    viewport: { width: 1366, height: 657 },
  })
  const page = await context.newPage()
  const [replica] = await Promise.all([page.waitForEvent('worker'), enter(page, server, code)])
  return {
    server,
    code,
    page,
    replica,
    statements: () => statements,
    async close() {
      clearInterval(timer)
      for (const extra of extras) extra.leave()
      await context.close()
      await server.remove()
    },
  }
}

async function enter(page: Page, server: TestServer, code: string): Promise<void> {
  await page.goto(`${classUrl(server.url)}/${code}`)
  await page.getByTestId('join-name').fill('Reader')
  await page.getByTestId('join-go').click()
  await page.locator('[data-testid=connection][data-state=live]').waitFor({ timeout: 60_000 })
}
