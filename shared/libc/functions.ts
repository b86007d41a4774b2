// The functions of stdlib.h, unistd.h and sys/*.h, and all others by their names.

import { ENOMEM, ENOSYS, EPERM, strerror } from '../lib/errno.ts'
import { SIGABRT } from '../state/task.ts'
import { PAGE_FUEL } from '../kernel/sched.ts'
import { sigMask } from '../mm/oomKill.ts'
import { streamPut } from '../kernel/stream.ts'
import { USER_FAULT, loadCString, storeBytes, storePtr } from '../mm/uaccess.ts'
import { WAITING } from '../syscall/define.ts'
import { findSyscall } from '../syscall/table.ts'
import {
  AGAIN,
  BLOCKED,
  exactArg,
  fail,
  finish,
  finishBySyscall,
  intArg,
  longArg,
  sizeArg,
  syscall,
  type Caller,
  type LibCall,
  type LibFunction,
  type Step,
} from './call.ts'
import {
  callocPrepare,
  free,
  malloc,
  mallocStats,
  mallocTrim,
  mallocUsableSize,
  mallopt,
  memalign,
  mkClearing,
  mkMove,
  posixMemalign,
  pvalloc,
  reallocFinish,
  reallocPrepare,
  valloc,
} from './malloc.ts'
import { printfFunctions } from './printf.ts'
import { sbrk } from './process.ts'
import { errnoAddress, scratchAddress, setErrno } from './state.ts'
import { drain, flushStdout, stdioFunctions } from './stdio.ts'
import { copyStep, fillStep, stringFunctions } from './string.ts'
import { sysconf } from './sysconf.ts'
import { latin1Bytes } from '../lib/utf8.ts'

const MALLOC_COST = 60

/** A malloc function that needs no second step. */
function allocator(run: (c: Caller, call: LibCall) => number): LibFunction {
  return (c, call) => {
    c.cost += MALLOC_COST
    return finish(call, run(c, call))
  }
}

/** slots: the block, where clearing begins, how much of it. */
const calloc: LibFunction = (c, call) => {
  if (call.phase === 0) {
    c.cost += MALLOC_COST
    const clearing = mkClearing()
    const mem = callocPrepare(c.env, exactArg(call, 0), exactArg(call, 1), clearing)
    if (clearing.length === 0) return finish(call, mem)
    call.slots = [mem, clearing.from, clearing.length]
    call.phase = 1
    return AGAIN
  }
  const [mem, from, length] = call.slots as [number, number, number]
  return fillStep(c, call, from, 0, length) ? finish(call, mem) : AGAIN
}

/** slots: the new block, then what Move holds. */
function reallocStep(c: Caller, call: LibCall, mem: number, bytes: number | bigint): Step {
  const move = mkMove()
  if (call.phase === 0) {
    c.cost += MALLOC_COST
    const result = reallocPrepare(c.env, mem, bytes, move)
    if (move.length === 0) return finish(call, result)
    call.slots = [result, move.to, move.from, move.length, move.old, move.arena]
    call.phase = 1
    return AGAIN
  }
  const [result, to, from, length, old, arena] = call.slots as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  if (!copyStep(c, call, to, from, length)) return AGAIN
  reallocFinish(c.env, { to, from, length, old, arena })
  return finish(call, result)
}

const reallocarray: LibFunction = (c, call) => {
  const bytes = BigInt(exactArg(call, 1)) * BigInt(exactArg(call, 2))
  if (bytes >= 1n << BigInt(c.m.layout.bits)) {
    setErrno(c, ENOMEM)
    return finish(call, 0)
  }
  return reallocStep(c, call, sizeArg(call, 0), bytes)
}

const posix_memalign: LibFunction = (c, call) => {
  c.cost += MALLOC_COST
  const mem = posixMemalign(c.env, exactArg(call, 1), exactArg(call, 2))
  if (mem < 0) return finish(call, -mem)
  storePtr(c.m, c.task, sizeArg(call, 0), mem)
  return finish(call, 0)
}

const malloc_stats: LibFunction = (c, call) => {
  if (c.task.stdout !== null) streamPut(c.task.stdout, mallocStats(c.env))
  return finish(call, 0)
}

const mallocFunctions: Record<string, LibFunction> = {
  malloc: allocator((c, call) => malloc(c.env, exactArg(call, 0))),
  free: allocator((c, call) => {
    free(c.env, sizeArg(call, 0))
    return 0
  }),
  calloc,
  realloc: (c, call) => reallocStep(c, call, sizeArg(call, 0), exactArg(call, 1)),
  reallocarray,
  memalign: allocator((c, call) => memalign(c.env, exactArg(call, 0), exactArg(call, 1))),
  aligned_alloc: allocator((c, call) => memalign(c.env, exactArg(call, 0), exactArg(call, 1))),
  posix_memalign,
  valloc: allocator((c, call) => valloc(c.env, exactArg(call, 0))),
  pvalloc: allocator((c, call) => pvalloc(c.env, exactArg(call, 0))),
  malloc_usable_size: allocator((c, call) => mallocUsableSize(c.env, sizeArg(call, 0))),
  malloc_trim: allocator((c, call) => mallocTrim(c.env, exactArg(call, 0))),
  mallopt: allocator((c, call) => mallopt(c.env, intArg(call, 0), intArg(call, 1))),
  malloc_stats,
}

/** The child is a copy that stands in the same call with phase 1. */
const fork: LibFunction = (c, call) => {
  if (call.phase === 1) return finish(call, 0)
  if (!drain(c)) return BLOCKED
  call.phase = 1
  c.cost += PAGE_FUEL
  return finishBySyscall(c, call, 'fork', [])
}

