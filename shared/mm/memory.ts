// Page faults, and the page tables' life: filled by faults, copied by fork, emptied by munmap (mm/memory.c).
//
// Two things decide what a fault does. The VMA says what the address is for; the PTE says how far we have got with it.
//
//   no VMA, or the VMA forbids it       SIGSEGV
//   PTE empty, anonymous                first touch                     doAnonymousPage()
//   PTE empty, file                     page cache                      doReadFault(), doCowFault(), doSharedFault()
//   PTE says where in swap              taken by reclaim                doSwapPage()
//   write, PTE read-only                shared since fork, zero page,   doWpPage()
//                                       or a file's clean page
//
// Modelled on 6.18. Left out: huge pages, NUMA, userfaultfd, locks.

import { assert } from '../lib/assert.ts'
import {
  NO_PTE,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_NX,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_SWP_EXCLUSIVE,
  PTE_USER,
  PTE_WRITE,
  mkPte,
  mkPtep,
  ptePfn,
  ptePresent,
  pteSwap,
  pteWrite,
  writePte,
  type Pte,
  type Ptep,
} from '../hw/mmu.ts'
import { copyFrame, frameBase, markDirty, type Pfn } from '../hw/ram.ts'
import { flushTlb, flushTlbRange } from '../hw/tlb.ts'
import type { Machine } from '../state/machine.ts'
import {
  ACCESS_EXEC,
  ACCESS_READ,
  ACCESS_WRITE,
  VM_ACCOUNT,
  VM_DONTCOPY,
  VM_EXEC,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_READ,
  VM_SHARED,
  VM_WIPEONFORK,
  VM_WRITE,
  type Access,
  type Mm,
  type Vaddr,
  type VmFault,
  type Vma,
} from '../state/mm.ts'
import {
  NO_PFN,
  PG_ANON,
  PG_EXCLUSIVE,
  PG_FILE,
  PG_SWAPBACKED,
  PG_SWAPCACHE,
  PG_UNEVICTABLE,
} from '../state/page.ts'
import { BUS_ADRERR, SEGV_ACCERR, SEGV_MAPERR, type Task } from '../state/task.ts'
import { X86_PF_INSTR, X86_PF_PROT, X86_PF_USER, X86_PF_WRITE } from '../trace/events.ts'
import { emit } from '../trace/trace.ts'
import {
  filePages,
  findPage,
  isStored,
  mayHavePage,
  readAround,
  readPage,
  reserveBlock,
  setPageDirty,
} from './filemap.ts'
import { lruAdd } from './lru.ts'
import { mlockPage, munlockPage } from './mlock.ts'
import { expandStack, mkVma } from './mmap.ts'
import { allocPage, allocZeroedPage, putPage } from './pageAlloc.ts'
import { vmEnoughMemory, vmUnacctMemory } from './overcommit.ts'
import {
  followPte,
  forEachTable,
  getPte,
  isMapped,
  ptepAlloc,
  ptepFind,
  setPte,
  tableAlloc,
} from './pgtable.ts'
import { anonVmaFork, anonVmaPrepare } from './rmap.ts'
import { freeSwapAndCache, freeSwapOf, lookupSwapCache, swapinReadahead } from './swapState.ts'
import { swapDuplicate, swapFree, vmSwapFull } from './swapfile.ts'
import { findVma, findVmaSlot, appendVma, vmaAt, vmaPages, vmasOf } from './vma.ts'

/** How many pages a read fault on a file maps around the one asked for, if they are in the cache (fault_around_bytes). */
const FAULT_AROUND_BYTES = 65536

/**
 * A task touched an address and the MMU would not translate it. 0: try again. Else the VM_FAULT_* that says why not, with
 * task.faultCode and task.faultAddress set. `ptep`: where the PTE lies, NO_PTE if its table may not exist.
 */
