// A lesson as a class lives it: a teacher and two students at browsers of their own, one of them late. Built server,
// built client, the address a class would type.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineOfSources } from '../../server/engine.ts'
import { parseLog } from '../../shared/room/log.ts'
import { applyEntry, createRoom, hashRoom } from '../../shared/room/room.ts'
import { oomroom } from '../helpers/cli.ts'
import { Hall } from '../helpers/hall.ts'
import type { Seat } from '../helpers/seat.ts'

const PAGE = 4096
const MIB = 2 ** 20
const RAM_MIB = 16

const hall = Hall.of()
let downloads: string
let teacher: Seat
let ada: Seat
let ben: Seat // late

beforeAll(async () => {
  const health = (await (await fetch(`${hall.server.url}/healthz`)).json()) as { engine: string }
  expect(health.engine, 'dist/ is of these sources').toBe(engineOfSources())
  downloads = await mkdtemp(join(tmpdir(), 'oomroom-downloads-'))
  ;[teacher, ada, ben] = await Promise.all([hall.seat(), hall.seat(), hall.seat()])
})

afterAll(() => rm(downloads, { recursive: true, force: true }))

/** What `pagemap` says of the page, in the recording of the room as it is now. */
async function pagemap(code: string, pid: number, address: number) {
  const command = `pagemap ${pid} ${address.toString(16)} 1`
  const { stdout, stderr } = await oomroom(['replay', `${hall.server.url}/${code}`, '-c', command])
  const row = stdout.trim().split('\n').at(-1)!.split(/\s+/)
  expect(row[0], stdout + stderr).toBe(`0x${address.toString(16)}`)
  return {
    pfn: parseInt(row[1], 16),
    mapped: Number(row[3]),
    flags: row[4],
    sharedWith: row.slice(5).map(Number),
  }
}

const killed = /Out of memory: Killed process (\d+) \((\w+)\)/

