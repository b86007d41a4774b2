// Seats as a class loses and finds them again, and what the teacher does with them and with the room, in both languages.

import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { de } from '../../client/i18n/de.ts'
import { en } from '../../client/i18n/en.ts'
import { violations } from '../helpers/axe.ts'
import { classUrl, launchBrowser } from '../helpers/browser.ts'
import { Seat } from '../helpers/seat.ts'
import { startServer, type TestServer } from '../helpers/server.ts'

const patient = { timeout: 5_000, interval: 50 }

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

const banner = (seat: Seat) => expect.poll(() => seat.at('banner').innerText(), patient)
const presence = (seat: Seat, no: number) =>
  expect.poll(() => seat.at(`person-${no}`).getAttribute('data-presence'), patient)

async function openPeople(seat: Seat): Promise<void> {
  await seat.at('presence').click()
  await seat.at('roster').waitFor()
}

const closePeople = (seat: Seat) => seat.page.keyboard.press('Escape')

describe.each([
  { locale: 'en-GB', say: en },
  { locale: 'de-DE', say: de },
])('in $locale', ({ locale, say }) => {
  let teacher: Seat
  let ada: Seat
  let code: string
  let pid: number // of Ada's prompt
  const ADA = 2

  beforeAll(async () => {
    teacher = await Seat.open(browser, locale)
    ada = await Seat.open(browser, locale)
    code = await teacher.create(origin, { name: 'Grace', ram: 16 })
    await ada.join(origin, code, 'Ada')
    await ada.c('int *kept = malloc(100)')
    await ada.at('process-list').locator('tbody tr').nth(1).waitFor()
    ;[pid] = await ada.pidsOf('ic')
  })
  afterAll(async () => {
    expect([teacher.faults, ada.faults]).toEqual([[], []])
    await teacher.close()
    await ada.close()
  })

  it('a closed tab: the seat, its process and its variables are there again', async () => {
    const { page } = ada
    const again = await page.context().newPage()
    await page.close()
    ada = Seat.of(again)
    await again.goto(`${origin}/${code}`)
    await ada.live()
    await expect.poll(() => ada.pidsOf('ic'), patient).toEqual([pid])
    expect(await ada.c('kept != 0')).toContain('1')
  })

  it('another device acts for the seat by a code; the first one watches, and acts when it is gone', async () => {
    await openPeople(ada)
    await ada.at(`person-${ADA}`).getByTestId('pair').click()
    const pair = (await ada.at('pair-code').innerText()).replace(/\s/g, '')
    expect(pair).toMatch(/^[0-9A-Z]{6}$/)
    expect(await violations(ada.page)).toEqual([])
    await closePeople(ada)
    await closePeople(ada)

    const phone = await Seat.open(browser, locale)
    await phone.page.setViewportSize({ width: 390, height: 844 })
    await phone.page.goto(`${origin}/${code}`)
    await phone.at('join-pair').click()
    await phone.at('pair-input').fill(pair.toLowerCase())
    await phone.at('pair-go').click()
    await phone.live()
    expect(await phone.c('kept != 0')).toContain('1')
    await banner(ada).toContain(say.banner.elsewhere)

    const thief = await Seat.open(browser, locale)
    await thief.page.goto(`${origin}/${code}`)
    await thief.at('join-pair').click()
    await thief.at('pair-input').fill(pair)
    await thief.at('pair-go').click()
    await expect.poll(() => thief.at('join-refused').innerText(), patient).toBe(say.refused.pair)
    await thief.close()
    await phone.close()
    await banner(ada).not.toContain(say.banner.elsewhere)
    expect(await ada.c('kept != 0')).toContain('1')
  })

  it('a network that is gone for a while', async () => {
    await ada.page.context().setOffline(true)
    // A dead line is noticed within ten seconds.
    await expect.poll(() => ada.at('banner').innerText(), { timeout: 15_000 }).not.toBe('')
    await expect.poll(() => ada.at('prompt-held').innerText()).toBe(say.prompt.held.offline)
    await ada.page.context().setOffline(false)
    await ada.live()
    expect(await ada.c('kept != 0')).toContain('1')
  })

  it('a new name for oneself; one that looks like another’s is not had', async () => {
    await openPeople(ada)
    const mine = ada.at(`person-${ADA}`)
    await mine.getByTestId('rename').click()
    await mine.getByTestId('rename-name').fill('Grасe') // with Cyrillic letters
    await mine.getByTestId('rename-save').click()
    await expect.poll(() => ada.at('roster-note').innerText(), patient).not.toBe('')
    await mine.getByTestId('rename-name').fill('Ada L.')
    await mine.getByTestId('rename-save').click()
    await expect.poll(() => ada.at('me').innerText(), patient).toContain('Ada L.')
    await closePeople(ada)
  })

  it('paused: the clock stands and nobody types, a step lets a second pass', async () => {
    const line = ada.at('prompt-input')
    await line.fill('half a')
    await teacher.at('room-pause').click()
    await banner(ada).toContain(say.banner.paused)
    await banner(teacher).toContain(say.banner.pausedMine)
    await expect.poll(() => ada.at('prompt-held').innerText()).toBe(say.prompt.held.paused)
    await ada.page.keyboard.type('b')
    await ada.page.keyboard.press('Enter')
    expect(await line.inputValue()).toBe('half a')
    expect(await violations(ada.page)).toEqual([])
    await teacher.at('room-second').click()
    await teacher.at('room-pause').click()
    await banner(ada).not.toContain(say.banner.paused)
    await ada.page.keyboard.type('b') // the focus has not moved
    expect(await line.inputValue()).toBe('half ab')
    expect(await ada.c('kept != 0')).toContain('1')
  })

  it('the speeds are told apart', async () => {
    const speeds = await teacher.at('room-speed').locator('option').allInnerTexts()
    expect(new Set(speeds).size).toBe(speeds.length)
    await teacher.at('room-speed').selectOption({ index: 0 })
    expect(await ada.c('kept != 0')).toContain('1')
    await teacher.at('room-speed').selectOption('1')
  })

  it('names are hidden from the others, not from the teacher', async () => {
    await teacher.at('room-hide-names').click()
    await openPeople(ada)
    await expect.poll(() => ada.at('person-1').innerText(), patient).toContain('#1')
    expect(await ada.at('roster').innerText()).not.toContain('Grace')
    await closePeople(ada)
    await openPeople(teacher)
    expect(await teacher.at('roster').innerText()).toContain('Ada L.')
    await closePeople(teacher)
    await teacher.at('room-hide-names').click()
  })

  it('a locked room: nobody new comes in', async () => {
    await teacher.at('room-lock').click()
    const late = await Seat.open(browser, locale)
    await late.page.goto(`${origin}/${code}`)
    await late.at('join-name').fill('Late')
    await late.at('join-go').click()
    await expect.poll(() => late.at('join-refused').innerText(), patient).toBe(say.refused.locked)
    await late.close()
    await teacher.at('room-lock').click()
  })

  it('back in the lobby one waits, with a count; the teacher begins', async () => {
    await teacher.at('room-lobby').click()
    await ada.at('lobby').waitFor()
    expect(await ada.at('lobby-people').innerText()).toContain('2')
    expect(await violations(ada.page)).toEqual([])
    await teacher.at('room-start').click()
    await ada.at('prompt-input').waitFor()
  })

  it('a teacher who is away: the room goes on and says so', async () => {
    await teacher.page.goto(origin)
    await banner(ada).toContain(say.banner.teacherAway)
    expect(await ada.c('kept != 0')).toContain('1')
    await teacher.page.goto(`${origin}/${code}`)
    await teacher.live()
    await teacher.at('room-controls').waitFor()
    await banner(ada).not.toContain(say.banner.teacherAway)
  })

  it('somebody is made a teacher, and a student again', async () => {
    await openPeople(teacher)
    const row = teacher.at(`person-${ADA}`)
    await row.getByTestId('promote').click()
    await row.getByTestId('promote').click()
    await ada.at('room-controls').waitFor()
    await row.getByTestId('demote').click()
    await ada.at('room-controls').waitFor({ state: 'detached' })
    await closePeople(teacher)
  })

  it('removed: the processes live on, and one may come back', async () => {
    await openPeople(teacher)
    const row = teacher.at(`person-${ADA}`)
    await row.getByTestId('remove').click()
    await row.getByTestId('remove').click()
    await presence(teacher, ADA).toBe('removed')
    await closePeople(teacher)
    await banner(ada).toContain(say.banner.ended.removed)
    await ada.at('come-back').click()
    await ada.live()
    await expect.poll(() => ada.pidsOf('ic'), patient).toEqual([pid])
    expect(await ada.c('kept != 0')).toContain('1')
  })

  it('banned: the processes are gone, and the door stays shut', async () => {
    await openPeople(teacher)
    const row = teacher.at(`person-${ADA}`)
    await row.getByTestId('ban').click()
    await row.getByTestId('ban').click()
    await presence(teacher, ADA).toBe('banned')
    await closePeople(teacher)
    await banner(ada).toContain(say.banner.ended.banned)
    await expect
      .poll(() => teacher.processes().then((all) => all.join('\n')), patient)
      .not.toMatch(new RegExp(`^${pid} `, 'm'))
    await ada.page.reload()
    await expect.poll(() => ada.at('join-refused').innerText(), patient).toBe(say.refused.banned)
  })

  it('closed: said to everybody, and the recording stays', async () => {
    const ben = await Seat.open(browser, locale)
    await ben.join(origin, code, 'Ben')
    await teacher.at('room-close').click()
    await teacher.at('room-close-go').click()
    await banner(ben).toContain(say.banner.ended.closed)
    await ben.page.goto(`${origin}/${code}/replay`)
    await ben.page.getByTestId('map-canvas').waitFor()
    await ben.close()
    const log = await (await fetch(`${server.url}/api/rooms/${code}/log`)).text()
    expect(log).toContain('"t":"close"')
    expect(log).not.toContain('token')
  })
})
