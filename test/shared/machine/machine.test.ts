import { describe, expect, it } from 'vitest'
import { EACCES, EPERM, ESRCH } from '@shared/lib/errno.ts'
import { peekFile } from '@shared/fs/file.ts'
import { namei } from '@shared/fs/tree.ts'
import { apply } from '@shared/machine/machine.ts'
import { checkMachine } from '@shared/machine/check.ts'
import { findShell } from '@shared/machine/login.ts'
import type { MachineCommand } from '@shared/machine/command.ts'
import { TRACE_NAMES } from '@shared/trace/events.ts'
import { watch } from '@shared/trace/trace.ts'
import { hashState } from '@shared/state/walk.ts'
import type { Machine } from '@shared/state/machine.ts'
import { bootSmall, takeSeats } from '../../sim/process.ts'

const spawn = (...argv: string[]): MachineCommand => ({
  t: 'spawn',
  path: `/usr/bin/${argv[0]}`,
  argv,
  env: [],
  stdout: 'tty',
})

function ticks(m: Machine, count: number, fuel = 200_000): void {
  for (let i = 0; i < count; i++) apply(m, 0, { t: 'tick', fuel })
}

describe('a machine', () => {
  it('boots to init and its daemons, asleep, with most of memory free', () => {
    const m = bootSmall(16)
    checkMachine(m)
    const comms = [...m.tasks.values()].map(
      ({ pid, comm, state }) => `${pid > 299} ${comm} ${state}`,
    )
    expect(comms).toEqual([
      'false init S',
      'false kthreadd S',
      'false kswapd0 S',
      'true syslogd S',
      'true cron S',
      'true sshd S',
    ])
    expect(m.zone.freePages).toBeGreaterThan(m.zone.presentPages * 0.75)
    expect([...m.tasks.values()].at(-1)!.oomScoreAdj).toBe(-1000)
  })

  it('is the same for the same options, another for another seed', () => {
    expect(hashState(bootSmall(8, 1))).toBe(hashState(bootSmall(8, 1)))
    expect(hashState(bootSmall(8, 1))).not.toBe(hashState(bootSmall(8, 2)))
  })

  it('works alike with and without a watcher', () => {
    const hashes = [[], TRACE_NAMES].map((names) => {
      const m = bootSmall(8)
      watch(m.trace, names)
      takeSeats(m, 2)
      apply(m, 2, spawn('hog', '1M'))
      ticks(m, 5)
      return hashState(m)
    })
    expect(hashes[0]).toBe(hashes[1])
  })
})

describe('a seat', () => {
  it('is a user, a line of sshd, a login shell and a C prompt', () => {
    const m = bootSmall(16)
    const outcome = apply(m, 4, {
      t: 'seat',
      name: 'Zoë Müller',
      role: 'student',
      from: '::ffff:10.0.0.7',
    })
    expect(outcome.task).toBe('4.2')
    const [shell, prompt] = [findShell(m, 4)!, m.handles.get('4.2')!]
    expect([shell.comm, prompt.comm, prompt.uid, m.users.get(1004)]).toEqual([
      'bash',
      'ic',
      1004,
      'zoemuller',
    ])
    expect(prompt.parent).toBe(shell)
    expect(m.syslog.at(-1)!.text).toMatch(
      /^Accepted publickey for zoemuller from ::ffff:10\.0\.0\.7 port \d+ ssh2$/,
    )
    expect(namei(m, '/home/zoemuller')!.uid).toBe(1004)
    expect([shell.state, prompt.state]).toEqual(['S', 'S'])
  })

  it('names are made unique and never empty', () => {
    const m = bootSmall(16)
    const names = ['Anna', 'anna', 'ANNA!', '', '李', '42', 'root']
    names.forEach((name, i) => apply(m, i + 1, { t: 'seat', name, role: 'student', from: '::1' }))
    const users = [...m.users.values()]
    expect(new Set(users).size).toBe(users.length)
    expect(users.slice(0, 2)).toEqual(['root', 'nobody'])
    expect(users.slice(2)).toEqual(['anna', 'anna2', 'anna3', 'user', 'user2', 'user3', 'root2'])
  })

  it('the teacher is root', () => {
    const m = bootSmall(16)
    const [teacher] = takeSeats(m, 1)
    expect(teacher.uid).toBe(0)
  })

  it('gets a new prompt when the old one has died, and a new shell if that is gone, too', () => {
    const m = bootSmall(16)
    const [, prompt] = takeSeats(m, 2)
    apply(m, 2, { t: 'kill', task: prompt.handle, sig: 9 })
    const second = apply(m, 2, { t: 'prompt' })
    expect(m.handles.get(second.task!)!.comm).toBe('ic')
    apply(m, 1, { t: 'kill', task: findShell(m, 2)!.handle, sig: 9 })
    expect(findShell(m, 2)).toBe(undefined)
    apply(m, 2, { t: 'prompt' })
    expect(findShell(m, 2)!.uid).toBe(1002)
    checkMachine(m)
  })
})

