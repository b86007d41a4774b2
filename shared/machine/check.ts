// What must hold of a machine between two commands, whatever was done to it. Tests call it after every command.

import { assert } from '../lib/assert.ts'
import { mkSwapEntry, ptePfn, pteSwap, swapSlot } from '../hw/mmu.ts'
import { frameBase } from '../hw/ram.ts'
import type { Machine } from '../state/machine.ts'
import { VM_ACCOUNT, VM_LOCKED, type Mm } from '../state/mm.ts'
import {
  MAX_ORDER,
  NO_PFN,
  NR_LRU_LISTS,
  PG_ANON,
  PG_BUDDY,
  PG_DIRTY,
  PG_EXCLUSIVE,
  PG_FILE,
  PG_LRU,
  PG_OFFLINE,
  PG_RESERVED,
  PG_SWAPBACKED,
  PG_SWAPCACHE,
} from '../state/page.ts'
import { isOccupied } from '../state/runqueue.ts'
import type { SwapDevice, SwapEntry } from '../state/swap.ts'
import { isPromisedByPage } from '../mm/filemap.ts'
import { lruOf } from '../mm/lru.ts'
import { deviceOf } from '../mm/swapfile.ts'
import { vmaLookup, vmaPages, vmasOf } from '../mm/vma.ts'

/** Who points at what, counted anew. */
interface Tally {
  mapped: Int32Array // PTEs, per frame
  referenced: Int32Array // users, per frame
  slots: Map<SwapDevice, Int32Array> // PTEs and tmpfs pages, per slot of swap
}

/** Throws KernelBug with the belief that does not hold. */
export function checkMachine(m: Machine): void {
  const tally: Tally = {
    mapped: new Int32Array(m.ram.nrFrames),
    referenced: new Int32Array(m.ram.nrFrames),
    slots: new Map(m.swaps.map((device) => [device, new Int32Array(device.map.length)])),
  }
  const { referenced } = tally
  const mms = new Set<Mm>()
  for (const task of m.tasks.values()) {
    if (task.mm !== null) mms.add(task.mm)
    for (const pfn of task.kernelStack) referenced[pfn]++
    assert(m.handles.get(task.handle) === task, 'every task is found by its handle')
    assert(task.onRq || !isOccupied(task), 'who has something to do is on the run queue')
    assert(task.onRq === m.runqueue.includes(task), 'a task knows whether it is on the run queue')
    for (const child of task.children) assert(child.parent === task, 'a child knows its parent')
  }
  for (const task of m.runqueue)
    assert(task.state === 'Z' || m.tasks.get(task.pid) === task, 'nobody can run who is gone')
  for (const mm of mms) checkMm(m, mm, tally)
  let dirty = 0
  for (const inode of m.inodes.values()) {
    for (const pfn of inode.pages.values()) {
      referenced[pfn]++
      const flags = m.zone.page.flags[pfn]
      if ((flags & PG_SWAPBACKED) === 0 && (flags & PG_DIRTY) !== 0) dirty++
    }
    for (const entry of inode.swapped.values()) countSlot(m, tally, entry)
    for (const block of inode.blocks.values())
      assert(m.disk.used[block] === 1, 'a file’s block is in use')
  }
  for (const pfn of m.balloon.frames) {
    referenced[pfn]++
    assert(m.zone.page.flags[pfn] === PG_OFFLINE, 'a frame in the balloon is nobody’s')
  }
  for (const cache of m.slab) {
    for (const pfn of cache.frames) referenced[pfn]++
    assert(
      cache.objects >= 0 && cache.objects * cache.size <= cache.frames.length * m.pageSize,
      'slab objects fit',
    )
  }
  assert(dirty === m.dirtyPages, 'dirtyPages counts the dirty pages of files')
  checkSwap(m, tally)
  checkFrames(m, tally)
  checkFreeLists(m)
  checkLru(m)
  checkPromises(m, mms)
}

