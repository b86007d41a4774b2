import { describe, expect, it } from 'vitest'
import { EACCES, EEXIST, EINVAL, ENOMEM, EPERM } from '@shared/lib/errno.ts'
import { mkPrng, nextBelow } from '@shared/lib/prng.ts'
import { checkMachine } from '@shared/machine/check.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import { vmasOf, findVma, vmaLookup } from '@shared/mm/vma.ts'
import {
  PAGE,
  access,
  addProcess,
  bootSmall,
  call,
  drawing,
  exitTask,
  forkTask,
  store,
} from '../../sim/process.ts'

const H = 0x2000_0000_0000 // a hole that the kernel does not use by itself
const RW = 3
const R = 1
const FIXED = 0x32 // private anonymous, at the address
const SHARED_FIXED = 0x31

/**
 * Maps what the drawing shows, a column a page: a run of one letter is one mmap(). Capital letters are written at once
 * and so have an anon_vma. A a: read and write; R r: read-only; N: no access; S: shared.
 */
function draw(m: Machine, task: Task, picture: string): void {
  for (const { 0: run, index } of picture.matchAll(/([AaRrNS])\1*/g)) {
    const at = H + index * PAGE
    const kind = run[0]
    const prot = kind === 'N' ? 0 : kind === 'r' ? R : RW
    call(m, task, 'mmap', at, run.length * PAGE, prot, kind === 'S' ? SHARED_FIXED : FIXED, -1, 0)
    if (kind === 'A' || kind === 'R')
      for (let i = 0; i < run.length; i++) store(m, task, at + i * PAGE, 1)
    if (kind === 'R') call(m, task, 'mprotect', at, run.length * PAGE, R)
  }
}

interface Scene {
  m: Machine
  task: Task
}

function scene(picture: string): Scene {
  const m = bootSmall(16)
  const task = addProcess(m)
  draw(m, task, picture)
  return { m, task }
}

const shown = ({ m, task }: Scene): string => drawing(m, task, H, 20)
const at = (page: number): number => H + page * PAGE

function change(s: Scene, name: string, page: number, pages: number, ...more: number[]): number {
  const result = call(s.m, s.task, name, at(page), pages * PAGE, ...more)
  checkMachine(s.m)
  return result
}

const mmapAt = (s: Scene, page: number, pages: number, prot = RW, flags = FIXED): number =>
  change(s, 'mmap', page, pages, prot, flags, -1, 0)

describe('mmap beside what is there', () => {
  // Each letter below is one VMA as the process sees it in /proc/PID/maps.
  const cases: [name: string, before: string, page: number, pages: number, after: string][] = [
    ['fills a hole between equals: three become one', 'aaa  aaa', 3, 2, 'aaaaaaaa'],
    ['continues the one below', 'aaa   rrr', 3, 2, 'aaaaa bbb'],
    ['is continued by the one above', 'rrr  aaa', 3, 2, 'aaabbbbb'],
    ['stands alone between others', 'rrr  rrr', 3, 2, 'aaabbccc'],
    ['stands alone with a hole on each side', 'aaa    aaa', 4, 2, 'aaa bb ccc'],
    ['two written areas: the filling belongs to the lower', 'AAA  AAA', 3, 2, 'aaaaabbb'],
    ['one of the two never written: all three are one', 'AAA  aaa', 3, 2, 'aaaaaaaa'],
    ['the upper one written: all three are one', 'aaa  AAA', 3, 2, 'aaaaaaaa'],
    ['read-only that was written keeps its promise and stays apart', 'RRR', 3, 2, 'aaabb'],
    ['cuts what it replaces', 'rrrrrrrr', 3, 2, 'aaabbccc'],
    ['replaces part of an equal: still one', 'aaaaaaaa', 3, 2, 'aaaaaaaa'],
    ['replaces several', 'aarraarr', 1, 6, 'aaaaaaab'],
  ]
  for (const [name, before, page, pages, after] of cases) {
    it(`${name}:  ${before}  ->  ${after}`, () => {
      const s = scene(before)
      expect(mmapAt(s, page, pages)).toBe(at(page))
      expect(shown(s)).toBe(after)
    })
  }

  it('shared mappings never merge: each is an object of its own', () => {
    const s = scene('SSS')
    mmapAt(s, 3, 3, RW, SHARED_FIXED)
    expect(shown(s)).toBe('aaabbb')
  })

  it('a mapping beside one that was inherited written stays apart in the child, not in the parent', () => {
    const s = scene('AAA')
    const child = forkTask(s.m, s.task)
    mmapAt(s, 3, 2)
    mmapAt({ m: s.m, task: child }, 3, 2)
    expect(shown(s)).toBe('aaaaa')
    expect(drawing(s.m, child, H, 20)).toBe('aaabb')
  })
})

