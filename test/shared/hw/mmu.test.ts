import { describe, expect, it } from 'vitest'
import { PAGE_SIZES, mkLayout } from '@shared/hw/layout.ts'
import {
  PTE_NX,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_WRITE,
  mkPte,
  mkPtep,
  pteNone,
  ptePfn,
  ptePresent,
  pteWrite,
  readPte,
  tableIndex,
  writePte,
} from '@shared/hw/mmu.ts'
import { mkRam, readWord } from '@shared/hw/ram.ts'

describe('page-table entries', () => {
  it('hold any frame number of 4 GiB and their flags', () => {
    for (const pfn of [0, 1, 0x7ffff, 0x80000, 0xfffff]) {
      const pte = mkPte(pfn, PTE_PRESENT | PTE_WRITE)
      expect(ptePfn(pte)).toBe(pfn)
      expect(pteWrite(pte)).toBe(true)
      expect(ptePresent(pte)).toBe(true)
      expect(pteNone(pte)).toBe(false)
    }
    expect(ptePresent(mkPte(5, PTE_PROTNONE))).toBe(true)
    expect(ptePresent(0)).toBe(false)
  })

  it('lie in RAM as the MMU would find them: eight bytes, NX on top', () => {
    const ram = mkRam(1 << 20, 12)
    const layout = mkLayout(64, 4096)
    const pte = mkPte(9, PTE_PRESENT | PTE_NX)
    writePte(ram, layout, mkPtep(layout, 7, 511), pte)
    expect(readWord(ram, 7, 1022)).toBe(pte)
    expect(readWord(ram, 7, 1023)).toBe(0x8000_0000 | 0)
    expect(readPte(ram, layout, mkPtep(layout, 7, 511))).toBe(pte)
    expect(readPte(ram, layout, mkPtep(layout, 200, 0))).toBe(0)
  })
})

describe('an address', () => {
  it('is cut into indices: four levels of 9 bits on x86-64', () => {
    const layout = mkLayout(64, 4096)
    const va = 3 * 2 ** 39 + 5 * 2 ** 30 + 511 * 2 ** 21 + 17 * 4096 + 99
    expect([3, 2, 1, 0].map((level) => tableIndex(layout, va, level))).toEqual([3, 5, 511, 17])
    expect(layout.levels).toBe(4)
  })

  it('two levels of 10 bits on i386', () => {
    const layout = mkLayout(32, 4096)
    expect(layout.levels).toBe(2)
    expect([1, 0].map((level) => tableIndex(layout, 0xbfff_f123, level))).toEqual([767, 1023])
  })

  it('has fewer levels with larger pages, and two at least', () => {
    const levels = (bits: 64 | 32) => PAGE_SIZES.map((size) => mkLayout(bits, size).levels)
    expect(levels(64)).toEqual([4, 3, 3, 2])
    expect(levels(32)).toEqual([2, 2, 2, 2])
  })

  it('is its indices and the byte in the page put together, on every kind of machine', () => {
    for (const bits of [64, 32] as const) {
      for (const pageSize of PAGE_SIZES) {
        const layout = mkLayout(bits, pageSize)
        const { taskSize, levels, entrySpan, tableShift, pteShift } = layout
        expect(2 ** (tableShift + pteShift), 'a table fills a page').toBe(pageSize)
        expect(entrySpan[levels - 1] * 2 ** tableShift).toBeGreaterThanOrEqual(taskSize)
        for (const va of [0, 1, layout.textStart, layout.mmapBase + 77, taskSize - 1]) {
          let sum = va % pageSize
          for (let level = 0; level < levels; level++)
            sum += tableIndex(layout, va, level) * entrySpan[level]
          expect(sum).toBe(va)
        }
      }
    }
  })

  it('the parts of a process begin with a page and lie in order', () => {
    for (const bits of [64, 32] as const) {
      for (const pageSize of PAGE_SIZES) {
        const layout = mkLayout(bits, pageSize)
        const { textStart, dataStart, heapStart, mmapBase, stackTop, taskSize } = layout
        const places = [textStart, dataStart, heapStart, mmapBase, stackTop, taskSize]
        for (const va of places) expect(va % pageSize).toBe(0)
        const given = places.filter((va) => va !== 0)
        expect([...given].sort((a, b) => a - b)).toEqual(given)
      }
    }
  })
})
