// An address space (struct mm_struct, vm_area_struct, anon_vma; include/linux/mm_types.h, rmap.h).

import type { Pfn } from '../hw/ram.ts'
import type { File, Inode } from './inode.ts'

export type Vaddr = number // user addresses are below 2^47

// include/linux/mm.h
export const VM_READ = 0x1
export const VM_WRITE = 0x2
export const VM_EXEC = 0x4
export const VM_SHARED = 0x8
export const VM_MAYREAD = 0x10
export const VM_MAYWRITE = 0x20
export const VM_MAYEXEC = 0x40
export const VM_MAYSHARE = 0x80
export const VM_GROWSDOWN = 0x100
export const VM_PFNMAP = 0x400
export const VM_LOCKED = 0x2000
export const VM_IO = 0x4000
export const VM_SEQ_READ = 0x8000
export const VM_RAND_READ = 0x10000
export const VM_DONTCOPY = 0x20000
export const VM_DONTEXPAND = 0x40000
export const VM_LOCKONFAULT = 0x80000
export const VM_ACCOUNT = 0x100000
export const VM_NORESERVE = 0x200000
export const VM_WIPEONFORK = 0x2000000
export const VM_DONTDUMP = 0x4000000

// What an access needs: one of these rights. On x86 what may be written or executed may be read.
export type Access = number
export const ACCESS_READ = 0x7 // VM_READ | VM_WRITE | VM_EXEC
export const ACCESS_WRITE = VM_WRITE
export const ACCESS_EXEC = VM_EXEC

// What became of a page fault (include/linux/mm_types.h); 0: served.
export type VmFault = number
export const VM_FAULT_OOM = 0x1 // no memory; the running task is the killer's victim
export const VM_FAULT_SIGBUS = 0x2
export const VM_FAULT_MAJOR = 0x4 // served, by reading from a disk
export const VM_FAULT_SIGSEGV = 0x40

export interface Vma {
  id: number
  mm: Mm
  start: Vaddr
  end: Vaddr // first address beyond
  flags: number // VM_*
  pgoff: number // offset in the file, or virtual page number at birth for private anonymous memory; pages
  file: Inode | null // shared anonymous memory has a nameless tmpfs inode
  special: string // '[vdso]', '[vvar]', '' for others
  anonVma: AnonVma | null // where pages that this VMA writes privately belong
  anonVmaChain: AnonVma[] // the own one and those inherited by fork
}

/** Pages of VMAs that descend from one another by fork; reverse mapping goes through it. */
export interface AnonVma {
  id: number
  root: AnonVma
  parent: AnonVma // itself for a root
  numChildren: number // anon_vmas with this as parent, itself included for a root
  numActiveVmas: number // VMAs whose anonVma this is
  vmas: Map<number, Vma> // VMAs with this in their chain, by id
}

/** The VMAs of an address space (mm/vma.ts): sorted, disjoint, no two neighbours alike. */
export interface VmaTree {
  leaves: Vma[][]
  gaps: number[] // per leaf: an upper bound of the gaps below its VMAs; bytes
  count: number // of VMAs
}

export interface Mm {
  id: number
  pageSize: number // the machine's, bytes
  users: number // tasks that have this address space
  pgd: Pfn // top-level page table
  vmas: VmaTree
  mmapBase: Vaddr // mmap() places downward from here
  exe: File | null
  startCode: Vaddr
  endCode: Vaddr
  startData: Vaddr
  endData: Vaddr
  startBrk: Vaddr
  brk: Vaddr
  startStack: Vaddr
  argStart: Vaddr
  argEnd: Vaddr
  libcData: Vaddr // the C library's writable data: main_arena lies there; 0 without a libc
  libcRodata: Vaddr
  defFlags: number // VM_LOCKED after mlockall(MCL_FUTURE)
  totalVm: number // pages, from here on
  lockedVm: number
  dataVm: number
  stackVm: number
  execVm: number
  hiwaterVm: number
  hiwaterRss: number
  rssAnon: number
  rssFile: number
  rssShmem: number
  swapEnts: number // PTEs that say where in swap a page is
  pageTables: number // frames of page tables below the top level
  oomSkip: boolean // MMF_OOM_SKIP: the killer has taken what there was
  seat: number // who is charged for its pages
}
