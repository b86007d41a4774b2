// execve() of a built-in program: a new address space, laid out by kernel and loader, with the pages touched that a
// start touches (fs/exec.c, fs/binfmt_elf.c, and what ld.so and libc do before main).
//
//   0x400000    text          r-xp     the program's file
//   0x600000    relro         r--p
//   0x601000    data, bss     rw-p
//   0x1000000   heap                   grows with brk
//               mappings               placed downward
//               TLS           rw-p
//               libc          r--p r-xp r--p r--p rw-p, then its bss
//               [vvar] [vdso]
//               ld.so         r--p r-xp r--p r--p rw-p
//   0x7fff…     stack         grows down

import { EACCES, ENOENT, ENOEXEC, ENOMEM } from '../lib/errno.ts'
import { roundUp } from '../lib/bits.ts'
import type { Inode } from '../state/inode.ts'
import type { Machine } from '../state/machine.ts'
import {
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_IO,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_READ,
  VM_WRITE,
  type Mm,
  type Vaddr,
} from '../state/mm.ts'
import { PF_FORKNOEXEC, type Program, type Task } from '../state/task.ts'
import {
  findBareImage,
  findImage,
  LIBC,
  LOADER,
  STACK_PAGES,
  TLS,
  VDSO_PAGES,
  VVAR_PAGES,
  type BareImage,
  type Image,
  type Library,
} from '../fs/images.ts'
import { MAY_EXEC, namei, permission } from '../fs/tree.ts'
import { VM_FAULT_MAJOR, faultIn } from '../mm/memory.ts'
import { doBrk, doMprotect, getUnmappedArea, mmapRegion, type MapRequest } from '../mm/mmap.ts'
import { vmaLookup } from '../mm/vma.ts'
import { switchMm } from '../hw/tlb.ts'
import { mmAlloc, mmPut } from './fork.ts'

const TEXT_START = 0x40_0000
const DATA_START = 0x60_0000
const HEAP_START = 0x100_0000
const MAY_ALL = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC

/** Replaces what the task executes. 0, or -errno with the task as it was; -ENOMEM may also mean that the task was killed. */
export function doExecve(
  m: Machine,
  task: Task,
  path: string,
  argv: string[],
  program: Program,
): number {
  const inode = namei(m, path, task.cwdPath)
  if (inode === null) return -ENOENT
  if (!permission(inode, task, MAY_EXEC)) return -EACCES
  const image = findImage(inode.image)
  const bare = findBareImage(inode.image)
  if (image === undefined && bare === undefined) return -ENOEXEC
  const mm = mmAlloc(m, task.seat)
  if (mm === null) return -ENOMEM
  const old = task.mm
  task.mm = mm
  const laidOut =
    bare === undefined
      ? layOut(m, task, mm, image!, inode, argv)
      : layOutBare(m, task, mm, bare, inode)
  if (!laidOut) {
    task.mm = old
    mmPut(m, mm)
    return -ENOMEM
  }
  if (old !== null) mmPut(m, old)
  inode.users++
  mm.exe = { inode, flags: 0, pos: 0, count: 1 }
  task.comm = inode.name.slice(inode.name.lastIndexOf('/') + 1).slice(0, 15)
  task.cmdline = argv
  task.program = program
  task.caught = 0
  task.flags &= ~PF_FORKNOEXEC
  task.call = null
  return 0
}

function layOut(
  m: Machine,
  task: Task,
  mm: Mm,
  image: Image,
  file: Inode,
  argv: string[],
): boolean {
  switchMm(m.tlb, mm.id)
  return (
    mapStack(m, task, mm, image, argv) &&
    mapProgram(m, task, mm, image, file) &&
    mapLibrary(m, task, mm, LOADER) &&
    mapVdso(m, task, mm) &&
    mapLibrary(m, task, mm, LIBC) &&
    mapTls(m, task, mm) &&
    startHeap(m, task, mm, image)
  )
}

/**
 * The bare program: code, data and bss one behind the other, the heap at once behind them, the stack; no library. The
 * code's page and the top of the stack are present.
 */
