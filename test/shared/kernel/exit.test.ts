import { describe, expect, it } from 'vitest'
import { ECHILD } from '@shared/lib/errno.ts'
import { apply } from '@shared/machine/machine.ts'
import { checkMachine } from '@shared/machine/check.ts'
import { findShell } from '@shared/machine/login.ts'
import { WAITING } from '@shared/syscall/define.ts'
import {
  PAGE,
  addProcess,
  bootSmall,
  byteAt,
  call,
  exitTask,
  forkTask,
  store,
  takeSeats,
} from '../../sim/process.ts'

describe('the end of a process', () => {
  it('memory goes at once; the zombie keeps its pid and its status until the parent asks', () => {
    const m = bootSmall(8)
    const parent = addProcess(m)
    const child = forkTask(m, parent)
    const { pid } = child
    const free = m.zone.freePages
    exitTask(m, child, 7)
    expect([child.state, child.mm, child.exitCode]).toEqual(['Z', null, 7 << 8])
    expect(m.zone.freePages).toBeGreaterThan(free)
    expect(m.tasks.has(pid)).toBe(true)
    expect(call(m, parent, 'wait4', -1, 0, 0, 0)).toBe(pid)
    expect(m.tasks.has(pid)).toBe(false)
    expect(m.handles.has(child.handle)).toBe(false)
    expect(call(m, parent, 'wait4', -1, 0, 0, 0)).toBe(-ECHILD)
    checkMachine(m)
  })

  it('wait tells the status where it was asked to put it', () => {
    const m = bootSmall(8)
    const parent = addProcess(m)
    exitTask(m, forkTask(m, parent), 3)
    const status = m.layout.stackTop - 64
    store(m, parent, status, 0xff)
    call(m, parent, 'wait4', -1, status, 0, 0)
    expect([0, 1, 2, 3].map((i) => byteAt(m, parent, status + i))).toEqual([0, 3, 0, 0])
  })

  it('a parent that waits sleeps until a child ends; WNOHANG does not', () => {
    const m = bootSmall(8)
    const parent = addProcess(m)
    const child = forkTask(m, parent)
    expect(call(m, parent, 'wait4', -1, 0, 1, 0)).toBe(0)
    expect(call(m, parent, 'wait4', child.pid, 0, 0, 0)).toBe(WAITING)
    expect([parent.state, parent.wait.for]).toEqual(['S', 'child'])
    exitTask(m, child)
    expect(parent.state).toBe('R')
    expect(call(m, parent, 'wait4', child.pid, 0, 0, 0)).toBe(child.pid)
  })

  it('orphans become init’s; init reaps them as they end, zombies at once', () => {
    const m = bootSmall(8)
    const parent = addProcess(m)
    const [living, zombie] = [forkTask(m, parent), forkTask(m, parent)]
    exitTask(m, zombie)
    expect(m.tasks.has(zombie.pid)).toBe(true)
    exitTask(m, parent)
    expect(m.tasks.has(zombie.pid)).toBe(false)
    expect(living.parent!.pid).toBe(1)
    expect(call(m, living, 'getppid')).toBe(1)
    exitTask(m, living)
    expect(m.tasks.has(living.pid)).toBe(false)
    checkMachine(m)
  })

  it('sshd reaps the login shells that it has started', () => {
    const m = bootSmall(16)
    takeSeats(m, 2)
    const shell = findShell(m, 2)!
    const tasks = m.tasks.size
    apply(m, 1, { t: 'kill', task: shell.handle, sig: 9 })
    expect(m.tasks.has(shell.pid)).toBe(false)
    expect(m.tasks.size).toBe(tasks - 1)
  })

  it('open files close with the last process that has them', () => {
    const m = bootSmall(8)
    const parent = addProcess(m, 0)
    const path = m.layout.stackTop - 64
    ;[...'/tmp/x\0'].forEach((character, i) => store(m, parent, path + i, character.charCodeAt(0)))
    expect(call(m, parent, 'open', path, 0o102, 0o644)).toBe(3)
    const { inode } = parent.files[3]!
    const child = forkTask(m, parent)
    exitTask(m, child)
    expect(inode.users).toBe(1)
    exitTask(m, parent)
    expect(inode.users).toBe(0)
  })

  it('everything comes back: frames, promises, kernel objects', () => {
    const m = bootSmall(16)
    exitTask(m, addProcess(m)) // slab caches have their reserve now
    const count = () => ({
      free: m.zone.freePages + m.slab.reduce((sum, { frames }) => sum + frames.length, 0),
      promised: m.committed,
      objects: m.slab.map(({ name, objects }) => `${name} ${objects}`),
    })
    const before = count()
    const parent = addProcess(m)
    for (let i = 0; i < 10; i++) {
      const va = 0x2000_0000_0000 + i * 7 * PAGE
      call(m, parent, 'mmap', va, 5 * PAGE, 3, i % 2 === 0 ? 0x32 : 0x31, -1, 0)
      store(m, parent, va + PAGE, 1)
    }
    const children = [forkTask(m, parent), forkTask(m, parent)]
    for (const task of [...children, parent]) {
      store(m, task, 0x2000_0000_0000, 1)
      call(m, task, 'munmap', 0x2000_0000_0000 + PAGE, PAGE)
    }
    for (const task of [children[0], parent, children[1]]) exitTask(m, task)
    expect(count()).toEqual(before)
    checkMachine(m)
  })
})
