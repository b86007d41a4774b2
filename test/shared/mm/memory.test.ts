import { describe, expect, it } from 'vitest'
import { mkPrng, nextBelow } from '@shared/lib/prng.ts'
import { writeFile } from '@shared/fs/file.ts'
import { ROOT, createFile, namei, unlink } from '@shared/fs/tree.ts'
import { checkMachine } from '@shared/machine/check.ts'
import { followPte } from '@shared/mm/pgtable.ts'
import { truncateInode } from '@shared/mm/truncate.ts'
import { frameAt } from '@shared/mm/memory.ts'
import { kmemCacheAlloc } from '@shared/mm/slab.ts'
import type { Inode } from '@shared/state/inode.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import {
  PAGE,
  access,
  addProcess,
  bootSmall,
  byteAt,
  call,
  exitTask,
  forkTask,
  isDirty,
  isWritable,
  pageOf,
  store,
} from '../../sim/process.ts'

const H = 0x2000_0000_0000
const at = (page: number): number => H + page * PAGE
const RW = 3

interface Scene {
  m: Machine
  task: Task
  read: (page: number, by?: Task) => string
  write: (page: number, by?: Task, byte?: number) => string
}

/** A process with that many pages mapped at H. */
function scene(pages: number, flags = 0x32, prot = RW): Scene {
  const m = bootSmall(16)
  const task = addProcess(m)
  if (pages > 0) call(m, task, 'mmap', H, pages * PAGE, prot, flags, -1, 0)
  return {
    m,
    task,
    read: (page, by = task) => access(m, by, at(page), false),
    write: (page, by = task, byte = 1) => access(m, by, at(page), true, byte),
  }
}

/** A tmpfs file of pages filled with 0xd0, 0xd1, … */
function file(m: Machine, pages: number): Inode {
  const inode = createFile(m, '/tmp/f', 0o666, ROOT) as Inode
  for (let i = 0; i < pages; i++) {
    writeFile(m, inode, i * PAGE, new Uint8Array(PAGE).fill(0xd0 + i), 0)
  }
  return inode
}

function mapFile(s: Scene, pages: number, inode: Inode, prot: number, flags: number): void {
  s.task.files = [null, null, null, { inode, flags: 2, pos: 0, count: 1 }]
  inode.users++
  kmemCacheAlloc(s.m, 'filp')
  call(s.m, s.task, 'mmap', H, pages * PAGE, prot, flags | 0x10, 3, 0)
}

describe('private anonymous memory', () => {
  it('is promised, not there: mmap takes no frame and no fault', () => {
    const m = bootSmall(16)
    const task = addProcess(m)
    const free = m.zone.freePages
    const promised = m.committed
    call(m, task, 'mmap', H, 1000 * PAGE, RW, 0x32, -1, 0)
    expect(m.zone.freePages).toBe(free)
    expect(m.committed).toBe(promised + 1000)
    expect(task.minFlt).toBe(0)
  })

  it('read first: the zero page, then a frame of its own: two faults', () => {
    const { task, m, read, write } = scene(4)
    expect([read(0), read(0), write(0), write(0), read(0)]).toEqual(['z1', '=0', 'o1', '=0', '=0'])
    expect(m.vmstat.pgfault).toBeGreaterThanOrEqual(2)
    expect(task.mm!.rssAnon).toBe(2) // and the stack's top
  })

  it('written first: one fault', () => {
    const { write, read } = scene(4)
    expect([write(1), read(1)]).toEqual(['n1', '=0'])
  })

  it('the zero page costs nothing and counts nowhere', () => {
    const { m, task, read } = scene(4)
    read(0)
    const free = m.zone.freePages
    read(1)
    read(2)
    expect(m.zone.freePages).toBe(free)
    expect(task.mm!.rssAnon + task.mm!.rssFile).toBe(1)
    expect(pageOf(m, task, at(1))).toBe('z')
    expect(m.zone.page.mapcount[m.zeroPfn]).toBe(0)
  })

  it('never shows what a frame held before', () => {
    const s = scene(4)
    s.write(0, s.task, 0x55)
    const frame = pageOf(s.m, s.task, at(0))
    call(s.m, s.task, 'munmap', at(0), PAGE)
    s.write(1, s.task, 0x66)
    expect(pageOf(s.m, s.task, at(1)), 'the frame is used again').toBe(frame)
    expect(byteAt(s.m, s.task, at(1) + 9)).toBe(0)
  })
})

