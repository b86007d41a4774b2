// The TLB keeps no translation beyond a flush, however many there were, and keeps the others.

import { expect, it } from 'vitest'
import { flushTlb } from '@shared/hw/tlb.ts'
import { load32, store32, tlbLookup } from '@shared/mm/uaccess.ts'
import { bootProcess, map, unmap, writeAll } from '../../bench/process.ts'

it('a flush forgets every page, and the ten thousandth does not bring one back', () => {
  const { m, task } = bootProcess({})
  const va = map(m, task, 1)
  const mm = task.mm!.id
  store32(m, task, va, 42)
  for (let flushes = 0; flushes < 10_000; flushes++) {
    flushTlb(m.tlb)
    if (tlbLookup(m, mm, va, false) >= 0) expect.fail(`found again after ${flushes} flushes`)
    if (flushes % 1000 !== 0) continue
    expect(load32(m, task, va)).toBe(42)
    expect(tlbLookup(m, mm, va, false)).toBeGreaterThanOrEqual(0)
    expect(tlbLookup(m, mm, va, true)).toBe(-1)
  }
})

it.each([1, 40, 1000])('munmap of %i pages forgets them', (count) => {
  const { m, task } = bootProcess({})
  const mm = task.mm!.id
  const va = map(m, task, count + 2)
  writeAll(m, task, va, count + 2)
  unmap(m, task, va + m.pageSize, count)
  for (let page = 1; page <= count; page++)
    expect(tlbLookup(m, mm, va + page * m.pageSize, false)).toBe(-1)
  const kept = [0, count + 1].map((page) => tlbLookup(m, mm, va + page * m.pageSize, true) >= 0)
  expect(kept).toEqual(count === 1000 ? [false, false] : [true, true])
})
