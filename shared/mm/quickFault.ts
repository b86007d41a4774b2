// The commonest page faults, straight down the page: a process touches private anonymous memory that has its page table,
// or writes to what it shares since a fork; a frame is at hand, and nobody watches.
//
//   read, PTE empty         the zero page
//   write, PTE empty        a frame, cleared
//   write, PTE read-only    the frame is kept if nobody else has it, else copied
//
// Whatever is special about a fault is left to handleMmFault() (memory.ts), which is told in steps and does the same; it is
// the one to read. Tests have faults served both ways and compare the machines.

import {
  NO_PTE,
  PTE_DIRTY,
  PTE_PRESENT,
  PTE_SWAP,
  PTE_WRITE,
  mkPte,
  ptePfn,
  writePte,
  type Pte,
  type Ptep,
} from '../hw/mmu.ts'
import { clearFrame, copyFrame, type Pfn } from '../hw/ram.ts'
import type { Machine } from '../state/machine.ts'
import { VM_LOCKED, VM_WRITE, type Vaddr, type Vma } from '../state/mm.ts'
import {
  LRU_INACTIVE_ANON,
  NO_PFN,
  PG_ANON,
  PG_EXCLUSIVE,
  PG_LRU,
  PG_SWAPBACKED,
  PG_SWAPCACHE,
  PG_UNEVICTABLE,
} from '../state/page.ts'
import type { Task } from '../state/task.ts'
import { protOf } from './memory.ts'
import { vmaAt } from './vma.ts'

/** Serves the fault if it is one of those: the page's new PTE. 0: it is not, and nothing has changed. */
export function quickFault(
  m: Machine,
  task: Task,
  va: Vaddr,
  ptep: Ptep,
  pte: Pte,
  write: boolean,
): Pte {
  const { on } = m.trace
  if (on.page_fault_user || on.page_fault_kernel || on.mm_page_alloc || task.pending !== 0) return 0
  const vma = vmaAt(task.mm!, m.tlb.vma)
  if (vma === undefined || va < vma.start || va >= vma.end || ptep === NO_PTE) return 0
  if (vma.file !== null || vma.special !== '' || (vma.flags & VM_LOCKED) !== 0) return 0
  const prot = protOf(vma)
  if ((prot & PTE_PRESENT) === 0) return 0
  let pfn = m.zeroPfn
  if (!write) {
    if (pte !== 0) return 0
  } else {
    if ((vma.flags & VM_WRITE) === 0 || vma.anonVma === null) return 0
    pfn = pte === 0 ? firstWrite(m, vma, va) : writeProtected(m, vma, va, pte)
    if (pfn === NO_PFN) return 0
  }
  const fresh = mkPte(pfn, write ? prot | PTE_WRITE | PTE_DIRTY : prot)
  writePte(m.ram, m.layout, ptep, fresh)
  m.vmstat.pgfault++
  task.minFlt++
  return fresh
}

function firstWrite(m: Machine, vma: Vma, va: Vaddr): Pfn {
  const pfn = newPage(m, vma, va)
  if (pfn === NO_PFN) return NO_PFN
  clearFrame(m.ram, pfn)
  vma.mm.rssAnon++
  return pfn
}

function writeProtected(m: Machine, vma: Vma, va: Vaddr, pte: Pte): Pfn {
  const old = ptePfn(pte)
  if ((pte & (PTE_PRESENT | PTE_SWAP)) !== PTE_PRESENT) return NO_PFN
  if (old === m.zeroPfn) return firstWrite(m, vma, va)
  const { flags, refcount, mapcount, mapping } = m.zone.page
  if ((flags[old] & (PG_ANON | PG_SWAPCACHE | PG_UNEVICTABLE)) !== PG_ANON) return NO_PFN
  if ((flags[old] & PG_EXCLUSIVE) !== 0 || refcount[old] === 1) {
    flags[old] |= PG_EXCLUSIVE
    mapping[old] = vma.anonVma!.id
    return old
  }
  const pfn = newPage(m, vma, va)
  if (pfn === NO_PFN) return NO_PFN
  copyFrame(m.ram, pfn, old)
  mapcount[old]--
  refcount[old]--
  return pfn
}

/** A frame of the VMA's, mapped once and on the list of what was not used again yet; NO_PFN: none is at hand. */
function newPage({ zone, vmstat, layout }: Machine, vma: Vma, va: Vaddr): Pfn {
  const { page, pcp, lruvec } = zone
  if (pcp.count === 0 || zone.freePages <= zone.watermarkLow) return NO_PFN
  const pfn = pcp.pages[--pcp.count]
  zone.freePages--
  vmstat.pgalloc++
  page.flags[pfn] = PG_ANON | PG_SWAPBACKED | PG_EXCLUSIVE | PG_LRU
  page.refcount[pfn] = 1
  page.mapcount[pfn] = 1
  page.memcg[pfn] = vma.mm.seat
  page.mapping[pfn] = vma.anonVma!.id
  page.index[pfn] = vma.pgoff + (va - vma.start) * layout.entryFraction[0]
  const head = lruvec.head[LRU_INACTIVE_ANON]
  page.next[pfn] = head
  page.prev[pfn] = NO_PFN
  if (head === NO_PFN) lruvec.tail[LRU_INACTIVE_ANON] = pfn
  else page.prev[head] = pfn
  lruvec.head[LRU_INACTIVE_ANON] = pfn
  lruvec.size[LRU_INACTIVE_ANON]++
  return pfn
}
