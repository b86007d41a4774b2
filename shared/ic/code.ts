// Postfix code: what a line of C becomes, and the arithmetic it does.
//
// The code is one array of numbers, an instruction being an opcode and its operands. It works on a stack of 64-bit
// values, each two entries: low and high half as i32. A value is kept as its C type would be widened to 64 bits:
// an int sign-extended, an unsigned int with a high half of 0. So widening costs nothing, and which instruction is
// used follows from the type in which C computes.

import type { CType, IntType, WordBits } from './ctype.ts'

export const END = 0
export const PUSH = 1 // low high
export const DROP = 2
export const DUP = 3
export const LOAD_VARIABLE = 4 // kind address
export const STORE_VARIABLE = 5 // kind address; the value stays
export const LOAD = 6 // kind: address → value
export const STORE = 7 // kind: address value → value
export const CONVERT = 8 // kind
export const JUMP = 9 // to
export const JUMP_IF_ZERO = 10 // to
export const CALL = 11 // name (index), number of arguments
export const RESULT = 12 // index of what is to be shown
export const STEP_VARIABLE = 13 // kind address delta old: ++ and --; `old` 1: the value from before
export const STEP = 14 // kind delta old: address → value
export const NEGATE = 15 // class
export const COMPLEMENT = 16 // class
export const NOT = 17
export const SWAP = 18
export const BINARY = 32 // + 4 * operator + class

// How a value lies in memory, and what conversion to that type does.
export const I8 = 0
export const U8 = 1
export const I16 = 2
export const U16 = 3
export const I32 = 4
export const U32 = 5
export const WORD64 = 6
export const BOOLEAN = 7

// In which type is computed.
export const CLASS_I32 = 0
export const CLASS_U32 = 1
export const CLASS_I64 = 2
export const CLASS_U64 = 3

export const operators = [
  '+',
  '-',
  '*',
  '/',
  '%',
  '&',
  '|',
  '^',
  '<<',
  '>>',
  '<',
  '<=',
  '>',
  '>=',
  '==',
  '!=',
]
export const ADD = 0
export const SUB = 1
export const MUL = 2
export const DIV = 3
export const MOD = 4
export const AND = 5
export const OR = 6
export const XOR = 7
export const SHL = 8
export const SHR = 9
export const LT = 10
export const LE = 11
export const GT = 12
export const EQ = 14
export const NE = 15

export function kindOf(type: CType, bits: WordBits): number {
  if (type.kind === 'int') {
    if (type.name === '_Bool' || type.name === 'bool') return BOOLEAN
    if (type.size === 8) return WORD64
    return (type.size === 4 ? I32 : type.size === 2 ? I16 : I8) + (type.signed ? 0 : 1)
  }
  if (type.kind === 'pointer') return bits === 64 ? WORD64 : U32
  return I8 // a void, looked at as a byte
}

export function classOf(type: IntType): number {
  return (type.size === 8 ? CLASS_I64 : CLASS_I32) + (type.signed ? 0 : 1)
}

/** The class in which pointers are computed. */
export function pointerClass(bits: WordBits): number {
  return bits === 64 ? CLASS_U64 : CLASS_U32
}

/** Converts the stack's entry at `at` in place. */
export function convert(stack: number[], at: number, kind: number): void {
  let low = stack[at]
  switch (kind) {
    case I8:
      low = (low << 24) >> 24
      break
    case U8:
      low &= 0xff
      break
    case I16:
      low = (low << 16) >> 16
      break
    case U16:
      low &= 0xffff
      break
    case I32:
      break
    case U32:
      stack[at + 1] = 0
      return
    case WORD64:
      return
    default:
      low = (low | stack[at + 1]) !== 0 ? 1 : 0
  }
  stack[at] = low
  stack[at + 1] = low >> 31
}

/** low and high become the value at `at`, cut to the class. */
function put(stack: number[], at: number, low: number, high: number, cls: number): void {
  stack[at] = low
  stack[at + 1] = cls === CLASS_I32 ? low >> 31 : cls === CLASS_U32 ? 0 : high
}

function putInt(stack: number[], at: number, value: number): true {
  stack[at] = value
  stack[at + 1] = value >> 31
  return true
}

function putBoolean(stack: number[], at: number, value: boolean): void {
  stack[at] = value ? 1 : 0
  stack[at + 1] = 0
}

export function negate(stack: number[], at: number, cls: number): void {
  const low = -stack[at] | 0
  put(stack, at, low, low === 0 ? -stack[at + 1] | 0 : ~stack[at + 1], cls)
}

export function complement(stack: number[], at: number, cls: number): void {
  put(stack, at, ~stack[at], ~stack[at + 1], cls)
}

/**
 * Computes a op b, where a lies at `at` and b behind it; the result replaces a. False: a division that the processor
 * refuses (by zero, or the one quotient that does not fit).
 */
