// What the C library remembers of a process besides the bytes in that process's memory, and where its own bytes lie.
//
//   mm.libcData →  8 KiB (or 4)      what the library's file initializes (noise here)
//                  16 KiB (or 8, 4)  bss
//                  +0xc60            main_arena and what else malloc owns
//                  …
//                  -0x480            a text that the library has made: strerror's, a path
//                  -0x340            the thread's number, and 16 bytes on its list of robust futexes
//                  -0x300            stdin, stdout, stderr (struct _IO_FILE, only their addresses mean something)
//                  -0x60             scratch: arguments that a function passes to the kernel by address
//                  -0x10             errno
//                  …                 8 KiB that the start has touched already

import type { Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { findRuntime } from '../fs/runtime.ts'
import { store32 } from '../mm/uaccess.ts'
import { findFlavour, type MallocFlavour } from './ptmalloc/flavour.ts'

export interface LibcState {
  buffer: number // stdout's, on the heap; 0 before the first output, -1 if there was no memory for it
  buffered: number // bytes in it
  split: number[] // first bytes of a UTF-8 character whose rest was not yet written
  out: string // text on its way to the terminal
  err: number[] // what the function at work has for stderr
  lastErrno: number // set since the statement began; 0: nothing failed
  curbrk: number // the break as the library knows it; 0 before it has asked
}

export function mkLibcState(): LibcState {
  return { buffer: 0, buffered: 0, split: [], out: '', err: [], lastErrno: 0, curbrk: 0 }
}

const UNIT = 4096
const MAIN_ARENA = 0xc60
const OWN_BYTES = 8 * 1024
const FILES = 0x300
const SCRATCH = 0x60
const THREAD = 0x340
const TEXT = 0x480
const ERRNO = 0x10

/** Where the library's own variables begin. */
function ownData(m: Machine, task: Task): number {
  return task.mm!.libcData + findRuntime(m.options).libcOwn * UNIT
}

function dataEnd(m: Machine, task: Task): number {
  return ownData(m, task) + OWN_BYTES
}

/** The malloc of the machine's C library. */
export function mallocFlavour(m: Machine): MallocFlavour {
  return findFlavour(m.options.glibc, m.layout.bits)
}

export function mainArenaAddress(m: Machine, task: Task): number {
  return ownData(m, task) + MAIN_ARENA
}

export function errnoAddress(m: Machine, task: Task): number {
  return dataEnd(m, task) - ERRNO
}

/** 64 bytes for arguments that are passed by address. */
export function scratchAddress(m: Machine, task: Task): number {
  return dataEnd(m, task) - SCRATCH
}

/** 320 bytes for a text. */
export function textAddress(m: Machine, task: Task): number {
  return dataEnd(m, task) - TEXT
}

/** Where the library keeps the number of its one thread. */
export function threadAddress(m: Machine, task: Task): number {
  return dataEnd(m, task) - THREAD
}

/** The address of stdin (0), stdout (1), stderr (2). */
export function fileAddress(m: Machine, task: Task, index: number): number {
  return dataEnd(m, task) - FILES + index * 0xe0
}

export function setErrno(c: { m: Machine; task: Task; libc: LibcState }, errno: number): void {
  c.libc.lastErrno = errno
  store32(c.m, c.task, errnoAddress(c.m, c.task), errno)
}