describe('munmap', () => {
  const cases: [name: string, before: string, page: number, pages: number, after: string][] = [
    ['the middle: two remain', 'aaaaaaaa', 3, 2, 'aaa  bbb'],
    ['the start', 'aaaaaaaa', 0, 2, '  aaaaaa'],
    ['the end', 'aaaaaaaa', 6, 5, 'aaaaaa'],
    ['all', 'aaaa', 0, 4, ''],
    ['over holes and several', 'aaa  rr aaa', 1, 9, 'a         b'],
    ['nothing there', 'aaa', 5, 3, 'aaa'],
  ]
  for (const [name, before, page, pages, after] of cases) {
    it(`${name}:  ${before}  ->  ${after}`, () => {
      const s = scene(before)
      expect(change(s, 'munmap', page, pages)).toBe(0)
      expect(shown(s)).toBe(after)
    })
  }

  it('gives the frames back at once', () => {
    const s = scene('AAAAAAAA')
    const free = s.m.zone.freePages
    change(s, 'munmap', 2, 3)
    expect(s.m.zone.freePages).toBe(free + 3)
  })

  it('wants a page-aligned start and some length', () => {
    const { m, task } = scene('aaa')
    expect(call(m, task, 'munmap', H + 1, PAGE)).toBe(-EINVAL)
    expect(call(m, task, 'munmap', H, 0)).toBe(-EINVAL)
    expect(call(m, task, 'munmap', m.layout.taskSize, PAGE)).toBe(-EINVAL)
  })
})

describe('mprotect', () => {
  const cases: [
    name: string,
    before: string,
    page: number,
    pages: number,
    prot: number,
    after: string,
  ][] = [
    ['the middle: three', 'aaaaaaaa', 3, 2, R, 'aaabbccc'],
    ['back: one again', 'aaarraaa', 3, 2, RW, 'aaaaaaaa'],
    ['as it is: nothing', 'aaaaaaaa', 3, 2, RW, 'aaaaaaaa'],
    ['joins the one above', 'aaarrr', 0, 3, R, 'aaaaaa'],
    ['over two that end up alike', 'aaarrr', 1, 4, R, 'abbbbb'],
    ['parts written under other rights share an anon_vma and merge', 'AAARRR', 3, 3, RW, 'aaaaaa'],
  ]
  for (const [name, before, page, pages, prot, after] of cases) {
    it(`${name}:  ${before}  ->  ${after}`, () => {
      const s = scene(before)
      expect(change(s, 'mprotect', page, pages, prot)).toBe(0)
      expect(shown(s)).toBe(after)
    })
  }

  it('changes everything up to the first hole, then ENOMEM', () => {
    const s = scene('aaa  aaa')
    expect(change(s, 'mprotect', 1, 6, R)).toBe(-ENOMEM)
    expect(shown(s)).toBe('abb  ccc')
  })

  it('needs no memory for what does not change', () => {
    const s = scene('aaarrr')
    const objects = s.m.nextId
    change(s, 'mprotect', 0, 6, R)
    expect(shown(s)).toBe('aaaaaa')
    expect(s.m.nextId, 'no VMA was split off to be merged again').toBe(objects)
  })

  it('a shared mapping of a file that was opened for reading cannot be made writable', () => {
    const { m, task } = scene('')
    const file = call(m, task, 'open', stringAt(m, task, '/usr/bin/ic'), 0, 0)
    expect(file).toBe(3)
    const va = call(m, task, 'mmap', 0, PAGE, R, 1, file, 0)
    expect(call(m, task, 'mprotect', va, PAGE, RW)).toBe(-EACCES)
    expect(call(m, task, 'mmap', 0, PAGE, RW, 1, file, 0)).toBe(-EACCES)
    expect(call(m, task, 'mmap', 0, PAGE, RW, 2, file, 0)).toBeGreaterThan(0)
  })
})

