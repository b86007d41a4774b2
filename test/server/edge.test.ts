// Text that people and programs of the machine make up, where it leaves the machine: names, the log, the server's own
// log, a person's terminal. The browser's edge is in test/e2e/edge.e2e.ts.

import { execFile, spawnSync } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { io } from 'socket.io-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ENGINE } from './classroom.ts'
import { Replica } from '../../server/replica.ts'
import { logText, parseLog } from '../../shared/room/log.ts'
import { PROTOCOL } from '../../shared/wire/events.ts'
import { oomroom } from '../helpers/cli.ts'
import { oomroomCommand, startServer, type TestServer } from '../helpers/server.ts'

const OSC = '\x1b]0;owned\x07'
const CLEAR = '\x1b[2J'
const RLO = '\u202e'
const HTML = '<img src=x onerror=alert(1)>'
const FORMULA = "=cmd|'/C calc'!A0"

let server: TestServer
let code: string
let teacherToken: string
let mallory: Replica
let teacher: Replica
beforeAll(async () => {
  server = await startServer()
  const made = await fetch(`${server.url}/api/rooms`, { method: 'POST' })
  ;({ code, teacherToken } = (await made.json()) as { code: string; teacherToken: string })
  teacher = await sit({ name: 'Grace', token: teacherToken })
  mallory = await sit({ name: FORMULA })
  await ic(`prctl(PR_SET_NAME, "a\\nb\\x1b[2J")`)
  await ic(`printf("${HTML}\\x1b]0;owned\\x07\\x1b[31mred\\n=1+1\\n\\xe2\\x80\\xae")`)
  await ic(`mkdir("/tmp/\\x1b]0;owned\\x07", 0755)`)
  const argv = [`${OSC}${CLEAR}${RLO}${HTML}\n1 root`, '5000']
  await mallory.submit({ t: 'spawn', path: '/usr/bin/sleep', argv, env: [], stdout: 'tty' })
  const text = `${HTML}${OSC}${CLEAR}${RLO}\n=1+1\n`
  await mallory.submit({ t: 'write', path: '/tmp/text', text, append: false })
  await mallory.submit({ t: 'note', line: text, out: text })
  await teacher.submit({ t: 'write', path: '/proc/sysrq-trigger', text: 'f', append: false })
}, 90_000)
afterAll(async () => {
  teacher?.close()
  mallory?.close()
  await server?.remove()
})

async function sit(who: { name: string; token?: string }): Promise<Replica> {
  const replica = new Replica({ server: server.url, code, engine: ENGINE, ...who })
  await replica.ready()
  return replica
}

async function ic(line: string): Promise<void> {
  const [task] = mallory.room().seats.get(mallory.seat)!.prompts
  await mallory.submit({ t: 'ic', task, line })
}

describe('a name', () => {
  const knock = (name: string) =>
    new Promise<string>((resolve) => {
      const auth = { protocol: PROTOCOL, code, name }
      const socket = io(server.url, { auth, transports: ['websocket'], forceNew: true })
      socket.on('welcome', (welcome: { name: string }) => resolve(welcome.name))
      socket.on('connect_error', ({ message }) => resolve(message))
      setTimeout(() => resolve('no answer'), 10_000).unref()
      sockets.push(socket)
    })
  const sockets: { disconnect(): void }[] = []
  afterAll(() => sockets.forEach((socket) => socket.disconnect()))

  it.each([
    // As people write; every place that shows a name shows text, and nothing is exported as a table.
    [HTML, HTML],
    ['+1 Ada', '+1 Ada'],
    ['-2+3 Ben', '-2+3 Ben'],
    ['@SUM(A1)', '@SUM(A1)'],
    ['a\nb', 'a b'],
    ['a\r\n\tc', 'a c'],
    [`Ada${CLEAR}`, 'name-characters'],
    [`Ada${OSC}`, 'name-characters'],
    ['Ada\x9b2J', 'name-characters'],
    [`${RLO}adA`, 'name-characters'],
    ['Ada\u2066', 'name-characters'],
    ['A\u200bda', 'name-characters'],
    ['Ada\0', 'name-characters'],
    ['A\u0301\u0302\u0303\u0304da', 'name-characters'],
    ['x'.repeat(33), 'name-long'],
  ])('typed as %j stands as, or is refused for, %j', async (typed, stands) => {
    expect(await knock(typed)).toBe(stands)
  })

  it('on the machine is letters and digits', () => {
    for (const user of mallory.room().machine.users.values()) expect(user).toMatch(/^[a-z0-9]+$/)
  })
})

