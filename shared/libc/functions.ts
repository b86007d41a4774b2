// The functions of the C library by their names; malloc's here, the others in files of their own.

import { ENOMEM } from '../lib/errno.ts'
import { store32, storePtr } from '../mm/uaccess.ts'
import {
  AGAIN,
  DONE,
  exactArg,
  finish,
  intArg,
  pointerArg,
  type Caller,
  type LibCall,
  type LibFunction,
  type Step,
} from './call.ts'
import {
  callocPrepare,
  free,
  mallinfo2,
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
import { setErrno, textAddress } from './state.ts'
import { flushStderr, putStderr, stdioFunctions } from './stdio.ts'
import { copyStep, fillStep, stringFunctions } from './string.ts'
import { systemCall, unistdFunctions } from './unistd.ts'

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
  return reallocStep(c, call, pointerArg(call, 0), bytes)
}

const posix_memalign: LibFunction = (c, call) => {
  c.cost += MALLOC_COST
  const mem = posixMemalign(c.env, exactArg(call, 1), exactArg(call, 2))
  if (mem < 0) return finish(call, -mem)
  storePtr(c.m, c.task, pointerArg(call, 0), mem)
  return finish(call, 0)
}

/** A structure is returned by its address; it lies where the library keeps its texts. */
const mallinfo: LibFunction = (c, call) => {
  c.cost += MALLOC_COST
  const info = mallinfo2(c.env)
  const at = textAddress(c.m, c.task)
  const size = call.name === 'mallinfo' ? 4 : c.m.layout.bits / 8
  MALLINFO_FIELDS.forEach((field, i) => {
    if (size === 4) store32(c.m, c.task, at + i * size, info[field] | 0)
    else storePtr(c.m, c.task, at + i * size, info[field])
  })
  return finish(call, at)
}

const MALLINFO_FIELDS = [
  'arena',
  'ordblks',
  'smblks',
  'hblks',
  'hblkhd',
  'usmblks',
  'fsmblks',
  'uordblks',
  'fordblks',
  'keepcost',
] as const

const malloc_stats: LibFunction = (c, call) => {
  putStderr(c, mallocStats(c.env))
  return finish(call, 0)
}

const mallocFunctions: Record<string, LibFunction> = {
  malloc: allocator((c, call) => malloc(c.env, exactArg(call, 0))),
  free: allocator((c, call) => {
    free(c.env, pointerArg(call, 0))
    return 0
  }),
  calloc,
  realloc: (c, call) => reallocStep(c, call, pointerArg(call, 0), exactArg(call, 1)),
  reallocarray,
  memalign: allocator((c, call) => memalign(c.env, exactArg(call, 0), exactArg(call, 1))),
  aligned_alloc: allocator((c, call) => memalign(c.env, exactArg(call, 0), exactArg(call, 1))),
  posix_memalign,
  valloc: allocator((c, call) => valloc(c.env, exactArg(call, 0))),
  pvalloc: allocator((c, call) => pvalloc(c.env, exactArg(call, 0))),
  malloc_usable_size: allocator((c, call) => mallocUsableSize(c.env, pointerArg(call, 0))),
  malloc_trim: allocator((c, call) => mallocTrim(c.env, exactArg(call, 0))),
  mallopt: allocator((c, call) => mallopt(c.env, intArg(call, 0), intArg(call, 1))),
  mallinfo2: mallinfo,
  mallinfo,
  malloc_stats,
}

const functions = new Map<string, LibFunction>(
  Object.entries({
    ...stringFunctions,
    ...stdioFunctions,
    ...printfFunctions,
    ...mallocFunctions,
    ...unistdFunctions,
  }),
)

/** Makes one step of the call. */
export function stepCall(c: Caller, call: LibCall): Step {
  c.calling = call.name
  const own = functions.get(call.name)
  const step = own !== undefined ? own(c, call) : systemCall(c, call)
  if (step === DONE) flushStderr(c)
  return step
}

export function libFunctionNames(): string[] {
  return [...functions.keys()]
}
