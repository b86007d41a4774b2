import { describe, expect, it } from 'vitest'
import { apply } from '@shared/machine/machine.ts'
import { newTask } from '@shared/kernel/task.ts'
import { tick, wantsTicks, type RunProgram } from '@shared/kernel/sched.ts'
import { sendSignal } from '@shared/kernel/signal.ts'
import { SIGCONT, SIGSTOP, type Task } from '@shared/state/task.ts'
import type { Machine } from '@shared/state/machine.ts'
import { bootSmall, takeSeats } from '../../sim/process.ts'

/** A task that would compute for ever. */
function spinner(m: Machine, nice = 0): Task {
  const task = newTask(m, m.tasks.get(1)!, 0, { kind: 'spin' })!
  task.nice = nice
  return task
}

const spin: RunProgram = (_m, _task, fuel) => fuel

function run(m: Machine, ticks: number, fuel = 100_000, program: RunProgram = spin): void {
  for (let i = 0; i < ticks; i++) tick(m, fuel, program)
}

describe('the scheduler', () => {
  it('gives equals equal shares', () => {
    const m = bootSmall(8)
    const tasks = [1, 2, 3, 4, 5].map(() => spinner(m))
    run(m, 40)
    const shares = tasks.map(({ utime }) => utime)
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(40_000)
    expect(shares.reduce((sum, share) => sum + share)).toBe(4_000_000)
  })

  it('a nice level is a tenth of the CPU: nice 5 gets a third of nice 0, nice 19 a seventieth', () => {
    for (const [nice, ratio] of [
      [5, 1024 / 335],
      [19, 1024 / 15],
      [-5, 1024 / 3121],
    ]) {
      const m = bootSmall(8)
      const normal = spinner(m)
      const other = spinner(m, nice)
      run(m, 400)
      expect(normal.utime / other.utime / ratio).toBeGreaterThan(0.85)
      expect(normal.utime / other.utime / ratio).toBeLessThan(1.15)
    }
  })

  it('who has slept long gets its share from now on, not all that it has missed', () => {
    const m = bootSmall(8)
    const busy = spinner(m)
    const sleeper = spinner(m)
    sleeper.state = 'S'
    sleeper.wait = { for: 'timer', until: 200 }
    run(m, 200)
    const before = busy.utime
    run(m, 20)
    expect(sleeper.utime).toBeLessThan(1_200_000)
    expect(busy.utime - before).toBeGreaterThan(800_000)
  })

  it('a newcomer starts level with the others', () => {
    const m = bootSmall(8)
    const old = spinner(m)
    run(m, 100)
    const before = old.utime
    const newcomer = spinner(m)
    run(m, 20)
    expect(newcomer.utime).toBeLessThan(1_200_000)
    expect(old.utime - before).toBeGreaterThan(800_000)
  })

  it('after a nice process ran alone, an old one does not get all the time', () => {
    const m = bootSmall(8)
    const old = spinner(m)
    run(m, 5)
    old.state = 'S'
    old.wait = { for: 'timer', until: 60 }
    const nice = spinner(m, 19)
    run(m, 55)
    nice.nice = 0
    const before = nice.utime
    run(m, 200)
    expect(nice.utime - before).toBeGreaterThan(5_000_000)
  })

  it('a tick spends its fuel and no more', () => {
    const m = bootSmall(8)
    const tasks = [0, 0, 0, 10].map((nice) => spinner(m, nice))
    run(m, 10, 30_000)
    expect(tasks.reduce((sum, { utime }) => sum + utime, 0)).toBe(300_000)
  })

  it('what is spent beyond a slice is paid later', () => {
    const m = bootSmall(8)
    const greedy = spinner(m)
    const modest = spinner(m)
    run(m, 200, 20_000, (_m, task, fuel) => (task === greedy ? fuel * 5 : fuel))
    expect(greedy.utime / modest.utime).toBeGreaterThan(0.8)
    expect(greedy.utime / modest.utime).toBeLessThan(1.25)
  })

  it('sleepers wake at their tick, not before', () => {
    const m = bootSmall(8)
    const task = spinner(m)
    task.state = 'S'
    task.wait = { for: 'timer', until: m.ticks + 5 }
    expect(wantsTicks(m)).toBe(true)
    run(m, 4)
    expect(task.utime).toBe(0)
    run(m, 1)
    expect(task.utime).toBeGreaterThan(0)
  })

  it('a stopped process does not run until it is continued', () => {
    const m = bootSmall(8)
    const task = spinner(m)
    sendSignal(m, task, SIGSTOP)
    run(m, 1)
    expect(task.state).toBe('T')
    const { utime } = task
    run(m, 3)
    expect(task.utime).toBe(utime)
    expect(wantsTicks(m)).toBe(false)
    sendSignal(m, task, SIGCONT)
    run(m, 1)
    expect(task.utime).toBeGreaterThan(utime)
  })

  it('a machine where all wait needs no time', () => {
    const m = bootSmall(16)
    takeSeats(m, 2)
    expect(wantsTicks(m)).toBe(false)
    apply(m, 1, {
      t: 'spawn',
      path: '/usr/bin/sleep',
      argv: ['sleep', '1'],
      env: [],
      stdout: 'tty',
    })
    expect(wantsTicks(m)).toBe(true)
    for (let i = 0; i < 22; i++) apply(m, 0, { t: 'tick', fuel: 10_000 })
    expect(wantsTicks(m)).toBe(false)
  })
})
