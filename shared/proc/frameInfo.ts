// One frame in full: what it holds and every page table entry that points at it. Found by walking all address
// spaces, so it is for a question now and then, not for every frame.

import { mkPtep, ptePfn, ptePresent, pteWrite, readPte, swapSlot } from '../hw/mmu.ts'
import type { Pfn } from '../hw/ram.ts'
import { lruOf } from '../mm/lru.ts'
import { deviceOf } from '../mm/swapfile.ts'
import type { Machine } from '../state/machine.ts'
import type { Mm, Vaddr } from '../state/mm.ts'
import { PG_DIRTY, PG_EXCLUSIVE, PG_LRU, PG_REFERENCED, PG_SWAPCACHE } from '../state/page.ts'
import type { SwapEntry } from '../state/swap.ts'
import type { Task } from '../state/task.ts'
import { FRAME_FILE, FRAME_SHMEM, FRAME_TABLE, FRAME_ZERO, frameKind } from './frames.ts'
import { vmaName, vmaPermissions } from './maps.ts'
import { walkPageRange } from './pageWalk.ts'
import { vmasOf } from '../mm/vma.ts'

/** A place in a process where the frame shows. */
export interface Sharer {
  pid: number
  handle: string
  comm: string
  seat: number
  va: Vaddr
  permissions: string // of the mapping: 'rw-p'
  mapping: string // its name, '' for anonymous memory
  writable: boolean // the PTE; a page shared since a fork is not, whatever the mapping says
}

/** A slot of a swap device. */
export interface SwapPlace {
  device: string // its path
  slot: number
}

export interface FrameInfo {
  pfn: Pfn
  kind: number // FRAME_*
  seat: number // who is charged
  refcount: number
  mapcount: number
  dirty: boolean
  exclusive: boolean
  lru: number // LRU_*: the reclaim list that it is on; -1: none
  referenced: boolean // seen in use once since it came there
  swap: SwapPlace | null // the slot that has the same content
  file: string // of a page of a file: its path
  fileOffset: number // bytes
  tableLevel: number // of a page table: 0 holds PTEs; -1 for other frames
  sharers: Sharer[] // for a page table the process whose it is, and the first address it translates
}

/** The most sharers that are told; the zero page has thousands. */
export const SHARERS_KEPT = 256

export function frameInfo(m: Machine, pfn: Pfn): FrameInfo {
  const { page } = m.zone
  const kind = frameKind(m, pfn)
  const flags = page.flags[pfn]
  const info: FrameInfo = {
    pfn,
    kind,
    seat: page.memcg[pfn],
    refcount: page.refcount[pfn],
    mapcount: page.mapcount[pfn],
    dirty: (flags & PG_DIRTY) !== 0,
    exclusive: (flags & PG_EXCLUSIVE) !== 0,
    lru: (flags & PG_LRU) !== 0 ? lruOf(flags) : -1,
    referenced: (flags & PG_REFERENCED) !== 0,
    swap: (flags & PG_SWAPCACHE) !== 0 ? swapPlace(m, page.private[pfn]) : null,
    file: '',
    fileOffset: 0,
    tableLevel: -1,
    sharers: [],
  }
  if (kind === FRAME_FILE || kind === FRAME_SHMEM) {
    info.file = m.inodes.get(page.mapping[pfn])?.name ?? ''
    info.fileOffset = page.index[pfn] * m.pageSize
  }
  if (kind === FRAME_TABLE) findTable(m, info)
  else if (kind === FRAME_ZERO || info.mapcount > 0) findSharers(m, info)
  return info
}

export function swapPlace(m: Machine, entry: SwapEntry): SwapPlace {
  return { device: deviceOf(m, entry).path, slot: swapSlot(entry) }
}

function findSharers(m: Machine, info: FrameInfo): void {
  for (const task of m.tasks.values()) {
    for (const vma of vmasOf(task.mm)) {
      walkPageRange(m, vma.mm, vma.start, vma.end, (va, pte) => {
        if (!ptePresent(pte) || ptePfn(pte) !== info.pfn) return
        if (info.sharers.length >= SHARERS_KEPT) return
        info.sharers.push({
          ...named(task, va),
          permissions: vmaPermissions(vma),
          mapping: vmaName(vma),
          writable: pteWrite(pte),
        })
      })
    }
  }
}

function named(task: Task, va: Vaddr): Sharer {
  const { pid, handle, comm, seat } = task
  return { pid, handle, comm, seat, va, permissions: '', mapping: '', writable: true }
}

function findTable(m: Machine, info: FrameInfo): void {
  for (const task of m.tasks.values()) {
    if (task.mm === null) continue
    const found = tableAt(m, task.mm, info.pfn)
    if (found === null) continue
    info.tableLevel = found.level
    info.sharers.push(named(task, found.va))
    return
  }
}

/** Where in the address space's tree of tables the frame is. */
function tableAt(m: Machine, mm: Mm, pfn: Pfn): { level: number; va: Vaddr } | null {
  const { layout, ram } = m
  let tables: { table: Pfn; va: Vaddr }[] = [{ table: mm.pgd, va: 0 }]
  for (let level = layout.levels - 1; level >= 0; level--) {
    const below: typeof tables = []
    for (const { table, va } of tables) {
      if (table === pfn) return { level, va }
      if (level === 0) continue
      for (let index = 0; index < 1 << layout.tableShift; index++) {
        const entry = readPte(ram, layout, mkPtep(layout, table, index))
        if (entry === 0) continue
        below.push({ table: ptePfn(entry), va: va + index * layout.entrySpan[level] })
      }
    }
    tables = below
  }
  return null
}
