// The command line as a user or a script meets it, from its source.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ENGINE } from './classroom.ts'
import { oomroom } from '../helpers/cli.ts'
import { startServer, type TestServer } from '../helpers/server.ts'
import { giveLesson, header } from '../shared/room/lesson.ts'
import { entryLine, logText } from '../../shared/room/log.ts'

let dir: string
let file: string
let server: TestServer
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'oomroom-cli-'))
  file = join(dir, 'lesson.ndjson')
  const { entries, room } = giveLesson(3, 100, undefined, ENGINE)
  await writeFile(file, logText(room.header, entries))
  server = await startServer()
}, 60_000)
afterAll(async () => {
  await server.remove()
  await rm(dir, { recursive: true })
})

/** Exit status and the one line on stderr. */
async function complaint(args: string[]) {
  const { status, stderr, stdout } = await oomroom(args)
  expect(stdout).toBe('')
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  return { status, line: stderr.trimEnd() }
}

describe('what makes no sense', () => {
  it.each([
    [['nonsense'], 2, /unknown command 'nonsense'/],
    [['serve', '--port', 'x'], 2, /--port/],
    [['serve', '--colour'], 2, /--colour/],
    [['create'], 2, /create URL/],
    [['create', 'ftp://x'], 2, /not a server/],
    [['create', 'http://127.0.0.1:1', '--ram', '1T'], 2, /--ram/],
    [['sh', '--swap', '8G', '-c', 'true'], 2, /--swap: up to 4G/],
    [['sh', '--kernel', '2.4'], 2, /--kernel: one of 2.6.32/],
    [['sh', '--bits', '16'], 2, /--bits/],
    [['join', 'http://127.0.0.1:1/123456'], 2, /--name/],
    [['join', 'nowhere', '--name', 'A'], 2, /join URL/],
    [['replay'], 2, /replay FILE/],
    [['trace', 'swap'], 2, /unknown set/],
    [['bench', 'nothing'], 2, /there is no 'nothing'/],
  ])('%j: status %i', async (args, status, line) => {
    expect(await complaint(args)).toEqual({ status, line: expect.stringMatching(line) })
  })

  it('is told from what cannot be done', async () => {
    expect(await complaint(['create', 'http://127.0.0.1:1'])).toMatchObject({ status: 1 })
    expect(await complaint(['serve', '--port', '0', '--data', server.data])).toEqual({
      status: 1,
      line: expect.stringContaining(`in use by another server (process ${server.pid} on`),
    })
    expect(await complaint(['join', 'http://127.0.0.1:1/123456', '--name', 'A'])).toMatchObject({
      status: 1,
    })
    expect(await complaint(['replay', join(dir, 'missing')])).toMatchObject({ status: 1 })
    expect(await complaint(['join', `${server.url}/000001`, '--name', 'A'])).toMatchObject({
      status: 1,
      line: expect.stringMatching(/no room/),
    })
  }, 60_000)

  it('help is no complaint', async () => {
    const { status, stdout } = await oomroom(['--help'])
    expect(status).toBe(0)
    for (const command of ['serve', 'create', 'join', 'sh', 'replay', 'trace', 'bench'])
      expect(stdout).toContain(`  ${command} `)
  })
})