function layOutBare(m: Machine, task: Task, mm: Mm, image: BareImage, file: Inode): boolean {
  switchMm(m.tlb, mm.id)
  const page = m.pageSize
  const data = TEXT_START + 2 * page
  const bss = data + image.dataPages * page
  const size = STACK_PAGES * page
  const stack = m.layout.stackTop - size
  const pages = image.dataPages + image.bssPages
  mm.mmapBase = m.layout.mmapBase
  mm.startCode = TEXT_START
  mm.endCode = TEXT_START + page
  mm.startData = data
  mm.endData = bss
  mm.startBrk = pages === 0 ? TEXT_START + page : data + pages * page
  mm.brk = mm.startBrk
  mm.startStack = m.layout.stackTop - page / 2
  const request = (flags: number, from: Inode | null, pgoff: number): MapRequest => ({
    flags: flags | MAY_ALL,
    file: from,
    pgoff,
    special: '',
  })
  const stackFlags = VM_READ | VM_WRITE | VM_GROWSDOWN
  const rw = VM_READ | VM_WRITE
  return (
    map(m, task, mm, TEXT_START, page, request(VM_READ | VM_EXEC, file, 0)) >= 0 &&
    (image.dataPages === 0 || map(m, task, mm, data, bss - data, request(rw, file, 1)) >= 0) &&
    (image.bssPages === 0 ||
      map(m, task, mm, bss, image.bssPages * page, request(rw, null, 0)) >= 0) &&
    map(m, task, mm, stack, size, request(stackFlags, null, 0)) >= 0 &&
    touch(m, task, mm, TEXT_START, [0], false) &&
    touch(m, task, mm, stack, [STACK_PAGES - 1], true)
  )
}

function mapStack(m: Machine, task: Task, mm: Mm, image: Image, argv: string[]): boolean {
  const size = STACK_PAGES * m.pageSize
  const start = m.layout.stackTop - size
  mm.startStack = m.layout.stackTop - m.pageSize / 2
  mm.argEnd = m.layout.stackTop - 64
  mm.argStart = mm.argEnd - argv.reduce((bytes, argument) => bytes + argument.length + 1, 0)
  const flags = VM_READ | VM_WRITE | MAY_ALL | VM_GROWSDOWN
  return (
    map(m, task, mm, start, size, { flags, file: null, pgoff: 0, special: '' }) >= 0 &&
    touch(m, task, mm, start, image.stackWritten, true)
  )
}

function mapProgram(m: Machine, task: Task, mm: Mm, image: Image, file: Inode): boolean {
  const page = m.pageSize
  const dataStart = Math.max(DATA_START, roundUp(TEXT_START + image.textPages * page, page))
  const data = dataStart + page
  const dataEnd = data + image.dataPages * page
  const bssEnd = roundUp(dataEnd + image.bssBytes, page)
  mm.startCode = TEXT_START
  mm.endCode = TEXT_START + image.textPages * page
  mm.startData = dataStart
  mm.endData = dataEnd
  mm.startBrk = Math.max(HEAP_START, bssEnd)
  mm.brk = mm.startBrk
  const segment = (access: number, pgoff: number): MapRequest => ({
    flags: access | MAY_ALL,
    file,
    pgoff,
    special: '',
  })
  const text = segment(VM_READ | VM_EXEC, 0)
  const writable = segment(VM_READ | VM_WRITE, image.textPages)
  const bss: MapRequest = { flags: VM_READ | VM_WRITE | MAY_ALL, file: null, pgoff: 0, special: '' }
  return (
    map(m, task, mm, TEXT_START, image.textPages * page, text) >= 0 &&
    map(m, task, mm, dataStart, dataEnd - dataStart, writable) >= 0 &&
    (bssEnd === dataEnd || map(m, task, mm, dataEnd, bssEnd - dataEnd, bss) >= 0) &&
    touch(m, task, mm, TEXT_START, [0], false) &&
    touch(m, task, mm, dataStart, [0, 1], true) &&
    doMprotect(m, task, mm, dataStart, data, VM_READ) >= 0
  )
}

