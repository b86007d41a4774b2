// Reverse mapping: from a frame to those who map it (mm/rmap.c), and the anon_vmas that make it possible.
//
// A VMA gets an anon_vma at its first private write. A fork gives the child's VMA the parent's chain and, when it
// writes itself, one of its own: pages written after the fork belong to that one.
//
//   parent  vma ── [A]          page of A: looked for in every VMA with A in its chain
//   child   vma ── [A, B]       page of B: in the child only

import type { Machine } from '../state/machine.ts'
import {
  VM_EXEC,
  VM_LOCKED,
  VM_READ,
  VM_SEQ_READ,
  VM_WRITE,
  type AnonVma,
  type Vaddr,
  type Vma,
} from '../state/mm.ts'
import {
  NO_PTE,
  PTE_ACCESSED,
  PTE_SWP_EXCLUSIVE,
  pteDirty,
  ptePfn,
  ptePresent,
  type Pte,
  type Ptep,
} from '../hw/mmu.ts'
import type { Pfn } from '../hw/ram.ts'
import { PG_ANON, PG_DIRTY, PG_EXCLUSIVE, PG_SWAPBACKED } from '../state/page.ts'
import { setPageDirty } from './filemap.ts'
import { countRss, updateHiwaterRss } from './memory.ts'
import { getPte, ptepFind, setPte } from './pgtable.ts'
import { kmemCacheAlloc, kmemCacheFree } from './slab.ts'
import { swapDuplicate } from './swapfile.ts'
import { findVmaSlot, vmaAfter, vmaBefore, vmaPages } from './vma.ts'

/** Gives the VMA an anon_vma: a neighbour's if the two could be one VMA but for r/w/x, else a new one. False: no memory. */
export function anonVmaPrepare(m: Machine, vma: Vma): boolean {
  if (vma.anonVma !== null) return true
  const shared = findMergeableAnonVma(vma)
  if (shared !== null) {
    linkChain(m, vma, shared)
    vma.anonVma = shared
    shared.numActiveVmas++
    return true
  }
  const anonVma = allocAnonVma(m, null)
  if (anonVma === null) return false
  linkChain(m, vma, anonVma)
  vma.anonVma = anonVma
  anonVma.numActiveVmas++
  return true
}

function allocAnonVma(m: Machine, parent: AnonVma | null): AnonVma | null {
  if (!kmemCacheAlloc(m, 'anon_vma')) return null
  const anonVma = {
    id: m.nextId++,
    numChildren: 0,
    numActiveVmas: 0,
    vmas: new Map(),
  } as unknown as AnonVma
  anonVma.root = parent === null ? anonVma : parent.root
  anonVma.parent = parent ?? anonVma
  anonVma.parent.numChildren++
  m.anonVmas.set(anonVma.id, anonVma)
  return anonVma
}

function linkChain(m: Machine, vma: Vma, anonVma: AnonVma): void {
  vma.anonVmaChain.push(anonVma)
  anonVma.vmas.set(vma.id, vma)
}

function findMergeableAnonVma(vma: Vma): AnonVma | null {
  const slot = findVmaSlot(vma.mm, vma.start)
  const next = vmaAfter(vma.mm, slot)
  if (next !== undefined && anonVmaCompatible(vma, next)) return reusable(next)
  const prev = vmaBefore(vma.mm, slot)
  if (prev !== undefined && anonVmaCompatible(prev, vma)) return reusable(prev)
  return null
}

function reusable(vma: Vma): AnonVma | null {
  return vma.anonVmaChain.length === 1 ? vma.anonVma : null
}

function anonVmaCompatible(a: Vma, b: Vma): boolean {
  const access = VM_READ | VM_WRITE | VM_EXEC
  return (
    a.end === b.start &&
    a.file === b.file &&
    ((a.flags ^ b.flags) & ~access) === 0 &&
    a.special === b.special &&
    b.pgoff === a.pgoff + (a.end - a.start) / a.mm.pageSize
  )
}

/** A copy of `source` that covers part of it or its place after a split or a move: same chain. */
export function anonVmaClone(m: Machine, vma: Vma, source: Vma): void {
  for (const anonVma of source.anonVmaChain) linkChain(m, vma, anonVma)
  vma.anonVma = source.anonVma
  if (vma.anonVma !== null) vma.anonVma.numActiveVmas++
}

/** The child's VMA after fork: the parent's chain, and an anon_vma of its own for what it will write. False: no memory. */
export function anonVmaFork(m: Machine, vma: Vma, parent: Vma): boolean {
  if (parent.anonVma === null) return true
  for (const anonVma of parent.anonVmaChain) {
    linkChain(m, vma, anonVma)
    // An anon_vma that nobody writes to any more and that has at most one child may be used again.
    if (
      vma.anonVma === null &&
      anonVma !== parent.anonVma &&
      anonVma.numChildren < 2 &&
      anonVma.numActiveVmas === 0
    ) {
      vma.anonVma = anonVma
    }
  }
  if (vma.anonVma !== null) {
    vma.anonVma.numActiveVmas++
    return true
  }
  const own = allocAnonVma(m, parent.anonVma)
  if (own === null) return false
  linkChain(m, vma, own)
  vma.anonVma = own
  own.numActiveVmas++
  return true
}

