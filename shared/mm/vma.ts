// The VMAs of an address space, in the order of their addresses. The kernel has a B-tree for them (lib/maple_tree.c); this
// one has two levels.
//
//   leaves   [A B C]   [D E F G]   [H]     none empty but a single one
//   gaps       12k        40k       4k     no gap below one of the leaf's VMAs is larger
//
// So whoever inserts one among 60,000 moves few others, and a search for a gap passes over the leaves that have none. A
// bound may be too large, for it is not told when a gap gets smaller: the search that finds nothing there corrects it.
//
// A slot says where a VMA stands, leaf and place in it in one number. It holds until the next one is inserted or removed.

import {
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_SHARED,
  VM_WRITE,
  type Mm,
  type Vaddr,
  type Vma,
  type VmaTree,
} from '../state/mm.ts'

const LEAF_MAX = 256
const LEAF_SHIFT = 10
const PLACE_MASK = (1 << LEAF_SHIFT) - 1

export type Slot = number

export function mkVmaTree(): VmaTree {
  return { leaves: [[]], gaps: [0], count: 0 }
}

/** All of them, for those who read; what is done to the list is not done to the tree. */
export function vmasOf(mm: Mm | null): Vma[] {
  return mm === null ? [] : ([] as Vma[]).concat(...mm.vmas.leaves) // flat() takes ten times as long
}

// --- finding ---------------------------------------------------------------------------------------------------------

/** Where the first VMA stands that ends above the address; one behind the last if there is none. */
export function findVmaSlot({ vmas: { leaves } }: Mm, va: Vaddr): Slot {
  const leaf = leaves.length === 1 ? 0 : findLeaf(leaves, va)
  const vmas = leaves[leaf]
  let low = 0
  let high = vmas.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (vmas[middle].end > va) high = middle
    else low = middle + 1
  }
  return (leaf << LEAF_SHIFT) | low
}

/** The first leaf with a VMA that ends above the address, or the last leaf. */
function findLeaf(leaves: Vma[][], va: Vaddr): number {
  let low = 0
  let high = leaves.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    const vmas = leaves[middle]
    if (vmas[vmas.length - 1].end > va) high = middle
    else low = middle + 1
  }
  return low
}

/** The VMA in the slot; undefined behind the last one. */
export function vmaAt({ vmas: { leaves } }: Mm, slot: Slot): Vma | undefined {
  return leaves[slot >> LEAF_SHIFT]?.[slot & PLACE_MASK]
}

/** The VMA below the one in the slot, which may be the one behind the last. */
export function vmaBefore({ vmas: { leaves } }: Mm, slot: Slot): Vma | undefined {
  const place = slot & PLACE_MASK
  if (place > 0) return leaves[slot >> LEAF_SHIFT][place - 1]
  const below = leaves[(slot >> LEAF_SHIFT) - 1]
  return below?.[below.length - 1]
}

/** The VMA above the one in the slot. */
export function vmaAfter(mm: Mm, slot: Slot): Vma | undefined {
  return vmaAt(mm, nextSlot(mm, slot))
}

export function nextSlot({ vmas: { leaves } }: Mm, slot: Slot): Slot {
  const leaf = slot >> LEAF_SHIFT
  const place = (slot & PLACE_MASK) + 1
  return place === leaves[leaf].length && leaf + 1 < leaves.length
    ? (leaf + 1) << LEAF_SHIFT
    : (leaf << LEAF_SHIFT) | place
}

/** The first VMA that ends above the address (it may start above it as well), as the kernel's find_vma(). */
export function findVma(mm: Mm, va: Vaddr): Vma | undefined {
  return vmaAt(mm, findVmaSlot(mm, va))
}

/** The VMA that holds the address. */
export function vmaLookup(mm: Mm, va: Vaddr): Vma | undefined {
  const vma = findVma(mm, va)
  return vma !== undefined && vma.start <= va ? vma : undefined
}

/** Whether any VMA has an address in [start, end). */
export function findVmaIntersection(mm: Mm, start: Vaddr, end: Vaddr): Vma | undefined {
  const vma = findVma(mm, start)
  return vma !== undefined && vma.start < end ? vma : undefined
}

/** The VMAs with an address in [start, end). */
export function vmasIn(mm: Mm, start: Vaddr, end: Vaddr): Vma[] {
  const found: Vma[] = []
  for (let slot = findVmaSlot(mm, start); ; slot = nextSlot(mm, slot)) {
    const vma = vmaAt(mm, slot)
    if (vma === undefined || vma.start >= end) return found
    found.push(vma)
  }
}

// --- changing --------------------------------------------------------------------------------------------------------

/** Puts the VMA before the one in the slot. */
export function insertVma(mm: Mm, slot: Slot, vma: Vma): void {
  const { leaves, gaps } = mm.vmas
  let leaf = slot >> LEAF_SHIFT
  let place = slot & PLACE_MASK
  if (leaves[leaf].length === LEAF_MAX) {
    leaves.splice(leaf + 1, 0, leaves[leaf].splice(LEAF_MAX / 2))
    gaps.splice(leaf + 1, 0, gaps[leaf])
    if (place > LEAF_MAX / 2) {
      leaf++
      place -= LEAF_MAX / 2
    }
  }
  leaves[leaf].splice(place, 0, vma)
  mm.vmas.count++
  const at = (leaf << LEAF_SHIFT) | place
  noteGap(mm, at, vma.start - (vmaBefore(mm, at)?.end ?? 0))
}

