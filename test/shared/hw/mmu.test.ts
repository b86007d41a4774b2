import { describe, expect, it } from 'vitest'
import { mkLayout } from '@shared/hw/layout.ts'
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

  it('two levels of 10 bits on i386, three with 64 KiB pages', () => {
    expect(mkLayout(32, 4096).levels).toBe(2)
    expect(tableIndex(mkLayout(32, 4096), 0xbfff_f000, 1)).toBe(767)
    expect(mkLayout(64, 65536).levels).toBe(3)
  })
})
