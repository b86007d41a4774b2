// Reading and writing files: through the page cache, in frames like everything else (mm/filemap.c, mm/shmem.c).

import { EISDIR, ENOSPC } from '../lib/errno.ts'
import { NO_PFN } from '../state/page.ts'
import { markDirty, viewBytes } from '../hw/ram.ts'
import type { Inode } from '../state/inode.ts'
import { TICK_MS, type Machine } from '../state/machine.ts'
import {
  mayHavePage,
  peekPage,
  readAround,
  readPage,
  reserveBlock,
  setPageDirty,
} from '../mm/filemap.ts'
import { markPageAccessed } from '../mm/lru.ts'
import { truncateInode } from '../mm/truncate.ts'
import { balanceDirtyPages } from '../mm/writeback.ts'
import { isDir } from './tree.ts'

/** A look from outside at what the file holds, wherever it is. Changes nothing. */
export function peekFile(m: Machine, inode: Inode): Uint8Array {
  const bytes = new Uint8Array(inode.size)
  for (let index = 0; index * m.pageSize < inode.size; index++) {
    const count = Math.min(m.pageSize, inode.size - index * m.pageSize)
    bytes.set(peekPage(m, inode, index).subarray(0, count), index * m.pageSize)
  }
  return bytes
}

/** read(2) at `pos`: at most `length` bytes, through the page cache; null: no memory for it. Charged to `seat`. */
export function readFile(
  m: Machine,
  inode: Inode,
  pos: number,
  length: number,
  seat: number,
): Uint8Array | null {
  const end = Math.min(pos + length, inode.size)
  const bytes = new Uint8Array(Math.max(0, end - pos))
  for (let at = pos; at < end;) {
    const index = Math.floor(at / m.pageSize)
    const offset = at % m.pageSize
    const count = Math.min(end - at, m.pageSize - offset)
    const pfn = readPage(m, inode, index, seat)
    if (pfn === NO_PFN) return null
    readAround(m, inode, index, seat)
    markPageAccessed(m, pfn)
    bytes.set(viewBytes(m.ram, pfn, offset, count), at - pos)
    at += count
  }
  return bytes
}

/** write(2) at `pos`; the file grows as needed. Bytes written, or -errno. Charged to `seat`. */
export function writeFile(
  m: Machine,
  inode: Inode,
  pos: number,
  bytes: Uint8Array,
  seat: number,
): number {
  if (isDir(inode)) return -EISDIR
  if (inode.backing === 'null' || inode.backing === 'zero') return bytes.length
  let done = 0
  while (done < bytes.length) {
    const at = pos + done
    const offset = at % m.pageSize
    const count = Math.min(bytes.length - done, m.pageSize - offset)
    const index = Math.floor(at / m.pageSize)
    if (!mayHavePage(m, inode, index, m.current?.uid === 0)) return done > 0 ? done : -ENOSPC
    const pfn = readPage(m, inode, index, seat)
    if (pfn === NO_PFN || !reserveBlock(m, inode, index)) return done > 0 ? done : -ENOSPC
    markDirty(m.ram, pfn)
    viewBytes(m.ram, pfn, offset, count).set(bytes.subarray(done, done + count))
    setPageDirty(m, pfn)
    markPageAccessed(m, pfn)
    done += count
    inode.size = Math.max(inode.size, pos + done)
  }
  inode.mtime = m.ticks * TICK_MS
  balanceDirtyPages(m, inode)
  return done
}

/** truncate(2) to zero, for `> file`. Who has the file mapped loses its pages. */
export function emptyFile(m: Machine, inode: Inode): void {
  truncateInode(m, inode, 0)
}
