// Dirty pages of files go to the disk: when asked (msync, fsync), when they are old, when there are too many of them, and
// when reclaim meets them (mm/page-writeback.c, fs/fs-writeback.c).

import { PTE_DIRTY, PTE_WRITE, ptePfn, ptePresent } from '../hw/mmu.ts'
import { copyFrameTo, type Pfn } from '../hw/ram.ts'
import type { Inode } from '../state/inode.ts'
import { TICKS_PER_SECOND, type Machine } from '../state/machine.ts'
import { VM_SHARED } from '../state/mm.ts'
import { LRU_ACTIVE_FILE, LRU_INACTIVE_FILE, PG_DIRTY } from '../state/page.ts'
import { writeBlocks, waitForDisk } from './blockIo.ts'
import { setPageDirty } from './filemap.ts'
import { forEachPte } from './memory.ts'
import { setPte } from './pgtable.ts'

function ticksOf(centisecs: number): number {
  return Math.ceil((centisecs * TICKS_PER_SECOND) / 100)
}

/** Writes one page to its block. It is clean from now on. */
export function writePage(m: Machine, inode: Inode, index: number, pfn: Pfn): void {
  const block = inode.blocks.get(index)
  if ((m.zone.page.flags[pfn] & PG_DIRTY) !== 0) m.dirtyPages--
  m.zone.page.flags[pfn] &= ~PG_DIRTY
  if (block === undefined) return
  copyFrameTo(m.disk.ram, block, m.ram, pfn)
  writeBlocks(m, block, 1)
  m.vmstat.nr_written++
}

/** Writes what is dirty of pages [first, end), and lets the next write through a shared mapping be noticed by a fault. */
export function writebackPages(m: Machine, inode: Inode, first: number, end: number): void {
  for (const vma of inode.mappings.values()) {
    if ((vma.flags & VM_SHARED) === 0) continue
    const from = Math.max(vma.start, vma.start + (first - vma.pgoff) * m.pageSize)
    const to = Math.min(vma.end, vma.start + (end - vma.pgoff) * m.pageSize)
    if (from >= to) continue
    forEachPte(m, vma.mm, from, to, (va, ptep, pte) => {
      if (!ptePresent(pte)) return
      if ((pte & PTE_DIRTY) !== 0) setPageDirty(m, ptePfn(pte))
      setPte(m, vma.mm, va, ptep, pte & ~(PTE_WRITE | PTE_DIRTY))
    })
  }
  for (const [index, pfn] of inode.pages) {
    if (index >= first && index < end && (m.zone.page.flags[pfn] & PG_DIRTY) !== 0)
      writePage(m, inode, index, pfn)
  }
}

/**
 * Every five seconds: files whose oldest dirty page is half a minute old, or all of them if there are too many
 * (wb_writeback). How often and how old: vm.dirty_writeback_centisecs, which may be 0 for never, and dirty_expire_centisecs.
 */
export function flusherTick(m: Machine): void {
  const { dirtyWritebackCentisecs, dirtyExpireCentisecs } = m.sysctl
  const interval = ticksOf(dirtyWritebackCentisecs)
  if (interval <= 0 || m.ticks % interval !== 0) return
  const all = m.dirtyPages > globalDirtyLimits(m).background
  for (const inode of m.inodes.values()) {
    if (inode.backing !== 'disk' || inode.dirtiedWhen === 0) continue
    if (all || m.ticks - inode.dirtiedWhen >= ticksOf(dirtyExpireCentisecs)) syncInode(m, inode)
  }
}

/** Writes all that is dirty. */
export function syncInodes(m: Machine): void {
  for (const inode of m.inodes.values())
    if (inode.backing === 'disk' && inode.dirtiedWhen > 0) syncInode(m, inode)
}

/** Writes all that is dirty of a file. */
export function syncInode(m: Machine, inode: Inode): void {
  writebackPages(m, inode, 0, Infinity)
  inode.dirtiedWhen = 0
}

/** Whoever has dirtied too much waits until it is on the disk (balance_dirty_pages). */
export function balanceDirtyPages(m: Machine, inode: Inode): void {
  if (inode.backing !== 'disk' || m.dirtyPages <= globalDirtyLimits(m).threshold) return
  syncInode(m, inode)
  waitForDisk(m)
}

/** Pages from which on writeback starts by itself, and from which on writers have to wait (global_dirty_limits). */
export function globalDirtyLimits(m: Machine): { background: number; threshold: number } {
  const { dirtyRatio, dirtyBytes, dirtyBackgroundRatio, dirtyBackgroundBytes } = m.sysctl
  const limit = (ratio: number, bytes: number) =>
    bytes > 0
      ? Math.ceil(bytes / m.pageSize)
      : Math.floor((Math.floor((ratio * m.pageSize) / 100) * dirtyableMemory(m)) / m.pageSize)
  const threshold = limit(dirtyRatio, dirtyBytes)
  const background = limit(dirtyBackgroundRatio, dirtyBackgroundBytes)
  return { background: background < threshold ? background : threshold >> 1, threshold }
}

/** Pages that could hold dirty data: free ones above the reserve, and those of files on the reclaim lists. */
function dirtyableMemory({ zone }: Machine): number {
  const { size } = zone.lruvec
  const free = Math.max(zone.freePages - zone.watermarkHigh, 0)
  return free + size[LRU_ACTIVE_FILE] + size[LRU_INACTIVE_FILE] + 1
}
