import { describe, expect, it } from 'vitest'
import { EFAULT, ENOMEM, ENOSYS, EOVERFLOW } from '@shared/lib/errno.ts'
import { SYSCALLS } from '@shared/syscall/table.ts'
import { PAGE, addProcess, bootSmall, call } from '../../sim/process.ts'

describe('the table of system calls', () => {
  it('has each name and number once, on x86-64 and on i386', () => {
    for (const key of ['nr', 'i386', 'name', 'name32'] as const)
      expect(new Set(SYSCALLS.map((call) => call[key])).size, key).toBe(SYSCALLS.length)
    const order = SYSCALLS.map(({ nr }) => nr)
    expect(order).toEqual([...order].sort((a, b) => a - b))
    const numbers = Object.fromEntries(SYSCALLS.map(({ name, nr }) => [name, nr]))
    expect(numbers).toMatchObject({
      read: 0,
      write: 1,
      open: 2,
      close: 3,
      mmap: 9,
      mprotect: 10,
      munmap: 11,
      brk: 12,
      sched_yield: 24,
      nanosleep: 35,
      getpid: 39,
      fork: 57,
      execve: 59,
      wait4: 61,
      kill: 62,
      sysinfo: 99,
      getuid: 102,
      getppid: 110,
      exit_group: 231,
    })
  })

  it('answers ENOSYS to what it does not have', () => {
    const m = bootSmall(8)
    expect(call(m, addProcess(m), 'reboot')).toBe(-ENOSYS)
  })
})

describe('bad requests', () => {
  it('a pointer that leads nowhere is EFAULT, and the process lives on', () => {
    const m = bootSmall(16)
    const task = addProcess(m)
    expect(call(m, task, 'write', 1, 0, 5)).toBe(-EFAULT)
    expect(call(m, task, 'nanosleep', 0x10, 0)).toBe(-EFAULT)
    expect(task.pending).toBe(0)
    expect(call(m, task, 'getpid')).toBe(task.pid)
  })

  it('a fixed mapping that cannot be promised leaves what was there', () => {
    const m = bootSmall(16)
    const task = addProcess(m)
    m.sysctl.overcommitMemory = 2
    const va = call(m, task, 'mmap', 0, 4 * PAGE, 3, 0x22, -1, 0)
    const huge = m.totalramPages * PAGE
    expect(call(m, task, 'mmap', va, huge, 3, 0x32, -1, 0)).toBe(-ENOMEM)
    expect(call(m, task, 'munmap', va, 4 * PAGE)).toBe(0)
    expect(call(m, task, 'mmap', va, 4 * PAGE, 3, 0x32, -1, -PAGE)).toBe(-EOVERFLOW)
  })
})