export function handleMmFault(
  m: Machine,
  task: Task,
  address: Vaddr,
  access: Access,
  ptep: Ptep,
): VmFault {
  const va = address - (address & (m.pageSize - 1))
  if (m.trace.on.page_fault_user || m.trace.on.page_fault_kernel)
    tracePageFault(m, task, address, access, task.call === null)
  const vma = findVmaOfFault(m, task, va)
  if (vma === null) return badArea(task, address, SEGV_MAPERR)
  if (!permits(vma, access)) return accessError(m, task, vma, address, access)
  const fault = faultIn(m, vma, va, access === ACCESS_WRITE, ptep)
  if ((fault & ~VM_FAULT_MAJOR) !== 0) return failedFault(task, address, fault)
  countFault(m, task, fault)
  return 0
}

/** The VMA forbids it. To fetch what is not there is a read at first, which brings the page in; then it is known to be data. */
function accessError(m: Machine, task: Task, vma: Vma, address: Vaddr, access: Access): VmFault {
  const va = address - (address & (m.pageSize - 1))
  if (access === ACCESS_EXEC && permits(vma, ACCESS_READ) && !isMapped(m, vma.mm, va, false)) {
    const fault = faultIn(m, vma, va, false, NO_PTE)
    if ((fault & ~VM_FAULT_MAJOR) !== 0) return failedFault(task, address, fault)
    countFault(m, task, fault)
  }
  return badArea(task, address, SEGV_ACCERR)
}

function failedFault(task: Task, address: Vaddr, fault: VmFault): VmFault {
  task.faultAddress = address
  task.faultCode = (fault & VM_FAULT_SIGBUS) !== 0 ? BUS_ADRERR : 0
  return fault
}

/** `user`: the program itself has touched the address; else the kernel for it, in a system call. */
export function tracePageFault(
  m: Machine,
  task: Task,
  address: Vaddr,
  access: Access,
  user: boolean,
): void {
  const error_code =
    (isMapped(m, task.mm!, address, false) ? X86_PF_PROT : 0) |
    (access === ACCESS_WRITE ? X86_PF_WRITE : 0) |
    (user ? X86_PF_USER : 0) |
    (access === ACCESS_EXEC ? X86_PF_INSTR : 0)
  const name = user ? 'page_fault_user' : 'page_fault_kernel'
  emit(m.trace, m.ticks, task.pid, name, { address, error_code })
}

/** A fault that was served: major if the disk had to be asked. */
export function countFault(m: Machine, task: Task, fault: VmFault): void {
  m.vmstat.pgfault++
  if ((fault & VM_FAULT_MAJOR) === 0) task.minFlt++
  else {
    task.majFlt++
    m.vmstat.pgmajfault++
  }
}

/** The VMA of the address; null if there is none. Faults often come in a row: that of the last one is looked at first. */
function findVmaOfFault(m: Machine, task: Task, va: Vaddr): Vma | null {
  const last = vmaAt(task.mm!, m.tlb.vma)
  return last !== undefined && last.start <= va && va < last.end ? last : lookupVma(m, task, va)
}

/** As findVmaOfFault(), by search; a stack grows to the address. */
function lookupVma(m: Machine, task: Task, va: Vaddr): Vma | null {
  m.tlb.vma = findVmaSlot(task.mm!, va)
  const vma = vmaAt(task.mm!, m.tlb.vma)
  if (vma === undefined || vma.start <= va) return vma ?? null
  if ((vma.flags & VM_GROWSDOWN) === 0 || !expandStack(m, task, vma, va)) return null
  return findVma(task.mm!, va)!
}

function badArea(task: Task, address: Vaddr, code: number): VmFault {
  task.faultAddress = address
  task.faultCode = code
  return VM_FAULT_SIGSEGV
}

export function permits(vma: Vma, access: Access): boolean {
  return (vma.flags & access) !== 0
}

/** Brings the page in as the VMA says; `va` is page-aligned and the access permitted. `found`: its PTE, or NO_PTE. */
export function faultIn(m: Machine, vma: Vma, va: Vaddr, write: boolean, found: Ptep): VmFault {
  if (vma.special !== '') return doSpecialFault(m, vma, va, write)
  const anonymous = isAnonymous(vma)
  if (!anonymous && linearIndex(m, vma, va) >= filePages(m, vma.file!))
    return beyondEnd(m, vma, va, write)
  const ptep = found === NO_PTE ? ptepAlloc(m, vma.mm, va) : found
  if (ptep === NO_PTE) return VM_FAULT_OOM
  const pte = getPte(m, ptep)
  if (pte !== 0) return handlePteFault(m, vma, va, ptep, pte, write)
  return anonymous ? doAnonymousPage(m, vma, va, ptep, write) : doFault(m, vma, va, ptep, write)
}

