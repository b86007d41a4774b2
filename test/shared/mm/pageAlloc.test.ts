import { describe, expect, it } from 'vitest'
import { mkPrng, nextBelow } from '@shared/lib/prng.ts'
import { writeProc } from '@shared/proc/write.ts'
import { addProcess, bootSmall } from '../../sim/process.ts'
import { MAX_ORDER, NO_PFN, PG_ANON, PG_RESERVED, PG_SLAB } from '@shared/state/page.ts'
import type { Machine } from '@shared/state/machine.ts'
import {
  allocPage,
  allocPages,
  defaultMinFreeKbytes,
  drainAllPages,
  putPage,
} from '@shared/mm/pageAlloc.ts'

/** The blocks of the free lists as [frame, order], and a complaint if two buddies are both free. */
function freeBlocks(m: Machine): [number, number][] {
  const { zone } = m
  const blocks: [number, number][] = []
  for (let order = 0; order <= MAX_ORDER; order++) {
    const heads = new Set<number>()
    for (let pfn = zone.freeHead[order]; pfn !== NO_PFN; pfn = zone.page.next[pfn]) {
      blocks.push([pfn, order])
      heads.add(pfn)
    }
    if (order === MAX_ORDER) continue
    for (const pfn of heads) if (heads.has(pfn ^ (1 << order))) expect(pfn).toBe('no buddy free')
  }
  return blocks
}

/** All free frames; those at the CPU's hand go to the free lists first. */
function freeFrames(m: Machine): Set<number> {
  drainAllPages(m.zone)
  const frames = new Set<number>()
  for (const [pfn, order] of freeBlocks(m)) {
    for (let i = 0; i < 1 << order; i++) {
      if (frames.has(pfn + i)) expect(pfn).toBe('in one block')
      frames.add(pfn + i)
    }
  }
  return frames
}

describe('the buddy allocator', () => {
  it('agrees with a set of free frames, whatever is taken and given back', () => {
    for (const seed of [1, 2, 3]) {
      const m = bootSmall(8, seed)
      const random = mkPrng(seed)
      const atStart = freeFrames(m)
      const model = new Set(atStart)
      const held: [number, number][] = []
      const orders = new Set<number>()
      for (let step = 0; step < 1500; step++) {
        const order = Math.min(nextBelow(random, 6), nextBelow(random, 6))
        const room = m.zone.freePages - (1 << order) >= m.zone.watermarkMin
        const fits = m.zone.nrFree.some((blocks, size) => size >= order && blocks > 0)
        if (room && fits && nextBelow(random, 100) < 55) {
          const pfn = allocPages(m, order, PG_SLAB, 0)
          expect(pfn % (1 << order), 'a block starts at a multiple of its size').toBe(0)
          for (let i = pfn; i < pfn + (1 << order); i++) {
            if (!model.delete(i)) expect(i).toBe('free before')
          }
          held.push([pfn, order])
          orders.add(order)
        } else if (held.length > 0) {
          const [[pfn, size]] = held.splice(nextBelow(random, held.length), 1)
          putPage(m, pfn)
          for (let i = pfn; i < pfn + (1 << size); i++) model.add(i)
        }
        expect(m.zone.freePages).toBe(model.size)
        if (step % 50 === 0) expect(freeFrames(m)).toEqual(model)
      }
      for (const [pfn] of held) putPage(m, pfn)
      expect(freeFrames(m)).toEqual(atStart)
      expect(orders.size, 'orders that were asked for').toBeGreaterThan(4)
      expect(m.vmstat.oom_kill).toBe(0)
    }
  })

  it('is one piece again when all has come back: the free lists are as at boot', () => {
    const m = bootSmall(8)
    drainAllPages(m.zone)
    const before = [...m.zone.nrFree]
    const held: number[] = []
    while (m.zone.freePages > m.zone.watermarkMin) held.push(allocPages(m, 0, PG_ANON, 0))
    for (const pfn of held) putPage(m, pfn)
    drainAllPages(m.zone)
    expect([...m.zone.nrFree]).toEqual(before)
  })

  it('gives the frame first that came back last', () => {
    const m = bootSmall(8)
    const [one, other] = [allocPage(m, PG_SLAB, 0), allocPage(m, PG_SLAB, 0)]
    putPage(m, one)
    putPage(m, other)
    expect([allocPage(m, PG_SLAB, 0), allocPage(m, PG_SLAB, 0)]).toEqual([other, one])
  })

  it('keeps single frames at hand until there are too many: then a batch goes to the free lists', () => {
    const m = bootSmall(8)
    const { pcp } = m.zone
    const held = Array.from({ length: pcp.pages.length + 1 }, () => allocPage(m, PG_SLAB, 0))
    drainAllPages(m.zone)
    const listed = m.zone.freePages
    const [last, ...others] = held
    for (const pfn of others) putPage(m, pfn)
    expect(m.zone.freePages - pcp.count).toBe(listed)
    putPage(m, last)
    expect(m.zone.freePages - pcp.count).toBe(listed + pcp.batch)
  })

  it('frees a frame with the last reference', () => {
    const m = bootSmall(8)
    const pfn = allocPages(m, 0, PG_ANON, 3)
    const free = m.zone.freePages
    m.zone.page.refcount[pfn]++
    putPage(m, pfn)
    expect(m.zone.freePages).toBe(free)
    putPage(m, pfn)
    expect(m.zone.freePages).toBe(free + 1)
    expect(m.zone.page.flags[pfn] & PG_ANON).toBe(0)
    expect(m.zone.page.memcg[pfn]).toBe(0)
    expect(() => {
      putPage(m, pfn)
    }).toThrow('reference dropped on a free frame')
  })

  it('keeps the kernel’s own frames for the kernel', () => {
    const m = bootSmall(16)
    const reserved = m.zone.page.flags.filter((flags) => (flags & PG_RESERVED) !== 0).length
    expect(reserved).toBe(m.zone.presentPages - m.zone.managedPages)
    expect([...freeFrames(m)].every((pfn) => pfn >= reserved)).toBe(true)
  })
})

