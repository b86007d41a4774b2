// What the teacher does with seats and with the room, and what those who sit there see of it, in both languages.

import { beforeAll, expect, it } from 'vitest'
import { violations } from '../helpers/axe.ts'
import { Hall } from '../helpers/hall.ts'
import type { Seat } from '../helpers/seat.ts'

const hall = Hall.of()
const ADA = 2

let teacher: Seat
let ada: Seat
let code: string
let pid: number // of Ada's prompt

beforeAll(async () => {
  ;({ teacher, ada, code } = await hall.lesson())
  await ada.c('int *kept = malloc(100)')
  await ada.at('process-list').locator('tbody tr').nth(1).waitFor()
  ;[pid] = await ada.pidsOf('ic')
})

const banner = (seat: Seat) => expect.poll(() => seat.at('banner').innerText())
const presence = (seat: Seat, no: number) =>
  expect.poll(() => seat.at(`person-${no}`).getAttribute('data-presence'))

/** What cannot be taken back is pressed twice. */
async function dismiss(button: 'remove' | 'ban' | 'promote'): Promise<void> {
  const row = teacher.at(`person-${ADA}`)
  await row.getByTestId(button).click()
  await row.getByTestId(button).click()
}

it('a new name for oneself; one that looks like another’s is not had', async () => {
  await ada.openPeople()
  const mine = ada.at(`person-${ADA}`)
  await mine.getByTestId('rename').click()
  await mine.getByTestId('rename-name').fill('Grасe') // with Cyrillic letters
  await mine.getByTestId('rename-save').click()
  await expect.poll(() => ada.at('roster-note').innerText()).not.toBe('')
  await mine.getByTestId('rename-name').fill('Ada L.')
  await mine.getByTestId('rename-save').click()
  await expect.poll(() => ada.at('me').innerText()).toContain('Ada L.')
  await ada.closePeople()
})

it('who only watches sees everything and can do nothing; the teacher sees how many there are', async () => {
  const watcher = await hall.seat()
  await watcher.page.goto(`${hall.origin}/${code}`)
  await watcher.at('join-watch').click()
  for (const again of [false, true]) {
    if (again) await watcher.page.reload()
    await watcher.live()
    await watcher.says('me', (say) => say.room.spectator)
    await watcher.at('map-canvas').waitFor()
    await expect.poll(() => watcher.syslog()).toMatch(/Accepted/)
    await expect
      .poll(() => watcher.processes().then((all) => all.join('\n')))
      .toMatch(new RegExp(`^${pid} .*Ada L\\.`, 'm'))
  }
  await watcher.page.keyboard.press('/') // to the prompt, where there is one
  await watcher.openPeople()
  await expect.poll(() => watcher.at('roster').innerText()).toContain('Ada L.')
  const doing = ['prompt-input', 'prompt-calls', 'rename', 'pair', 'remove', 'room-controls', 'teacher-oom'] // prettier-ignore
  for (const testId of doing) expect(await watcher.at(testId).count(), testId).toBe(0)
  expect(await watcher.page.locator('[data-testid^=kill-]').count()).toBe(0)
  await watcher.closePeople()
  for (const tab of ['oom', 'pressure']) {
    await watcher.at(`tab-${tab}`).click()
    const screws = watcher.page.locator('[role=tabpanel] :is(input, select):not([type=search])')
    expect(await screws.count(), tab).toBe(0)
  }
  expect(await violations(watcher.page)).toEqual([])

  await teacher.openPeople()
  await teacher.says('roster-count', (say) =>
    say.seats.spectators.split(' | ')[1].replace('{count}', '1'),
  )
  await watcher.at('take-seat').click() // and is asked for a name, also after a reload
  await watcher.page.reload()
  await watcher.at('join-name').waitFor()
  await watcher.close()
  await teacher.says('roster-count', (say) => say.seats.spectators.split(' | ')[0])
  await teacher.closePeople()
})

