// What the library says on standard error before it ends a process, or in spite of which that goes on (__libc_message,
// sysdeps/unix/sysv/linux/libc_fatal.c; debug/backtracesyms.c). 2.13 adds a backtrace and the memory map, if it ends the process:
//
//   *** glibc detected *** ic: double free or corruption (fasttop): 0x0000000001000010 ***
//   ======= Backtrace: =========
//   /lib/x86_64-linux-gnu/libc.so.6(+0x75be6)[0x7ffff789dbe6]
//   /lib/x86_64-linux-gnu/libc.so.6(cfree+0x6c)[0x7ffff78a298c]
//   ic[0x4029f1]
//   …
//   ======= Memory map: ========
//   00400000-00410000 r-xp 00000000 08:01 9                                  /usr/bin/ic
//
// The frames are those that a program without symbols of its own has at such a call; how far into the functions the
// calls stand is that of Debian 7. Where it is /dev/tty, the message goes to where the process writes.

import { encodeUtf8 } from '../lib/utf8.ts'
import { findRuntime, loadLibrary } from '../fs/runtime.ts'
import { streamPut } from '../kernel/stream.ts'
import type { Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { traceWrite } from '../syscall/strace.ts'
import type { Caller } from './call.ts'

/** Says it; `withTrace`: backtrace and memory map follow. */
export function libcMessage(c: Caller, text: string, withTrace: boolean): void {
  const whole = withTrace
    ? `${text}${backtrace(c)}======= Memory map: ========\n${c.readMaps(c.m, c.task)}`
    : text
  traceWrite(c.m, c.task, 2, 0, encodeUtf8(whole))
  if (c.task.stdout !== null) streamPut(c.task.stdout, whole)
}

function backtrace({ m, task, calling }: Caller): string {
  const { soname } = findRuntime(m.options)
  const { textStart } = m.layout
  const base = libraryBase(m, task)
  const program = task.cmdline[0] ?? task.comm
  const inLibrary = (offset: number, symbol: string, into: number) =>
    `${soname}(${symbol}+0x${into.toString(16)})[0x${(base + offset).toString(16)}]\n`
  const inProgram = (offset: number) => `${program}[0x${(textStart + offset).toString(16)}]\n`
  const { inner, public: entry, start } = FRAMES[m.layout.bits]
  const [symbol, offset, into] = entry[calling] ?? entry.malloc
  return (
    '======= Backtrace: =========\n' +
    inner.map((at) => inLibrary(at, '', at)).join('') +
    inLibrary(offset + into, symbol, into) +
    inProgram(CALL_IN_MAIN) +
    inLibrary(start[0] + start[1], '__libc_start_main', start[1]) +
    inProgram(START)
  )
}

/** Where libc begins in the process. */
function libraryBase(m: Machine, task: Task): number {
  let before = 0
  for (const { pages, perms } of loadLibrary(findRuntime(m.options).libc, m.pageSize).segments) {
    if (perms === 'rw-') break
    before += pages
  }
  return task.mm!.libcData - before * m.pageSize
}

const CALL_IN_MAIN = 0x29f1
const START = 0xb21

interface Frames {
  inner: number[] // functions without a name, innermost first
  public: Record<string, [symbol: string, offset: number, into: number]> // by the function that the program has called
  start: [offset: number, into: number]
}

const FRAMES: Record<64 | 32, Frames> = {
  64: {
    inner: [0x75be6],
    public: {
      free: ['cfree', 0x7a920, 0x6c],
      malloc: ['__libc_malloc', 0x7a6d0, 0x70],
      calloc: ['__libc_calloc', 0x7b1f0, 0xc2],
      realloc: ['realloc', 0x7ac40, 0xf0],
      memalign: ['__libc_memalign', 0x7af50, 0x9a],
      malloc_trim: ['malloc_trim', 0x7b8e0, 0x5d],
    },
    start: [0x1eb90, 0xfd],
  },
  32: {
    inner: [0x70f01, 0x72768],
    public: {
      free: ['cfree', 0x757b0, 0x6d],
      malloc: ['__libc_malloc', 0x75120, 0x5f],
      calloc: ['__libc_calloc', 0x75d30, 0xa8],
      realloc: ['realloc', 0x759a0, 0xe3],
      memalign: ['__libc_memalign', 0x75b60, 0x8c],
      malloc_trim: ['malloc_trim', 0x76310, 0x4b],
    },
    start: [0x16d60, 0xe6],
  },
}
