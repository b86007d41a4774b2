// malloc's view of a process: its memory, its system calls, its errno.

import { ENOMEM } from '../lib/errno.ts'
import { bytesFuel } from '../kernel/sched.ts'
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../mm/mmap.ts'
import { sigMask } from '../mm/oomKill.ts'
import { USER_FAULT, copyBytes, fillBytes, forceSig, load32 } from '../mm/uaccess.ts'
import type { Machine } from '../state/machine.ts'
import { SI_KERNEL, SIGABRT, SIGXCPU, type Task } from '../state/task.ts'
import { GRND } from '../syscall/flags.ts'
import { syscall, type Caller, type ReadMaps } from './call.ts'
import { libcMessage } from './fatal.ts'
import type { MallocEnv } from './malloc.ts'
import { mkMallocMemory } from './memory.ts'
import {
  mainArenaAddress,
  mallocFlavour,
  scratchAddress,
  setErrno,
  type LibcState,
} from './state.ts'

const PROT_NONE = 0
const MREMAP_MAYMOVE = 1
const MADV_DONTNEED = 4

export function mkCaller(m: Machine, task: Task, libc: LibcState, readMaps: ReadMaps): Caller {
  const env = null as unknown as MallocEnv
  const caller: Caller = { m, task, libc, env, readMaps, calling: '', cost: 0 }
  caller.env = mkMallocEnv(caller)
  return caller
}

function mkMallocEnv(c: Caller): MallocEnv {
  const { m, task } = c
  const call = (name: string, args: number[]): number => {
    const result = syscall(c, name, args)
    if (result >= 0 || result <= -4096) return result
    setErrno(c, -result)
    return -1
  }
  const mainArena = mainArenaAddress(m, task)
  return {
    flavour: mallocFlavour(m),
    mainArena,
    pageSize: m.pageSize,
    programName: task.cmdline[0] ?? task.comm,

    ...mkMallocMemory(m, task, mainArena),
    fill: (va, byte, length) => {
      c.cost += bytesFuel(length)
      fillBytes(m, task, va, byte, length)
    },
    copy: (to, from, length) => {
      c.cost += bytesFuel(length)
      copyBytes(m, task, to, from, length)
    },

    sbrk: (increment) => sbrk(c, increment),
    mmap: (hint, length, accessible) =>
      call('mmap', [
        hint,
        length,
        accessible ? PROT_READ | PROT_WRITE : PROT_NONE,
        MAP_PRIVATE | MAP_ANONYMOUS,
        -1,
        0,
      ]),
    munmap: (va, length) => call('munmap', [va, length]),
    mremap: (va, oldLength, newLength) =>
      call('mremap', [va, oldLength, newLength, MREMAP_MAYMOVE, 0]),
    mprotect: (va, length) => call('mprotect', [va, length, PROT_READ | PROT_WRITE]),
    madviseDontneed: (va, length) => call('madvise', [va, length, MADV_DONTNEED]),

    setErrno: (errno) => setErrno(c, errno),
    getenv: (name) => getenv(task, name),
    randomWord: (half) => {
      const scratch = scratchAddress(m, task)
      if (half === 0) syscall(c, 'getrandom', [scratch, m.layout.bits / 8, GRND.GRND_NONBLOCK])
      return load32(m, task, scratch + half * 4)
    },
    message: (text, aborting) => libcMessage(c, text, aborting),
    abort: () => abort(c),
    endless: () => {
      forceSig(m, task, SIGXCPU, SI_KERNEL)
      throw USER_FAULT
    },
  }
}

/** getenv(3), as text. */
export function getenv({ environ }: Task, name: string): string | null {
  const entry = environ.find((text) => text.startsWith(`${name}=`))
  return entry === undefined ? null : entry.slice(name.length + 1)
}

/** sbrk(3): the old break, or -1 and errno. The kernel is asked for the break once; then the library remembers it. */
export function sbrk(c: Caller, increment: number): number {
  const { libc } = c
  if (libc.curbrk === 0) libc.curbrk = syscall(c, 'brk', [0])
  const old = libc.curbrk
  return increment === 0 || moveBreak(c, old + increment) ? old : -1
}

/** brk(2) as the library has it: false and ENOMEM where the break is lower than asked for. */
export function moveBreak(c: Caller, to: number): boolean {
  c.libc.curbrk = syscall(c, 'brk', [to])
  if (c.libc.curbrk >= to) return true
  setErrno(c, ENOMEM)
  return false
}

/** raise(3): the kernel is told the thread's number and the process's. */
export function raise(c: Caller, signal: number): number {
  const tid = syscall(c, 'gettid', [])
  const pid = syscall(c, 'getpid', [])
  return syscall(c, 'tgkill', [pid, tid, signal])
}

/** abort(3): SIGABRT, and the end of the process even where that signal is ignored. */
export function abort(c: Caller): never {
  raise(c, SIGABRT)
  c.task.pending |= sigMask(SIGABRT)
  throw USER_FAULT
}
