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

/** vm.dirty_writeback_centisecs and dirty_expire_centisecs: how often to look, and how old a page may get. */
const WRITEBACK_TICKS = 5 * TICKS_PER_SECOND
const EXPIRE_TICKS = 30 * TICKS_PER_SECOND

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

/** Every five seconds: files whose oldest dirty page is half a minute old, or all of them if there are too many (wb_writeback). */
export function flusherTick(m: Machine): void {
  if (m.ticks % WRITEBACK_TICKS !== 0) return
  const all = m.dirtyPages > backgroundThreshold(m)
  for (const inode of m.inodes.values()) {
    if (inode.backing !== 'disk' || inode.dirtiedWhen === 0) continue
    if (all || m.ticks - inode.dirtiedWhen >= EXPIRE_TICKS) syncInode(m, inode)
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
  if (inode.backing !== 'disk' || m.dirtyPages <= dirtyThreshold(m)) return
  syncInode(m, inode)
  waitForDisk(m)
}

function backgroundThreshold(m: Machine): number {
  return Math.floor((dirtyableMemory(m) * m.sysctl.dirtyBackgroundRatio) / 100)
}

function dirtyThreshold(m: Machine): number {
  return Math.floor((dirtyableMemory(m) * m.sysctl.dirtyRatio) / 100)
}

function dirtyableMemory({ zone }: Machine): number {
  const { size } = zone.lruvec
  return zone.freePages + size[LRU_ACTIVE_FILE] + size[LRU_INACTIVE_FILE]
}
