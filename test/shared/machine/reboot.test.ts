import { describe, expect, it } from 'vitest'
import { EHOSTDOWN, EPERM } from '@shared/lib/errno.ts'
import { namei } from '@shared/fs/tree.ts'
import { wantsTicks } from '@shared/kernel/sched.ts'
import { apply } from '@shared/machine/machine.ts'
import { checkMachine } from '@shared/machine/check.ts'
import { findShell } from '@shared/machine/login.ts'
import type { MachineCommand } from '@shared/machine/command.ts'
import { panic } from '@shared/state/panic.ts'
import type { Machine } from '@shared/state/machine.ts'
import { hashState, loadState, saveState } from '@shared/state/walk.ts'
import { BOOT_TIME, bootSmall, takeSeats } from '../../sim/process.ts'

const write = (path: string, text: string): MachineCommand => ({
  t: 'write',
  path,
  text,
  append: false,
})
const hog: MachineCommand = {
  t: 'spawn',
  path: '/usr/bin/hog',
  argv: ['hog', '2M'],
  env: [],
  stdout: 'tty',
}
const ticks = (m: Machine, count: number) => {
  for (let i = 0; i < count; i++) apply(m, 0, { t: 'tick', fuel: 200_000 })
}

/** A teacher in seat 1, students in 2 and 3, and some work done. */
function classAtWork(): Machine {
  const m = bootSmall(16)
  takeSeats(m, 3)
  apply(m, 2, hog)
  apply(m, 2, write('/tmp/notes', 'mine'))
  apply(m, 1, write('/proc/sys/vm/overcommit_memory', '2'))
  apply(m, 1, write('/proc/sys/kernel/oom_era', '2.6.32'))
  ticks(m, 40)
  return m
}

describe('a reboot', () => {
  it('leaves the machine the same object, as new: files, processes, settings, syslog', () => {
    const m = classAtWork()
    const fresh = bootSmall(16)
    takeSeats(fresh, 3)
    expect(apply(m, 1, { t: 'reboot' })).toEqual({})
    checkMachine(m)
    expect([m.boots, m.ticks, m.panic, m.rebootAt]).toEqual([2, 0, '', -1])
    expect([m.era, m.sysctl, m.options]).toEqual(['6.12', fresh.sysctl, fresh.options])
    expect(m.bootTime).toBe(BOOT_TIME + 40 * 50)
    expect(namei(m, '/tmp/notes')).toBe(null)
    expect(m.syslog.slice(0, 3).map(({ text }) => text)).toEqual(
      fresh.syslog.slice(0, 3).map(({ text }) => text),
    )
    expect(m.zone.freePages).toBe(fresh.zone.freePages)
    expect([...m.tasks.values()].map(({ comm }) => comm)).toEqual(
      [...fresh.tasks.values()].map(({ comm }) => comm),
    )
  })

  it('gives every seat its user, home, shell and C prompt again, under handles never used before', () => {
    const m = classAtWork()
    const before = new Set(m.handles.keys())
    const users = [...m.users]
    apply(m, 1, { t: 'reboot' })
    for (const handle of m.handles.keys()) expect(before.has(handle), handle).toBe(false)
    expect([...m.users]).toEqual(users)
    for (const seat of [1, 2, 3]) {
      const shell = findShell(m, seat)!
      expect(shell).toMatchObject({ uid: seat === 1 ? 0 : 1000 + seat, state: 'S' })
      expect(shell.children.map(({ comm }) => comm)).toEqual(['ic'])
      expect(shell.stdout).toMatchObject({ seat, terminal: true })
    }
    expect(namei(m, '/home/student2')!.uid).toBe(1002)
    apply(m, 2, { t: 'ic', task: findShell(m, 2)!.children[0].handle, line: 'x = 1' })
    ticks(m, 2)
    checkMachine(m)
  })

  it('is root’s alone', () => {
    const m = classAtWork()
    expect(apply(m, 2, { t: 'reboot' })).toEqual({ errno: EPERM })
    expect(m.boots).toBe(1)
  })

  it('SysRq b does it, too', () => {
    const m = classAtWork()
    apply(m, 1, write('/proc/sysrq-trigger', 'b'))
    expect([m.boots, m.ticks]).toEqual([2, 0])
  })

  it('is the same on every replica, and after save and load', () => {
    const [a, b] = [classAtWork(), loadState(saveState(classAtWork())) as Machine]
    for (const m of [a, b]) {
      apply(m, 1, { t: 'reboot' })
      apply(m, 3, hog)
      ticks(m, 10)
    }
    expect(hashState(a)).toBe(hashState(b))
    expect(hashState(loadState(saveState(a)) as Machine)).toBe(hashState(a))
  })
})

