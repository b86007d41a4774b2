import { describe, expect, it } from 'vitest'
import { apply } from '@shared/machine/machine.ts'
import type { MachineCommand } from '@shared/machine/command.ts'
import { checkMachine } from '@shared/machine/check.ts'
import { FORKBOMB_MAX } from '@shared/machine/forkbomb.ts'
import { STORMS } from '@shared/machine/storm.ts'
import { NOBODY_UID, TICKS_PER_SECOND, type Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import { bootSmall, takeSeats } from './process.ts'

const TEACHER = 1
const STUDENT = 2

function classroom(mib: number): Machine {
  const m = bootSmall(mib)
  takeSeats(m, 2)
  return m
}

function spawn(m: Machine, seat: number, argv: string[], oomScoreAdj?: number): Task {
  const path = `/usr/bin/${argv[0]}`
  const settings = oomScoreAdj === undefined ? {} : { oomScoreAdj }
  const { task } = apply(m, seat, { t: 'spawn', path, argv, env: [], stdout: 'tty', ...settings })
  return m.handles.get(task!)!
}

function ticks(m: Machine, count: number, fuel = 2_000_000): void {
  for (let i = 0; i < count; i++) apply(m, 0, { t: 'tick', fuel })
  checkMachine(m)
}

const named = (m: Machine, comm: string) =>
  [...m.tasks.values()].filter((task) => task.comm === comm && task.state !== 'Z')

describe('hog', () => {
  it('has the name that it is given', () => {
    const m = classroom(16)
    const hog = spawn(m, TEACHER, ['hog', '1M', '--name', 'browser'])
    ticks(m, 5)
    expect(hog.comm).toBe('browser')
    expect(hog.mm!.rssAnon).toBeGreaterThan(256)
  })

  it.each([['a/b'], ['a name of many words'], [''], ['sixteen-letters-']])(
    'refuses the name %j',
    (name) => {
      const m = classroom(16)
      const hog = spawn(m, TEACHER, ['hog', '1M', '--name', name])
      ticks(m, 2)
      expect(hog.exitCode).toBe(1 << 8)
    },
  )
})

describe('forkbomb', () => {
  it('fills its limit and no more, as nobody; one kill of the group ends it', () => {
    const m = classroom(32)
    const bomb = spawn(m, TEACHER, ['forkbomb', '40'])
    ticks(m, 40)
    const processes = named(m, 'forkbomb')
    expect(processes).toHaveLength(40)
    expect(new Set(processes.map(({ uid }) => uid))).toEqual(new Set([NOBODY_UID]))
    const shell = [...m.tasks.values()].find(
      ({ seat, comm }) => seat === TEACHER && comm === 'bash',
    )!
    const kill = {
      t: 'call',
      task: shell.handle,
      call: 'kill',
      args: [-bomb.pgrp, 9],
    } satisfies MachineCommand
    expect(apply(m, TEACHER, kill)).toEqual({ result: 0 })
    ticks(m, 2)
    expect(named(m, 'forkbomb')).toEqual([])
  })

  it('of a student counts what the student has', () => {
    const m = classroom(32)
    const own = [...m.tasks.values()].filter(({ seat }) => seat === STUDENT).length
    spawn(m, STUDENT, ['forkbomb', '10'])
    ticks(m, 40)
    expect(named(m, 'forkbomb')).toHaveLength(10 - own)
  })

  it.each([['0'], [String(FORKBOMB_MAX + 1)], ['many'], ['-1']])(
    'refuses the limit %j',
    (limit) => {
      const m = classroom(16)
      const bomb = spawn(m, TEACHER, ['forkbomb', limit])
      ticks(m, 2)
      expect(bomb.exitCode).toBe(1 << 8)
    },
  )
})

describe('storm', () => {
  it.each(Object.keys(STORMS))(
    '%s takes memory along its curve, and everything is back',
    (profile) => {
      const m = classroom(32)
      const free = m.zone.freePages
      const storm = spawn(m, TEACHER, ['storm', profile, '10'], -1000)
      const taken: number[] = []
      for (let i = 0; i < 10 * TICKS_PER_SECOND - 1; i++) {
        apply(m, 0, { t: 'tick', fuel: 2_000_000 })
        if (storm.mm !== null) taken.push(storm.mm.rssAnon)
      }
      checkMachine(m)
      expect(Math.max(...taken) / free).toBeGreaterThan(0.8)
      if (profile === 'steep') expect(m.vmstat.oom_kill).toBeGreaterThan(0)
      if (profile === 'oscillating') {
        const half = free / 2
        const rises = taken.filter((pages, i) => pages >= half && taken[i - 1] < half)
        expect(rises).toHaveLength(3)
      }
      ticks(m, 10)
      expect(storm.state).toBe('Z')
      expect(free - m.zone.freePages).toBeLessThan(64)
    },
  )

  it('on a machine that is half full takes of the rest: nobody dies of the gentle one', () => {
    const m = classroom(32)
    spawn(m, TEACHER, ['hog', '14M'])
    ticks(m, 40)
    const free = m.zone.freePages
    const storm = spawn(m, TEACHER, ['storm', 'gentle', '4'])
    ticks(m, 4 * TICKS_PER_SECOND - 2)
    expect(m.vmstat.oom_kill).toBe(0)
    expect(storm.mm!.rssAnon / free).toBeGreaterThan(0.8)
    expect(storm.mm!.rssAnon / free).toBeLessThan(0.87)
  })

  it.each([
    [['storm']],
    [['storm', 'mild']],
    [['storm', 'steep', '0']],
    [['storm', 'steep', '3601']],
  ])('refuses %j', (argv) => {
    const m = classroom(16)
    const storm = spawn(m, TEACHER, argv)
    ticks(m, 2)
    expect(storm.exitCode).toBe(1 << 8)
  })
})