/** Puts a text into the process's memory. */
function stringAt(m: Machine, task: Task, text: string): number {
  const va = m.layout.stackTop - 2048
  ;[...text, '\0'].forEach((character, i) => store(m, task, va + i, character.charCodeAt(0)))
  return va
}

describe('placement', () => {
  const anywhere = (s: Scene, pages: number, hint = 0): number =>
    call(s.m, s.task, 'mmap', hint, pages * PAGE, RW, 0x22, -1, 0)

  it('goes downward from mmap_base and uses the highest hole first', () => {
    const s = scene('')
    const M = s.m.layout.mmapBase
    const places = [4, 3, 2, 5].map((pages) => anywhere(s, pages))
    expect(places).toEqual([M - 4 * PAGE, M - 7 * PAGE, M - 9 * PAGE, M - 14 * PAGE])
    call(s.m, s.task, 'munmap', M - 2 * PAGE, PAGE)
    call(s.m, s.task, 'munmap', M - 7 * PAGE, 3 * PAGE)
    expect(anywhere(s, 1)).toBe(M - 2 * PAGE)
    expect(anywhere(s, 2)).toBe(M - 6 * PAGE)
  })

  it('takes a hint if the place is free, and a place of its own if not', () => {
    const s = scene('aaa')
    expect(anywhere(s, 2, at(5) + 17)).toBe(at(5))
    expect(anywhere(s, 2, at(2))).toBe(s.m.layout.mmapBase - 2 * PAGE)
  })

  it('never below mmap_min_addr: a low hint is moved up, a low fixed address refused', () => {
    const s = scene('')
    expect(anywhere(s, 1, PAGE)).toBe(s.m.sysctl.mmapMinAddr)
    expect(call(s.m, s.task, 'mmap', PAGE, PAGE, RW, FIXED, -1, 0)).toBe(-EPERM)
    expect(call(s.m, s.task, 'mmap', 0, PAGE, RW, FIXED, -1, 0)).toBe(-EPERM)
  })

  it('keeps 256 pages from a stack: a hint that comes closer is ignored', () => {
    const s = scene('')
    const stack = s.m.layout.stackTop - 33 * PAGE
    expect(anywhere(s, 1, stack - 256 * PAGE)).not.toBe(stack - 256 * PAGE)
    expect(anywhere(s, 1, stack - 257 * PAGE)).toBe(stack - 257 * PAGE)
  })

  it('puts multiples of 2 MiB at multiples of 2 MiB; the hole above is used later', () => {
    const s = scene('')
    const M = s.m.layout.mmapBase
    const big = anywhere(s, 512)
    expect(big % (2 << 20)).toBe(0)
    expect(big + (2 << 20)).toBeLessThanOrEqual(M)
    expect(anywhere(s, 1)).toBe(M - PAGE)
    const odd = anywhere(s, 513)
    expect(odd + 513 * PAGE).toBe(big)
  })

  it('MAP_FIXED_NOREPLACE refuses what is taken', () => {
    const s = scene('aaa')
    expect(mmapAt(s, 2, 2, RW, 0x10_0022)).toBe(-EEXIST)
    expect(mmapAt(s, 3, 2, RW, 0x10_0022)).toBe(at(3))
    expect(shown(s)).toBe('aaaaa')
  })
})

describe('the order of mmap’s checks', () => {
  const s = scene('')
  const errors: [name: string, args: number[], errno: number][] = [
    ['length 0', [0, 0, RW, 0x22, -1, 0], EINVAL],
    ['longer than the address space', [0, 2 ** 47, RW, 0x22, -1, 0], ENOMEM],
    ['fixed, not aligned', [H + 1, PAGE, RW, FIXED, -1, 0], EINVAL],
    ['fixed, beyond user space', [2 ** 47 - PAGE, PAGE, RW, FIXED, -1, 0], ENOMEM],
    ['neither private nor shared', [0, PAGE, RW, 0x20, -1, 0], EINVAL],
    ['offset not aligned', [0, PAGE, RW, 0x22, -1, 100], EINVAL],
    ['shared, growing down', [0, PAGE, RW, 0x121, -1, 0], EINVAL],
  ]
  for (const [name, args, errno] of errors) {
    it(name, () => {
      expect(call(s.m, s.task, 'mmap', ...args)).toBe(-errno)
    })
  }
})

