// Where page-table entries lie, and how they are read and written.

import type { Layout } from './layout.ts'
import { PTE_NX, type Pte, type Ptep } from './pte.ts'
import { FRAME_DIRTY, type Pfn, type Ram } from './ram.ts'

export * from './pte.ts'

export function mkPtep(layout: Layout, table: Pfn, index: number): Ptep {
  return (table << layout.tableShift) | index
}

export function readPte(ram: Ram, layout: Layout, ptep: Ptep): Pte {
  return ram.words[ptep << (layout.pteShift - 2)]
}

/** Only setPte() and the table walks of mm/ call this: nothing else writes page tables. */
export function writePte(ram: Ram, layout: Layout, ptep: Ptep, pte: Pte): void {
  ram.dirty[ptep >> layout.tableShift] = FRAME_DIRTY
  if (layout.pteShift === 2) ram.words[ptep] = pte
  else {
    ram.words[ptep << 1] = pte
    ram.words[(ptep << 1) + 1] = (pte & PTE_NX) !== 0 ? 0x8000_0000 | 0 : 0
  }
}

/** Index of the address's entry in a table of the given level; level 0 holds the PTEs of pages. */
export function tableIndex(layout: Layout, va: number, level: number): number {
  return Math.floor(va * layout.entryFraction[level]) & ((1 << layout.tableShift) - 1)
}