/**
 * A file's page that does not exist. Tables are made all the same; a read maps what does exist around it, a private write
 * gives the VMA its anon_vma.
 */
function beyondEnd(m: Machine, vma: Vma, va: Vaddr, write: boolean): VmFault {
  if (!write) mapAround(m, vma, va)
  else if ((vma.flags & VM_SHARED) === 0 && !anonVmaPrepare(m, vma)) return VM_FAULT_OOM
  return tableAlloc(m, vma.mm, va, 1) === NO_PFN ? VM_FAULT_OOM : VM_FAULT_SIGBUS
}

function handlePteFault(
  m: Machine,
  vma: Vma,
  va: Vaddr,
  ptep: Ptep,
  pte: Pte,
  write: boolean,
): VmFault {
  if (!ptePresent(pte)) return doSwapPage(m, vma, va, ptep, pte, write)
  return write && !pteWrite(pte) ? doWpPage(m, vma, va, ptep, pte) : 0
}

/** First touch of a file's page. */
function doFault(m: Machine, vma: Vma, va: Vaddr, ptep: Ptep, write: boolean): VmFault {
  const index = linearIndex(m, vma, va)
  if (!mayHavePage(m, vma.file!, index, m.current?.uid === 0)) return VM_FAULT_SIGBUS
  if (!write) return doReadFault(m, vma, va, ptep, index)
  return (vma.flags & VM_SHARED) !== 0
    ? doSharedFault(m, vma, va, ptep, index)
    : doCowFault(m, vma, va, ptep, index)
}

/** Memory without a store of its own: nameless, or a private mapping of /dev/zero. */
export function isAnonymous(vma: Vma): boolean {
  const { file, flags, special } = vma
  if (file === null) return special === ''
  return file.backing === 'zero' && (flags & VM_SHARED) === 0
}

/** The bits of a new PTE that follow from the VMA; the write bit only on request. */
export function protOf(vma: Vma): number {
  const nx = (vma.flags & VM_EXEC) === 0 ? PTE_NX : 0
  return (vma.flags & (VM_READ | VM_WRITE | VM_EXEC)) === 0
    ? PTE_PROTNONE | nx
    : PTE_PRESENT | PTE_USER | PTE_ACCESSED | nx
}

/** First touch. Readers all see the one zero page; only a writer costs memory. */
function doAnonymousPage(m: Machine, vma: Vma, va: Vaddr, ptep: Ptep, write: boolean): VmFault {
  if (!write) {
    writePte(m.ram, m.layout, ptep, mkPte(m.zeroPfn, protOf(vma)))
    return 0
  }
  if (vma.anonVma === null && !anonVmaPrepare(m, vma)) return VM_FAULT_OOM
  const pfn = allocZeroedPage(m, PG_ANON | PG_SWAPBACKED | PG_EXCLUSIVE, vma.mm.seat)
  if (pfn === NO_PFN) return VM_FAULT_OOM
  mapAnonPage(m, vma, va, ptep, pfn)
  return 0
}

/** [vdso] shows pages of the kernel, [vvar] what the kernel keeps there: nothing here (arch/x86/entry/vdso/vma.c). */
function doSpecialFault(m: Machine, vma: Vma, va: Vaddr, write: boolean): VmFault {
  const ptep = ptepAlloc(m, vma.mm, va)
  if (ptep === NO_PTE) return VM_FAULT_OOM
  if (getPte(m, ptep) === 0) {
    const index = vma.pgoff + (va - vma.start) / m.pageSize
    if (vma.special === '[vdso]') mapFilePage(m, vma, va, ptep, m.vdsoPfn + index, false)
    else setPte(m, vma.mm, va, ptep, mkPte(m.zeroPfn, protOf(vma)))
  }
  const pte = getPte(m, ptep)
  if (pteSwap(pte)) return doSwapPage(m, vma, va, ptep, pte, write)
  return write && !pteWrite(pte) ? doWpPage(m, vma, va, ptep, pte) : 0
}

