// Text that people and programs of the machine make up, in a real browser: it is shown, and nothing of it is done. And
// the teacher's secret, where a browser could leave it behind.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { beforeAll, expect, it } from 'vitest'
import { Hall } from '../helpers/hall.ts'
import type { Seat } from '../helpers/seat.ts'
import { topDirectory } from '../helpers/top.ts'

const hall = Hall.of()
const HTML = '<img src=x onerror=alert(1)>' // a name may be as long
const MALLORY = 2

let teacher: Seat
let mallory: Seat
let wall: Seat
let code: string
const dialogs: string[] = []

/** A page on which nothing may come up. */
async function watched(seat: Promise<Seat>): Promise<Seat> {
  const { page } = await seat
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message())
    void dialog.dismiss()
  })
  return seat
}

beforeAll(async () => {
  ;[teacher, mallory, wall] = await Promise.all([
    watched(hall.seat()),
    watched(hall.seat()),
    watched(hall.seat()),
  ])
  code = await teacher.create(hall.origin, { name: 'Grace', ram: 16 })
  await mallory.join(hall.origin, code, HTML)
  await wall.page.goto(`${hall.origin}/${code}/projector`)
})

/** No element that was made of text, no title that text has set. */
async function isUnharmed(page: Page): Promise<void> {
  expect(await page.locator('img, iframe, object, embed, body script, [onerror]').count()).toBe(0)
  expect(await page.title()).not.toMatch(/owned|onerror/)
  expect(await page.evaluate(() => 'pwned' in window)).toBe(false)
}

it('is shown as text wherever it comes: prompt, lists, map, logs, wall, recording', async () => {
  // What is printed, with everything a terminal or a page could obey.
  const said = await mallory.c(
    `printf("<b>bold</b><script>pwned=1</script>${HTML}\\x1b]0;owned\\x07\\x1b[2J\\x1b[31m\\n=1+1 @SUM -2 +3\\n")`,
  )
  expect(said).toContain(`<b>bold</b><script>pwned=1</script>${HTML}`)
  expect(said).toContain('=1+1 @SUM -2 +3')
  const error = await mallory.c('<svg onload=alert(2)>')
  expect(error).toContain('<svg onload=alert(2)>')

  // A process, a string and a directory with such names.
  await mallory.c('char *p = malloc(1 << 20)')
  await mallory.c(`memset(p, '<', 1 << 20)`)
  await mallory.c('strcpy(p, "<img src=x onerror=alert(3)>")')
  await mallory.c('prctl(PR_SET_NAME, "<i onload=a(4)>")')
  await mallory.c('mkdir("/tmp/<u onload=alert(5)>", 0755)')
  await expect.poll(() => mallory.at('process-list').innerText()).toContain('<i onload=a(4)>')
  await expect.poll(() => teacher.at('process-list').innerText()).toContain('<i onload=a(4)>')
  expect(await teacher.at('process-list').innerText()).toContain(HTML)

  await teacher.openPeople()
  await expect.poll(() => teacher.at(`person-${MALLORY}`).innerText()).toContain(HTML)
  await teacher.at(`person-${MALLORY}`).getByTestId('pair').click()
  await isUnharmed(teacher.page)
  await teacher.page.keyboard.press('Escape')
  await teacher.closePeople()

  // Each frame of hers on the map; what one looks at beside it.
  await teacher.at('map-canvas').focus()
  const frames = teacher.at('map-info')
  await teacher.page.keyboard.press('End')
  for (let frame = 0; frame < 60; frame++) {
    if ((await frames.innerText()).includes(HTML)) break
    await teacher.page.keyboard.press('ArrowUp')
    await teacher.page.waitForTimeout(50)
  }
  expect(await frames.innerText()).toContain(HTML)
  for (const seat of [teacher, mallory]) {
    for (const tab of ['oom', 'pressure', 'space', 'heap', 'processes']) {
      await seat.at(`tab-${tab}`).click()
      await seat.page.locator('[role=tabpanel][data-state=active]').waitFor()
      await isUnharmed(seat.page)
    }
  }

  // The kill, of which the syslog, the announcement, the wall and her own desk tell.
  await teacher.at('teacher-oom').click()
  await teacher.at('teacher-oom').click()
  await expect.poll(() => mallory.syslog()).toContain('(<i onload=a(4)>)')
  await expect.poll(() => mallory.at('death').innerText()).toContain('<i onload=a(4)>')
  await expect.poll(() => wall.at('projector-kill').innerText()).toContain('<i onload=a(4)>')
  for (const seat of [teacher, mallory, wall]) await isUnharmed(seat.page)

  await mallory.at('to-replay').click()
  await mallory.at('replay-moment').waitFor()
  await mallory.page.keyboard.press('k')
  await expect.poll(() => mallory.at('replay-whose').innerText()).toContain(HTML)
  await expect.poll(() => mallory.syslog()).toContain('(<i onload=a(4)>)')
  await isUnharmed(mallory.page)
  expect(dialogs).toEqual([])
})

