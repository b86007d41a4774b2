// The interpreter of postfix code. It stops after any instruction: when the fuel is used up, when the process sleeps in
// a call, when a signal is pending; it goes on with the same instruction or the next one.

import { bytesFuel, mustYield } from '../kernel/sched.ts'
import {
  USER_FAULT,
  forceSig,
  load16,
  load32,
  load8,
  store16,
  store32,
  store64,
  store8,
} from '../mm/uaccess.ts'
import type { Machine } from '../state/machine.ts'
import { FPE_INTDIV, SIGFPE, type Task } from '../state/task.ts'
import { BLOCKED, DONE, mkLibCall, type Caller } from '../libc/call.ts'
import { stepCall } from '../libc/functions.ts'
import { atLineStart, drain, flushStdout } from '../libc/stdio.ts'
import {
  ADD,
  BINARY,
  binary,
  CALL,
  CLASS_I64,
  COMPLEMENT,
  complement,
  CONVERT,
  convert,
  DROP,
  DUP,
  I16,
  I32,
  I8,
  JUMP,
  JUMP_IF_ZERO,
  LOAD,
  LOAD_VARIABLE,
  NEGATE,
  negate,
  NOT,
  PUSH,
  RESULT,
  STEP,
  STEP_VARIABLE,
  STORE,
  STORE_VARIABLE,
  SWAP,
  U16,
  U32,
  WORD64,
} from './code.ts'
import type { IcProgram } from './program.ts'
import { showResult } from './show.ts'

/**
 * Returns the fuel used. Afterwards program.running says whether there is more to do. While simple instructions run,
 * `pc` and `sp` stand for the program's own fields; they are written back before anything can look at the program.
 */
export function execute(c: Caller, program: IcProgram, fuel: number): number {
  const { m, task } = c
  const { stack, code: words } = program
  let { pc, sp } = program
  let used = 0
  let faults = task.minFlt + task.majFlt
  while (used < fuel) {
    used++
    if (task.minFlt + task.majFlt !== faults) {
      used += (task.minFlt + task.majFlt - faults) * bytesFuel(m.pageSize)
      faults = task.minFlt + task.majFlt
      if (mustYield(m, task)) break
    }
    if (program.call !== null) {
      c.cost = 0
      const goesOn = callStep(c, program)
      used += c.cost
      sp = program.sp
      if (!goesOn) return used
      if (mustYield(m, task)) break
      continue
    }
    const opcode = words[pc]
    if (opcode >= BINARY) {
      sp -= 2
      if (!binary(stack, sp - 2, opcode - BINARY)) raiseDivision(m, task)
      pc++
      continue
    }
    switch (opcode) {
      case LOAD_VARIABLE:
        loadValue(m, task, stack, sp, words[pc + 1], words[pc + 2])
        sp += 2
        pc += 3
        break
      case PUSH:
        stack[sp] = words[pc + 1]!
        stack[sp + 1] = words[pc + 2]!
        sp += 2
        pc += 3
        break
      case DROP:
        sp -= 2
        pc++
        break
      case JUMP_IF_ZERO:
        sp -= 2
        pc = (stack[sp] | stack[sp + 1]) === 0 ? words[pc + 1] : pc + 2
        break
      case JUMP:
        pc = words[pc + 1]!
        break
      case STORE_VARIABLE:
        convert(stack, sp - 2, words[pc + 1])
        storeValue(m, task, stack, sp - 2, words[pc + 1], words[pc + 2])
        pc += 3
        break
      case STEP_VARIABLE:
        stepValue(
          m,
          task,
          stack,
          sp,
          words[pc + 1],
          words[pc + 2],
          words[pc + 3],
          words[pc + 4] === 1,
        )
        sp += 2
        pc += 5
        break
      case LOAD:
        loadValue(m, task, stack, sp - 2, words[pc + 1], addressAt(stack, sp - 2))
        pc += 2
        break
      case STORE:
        convert(stack, sp - 2, words[pc + 1])
        storeValue(m, task, stack, sp - 2, words[pc + 1], addressAt(stack, sp - 4))
        sp -= 2
        stack[sp - 2] = stack[sp]!
        stack[sp - 1] = stack[sp + 1]!
        pc += 2
        break
      case STEP:
        stepValue(
          m,
          task,
          stack,
          sp - 2,
          words[pc + 1],
          addressAt(stack, sp - 2),
          words[pc + 2],
          words[pc + 3] === 1,
        )
        pc += 4
        break
      case CONVERT:
        convert(stack, sp - 2, words[pc + 1])
        pc += 2
        break
      case NOT:
        stack[sp - 2] = (stack[sp - 2] | stack[sp - 1]) === 0 ? 1 : 0
        stack[sp - 1] = 0
        pc++
        break
      case NEGATE:
        negate(stack, sp - 2, words[pc + 1])
        pc += 2
        break
      case COMPLEMENT:
        complement(stack, sp - 2, words[pc + 1])
        pc += 2
        break
      case DUP:
        stack[sp] = stack[sp - 2]!
        stack[sp + 1] = stack[sp - 1]!
        sp += 2
        pc++
        break
      case SWAP:
        swap(stack, sp - 4)
        pc++
        break
      case CALL: {
        const start = sp - words[pc + 2] * 2
        program.call = mkLibCall(program.names[words[pc + 1]], stack.slice(start, sp))
        sp = start
        pc += 3
        program.pc = pc
        program.sp = sp
        break
      }
      case RESULT:
        program.pc = pc
        program.sp = sp
        if (!resultStep(c, program)) return used
        sp = program.sp
        pc = program.pc
        if (task.state !== 'R') return used
        break
      default:
        program.running = false
        return used
    }
  }
  program.pc = pc
  program.sp = sp
  return used
}

