// mincore(2): which pages an access would find in memory (mm/mincore.c).

import { ENOMEM } from '../lib/errno.ts'
import { ptePresent } from '../hw/mmu.ts'
import type { Inode } from '../state/inode.ts'
import type { Machine } from '../state/machine.ts'
import type { Vaddr, Vma } from '../state/mm.ts'
import { NO_PFN } from '../state/page.ts'
import type { Task } from '../state/task.ts'
import { findPage } from './filemap.ts'
import { isAnonymous } from './memory.ts'
import { followPte } from './pgtable.ts'
import { storeBytes } from './uaccess.ts'
import { findVma } from './vma.ts'

/** Pages that are looked at before what was found is stored. */
const CHUNK = 4096

/** A byte per page from `addr` on, 1 if it is in memory. -ENOMEM where nothing is mapped. */
export function doMincore(m: Machine, task: Task, addr: Vaddr, pages: number, vec: Vaddr): number {
  for (let done = 0; done < pages;) {
    const va = addr + done * m.pageSize
    const vma = findVma(task.mm!, va)
    if (vma === undefined || vma.start > va) return -ENOMEM
    const count = Math.min(CHUNK, pages - done, (vma.end - va) / m.pageSize)
    storeBytes(m, task, vec + done, residentPages(m, task, vma, va, count))
    done += count
  }
  return 0
}

/** Whether the caller owns the file or could write it (can_do_mincore). */
function canDoMincore(file: Inode, { uid, gid }: Task): boolean {
  if (uid === 0 || file.uid === uid) return true
  return (file.mode & (file.gid === gid ? 0o020 : 0o002)) !== 0
}

/** Of a file that the caller could not write only its own pages are told, the others count as present. */
function residentPages(m: Machine, task: Task, vma: Vma, va: Vaddr, count: number): Uint8Array {
  const mayKnow = isAnonymous(vma) || canDoMincore(vma.file!, task)
  return Uint8Array.from({ length: count }, (_, i) => {
    const at = va + i * m.pageSize
    if (!mayKnow || ptePresent(followPte(m, task.mm!, at))) return 1
    if (isAnonymous(vma)) return 0
    const index = vma.pgoff + (at - vma.start) / m.pageSize
    return findPage(vma.file!, index) === NO_PFN ? 0 : 1
  })
}