describe('commands', () => {
  it('kill: one’s own yes, others’ no, the teacher all', () => {
    const m = bootSmall(16)
    const [, ben, cem] = takeSeats(m, 3)
    expect(apply(m, 2, { t: 'kill', task: cem.handle, sig: 9 })).toEqual({ errno: EPERM })
    expect(apply(m, 2, { t: 'kill', task: ben.handle, sig: 15 })).toEqual({})
    expect(apply(m, 1, { t: 'kill', task: cem.handle, sig: 9 })).toEqual({})
    expect(apply(m, 1, { t: 'kill', task: '9.9', sig: 9 })).toEqual({ errno: ESRCH })
  })

  it('of a seat that nobody has taken change nothing', () => {
    const m = bootSmall(16)
    const commands: MachineCommand[] = [
      spawn('hog', '1M'),
      { t: 'kill', task: '0.1', sig: 9 },
      { t: 'write', path: '/tmp/x', text: 'x', append: false },
      { t: 'unlink', path: '/tmp' },
      { t: 'mkdir', path: '/tmp/x', mode: 0o777 },
    ]
    for (const command of commands) expect(apply(m, 7, command)).toEqual({ errno: ESRCH })
  })

  it('write makes, overwrites and appends; what is not one’s own stays as it is', () => {
    const m = bootSmall(16)
    takeSeats(m, 3)
    const write = (seat: number, text: string, append: boolean, path = 'notes') =>
      apply(m, seat, { t: 'write', path, text, append }).errno
    write(2, 'first', false)
    write(2, ' and more', true)
    const inode = namei(m, '/home/student2/notes')!
    const text = (): string => new TextDecoder().decode(peekFile(m, inode))
    expect(text()).toBe('first and more')
    write(2, 'äöü', false)
    expect(text()).toBe('äöü')
    expect(write(3, 'x', false, '/home/student2/notes')).toBe(EACCES)
    expect(write(3, 'x', false, '/home/student2/new')).toBe(EACCES)
    expect(write(2, 'x', false, '/usr/bin/ic')).toBe(EACCES)
    expect(text()).toBe('äöü')
  })

  it('hog takes what it was told and keeps it', () => {
    const m = bootSmall(16)
    takeSeats(m, 1)
    const { task } = apply(m, 1, spawn('hog', '2M'))
    const hog = m.handles.get(task!)!
    const before = hog.mm!.rssAnon
    ticks(m, 6)
    expect(hog.mm!.rssAnon - before).toBeGreaterThanOrEqual(512)
    expect(hog.mm!.rssAnon - before).toBeLessThan(520)
    expect(hog.state).toBe('S')
    apply(m, 1, { t: 'kill', task: task!, sig: 15 })
    expect(m.handles.has(task!)).toBe(false)
    checkMachine(m)
  })

  it('hog --rate takes so much a second', () => {
    const m = bootSmall(16)
    takeSeats(m, 1)
    const hog = m.handles.get(apply(m, 1, spawn('hog', 'forever', '--rate', '1M')).task!)!
    const before = hog.mm!.rssAnon
    ticks(m, 40)
    expect(Math.abs(hog.mm!.rssAnon - before - 512)).toBeLessThan(30)
  })

  it('hog and sleep say what is wrong with their arguments', () => {
    const m = bootSmall(16)
    takeSeats(m, 1)
    for (const [argv, word] of [
      [['hog'], 'usage'],
      [['hog', 'much'], 'usage'],
      [['sleep'], 'missing operand'],
      [['sleep', '1x'], "invalid time interval '1x'"],
    ] as const) {
      apply(m, 1, spawn(...argv))
      ticks(m, 1)
      const terminal = [...m.streams.values()].find(({ seat }) => seat === 1)!
      expect(terminal.text).toContain(word)
      expect(m.exits.at(-1)!.status).toBe(1 << 8)
    }
  })

  it('a program that does not exist: 127 for the shell, no process left', () => {
    const m = bootSmall(16)
    takeSeats(m, 1)
    const tasks = m.tasks.size
    expect(apply(m, 1, { ...spawn('nothing') }).errno).toBe(2)
    expect([m.tasks.size, m.exits.at(-1)!.status]).toEqual([tasks, 127 << 8])
  })
})