function checkMm(m: Machine, mm: Mm, tally: Tally): void {
  let total = 0
  let locked = 0
  let below = 0
  for (const vma of vmasOf(mm)) {
    assert(
      vma.start < vma.end && vma.start % m.pageSize === 0 && vma.end % m.pageSize === 0,
      'a VMA is whole pages',
    )
    assert(below <= vma.start, 'VMAs are sorted and disjoint')
    below = vma.end
    assert(vma.mm === mm, 'a VMA knows its address space')
    for (const anonVma of vma.anonVmaChain)
      assert(anonVma.vmas.get(vma.id) === vma, 'an anon_vma knows its VMAs')
    if (vma.file !== null)
      assert(vma.file.mappings.get(vma.id) === vma, 'a file knows its mappings')
    total += vmaPages(vma)
    if ((vma.flags & VM_LOCKED) !== 0) locked += vmaPages(vma)
  }
  checkTree(mm)
  assert(total === mm.totalVm, 'totalVm is the sum of the VMAs')
  // What MREMAP_DONTUNMAP leaves behind is not locked, and counts.
  assert(locked <= mm.lockedVm, 'lockedVm is the sum of the locked VMAs')
  const counts = { anon: 0, file: 0, shmem: 0, swap: 0, tables: 0 }
  tally.referenced[mm.pgd]++
  checkTable(m, mm, mm.pgd, m.layout.levels - 1, 0, tally, counts)
  assert(counts.anon === mm.rssAnon, 'rssAnon counts the anonymous pages')
  assert(counts.file === mm.rssFile, 'rssFile counts the file pages')
  assert(counts.shmem === mm.rssShmem, 'rssShmem counts the shared memory pages')
  assert(counts.swap === mm.swapEnts, 'swapEnts counts the pages in swap')
  assert(counts.tables === mm.pageTables, 'pageTables counts the tables')
}

function checkTree({ vmas: { leaves, gaps, count }, mmapBase }: Mm): void {
  assert(leaves.length === gaps.length, 'every leaf has a bound')
  assert(leaves.flat().length === count, 'the VMAs are counted')
  let below = 0
  leaves.forEach((leaf, i) => {
    assert(leaf.length > 0 || leaves.length === 1, 'no leaf is empty')
    for (const vma of leaf) {
      assert(Math.min(vma.start, mmapBase) - below <= gaps[i], 'no gap is larger than the bound')
      below = vma.end
    }
  })
}

// Depth: the number of levels.
function checkTable(
  m: Machine,
  mm: Mm,
  table: number,
  level: number,
  from: number,
  tally: Tally,
  counts: { anon: number; file: number; shmem: number; swap: number; tables: number },
): void {
  const { flags } = m.zone.page
  const { words } = m.ram
  const base = frameBase(m.ram, table)
  const step = 1 << (m.layout.pteShift - 2)
  for (let i = 0; i < 1 << m.layout.tableShift; i++) {
    const pte = words[base + i * step]
    if (pte === 0) continue
    const pfn = ptePfn(pte)
    const va = from + i * m.layout.entrySpan[level]
    if (level > 0) {
      counts.tables++
      tally.referenced[pfn]++
      checkTable(m, mm, pfn, level - 1, va, tally, counts)
      continue
    }
    assert(vmaLookup(mm, va) !== undefined, 'a mapped page lies in a VMA')
    if (pteSwap(pte)) {
      counts.swap++
      countSlot(m, tally, pte)
      continue
    }
    if (pfn === m.zeroPfn) continue
    tally.mapped[pfn]++
    tally.referenced[pfn]++
    if ((flags[pfn] & PG_ANON) !== 0) counts.anon++
    else if ((flags[pfn] & PG_SWAPBACKED) !== 0) counts.shmem++
    else counts.file++
  }
}

function countSlot(m: Machine, { slots }: Tally, entry: SwapEntry): void {
  slots.get(deviceOf(m, entry))![swapSlot(entry)]++
}

function checkSwap(m: Machine, { slots, referenced }: Tally): void {
  const { flags, private: entries } = m.zone.page
  for (const device of m.swaps) {
    let inUse = 0
    for (let slot = 1; slot <= device.pages; slot++) {
      const pfn = device.cache[slot]
      assert(device.map[slot] === slots.get(device)![slot], 'a slot counts who is there')
      if (device.map[slot] > 0 || pfn !== NO_PFN) inUse++
      if (pfn === NO_PFN) continue
      referenced[pfn]++
      assert((flags[pfn] & PG_SWAPCACHE) !== 0, 'a cached page knows that it is')
      assert(entries[pfn] === mkSwapEntry(device.type, slot), 'a cached page knows its slot')
    }
    assert(inUse === device.inUse, 'inUse counts the slots')
  }
}