function swap(stack: number[], at: number): void {
  const [low, high] = [stack[at], stack[at + 1]]
  stack[at] = stack[at + 2]!
  stack[at + 1] = stack[at + 3]!
  stack[at + 2] = low
  stack[at + 3] = high
}

/** An address as a number; one of the upper half, which no process has, is negative. */
function addressAt(stack: number[], at: number): number {
  return (stack[at + 1] | 0) * 0x1_0000_0000 + (stack[at] >>> 0)
}

/** One step of the function called; its result replaces it. False: it cannot go on now. */
function callStep(c: Caller, program: IcProgram): boolean {
  const call = program.call!
  const step = stepCall(c, call)
  if (step === BLOCKED) return false
  if (step === DONE) {
    program.stack[program.sp] = call.low
    program.stack[program.sp + 1] = call.high
    program.sp += 2
    program.call = null
  }
  return c.task.pending === 0 && c.task.state === 'R'
}

/** Shows the value on the stack. False: the terminal takes no more, it has to be tried again. */
function resultStep(c: Caller, program: IcProgram): boolean {
  if (!drain(c)) return false
  const { stack, sp } = program
  const shown = program.shown[program.code[program.pc + 1]]
  flushStdout(c)
  if (!atLineStart(c)) c.libc.out += '\n'
  c.libc.out += showResult(c, shown, stack[sp - 2], stack[sp - 1])
  c.libc.lastErrno = 0
  program.sp -= 2
  program.pc += 2
  drain(c)
  return true
}

function raiseDivision(m: Machine, task: Task): never {
  task.faultCode = FPE_INTDIV
  forceSig(m, task, SIGFPE, FPE_INTDIV)
  throw USER_FAULT
}

function loadValue(
  m: Machine,
  task: Task,
  stack: number[],
  at: number,
  kind: number,
  va: number,
): void {
  let low: number
  switch (kind) {
    case I32:
      low = load32(m, task, va)
      break
    case WORD64:
      stack[at] = load32(m, task, va)
      stack[at + 1] = load32(m, task, va + 4)
      return
    case U32:
      stack[at] = load32(m, task, va)
      stack[at + 1] = 0
      return
    case I8:
      low = (load8(m, task, va) << 24) >> 24
      break
    case I16:
      low = (load16(m, task, va) << 16) >> 16
      break
    case U16:
      low = load16(m, task, va)
      break
    default:
      low = load8(m, task, va)
  }
  stack[at] = low
  stack[at + 1] = low >> 31
}

function storeValue(
  m: Machine,
  task: Task,
  stack: number[],
  at: number,
  kind: number,
  va: number,
): void {
  switch (kind) {
    case I32:
    case U32:
      store32(m, task, va, stack[at])
      break
    case WORD64:
      store64(m, task, va, stack[at], stack[at + 1])
      break
    case I16:
    case U16:
      store16(m, task, va, stack[at])
      break
    default:
      store8(m, task, va, stack[at])
  }
}

/** ++ and --: changes what lies at `va`; the value from before or after is left at `at`. */
function stepValue(
  m: Machine,
  task: Task,
  stack: number[],
  at: number,
  kind: number,
  va: number,
  delta: number,
  old: boolean,
): void {
  loadValue(m, task, stack, at, kind, va)
  const low = stack[at]
  const high = stack[at + 1]
  const sum = [low, high, delta, delta >> 31]
  binary(sum, 0, ADD * 4 + CLASS_I64)
  convert(sum, 0, kind)
  storeValue(m, task, sum, 0, kind, va)
  if (!old) {
    stack[at] = sum[0]!
    stack[at + 1] = sum[1]!
  }
}