/** Where in what the VMA was made from the page lies: the reverse map finds it by this. */
function linearIndex(m: Machine, vma: Vma, va: Vaddr): number {
  return vma.pgoff + (va - vma.start) * m.layout.entryFraction[0]
}

/**
 * The page is in swap. Still in the swap cache: a minor fault. Else it is read, with its neighbours, and the task sleeps
 * until the disk has it. A page that nobody else has is writable again; a shared one is copied by the next step.
 */
function doSwapPage(
  m: Machine,
  vma: Vma,
  va: Vaddr,
  ptep: Ptep,
  entry: Pte,
  write: boolean,
): VmFault {
  const { page } = m.zone
  let major = 0
  let pfn = lookupSwapCache(m, entry)
  if (pfn === NO_PFN) {
    pfn = swapinReadahead(m, entry, vma.mm.seat)
    if (pfn === NO_PFN) return VM_FAULT_OOM
    major = VM_FAULT_MAJOR
  } else {
    page.refcount[pfn]++
    m.vmstat.swap_ra_hit++
  }
  swapFree(m, entry)
  vma.mm.swapEnts--
  vma.mm.rssAnon++
  const locked = (vma.flags & VM_LOCKED) !== 0
  if (vmSwapFull(m) || locked || (write && page.refcount[pfn] === 2)) freeSwapOf(m, pfn)
  const own = (entry & PTE_SWP_EXCLUSIVE) !== 0
  if (page.mapcount[pfn] === 0) {
    page.mapping[pfn] = own ? vma.anonVma!.id : vma.anonVma!.root.id
    page.index[pfn] = linearIndex(m, vma, va)
    page.memcg[pfn] = vma.mm.seat
  }
  page.mapcount[pfn]++
  const exclusive = own || page.refcount[pfn] === 1
  if (exclusive) page.flags[pfn] |= PG_EXCLUSIVE
  const mayWrite = write && exclusive
  setPte(m, vma.mm, va, ptep, mkPte(pfn, protOf(vma) | (mayWrite ? PTE_WRITE | PTE_DIRTY : 0)))
  if (locked) mlockPage(m, pfn)
  if (!write || exclusive) return major
  return doWpPage(m, vma, va, ptep, getPte(m, ptep)) | major
}

function mapAnonPage(m: Machine, vma: Vma, va: Vaddr, ptep: Ptep, pfn: Pfn): void {
  const { page } = m.zone
  page.mapping[pfn] = vma.anonVma!.id
  page.index[pfn] = linearIndex(m, vma, va)
  page.mapcount[pfn] = 1
  vma.mm.rssAnon++
  if ((vma.flags & VM_LOCKED) === 0) lruAdd(m.zone, pfn)
  else mlockPage(m, pfn)
  setPte(m, vma.mm, va, ptep, mkPte(pfn, protOf(vma) | PTE_WRITE | PTE_DIRTY))
}

/** A read of a file's page: the cached frame itself, read-only, and its neighbours with it. */
function doReadFault(m: Machine, vma: Vma, va: Vaddr, ptep: Ptep, index: number): VmFault {
  const major = majorIfMissing(vma, index)
  const pfn = filemapFault(m, vma, index)
  if (pfn === NO_PFN) return VM_FAULT_OOM
  mapFilePage(m, vma, va, ptep, pfn, false)
  mapAround(m, vma, va)
  return major
}

/** The page of a mapped file, read together with those around it if it is not in memory; NO_PFN: no memory. */
function filemapFault(m: Machine, vma: Vma, index: number): Pfn {
  const cached = findPage(vma.file!, index)
  if (cached !== NO_PFN) return cached
  const pfn = readPage(m, vma.file!, index, vma.mm.seat)
  if (pfn !== NO_PFN) readAround(m, vma.file!, index, vma.mm.seat)
  return pfn
}

/** Whether bringing the page takes a look at the disk, though it may turn out that nothing is there. */
function majorIfMissing({ file }: Vma, index: number): VmFault {
  if (findPage(file!, index) !== NO_PFN) return 0
  return file!.backing === 'disk' || isStored(file!, index) ? VM_FAULT_MAJOR : 0
}

