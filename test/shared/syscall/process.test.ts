import { describe, expect, it } from 'vitest'
import { EACCES, EINVAL, EPERM, ESRCH } from '@shared/lib/errno.ts'
import { loadPtr, load32, storePtr } from '@shared/mm/uaccess.ts'
import { WAITING } from '@shared/syscall/define.ts'
import { tick } from '@shared/kernel/sched.ts'
import { addProcess, asTask, bootSmall, call, forkTask } from '../../sim/process.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'

function timespec(m: Machine, task: Task, seconds: number, nanoseconds: number): number {
  const va = m.layout.stackTop - 256
  asTask(m, task, () => {
    storePtr(m, task, va, seconds)
    storePtr(m, task, va + 8, nanoseconds)
  })
  return va
}

describe('ids', () => {
  it('are the task’s', () => {
    const m = bootSmall(8)
    const task = addProcess(m, 1001)
    const child = forkTask(m, task)
    expect(call(m, child, 'getpid')).toBe(child.pid)
    expect(call(m, child, 'getppid')).toBe(task.pid)
    expect([call(m, child, 'getuid'), call(m, child, 'geteuid'), call(m, child, 'getgid')]).toEqual(
      [1001, 1001, 1001],
    )
  })
})

describe('priorities', () => {
  it('one may be nicer, only root less nice; the kernel answers 20 - nice', () => {
    const m = bootSmall(8)
    const [anna, ben, root] = [addProcess(m, 1001), addProcess(m, 1002), addProcess(m, 0)]
    expect(call(m, anna, 'setpriority', 0, 0, 5)).toBe(0)
    expect(call(m, anna, 'getpriority', 0, 0)).toBe(15)
    expect(call(m, anna, 'setpriority', 0, 0, 4)).toBe(-EACCES)
    expect(call(m, ben, 'setpriority', 0, anna.pid, 10)).toBe(-EPERM)
    expect(call(m, root, 'setpriority', 0, anna.pid, -99)).toBe(0)
    expect(anna.nice).toBe(-20)
    expect(call(m, root, 'setpriority', 0, 29_999, 0)).toBe(-ESRCH)
    expect(call(m, root, 'setpriority', 1, 0, 0)).toBe(-EINVAL)
  })
})

describe('nanosleep', () => {
  it('sleeps for the time asked, rounded up to ticks', () => {
    const m = bootSmall(8)
    const task = addProcess(m)
    const sleep = (): number => call(m, task, 'nanosleep', timespec(m, task, 0, 120_000_000), 0)
    expect(sleep()).toBe(WAITING)
    expect([task.state, task.wait]).toEqual(['S', { for: 'timer', until: m.ticks + 3 }])
    for (let i = 0; i < 2; i++) tick(m, 10, () => 1)
    expect(sleep()).toBe(WAITING)
    tick(m, 10, () => 1)
    expect(sleep()).toBe(0)
    expect(task.call).toBe(null)
  })

  it('refuses times that are none', () => {
    const m = bootSmall(8)
    const task = addProcess(m)
    expect(call(m, task, 'nanosleep', timespec(m, task, 0, 1_000_000_000), 0)).toBe(-EINVAL)
    expect(call(m, task, 'nanosleep', timespec(m, task, 2 ** 64 - 4096, 0), 0)).toBe(-EINVAL)
  })
})

describe('sysinfo', () => {
  it('tells uptime, memory and the number of processes', () => {
    const m = bootSmall(8)
    const task = addProcess(m)
    m.ticks = 61
    const va = m.layout.stackTop - 256
    expect(call(m, task, 'sysinfo', va)).toBe(0)
    asTask(m, task, () => {
      expect(loadPtr(m, task, va)).toBe(3)
      expect(loadPtr(m, task, va + 32)).toBe(m.totalramPages * 4096)
      expect(loadPtr(m, task, va + 40)).toBe(m.zone.freePages * 4096)
      expect(load32(m, task, va + 80)).toBe(m.tasks.size)
    })
  })
})
