// /proc/PID/maps: a line per VMA (fs/proc/task_mmu.c show_map_vma).
//
// 00400000-00401000 r-xp 00001000 08:01 77                                 /usr/bin/ic
//                                                                          ^ column 74, on i386 50

import { hex } from '../lib/bits.ts'
import type { Machine } from '../state/machine.ts'
import { VM_EXEC, VM_MAYSHARE, VM_READ, VM_WRITE, type Mm, type Vma } from '../state/mm.ts'
import type { Task } from '../state/task.ts'
import { vmasOf } from '../mm/vma.ts'

export function procMaps(m: Machine, task: Task): string {
  let text = ''
  for (const vma of vmasOf(task.mm)) text += mapsLine(m, vma) + '\n'
  return text
}

/** The VMA's line without its end; smaps begins with it, too. */
export function mapsLine(m: Machine, vma: Vma): string {
  const dev = vma.file?.dev ?? '00:00'
  const ino = vma.file?.ino ?? 0
  const offset = vma.file === null ? 0 : vma.pgoff * m.pageSize
  const range = `${hex(vma.start, 8)}-${hex(vma.end, 8)}`
  const head = `${range} ${vmaPermissions(vma)} ${hex(offset, 8)} ${dev} ${ino} `
  const name = vmaName(vma)
  return name === '' ? head : padName(m, head) + name
}

/** Names stand in one column where the head leaves room for it. */
export function padName(m: Machine, head: string): string {
  return head.padEnd(m.layout.bits === 64 ? 73 : 49)
}

/** `rw-p` */
export function vmaPermissions({ flags }: Vma): string {
  return (
    (flags & VM_READ ? 'r' : '-') +
    (flags & VM_WRITE ? 'w' : '-') +
    (flags & VM_EXEC ? 'x' : '-') +
    (flags & VM_MAYSHARE ? 's' : 'p')
  )
}

/** What the mapping is: a file's path, `[heap]`, `[stack]`, `[vdso]`, or nothing. */
export function vmaName(vma: Vma): string {
  if (vma.file !== null) return fileName(vma)
  if (vma.special !== '') return vma.special
  if (isHeap(vma.mm, vma)) return '[heap]'
  if (isStack(vma.mm, vma)) return '[stack]'
  return ''
}

/** Shared anonymous memory is a file without a name that was deleted as soon as it was made. */
function fileName({ file }: Vma): string {
  const name = file!.name === '' ? '/dev/zero' : file!.name
  return file!.nlink === 0 ? `${name} (deleted)` : name
}

function isHeap(mm: Mm, vma: Vma): boolean {
  return vma.start < mm.brk && vma.end > mm.startBrk
}

export function isStack(mm: Mm, vma: Vma): boolean {
  return vma.start <= mm.startStack && vma.end >= mm.startStack
}