/** Maps what is cached of the 16 pages around `va`: within the VMA, the file and the page table. */
function mapAround(m: Machine, vma: Vma, va: Vaddr): void {
  const window = Math.max(FAULT_AROUND_BYTES, m.pageSize)
  const table = Math.floor(va / m.layout.entrySpan[1]) * m.layout.entrySpan[1]
  const from = Math.max(Math.floor(va / window) * window, vma.start, table)
  const fileEnd = vma.start + (filePages(m, vma.file!) - vma.pgoff) * m.pageSize
  const end = Math.min(from + window, vma.end, fileEnd, table + m.layout.entrySpan[1])
  const first = vma.pgoff + (from - vma.start) / m.pageSize
  let ptep = ptepFind(m, vma.mm, from)
  for (let i = 0; i < (end - from) / m.pageSize; i++) {
    if (ptep !== NO_PTE && getPte(m, ptep + i) !== 0) continue
    const pfn = findPage(vma.file!, first + i)
    if (pfn === NO_PFN) continue
    if (ptep === NO_PTE) ptep = ptepAlloc(m, vma.mm, from)
    if (ptep === NO_PTE) return
    mapFilePage(m, vma, from + i * m.pageSize, ptep + i, pfn, false)
  }
}

function mapFilePage(m: Machine, vma: Vma, va: Vaddr, ptep: Ptep, pfn: Pfn, dirty: boolean): void {
  const { page } = m.zone
  page.refcount[pfn]++
  page.mapcount[pfn]++
  countRss(vma.mm, page.flags[pfn], 1)
  if ((vma.flags & VM_LOCKED) !== 0) mlockPage(m, pfn)
  // tmpfs keeps no track of writes: a mapping that may write does so without a further fault.
  const tmpfs = (page.flags[pfn] & PG_SWAPBACKED) !== 0
  const mayWrite =
    (vma.flags & (VM_SHARED | VM_WRITE)) === (VM_SHARED | VM_WRITE) && (tmpfs || dirty)
  const flags = protOf(vma) | (mayWrite ? PTE_WRITE : 0) | (dirty ? PTE_DIRTY : 0)
  setPte(m, vma.mm, va, ptep, mkPte(pfn, flags))
}

/** A write to a private file mapping: a copy of the page, anonymous from now on. */
function doCowFault(m: Machine, vma: Vma, va: Vaddr, ptep: Ptep, index: number): VmFault {
  if (!anonVmaPrepare(m, vma)) return VM_FAULT_OOM
  const major = majorIfMissing(vma, index)
  const source = filemapFault(m, vma, index)
  if (source === NO_PFN) return VM_FAULT_OOM
  const pfn = allocBeside(m, source, PG_ANON | PG_SWAPBACKED | PG_EXCLUSIVE, vma.mm.seat)
  if (pfn === NO_PFN) return VM_FAULT_OOM
  copyFrame(m.ram, pfn, source)
  putPage(m, source)
  mapAnonPage(m, vma, va, ptep, pfn)
  return major
}

/** A frame for a copy of `source`, which reclaim must not take meanwhile: the caller drops the reference. */
function allocBeside(m: Machine, source: Pfn, flags: number, memcg: number): Pfn {
  m.zone.page.refcount[source]++
  const pfn = allocPage(m, flags, memcg)
  if (pfn === NO_PFN) putPage(m, source)
  return pfn
}

/** A write to a shared file mapping: the cached frame itself, dirty. No place on the disk for it is a bus error. */
function doSharedFault(m: Machine, vma: Vma, va: Vaddr, ptep: Ptep, index: number): VmFault {
  const major = majorIfMissing(vma, index)
  const pfn = filemapFault(m, vma, index)
  if (pfn === NO_PFN) return VM_FAULT_OOM
  if (!reserveBlock(m, vma.file!, index)) return VM_FAULT_SIGBUS
  setPageDirty(m, pfn)
  mapFilePage(m, vma, va, ptep, pfn, true)
  return major
}