describe('create and join', () => {
  it('make a room and do something in it, with the status of the last command', async () => {
    const made = JSON.parse(
      (await oomroom(['create', server.url, '--ram', '32M', '--hostname', 'pc7'])).stdout,
    )
    expect(made).toMatchObject({
      code: expect.stringMatching(/^\d{6}$/),
      teacherToken: expect.any(String),
      teacherUrl: expect.stringMatching(/^http:.*\/\d{6}#key=[0-9a-f]{32}$/),
    })
    expect(made.teacherUrl).not.toContain(made.teacherToken)
    const anna = await oomroom([
      'join',
      made.url,
      '--name',
      'Anna',
      '-c',
      'echo hello from $USER; false',
    ])
    expect(anna).toMatchObject({ status: 1, stdout: 'hello from anna\n' })
    const root = await oomroom([
      'join',
      made.url,
      '--name',
      'T',
      '--token',
      made.teacherToken,
      '-c',
      'whoami; cat /proc/sys/kernel/hostname',
    ])
    expect(root.stdout).toContain('root')
    const again = await oomroom(['join', made.url, '--name', 'Anna', '-c', 'true'])
    expect(again).toMatchObject({ status: 1, stderr: expect.stringMatching(/has this name/) })

    const verdict = await oomroom(['replay', made.url, '--verify'])
    expect(JSON.parse(verdict.stdout)).toMatchObject({ mismatch: null })
    expect(verdict.status).toBe(0)
  }, 90_000)
})

describe('sh', () => {
  it('is a machine of one’s own; time passes while somebody waits', async () => {
    const { status, stdout } = await oomroom([
      'sh',
      '--ram',
      '32M',
      '-c',
      'sleep 3; echo slept; exit 7',
    ])
    expect({ status, stdout }).toEqual({ status: 7, stdout: 'slept\n' })
  })

  it('is somebody: root or a user; a directory lies in /mnt', async () => {
    await writeFile(join(dir, 'note.txt'), 'Grüße\n')
    const { stdout } = await oomroom([
      'sh',
      '--user',
      'root',
      '--mount',
      dir,
      '-c',
      'cat /mnt/note.txt; echo $HOME',
    ])
    expect(stdout).toBe('Grüße\n/root\n')
  })
})

describe('replay', () => {
  it('verifies a log and finds nothing', async () => {
    const { status, stdout } = await oomroom(['replay', file, '--verify'])
    expect(JSON.parse(stdout)).toMatchObject({ mismatch: null, hashes: 2 })
    expect(status).toBe(0)
  })

  it('names the entry of a flipped byte', async () => {
    const bytes = await readFile(file)
    const line = bytes
      .toString()
      .split('\n')
      .findIndex((text) => text.startsWith('{"seq":40,'))
    const start = bytes.toString().split('\n').slice(0, line).join('\n').length
    bytes[start + 30] ^= 4
    const bad = join(dir, 'flipped.ndjson')
    await writeFile(bad, bytes)
    const { status, stdout, stderr } = await oomroom(['replay', bad, '--verify'])
    expect(JSON.parse(stdout)).toMatchObject({ mismatch: { seq: 40, field: 'sum' } })
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('entry 40') })
  })

  it('names the hash that a changed entry no longer meets', async () => {
    const lines = (await readFile(file, 'utf8')).split('\n')
    const at = lines.findIndex((text) => text.includes('"t":"tick"'))
    const { seq, at: ms } = JSON.parse(lines[at])
    lines[at] = entryLine({ seq, at: ms, seat: 0, c: { t: 'tick', fuel: 1 } })
    const bad = join(dir, 'changed.ndjson')
    await writeFile(bad, lines.join('\n'))
    const { status, stdout } = await oomroom(['replay', bad, '--verify'])
    const first = lines.find((text) => text.includes('"t":"hash"'))!
    expect(JSON.parse(stdout)).toMatchObject({
      mismatch: { seq: JSON.parse(first).seq, recorded: expect.any(String) },
    })
    expect(status).toBe(1)
  })

  it('refuses the log of another engine', async () => {
    const other = join(dir, 'other.ndjson')
    await writeFile(other, logText({ ...header, engine: 'another' }, []))
    expect(await complaint(['replay', other])).toMatchObject({
      status: 1,
      line: expect.stringMatching(/engine another/),
    })
  })

  it('shows a moment, and lets nobody change it', async () => {
    const { stdout } = await oomroom([
      'replay',
      file,
      '--at',
      '5',
      '-c',
      'ps -e | grep -c ic; mkdir /tmp/x; echo $?',
    ])
    expect(stdout).toBe('5\n1\n')
    expect(await complaint(['replay', file, '--at', '99:99'])).toMatchObject({ status: 2 })
    expect(await complaint(['replay', file, '--at', '0', '-c', 'true'])).toMatchObject({
      status: 1,
    })
  })
})
