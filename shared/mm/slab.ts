// Kernel objects cost memory: each kind fills frames of its own (mm/slub.c). Only the counting is modelled, not where
// in a frame an object lies; the objects themselves are the records of state/.

import type { Machine, SlabCache } from '../state/machine.ts'
import { NO_PFN, PG_SLAB } from '../state/page.ts'
import { allocPage, putPage } from './pageAlloc.ts'

// Sizes in bytes as /proc/slabinfo of 6.12 shows them on x86-64. They are mostly words: with 32 bits half of it.
const sizes = {
  task_struct: 4032,
  mm_struct: 1472,
  vm_area_struct: 184,
  anon_vma: 104,
  anon_vma_chain: 64,
  inode_cache: 632,
  filp: 256,
} as const

export type SlabName = keyof typeof sizes

export function mkSlabCaches(bits: 64 | 32): SlabCache[] {
  return Object.entries(sizes).map(([name, size]) => ({
    name,
    size: (size * bits) / 64,
    objects: 0,
    frames: [],
  }))
}

/** Makes room for one more object. False: no memory, the running task is the OOM killer's victim. */
export function kmemCacheAlloc(m: Machine, name: SlabName): boolean {
  const cache = findCache(m, name)
  if ((cache.objects + 1) * cache.size > cache.frames.length * m.pageSize) {
    const pfn = allocPage(m, PG_SLAB, 0)
    if (pfn === NO_PFN) return false
    cache.frames.push(pfn)
  }
  cache.objects++
  return true
}

/** The object is gone; one frame is kept in reserve so that a cache at the border does not flutter. */
export function kmemCacheFree(m: Machine, name: SlabName): void {
  const cache = findCache(m, name)
  cache.objects--
  if (
    (cache.frames.length - 2) * m.pageSize >= cache.objects * cache.size &&
    cache.frames.length > 1
  ) {
    putPage(m, cache.frames.pop()!)
  }
}

/** Frames of the caches that shrink when memory is short (SLAB_RECLAIM_ACCOUNT). */
export function reclaimableSlabPages(m: Machine): number {
  return findCache(m, 'inode_cache').frames.length
}

function findCache(m: Machine, name: SlabName): SlabCache {
  return m.slab[order[name]]
}

/** Where a kind stands in m.slab. */
const order = Object.fromEntries(Object.keys(sizes).map((name, i) => [name, i])) as Record<
  SlabName,
  number
>