/** A write to a present, read-only page: keep it if nobody else has it, else copy. */
function doWpPage(m: Machine, vma: Vma, va: Vaddr, ptep: Ptep, pte: Pte): VmFault {
  if ((vma.flags & VM_SHARED) !== 0) return wpPageShared(m, vma, va, ptep, pte)
  const pfn = ptePfn(pte)
  const { flags } = m.zone.page
  if ((flags[pfn] & PG_ANON) === 0 || pfn === m.zeroPfn || !wpCanReuse(m, pfn))
    return wpPageCopy(m, vma, va, ptep, pte)
  flags[pfn] |= PG_EXCLUSIVE
  m.zone.page.mapping[pfn] = vma.anonVma!.id
  setPte(m, vma.mm, va, ptep, pte | PTE_WRITE | PTE_DIRTY)
  return 0
}

/** Nobody else has the anonymous page (wp_can_reuse_anon_folio); a slot in swap that nothing needs is given back. */
function wpCanReuse(m: Machine, pfn: Pfn): boolean {
  const { flags, refcount } = m.zone.page
  if ((flags[pfn] & PG_EXCLUSIVE) !== 0) return true
  if (refcount[pfn] === 2) freeSwapOf(m, pfn)
  return refcount[pfn] === 1
}

function wpPageShared(m: Machine, vma: Vma, va: Vaddr, ptep: Ptep, pte: Pte): VmFault {
  const pfn = ptePfn(pte)
  if (!reserveBlock(m, vma.file!, m.zone.page.index[pfn])) return VM_FAULT_SIGBUS
  setPageDirty(m, pfn)
  setPte(m, vma.mm, va, ptep, pte | PTE_WRITE | PTE_DIRTY)
  return 0
}

function wpPageCopy(m: Machine, vma: Vma, va: Vaddr, ptep: Ptep, pte: Pte): VmFault {
  const old = ptePfn(pte)
  m.zone.page.refcount[old]++ // until it is copied
  const pfn = allocCopyTarget(m, vma, old)
  putPage(m, old)
  if (pfn === NO_PFN) return VM_FAULT_OOM
  if (old !== m.zeroPfn) {
    dropMapping(m, vma.mm, old, pte)
  }
  mapAnonPage(m, vma, va, ptep, pfn)
  return 0
}

function allocCopyTarget(m: Machine, vma: Vma, old: Pfn): Pfn {
  if (vma.anonVma === null && !anonVmaPrepare(m, vma)) return NO_PFN
  const flags = PG_ANON | PG_SWAPBACKED | PG_EXCLUSIVE
  if (old === m.zeroPfn) return allocZeroedPage(m, flags, vma.mm.seat)
  const pfn = allocPage(m, flags, vma.mm.seat)
  if (pfn !== NO_PFN) copyFrame(m.ram, pfn, old)
  return pfn
}

/** One PTE fewer points to the frame. */
function dropMapping(m: Machine, mm: Mm, pfn: Pfn, pte: Pte): void {
  const { flags, mapcount } = m.zone.page
  assert(mapcount[pfn] > 0, 'a frame is unmapped that nobody maps')
  mapcount[pfn]--
  countRss(mm, flags[pfn], -1)
  if ((flags[pfn] & (PG_FILE | PG_SWAPCACHE | PG_UNEVICTABLE)) !== 0) noteUnmapped(m, pfn, pte)
  putPage(m, pfn)
}

/** What those who keep the page have to know. */
function noteUnmapped(m: Machine, pfn: Pfn, pte: Pte): void {
  const { flags, mapcount } = m.zone.page
  const kind = flags[pfn]
  if ((kind & PG_FILE) !== 0 && (pte & PTE_DIRTY) !== 0) setPageDirty(m, pfn)
  if ((kind & PG_SWAPCACHE) !== 0 && mapcount[pfn] === 0) freeSwapOf(m, pfn)
  if ((kind & PG_UNEVICTABLE) !== 0) munlockPage(m, pfn)
}

/** VmHWM: the most there was in memory, noted before it becomes less (update_hiwater_rss). */
export function updateHiwaterRss(mm: Mm): void {
  mm.hiwaterRss = Math.max(mm.hiwaterRss, mm.rssAnon + mm.rssFile + mm.rssShmem)
}

export function countRss(mm: Mm, flags: number, by: number): void {
  if ((flags & PG_ANON) !== 0) mm.rssAnon += by
  else if ((flags & PG_SWAPBACKED) !== 0) mm.rssShmem += by
  else mm.rssFile += by
}

