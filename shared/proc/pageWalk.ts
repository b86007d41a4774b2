// A walk over what is mapped, for those who only look (mm/pagewalk.c).

import { mkPtep, readPte, tableIndex, type Pte } from '../hw/mmu.ts'
import { forEachTable } from '../mm/pgtable.ts'
import type { Machine } from '../state/machine.ts'
import type { Mm, Vaddr } from '../state/mm.ts'

/** Calls `visit` for every page in [start, end) that has an entry in the page table, lowest address first. */
export function walkPageRange(
  m: Machine,
  mm: Mm,
  start: Vaddr,
  end: Vaddr,
  visit: (va: Vaddr, pte: Pte) => void,
): void {
  const { ram, layout, pageSize } = m
  forEachTable(m, mm, start, end, (table, from, to) => {
    let ptep = mkPtep(layout, table, tableIndex(layout, from, 0))
    for (let va = from; va < to; va += pageSize) {
      const pte = readPte(ram, layout, ptep++)
      if (pte !== 0) visit(va, pte)
    }
  })
}
