// A call of a library function as data: it can stop anywhere and go on in the next slice, be copied by fork and saved.

import type { Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { WAITING } from '../syscall/define.ts'
import { doSyscall } from '../syscall/table.ts'
import { setErrno, type LibcState } from './state.ts'
import type { MallocEnv } from './malloc.ts'

/** A call in progress. Values are 64 bits in two halves; an int is sign-extended, an unsigned int zero-extended. */
export interface LibCall {
  name: string
  args: number[] // low, high, low, high, …
  low: number // the result
  high: number
  phase: number // what the function does next; 0 at first
  done: number // progress within the phase: bytes, mostly
  slots: number[] // what else it has to remember
  pieces: Piece[] // output that is still to be written (printf.ts)
}

/** A part of formatted output. */
export type Piece =
  | { kind: 'bytes'; bytes: number[] }
  | { kind: 'pad'; byte: number; count: number }
  | { kind: 'memory'; at: number; count: number } // up to a NUL, at most `count` bytes

/** The process that calls. Made anew for each slice; nothing outlives it. */
export interface Caller {
  m: Machine
  task: Task
  libc: LibcState
  env: MallocEnv
  readMaps: ReadMaps // /proc/self/maps
  calling: string // the library function at work
  cost: number // fuel used by the step, beyond that of an instruction
}

/** What /proc/PID/maps shows; handed in, since /proc is built on top of all this. */
export type ReadMaps = (m: Machine, task: Task) => string

/** Stands for a length that is not limited. */
export const NO_LIMIT = Number.MAX_SAFE_INTEGER

// What a step came to.
export const DONE = 0
export const AGAIN = 1 // more to do
export const BLOCKED = 2 // the task sleeps; the step is made again when it runs

export type Step = typeof DONE | typeof AGAIN | typeof BLOCKED

/** One bounded step of a call. */
export type LibFunction = (c: Caller, call: LibCall) => Step

export function mkLibCall(name: string, args: number[]): LibCall {
  return { name, args, low: 0, high: 0, phase: 0, done: 0, slots: [], pieces: [] }
}

export function intArg(call: LibCall, index: number): number {
  return call.args[2 * index] | 0
}

/** An address. The last ones, where -1 points, are negative, and so exact as the first ones. */
export function pointerArg(call: LibCall, index: number): number {
  return longArg(call, index)
}

/** A size; exact below 2^53. */
export function sizeArg(call: LibCall, index: number): number {
  return (call.args[2 * index + 1] >>> 0) * 0x1_0000_0000 + (call.args[2 * index] >>> 0)
}

/** A long; exact to 2^53 on either side. */
export function longArg(call: LibCall, index: number): number {
  return (call.args[2 * index + 1] | 0) * 0x1_0000_0000 + (call.args[2 * index] >>> 0)
}

/** A size of any magnitude, exact. */
export function exactArg(call: LibCall, index: number): number | bigint {
  const high = call.args[2 * index + 1] >>> 0
  const low = call.args[2 * index] >>> 0
  return high === 0 ? low : (BigInt(high) << 32n) | BigInt(low)
}

/** Ends the call with a whole number, which may be negative or an address. */
export function finish(call: LibCall, value: number): Step {
  call.low = value | 0
  call.high = Math.floor(value / 0x1_0000_0000) | 0
  return DONE
}

/** Ends the call with -1 and errno. */
export function fail(c: Caller, call: LibCall, errno: number): Step {
  setErrno(c, errno)
  return finish(call, -1)
}

export const SYSCALL_COST = 100

/** Makes the system call; ends the library call with what it returned, or with -1 and errno. */
export function finishBySyscall(c: Caller, call: LibCall, name: string, args: number[]): Step {
  const result = syscall(c, name, args)
  if (result === WAITING) return BLOCKED
  return result < 0 && result > -4096 ? fail(c, call, -result) : finish(call, result)
}

/** The bare system call: a result, -errno, or WAITING. */
export function syscall(c: Caller, name: string, args: number[]): number {
  c.cost += SYSCALL_COST
  return doSyscall(c.m, c.task, name, args)
}