describe('brk', () => {
  function heap(): Scene & { brk: (to: number) => number; B: number } {
    const m = bootSmall(8)
    const task = addProcess(m)
    const B = 0x100_0000
    task.mm!.startBrk = B
    task.mm!.brk = B
    return { m, task, B, brk: (to) => call(m, task, 'brk', to) }
  }

  it('keeps the break to the byte; the heap ends at the page boundary above', () => {
    const s = heap()
    expect(s.brk(s.B + 5)).toBe(s.B + 5)
    expect(vmaLookup(s.task.mm!, s.B)!.end).toBe(s.B + PAGE)
    expect(s.brk(s.B + PAGE + 1)).toBe(s.B + PAGE + 1)
    expect(vmaLookup(s.task.mm!, s.B)!.end).toBe(s.B + 2 * PAGE)
    expect(vmasOf(s.task.mm)).toHaveLength(2)
  })

  it('shrinking frees whole pages', () => {
    const s = heap()
    s.brk(s.B + 4 * PAGE)
    for (let i = 0; i < 4; i++) store(s.m, s.task, s.B + i * PAGE, 1)
    const free = s.m.zone.freePages
    expect(s.brk(s.B + PAGE + 1)).toBe(s.B + PAGE + 1)
    expect(s.m.zone.freePages).toBe(free + 2)
    checkMachine(s.m)
  })

  it('below the heap, or into the page before the next mapping: nothing changes', () => {
    const s = heap()
    s.brk(s.B + PAGE)
    expect(s.brk(s.B - 1)).toBe(s.B + PAGE)
    call(s.m, s.task, 'mmap', s.B + 4 * PAGE, PAGE, RW, FIXED, -1, 0)
    expect(s.brk(s.B + 4 * PAGE)).toBe(s.B + PAGE)
    expect(s.brk(s.B + 3 * PAGE)).toBe(s.B + 3 * PAGE)
  })

  it('never joins the bss below, but a mapping at its start', () => {
    const s = heap()
    call(s.m, s.task, 'mmap', s.B - PAGE, PAGE, RW, FIXED, -1, 0)
    s.brk(s.B + PAGE)
    expect(findVma(s.task.mm!, s.B)!.start).toBe(s.B)
  })

  it('lets go of a shared mapping that it swallows in shrinking', () => {
    const s = heap()
    s.brk(s.B + 4 * PAGE)
    const inodes = s.m.inodes.size
    call(s.m, s.task, 'mmap', s.B + 2 * PAGE, PAGE, RW, SHARED_FIXED, -1, 0)
    s.brk(s.B)
    expect(s.m.inodes.size).toBe(inodes)
    checkMachine(s.m)
  })
})