describe('rights', () => {
  const rights: [prot: number, read: string, write: string][] = [
    [0, 'SIGSEGV:ACCERR', 'SIGSEGV:ACCERR'],
    [1, 'z1', 'SIGSEGV:ACCERR'],
    [2, 'z1', 'o1'], // on x86 what may be written may be read
    [4, 'z1', 'SIGSEGV:ACCERR'],
  ]
  for (const [prot, read, write] of rights) {
    it(`prot ${prot}: read ${read}, write ${write}`, () => {
      const s = scene(1, 0x32, prot)
      expect([s.read(0), s.write(0)]).toEqual([read, write])
    })
  }

  it('beside what is mapped: MAPERR, no fault counted, and the address is told', () => {
    const s = scene(1)
    expect(s.read(1)).toBe('SIGSEGV:MAPERR')
    expect(s.task.minFlt).toBe(0)
    expect(s.task.faultAddress).toBe(at(1))
    expect(access(s.m, s.task, 2 ** 47, false)).toBe('SIGSEGV:KERNEL')
    expect(access(s.m, s.task, -1, false)).toBe('SIGSEGV:MAPERR') // the kernel's own
    expect(access(s.m, s.task, NaN, true)).toBe('SIGSEGV:KERNEL')
  })

  it('PROT_NONE and back: the frame stays, no fault', () => {
    const s = scene(1)
    s.write(0, s.task, 7)
    call(s.m, s.task, 'mprotect', H, PAGE, 0)
    expect(s.read(0)).toBe('SIGSEGV:ACCERR')
    call(s.m, s.task, 'mprotect', H, PAGE, RW)
    expect(s.write(0)).toBe('=0')
    checkMachine(s.m)
  })
})