/** Empties the PTEs of [start, end) of the VMA (zap_page_range). The page tables stay. Returns the pages that were mapped. */
export function unmapPageRange(m: Machine, vma: Vma, start: Vaddr, end: Vaddr): number {
  const { layout } = m
  const step = 1 << (layout.pteShift - 2)
  let zapped = 0
  updateHiwaterRss(vma.mm)
  forEachTable(m, vma.mm, start, end, (table, from, to) => {
    const index = Math.floor(from / m.pageSize) & ((1 << layout.tableShift) - 1)
    zapped += zapPtes(m, vma.mm, table, index * step, (to - from) / m.pageSize)
  })
  if (zapped > 0 && m.tlb.mm === vma.mm.id) flushTlbRange(m.tlb, start, end, layout.pageShift)
  return zapped
}

/** Empties `count` PTEs of one table, from its word `offset` on; returns how many there were. */
function zapPtes(m: Machine, mm: Mm, table: Pfn, offset: number, count: number): number {
  const { ram, zeroPfn } = m
  const { words } = ram
  const step = 1 << (m.layout.pteShift - 2)
  const first = frameBase(ram, table) + offset
  let zapped = 0
  for (let word = first; word < first + count * step; word += step) {
    const pte = words[word]
    if (pte === 0) continue
    words[word] = 0
    if (step === 2) words[word + 1] = 0
    zapped++
    if (pteSwap(pte)) {
      mm.swapEnts--
      freeSwapAndCache(m, pte)
      continue
    }
    const pfn = ptePfn(pte)
    if (pfn !== zeroPfn) dropMapping(m, mm, pfn, pte)
  }
  if (zapped > 0) markDirty(ram, table)
  return zapped
}

/** Calls `visit` for each PTE in [start, end) that is not empty; one of a page in swap is not present. */
export function forEachPte(
  m: Machine,
  mm: Mm,
  start: Vaddr,
  end: Vaddr,
  visit: (va: Vaddr, ptep: Ptep, pte: Pte) => void,
): void {
  forEachTable(m, mm, start, end, (table, from, to) => {
    let ptep = mkPtep(
      m.layout,
      table,
      Math.floor(from / m.pageSize) & ((1 << m.layout.tableShift) - 1),
    )
    for (let va = from; va < to; va += m.pageSize, ptep++) {
      const pte = getPte(m, ptep)
      if (pte !== 0) visit(va, ptep, pte)
    }
  })
}

/** The VMA's protection has changed: its PTEs follow. Write permission comes back by faults, unless nobody else has the page. */
export function changeProtection(m: Machine, vma: Vma): void {
  const prot = protOf(vma)
  forEachTable(m, vma.mm, vma.start, vma.end, (table, from, to) => {
    const first = mkPtep(
      m.layout,
      table,
      Math.floor(from / m.pageSize) & ((1 << m.layout.tableShift) - 1),
    )
    for (let i = 0; i < (to - from) / m.pageSize; i++) {
      const pte = getPte(m, first + i)
      if (!ptePresent(pte)) continue
      const write = writableAtOnce(m, vma, pte) ? PTE_WRITE : 0
      const kept = pte & (PTE_DIRTY | PTE_ACCESSED)
      writePte(m.ram, m.layout, first + i, mkPte(ptePfn(pte), prot | write | kept))
    }
  })
  if (m.tlb.mm === vma.mm.id) flushTlb(m.tlb)
}

/** can_change_pte_writable: whether a write needs no fault, because nothing is to be copied or noted. */
function writableAtOnce(m: Machine, vma: Vma, pte: Pte): boolean {
  if ((vma.flags & VM_WRITE) === 0) return false
  const flags = m.zone.page.flags[ptePfn(pte)]
  if ((vma.flags & VM_SHARED) === 0) return (flags & PG_EXCLUSIVE) !== 0
  return (flags & PG_SWAPBACKED) !== 0 || (pte & PTE_DIRTY) !== 0
}

