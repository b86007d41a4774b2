// /proc/PID/smaps and smaps_rollup: how much of each mapping is resident, and with how many it is shared
// (fs/proc/task_mmu.c smaps_account, __show_smap). Left out: huge pages, KSM; they show as 0.

import { PTE_ACCESSED, pteDirty, ptePfn, pteSwap } from '../hw/mmu.ts'
import { hex } from '../lib/bits.ts'
import { swapCount } from '../mm/swapfile.ts'
import { vmaPages } from '../mm/vma.ts'
import type { Machine } from '../state/machine.ts'
import * as VM from '../state/mm.ts'
import type { Vma } from '../state/mm.ts'
import { PG_ANON, PG_DIRTY, PG_REFERENCED, PG_SWAPBACKED } from '../state/page.ts'
import type { Task } from '../state/task.ts'
import { isStack, mapsLine, padName } from './maps.ts'
import { walkPageRange } from './pageWalk.ts'
import { vmasOf } from '../mm/vma.ts'

/** Sums over the pages of a mapping; bytes, proportional ones in fixed point. */
export interface MemSizeStats {
  rss: number
  pss: number
  pssDirty: number
  pssAnon: number
  pssFile: number
  pssShmem: number
  pssLocked: number
  sharedClean: number
  sharedDirty: number
  privateClean: number
  privateDirty: number
  referenced: number
  anonymous: number
  swap: number
  swapPss: number
}

export const PSS_SHIFT = 12

function mkStats(): MemSizeStats {
  return {
    rss: 0,
    pss: 0,
    pssDirty: 0,
    pssAnon: 0,
    pssFile: 0,
    pssShmem: 0,
    pssLocked: 0,
    sharedClean: 0,
    sharedDirty: 0,
    privateClean: 0,
    privateDirty: 0,
    referenced: 0,
    anonymous: 0,
    swap: 0,
    swapPss: 0,
  }
}

/** What each of so many users of a page counts, in fixed point. */
function sharePerUser(m: Machine, users: number): number {
  return Math.floor((m.pageSize * 2 ** PSS_SHIFT) / Math.max(users, 1))
}

/** What is resident of one mapping. The zero page belongs to nobody and does not count. */
export function gatherVma(m: Machine, vma: Vma, stats = mkStats()): MemSizeStats {
  const { page } = m.zone
  stats.swap += shmemSwapUsage(m, vma)
  walkPageRange(m, vma.mm, vma.start, vma.end, (_, pte) => {
    if (pteSwap(pte)) {
      stats.swap += m.pageSize
      stats.swapPss += sharePerUser(m, swapCount(m, pte))
      return
    }
    const pfn = ptePfn(pte)
    if (pfn === m.zeroPfn) return
    const flags = page.flags[pfn]
    const mapcount = page.mapcount[pfn]
    const dirty = pteDirty(pte) || (flags & PG_DIRTY) !== 0
    const share = sharePerUser(m, mapcount)
    stats.rss += m.pageSize
    stats.pss += share
    if (dirty) stats.pssDirty += share
    if ((vma.flags & VM.VM_LOCKED) !== 0) stats.pssLocked += share
    if ((flags & PG_ANON) !== 0) {
      stats.anonymous += m.pageSize
      stats.pssAnon += share
    } else if ((flags & PG_SWAPBACKED) !== 0) stats.pssShmem += share
    else stats.pssFile += share
    if ((pte & PTE_ACCESSED) !== 0 || (flags & PG_REFERENCED) !== 0) stats.referenced += m.pageSize
    if (mapcount > 1) stats[dirty ? 'sharedDirty' : 'sharedClean'] += m.pageSize
    else stats[dirty ? 'privateDirty' : 'privateClean'] += m.pageSize
  })
  return stats
}

/**
 * What of a mapped tmpfs file is in swap, bytes: its page table does not know. Behind a page of its own a private
 * mapping does not see the file's.
 */
function shmemSwapUsage(m: Machine, vma: Vma): number {
  const { mm, file, start, end, pgoff, flags } = vma
  if (file === null || file.backing !== 'tmpfs' || file.swapped.size === 0) return 0
  const own = new Set<number>()
  if ((flags & (VM.VM_SHARED | VM.VM_WRITE)) === VM.VM_WRITE)
    walkPageRange(m, mm, start, end, (va) => own.add(pgoff + (va - start) / m.pageSize))
  let pages = 0
  for (const index of file.swapped.keys())
    if (index >= pgoff && index < pgoff + vmaPages(vma) && !own.has(index)) pages++
  return pages * m.pageSize
}