function checkFrames(m: Machine, { mapped, referenced }: Tally): void {
  const { flags, refcount, mapcount } = m.zone.page
  let free = 0
  for (let pfn = 0; pfn < m.ram.nrFrames; pfn++) {
    if ((flags[pfn] & PG_RESERVED) !== 0) continue
    if (refcount[pfn] === 0) {
      free++
      assert(mapped[pfn] === 0 && referenced[pfn] === 0, 'a free frame is not in use')
      continue
    }
    assert((flags[pfn] & PG_BUDDY) === 0, 'a frame in use is not on a free list')
    assert(mapcount[pfn] === mapped[pfn], 'mapcount is the number of PTEs')
    assert(refcount[pfn] === referenced[pfn], 'refcount is the number of users')
    const reclaimable = (flags[pfn] & (PG_ANON | PG_FILE)) !== 0
    assert(((flags[pfn] & PG_LRU) !== 0) === reclaimable, 'pages of users are on a list')
    if ((flags[pfn] & PG_EXCLUSIVE) !== 0)
      assert(mapped[pfn] === 1, 'an exclusive page is mapped once')
  }
  assert(free === m.zone.freePages, 'freePages counts the free frames')
}

function checkFreeLists(m: Machine): void {
  const { zone } = m
  let free = 0
  for (let order = 0; order <= MAX_ORDER; order++) {
    let blocks = 0
    for (let pfn = zone.freeHead[order]; pfn !== NO_PFN; pfn = zone.page.next[pfn]!) {
      assert(
        (zone.page.flags[pfn] & PG_BUDDY) !== 0 && zone.page.order[pfn] === order,
        'a free block knows its order',
      )
      assert((pfn & ((1 << order) - 1)) === 0, 'a block starts at a multiple of its size')
      blocks++
      free += 1 << order
    }
    assert(blocks === zone.nrFree[order], 'nrFree counts the blocks')
  }
  const atHand = new Set(zone.pcp.pages.subarray(0, zone.pcp.count))
  assert(atHand.size === zone.pcp.count, 'no frame is at hand twice')
  for (const pfn of atHand) {
    const { flags, refcount, order } = zone.page
    assert(
      flags[pfn] === 0 && refcount[pfn] === 0 && order[pfn] === 0,
      'a frame at hand is a single free one',
    )
  }
  assert(
    free + atHand.size === zone.freePages,
    'what is free is on the free lists or at the CPU’s hand',
  )
}

function checkLru({ zone }: Machine): void {
  const { page, lruvec } = zone
  for (let lru = 0; lru < NR_LRU_LISTS; lru++) {
    let size = 0
    let prev = NO_PFN
    for (let pfn = lruvec.head[lru]; pfn !== NO_PFN; pfn = page.next[pfn]!) {
      assert(page.refcount[pfn] > 0, 'a page on a list is in use')
      assert((page.flags[pfn] & PG_LRU) !== 0, 'a page on a list knows it')
      assert(lruOf(page.flags[pfn]) === lru, 'a page is on the list that its flags say')
      assert(page.prev[pfn] === prev, 'a list reads the same backwards')
      prev = pfn
      size++
    }
    assert(lruvec.tail[lru] === prev, 'a list has its end')
    assert(lruvec.size[lru] === size, 'a list counts its pages')
  }
}

function checkPromises(m: Machine, mms: Set<Mm>): void {
  let promised = 0
  for (const mm of mms)
    for (const vma of vmasOf(mm)) if ((vma.flags & VM_ACCOUNT) !== 0) promised += vmaPages(vma)
  for (const inode of m.inodes.values())
    promised += isPromisedByPage(inode) ? inode.pages.size + inode.swapped.size : inode.accounted
  assert(promised === m.committed, 'Committed_AS is the sum of the promises')
}
