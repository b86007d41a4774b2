import { describe, expect, it } from 'vitest'
import { EFAULT, ENOMEM, ENOSYS, EOVERFLOW } from '@shared/lib/errno.ts'
import { SYSCALLS, findSyscall, straceLine } from '@shared/syscall/table.ts'
import { PAGE, addProcess, bootSmall, call } from '../../sim/process.ts'

describe('the table of system calls', () => {
  it('has each name and number once, the numbers of x86-64', () => {
    expect(new Set(SYSCALLS.map(({ nr }) => nr)).size).toBe(SYSCALLS.length)
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

  it('shows a call as strace does', () => {
    const m = bootSmall(8)
    const task = addProcess(m)
    m.trace.ring = []
    call(m, task, 'munmap', 0x2000_0000_0000, PAGE)
    const lines = m.trace.ring
      .filter(({ name }) => name === 'sys_exit')
      .map(({ args }) => args.line)
    expect(lines).toEqual(['munmap(0x200000000000, 4096) = 0'])
    expect(straceLine(findSyscall('brk')!, [0], 0x100_0000)).toBe('brk(NULL) = 0x1000000')
    expect(straceLine(findSyscall('kill')!, [7, 9], -3)).toBe('kill(7, 9) = -1 ESRCH')
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
