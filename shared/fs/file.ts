// Reading and writing files: through the page cache, in frames like everything else (mm/filemap.c, mm/shmem.c).

import { EISDIR, ENOSPC } from '../lib/errno.ts'
import { NO_PFN } from '../state/page.ts'
import { frameBase, slabOf, dirtySlabOf } from '../hw/ram.ts'
import type { Inode } from '../state/inode.ts'
import { TICK_MS, type Machine } from '../state/machine.ts'
import { findPage, readPage, setPageDirty, dropPages } from '../mm/filemap.ts'
import { isDir } from './tree.ts'

/** A look from outside: what is in memory, zeros for what is not. Changes nothing. */
export function peekFile(m: Machine, inode: Inode): Uint8Array {
  const bytes = new Uint8Array(inode.size)
  for (let index = 0; index * m.pageSize < inode.size; index++) {
    const pfn = findPage(inode, index)
    const slab = pfn === NO_PFN ? null : slabOf(m.ram, pfn)
    if (slab === null) continue
    const count = Math.min(m.pageSize, inode.size - index * m.pageSize)
    bytes.set(new Uint8Array(slab.buffer, frameBase(m.ram, pfn) * 4, count), index * m.pageSize)
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
    const pfn = readPage(m, inode, Math.floor(at / m.pageSize), seat)
    if (pfn === NO_PFN) return done > 0 ? done : -ENOSPC
    const slab = dirtySlabOf(m.ram, pfn)
    new Uint8Array(slab.buffer, frameBase(m.ram, pfn) * 4 + offset, count).set(
      bytes.subarray(done, done + count),
    )
    setPageDirty(m, pfn)
    done += count
    inode.size = Math.max(inode.size, pos + done)
  }
  inode.mtime = m.ticks * TICK_MS
  return done
}

/** truncate(2) to zero, for `> file`. Nobody may have the file mapped beyond it: a mapping keeps its pages until it goes. */
export function emptyFile(m: Machine, inode: Inode): void {
  inode.size = 0
  if (inode.mappings.size === 0) dropPages(m, inode, 0, Infinity)
}

/** UTF-8 of a text; in shared/ there is no TextEncoder. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = []
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (code < 0x80) bytes.push(code)
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f))
    else if (code < 0x10000)
      bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f))
    else {
      bytes.push(
        0xf0 | (code >> 18),
        0x80 | ((code >> 12) & 0x3f),
        0x80 | ((code >> 6) & 0x3f),
        0x80 | (code & 0x3f),
      )
    }
  }
  return new Uint8Array(bytes)
}