it('the key of a teacher is in no address, no history and no file that the server gives', async () => {
  const made = await fetch(`${hall.server.url}/api/rooms`, { method: 'POST' })
  const room = (await made.json()) as { code: string; teacherToken: string; teacherKey: string }
  const { teacherKey: key } = room
  const root = await hall.seat()
  await root.page.goto(`${hall.origin}/${room.code}#key=${key}`)
  await root.live()
  await root.at('room-controls').waitFor()
  expect(root.page.url()).toBe(`${hall.origin}/${room.code}`)
  const devtools = await root.page.context().newCDPSession(root.page)
  const { entries } = await devtools.send('Page.getNavigationHistory')
  expect(entries.map(({ url }) => url)).toEqual(['about:blank', root.page.url()])
  expect(await root.at('to-projector').getAttribute('href')).toBe(`/${room.code}/projector`)
  const shown = await root.page.evaluate(() => document.documentElement.outerHTML)
  expect(shown).not.toContain(key)

  const [projector] = await Promise.all([
    root.page.context().waitForEvent('page'),
    root.at('to-projector').click(),
  ])
  await projector.getByTestId('projector-code').waitFor()
  expect(projector.url()).toBe(`${hall.origin}/${room.code}/projector`)
  expect(await projector.content()).not.toContain(key)
  // What a browser may remember of what was typed opens nothing any more; whoever used it keeps the seat.
  const thief = await hall.seat()
  await thief.page.goto(`${hall.origin}/${room.code}#key=${key}`)
  await expect.poll(() => thief.page.locator('body').innerText()).toContain('good once')
  await root.page.reload()
  await root.live()
  await root.at('room-controls').waitFor()
  // Nor does the link take the seat from the browser that has it, in the tab with the room or in a new one.
  await root.page.evaluate((hash) => (location.hash = hash), `key=${key}`)
  await expect.poll(() => root.page.url()).toBe(`${hall.origin}/${room.code}`)
  await root.page.goto('about:blank')
  await root.page.goto(`${hall.origin}/${room.code}#key=${key}`)
  await root.live()
  await root.at('room-controls').waitFor()

  // What others get: the page, the scripts, the log.
  const join = await (await fetch(`${hall.server.url}/${room.code}`)).text()
  const log = await (await fetch(`${hall.server.url}/api/rooms/${room.code}/log`)).text()
  for (const text of [join, log, hall.server.output()])
    for (const secret of [key, room.teacherToken]) expect(text).not.toContain(secret)
})

it('no secret of ours is in what is built for browsers', async () => {
  const client = join(topDirectory(), 'dist', 'client')
  const names = (await readdir(client, { recursive: true })).filter((name) => /\.\w+$/.test(name))
  expect(names.length).toBeGreaterThan(10)
  for (const name of names) {
    const text = await readFile(join(client, name), 'latin1')
    const secrets = [topDirectory(), hall.server.data, 'CREATE_PASSWORD', 'process.env.DATA']
    const found = secrets.filter((secret) => text.includes(secret))
    expect(found, name).toEqual([])
  }
})
