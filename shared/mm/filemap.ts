// The page cache: frames that hold pages of files, found by inode and page offset (mm/filemap.c, mm/shmem.c).
//
// What stands behind it differs: a disk's block, a slot of swap (tmpfs), the content of a built-in program, nothing.

import { fillU32, mkPrng } from '../lib/prng.ts'
import { swapDevice, swapSlot } from '../hw/mmu.ts'
import { clearFrame, copyFrameTo, frameBytes, markDirty, viewWords, type Pfn } from '../hw/ram.ts'
import type { Inode } from '../state/inode.ts'
import type { Machine } from '../state/machine.ts'
import { NO_PFN, PG_ANON, PG_DIRTY, PG_FILE, PG_SWAPBACKED } from '../state/page.ts'
import { emit } from '../trace/trace.ts'
import { allocBlock, freeBlock, imagePosition, readBlocks, swapPosition } from './blockIo.ts'
import { lruAdd } from './lru.ts'
import { couldPromise, vmUnacctMemory } from './overcommit.ts'
import { allocPage, allocZeroedPage, putPage } from './pageAlloc.ts'
import { freeSwapAndCache } from './swapState.ts'
import { deviceOf } from './swapfile.ts'
import { workingsetRefault } from './workingset.ts'

/** The cached frame, NO_PFN if the page is not in memory. */
export function findPage(inode: Inode, index: number): Pfn {
  return inode.pages.get(index) ?? NO_PFN
}

/** Whether the page, not being in memory, has to be read from a disk. */
export function isStored(inode: Inode, index: number): boolean {
  return inode.backing === 'image' || inode.blocks.has(index) || inode.swapped.has(index)
}

/** tmpfs: whether its pages are promised one by one as they come to be, not the object as a whole when it was made. */
export function isPromisedByPage({ backing, accounted }: Inode): boolean {
  return backing === 'tmpfs' && accounted === 0
}

/** tmpfs: whether the page is there, or may be promised now (shmem_inode_acct_blocks). */
export function mayHavePage(m: Machine, inode: Inode, index: number, admin: boolean): boolean {
  if (!isPromisedByPage(inode) || inode.pages.has(index) || inode.swapped.has(index)) return true
  return couldPromise(m, 1, admin)
}

/** The frame of that page, read from its store if need be. NO_PFN: no memory. The page must lie within the file. */
export function readPage(m: Machine, inode: Inode, index: number, memcg: number): Pfn {
  const cached = findPage(inode, index)
  if (cached !== NO_PFN) return cached
  const tmpfs = inode.backing === 'tmpfs'
  const flags = tmpfs ? PG_FILE | PG_SWAPBACKED : PG_FILE
  const stored = isStored(inode, index)
  const pfn = stored
    ? allocPage(m, flags, tmpfs ? memcg : 0)
    : allocZeroedPage(m, flags, tmpfs ? memcg : 0)
  if (pfn === NO_PFN) return NO_PFN
  m.zone.page.mapping[pfn] = inode.ino
  m.zone.page.index[pfn] = index
  if (stored) readStore(m, inode, index, pfn)
  const shadow = inode.shadows.get(index)
  if (shadow !== undefined) {
    inode.shadows.delete(index)
    if (workingsetRefault(m, pfn, shadow) && m.current !== null) m.current.memstall = true
  }
  lruAdd(m.zone, pfn)
  inode.pages.set(index, pfn)
  m.pageCache++
  if (!stored && isPromisedByPage(inode)) m.committed++
  if (tmpfs) m.shmem++
  else if (m.trace.on.mm_filemap_add_to_page_cache)
    tracePageCache(m, 'mm_filemap_add_to_page_cache', inode, index, pfn)
  return pfn
}

function readStore(m: Machine, inode: Inode, index: number, pfn: Pfn): void {
  const entry = inode.swapped.get(index)
  const block = inode.blocks.get(index)
  if (entry !== undefined) {
    const device = deviceOf(m, entry)
    copyFrameTo(m.ram, pfn, device.ram, swapSlot(entry))
    readBlocks(m, swapPosition(swapDevice(entry), swapSlot(entry)), 1)
    m.vmstat.pswpin++
    const shadow = device.shadows[swapSlot(entry)]
    if (shadow !== 0) inode.shadows.set(index, shadow)
    inode.swapped.delete(index)
    freeSwapAndCache(m, entry)
    m.zone.page.flags[pfn] |= PG_DIRTY
  } else if (block !== undefined) {
    copyFrameTo(m.ram, pfn, m.disk.ram, block)
    readBlocks(m, block, 1)
  } else {
    markDirty(m.ram, pfn)
    fillImage(viewWords(m.ram, pfn), inode, index)
    readBlocks(m, imagePosition(inode.ino, index), 1)
  }
}