/** dup_mmap(): the child's address space with all VMAs and the page tables that faults could not make again. False: no memory. */
export function dupMmap(m: Machine, task: Task, from: Mm, to: Mm): boolean {
  const complete = dupVmas(m, task, from, to)
  // Own frames are read-only now, even if the copying has come to nothing.
  if (m.tlb.mm === from.id) flushTlb(m.tlb)
  return complete
}

function dupVmas(m: Machine, task: Task, from: Mm, to: Mm): boolean {
  for (const parent of vmasOf(from)) {
    if ((parent.flags & VM_DONTCOPY) !== 0) continue
    const promise = (parent.flags & VM_ACCOUNT) !== 0 ? vmaPages(parent) : 0
    if (promise > 0 && !vmEnoughMemory(m, promise, task.uid === 0, from.totalVm)) return false
    const flags = parent.flags & ~(VM_LOCKED | VM_LOCKONFAULT)
    const vma = mkVma(m, to, parent.start, parent.end, flags, parent)
    if (vma === null) {
      vmUnacctMemory(m, promise)
      return false
    }
    appendVma(to, vma)
    if ((flags & VM_WIPEONFORK) !== 0) continue
    if (!anonVmaFork(m, vma, parent)) return false
    // What was never written privately comes back by faults.
    if (parent.anonVma !== null && !copyPageRange(m, parent, vma)) return false
  }
  return true
}

/** Copies the PTEs; own frames become shared and read-only in both. */
function copyPageRange(m: Machine, parent: Vma, child: Vma): boolean {
  const { layout, ram } = m
  const step = 1 << (layout.pteShift - 2)
  const indexMask = (1 << layout.tableShift) - 1
  let enough = true
  forEachTable(
    m,
    parent.mm,
    parent.start,
    parent.end,
    (table, from, to) => {
      const whole = to - from === layout.entrySpan[1]
      const target = enough ? tableAlloc(m, child.mm, from, 0, whole) : NO_PFN
      if (target === NO_PFN) {
        enough = false
        return
      }
      const offset = (Math.floor(from / m.pageSize) & indexMask) * step
      markDirty(ram, table)
      markDirty(ram, target)
      const source = frameBase(ram, table) + offset
      copyPtes(m, child.mm, source, frameBase(ram, target) + offset, (to - from) / m.pageSize)
    },
    (va, level) => {
      // Upper tables are copied even if nothing is in them.
      if (level < layout.levels - 1 && tableAlloc(m, child.mm, va, level) === NO_PFN) enough = false
    },
  )
  return enough
}

/** The PTEs of one table, from word `s` to word `t`, empty ones too, counted for the child. */
function copyPtes(m: Machine, mm: Mm, s: number, t: number, count: number): void {
  const { words } = m.ram
  const { flags, refcount, mapcount } = m.zone.page
  const { zeroPfn } = m
  const step = 1 << (m.layout.pteShift - 2)
  let anon = 0
  for (const end = s + count * step; s < end; s += step, t += step) {
    let pte = words[s]
    const pfn = ptePfn(pte)
    if (pteSwap(pte)) {
      pte &= ~PTE_SWP_EXCLUSIVE
      words[s] = pte
      swapDuplicate(m, pte)
      mm.swapEnts++
      words[t] = pte
      if (step === 2) words[t + 1] = words[s + 1]
      continue
    }
    if (pte !== 0 && pfn !== zeroPfn) {
      const kind = flags[pfn]
      refcount[pfn]++
      mapcount[pfn]++
      if ((kind & PG_ANON) !== 0) {
        anon++
        if ((kind & PG_EXCLUSIVE) !== 0) flags[pfn] = kind & ~PG_EXCLUSIVE
        if ((pte & PTE_WRITE) !== 0) {
          pte &= ~PTE_WRITE
          words[s] = pte
        }
      } else countRss(mm, kind, 1)
    }
    words[t] = pte & ~PTE_ACCESSED // the child has not been there yet
    if (step === 2) words[t + 1] = words[s + 1]
  }
  mm.rssAnon += anon
}

/** The frame behind an address, NO_PFN if none is mapped; the zero page counts. */
export function frameAt(m: Machine, mm: Mm, va: Vaddr): Pfn {
  const pte = followPte(m, mm, va)
  return ptePresent(pte) ? ptePfn(pte) : NO_PFN
}