function mapLibrary(m: Machine, task: Task, mm: Mm, library: Library): boolean {
  const page = m.pageSize
  const file = namei(m, library.path)!
  const total =
    library.segments.reduce((pages, segment) => pages + segment.pages, 0) + library.bss.pages
  let va = place(m, mm, total * page)
  if (va < 0) return false
  for (const segment of library.segments) {
    const access = segment.relro === true ? VM_READ | VM_WRITE : permsFlags(segment.perms)
    const request = { flags: access | MAY_ALL, file, pgoff: segment.fileOffset, special: '' }
    if (map(m, task, mm, va, segment.pages * page, request) < 0) return false
    if (
      !touch(m, task, mm, va, segment.read, false) ||
      !touch(m, task, mm, va, segment.written, true)
    )
      return false
    if (
      segment.relro === true &&
      doMprotect(m, task, mm, va, va + segment.pages * page, VM_READ) < 0
    )
      return false
    if (library === LIBC && segment.perms === 'rw-') mm.libcData = va
    va += segment.pages * page
  }
  if (library.bss.pages === 0) return true
  const bss: MapRequest = { flags: VM_READ | VM_WRITE | MAY_ALL, file: null, pgoff: 0, special: '' }
  return (
    map(m, task, mm, va, library.bss.pages * page, bss) >= 0 &&
    touch(m, task, mm, va, library.bss.written, true)
  )
}

function mapVdso(m: Machine, task: Task, mm: Mm): boolean {
  const page = m.pageSize
  const va = place(m, mm, (VVAR_PAGES + VDSO_PAGES) * page)
  if (va < 0) return false
  const vvar: MapRequest = {
    flags: VM_READ | VM_MAYREAD | VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP,
    file: null,
    pgoff: 0,
    special: '[vvar]',
  }
  const vdso: MapRequest = {
    flags: VM_READ | VM_EXEC | MAY_ALL | VM_DONTEXPAND,
    file: null,
    pgoff: 0,
    special: '[vdso]',
  }
  return (
    map(m, task, mm, va, VVAR_PAGES * page, vvar) >= 0 &&
    map(m, task, mm, va + VVAR_PAGES * page, VDSO_PAGES * page, vdso) >= 0
  )
}

function mapTls(m: Machine, task: Task, mm: Mm): boolean {
  const va = place(m, mm, TLS.pages * m.pageSize)
  const request: MapRequest = {
    flags: VM_READ | VM_WRITE | MAY_ALL,
    file: null,
    pgoff: 0,
    special: '',
  }
  return (
    va >= 0 &&
    map(m, task, mm, va, TLS.pages * m.pageSize, request) >= 0 &&
    touch(m, task, mm, va, TLS.written, true)
  )
}

function startHeap(m: Machine, task: Task, mm: Mm, image: Image): boolean {
  if (image.heapStart === 0) return true
  const first = 33 * m.pageSize // what the first malloc of 2.36 takes
  const pages = Array.from({ length: image.heapStart }, (_, i) => i)
  return (
    doBrk(m, task, mm, mm.startBrk + first) === mm.startBrk + first &&
    touch(m, task, mm, mm.startBrk, pages, true)
  )
}

function permsFlags(perms: string): number {
  return (
    (perms[0] === 'r' ? VM_READ : 0) |
    (perms[1] === 'w' ? VM_WRITE : 0) |
    (perms[2] === 'x' ? VM_EXEC : 0)
  )
}

function place(m: Machine, mm: Mm, length: number): Vaddr {
  // As one file mapping of the loader's: never aligned to a huge page.
  const request: MapRequest = { flags: VM_READ, file: m.root, pgoff: 0, special: '' }
  return getUnmappedArea(m, mm, 0, length, request)
}

function map(
  m: Machine,
  task: Task,
  mm: Mm,
  va: Vaddr,
  length: number,
  request: MapRequest,
): number {
  return mmapRegion(m, task, mm, va, length, request)
}

/** Touches pages (numbers from `start`) as the program's start does. False: killed for want of memory. */
function touch(
  m: Machine,
  task: Task,
  mm: Mm,
  start: Vaddr,
  pages: number[],
  write: boolean,
): boolean {
  for (const page of pages) {
    const va = start + page * m.pageSize
    const vma = vmaLookup(mm, va)!
    if ((faultIn(m, vma, va, write) & ~VM_FAULT_MAJOR) !== 0) return false
    task.minFlt++
    m.vmstat.pgfault++
  }
  return true
}
