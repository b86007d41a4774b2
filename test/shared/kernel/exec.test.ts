import { describe, expect, it } from 'vitest'
import { checkMachine } from '@shared/machine/check.ts'
import { followPte } from '@shared/mm/pgtable.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import { leastRam } from '@shared/room/options.ts'
import { vmasOf } from '@shared/mm/vma.ts'
import {
  KINDS,
  PAGE,
  addProcess,
  asTask,
  bootSmall,
  call,
  kindName,
  store,
  takeSeats,
} from '../../sim/process.ts'

function layoutOf(m: Machine, task: Task): string[] {
  return vmasOf(task.mm).map((vma) => {
    const access = ['---', 'r--', '-w-', 'rw-', '--x', 'r-x', '-wx', 'rwx'][vma.flags & 7]
    const name = vma.special || (vma.file === null ? '' : vma.file.image)
    const place = vma.start < 2 ** 32 ? vma.start.toString(16) : 'above'
    return `${place} ${(vma.end - vma.start) / PAGE} ${access} ${name}`.trim()
  })
}

describe('a C prompt', () => {
  it('is laid out as in the lecture’s drawing', () => {
    const m = bootSmall(16)
    const [prompt] = takeSeats(m, 1)
    const libc = '/usr/lib/x86_64-linux-gnu/libc.so.6'
    const loader = '/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2'
    expect(layoutOf(m, prompt)).toEqual([
      '400000 16 r-x /usr/bin/ic',
      '600000 1 r-- /usr/bin/ic',
      '601000 1 rw- /usr/bin/ic',
      '602000 16 rw-',
      'above 3 rw-',
      `above 38 r-- ${libc}`,
      `above 342 r-x ${libc}`,
      `above 83 r-- ${libc}`,
      `above 4 r-- ${libc}`,
      `above 2 rw- ${libc}`,
      'above 15 rw-',
      'above 4 r-- [vvar]',
      'above 2 r-x [vdso]',
      `above 1 r-- ${loader}`,
      `above 38 r-x ${loader}`,
      `above 10 r-- ${loader}`,
      `above 2 r-- ${loader}`,
      `above 2 rw- ${loader}`,
      'above 33 rw-',
    ])
    const { mm } = prompt
    expect([mm!.startBrk, mm!.brk]).toEqual([0x100_0000, 0x100_0000])
    expect(vmasOf(mm).find(({ start }) => start === mm!.libcData)!.file!.image).toBe(libc)
  })

  it('on i386 has its data behind its text, and no thread block below libc', () => {
    const m = bootSmall(16, 1, 0, { bits: 32 })
    const [prompt] = takeSeats(m, 1)
    const libc = '/usr/lib/i386-linux-gnu/libc.so.6'
    const loader = '/usr/lib/i386-linux-gnu/ld-linux.so.2'
    expect(layoutOf(m, prompt)).toEqual([
      '8048000 16 r-x /usr/bin/ic',
      '8058000 1 r-- /usr/bin/ic',
      '8059000 1 rw- /usr/bin/ic',
      '805a000 16 rw-',
      `b7d9b000 34 r-- ${libc}`,
      `b7dbd000 377 r-x ${libc}`,
      `b7f36000 128 r-- ${libc}`,
      `b7fb6000 2 r-- ${libc}`,
      `b7fb8000 1 rw- ${libc}`,
      'b7fb9000 12 rw-',
      'b7fc5000 4 r-- [vvar]',
      'b7fc9000 2 r-x [vdso]',
      `b7fcb000 1 r-- ${loader}`,
      `b7fcc000 35 r-x ${loader}`,
      `b7fef000 14 r-- ${loader}`,
      `b7ffd000 2 r-- ${loader}`,
      `b7fff000 1 rw- ${loader}`,
      'bffdf000 33 rw-',
    ])
    expect([prompt.mm!.startBrk, prompt.mm!.pageTables]).toEqual([0x900_0000, 3])
  })

  it('with pages of 64 KiB has each segment on pages of its own', () => {
    const m = bootSmall(64, 1, 0, { pageSize: 65536 })
    const [prompt] = takeSeats(m, 1)
    const pages = 16 // layoutOf() counts pages of 4 KiB
    expect(layoutOf(m, prompt).slice(0, 5)).toEqual([
      `400000 ${pages} r-x /usr/bin/ic`,
      `600000 ${pages} r-- /usr/bin/ic`,
      `610000 ${pages} rw- /usr/bin/ic`, // and the start of its bss
      `620000 ${pages} rw-`,
      `above ${pages} rw-`,
    ])
    const stack = vmasOf(prompt.mm).at(-1)!
    expect((stack.end - stack.start) / m.pageSize).toBe(3) // one for the arguments, 128 KiB to grow
  })

  for (const kind of KINDS) {
    it(`${kindName(kind)}: boots with the least RAM, and people sit down`, () => {
      const least = leastRam(kind.pageSize) / 2 ** 20
      const m = bootSmall(least, 1, 0, kind)
      const [, prompt] = takeSeats(m, 4)
      expect(m.vmstat.oom_kill).toBe(0)
      expect(m.zone.freePages).toBeGreaterThan(m.ram.nrFrames / 4)
      const vmas = vmasOf(prompt.mm)
      for (const vma of vmas) {
        expect(vma.start % m.pageSize).toBe(0)
        expect(vma.pgoff).toBe(Math.floor(vma.pgoff))
      }
      expect(vmas.at(-1)!.end).toBe(m.layout.stackTop)
      checkMachine(m)
    })
  }

  it('shares text with all who run it: one frame a page, and own frames only where it writes', () => {
    const m = bootSmall(32)
    const prompts = takeSeats(m, 4)
    const text = prompts.map(({ mm }) => followPte(m, mm!, 0x40_0000) >>> 12)
    expect(new Set(text).size).toBe(1)
    expect(m.zone.page.mapcount[text[0]]).toBe(4)
    const data = prompts.map(({ mm }) => followPte(m, mm!, 0x60_0000) >>> 12)
    expect(new Set(data).size).toBe(4)
    const sizes = new Set(prompts.map(({ mm }) => `${mm!.rssAnon} ${mm!.rssFile}`))
    expect(sizes.size).toBe(1)
    expect(prompts[0].mm!.rssAnon).toBeLessThan(30)
  })

  it('forty seats fit into 64 MiB before anyone calls malloc', () => {
    const m = bootSmall(64)
    takeSeats(m, 40)
    expect(m.vmstat.oom_kill).toBe(0)
    expect(m.zone.freePages * PAGE).toBeGreaterThan(10 << 20)
    checkMachine(m)
  })
})