describe('copy on write', () => {
  it('fork shares; the first writer copies and the last one keeps', () => {
    const s = scene(2)
    s.write(0, s.task, 5)
    const child = forkTask(s.m, s.task)
    const frame = pageOf(s.m, s.task, at(0))
    expect(pageOf(s.m, child, at(0))).toBe(frame)
    expect(s.m.zone.page.mapcount[Number(frame)]).toBe(2)
    expect(isWritable(s.m, s.task, at(0)) || isWritable(s.m, child, at(0))).toBe(false)
    expect(s.read(0, child)).toBe('=0')
    expect(s.write(0, child, 6)).toBe('c1')
    expect(s.write(0, s.task, 7)).toBe('=1')
    expect(s.write(0, s.task, 8)).toBe('=0')
    expect(pageOf(s.m, s.task, at(0))).toBe(frame)
    expect([byteAt(s.m, s.task, at(0)), byteAt(s.m, child, at(0))]).toEqual([8, 6])
    checkMachine(s.m)
  })

  it('after the other’s exit: one fault, no copy', () => {
    const s = scene(1)
    s.write(0)
    exitTask(s.m, forkTask(s.m, s.task))
    expect([s.write(0), s.write(0)]).toEqual(['=1', '=0'])
  })

  it('three share: the first two copy', () => {
    const s = scene(1)
    s.write(0)
    const child = forkTask(s.m, s.task)
    const grandchild = forkTask(s.m, child)
    expect([s.write(0), s.write(0, child), s.write(0, grandchild)]).toEqual(['c1', 'c1', '=1'])
    checkMachine(s.m)
  })

  it('copies page tables only where something was written; the rest comes back by faults', () => {
    const s = scene(1)
    const second = 0x3000_0000_0000
    call(s.m, s.task, 'mmap', second, PAGE, RW, 0x32, -1, 0)
    s.write(0)
    access(s.m, s.task, second, false)
    const child = forkTask(s.m, s.task)
    expect(pageOf(s.m, child, second)).toBe('-')
    expect(access(s.m, child, second, false)).toBe('z1')
    expect(s.task.minFlt, 'the parent takes no fault for it').toBe(2)
  })

  it('zero pages of a written VMA come along', () => {
    const s = scene(2)
    s.write(0)
    s.read(1)
    const child = forkTask(s.m, s.task)
    expect(s.read(1, child)).toBe('=0')
    expect(s.write(1, child)).toBe('o1')
  })

  it('read-only and back: no fault on own pages, one on shared ones', () => {
    const s = scene(2)
    s.write(0)
    const again = (): void => {
      call(s.m, s.task, 'mprotect', H, 2 * PAGE, 1)
      call(s.m, s.task, 'mprotect', H, 2 * PAGE, RW)
    }
    again()
    expect(s.write(0)).toBe('=0')
    const child = forkTask(s.m, s.task)
    again()
    expect(s.write(0)).toBe('c1')
    exitTask(s.m, child)
    again()
    expect(s.write(0)).toBe('=0')
  })

  it('a fork that fails halfway leaves nothing in the TLB', () => {
    const s = scene(10)
    call(s.m, s.task, 'mmap', at(100), 3000 * PAGE, RW, 0x32, -1, 0)
    s.write(0)
    s.write(100)
    s.m.sysctl.overcommitMemory = 2
    s.m.sysctl.overcommitRatio = 100
    expect(call(s.m, s.task, 'fork')).toBeLessThan(0)
    expect(s.write(0), 'marked as shared, alone again').toBe('=1')
    checkMachine(s.m)
  })
})

describe('shared anonymous memory', () => {
  it('takes a frame at the first read already and counts as shmem', () => {
    const s = scene(2, 0x31)
    expect([s.read(0), s.write(0), s.write(1)]).toEqual(['n1', '=0', 'n1'])
    expect(s.task.mm!.rssShmem).toBe(2)
    expect(s.m.shmem).toBe(2)
  })

  it('parent and child see each other’s writes, and only the writer’s entry is dirty', () => {
    const s = scene(2, 0x31)
    s.read(0)
    const child = forkTask(s.m, s.task)
    expect(s.write(0, child, 9)).toBe('n1')
    expect(byteAt(s.m, s.task, at(0))).toBe(9)
    expect([isDirty(s.m, child, at(0)), isDirty(s.m, s.task, at(0))]).toEqual([true, false])
    exitTask(s.m, child)
    expect(byteAt(s.m, s.task, at(0))).toBe(9)
  })

  it('goes with the last mapping, promise and all', () => {
    const s = scene(0)
    const promised = s.m.committed
    const inodes = s.m.inodes.size
    call(s.m, s.task, 'mmap', H, 8 * PAGE, RW, 0x31, -1, 0)
    s.write(3)
    const child = forkTask(s.m, s.task)
    expect(s.m.committed - promised).toBe(8 + 33)
    call(s.m, s.task, 'munmap', H, 8 * PAGE)
    expect(s.m.shmem).toBe(1)
    exitTask(s.m, child)
    expect([s.m.shmem, s.m.inodes.size, s.m.committed]).toEqual([0, inodes, promised])
  })

  it('goes when something else is mapped over it', () => {
    const s = scene(0)
    const inodes = s.m.inodes.size
    call(s.m, s.task, 'mmap', H, 8 * PAGE, RW, 0x31, -1, 0)
    s.write(3)
    call(s.m, s.task, 'mmap', H, 8 * PAGE, RW, 0x32, -1, 0)
    expect([s.m.shmem, s.m.inodes.size]).toEqual([0, inodes])
    checkMachine(s.m)
  })
})

