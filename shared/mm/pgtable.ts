// Page tables: in frames of their own, filled in as addresses are first used, given back when no VMA is left that
// could need them (arch/x86/mm/pgtable.c, mm/memory.c free_pgtables).
//
//   mm.pgd ─► table ─► table ─► table of PTEs ─► frame
//   level 3   level 2  level 1  level 0              (x86-64 with 4 KiB pages; i386 has levels 1 and 0)

import { assert } from '../lib/assert.ts'
import type { Layout } from '../hw/layout.ts'
import {
  NO_PTE,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_PRESENT,
  PTE_USER,
  PTE_WRITE,
  mkPte,
  mkPtep,
  ptePfn,
  readPte,
  tableIndex,
  writePte,
  type Pte,
  type Ptep,
} from '../hw/mmu.ts'
import type { Pfn } from '../hw/ram.ts'
import { flushTlbPage } from '../hw/tlb.ts'
import type { Machine } from '../state/machine.ts'
import type { Mm, Vaddr } from '../state/mm.ts'
import { NO_PFN, PG_TABLE } from '../state/page.ts'
import { allocPage, allocZeroedPage, putPage } from './pageAlloc.ts'

const TABLE_FLAGS = PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY

/** The top-level table of a new address space; NO_PFN when there is no memory. */
export function pgdAlloc(m: Machine, memcg: number): Pfn {
  return allocZeroedPage(m, PG_TABLE, memcg)
}

export function getPte(m: Machine, ptep: Ptep): Pte {
  return readPte(m.ram, m.layout, ptep)
}

/** The one place that changes the PTE of a user page. */
export function setPte(m: Machine, mm: Mm, va: Vaddr, ptep: Ptep, pte: Pte): void {
  writePte(m.ram, m.layout, ptep, pte)
  if (m.tlb.mm === mm.id) flushTlbPage(m.tlb, va, m.layout.pageShift)
}

/** Where the address's PTE lies; NO_PTE if its table does not exist. */
export function ptepFind(m: Machine, mm: Mm, va: Vaddr): Ptep {
  const { layout, tlb } = m
  const region = Math.floor(va * layout.entryFraction[1])
  if (tlb.mm !== mm.id || tlb.region !== region) return walkTables(m, mm, va, region)
  return mkPtep(layout, tlb.table, tableIndex(layout, va, 0))
}

function walkTables(m: Machine, mm: Mm, va: Vaddr, region: number): Ptep {
  const { layout, tlb } = m
  let table = mm.pgd
  for (let level = layout.levels - 1; level > 0; level--) {
    const entry = readPte(m.ram, layout, mkPtep(layout, table, tableIndex(layout, va, level)))
    if (entry === 0) return NO_PTE
    table = ptePfn(entry)
  }
  if (tlb.mm === mm.id) {
    tlb.region = region
    tlb.table = table
  }
  return mkPtep(layout, table, tableIndex(layout, va, 0))
}

/** As ptepFind, making the tables on the way; NO_PTE when there is no memory for them. */
export function ptepAlloc(m: Machine, mm: Mm, va: Vaddr): Ptep {
  const found = ptepFind(m, mm, va)
  if (found !== NO_PTE) return found
  const table = tableAlloc(m, mm, va, 0)
  return table === NO_PFN ? NO_PTE : mkPtep(m.layout, table, tableIndex(m.layout, va, 0))
}

/**
 * The table of that level for the address, made with those above it where they are missing; NO_PFN: no memory. With
 * `overwritten` a new one is not cleared: the caller writes every entry of it at once.
 */
export function tableAlloc(
  m: Machine,
  mm: Mm,
  va: Vaddr,
  lowest: number,
  overwritten = false,
): Pfn {
  const { layout } = m
  let table = mm.pgd
  for (let level = layout.levels - 1; level > lowest; level--) {
    const at = mkPtep(layout, table, tableIndex(layout, va, level))
    const entry = readPte(m.ram, layout, at)
    if (entry !== 0) {
      table = ptePfn(entry)
      continue
    }
    const pfn =
      overwritten && level === lowest + 1
        ? allocPage(m, PG_TABLE, mm.seat)
        : allocZeroedPage(m, PG_TABLE, mm.seat)
    if (pfn === NO_PFN) return NO_PFN
    writePte(m.ram, layout, at, mkPte(pfn, TABLE_FLAGS))
    mm.pageTables++
    table = pfn
  }
  return table
}

/** The PTE of an address; 0 if there is none. */
export function followPte(m: Machine, mm: Mm, va: Vaddr): Pte {
  const ptep = ptepFind(m, mm, va)
  return ptep === NO_PTE ? 0 : getPte(m, ptep)
}