describe('watermarks', () => {
  it('follow the kernel’s formula: the root of 16 times the KiB', () => {
    const m = bootSmall(64)
    const kib = m.zone.managedPages * 4
    expect(defaultMinFreeKbytes(m)).toBe(Math.floor(Math.sqrt(kib * 16)))
    expect(m.zone.watermarkMin).toBe(Math.floor(defaultMinFreeKbytes(m) / 4))
    expect(m.zone.watermarkLow).toBe(m.zone.watermarkMin + (m.zone.watermarkMin >> 2))
    expect(m.zone.watermarkHigh).toBe(m.zone.watermarkMin + 2 * (m.zone.watermarkMin >> 2))
  })

  it('ordinary requests stop at min: then somebody dies', () => {
    const m = bootSmall(8)
    addProcess(m)
    let taken = 0
    while (m.vmstat.oom_kill === 0) {
      allocPages(m, 0, PG_SLAB, 0)
      taken++
    }
    expect(taken).toBeGreaterThan(100)
  })

  it('a kernel stack does not cost a life while memory is free in single frames', () => {
    const m = bootSmall(8)
    const held: number[] = []
    while (m.zone.freePages > m.zone.watermarkMin) held.push(allocPages(m, 0, PG_SLAB, 0))
    for (const pfn of held) if (pfn % 2 === 0) putPage(m, pfn)
    for (let i = 0; i < 30; i++) addProcess(m)
    expect(m.zone.freePages).toBeGreaterThan(300)
    expect(m.vmstat.oom_kill).toBe(0)
  })
})

describe('the frames at the CPU’s hand', () => {
  it('become as many as the watermarks say when root moves them, and none is lost', () => {
    const m = bootSmall(64)
    const { pcp: atBoot } = m.zone
    const frames = Array.from({ length: 200 }, () => allocPage(m, PG_SLAB, 0))
    const free = m.zone.freePages
    const set = (kbytes: number) => {
      expect(writeProc(m, m.tasks.get(1)!, '/proc/sys/vm/min_free_kbytes', `${kbytes}\n`)).toBe(0)
    }
    set(8192)
    expect(m.zone.pcp.pages.length).toBe(m.zone.watermarkLow)
    expect(m.zone.pcp.pages.length).toBeGreaterThan(atBoot.pages.length)
    for (const pfn of frames) putPage(m, pfn)
    expect(m.zone.freePages).toBe(free + 200)
    const held = m.zone.pcp.count
    set(128)
    expect(m.zone.pcp.count).toBeLessThan(held)
    expect(m.zone.pcp.count).toBeLessThanOrEqual(m.zone.pcp.pages.length)
    expect(freeFrames(m).size).toBe(free + 200)
  })
})
