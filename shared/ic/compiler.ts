// The compiler's state and its tools: emitting code, defining names, converting values. It works in one pass: the
// parser (expression.ts, statement.ts) emits code while it reads.

import { constantNames, functionNames } from '../libc/headers.ts'
import { kindOf } from './code.ts'
import * as code from './code.ts'
import {
  alignOf,
  pointerTo,
  sameType,
  sizeOf,
  typeName,
  type CType,
  type IntType,
} from './ctype.ts'
import type { Cursor } from './declaration.ts'
import { reject, type Diagnostic, type DiagnosticKey } from './diagnostics.ts'
import { nearest } from './near.ts'
import type { IcSymbol, Literal, Scope } from './scope.ts'

/** What a RESULT instruction shows: `label = value`, or the value alone. */
export interface Shown {
  label: string
  type: CType
}

/** Loops that surround what is being read: jumps to be filled in. */
export interface Loop {
  breaks: number[]
  continues: number[]
}

export interface Compiler extends Cursor {
  line: string
  scope: Scope
  code: number[]
  names: string[] // functions called
  shown: Shown[]
  literals: Literal[]
  warnings: Diagnostic[]
  loops: Loop[]
  depth: number
}

/**
 * An expression that has been read. What its code has left on the stack depends on `kind`:
 *   value      the value
 *   place      the address of an lvalue
 *   variable   nothing; an lvalue at a fixed address
 *   constant   nothing
 *   unknown    nothing; a name that is not defined (it may be about to be, by an assignment)
 *   function   nothing; a function's name
 */
export interface Operand {
  kind: 'value' | 'place' | 'variable' | 'constant' | 'unknown' | 'function'
  type: CType
  address: number // of a variable
  low: number // of a constant
  high: number
  name: string
  from: number // in the line
  to: number
  label: string // of an assignment: what is assigned to, as written
  quiet: boolean // a call whose effect is all that one wants to see: printf
  isNull: boolean // the constant 0: converts to any pointer
}

const MAX_DEPTH = 100

/** Goes one level deeper into what the line nests. */
export function enter(c: Compiler): void {
  if (++c.depth > MAX_DEPTH) reject('tooDeep', c.tokens[c.at])
}

export function leave(c: Compiler): void {
  c.depth--
}

export function emit(c: Compiler, ...words: number[]): void {
  c.code.push(...words)
}

/** A jump whose target is filled in later; returns where. */
export function emitJump(c: Compiler, opcode: number): number {
  c.code.push(opcode, 0)
  return c.code.length - 1
}

/** That jump leads to what comes next. */
export function landHere(c: Compiler, jump: number): void {
  c.code[jump] = c.code.length
}

export function mkOperand(kind: Operand['kind'], type: CType, from: number, to: number): Operand {
  return {
    kind,
    type,
    address: 0,
    low: 0,
    high: 0,
    name: '',
    from,
    to,
    label: '',
    quiet: false,
    isNull: false,
  }
}

export function mkConstant(
  type: CType,
  low: number,
  high: number,
  from: number,
  to: number,
): Operand {
  return { ...mkOperand('constant', type, from, to), low, high, isNull: (low | high) === 0 }
}

/** The type as a value: an array becomes a pointer to its first element. */
export function decayed(type: CType): CType {
  return type.kind === 'array' ? pointerTo(type.of) : type
}

/** It takes more than one word: its address stands for it. */
function isAggregate(type: CType): boolean {
  return type.kind === 'array' || type.kind === 'struct'
}

/** Emits what is missing so that the operand's value is on the stack; of a structure its address. */
export function rvalue(c: Compiler, operand: Operand): Operand {
  const { type } = operand
  switch (operand.kind) {
    case 'unknown':
      return rejectUnknown(c, operand, 'unknownName')
    case 'function':
      return reject('functionNotCalled', operand, { name: operand.name, prototype: operand.label })
    case 'constant':
      emit(c, code.PUSH, operand.low, operand.high)
      break
    case 'variable':
      if (isAggregate(type)) pushAddress(c, operand.address)
      else emit(c, code.LOAD_VARIABLE, kindOf(type, c.bits), operand.address)
      break
    case 'place':
      if (!isAggregate(type)) emit(c, code.LOAD, kindOf(type, c.bits))
      break
    case 'value':
  }
  return { ...operand, kind: 'value', type: decayed(type) }
}

/** The same, and what has no value of its own is refused: void, structures. */
export function needValue(c: Compiler, operand: Operand): Operand {
  const { type } = operand
  if (type.kind === 'void' && operand.kind === 'value') reject('voidValue', operand)
  if (type.kind === 'struct') reject('structValue', operand, { type: typeName(type) })
  const value = rvalue(c, operand)
  // A void in memory (*p of a void *p) is taken for a byte.
  return value.type.kind === 'void' ? { ...value, type: BYTE } : value
}

const BYTE: IntType = { kind: 'int', name: 'char', size: 1, signed: true, constant: false }

export function pushAddress(c: Compiler, address: number): void {
  emit(c, code.PUSH, address | 0, Math.floor(address / 0x1_0000_0000))
}