describe('file mappings', () => {
  it('private: a read maps the cached frame, a write copies it, the file stays as it is', () => {
    const s = scene(0)
    const inode = file(s.m, 4)
    mapFile(s, 4, inode, RW, 0x2)
    expect(s.read(0)).toBe('n1')
    expect(Number(pageOf(s.m, s.task, at(0)))).toBe(inode.pages.get(0))
    expect(byteAt(s.m, s.task, at(1))).toBe(0xd1)
    expect(s.write(0)).toBe('c1')
    expect([s.write(3), byteAt(s.m, s.task, at(3) + 1)]).toEqual(['c1', 0xd3])
    expect(s.task.mm!.rssAnon).toBe(3)
    checkMachine(s.m)
  })

  it('private, written first: copied at once', () => {
    const s = scene(0)
    mapFile(s, 4, file(s.m, 4), RW, 0x2)
    expect([s.write(2), byteAt(s.m, s.task, at(2) + 1)]).toEqual(['n1', 0xd2])
  })

  it('shared: what is written is in the file', () => {
    const s = scene(0)
    const inode = file(s.m, 4)
    mapFile(s, 4, inode, RW, 0x1)
    expect(s.write(2, s.task, 0x77)).toBe('n1')
    expect(frameAt(s.m, s.task.mm!, at(2))).toBe(inode.pages.get(2))
    checkMachine(s.m)
  })

  it('a read maps around it what is cached, 16 pages at most, and counts one fault', () => {
    const s = scene(0)
    mapFile(s, 40, file(s.m, 40), 1, 0x2)
    expect(s.read(20)).toBe('n1')
    const present = Array.from({ length: 40 }, (_, i) => followPte(s.m, s.task.mm!, at(i)) !== 0)
    expect(present.indexOf(true)).toBe(16)
    expect(present.lastIndexOf(true)).toBe(31)
    expect(s.task.mm!.rssShmem).toBe(16)
    expect(s.read(17)).toBe('=0')
  })

  it('a write maps nothing around', () => {
    const s = scene(0)
    mapFile(s, 8, file(s.m, 8), RW, 0x1)
    s.write(3)
    expect(s.task.mm!.rssShmem).toBe(1)
  })

  it('behind the last page: SIGBUS; the rest of the last page reads as zero', () => {
    const s = scene(0)
    const inode = createFile(s.m, '/tmp/f', 0o666, ROOT) as Inode
    writeFile(s.m, inode, 0, new Uint8Array(PAGE + 10).fill(1), 0)
    mapFile(s, 4, inode, RW, 0x1)
    expect(byteAt(s.m, s.task, at(1) + 9)).toBe(1)
    expect(byteAt(s.m, s.task, at(1) + 10)).toBe(0)
    expect([s.read(2), s.write(3)]).toEqual(['SIGBUS:ADRERR', 'SIGBUS:ADRERR'])
  })

  it('a shorter file takes its pages back, private copies too', () => {
    const s = scene(0)
    const inode = file(s.m, 4)
    mapFile(s, 4, inode, RW, 0x2)
    s.read(0)
    s.write(2)
    truncateInode(s.m, inode, PAGE)
    expect([s.read(0), s.read(1), s.read(2)]).toEqual(['=0', 'SIGBUS:ADRERR', 'SIGBUS:ADRERR'])
    checkMachine(s.m)
  })

  it('unlinked while mapped: the bytes stay until the mapping goes', () => {
    const s = scene(0)
    mapFile(s, 4, file(s.m, 4), RW, 0x1)
    call(s.m, s.task, 'close', 3)
    const cached = s.m.pageCache
    expect(unlink(s.m, '/tmp/f', ROOT)).toBe(0)
    expect(namei(s.m, '/tmp/f')).toBe(null)
    expect(byteAt(s.m, s.task, at(1))).toBe(0xd1)
    call(s.m, s.task, 'munmap', H, 4 * PAGE)
    expect(s.m.pageCache).toBe(cached - 4)
    checkMachine(s.m)
  })
})