/** The page's bytes wherever they are, for those who only look: nothing changes. */
export function peekPage(m: Machine, inode: Inode, index: number): Uint8Array {
  const pfn = findPage(inode, index)
  if (pfn !== NO_PFN) return frameBytes(m.ram, pfn)
  const entry = inode.swapped.get(index)
  if (entry !== undefined) return frameBytes(deviceOf(m, entry).ram, swapSlot(entry))
  const block = inode.blocks.get(index)
  if (block !== undefined) return frameBytes(m.disk.ram, block)
  const bytes = new Uint8Array(m.pageSize)
  if (inode.backing === 'image') fillImage(new Int32Array(bytes.buffer), inode, index)
  return bytes
}

/**
 * Reads the pages around a missing one from the disk as well, while memory is plentiful: the next fault finds them
 * (readahead). The window is the one that a fault maps around.
 */
export function readAround(m: Machine, inode: Inode, index: number, memcg: number): void {
  if (inode.backing === 'tmpfs') return
  const window = Math.max(1, READAHEAD_BYTES / m.pageSize)
  const first = Math.floor(index / window) * window
  const end = Math.min(first + window, filePages(m, inode))
  for (let at = first; at < end && m.zone.freePages > m.zone.watermarkHigh; at++)
    if (inode.backing === 'disk' || isStored(inode, at)) readPage(m, inode, at, memcg)
}

const READAHEAD_BYTES = 65536

/** Pages of the file; the last may be used in part. */
export function filePages(m: Machine, inode: Inode): number {
  return Math.ceil(inode.size / m.pageSize)
}

/** Pages [first, end) are no more: neither in the cache nor in the store. Whoever maps them must have let go. */
export function dropPages(m: Machine, inode: Inode, first: number, end: number): void {
  for (const [index, pfn] of inode.pages) {
    if (index < first || index >= end) continue
    removeFromPageCache(m, inode, index, pfn)
    if (isPromisedByPage(inode)) vmUnacctMemory(m, 1)
  }
  for (const [index, block] of inode.blocks) {
    if (index < first || index >= end) continue
    inode.blocks.delete(index)
    freeBlock(m, block)
  }
  for (const [index, entry] of inode.swapped) {
    if (index < first || index >= end) continue
    inode.swapped.delete(index)
    freeSwapAndCache(m, entry)
    if (isPromisedByPage(inode)) vmUnacctMemory(m, 1)
  }
  for (const index of inode.shadows.keys())
    if (index >= first && index < end) inode.shadows.delete(index)
}

function tracePageCache(
  m: Machine,
  name: 'mm_filemap_add_to_page_cache' | 'mm_filemap_delete_from_page_cache',
  { dev, ino }: Inode,
  index: number,
  pfn: Pfn,
): void {
  const ofs = index * m.pageSize
  emit(m.trace, m.ticks, m.current?.pid ?? 0, name, { dev, ino, pfn, ofs })
}

/** The page is in the cache no longer; what nobody else holds is free. */
export function removeFromPageCache(m: Machine, inode: Inode, index: number, pfn: Pfn): void {
  inode.pages.delete(index)
  m.zone.page.mapping[pfn] = 0
  m.pageCache--
  if (inode.backing === 'tmpfs') m.shmem--
  else if ((m.zone.page.flags[pfn] & PG_DIRTY) !== 0) m.dirtyPages--
  if (m.trace.on.mm_filemap_delete_from_page_cache)
    tracePageCache(m, 'mm_filemap_delete_from_page_cache', inode, index, pfn)
  putPage(m, pfn)
}

/** The page differs from what its store has. */
export function setPageDirty(m: Machine, pfn: Pfn): void {
  const { flags, mapping } = m.zone.page
  if ((flags[pfn] & PG_DIRTY) !== 0) return
  flags[pfn] |= PG_DIRTY
  if ((flags[pfn] & (PG_ANON | PG_SWAPBACKED)) !== 0) return
  m.vmstat.nr_dirtied++
  m.dirtyPages++
  const inode = m.inodes.get(mapping[pfn])
  if (inode !== undefined && inode.dirtiedWhen === 0) inode.dirtiedWhen = Math.max(m.ticks, 1)
}

/** Makes sure that the page will have a place on the disk. False: the disk is full. */
export function reserveBlock(m: Machine, inode: Inode, index: number): boolean {
  if (inode.backing !== 'disk' || inode.blocks.has(index)) return true
  const block = allocBlock(m)
  if (block < 0) return false
  clearFrame(m.disk.ram, block)
  inode.blocks.set(index, block)
  return true
}

/**
 * A built-in program's file holds noise, always the same for one file; what executes is not in these bytes. Behind its end
 * the page is clear.
 */
function fillImage(words: Int32Array, inode: Inode, index: number): void {
  const noise = mkPrng(Math.imul(inode.ino, 0x9e37) + index)
  const count = Math.min(words.length, (inode.size >> 2) - index * words.length)
  fillU32(noise, words, count)
  words.fill(0, count)
}
