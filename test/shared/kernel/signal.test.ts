import { describe, expect, it } from 'vitest'
import { EINVAL, EPERM, ESRCH } from '@shared/lib/errno.ts'
import { actOnSignals } from '@shared/kernel/sched.ts'
import { WCOREFLAG, sendSignal } from '@shared/kernel/signal.ts'
import * as state from '@shared/state/task.ts'
import { addProcess, bootSmall, call, forkTask } from '../../sim/process.ts'

describe('default actions', () => {
  const actions: [name: string, signal: number, outcome: string][] = [
    ['SIGHUP', state.SIGHUP, 'ends'],
    ['SIGINT', state.SIGINT, 'ends'],
    ['SIGKILL', state.SIGKILL, 'ends'],
    ['SIGTERM', state.SIGTERM, 'ends'],
    ['SIGUSR1', state.SIGUSR1, 'ends'],
    ['SIGPIPE', state.SIGPIPE, 'ends'],
    ['SIGALRM', state.SIGALRM, 'ends'],
    ['SIGQUIT', state.SIGQUIT, 'core'],
    ['SIGABRT', state.SIGABRT, 'core'],
    ['SIGFPE', state.SIGFPE, 'core'],
    ['SIGBUS', state.SIGBUS, 'core'],
    ['SIGSEGV', state.SIGSEGV, 'core'],
    ['SIGCHLD', state.SIGCHLD, 'nothing'],
    ['SIGCONT', state.SIGCONT, 'nothing'],
    ['SIGURG', state.SIGURG, 'nothing'],
    ['SIGWINCH', state.SIGWINCH, 'nothing'],
    ['SIGSTOP', state.SIGSTOP, 'stops'],
    ['SIGTSTP', state.SIGTSTP, 'stops'],
    ['SIGTTIN', state.SIGTTIN, 'stops'],
    ['SIGTTOU', state.SIGTTOU, 'stops'],
  ]
  for (const [name, signal, outcome] of actions) {
    it(`${name}: ${outcome}`, () => {
      const m = bootSmall(8)
      const parent = addProcess(m)
      const child = forkTask(m, parent)
      sendSignal(m, child, signal)
      actOnSignals(m)
      const states = { ends: 'Z', core: 'Z', nothing: 'S', stops: 'T' } as const
      expect(child.state).toBe(states[outcome as keyof typeof states])
      if (outcome === 'ends') expect(child.exitCode).toBe(signal)
      if (outcome === 'core') expect(child.exitCode).toBe(signal | WCOREFLAG)
    })
  }
})

describe('signals', () => {
  it('init gets none, not even SIGKILL', () => {
    const m = bootSmall(8)
    const init = m.tasks.get(1)!
    for (const signal of [state.SIGKILL, state.SIGTERM, state.SIGSTOP]) sendSignal(m, init, signal)
    actOnSignals(m)
    expect(init.state).toBe('S')
  })

  it('SIGKILL ends a stopped process; others wait until it is continued', () => {
    const m = bootSmall(8)
    const parent = addProcess(m)
    const [stopped, killed] = [forkTask(m, parent), forkTask(m, parent)]
    for (const task of [stopped, killed]) sendSignal(m, task, state.SIGSTOP)
    actOnSignals(m)
    sendSignal(m, stopped, state.SIGTERM)
    sendSignal(m, killed, state.SIGKILL)
    actOnSignals(m)
    expect([stopped.state, killed.state]).toEqual(['T', 'Z'])
    sendSignal(m, stopped, state.SIGCONT)
    actOnSignals(m)
    expect(stopped.state).toBe('Z')
  })

  it('stop and continue cancel each other', () => {
    const m = bootSmall(8)
    const task = addProcess(m)
    sendSignal(m, task, state.SIGTSTP)
    sendSignal(m, task, state.SIGCONT)
    actOnSignals(m)
    expect(task.state).not.toBe('T')
  })

  it('what a program catches stays pending for it', () => {
    const m = bootSmall(8)
    const task = addProcess(m)
    task.caught = 1 << (state.SIGINT - 1)
    sendSignal(m, task, state.SIGINT)
    actOnSignals(m)
    expect([task.state, task.pending]).toEqual(['R', 1 << (state.SIGINT - 1)])
  })
})

describe('execve', () => {
  it('a signal that was caught and is ignored by default does not end the new program', () => {
    const m = bootSmall(8)
    const task = addProcess(m)
    task.caught = 1 << (state.SIGCHLD - 1)
    sendSignal(m, task, state.SIGCHLD)
    task.caught = 0
    actOnSignals(m)
    expect([task.state, task.pending]).toEqual(['R', 0])
  })
})

describe('kill(2)', () => {
  it('one may signal one’s own, root everybody', () => {
    const m = bootSmall(8)
    const [anna, ben, root] = [addProcess(m, 1001), addProcess(m, 1002), addProcess(m, 0)]
    expect(call(m, anna, 'kill', ben.pid, 0)).toBe(-EPERM)
    expect(call(m, anna, 'kill', ben.pid, 9)).toBe(-EPERM)
    expect(call(m, anna, 'kill', anna.pid, 0)).toBe(0)
    expect(call(m, root, 'kill', ben.pid, 15)).toBe(0)
    expect(ben.state).toBe('Z')
    expect(call(m, anna, 'kill', 29_999, 0)).toBe(-ESRCH)
    expect(call(m, anna, 'kill', anna.pid, 99)).toBe(-EINVAL)
  })

  it('-1 is everybody whom the caller may signal, but itself and init', () => {
    const m = bootSmall(8)
    const [anna, other, ben] = [addProcess(m, 1001), addProcess(m, 1001), addProcess(m, 1002)]
    expect(call(m, anna, 'kill', -1, 9)).toBe(0)
    expect([anna.state, other.state, ben.state]).toEqual(['S', 'Z', 'S'])
  })

  it('0 and below: the process group', () => {
    const m = bootSmall(8)
    const [leader, member, other] = [addProcess(m, 1001), addProcess(m, 1001), addProcess(m, 1001)]
    leader.pgrp = leader.pid
    member.pgrp = leader.pid
    other.pgrp = other.pid
    expect(call(m, other, 'kill', -leader.pid, 15)).toBe(0)
    expect([leader.state, member.state, other.state]).toEqual(['Z', 'Z', 'S'])
  })
})
