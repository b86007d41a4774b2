// Reverse mapping: from a frame to those who map it (mm/rmap.c), and the anon_vmas that make it possible.
//
// A VMA gets an anon_vma at its first private write. A fork gives the child's VMA the parent's chain and, when it
// writes itself, one of its own: pages written after the fork belong to that one.
//
//   parent  vma ── [A]          page of A: looked for in every VMA with A in its chain
//   child   vma ── [A, B]       page of B: in the child only

import type { Machine } from '../state/machine.ts'
import { VM_EXEC, VM_READ, VM_WRITE, type AnonVma, type Vma } from '../state/mm.ts'
import { kmemCacheAlloc, kmemCacheFree } from './slab.ts'
import { findVmaIndex } from './vma.ts'

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
  return anonVma
}

function linkChain(m: Machine, vma: Vma, anonVma: AnonVma): void {
  vma.anonVmaChain.push(anonVma)
  anonVma.vmas.set(vma.id, vma)
}

function findMergeableAnonVma(vma: Vma): AnonVma | null {
  const { vmas } = vma.mm
  const at = findVmaIndex(vma.mm, vma.start)
  const next = vmas[at + 1]
  if (next !== undefined && anonVmaCompatible(vma, next)) return reusable(next)
  const prev = vmas[at - 1]
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
    kmemCacheFree(m, 'anon_vma')
  }
  vma.anonVmaChain.length = 0
}