export function binary(stack: number[], at: number, code: number): boolean {
  const operator = code >> 2
  const cls = code & 3
  const a = stack[at]
  const ah = stack[at + 1]
  const b = stack[at + 2]
  const bh = stack[at + 3]
  if (cls === CLASS_I32) {
    // What loops are made of.
    if (operator === ADD) return putInt(stack, at, (a + b) | 0)
    if (operator === SUB) return putInt(stack, at, (a - b) | 0)
    if (operator === LT) return putInt(stack, at, a < b ? 1 : 0)
  }
  switch (operator) {
    case ADD: {
      const low = (a + b) | 0
      const carry = low >>> 0 < a >>> 0 ? 1 : 0
      put(stack, at, low, (ah + bh + carry) | 0, cls)
      return true
    }
    case SUB: {
      const borrow = a >>> 0 < b >>> 0 ? 1 : 0
      put(stack, at, (a - b) | 0, (ah - bh - borrow) | 0, cls)
      return true
    }
    case MUL:
      put(stack, at, Math.imul(a, b), cls < CLASS_I64 ? 0 : multiplyHigh(a, ah, b, bh), cls)
      return true
    case DIV:
    case MOD:
      return divide(stack, at, operator, cls)
    case AND:
      put(stack, at, a & b, ah & bh, cls)
      return true
    case OR:
      put(stack, at, a | b, ah | bh, cls)
      return true
    case XOR:
      put(stack, at, a ^ b, ah ^ bh, cls)
      return true
    case SHL:
    case SHR:
      shift(stack, at, operator, cls)
      return true
    case EQ:
    case NE: {
      const same = a === b && (cls < CLASS_I64 || ah === bh)
      putBoolean(stack, at, same === (operator === EQ))
      return true
    }
    default: {
      const order = compare(a, ah, b, bh, cls)
      const holds =
        operator === LT
          ? order < 0
          : operator === LE
            ? order <= 0
            : operator === GT
              ? order > 0
              : order >= 0
      putBoolean(stack, at, holds)
      return true
    }
  }
}

/** Below 0, 0 or above: a before, equal to or behind b. */
function compare(a: number, ah: number, b: number, bh: number, cls: number): number {
  if (cls === CLASS_I32) return a - b
  const low = (a >>> 0) - (b >>> 0)
  if (cls === CLASS_U32 || ah === bh) return low
  return cls === CLASS_I64 ? ah - bh : (ah >>> 0) - (bh >>> 0)
}

/** The high half of the low 64 bits of a product. */
function multiplyHigh(a: number, ah: number, b: number, bh: number): number {
  const a0 = a & 0xffff
  const a1 = a >>> 16
  const b0 = b & 0xffff
  const b1 = b >>> 16
  const middle = a1 * b0 + ((a0 * b0) >>> 16)
  const other = a0 * b1 + (middle & 0xffff)
  const carried = a1 * b1 + Math.floor(middle / 0x1_0000) + Math.floor(other / 0x1_0000)
  return (carried + Math.imul(a, bh) + Math.imul(ah, b)) | 0
}

function shift(stack: number[], at: number, operator: number, cls: number): void {
  const low = stack[at]
  const high = stack[at + 1]
  if (cls < CLASS_I64) {
    const count = stack[at + 2] & 31
    const shifted =
      operator === SHL ? low << count : cls === CLASS_I32 ? low >> count : low >>> count
    put(stack, at, shifted | 0, 0, cls)
    return
  }
  const count = stack[at + 2] & 63
  if (count === 0) return
  const sign = cls === CLASS_I64 ? high >> 31 : 0
  if (operator === SHL) {
    if (count >= 32) put(stack, at, 0, low << (count - 32), cls)
    else put(stack, at, low << count, (high << count) | (low >>> (32 - count)), cls)
  } else if (count >= 32) {
    put(
      stack,
      at,
      (cls === CLASS_I64 ? high >> (count - 32) : high >>> (count - 32)) | 0,
      sign,
      cls,
    )
  } else {
    const rest = cls === CLASS_I64 ? high >> count : high >>> count
    put(stack, at, (low >>> count) | (high << (32 - count)), rest | 0, cls)
  }
}

function divide(stack: number[], at: number, operator: number, cls: number): boolean {
  if (cls < CLASS_I64) {
    const a = cls === CLASS_I32 ? stack[at] : stack[at] >>> 0
    const b = cls === CLASS_I32 ? stack[at + 2] : stack[at + 2] >>> 0
    if (b === 0 || (b === -1 && a === -0x8000_0000)) return false
    put(stack, at, (operator === DIV ? Math.trunc(a / b) : a % b) | 0, 0, cls)
    return true
  }
  const a = toBigint(stack, at, cls === CLASS_I64)
  const b = toBigint(stack, at + 2, cls === CLASS_I64)
  if (b === 0n || (b === -1n && a === -(1n << 63n))) return false
  fromBigint(stack, at, operator === DIV ? a / b : a % b)
  return true
}

export function toBigint(stack: number[], at: number, signed: boolean): bigint {
  const value = (BigInt(stack[at + 1] >>> 0) << 32n) | BigInt(stack[at] >>> 0)
  return signed ? BigInt.asIntN(64, value) : value
}

function fromBigint(stack: number[], at: number, value: bigint): void {
  stack[at] = Number(BigInt.asIntN(32, value))
  stack[at + 1] = Number(BigInt.asIntN(32, value >> 32n))
}
