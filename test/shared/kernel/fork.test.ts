import { describe, expect, it } from 'vitest'
import { EAGAIN } from '@shared/lib/errno.ts'
import { checkMachine } from '@shared/machine/check.ts'
import { findShell } from '@shared/machine/login.ts'
import { vmasOf } from '@shared/mm/vma.ts'
import { addProcess, bootSmall, call, forkTask, takeSeats } from '../../sim/process.ts'

describe('fork', () => {
  it('hands down who and where one is, not what is pending', () => {
    const m = bootSmall(16)
    const parent = addProcess(m, 1001)
    parent.nice = 4
    parent.oomScoreAdj = 300
    parent.caught = 1 << 1
    parent.pending = 1 << 1
    parent.rlimits.stack.soft = 1 << 20
    const child = forkTask(m, parent)
    expect(child).toMatchObject({ uid: 1001, nice: 4, oomScoreAdj: 300, pending: 0 })
    expect(child.parent === parent).toBe(true)
    expect(child.rlimits).toEqual(parent.rlimits)
    expect(child.rlimits).not.toBe(parent.rlimits)
    expect([child.minFlt, child.utime]).toEqual([0, 0])
    expect(child.pid).toBeGreaterThan(parent.pid)
    expect(parent.children[0] === child).toBe(true)
  })

  it('copies the address space as it looks, and promises it again', () => {
    const m = bootSmall(16)
    const [prompt] = takeSeats(m, 1)
    const promised = m.committed
    const child = forkTask(m, prompt)
    const shape = (task: typeof prompt) =>
      vmasOf(task.mm).map(({ start, end, flags, pgoff }) => [start, end, flags, pgoff])
    expect(shape(child)).toEqual(shape(prompt))
    const accounted = vmasOf(prompt.mm).filter(({ flags }) => (flags & 0x10_0000) !== 0)
    const pages = accounted.reduce((sum, { start, end }) => sum + (end - start) / 4096, 0)
    expect(m.committed - promised).toBe(pages)
    expect(child.mm!.totalVm).toBe(prompt.mm!.totalVm)
    checkMachine(m)
  })

  it('the program’s state is copied all the way down', () => {
    const m = bootSmall(16)
    const parent = addProcess(m)
    parent.program = Object.assign({ kind: 'test' }, { list: [{ n: 1 }], map: new Map([[1, [2]]]) })
    const child = forkTask(m, parent)
    expect(child.program).toEqual(parent.program)
    const list = (task: typeof parent) => (task.program as unknown as { list: object[] }).list
    expect(list(child)[0]).not.toBe(list(parent)[0])
  })

  it('a fork bomb meets RLIMIT_NPROC', () => {
    const m = bootSmall(16)
    const bomb = addProcess(m, 1001)
    let forks = 0
    let result = 0
    const limit = bomb.rlimits.nproc.soft
    while (result >= 0 && forks < 2 * limit) {
      result = call(m, bomb, 'fork')
      if (result >= 0) forks++
    }
    expect(result).toBe(-EAGAIN)
    expect(forks).toBe(bomb.rlimits.nproc.soft - 1)
    checkMachine(m)
  })

  it('pids go round and leave out those in use', () => {
    const m = bootSmall(8)
    const parent = addProcess(m)
    m.lastPid = 32_766
    const pids = [1, 2, 3].map(() => forkTask(m, parent).pid)
    expect(pids).toEqual([32_767, 304, 305])
    expect(new Set(m.tasks.keys()).size).toBe(m.tasks.size)
  })

  it('processes of a seat have the seat’s handles, in order of birth', () => {
    const m = bootSmall(16)
    const [, prompt] = takeSeats(m, 2)
    expect(findShell(m, 2)!.handle).toBe('2.1')
    expect(prompt.handle).toBe('2.2')
    expect(forkTask(m, prompt).handle).toBe('2.3')
  })
})