describe('areas that grow down', () => {
  const stackOf = (s: Scene) => vmasOf(s.task.mm).at(-1)!

  it('an access below extends the stack to that page, at any distance, with one fault', () => {
    const s = scene('')
    const top = s.m.layout.stackTop
    expect(access(s.m, s.task, top - 500 * PAGE, true)).toBe('n1')
    expect(stackOf(s).start).toBe(top - 500 * PAGE)
    expect(s.task.mm!.rssAnon).toBe(2)
    expect(s.task.mm!.stackVm).toBe(500)
    checkMachine(s.m)
  })

  it('up to the limit of 2048 pages, exactly', () => {
    const s = scene('')
    const top = s.m.layout.stackTop
    expect(access(s.m, s.task, top - 2049 * PAGE, true)).toBe('SIGSEGV:MAPERR')
    expect(access(s.m, s.task, top - 2048 * PAGE, true)).toBe('n1')
  })

  it('as long as 256 pages stay free above the next mapping', () => {
    const s = scene('')
    const top = s.m.layout.stackTop
    call(s.m, s.task, 'mmap', top - 600 * PAGE, PAGE, RW, FIXED, -1, 0)
    expect(access(s.m, s.task, top - (599 - 255) * PAGE, true)).toBe('SIGSEGV:MAPERR')
    expect(access(s.m, s.task, top - (599 - 256) * PAGE, true)).toBe('n1')
  })

  it('a neighbour without access rights needs no gap', () => {
    const s = scene('')
    const top = s.m.layout.stackTop
    call(s.m, s.task, 'mmap', top - 600 * PAGE, PAGE, 0, FIXED, -1, 0)
    expect(access(s.m, s.task, top - 599 * PAGE, true)).toBe('n1')
  })

  it('promise what they grow only where they promise at all', () => {
    const s = scene('')
    call(s.m, s.task, 'mmap', at(100), PAGE, R, FIXED | 0x100, -1, 0)
    const promised = s.m.committed
    expect(access(s.m, s.task, at(90), false)).toBe('z1')
    expect(s.m.committed).toBe(promised)
    checkMachine(s.m)
  })

  it('a file mapping does not grow', () => {
    const s = scene('')
    const file = call(s.m, s.task, 'open', stringAt(s.m, s.task, '/usr/bin/ic'), 0, 0)
    expect(call(s.m, s.task, 'mmap', at(100), PAGE, R, 0x112, file, 2 * PAGE)).toBe(-EINVAL)
  })
})

describe('an address space', () => {
  /** What a page is: 'rw', 'r', '-' private; with s: shared, by a number of its object. */
  interface Page {
    prot: number
    object: number
  }

  it('agrees with a map of pages, and no two neighbours are alike', () => {
    for (const seed of [11, 12, 13, 14]) {
      const m = bootSmall(8, seed)
      const task = addProcess(m)
      const random = mkPrng(seed)
      const model = new Map<number, Page>()
      let objects = 0
      for (let step = 0; step < 400; step++) {
        const page = nextBelow(random, 40)
        const pages = 1 + nextBelow(random, 12)
        const prot = [0, R, RW, RW][nextBelow(random, 4)]
        const dice = nextBelow(random, 10)
        if (dice < 4) {
          const shared = nextBelow(random, 4) === 0
          const object = shared ? ++objects : 0
          const flags = shared ? SHARED_FIXED : FIXED
          expect(call(m, task, 'mmap', at(page), pages * PAGE, prot, flags, -1, 0)).toBe(at(page))
          for (let i = page; i < page + pages; i++) model.set(i, { prot, object })
        } else if (dice < 7) {
          expect(call(m, task, 'munmap', at(page), pages * PAGE)).toBe(0)
          for (let i = page; i < page + pages; i++) model.delete(i)
        } else {
          let end = page
          while (end < page + pages && model.has(end)) end++
          const result = call(m, task, 'mprotect', at(page), pages * PAGE, prot)
          expect(result).toBe(end === page + pages ? 0 : -ENOMEM)
          for (let i = page; i < end; i++) model.set(i, { ...model.get(i)!, prot })
        }
        if (step % 10 === 0) checkMachine(m)
        compare(m, task, model)
      }
      const inodes = m.inodes.size
      exitTask(m, task)
      expect(m.inodes.size).toBeLessThanOrEqual(inodes)
      expect([...m.inodes.values()].filter(({ nlink }) => nlink === 0)).toEqual([])
    }
  })

  function compare(m: Machine, task: Task, model: Map<number, Page>): void {
    for (let i = 0; i < 52; i++) {
      const vma = vmaLookup(task.mm!, at(i))
      const page = model.get(i)
      const found = vma === undefined ? 'none' : `${vma.flags & 7} ${vma.file !== null}`
      const wanted = page === undefined ? 'none' : `${page.prot} ${page.object !== 0}`
      if (found !== wanted) expect(`page ${i}: ${found}`).toBe(wanted)
    }
    const vmas = vmasOf(task.mm)
    for (let i = 1; i < vmas.length; i++) {
      const [a, b] = [vmas[i - 1], vmas[i]]
      if (a.end !== b.start || a.flags !== b.flags || a.file !== b.file) continue
      if (b.pgoff === a.pgoff + (a.end - a.start) / PAGE) expect('two neighbours').toBe('one VMA')
    }
  }
})