/** The VMA goes; anon_vmas that nobody has any more go with it. */
export function unlinkAnonVmas(m: Machine, vma: Vma): void {
  if (vma.anonVma !== null) vma.anonVma.numActiveVmas--
  vma.anonVma = null
  for (const anonVma of vma.anonVmaChain) anonVma.vmas.delete(vma.id)
  for (let i = vma.anonVmaChain.length - 1; i >= 0; i--) {
    const anonVma = vma.anonVmaChain[i]
    if (anonVma.vmas.size > 0) continue
    anonVma.parent.numChildren--
    m.anonVmas.delete(anonVma.id)
    kmemCacheFree(m, 'anon_vma')
  }
  vma.anonVmaChain.length = 0
}

// --- from a frame to its PTEs ----------------------------------------------------------------------------------------

/** Calls `visit` for each PTE that points at the frame; true from it ends the walk. */
export function rmapWalk(
  m: Machine,
  pfn: Pfn,
  visit: (vma: Vma, va: Vaddr, ptep: Ptep, pte: Pte) => boolean | void,
): void {
  const { page } = m.zone
  let left = page.mapcount[pfn]
  if (left === 0) return
  const index = page.index[pfn]
  const mappings =
    (page.flags[pfn] & PG_ANON) !== 0
      ? m.anonVmas.get(page.mapping[pfn])?.vmas
      : m.inodes.get(page.mapping[pfn])?.mappings
  for (const vma of mappings?.values() ?? []) {
    const at = (index - vma.pgoff) >>> 0 // the column holds an index's lower 32 bits
    if (at >= vmaPages(vma)) continue
    const va = vma.start + at * m.pageSize
    const ptep = ptepFind(m, vma.mm, va)
    if (ptep === NO_PTE) continue
    const pte = getPte(m, ptep)
    if (!ptePresent(pte) || ptePfn(pte) !== pfn) continue
    if (visit(vma, va, ptep, pte) === true || --left === 0) return
  }
}

/** How many PTEs have seen an access since they were last asked, and the flags of their VMAs (folio_referenced). */
export function pageReferenced(m: Machine, pfn: Pfn): { ptes: number; vmFlags: number } {
  let ptes = 0
  let vmFlags = 0
  rmapWalk(m, pfn, (vma, va, ptep, pte) => {
    if ((vma.flags & VM_LOCKED) !== 0) {
      vmFlags |= VM_LOCKED
      return true
    }
    if ((pte & PTE_ACCESSED) === 0) return false
    setPte(m, vma.mm, va, ptep, pte & ~PTE_ACCESSED)
    if ((vma.flags & VM_SEQ_READ) !== 0) return false
    ptes++
    vmFlags |= vma.flags
    return false
  })
  return { ptes, vmFlags }
}

/** Whether a VMA that maps the frame is locked. */
export function mappedLocked(m: Machine, pfn: Pfn): boolean {
  let locked = false
  rmapWalk(m, pfn, (vma) => (locked = (vma.flags & VM_LOCKED) !== 0))
  return locked
}

/**
 * Takes the page out of every page table (try_to_unmap). PTEs of a page with a slot say from now on where in swap it is.
 * False: somebody still maps it, because it is locked, or was written to after MADV_FREE.
 */
export function tryToUnmap(m: Machine, pfn: Pfn): boolean {
  const { page } = m.zone
  const entry = page.private[pfn]
  rmapWalk(m, pfn, (vma, va, ptep, pte) => {
    if ((vma.flags & VM_LOCKED) !== 0) return true
    const flags = page.flags[pfn]
    const anon = (flags & PG_ANON) !== 0
    const lazyfree = anon && (flags & PG_SWAPBACKED) === 0
    if (pteDirty(pte) || (lazyfree && (flags & PG_DIRTY) !== 0)) {
      if (lazyfree) {
        page.flags[pfn] |= PG_SWAPBACKED
        return true
      }
      setPageDirty(m, pfn)
    }
    const exclusive = (flags & PG_EXCLUSIVE) !== 0 ? PTE_SWP_EXCLUSIVE : 0
    setPte(m, vma.mm, va, ptep, anon && !lazyfree ? entry | exclusive : 0)
    if (anon && !lazyfree) {
      swapDuplicate(m, entry)
      vma.mm.swapEnts++
    }
    updateHiwaterRss(vma.mm)
    countRss(vma.mm, flags, -1)
    page.flags[pfn] &= ~PG_EXCLUSIVE
    page.mapcount[pfn]--
    page.refcount[pfn]--
    return false
  })
  return page.mapcount[pfn] === 0
}