export function procSmaps(m: Machine, task: Task): string {
  let text = ''
  for (const vma of vmasOf(task.mm)) {
    const pageKb = m.pageSize / 1024
    text += mapsLine(m, vma) + '\n'
    text += kbLine('Size', (vma.end - vma.start) / 1024)
    text += kbLine('KernelPageSize', pageKb) + kbLine('MMUPageSize', pageKb)
    text += statsLines(gatherVma(m, vma), false)
    text += 'THPeligible:           0\n'
    text += `VmFlags: ${vmFlagNames(m, vma)}\n`
  }
  return text
}

/** All mappings in one; sums before it cuts, so it is a little more than the sum of the lines of smaps. */
export function procSmapsRollup(m: Machine, task: Task): string {
  const vmas = vmasOf(task.mm)
  if (vmas.length === 0) return ''
  const stats = mkStats()
  for (const vma of vmas) gatherVma(m, vma, stats)
  const range = `${hex(vmas[0].start, 8)}-${hex(vmas[vmas.length - 1].end, 8)}`
  return `${padName(m, `${range} ---p 00000000 00:00 0 `)}[rollup]\n${statsLines(stats, true)}`
}

function statsLines(stats: MemSizeStats, rollup: boolean): string {
  const kb = (name: string, bytes: number) => kbLine(name, Math.floor(bytes / 1024))
  const pss = (name: string, shares: number) => kb(name, shares / 2 ** PSS_SHIFT)
  let text = kb('Rss', stats.rss) + pss('Pss', stats.pss) + pss('Pss_Dirty', stats.pssDirty)
  if (rollup) {
    text += pss('Pss_Anon', stats.pssAnon) + pss('Pss_File', stats.pssFile)
    text += pss('Pss_Shmem', stats.pssShmem)
  }
  text += kb('Shared_Clean', stats.sharedClean) + kb('Shared_Dirty', stats.sharedDirty)
  text += kb('Private_Clean', stats.privateClean) + kb('Private_Dirty', stats.privateDirty)
  text += kb('Referenced', stats.referenced) + kb('Anonymous', stats.anonymous)
  for (const name of NEVER) text += kb(name, 0)
  return (
    text + kb('Swap', stats.swap) + pss('SwapPss', stats.swapPss) + pss('Locked', stats.pssLocked)
  )
}

/** What this machine has not got. */
const NEVER = [
  'KSM',
  'LazyFree',
  'AnonHugePages',
  'ShmemPmdMapped',
  'FilePmdMapped',
  'Shared_Hugetlb',
  'Private_Hugetlb',
]

function kbLine(name: string, kb: number): string {
  return `${name}:`.padEnd(16) + String(kb).padStart(8) + ' kB\n'
}

const FLAG_NAMES: [flag: number, name: string][] = [
  [VM.VM_READ, 'rd'],
  [VM.VM_WRITE, 'wr'],
  [VM.VM_EXEC, 'ex'],
  [VM.VM_SHARED, 'sh'],
  [VM.VM_MAYREAD, 'mr'],
  [VM.VM_MAYWRITE, 'mw'],
  [VM.VM_MAYEXEC, 'me'],
  [VM.VM_MAYSHARE, 'ms'],
  [VM.VM_GROWSDOWN, 'gd'],
  [VM.VM_PFNMAP, 'pf'],
  [VM.VM_LOCKED, 'lo'],
  [VM.VM_IO, 'io'],
  [VM.VM_SEQ_READ, 'sr'],
  [VM.VM_RAND_READ, 'rr'],
  [VM.VM_DONTCOPY, 'dc'],
  [VM.VM_DONTEXPAND, 'de'],
  [VM.VM_LOCKONFAULT, 'lf'],
  [VM.VM_ACCOUNT, 'ac'],
  [VM.VM_NORESERVE, 'nr'],
  [VM.VM_WIPEONFORK, 'wf'],
  [VM.VM_DONTDUMP, 'dd'],
]

/** Two letters and a blank each. */
function vmFlagNames(m: Machine, vma: Vma): string {
  const names = FLAG_NAMES.filter(([flag]) => (vma.flags & flag) !== 0).map(([, name]) => name)
  if (hasSoftDirty(m, vma)) names.push('sd')
  return names.map((name) => name + ' ').join('')
}

/** x86-64 marks every VMA when it is made, so that a change of its pages can be followed; execve leaves the stack out. */
function hasSoftDirty(m: Machine, vma: Vma): boolean {
  return m.layout.bits === 64 && !isStack(vma.mm, vma)
}