describe('a panic', () => {
  it('stops everything; whatever is asked is refused until root reboots', () => {
    const m = classAtWork()
    panic(m, 'test')
    expect(m.syslog.at(-1)!.text).toBe('Kernel panic - not syncing: test')
    expect(wantsTicks(m)).toBe(false)
    const { freePages } = m.zone
    const tasks = m.tasks.size
    const asked: MachineCommand[] = [
      hog,
      { t: 'prompt' },
      { t: 'ic', task: '2.2', line: 'x = 1' },
      { t: 'kill', task: '2.2', sig: 9 },
      write('/tmp/notes', 'more'),
      { t: 'unlink', path: '/tmp/notes' },
      { t: 'call', task: '2.2', call: 'getpid', args: [] },
    ]
    for (const command of asked)
      expect(apply(m, 2, command), command.t).toEqual({ errno: EHOSTDOWN })
    ticks(m, 5)
    expect([m.zone.freePages, m.tasks.size]).toEqual([freePages, tasks])
    expect(apply(m, 2, { t: 'reboot' })).toEqual({ errno: EPERM })
    expect(apply(m, 1, { t: 'reboot' })).toEqual({})
    checkMachine(m)
    expect(apply(m, 2, hog).task).toBeDefined()
  })

  it('leaves in memory what brought it about', () => {
    const m = bootSmall(16)
    takeSeats(m, 2)
    apply(m, 1, write('/proc/sys/vm/panic_on_oom', '1'))
    apply(m, 2, { ...hog, argv: ['hog', '40M'] })
    ticks(m, 400)
    expect(m.panic).not.toBe('')
    expect([...m.tasks.values()].some(({ comm, state }) => comm === 'hog' && state !== 'Z')).toBe(
      true,
    )
    expect(m.zone.freePages).toBeLessThan(m.zone.watermarkHigh)
    checkMachine(m)
  })

  it('6.12 ends its words with a line of its own', () => {
    const m = bootSmall(16)
    panic(m, 'test')
    expect(m.syslog.at(-1)!.text).toBe('---[ end Kernel panic - not syncing: test ]---')
  })

  it('who comes meanwhile has a shell after the reboot', () => {
    const m = bootSmall(16)
    takeSeats(m, 1)
    panic(m, 'test')
    const seat = { t: 'seat', name: 'Late', role: 'student', from: '::1' } as const
    expect(apply(m, 2, seat)).toEqual({ errno: EHOSTDOWN })
    apply(m, 1, { t: 'reboot' })
    expect(findShell(m, 2)).toMatchObject({ uid: 1002, cwdPath: '/home/late' })
  })

  it('kernel.panic: the machine boots itself after so many seconds, at once for -1', () => {
    const m = classAtWork()
    apply(m, 1, write('/proc/sys/kernel/panic', '2'))
    apply(m, 1, write('/proc/sysrq-trigger', 'c'))
    expect(m.syslog.at(-1)!.text).toBe('Rebooting in 2 seconds..')
    expect(wantsTicks(m)).toBe(true)
    ticks(m, 39)
    expect(m.panic).toBe('Fatal exception')
    ticks(m, 1)
    expect([m.panic, m.boots, m.ticks]).toEqual(['', 2, 0])
    apply(m, 1, write('/proc/sys/kernel/panic', '-1'))
    apply(m, 1, write('/proc/sysrq-trigger', 'c'))
    expect([m.panic, m.boots]).toEqual(['', 3])
  })
})