describe('a lesson', () => {
  let code: string
  let address: number // of a page that the fork shares
  let parent: number
  let child: number

  it('begins: the teacher opens a room, a student joins by its code', async () => {
    code = await teacher.create(hall.origin, { name: 'Grace', ram: RAM_MIB })
    await ada.join(hall.origin, code, 'Ada')
    await expect.poll(() => teacher.at('presence').innerText()).toMatch(/2/)
    await expect.poll(() => teacher.syslog()).toMatch(/sshd\[\d+\]: Accepted/)
    await expect.poll(() => ada.pidsOf('ic')).toHaveLength(1)
    ;[parent] = await ada.pidsOf('ic')
  })

  it('malloc() gives an address, touching it takes frames that all see', async () => {
    const free = async () =>
      /^[\d.,]+/.exec(await teacher.page.getByText(/ of 16\D+free/).innerText())![0]
    const before = await free()
    const answer = await ada.c(`p = malloc(${2 * MIB})`)
    expect(answer).toMatch(/^p = \(void \*\) 0x[0-9a-f]+$/)
    const p = parseInt(/0x([0-9a-f]+)/.exec(answer)![1], 16)
    address = p - (p % PAGE) + PAGE
    await ada.c(`memset(p, 'a', ${2 * MIB})`)
    await expect.poll(free).not.toBe(before)
  })

  it('fork() makes a child that shares every frame', async () => {
    const answer = await ada.c('c = fork()')
    child = Number(/c = (\d+)/.exec(answer)![1])
    await expect.poll(() => ada.pidsOf('ic')).toEqual([parent, child])

    const [ours, theirs] = [
      await pagemap(code, parent, address),
      await pagemap(code, child, address),
    ]
    expect(theirs.pfn).toBe(ours.pfn)
    expect(ours).toMatchObject({ mapped: 2, sharedWith: [child] })
  })

  it('somebody comes late and sees the same frame', async () => {
    await ben.join(hall.origin, code, 'Ben')
    const { pfn } = await pagemap(code, parent, address)
    const seen = await ben.frame(pfn)
    expect(seen).toMatch(/Ada/)
    expect(seen).toContain(`[${parent}] 0x${address.toString(16)}`)
    expect(seen).toContain(`[${child}] 0x${address.toString(16)}`)
    expect(await teacher.frame(pfn)).toBe(seen)
  })

  it('a page that is reloaded comes back to its seat, process and variables', async () => {
    await ada.page.reload()
    await ada.live()
    expect(await ada.at('me').innerText()).toContain('Ada')
    await expect.poll(() => ada.pidsOf('ic')).toEqual([parent, child])
    expect(await ada.c('((char *) p)[4096]')).toContain("'a'")
  })

  it('the first write copies: from then on each has a frame', async () => {
    await ada.c("p[4096] = 'z'")
    const [ours, theirs] = [
      await pagemap(code, parent, address),
      await pagemap(code, child, address),
    ]
    expect(theirs.pfn).not.toBe(ours.pfn)
    expect([ours.mapped, theirs.mapped]).toEqual([1, 1])
    const seen = await ben.frame(ours.pfn)
    expect(seen).toContain(`[${parent}] 0x${address.toString(16)}`)
    expect(seen).not.toContain(`[${child}]`)
    expect(await ada.c('((char *) p)[4096]')).toContain("'z'")
  })

  it('a hog takes the rest, and all see the kernel kill the same process', async () => {
    await ada.c(`q = malloc(${5 * MIB})`)
    await ada.c(`memset(q, 'b', ${5 * MIB})`)
    await teacher.at('teacher-hog-size').fill('12')
    await teacher.at('teacher-hog-rate').selectOption('8')
    await teacher.at('teacher-hog-run').click()

    const victims: string[] = []
    for (const seat of [teacher, ada, ben]) {
      await expect.poll(() => seat.syslog(), { timeout: 20_000 }).toMatch(killed)
      victims.push(killed.exec(await seat.syslog())![0])
    }
    expect(victims).toEqual(Array(3).fill(`Out of memory: Killed process ${parent} (ic)`))
    await expect.poll(() => ada.at('death').innerText()).toContain(String(parent))
    await expect.poll(() => ada.pidsOf('ic')).not.toContain(parent)
  })

  it('the log is downloaded, and every hash in it holds', async () => {
    const log = async () => (await fetch(`${hall.server.url}/api/rooms/${code}/log`)).text()
    await expect.poll(log, { timeout: 20_000 }).toMatch(/"t":"hash"/)
    await teacher.at('to-replay').click()
    const [download] = await Promise.all([
      teacher.page.waitForEvent('download'),
      teacher.at('download-log').click(),
    ])
    await download.saveAs(join(downloads, 'lesson.ndjson'))

    const { stdout, status } = await oomroom([
      'replay',
      join(downloads, 'lesson.ndjson'),
      '--verify',
    ])
    const verdict = JSON.parse(stdout) as { entries: number; hashes: number; mismatch: unknown }
    expect(verdict).toMatchObject({ mismatch: null })
    expect(verdict.entries).toBeGreaterThan(30)
    expect(verdict.hashes).toBeGreaterThan(verdict.entries / 1000)
    expect(status).toBe(0)
  })

  it('without a server the browser replays it to the same hash', async () => {
    const { page } = ben
    await page.goto(hall.origin)
    await ben.at('open-log').setInputFiles(join(downloads, 'lesson.ndjson'))
    await ben.at('replay-moment').waitFor()
    await page.context().setOffline(true)

    await expect.poll(() => page.getByText('Reading ahead').count()).toBe(0)
    await page.keyboard.press('k') // the next kill
    await expect.poll(() => ben.syslog()).toMatch(killed)
    await ben.at('replay-scrub').focus()
    await page.keyboard.press('End')
    const moment = async () =>
      /entry ([\d,]+) of ([\d,]+)/.exec(await ben.at('replay-moment').innerText())!.slice(1)
    await expect.poll(async () => new Set(await moment()).size).toBe(1)

    const text = await readFile(join(downloads, 'lesson.ndjson'), 'utf8')
    const { log } = parseLog(text, { engine: engineOfSources() })
    const room = createRoom(log!.header)
    for (const entry of log!.entries) applyEntry(room, entry)
    expect(Number((await moment())[0].replaceAll(',', ''))).toBe(room.seq)
    await expect.poll(() => ben.at('replay-hash').innerText()).toBe(hashRoom(room))
    expect(await ben.page.getByText('Differs at entry').count()).toBe(0)
  })
})
