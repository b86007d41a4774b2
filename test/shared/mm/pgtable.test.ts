import { describe, expect, it } from 'vitest'
import { checkMachine } from '@shared/machine/check.ts'
import { PG_TABLE } from '@shared/state/page.ts'
import type { Machine } from '@shared/state/machine.ts'
import { followPte, forEachTable } from '@shared/mm/pgtable.ts'
import { PAGE, addProcess, bootSmall, call, exitTask, store } from '../../sim/process.ts'

const H = 0x2000_0000_0000
const MIB2 = 2 << 20

function tables(m: Machine): number {
  return m.zone.page.flags.filter((flags) => (flags & PG_TABLE) !== 0).length
}

describe('page tables', () => {
  it('are made by the first touch: one near others, three in a region of its own', () => {
    const m = bootSmall(16)
    const task = addProcess(m)
    const mm = task.mm!
    expect(mm.pageTables).toBe(3) // the stack's
    call(m, task, 'mmap', m.layout.mmapBase - PAGE, PAGE, 3, 0x32, -1, 0)
    call(m, task, 'mmap', H, MIB2 * 3, 3, 0x32, -1, 0)
    expect(mm.pageTables).toBe(3)
    store(m, task, m.layout.mmapBase - PAGE, 1)
    expect(mm.pageTables).toBe(4)
    store(m, task, H, 1)
    expect(mm.pageTables).toBe(7)
    store(m, task, H + PAGE, 1)
    expect(mm.pageTables).toBe(7)
    store(m, task, H + MIB2, 1)
    expect(mm.pageTables).toBe(8)
  })

  it('go when no VMA is left that needs them, not before', () => {
    const m = bootSmall(16)
    const task = addProcess(m)
    const mm = task.mm!
    call(m, task, 'mmap', H, 3 * MIB2, 3, 0x32, -1, 0)
    for (const region of [0, 1, 2]) store(m, task, H + region * MIB2, 1)
    expect(mm.pageTables).toBe(3 + 5)
    call(m, task, 'munmap', H + MIB2, MIB2 - PAGE)
    expect(mm.pageTables, 'one page of the region is still mapped').toBe(3 + 5)
    call(m, task, 'munmap', H + MIB2, MIB2)
    expect(mm.pageTables).toBe(3 + 4)
    call(m, task, 'munmap', H, MIB2)
    expect(mm.pageTables).toBe(3 + 3)
    call(m, task, 'munmap', H, 3 * MIB2)
    expect(mm.pageTables).toBe(3)
    checkMachine(m)
  })

  it('all go with the process', () => {
    const m = bootSmall(16)
    const before = tables(m)
    const task = addProcess(m)
    for (let i = 1; i < 20; i++) {
      call(m, task, 'mmap', i * 2 ** 40, PAGE, 3, 0x32, -1, 0)
      store(m, task, i * 2 ** 40, 1)
    }
    expect(tables(m)).toBeGreaterThan(before + 40)
    exitTask(m, task)
    expect(tables(m)).toBe(before)
  })

  it('are found and walked across their borders', () => {
    const m = bootSmall(16)
    const task = addProcess(m)
    call(m, task, 'mmap', H, 4 * MIB2, 3, 0x32, -1, 0)
    store(m, task, H + MIB2 - PAGE, 1)
    store(m, task, H + 3 * MIB2, 1)
    expect(followPte(m, task.mm!, H + MIB2 - PAGE)).not.toBe(0)
    expect(followPte(m, task.mm!, H + MIB2)).toBe(0)
    const parts: [number, number][] = []
    forEachTable(m, task.mm!, H + PAGE, H + 3 * MIB2 + PAGE, (_table, start, end) => {
      parts.push([start - H, end - H])
    })
    expect(parts).toEqual([
      [PAGE, MIB2],
      [3 * MIB2, 3 * MIB2 + PAGE],
    ])
  })
})