/** Adds a VMA above all others: a copy is made from below. */
export function appendVma(mm: Mm, vma: Vma): void {
  const { leaves, gaps } = mm.vmas
  const last = leaves[leaves.length - 1]
  const below = last.length === 0 ? 0 : last[last.length - 1].end
  if (last.length < LEAF_MAX) last.push(vma)
  else {
    leaves.push([vma])
    gaps.push(0)
  }
  mm.vmas.count++
  noteGap(mm, (leaves.length - 1) << LEAF_SHIFT, vma.start - below)
}

/** Takes out the VMA in the slot, whose addresses another one has taken over. */
export function removeVmaAt(mm: Mm, slot: Slot): Vma {
  const leaf = slot >> LEAF_SHIFT
  const [vma] = mm.vmas.leaves[leaf].splice(slot & PLACE_MASK, 1)
  mm.vmas.count--
  dropEmptyLeaf(mm.vmas, leaf)
  return vma
}

/** Takes out the VMAs from the slot on that do not reach beyond `end`. The gap that this leaves is to be noted. */
export function removeVmas(mm: Mm, slot: Slot, end: Vaddr): Vma[] {
  const { leaves } = mm.vmas
  const gone: Vma[] = []
  let leaf = slot >> LEAF_SHIFT
  let place = slot & PLACE_MASK
  while (leaf < leaves.length) {
    const vmas = leaves[leaf]
    let stop = place
    while (stop < vmas.length && vmas[stop].end <= end) gone.push(vmas[stop++])
    const last = stop < vmas.length
    vmas.splice(place, stop - place)
    if (!dropEmptyLeaf(mm.vmas, leaf)) leaf++
    if (last) break
    place = 0
  }
  mm.vmas.count -= gone.length
  return gone
}

function dropEmptyLeaf({ leaves, gaps }: VmaTree, leaf: number): boolean {
  if (leaves[leaf].length > 0 || leaves.length === 1) return false
  leaves.splice(leaf, 1)
  gaps.splice(leaf, 1)
  return true
}

// --- gaps ------------------------------------------------------------------------------------------------------------

/** The gap below the VMA in the slot may have become as large as that. */
export function noteGap({ vmas: { gaps } }: Mm, slot: Slot, gap: number): void {
  const leaf = slot >> LEAF_SHIFT
  if (gap > gaps[leaf]) gaps[leaf] = gap
}

/**
 * The end of the highest gap below mmapBase with room for `length` bytes, -1 if there is none. The lowest gap begins at
 * `floor`. A gap ends `guard` bytes below a VMA that grows down; where one would have had room but for that, the search goes
 * on below the guarded bytes, whatever other gaps there are in them.
 */
export function findGap(mm: Mm, length: number, guard: number, floor: Vaddr): Vaddr {
  const { mmapBase } = mm
  const { leaves, gaps } = mm.vmas
  let leaf = leaves.length - 1
  const highest = leaves[leaf][leaves[leaf].length - 1]
  if (highest === undefined || highest.end <= mmapBase) {
    if (mmapBase - (highest?.end ?? floor) >= length) return mmapBase
  }
  let limit = mmapBase
  for (; leaf >= 0; leaf--) {
    if (gaps[leaf] < length) continue
    const vmas = leaves[leaf]
    let largest = 0
    for (let place = vmas.length - 1; place >= 0; place--) {
      const above = vmas[place]
      const below = place > 0 ? vmas[place - 1].end : (vmaBefore(mm, leaf << LEAF_SHIFT)?.end ?? 0)
      const gap = Math.min(above.start, mmapBase) - below
      if (gap >= length) {
        const start = Math.max(below, floor)
        if (Math.min(above.start, limit) - start >= length) {
          limit = Math.min(limit, vmStartGap(above, guard))
          if (limit - start >= length) return Math.min(above.start, limit)
        }
      }
      if (gap > largest) largest = gap
    }
    gaps[leaf] = largest
  }
  return -1
}

/** Where the VMA begins for those who want to lie below it: the guard gap under a stack belongs to it. */
export function vmStartGap({ start, flags }: Vma, guard: number): Vaddr {
  return (flags & VM_GROWSDOWN) === 0 ? start : Math.max(0, start - guard)
}

// --- kinds -----------------------------------------------------------------------------------------------------------

export function vmaPages(vma: Vma): number {
  return (vma.end - vma.start) / vma.mm.pageSize
}

/** Private writable memory of the process's own, not the stack: what VmData counts. */
export function isDataMapping(flags: number): boolean {
  return (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) === VM_WRITE
}

/** Whether the pages of such a mapping are promised in full when it is made (accountable_mapping, mm/mmap.c). */
export function isAccountable(flags: number): boolean {
  return (flags & VM_ACCOUNT) !== 0
}