/** Where a diagnostic points. */
export interface Place {
  from: number
  to: number
}

export function warn(
  c: Compiler,
  key: DiagnosticKey,
  place: Place,
  params: Diagnostic['params'],
): void {
  c.warnings.push({ key, params, severity: 'warning', from: place.from, to: place.to })
}

/** Nobody knows that name: says so, and what was probably meant. */
export function rejectUnknown(
  c: Compiler,
  place: Place & { name: string },
  key: 'unknownName' | 'unknownFunction',
): never {
  const { name } = place
  const near =
    key === 'unknownFunction'
      ? nearest(name, [...functionNames(), 'if', 'for', 'while', 'sizeof'])
      : nearest(name, [...c.scope.symbols.keys(), ...constantNames(), ...functionNames(), 'errno'])
  if (near === null) reject(key, place, { name })
  const nearKey = key === 'unknownName' ? 'unknownNameNear' : 'unknownFunctionNear'
  return reject(nearKey, place, { name, near })
}

/** Converts the value on the stack as an assignment or an argument does. */
export function convertTo(c: Compiler, value: Operand, to: CType): void {
  const from = value.type
  if (to.kind === 'int' && from.kind === 'int') {
    emitConversion(c, from, to)
    return
  }
  const names = { from: typeName(from), to: typeName(to) }
  if (to.kind === 'pointer' && from.kind === 'pointer') {
    const loose = to.to.kind === 'void' || from.to.kind === 'void' || isCharLike(to.to, from.to)
    if (!loose && !sameType(to, from)) warn(c, 'otherPointer', value, names)
  } else if (to.kind === 'pointer' && from.kind === 'int') {
    if (!value.isNull) warn(c, 'pointerFromInteger', value, names)
    emitConversion(c, from, to)
  } else if (to.kind === 'int' && from.kind === 'pointer') {
    if (kindOf(to, c.bits) !== code.BOOLEAN) warn(c, 'integerFromPointer', value, names)
    emitConversion(c, from, to)
  } else reject('badConversion', value, names)
}

function isCharLike(a: CType, b: CType): boolean {
  return a.kind === 'int' && b.kind === 'int' && a.size === 1 && b.size === 1
}

/** Values are kept widened: only a narrower type, or another sign of at most 32 bits, takes an instruction. */
export function emitConversion(c: Compiler, from: CType, to: CType): void {
  const kind = kindOf(to, c.bits)
  if (kind !== code.WORD64 && kind !== kindOf(from, c.bits)) emit(c, code.CONVERT, kind)
}

/** A variable by its name, or undefined. */
export function findSymbol(c: Compiler, name: string): IcSymbol | undefined {
  return c.scope.symbols.get(name)
}

/** Makes room in the process's memory for variables. */
export function allocate(c: Compiler, size: number, align: number, place: Place): number {
  const { scope } = c
  const address = Math.ceil(scope.next / align) * align
  if (address + size > scope.end)
    reject('noRoom', place, { size, left: Math.max(0, scope.end - address) })
  scope.next = address + size
  return address
}

/** Defines a variable; one of the same size keeps its place, and so its value. */
export function declare(c: Compiler, name: string, type: CType, place: Place): IcSymbol {
  const size = sizeOf(type, c.bits)
  const old = findSymbol(c, name)
  const reuse = old !== undefined && old.size >= size && sizeOf(old.type, c.bits) === size
  const address = reuse ? old.address : allocate(c, size, alignOf(type, c.bits), place)
  const symbol = { name, type, address, size: reuse ? old.size : size, implicit: false }
  c.scope.symbols.set(name, symbol)
  return symbol
}

const IMPLICIT_SIZE = 8

/** Defines a name by the type of what is assigned to it. */
export function declareImplicit(c: Compiler, name: string, type: CType, place: Place): IcSymbol {
  const address = allocate(c, IMPLICIT_SIZE, IMPLICIT_SIZE, place)
  const symbol = {
    name,
    type: { ...type, constant: false },
    address,
    size: IMPLICIT_SIZE,
    implicit: true,
  }
  c.scope.symbols.set(name, symbol)
  return symbol
}

/** A name that no declaration has given a type changes from an integer to a pointer, and from void * to a better one. */
export function retype(c: Compiler, symbol: IcSymbol, to: CType): IcSymbol {
  const { type } = symbol
  if (!symbol.implicit || to.kind !== 'pointer') return symbol
  const vague = type.kind === 'int' || (type.kind === 'pointer' && type.to.kind === 'void')
  if (!vague) return symbol
  const changed = { ...symbol, type: to }
  c.scope.symbols.set(symbol.name, changed)
  return changed
}

/** The address of a string literal; equal ones are stored once. */
export function internString(c: Compiler, bytes: number[], place: Place): number {
  let key = ''
  for (const byte of bytes) key += String.fromCharCode(byte)
  const known = c.scope.strings.get(key)
  if (known !== undefined) return known
  const address = allocate(c, bytes.length + 1, 1, place)
  c.scope.strings.set(key, address)
  c.literals.push({ address, bytes: [...bytes, 0] })
  return address
}