describe('execve', () => {
  function execve(m: Machine, task: Task, path: string): number {
    const va = m.layout.stackTop - 512
    ;[...path, '\0'].forEach((character, i) => store(m, task, va + i, character.charCodeAt(0)))
    return call(m, task, 'execve', va, 0, 0)
  }

  it('gives a new address space and keeps who one is', () => {
    const m = bootSmall(16)
    const task = addProcess(m, 1001)
    const old = task.mm
    const { pid } = task
    expect(execve(m, task, '/usr/bin/sleep')).toBeNaN() // it does not return
    expect(task.mm).not.toBe(old)
    expect([task.pid, task.uid, task.comm, task.cmdline]).toEqual([
      pid,
      1001,
      'sleep',
      ['/usr/bin/sleep'],
    ])
    checkMachine(m)
  })

  it('refuses what is no program and leaves the task as it was', () => {
    const m = bootSmall(16)
    const task = addProcess(m, 1001)
    const old = task.mm
    expect(['/no/such', '/tmp', '/dev/null'].map((path) => execve(m, task, path))).toEqual([
      -2, -8, -13,
    ])
    expect(task.mm).toBe(old)
    checkMachine(m)
  })

  it('leaves no count behind, however often', () => {
    const m = bootSmall(16)
    const inode = (task: Task) => task.mm!.exe!.inode
    const task = addProcess(m, 1001)
    execve(m, task, '/usr/bin/ic')
    const users = inode(task).users
    for (let i = 0; i < 5; i++) execve(m, task, '/usr/bin/ic')
    expect(inode(task).users).toBe(users)
    expect(task.mm!.exe!.count).toBe(1)
    const sshd = [...m.tasks.values()].find(({ comm }) => comm === 'sshd')!
    takeSeats(m, 3)
    expect(sshd.mm!.exe!.count).toBe(1)
  })

  it('a bad pointer ends the caller, not the machine', () => {
    const m = bootSmall(16)
    const task = addProcess(m)
    expect(asTask(m, task, () => call(m, task, 'execve', 12, 0, 0))).toBe('ok')
    checkMachine(m)
  })
})
