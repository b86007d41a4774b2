// execve() of a built-in program: a new address space, laid out by kernel and loader, with the pages touched that a
// start touches (fs/exec.c, fs/binfmt_elf.c, and what ld.so and libc do before main).
//
//   0x400000    0x8048000   text          r-xp     the program's file
//   0x600000    at once     relro         r--p
//   0x601000    behind      data, bss     rw-p
//   0x1000000   0x9000000   heap                   grows with brk
//                           mappings               placed downward
//                           TLS           rw-p     on i386 in libc's bss
//                           libc          r--p r-xp r--p r--p rw-p, then its bss
//                           [vvar] [vdso]
//                           ld.so         r--p r-xp r--p r--p rw-p
//   0x7fff…     0xc0000000  stack         grows down
//   x86-64      i386

import { EACCES, ENOENT, ENOEXEC, ENOMEM } from '../lib/errno.ts'
import { roundUp } from '../lib/bits.ts'
import type { Inode } from '../state/inode.ts'
import type { Machine } from '../state/machine.ts'
import {
  ACCESS_READ,
  ACCESS_WRITE,
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_EXEC,
  VM_FAULT_MAJOR,
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
import { findBareImage, findImage, loadImage, type BareImage, type Image } from '../fs/images.ts'
import {
  VDSO_UNITS,
  VVAR_UNITS,
  findRuntime,
  loadLibrary,
  pagesOfUnits,
  preloaded,
  unitPages,
  type Library,
  type Runtime,
} from '../fs/runtime.ts'
import { MAY_EXEC, namei, normalizePath, permission } from '../fs/tree.ts'
import { faultIn, tracePageFault } from '../mm/memory.ts'
import { doBrk, doMprotect, getUnmappedArea, mmapRegion, type MapRequest } from '../mm/mmap.ts'
import { vmaLookup } from '../mm/vma.ts'
import { NO_PTE } from '../hw/mmu.ts'
import { switchMm } from '../hw/tlb.ts'
import { emit } from '../trace/trace.ts'
import { mmAlloc, mmPut } from './fork.ts'

const STACK_EXPAND = 131072 // bytes that the stack is given beyond the page of its arguments
const FIRST_FRAME = 2048 // bytes of arguments, environment and auxiliary vector above the first frame
const TOP_PAD = 131072 // what malloc takes beyond a request
const MAY_ALL = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC

/** Replaces what the task executes. 0, or -errno with the task as it was; -ENOMEM may also mean that the task was killed. */
export function doExecve(
  m: Machine,
  task: Task,
  path: string,
  argv: string[],
  program: Program,
  environ: string[] = [],
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
      ? layOut(m, task, mm, image!, inode, argv, environ)
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
  task.environ = environ
  task.program = program
  task.caught = 0
  task.flags &= ~PF_FORKNOEXEC
  task.call = null
  if (m.trace.on.sched_process_exec) {
    const { pid } = task
    const filename = normalizePath(path, task.cwdPath)
    emit(m.trace, m.ticks, pid, 'sched_process_exec', { filename, pid, old_pid: pid })
  }
  return 0
}

function layOut(
  m: Machine,
  task: Task,
  mm: Mm,
  image: Image,
  file: Inode,
  argv: string[],
  environ: string[],
): boolean {
  switchMm(m.tlb, mm.id)
  const runtime = findRuntime(m.options)
  return (
    mapStack(m, task, mm, image, argv) &&
    mapProgram(m, task, mm, image, file) &&
    mapLibrary(m, task, mm, runtime.loader) &&
    mapVdso(m, task, mm) &&
    preloaded(runtime, environ).every(
      ({ library }) =>
        library === null ||
        library === runtime.libc ||
        library === runtime.loader ||
        mapLibrary(m, task, mm, library),
    ) &&
    mapLibrary(m, task, mm, runtime.libc) &&
    mapTls(m, task, mm, runtime) &&
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
  const { textStart, stackTop, mmapBase } = m.layout
  const data = textStart + 2 * page
  const bss = data + image.dataPages * page
  const stackPages = stackPagesAtStart(m)
  const stack = stackTop - stackPages * page
  const pages = image.dataPages + image.bssPages
  mm.mmapBase = mmapBase
  mm.startCode = textStart
  mm.endCode = textStart + page
  mm.startData = data
  mm.endData = bss
  mm.startBrk = pages === 0 ? textStart + page : data + pages * page
  mm.brk = mm.startBrk
  mm.startStack = stackTop - FIRST_FRAME
  const request = (flags: number, from: Inode | null, pgoff: number): MapRequest => ({
    flags: flags | MAY_ALL,
    file: from,
    pgoff,
    special: '',
  })
  const stackFlags = VM_READ | VM_WRITE | VM_GROWSDOWN
  const rw = VM_READ | VM_WRITE
  return (
    map(m, task, mm, textStart, page, request(VM_READ | VM_EXEC, file, 0)) >= 0 &&
    (image.dataPages === 0 || map(m, task, mm, data, bss - data, request(rw, file, 1)) >= 0) &&
    (image.bssPages === 0 ||
      map(m, task, mm, bss, image.bssPages * page, request(rw, null, 0)) >= 0) &&
    map(m, task, mm, stack, stackPages * page, request(stackFlags, null, 0)) >= 0 &&
    touch(m, task, mm, textStart, [0], false) &&
    touch(m, task, mm, stack, [stackPages - 1], true)
  )
}

/** setup_arg_pages(): the page of the arguments and room to grow, whole pages. */
function stackPagesAtStart(m: Machine): number {
  return 1 + Math.ceil(STACK_EXPAND / m.pageSize)
}

function mapStack(m: Machine, task: Task, mm: Mm, image: Image, argv: string[]): boolean {
  const { stackTop } = m.layout
  const pages = stackPagesAtStart(m)
  const start = stackTop - pages * m.pageSize
  mm.startStack = stackTop - FIRST_FRAME
  mm.argEnd = stackTop - 64
  mm.argStart = mm.argEnd - argv.reduce((bytes, argument) => bytes + argument.length + 1, 0)
  const flags = VM_READ | VM_WRITE | MAY_ALL | VM_GROWSDOWN
  const written = pagesOfUnits(image.stackWritten, m.pageSize).map((page) => pages - 1 - page)
  return (
    map(m, task, mm, start, pages * m.pageSize, { flags, file: null, pgoff: 0, special: '' }) >=
      0 && touch(m, task, mm, start, written, true)
  )
}

function mapProgram(m: Machine, task: Task, mm: Mm, image: Image, file: Inode): boolean {
  const { textStart, heapStart } = m.layout
  const { textPages, relro, data, dataEnd, bssEnd } = loadImage(image, m.layout, m.pageSize)
  const textEnd = textStart + textPages * m.pageSize
  const mappedEnd = roundUp(dataEnd, m.pageSize)
  const bssPagesEnd = roundUp(bssEnd, m.pageSize)
  mm.startCode = textStart
  mm.endCode = textEnd
  mm.startData = relro
  mm.endData = dataEnd
  mm.startBrk = Math.max(heapStart, bssPagesEnd)
  mm.brk = mm.startBrk
  const segment = (access: number, pgoff: number): MapRequest => ({
    flags: access | MAY_ALL,
    file,
    pgoff,
    special: '',
  })
  const text = segment(VM_READ | VM_EXEC, 0)
  const writable = segment(VM_READ | VM_WRITE, textPages)
  const bss: MapRequest = { flags: VM_READ | VM_WRITE | MAY_ALL, file: null, pgoff: 0, special: '' }
  return (
    map(m, task, mm, textStart, textEnd - textStart, text) >= 0 &&
    map(m, task, mm, relro, mappedEnd - relro, writable) >= 0 &&
    (bssPagesEnd === mappedEnd || map(m, task, mm, mappedEnd, bssPagesEnd - mappedEnd, bss) >= 0) &&
    touch(m, task, mm, textStart, [0], false) &&
    touch(m, task, mm, relro, [0, 1], true) &&
    doMprotect(m, task, mm, relro, data, VM_READ) >= 0
  )
}

function mapLibrary(m: Machine, task: Task, mm: Mm, library: Library): boolean {
  const page = m.pageSize
  const file = namei(m, library.path)!
  const { segments, pages } = loadLibrary(library, page)
  let va = place(m, mm, pages * page)
  if (va < 0) return false
  for (const { perms, relro, pages, fileOffset, inFile, written, read } of segments) {
    const access = relro ? VM_READ | VM_WRITE : permsFlags(perms)
    const end = va + pages * page
    const request: MapRequest = {
      flags: access | MAY_ALL,
      file: inFile ? file : null,
      pgoff: fileOffset,
      special: '',
    }
    if (map(m, task, mm, va, end - va, request) < 0) return false
    if (!touch(m, task, mm, va, read, false) || !touch(m, task, mm, va, written, true)) return false
    if (relro && doMprotect(m, task, mm, va, end, VM_READ) < 0) return false
    if (library === findRuntime(m.options).libc && inFile && perms === 'rw-') mm.libcData = va
    va = end
  }
  return true
}

function mapVdso(m: Machine, task: Task, mm: Mm): boolean {
  const vvarSize = unitPages(VVAR_UNITS, m.pageSize) * m.pageSize
  const vdsoSize = unitPages(VDSO_UNITS, m.pageSize) * m.pageSize
  const va = place(m, mm, vvarSize + vdsoSize)
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
    map(m, task, mm, va, vvarSize, vvar) >= 0 &&
    map(m, task, mm, va + vvarSize, vdsoSize, vdso) >= 0 &&
    touch(m, task, mm, va + vvarSize, [0], false)
  )
}

function mapTls(m: Machine, task: Task, mm: Mm, { tls }: Runtime): boolean {
  if (tls.units === 0) return true
  const size = unitPages(tls.units, m.pageSize) * m.pageSize
  const va = place(m, mm, size)
  const request: MapRequest = {
    flags: VM_READ | VM_WRITE | MAY_ALL,
    file: null,
    pgoff: 0,
    special: '',
  }
  return (
    va >= 0 &&
    map(m, task, mm, va, size, request) >= 0 &&
    touch(m, task, mm, va, pagesOfUnits(tls.written, m.pageSize), true)
  )
}

/** What the first malloc takes; on i386 2.36's chunks do not begin with the page, which costs one more. */
function firstHeap(m: Machine): number {
  const skips = m.layout.bits === 32 && m.options.glibc === '2.36'
  return roundUp(TOP_PAD + 1, m.pageSize) + (skips ? m.pageSize : 0)
}

function startHeap(m: Machine, task: Task, mm: Mm, image: Image): boolean {
  if (image.heapUnits === 0) return true
  const end = mm.startBrk + firstHeap(m)
  const pages = Array.from({ length: unitPages(image.heapUnits, m.pageSize) }, (_, i) => i)
  return doBrk(m, task, mm, end) === end && touch(m, task, mm, mm.startBrk, pages, true)
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
    if (m.trace.on.page_fault_user)
      tracePageFault(m, task, va, write ? ACCESS_WRITE : ACCESS_READ, true)
    if ((faultIn(m, vma, va, write, NO_PTE) & ~VM_FAULT_MAJOR) !== 0) return false
    task.minFlt++
    m.vmstat.pgfault++
  }
  return true
}
