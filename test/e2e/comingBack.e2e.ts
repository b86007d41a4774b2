// A seat as a class loses and finds it again: another tab, another device, a network that is gone, a phone that sleeps,
// a server that dies. Nobody does anything for it but what one would do anyway.

import { beforeAll, describe, expect, it } from 'vitest'
import type { Catalogue } from '../../client/i18n/en.ts'
import { violations } from '../helpers/axe.ts'
import { launchBrowser } from '../helpers/browser.ts'
import { Hall } from '../helpers/hall.ts'
import { Seat } from '../helpers/seat.ts'

const hall = Hall.of()
const GRACE = 1
const ADA = 2
const LEA = 3

let teacher: Seat
let ada: Seat
let code: string

beforeAll(async () => {
  ;({ teacher, ada, code } = await hall.lesson())
  for (const seat of [teacher, ada]) await seat.c('int me = getpid()')
})

const banner = (seat: Seat) => expect.poll(() => seat.at('banner').innerText())
const presence = (seat: Seat, no: number) =>
  expect.poll(() => seat.at(`person-${no}`).getAttribute('data-presence'))

/** "It is not you", and how old the picture is. */
function lost({ banner }: Catalogue): RegExp {
  const [before, after] = banner.lost.split('{age}')
  return new RegExp(`${before}\\d+ (seconds?|Sekunden?)${after}`)
}

/** The seat, its process and its variables are there. */
async function isBack(seat: Seat): Promise<void> {
  await seat.live()
  expect(await seat.c('me == getpid()')).toContain('1')
}

describe('a tab', () => {
  it('that was closed', async () => {
    const { page } = ada
    ada = await hall.tab(ada)
    await page.close()
    await ada.page.goto(`${hall.origin}/${code}`)
    await isBack(ada)
  })

  it('of the teacher that is reloaded, and closed: it is the teacher who comes back', async () => {
    await teacher.page.reload()
    await teacher.at('room-controls').waitFor()
    const { page } = teacher
    teacher = await hall.tab(teacher)
    await page.close()
    await ada.says('banner', (say) => say.banner.teacherAway)
    await isBack(ada)
    await teacher.page.goto(`${hall.origin}/${code}`)
    await teacher.at('room-controls').waitFor()
    await isBack(teacher)
    await banner(ada).toBe('')
    await teacher.openPeople()
    await presence(teacher, GRACE).toBe('here')
    await teacher.closePeople()
  })

  it('beside another one of the same seat: the newer acts, the older watches and takes over again', async () => {
    await ada.at('prompt-input').fill('half a')
    const second = await hall.tab(ada)
    await second.page.goto(`${hall.origin}/${code}`)
    await isBack(second)
    await ada.inEachLanguage((say) => ada.atEachSize('banner', new RegExp(say.banner.elsewhere)))
    await ada.says('prompt-held', (say) => say.prompt.held.elsewhere)
    expect(await violations(ada.page)).toEqual([])
    await second.c('int seven = 7')
    await expect.poll(() => ada.at('prompt-output').innerText()).toContain('int seven = 7')

    await ada.at('take-over').focus()
    await ada.page.keyboard.press('Enter')
    await banner(second).toContain('Another window')
    await banner(ada).toBe('')
    await ada.page.keyboard.type('b') // the focus is where one types
    await expect.poll(() => ada.at('prompt-input').inputValue()).toBe('half ab')
    expect(await ada.c('seven')).toContain('7')

    await second.at('take-over').click()
    await banner(ada).toContain('Another window')
    await second.page.close()
    await banner(ada).toBe('')
    await isBack(ada)
  })
})

it('another device acts for the seat by a code; the first one watches, and acts when it is gone', async () => {
  await ada.openPeople()
  await ada.at(`person-${ADA}`).getByTestId('pair').click()
  const pair = (await ada.at('pair-code').innerText()).replace(/\s/g, '')
  expect(pair).toMatch(/^[0-9A-Z]{6}$/)
  expect(await violations(ada.page)).toEqual([])
  await ada.page.keyboard.press('Escape')
  await ada.closePeople()

  const phone = await hall.seat('de-DE')
  const give = async (seat: Seat, typed: string) => {
    await seat.page.goto(`${hall.origin}/${code}`)
    await seat.at('join-pair').click()
    await seat.at('pair-input').fill(typed)
    await seat.at('pair-go').click()
  }
  await phone.page.setViewportSize({ width: 390, height: 844 })
  await give(phone, pair.toLowerCase())
  await isBack(phone)
  await banner(ada).toContain('Another window')

  const thief = await hall.seat()
  await give(thief, pair)
  await thief.says('join-refused', (say) => say.refused.pair)
  await thief.close()
  await phone.close()
  await banner(ada).toBe('')
  await isBack(ada)
})

it('a network that is gone for a while', async () => {
  const { page } = ada
  await page.context().setOffline(true)
  await banner(ada).not.toBe('') // within ten seconds, or at once when the system says so
  await ada.inEachLanguage((say) => ada.atEachSize('banner', lost(say)))
  await ada.says('prompt-held', (say) => say.prompt.held.offline)
  expect(await violations(page)).toEqual([])
  await page.context().setOffline(false)
  await isBack(ada)
})

it('a phone that sleeps for a minute', async () => {
  const phone = await launchBrowser()
  const lea = await Seat.open(phone)
  await lea.join(hall.origin, code, 'Lea')
  await lea.c('int me = getpid()')
  const system = await phone.newBrowserCDPSession()
  const { processInfo } = await system.send('SystemInfo.getProcessInfo')
  const signal = (name: NodeJS.Signals) => processInfo.forEach(({ id }) => process.kill(id, name))

  await teacher.openPeople()
  await presence(teacher, LEA).toBe('here')
  const since = Date.now()
  const asleep = () => Date.now() - since
  signal('SIGSTOP')
  try {
    await presence(teacher, LEA).toBe('away')
    expect(asleep()).toBeLessThan(11_000)
    await teacher.closePeople()
    // The minute of the machine's time takes less of ours: more entries than are sent one by one to who comes back.
    await teacher.at('room-advance-60').click()
    await teacher.at('clock-ahead').waitFor()
    await teacher.at('clock-ahead').waitFor({ state: 'detached' })
    await expect.poll(asleep).toBeGreaterThan(10_500)
  } finally {
    signal('SIGCONT')
  }
  await isBack(lea)
  expect(lea.faults).toEqual([])
  await phone.close()
})

it('a server that dies, and is started again', async () => {
  await hall.restart(async () => {
    for (const seat of [teacher, ada]) {
      await banner(seat).not.toBe('')
      await seat.inEachLanguage((say) => banner(seat).toMatch(lost(say)))
    }
  })
  await isBack(ada)
  await isBack(teacher)
  await teacher.at('room-controls').waitFor()
  await teacher.openPeople()
  await presence(teacher, GRACE).toBe('here')
  await presence(teacher, ADA).toBe('here')
  await teacher.closePeople()
})
