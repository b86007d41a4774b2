// /proc/PID/pagemap for people: which frame a page is in, and who else has it.

import { PTE_ACCESSED, pteDirty, ptePfn, ptePresent, pteSwap, pteWrite } from '../hw/mmu.ts'
import type { Pfn } from '../hw/ram.ts'
import { followPte } from '../mm/pgtable.ts'
import type { Machine } from '../state/machine.ts'
import type { Vaddr } from '../state/mm.ts'
import { NO_PFN } from '../state/page.ts'
import type { Task } from '../state/task.ts'
import { swapPlace, type SwapPlace } from './frameInfo.ts'
import { FRAME_OTHER, FRAME_ZERO, frameKind } from './frames.ts'
import { vmaLookup } from '../mm/vma.ts'

export interface PageRow {
  va: Vaddr
  pfn: Pfn // NO_PFN: not in memory
  kind: number // FRAME_*
  mapcount: number // PTEs that point at the frame; 0 for the zero page, which is not counted
  writable: boolean
  dirty: boolean
  accessed: boolean
  swap: SwapPlace | null // where the page is that is not in memory
}

/** A row for each of `count` pages from the one that holds `va`; null where the process has nothing mapped. */
export function pagemap(m: Machine, task: Task, va: Vaddr, count: number): (PageRow | null)[] {
  const rows: (PageRow | null)[] = []
  const first = va - (va % m.pageSize)
  for (let i = 0; i < count; i++) rows.push(pageRow(m, task, first + i * m.pageSize))
  return rows
}

function pageRow(m: Machine, { mm }: Task, va: Vaddr): PageRow | null {
  if (mm === null || vmaLookup(mm, va) === undefined) return null
  const pte = followPte(m, mm, va)
  if (!ptePresent(pte)) {
    return {
      va,
      pfn: NO_PFN,
      kind: FRAME_OTHER,
      mapcount: 0,
      writable: false,
      dirty: false,
      accessed: false,
      swap: pteSwap(pte) ? swapPlace(m, pte) : null,
    }
  }
  const pfn = ptePfn(pte)
  const kind = frameKind(m, pfn)
  return {
    va,
    pfn,
    kind,
    mapcount: kind === FRAME_ZERO ? 0 : m.zone.page.mapcount[pfn],
    writable: pteWrite(pte),
    dirty: pteDirty(pte),
    accessed: (pte & PTE_ACCESSED) !== 0,
    swap: null,
  }
}