/** Ends the process; stdout's buffer is written first. */
const exit: LibFunction = (c, call) => {
  flushStdout(c)
  if (!drain(c)) return BLOCKED
  return finishBySyscall(c, call, 'exit_group', [intArg(call, 0)])
}

const abort: LibFunction = (c) => {
  c.task.pending |= sigMask(SIGABRT)
  throw USER_FAULT
}

/** The time goes to the kernel by address. The seconds that are left, were it woken. */
function sleepFor(c: Caller, call: LibCall, seconds: number, nanoseconds: number): Step {
  const scratch = scratchAddress(c.m, c.task)
  storePtr(c.m, c.task, scratch, seconds)
  storePtr(c.m, c.task, scratch + c.m.layout.bits / 8, nanoseconds)
  const result = syscall(c, 'nanosleep', [scratch, 0])
  return result === WAITING ? BLOCKED : finish(call, 0)
}

const sbrkFunction: LibFunction = (c, call) => finish(call, sbrk(c, longArg(call, 0)))

const brk: LibFunction = (c, call) => {
  const wanted = sizeArg(call, 0)
  return syscall(c, 'brk', [wanted]) === wanted ? finish(call, 0) : fail(c, call, ENOMEM)
}

/** nice(2) by way of getpriority() and setpriority(), as glibc does. */
const nice: LibFunction = (c, call) => {
  const now = 20 - syscall(c, 'getpriority', [0, 0])
  const wanted = Math.max(-20, Math.min(19, now + intArg(call, 0)))
  const result = syscall(c, 'setpriority', [0, 0, wanted])
  // EPERM, where the system call says EACCES.
  return result < 0 ? fail(c, call, EPERM) : finish(call, wanted)
}

/** The system call answers 20 - nice, so that it is never negative. */
const getpriority: LibFunction = (c, call) => {
  const result = syscall(c, 'getpriority', [intArg(call, 0), intArg(call, 1)])
  return result < 0 ? fail(c, call, -result) : finish(call, 20 - result)
}

/** strerror's text lies behind the scratch space. */
const strerrorFunction: LibFunction = (c, call) => {
  const at = scratchAddress(c.m, c.task) - 0x60
  const text = latin1Bytes(strerror(intArg(call, 0)))
  storeBytes(c.m, c.task, at, Uint8Array.from([...text, 0]))
  return finish(call, at)
}

/** The argument vector is built below the stack's start, where a caller's frame would lie. */
const execl: LibFunction = (c, call) => {
  const word = c.m.layout.bits / 8
  const { argStart } = c.task.mm!
  const at = Math.floor((argStart - 4096) / 16) * 16
  for (let i = 1; 2 * i < call.args.length; i++)
    storePtr(c.m, c.task, at + (i - 1) * word, sizeArg(call, i))
  storePtr(c.m, c.task, at + (call.args.length / 2 - 1) * word, 0)
  return finishBySyscall(c, call, 'execve', [sizeArg(call, 0), at, 0])
}

const atoi: LibFunction = (c, call) => {
  const text = loadCString(c.m, c.task, sizeArg(call, 0), 64)
  const match = /^\s*([+-]?\d+)/.exec(text)
  return finish(
    call,
    match === null ? 0 : Number(BigInt.asIntN(call.name === 'atoi' ? 32 : 53, BigInt(match[1]))),
  )
}

const raise: LibFunction = (c, call) =>
  finishBySyscall(c, call, 'kill', [c.task.pid, intArg(call, 0)])

const ownFunctions: Record<string, LibFunction> = {
  fork,
  exit,
  _exit: (c, call) => finishBySyscall(c, call, 'exit_group', [intArg(call, 0)]),
  abort,
  raise,
  sleep: (c, call) => sleepFor(c, call, call.args[0] >>> 0, 0),
  usleep: (c, call) => {
    const micros = call.args[0] >>> 0
    return sleepFor(c, call, Math.floor(micros / 1_000_000), (micros % 1_000_000) * 1000)
  },
  wait: (c, call) => finishBySyscall(c, call, 'wait4', [-1, sizeArg(call, 0), 0, 0]),
  waitpid: (c, call) =>
    finishBySyscall(c, call, 'wait4', [intArg(call, 0), sizeArg(call, 1), intArg(call, 2), 0]),
  sbrk: sbrkFunction,
  brk,
  nice,
  getpriority,
  getpagesize: (c, call) => finish(call, c.m.pageSize),
  sysconf,
  strerror: strerrorFunction,
  execl,
  execv: (c, call) => finishBySyscall(c, call, 'execve', [sizeArg(call, 0), sizeArg(call, 1), 0]),
  atoi,
  atol: atoi,
  abs: (_c, call) => finish(call, Math.abs(intArg(call, 0)) | 0),
  __errno_location: (c, call) => finish(call, errnoAddress(c.m, c.task)),
}

const functions = new Map<string, LibFunction>(
  Object.entries({
    ...stringFunctions,
    ...stdioFunctions,
    ...printfFunctions,
    ...mallocFunctions,
    ...ownFunctions,
  }),
)

/** Makes one step of the call. */
export function stepCall(c: Caller, call: LibCall): Step {
  const own = functions.get(call.name)
  return own !== undefined ? own(c, call) : systemCall(c, call)
}

/** Any system call by its name; its arguments are converted as its description says. */
function systemCall(c: Caller, call: LibCall): Step {
  const description = findSyscall(call.name)
  if (description === undefined) return fail(c, call, ENOSYS)
  const args = Object.values(description.args).map((type, i) => {
    if (type === 'int' || type === 'pid_t') return intArg(call, i)
    return type === 'long' || type === 'off_t' ? longArg(call, i) : sizeArg(call, i)
  })
  return finishBySyscall(c, call, call.name, args)
}

export function libFunctionNames(): string[] {
  return [...functions.keys()]
}