it('paused: the clock stands and nobody types, a step lets a second pass', async () => {
  const line = ada.at('prompt-input')
  await line.fill('half a')
  await teacher.at('room-pause').click()
  await ada.says('banner', (say) => say.banner.paused)
  await teacher.says('banner', (say) => say.banner.pausedMine)
  await ada.says('prompt-held', (say) => say.prompt.held.paused)
  await line.focus()
  await ada.page.keyboard.type('b')
  await ada.page.keyboard.press('Enter')
  expect(await line.inputValue()).toBe('half a')
  expect(await violations(ada.page)).toEqual([])
  await teacher.at('room-second').click()
  await teacher.at('room-pause').click()
  await banner(ada).toBe('')
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

it('the clock is advanced: everybody sees beside it how much is left', async () => {
  for (let times = 0; times < 4; times++) await teacher.at('room-advance-60').click()
  const seen = [teacher, ada].map(async (seat) => {
    await expect.poll(() => seat.at('clock-ahead').innerText()).toMatch(/[1-4]:\d\d still ahead/)
    await seat.page.getByText('clock is being advanced').waitFor({ state: 'attached' })
  })
  await Promise.all(seen)
  await teacher.at('room-pause').click() // ends it
  for (const seat of [teacher, ada]) await seat.at('clock-ahead').waitFor({ state: 'detached' })
  await teacher.at('room-pause').click()
  await banner(ada).toBe('')
})

it('names are hidden from the others, not from the teacher', async () => {
  await teacher.at('room-hide-names').click()
  await ada.openPeople()
  await expect.poll(() => ada.at('person-1').innerText()).toContain('#1')
  expect(await ada.at('roster').innerText()).not.toContain('Grace')
  await ada.closePeople()
  await teacher.openPeople()
  expect(await teacher.at('roster').innerText()).toContain('Ada L.')
  await teacher.closePeople()
  await teacher.at('room-hide-names').click()
})

it('a locked room: nobody new comes in', async () => {
  await teacher.at('room-lock').click()
  const late = await hall.seat()
  await late.page.goto(`${hall.origin}/${code}`)
  await late.at('join-name').fill('Late')
  await late.at('join-go').click()
  await late.says('join-refused', (say) => say.refused.locked)
  await late.close()
  await teacher.at('room-lock').click()
})

it('back in the lobby one waits, with a count; the teacher begins', async () => {
  await teacher.at('room-lobby').click()
  await ada.says('lobby', (say) => say.lobby.title)
  await expect.poll(() => ada.at('lobby-people').innerText()).toContain('2')
  expect(await violations(ada.page)).toEqual([])
  await teacher.at('room-start').click()
  await ada.at('prompt-input').waitFor()
})

it('somebody is made a teacher, and a student again: who sees the own processes only', async () => {
  const shown = () => ada.processes().then((rows) => rows.length)
  const own = await shown()
  await teacher.openPeople()
  await dismiss('promote')
  await ada.at('room-controls').waitFor()
  await expect.poll(shown).toBeGreaterThan(own)
  await teacher.at(`person-${ADA}`).getByTestId('demote').click()
  await ada.at('room-controls').waitFor({ state: 'detached' })
  await expect.poll(shown).toBe(own)
  await teacher.closePeople()
})

it('removed: the processes live on, and one may come back', async () => {
  await teacher.openPeople()
  await dismiss('remove')
  await presence(teacher, ADA).toBe('removed')
  await teacher.closePeople()
  await ada.says('banner', (say) => say.banner.ended.removed)
  await ada.at('come-back').click()
  await ada.live()
  await expect.poll(() => ada.pidsOf('ic')).toEqual([pid])
  expect(await ada.c('kept != 0')).toContain('1')
})

it('banned: the processes are gone, and the door stays shut', async () => {
  await teacher.openPeople()
  await dismiss('ban')
  await presence(teacher, ADA).toBe('banned')
  await teacher.closePeople()
  await ada.says('banner', (say) => say.banner.ended.banned)
  await expect
    .poll(() => teacher.processes().then((all) => all.join('\n')))
    .not.toMatch(new RegExp(`^${pid} `, 'm'))
  await ada.page.reload()
  await ada.says('join-refused', (say) => say.refused.banned)
})

it('closed: said to everybody, and the recording stays', async () => {
  const ben = await hall.seat()
  await ben.join(hall.origin, code, 'Ben')
  await teacher.at('room-close').click()
  await teacher.at('room-close-go').click()
  await ben.says('banner', (say) => say.banner.ended.closed)
  await ben.page.goto(`${hall.origin}/${code}/replay`)
  await ben.page.getByTestId('map-canvas').waitFor()
  await ben.close()
  const log = await (await fetch(`${hall.server.url}/api/rooms/${code}/log`)).text()
  expect(log).toContain('"t":"close"')
  expect(log).not.toContain('token')
})