describe('what processes read', () => {
  it('is what they or their ancestors before the fork wrote there', () => {
    for (const seed of [21, 22, 23]) {
      const m = bootSmall(8, seed)
      const random = mkPrng(seed)
      const first = addProcess(m)
      const pages = 12
      call(m, first, 'mmap', H, pages * PAGE, RW, 0x32, -1, 0)
      const memories = new Map<Task, number[]>([[first, new Array<number>(pages).fill(0)]])
      const seen = new Set<string>()
      for (let step = 0; step < 1200; step++) {
        const tasks = [...memories.keys()]
        const task = tasks[nextBelow(random, tasks.length)]
        const memory = memories.get(task)!
        const page = nextBelow(random, pages)
        const dice = nextBelow(random, 100)
        if (dice < 45) {
          const byte = nextBelow(random, 256)
          seen.add(access(m, task, at(page), true, byte))
          memory[page] = byte
        } else if (dice < 85) {
          expect(byteAt(m, task, at(page)), `seed ${seed}, step ${step}`).toBe(memory[page])
        } else if (dice < 90) {
          const flags = 0x32
          call(m, task, 'mmap', at(page), PAGE, RW, flags, -1, 0)
          memory[page] = 0
        } else if (dice < 95 && tasks.length < 6) {
          memories.set(forkTask(m, task), memory.slice())
        } else if (tasks.length > 1) {
          exitTask(m, task)
          memories.delete(task)
        }
        if (step % 20 === 0) checkMachine(m)
      }
      for (const kind of ['n1', 'o1', 'c1', '=1', '=0']) expect([...seen]).toContain(kind)
    }
  })
})

describe('when no frame is left', () => {
  it('the faulting process may be the victim itself', () => {
    const m = bootSmall(8)
    const task = addProcess(m)
    call(m, task, 'mmap', H, 1900 * PAGE, RW, 0x4032, -1, 0)
    let outcome = ''
    let page = 0
    for (; page < 1900 && outcome !== 'SIGKILL'; page++) outcome = store(m, task, at(page), 1)
    expect(outcome).toBe('SIGKILL')
    expect(m.vmstat.oom_kill).toBe(1)
    checkMachine(m)
  })

  it('else the access goes on, with the victim’s memory', () => {
    const m = bootSmall(8)
    const victim = addProcess(m)
    call(m, victim, 'mmap', H, 900 * PAGE, RW, 0x32, -1, 0)
    for (let page = 0; page < 900; page++) store(m, victim, at(page), 1)
    const task = addProcess(m)
    call(m, task, 'mmap', H, 880 * PAGE, RW, 0x32, -1, 0)
    for (let page = 0; page < 880; page++) expect(store(m, task, at(page), 1)).toBe('ok')
    expect(m.vmstat.oom_kill).toBe(1)
    expect(victim.mm?.rssAnon ?? 0).toBe(0)
    checkMachine(m)
  })

  it('shared memory of a victim that nobody else maps goes with it', () => {
    const m = bootSmall(8)
    const inodes = m.inodes.size
    const victim = addProcess(m)
    call(m, victim, 'mmap', H, 900 * PAGE, RW, 0x31, -1, 0)
    for (let page = 0; page < 900; page++) store(m, victim, at(page), 1)
    const task = addProcess(m)
    call(m, task, 'mmap', H, 800 * PAGE, RW, 0x32, -1, 0)
    for (let page = 0; page < 800; page++) expect(store(m, task, at(page), 1)).toBe('ok')
    expect(m.vmstat.oom_kill).toBe(1)
    expect([m.shmem, m.inodes.size]).toEqual([0, inodes])
  })
})
