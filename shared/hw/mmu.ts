// Where page-table entries lie, and how they are read and written.

import type { Layout } from './layout.ts'
import { PTE_NX, type Pte, type Ptep } from './pte.ts'
import { dirtySlabOf, frameBase, slabOf, type Pfn, type Ram } from './ram.ts'

export * from './pte.ts'

export function mkPtep(layout: Layout, table: Pfn, index: number): Ptep {
  return (table << layout.tableShift) | index
}

export function readPte(ram: Ram, layout: Layout, ptep: Ptep): Pte {
  const table = ptep >> layout.tableShift
  const slab = slabOf(ram, table)
  if (slab === null) return 0
  return slab[
    frameBase(ram, table) + ((ptep & ((1 << layout.tableShift) - 1)) << (layout.pteShift - 2))
  ]
}

/** Only setPte() and the table walks of mm/ call this: nothing else writes page tables. */
export function writePte(ram: Ram, layout: Layout, ptep: Ptep, pte: Pte): void {
  const table = ptep >> layout.tableShift
  const slab = dirtySlabOf(ram, table)
  const word =
    frameBase(ram, table) + ((ptep & ((1 << layout.tableShift) - 1)) << (layout.pteShift - 2))
  slab[word] = pte
  if (layout.pteShift === 3) slab[word + 1] = (pte & PTE_NX) !== 0 ? 0x8000_0000 | 0 : 0
}

/** Index of the address's entry in a table of the given level; level 0 holds the PTEs of pages. */
export function tableIndex(layout: Layout, va: number, level: number): number {
  return Math.floor(va * layout.entryFraction[level]) & ((1 << layout.tableShift) - 1)
}
