// The page cache: frames that hold pages of files, found by inode and page offset (mm/filemap.c, mm/shmem.c).

import { mkPrng, nextU32 } from '../lib/prng.ts'
import { frameBase, dirtySlabOf, type Pfn } from '../hw/ram.ts'
import type { Inode } from '../state/inode.ts'
import type { Machine } from '../state/machine.ts'
import { NO_PFN, PG_DIRTY, PG_FILE, PG_SWAPBACKED } from '../state/page.ts'
import { allocZeroedPage, putPage } from './pageAlloc.ts'
import { emit } from '../trace/trace.ts'

/** The cached frame, NO_PFN if the page is not in memory. */
export function findPage(inode: Inode, index: number): Pfn {
  return inode.pages.get(index) ?? NO_PFN
}

/** The frame of that page, read from its store if need be. NO_PFN: no memory. The page must lie within the file. */
export function readPage(m: Machine, inode: Inode, index: number, memcg: number): Pfn {
  const cached = findPage(inode, index)
  if (cached !== NO_PFN) return cached
  const tmpfs = inode.backing === 'tmpfs'
  const flags = tmpfs ? PG_FILE | PG_SWAPBACKED : PG_FILE
  const pfn = allocZeroedPage(m, flags, tmpfs ? memcg : 0)
  if (pfn === NO_PFN) return NO_PFN
  m.zone.page.mapping[pfn] = inode.ino
  m.zone.page.index[pfn] = index
  if (inode.backing === 'image') readFromDisk(m, inode, index, pfn)
  inode.pages.set(index, pfn)
  m.pageCache++
  if (tmpfs) m.shmem++
  else if (m.trace.on.mm_filemap_add_to_page_cache)
    tracePageCache(m, 'mm_filemap_add_to_page_cache', inode, index, pfn)
  return pfn
}

/**
 * Reads the pages around a missing one from the disk as well, while memory is plentiful: the next fault finds them
 * (readahead). The window is the one that a fault maps around.
 */
export function readAround(m: Machine, inode: Inode, index: number, memcg: number): void {
  if (inode.backing !== 'image') return
  const window = Math.max(1, READAHEAD_BYTES / m.pageSize)
  const first = Math.floor(index / window) * window
  const end = Math.min(first + window, filePages(m, inode))
  for (let at = first; at < end && m.zone.freePages > m.zone.watermarkHigh; at++)
    readPage(m, inode, at, memcg)
}

const READAHEAD_BYTES = 65536

/** Pages of the file; the last may be used in part. */
export function filePages(m: Machine, inode: Inode): number {
  return Math.ceil(inode.size / m.pageSize)
}

/** Takes pages [first, end) out of the cache. Whoever maps them must have let go. */
export function dropPages(m: Machine, inode: Inode, first: number, end: number): void {
  for (const [index, pfn] of inode.pages) {
    if (index < first || index >= end) continue
    inode.pages.delete(index)
    if (m.trace.on.mm_filemap_delete_from_page_cache)
      tracePageCache(m, 'mm_filemap_delete_from_page_cache', inode, index, pfn)
    m.zone.page.mapping[pfn] = 0
    m.pageCache--
    if (inode.backing === 'tmpfs') m.shmem--
    putPage(m, pfn)
  }
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

export function setPageDirty(m: Machine, pfn: Pfn): void {
  m.zone.page.flags[pfn] |= PG_DIRTY
}

/** A built-in program's file holds noise, always the same for one file; what executes is not in these bytes. */
function readFromDisk(m: Machine, inode: Inode, index: number, pfn: Pfn): void {
  const slab = dirtySlabOf(m.ram, pfn)
  const base = frameBase(m.ram, pfn)
  const noise = mkPrng(Math.imul(inode.ino, 0x9e37) + index)
  for (let i = 0; i < m.pageSize >> 2; i++) slab[base + i] = nextU32(noise)
}