/**
 * Calls `visit` for each existing lowest-level table in [start, end): its frame and the part of the range that it covers; and
 * `hole` where there is none, with the level of the lowest table that exists.
 */
export function forEachTable(
  m: Machine,
  mm: Mm,
  start: Vaddr,
  end: Vaddr,
  visit: (table: Pfn, start: Vaddr, end: Vaddr) => void,
  hole: (va: Vaddr, level: number) => void = () => {},
): void {
  const { entrySpan, tableShift } = m.layout
  let va = start
  while (va < end) {
    const ptep = ptepFind(m, mm, va)
    const level = ptep === NO_PTE ? lowestTable(m, mm, va) : 1
    const stop = Math.min(end, (Math.floor(va / entrySpan[level]) + 1) * entrySpan[level])
    if (ptep !== NO_PTE) visit(ptep >> tableShift, va, stop)
    else hole(va, level)
    va = stop
  }
}

/** The level of the lowest table that exists for an address without a PTE. */
function lowestTable(m: Machine, mm: Mm, va: Vaddr): number {
  const { layout } = m
  let table = mm.pgd
  for (let level = layout.levels - 1; level > 0; level--) {
    const entry = readPte(m.ram, layout, mkPtep(layout, table, tableIndex(layout, va, level)))
    if (entry === 0) return level
    table = ptePfn(entry)
  }
  assert(false, 'lowestTable is asked where a table of PTEs is')
}

/**
 * Frees the tables below the top one that [start, end) needed and that nothing in [floor, ceiling) needs besides:
 * floor is the end of the VMA below the range, ceiling the start of the one above.
 */
export function freePgtables(
  m: Machine,
  mm: Mm,
  start: Vaddr,
  end: Vaddr,
  floor: Vaddr,
  ceiling: Vaddr,
): void {
  const span = m.layout.entrySpan[1]
  const low = start - (start % span)
  if (low + span >= end && (low < floor || low + span > ceiling)) return // the one table is needed still
  freeTables(m, mm, mm.pgd, m.layout.levels - 1, start, end, floor, ceiling)
  if (m.tlb.mm === mm.id) m.tlb.region = -1
}

// Depth: the number of levels.
function freeTables(
  m: Machine,
  mm: Mm,
  table: Pfn,
  level: number,
  start: Vaddr,
  end: Vaddr,
  floor: Vaddr,
  ceiling: Vaddr,
): void {
  const { layout } = m
  const span = layout.entrySpan[level]
  for (let from = Math.floor(start / span) * span; from < end; from += span) {
    const at = mkPtep(layout, table, tableIndex(layout, from, level))
    const entry = readPte(m.ram, layout, at)
    if (entry === 0) continue
    const child = ptePfn(entry)
    if (level > 1) {
      freeTables(
        m,
        mm,
        child,
        level - 1,
        Math.max(start, from),
        Math.min(end, from + span),
        floor,
        ceiling,
      )
    }
    if (from < floor || from + span > ceiling) continue
    writePte(m.ram, layout, at, 0)
    mm.pageTables--
    putPage(m, child)
  }
}

/** The number of pages of one lowest-level table. */
export function pagesPerTable(layout: Layout): number {
  return 1 << layout.tableShift
}

/** Whether the address is mapped, writable if asked for: an access would take no fault. */
export function isMapped(m: Machine, mm: Mm, va: Vaddr, write: boolean): boolean {
  const pte = followPte(m, mm, va)
  return (pte & PTE_PRESENT) !== 0 && (!write || (pte & PTE_WRITE) !== 0)
}

/** After MADV_DONTNEED: lowest-level tables that lie wholly in [start, end) and are empty go. */
export function freeEmptyTables(m: Machine, mm: Mm, start: Vaddr, end: Vaddr): void {
  const span = m.layout.entrySpan[1]
  for (let from = Math.ceil(start / span) * span; from + span <= end; from += span) {
    const level1 = ptepOfTable(m, mm, from)
    if (level1 === NO_PTE) continue
    const entry = getPte(m, level1)
    if (entry === 0) continue
    writePte(m.ram, m.layout, level1, 0)
    mm.pageTables--
    putPage(m, ptePfn(entry))
  }
  if (m.tlb.mm === mm.id) m.tlb.region = -1
}

/** Where the entry that names the address's lowest-level table lies. */
function ptepOfTable(m: Machine, mm: Mm, va: Vaddr): Ptep {
  let table = mm.pgd
  for (let level = m.layout.levels - 1; level > 1; level--) {
    const entry = getPte(m, mkPtep(m.layout, table, tableIndex(m.layout, va, level)))
    if (entry === 0) return NO_PTE
    table = ptePfn(entry)
  }
  return mkPtep(m.layout, table, tableIndex(m.layout, va, 1))
}
