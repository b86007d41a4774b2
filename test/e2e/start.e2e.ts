// A newcomer's first minutes: the README's two commands, the first of which has run already, and the page they lead to.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { oomroom } from '../helpers/cli.ts'
import { Hall } from '../helpers/hall.ts'

const top = fileURLToPath(new URL('../..', import.meta.url))

const hall = Hall.of({ npmStart: true })

it('the README names the two commands', async () => {
  const readme = await readFile(join(top, 'README.md'), 'utf8')
  expect(readme).toContain('npm ci && npm start')
  expect(readme).toContain('npm ci && npm test')
})

it('the server says that it is well', async () => {
  const health = await fetch(`${hall.server.url}/healthz`)
  expect(health.status).toBe(200)
  expect(await health.json()).toMatchObject({ ok: true })
})

it('the page opens on plain http, in English and in German, without a fault', async () => {
  for (const [locale, title] of [
    ['en-GB', 'Join a room'],
    ['de-DE', 'Einem Raum beitreten'],
  ]) {
    const seat = await hall.seat(locale)
    await seat.page.goto(hall.origin)
    await seat.page.getByRole('heading', { level: 1, name: title }).waitFor()
    expect(await seat.page.locator('html').getAttribute('lang')).toBe(locale.slice(0, 2))
    await seat.close()
  }
})

it('a terminal makes a room and takes a seat beside the browsers', async () => {
  const created = await oomroom(
    ['create', hall.server.url, '--ram', '32M', '--hostname', 'classroom'],
    {
      built: true,
    },
  )
  expect(created.status).toBe(0)
  const { code, teacherToken } = JSON.parse(created.stdout) as {
    code: string
    teacherToken: string
  }
  const commands = 'hostname; id -u; ic -e "p = malloc(2000)"'
  const args = [
    'join',
    `${hall.server.url}/${code}`,
    '--name',
    'Grace',
    '--token',
    teacherToken,
    '-c',
    commands,
  ]
  const { stdout, stderr, status } = await oomroom(args, { built: true })
  expect(stderr).toBe('')
  expect(stdout.split('\n').slice(0, 2)).toEqual(['classroom', '0'])
  expect(stdout).toMatch(/^p = \(void \*\) 0x[0-9a-f]+$/m)
  expect(status).toBe(0)
})

it('SIGTERM ends it within five seconds', async () => {
  const begin = Date.now()
  await hall.server.stop()
  expect(Date.now() - begin).toBeLessThan(5000)
})