describe('what the machine says', () => {
  it('makes no line in ps that is no process', async () => {
    const log = join(server.data, `${code}.ndjson`)
    const { stdout } = await oomroom(['replay', log, '-c', 'ps -e; echo; ps -ef'])
    const [names, commands] = stdout.trimEnd().split('\n\n')
    const lines = names.split('\n').slice(1)
    expect(lines.length).toBeGreaterThan(10)
    for (const line of lines) expect(line).toMatch(/^ *\d+ (?:pts\/\d+|\?) +\d\d:\d\d:\d\d /)
    expect(commands.split('\n').slice(1)).toHaveLength(lines.length)
    expect(names).toContain('a?b?[2J')
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f]/)
  })

  it('is one line of JSON an entry in the log, and no control character', async () => {
    const text = await readFile(join(server.data, `${code}.ndjson`), 'utf8')
    const lines = text.trimEnd().split('\n')
    for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow()
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/)
    const { log } = parseLog(text)
    expect(log!.entries.map(({ c }) => c.t)).toContain('note')
    expect(lines.length).toBeGreaterThanOrEqual(log!.entries.length + 1)
  })

  it('in the syslog is told from what the kernel says by nothing but Linux’s own rules', () => {
    const { syslog } = mallory.room().machine
    expect(syslog.map(({ text }) => text).join('\n')).toContain('Killed process')
    for (const { ident, text } of syslog) {
      expect(ident).toMatch(/^[\w[\]]+$/)
      expect(text).not.toMatch(new RegExp(`${RLO}|onerror|=cmd`))
    }
  })
})

it('the server’s own log is a line of ASCII each, whatever a client reports', async () => {
  const { socket } = mallory as unknown as {
    socket: { emit(event: string, report: object): void }
  }
  socket.emit('differs', { seq: 1, field: `${OSC}\x9b2J${RLO}${HTML}\n{"level":30}` })
  await expect.poll(() => server.output(), { timeout: 10_000 }).toContain('a client differs')
  const lines = server.output().trimEnd().split('\n')
  expect(lines.length).toBeGreaterThan(1)
  for (const line of lines) {
    expect(line).toMatch(/^[\x20-\x7e]+$/)
    if (line.startsWith('{')) expect(JSON.parse(line)).toMatchObject({ level: expect.any(Number) })
    else expect(line).toMatch(/^listening on /)
  }
})

describe.skipIf(spawnSync('script', ['-qec', 'true', '/dev/null']).status !== 0)(
  'on a person’s terminal',
  () => {
    const looks = 'ls /tmp; cd /tmp/*owned*; pwd; cat /tmp/text; ps -ef; dmesg | tail -3'

    it.each([
      ['join', () => `join ${server.url}/${code} --name Tty`, looks],
      ['replay', () => `replay ${server.data}/${code}.ndjson -c '${looks}'`, ''],
    ])(
      '%s',
      async (_, args, typed) => {
        const shown = await onTerminal(args(), typed)
        expect(shown).toContain('onerror=alert(1)')
        expect(shown).toContain('^[]0;owned^G') // shown, not obeyed
        expect(shown).not.toContain('\x1b]')
        expect(shown).not.toContain(CLEAR)
        expect(shown).not.toMatch(new RegExp(`[${RLO}\x07\x9b]`))
        expect(shown).toContain('<U+202E>')
      },
      60_000,
    )

    it('a log that was made up: the complaint is shown, not obeyed', async () => {
      const file = join(server.data, 'madeUp.txt')
      await writeFile(file, logText({ ...mallory.room().header, engine: `${OSC}${RLO}` }, []))
      const shown = await onTerminal(`replay ${file}`, '')
      expect(shown).toContain('engine')
      expect(shown).not.toContain('\x1b]')
    }, 60_000)
  },
)

describe('the teacher’s token', () => {
  it('stands in no file of the server and in no line of its log', async () => {
    const names = await readdir(server.data)
    expect(names).toEqual(expect.arrayContaining([`${code}.ndjson`, `${code}.seats.json`]))
    for (const name of names) {
      const bytes = await readFile(join(server.data, name)).catch(() => null) // a directory's lock may be none
      expect(bytes?.includes(teacherToken) ?? false, name).toBe(false)
    }
    expect(server.output()).not.toContain(teacherToken)
  })

  it.each(['', '/api/host', '/api/rooms/CODE', '/api/rooms/CODE/log', '/CODE', '/CODE/projector'])(
    'is not told at %s',
    async (path) => {
      const response = await fetch(server.url + path.replace('CODE', code))
      expect(await response.text()).not.toContain(teacherToken)
      expect(JSON.stringify([...response.headers])).not.toContain(teacherToken)
    },
  )
})

/** What `oomroom ARGS` writes to a terminal at which these lines are typed. */
function onTerminal(args: string, typed: string): Promise<string> {
  const command = [...oomroomCommand(), args].join(' ')
  return new Promise((resolve) => {
    const child = execFile('script', ['-qec', command, '/dev/null'], (_, stdout) => resolve(stdout))
    child.stdin!.end(typed === '' ? '' : `${typed.replaceAll('; ', '\n')}\nexit\n`)
  })
}
