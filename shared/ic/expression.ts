// Expressions.
//
//   comma      ::= assignment ( ',' assignment )*
//   assignment ::= conditional ( ( '=' | '+=' | … ) assignment )?
//   conditional::= binary ( '?' comma ':' conditional )?
//   binary     ::= unary ( operator unary )*           by precedence
//   unary      ::= ( '-' | '+' | '!' | '~' | '*' | '&' | '++' | '--' ) unary | '(' type ')' unary
//                | 'sizeof' ( unary | '(' type ')' ) | postfix
//   postfix    ::= primary ( '[' comma ']' | '(' arguments ')' | '++' | '--' )*
//   primary    ::= name | number | string+ | '(' comma ')'

import { findConstant, findPrototype } from '../libc/headers.ts'
import * as code from './code.ts'
import {
  convertTo,
  declareImplicit,
  emit,
  emitConversion,
  emitJump,
  enter,
  findSymbol,
  internString,
  landHere,
  leave,
  mkConstant,
  mkOperand,
  needValue,
  pushAddress,
  rejectUnknown,
  retype,
  rvalue,
  type Compiler,
  type Operand,
  type Place,
} from './compiler.ts'
import {
  arrayOf,
  CHAR,
  commonType,
  INT,
  pointerTo,
  promote,
  sameType,
  sizeOf,
  typeName,
  typeOfWords,
  ulongType,
  longType,
  VOID,
  FILE,
  type CType,
  type IntType,
  type PointerType,
} from './ctype.ts'
import {
  accept,
  expect,
  isPunct,
  parsePrototype,
  parseTypeName,
  peek,
  startsType,
  tokenName,
  type Prototype,
} from './declaration.ts'
import { reject } from './diagnostics.ts'
import { membersOf } from './struct.ts'
import type { Token } from './token.ts'

const precedences: Record<string, number> = {
  '||': 1,
  '&&': 2,
  '|': 3,
  '^': 4,
  '&': 5,
  '==': 6,
  '!=': 6,
  '<': 7,
  '<=': 7,
  '>': 7,
  '>=': 7,
  '<<': 8,
  '>>': 8,
  '+': 9,
  '-': 9,
  '*': 10,
  '/': 10,
  '%': 10,
}
const assignments = ['=', '+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '<<=', '>>=']

/** Functions whose output is what one wants to see, not their result. */
const quietFunctions = ['printf', 'puts', 'putchar', 'putc', 'fputc', 'fputs', 'fprintf', 'fflush']

export function parseComma(c: Compiler): Operand {
  let left = parseAssignment(c)
  while (accept(c, ',')) {
    rvalue(c, left)
    emit(c, code.DROP)
    const right = parseAssignment(c)
    left = { ...rvalue(c, right), label: right.label }
  }
  return left
}

export function parseAssignment(c: Compiler): Operand {
  enter(c)
  const left = parseConditional(c)
  const token = peek(c)
  const isAssignment = token.kind === 'punct' && assignments.includes(token.text)
  const result = isAssignment ? assign(c, left, token) : left
  leave(c)
  return result
}

/** The line's text between two places, on one line of its own. */
export function textOf(c: Compiler, place: Place): string {
  return c.line.slice(place.from, place.to).replace(/\s+/g, ' ')
}

function assign(c: Compiler, left: Operand, token: Token): Operand {
  const operator = token.text.slice(0, -1)
  c.at++
  const result = operator === '' ? assignPlain(c, left) : assignCompound(c, left, operator, token)
  const to = c.tokens[c.at - 1].to
  return { ...mkOperand('value', result, left.from, to), label: textOf(c, left) }
}

function assignPlain(c: Compiler, left: Operand): CType {
  if (left.kind === 'unknown') {
    const right = parseAssignment(c)
    if (isStructValue(right)) {
      const { type, address } = declareImplicit(c, left.name, right.type, left)
      return assignStruct(c, { ...left, kind: 'variable', type, address }, right)
    }
    const value = needValue(c, right)
    // The right side may have defined the name meanwhile: a = a = 1.
    const known = findSymbol(c, left.name)
    const symbol = known ?? declareImplicit(c, left.name, value.type, left)
    convertTo(c, value, symbol.type)
    store(c, { ...left, kind: 'variable', type: symbol.type, address: symbol.address })
    return symbol.type
  }
  if (isStructValue(left) && !left.type.constant) return assignStruct(c, left, parseAssignment(c))
  checkAssignable(left)
  const value = needValue(c, parseAssignment(c))
  const symbol = left.kind === 'variable' && left.name !== '' ? findSymbol(c, left.name) : undefined
  const type = symbol === undefined ? left.type : retype(c, symbol, value.type).type
  // A pointer without a declared type takes a number as an address.
  if (symbol?.implicit === true && type.kind === 'pointer' && value.type.kind === 'int') {
    emitConversion(c, value.type, type)
  } else convertTo(c, value, valueType(type))
  store(c, { ...left, type })
  return valueType(type)
}

export function isStructValue({ kind, type }: Operand): boolean {
  return type.kind === 'struct' && (kind === 'variable' || kind === 'place')
}

/** Copies a whole structure; its address is left on the stack. */
export function assignStruct(c: Compiler, left: Operand, right: Operand): CType {
  if (!isStructValue(right) || !sameType(left.type, right.type))
    reject('badStruct', right, { from: typeName(right.type), to: typeName(left.type) })
  rvalue(c, right)
  if (left.kind === 'variable') {
    pushAddress(c, left.address)
    emit(c, code.SWAP)
  }
  let index = c.names.indexOf('memcpy')
  if (index < 0) index = c.names.push('memcpy') - 1
  emit(c, code.PUSH, sizeOf(left.type, c.bits), 0, code.CALL, index, 3)
  return left.type
}

/** What an lvalue's value is: a void in memory counts as a byte. */
export function valueType(type: CType): CType {
  return type.kind === 'void' ? CHAR : type
}

function assignCompound(c: Compiler, left: Operand, operator: string, token: Token): CType {
  if (left.kind === 'unknown') rejectUnknown(c, left, 'unknownName')
  checkAssignable(left)
  if (left.kind === 'place') emit(c, code.DUP)
  const old = rvalue(c, left)
  const leftValue = { ...old, type: valueType(old.type) }
  const right = needValue(c, parseAssignment(c))
  const type = emitBinary(c, leftValue, right, operator, token)
  emitConversion(c, type, valueType(left.type))
  store(c, left)
  return valueType(left.type)
}

export function store(c: Compiler, left: Operand): void {
  const kind = code.kindOf(left.type, c.bits)
  if (left.kind === 'variable') emit(c, code.STORE_VARIABLE, kind, left.address)
  else emit(c, code.STORE, kind)
}

function checkAssignable(left: Operand): void {
  if (left.kind === 'function')
    reject('functionNotCalled', left, { name: left.name, prototype: left.label })
  if (left.kind !== 'variable' && left.kind !== 'place') reject('notAnLvalue', left)
  if (left.type.kind === 'array') reject('assignArray', left)
  if (left.type.kind === 'struct') reject('structValue', left, { type: typeName(left.type) })
  if (left.type.constant)
    reject('assignConst', left, { name: left.name === '' ? typeName(left.type) : left.name })
}

function parseConditional(c: Compiler): Operand {
  const condition = parseBinary(c, 1)
  if (!isPunct(c, '?')) return condition
  enter(c)
  c.at++
  needValue(c, condition)
  const toElse = emitJump(c, code.JUMP_IF_ZERO)
  const first = rvalue(c, parseComma(c))
  const toEnd = emitJump(c, code.JUMP)
  expect(c, ':')
  landHere(c, toElse)
  const second = rvalue(c, parseConditional(c))
  landHere(c, toEnd)
  leave(c)
  const type = conditionalType(first, second)
  if (type.kind === 'int') emit(c, code.CONVERT, code.kindOf(type, c.bits))
  return mkOperand('value', type, condition.from, second.to)
}

function conditionalType(first: Operand, second: Operand): CType {
  const a = first.type
  const b = second.type
  if (a.kind === 'int' && b.kind === 'int') return commonType(a, b)
  if (a.kind === 'pointer' && (second.isNull || b.kind === 'pointer')) {
    return b.kind === 'pointer' && b.to.kind === 'void' && !second.isNull ? b : a
  }
  if (b.kind === 'pointer' && first.isNull) return b
  if (a.kind === 'void' && b.kind === 'void') return VOID
  return reject(
    'badOperands',
    { from: first.from, to: second.to },
    {
      operator: '?:',
      left: typeName(a),
      right: typeName(b),
    },
  )
}

function parseBinary(c: Compiler, least: number): Operand {
  let left = parseUnary(c)
  for (;;) {
    const token = peek(c)
    const precedence = token.kind === 'punct' ? precedences[token.text] : undefined
    if (precedence === undefined || precedence < least) return left
    c.at++
    if (token.text === '&&' || token.text === '||')
      left = parseLogical(c, left, token.text, precedence)
    else left = parseArithmetic(c, left, token, precedence)
  }
}

/** The right side is evaluated only when the left has not decided. */
function parseLogical(c: Compiler, left: Operand, operator: string, precedence: number): Operand {
  const decides = operator === '||'
  needValue(c, left)
  if (decides) emit(c, code.NOT)
  const first = emitJump(c, code.JUMP_IF_ZERO)
  const right = needValue(c, parseBinary(c, precedence + 1))
  if (decides) emit(c, code.NOT)
  const second = emitJump(c, code.JUMP_IF_ZERO)
  emit(c, code.PUSH, decides ? 0 : 1, 0)
  const end = emitJump(c, code.JUMP)
  landHere(c, first)
  landHere(c, second)
  emit(c, code.PUSH, decides ? 1 : 0, 0)
  landHere(c, end)
  return mkOperand('value', INT, left.from, right.to)
}

function parseArithmetic(c: Compiler, left: Operand, token: Token, precedence: number): Operand {
  const start = c.code.length
  const leftValue = needValue(c, left)
  const right = parseBinary(c, precedence + 1)
  const folded = fold(c, left, right, token.text)
  if (folded !== null) {
    c.code.length = start
    return folded
  }
  const rightValue = needValue(c, right)
  const type = emitBinary(c, leftValue, rightValue, token.text, token)
  return mkOperand('value', type, left.from, rightValue.to)
}

/** Two integer constants make one, as lengths of arrays need it. A division by zero is left to happen. */
function fold(c: Compiler, left: Operand, right: Operand, operator: string): Operand | null {
  if (left.kind !== 'constant' || right.kind !== 'constant') return null
  if (left.type.kind !== 'int' || right.type.kind !== 'int') return null
  const { opcode, type } = integerOperation(left.type, right.type, operator)
  const stack = [left.low, left.high, right.low, right.high]
  if (!code.binary(stack, 0, opcode)) return null
  return mkConstant(type, stack[0], stack[1], left.from, right.to)
}

/** Which instruction computes it (without BINARY), and the type of the result. */
function integerOperation(
  a: IntType,
  b: IntType,
  operator: string,
): { opcode: number; type: IntType } {
  const index = code.operators.indexOf(operator)
  const common = index === code.SHL || index === code.SHR ? promote(a) : commonType(a, b)
  return { opcode: index * 4 + code.classOf(common), type: index >= code.LT ? INT : common }
}

/** Both values are on the stack, the right one on top. */
function emitBinary(
  c: Compiler,
  left: Operand,
  right: Operand,
  operator: string,
  token: Token,
): CType {
  const a = left.type
  const b = right.type
  if (a.kind === 'int' && b.kind === 'int') {
    const { opcode, type } = integerOperation(a, b, operator)
    emit(c, code.BINARY + opcode)
    return type
  }
  const refuse = (): never =>
    reject('badOperands', token, { operator, left: typeName(a), right: typeName(b) })
  const index = code.operators.indexOf(operator)
  const cls = code.pointerClass(c.bits)
  if (index >= code.LT) {
    comparePointers(c, left, right, refuse)
    emit(c, code.BINARY + index * 4 + cls)
    return INT
  }
  if (a.kind === 'pointer' && b.kind === 'int' && (operator === '+' || operator === '-')) {
    emitScale(c, a)
    emit(c, code.BINARY + index * 4 + cls)
    return a
  }
  if (a.kind === 'int' && b.kind === 'pointer' && operator === '+') {
    emit(c, code.SWAP)
    emitScale(c, b)
    emit(c, code.BINARY + index * 4 + cls)
    return b
  }
  if (a.kind === 'pointer' && b.kind === 'pointer' && operator === '-') {
    const signed = c.bits === 64 ? code.CLASS_I64 : code.CLASS_I32
    emit(c, code.BINARY + code.SUB * 4 + signed)
    const size = sizeOf(a.to, c.bits)
    if (size > 1) emit(c, code.PUSH, size, 0, code.BINARY + code.DIV * 4 + signed)
    return longType(c.bits)
  }
  return refuse()
}

function comparePointers(c: Compiler, left: Operand, right: Operand, refuse: () => never): void {
  const a = left.type
  const b = right.type
  if (a.kind === 'void' || b.kind === 'void') refuse()
  if (a.kind === 'pointer' && b.kind === 'pointer') return
  const [value, pointer] = a.kind === 'int' ? [left, b] : [right, a]
  if (!value.isNull) convertTo({ ...c, code: [] }, value, pointer)
}

/** The number on top becomes a number of bytes. */
function emitScale(c: Compiler, pointer: PointerType): void {
  const size = sizeOf(pointer.to, c.bits)
  if (size !== 1)
    emit(c, code.PUSH, size, 0, code.BINARY + code.MUL * 4 + code.pointerClass(c.bits))
}

function parseUnary(c: Compiler): Operand {
  enter(c)
  const operand = parseUnaryHere(c)
  leave(c)
  return operand
}

function parseUnaryHere(c: Compiler): Operand {
  const token = peek(c)
  if (token.kind === 'name' && token.text === 'sizeof') return parseSizeof(c, token)
  if (token.kind !== 'punct') return parsePostfix(c)
  switch (token.text) {
    case '-':
    case '+':
    case '~':
      c.at++
      return parseSign(c, token)
    case '!': {
      c.at++
      const operand = needValue(c, parseUnary(c))
      emit(c, code.NOT)
      return mkOperand('value', INT, token.from, operand.to)
    }
    case '*':
      c.at++
      return dereference(c, parseUnary(c), token.from)
    case '&':
      c.at++
      return addressOf(c, parseUnary(c), token.from)
    case '++':
    case '--':
      c.at++
      return parseStep(c, parseUnary(c), token, false)
    case '(':
      return isCast(c) ? parseCast(c) : parsePostfix(c)
    default:
      return parsePostfix(c)
  }
}

function parseSign(c: Compiler, token: Token): Operand {
  const start = c.code.length
  const operand = parseUnary(c)
  const value = needValue(c, operand)
  if (value.type.kind !== 'int') {
    reject('badOperand', value, { operator: token.text, type: typeName(value.type) })
  }
  const type = promote(value.type)
  const cls = code.classOf(type)
  if (operand.kind === 'constant') {
    c.code.length = start
    const stack = [operand.low, operand.high]
    if (token.text === '-') code.negate(stack, 0, cls)
    else if (token.text === '~') code.complement(stack, 0, cls)
    return mkConstant(type, stack[0], stack[1], token.from, operand.to)
  }
  if (token.text === '-') emit(c, code.NEGATE, cls)
  else if (token.text === '~') emit(c, code.COMPLEMENT, cls)
  return mkOperand('value', type, token.from, operand.to)
}

function dereference(c: Compiler, operand: Operand, from: number): Operand {
  const value = needValue(c, operand)
  if (value.type.kind !== 'pointer') reject('notAPointer', value, { type: typeName(value.type) })
  return mkOperand('place', value.type.to, from, operand.to)
}

function addressOf(c: Compiler, operand: Operand, from: number): Operand {
  if (operand.kind === 'unknown') rejectUnknown(c, operand, 'unknownName')
  if (operand.kind === 'function')
    reject('functionNotCalled', operand, { name: operand.name, prototype: operand.label })
  if (operand.kind === 'variable') pushAddress(c, operand.address)
  else if (operand.kind !== 'place') reject('noAddress', operand)
  return mkOperand('value', pointerTo(operand.type), from, operand.to)
}

/** ++ and --; `old`: the value is that from before. */
function parseStep(c: Compiler, operand: Operand, token: Token, old: boolean): Operand {
  if (operand.kind === 'unknown') rejectUnknown(c, operand, 'unknownName')
  checkAssignable(operand)
  const type = valueType(operand.type)
  const unit = type.kind === 'pointer' ? sizeOf(type.to, c.bits) : 1
  const delta = token.text === '++' ? unit : -unit
  const kind = code.kindOf(operand.type, c.bits)
  if (operand.kind === 'variable')
    emit(c, code.STEP_VARIABLE, kind, operand.address, delta, old ? 1 : 0)
  else emit(c, code.STEP, kind, delta, old ? 1 : 0)
  return mkOperand(
    'value',
    type,
    Math.min(operand.from, token.from),
    Math.max(operand.to, token.to),
  )
}

function isCast(c: Compiler): boolean {
  c.at++
  const cast = startsType(c)
  c.at--
  return cast
}

function parseCast(c: Compiler): Operand {
  const { from } = peek(c)
  const open = peek(c)
  c.at++
  const type = parseTypeName(c, () => parseLength(c))
  closeParen(c, open)
  const start = c.code.length
  const operand = parseUnary(c)
  if (type.kind === 'void') {
    rvalue(c, operand)
    return mkOperand('value', VOID, from, operand.to)
  }
  const value = needValue(c, operand)
  if (
    type.kind === 'array' ||
    type.kind === 'struct' ||
    (value.type.kind !== 'int' && value.type.kind !== 'pointer')
  ) {
    reject('badCast', { from, to: operand.to }, { from: typeName(value.type), to: typeName(type) })
  }
  if (operand.kind === 'constant') {
    c.code.length = start
    const stack = [operand.low, operand.high]
    code.convert(stack, 0, code.kindOf(type, c.bits))
    const constant = mkConstant(type, stack[0], stack[1], from, operand.to)
    return {
      ...constant,
      isNull: constant.isNull && (type.kind === 'int' || type.kind === 'pointer'),
    }
  }
  emitConversion(c, value.type, type)
  return mkOperand('value', type, from, operand.to)
}

/** The operand of sizeof is only looked at: its code is taken back. */
function parseSizeof(c: Compiler, token: Token): Operand {
  c.at++
  const start = c.code.length
  const kept = { names: c.names.length, warnings: c.warnings.length }
  const type = isPunct(c, '(') && isCast(c) ? parseSizedType(c) : sizedOperand(c)
  c.code.length = start
  c.names.length = kept.names
  c.warnings.length = kept.warnings
  const to = c.tokens[c.at - 1].to
  return mkConstant(ulongType(c.bits), sizeOf(type, c.bits), 0, token.from, to)
}

function parseSizedType(c: Compiler): CType {
  const open = peek(c)
  c.at++
  const type = parseTypeName(c, () => parseLength(c))
  closeParen(c, open)
  return type
}

function sizedOperand(c: Compiler): CType {
  const operand = parseUnary(c)
  if (operand.kind === 'unknown') rejectUnknown(c, operand, 'unknownName')
  if (operand.kind === 'function')
    reject('functionNotCalled', operand, { name: operand.name, prototype: operand.label })
  return operand.type
}

/** A positive constant between [ and ]. */
export function parseLength(c: Compiler): number {
  const operand = parseConditional(c)
  const length = operand.high * 0x1_0000_0000 + (operand.low >>> 0)
  const fine =
    operand.kind === 'constant' &&
    operand.type.kind === 'int' &&
    length > 0 &&
    length <= 0x7fff_ffff
  if (!fine) reject('arraySize', operand)
  return length
}

export function closeParen(c: Compiler, open: Token): void {
  if (accept(c, ')')) return
  const token = peek(c)
  if (token.kind === 'end' || (token.kind === 'punct' && ';}'.includes(token.text)))
    reject('missingParen', open)
  reject('expected', token, { what: ')', found: tokenName(token) })
}

function parsePostfix(c: Compiler): Operand {
  let operand = parsePrimary(c)
  for (;;) {
    const token = peek(c)
    if (token.kind !== 'punct') return operand
    if (token.text === '[') operand = parseIndex(c, operand, token)
    else if (token.text === '(') operand = parseCall(c, operand, token)
    else if (token.text === '++' || token.text === '--') {
      c.at++
      operand = parseStep(c, operand, token, true)
    } else if (token.text === '.' || token.text === '->') operand = parseMember(c, operand, token)
    else return operand
  }
}

/** a[i] is *(a + i). */
function parseIndex(c: Compiler, operand: Operand, open: Token): Operand {
  const base = needValue(c, operand)
  c.at++
  const index = needValue(c, parseComma(c))
  const close = peek(c)
  if (!accept(c, ']')) {
    if (close.kind === 'end' || isPunct(c, ';')) reject('missingBracket', open)
    reject('expected', close, { what: ']', found: tokenName(close) })
  }
  const places = { from: operand.from, to: close.to }
  if (base.type.kind === 'int' && index.type.kind === 'pointer') {
    emit(c, code.SWAP)
    return indexed(c, index.type, places)
  }
  if (base.type.kind !== 'pointer' || index.type.kind !== 'int') {
    reject('badSubscript', places, { left: typeName(base.type), right: typeName(index.type) })
  }
  return indexed(c, base.type, places)
}

/** s.m, and p->m, which is (*p).m. */
function parseMember(c: Compiler, operand: Operand, token: Token): Operand {
  if (operand.kind === 'unknown') rejectUnknown(c, operand, 'unknownName')
  const whole = token.text === '->' ? dereference(c, operand, operand.from) : operand
  const { type } = whole
  c.at++
  const name = peek(c)
  if (name.kind !== 'name') reject('expectedName', name, { found: tokenName(name) })
  if (type.kind === 'pointer' && type.to.kind === 'struct')
    reject('useArrow', token, { type: typeName(type), name: name.text })
  if (type.kind !== 'struct' || (whole.kind !== 'variable' && whole.kind !== 'place'))
    reject('notAStruct', operand, { type: typeName(type) })
  const members = membersOf(type, c.bits)
  const member = members.find((one) => one.name === name.text)
  if (member === undefined) {
    const names = members.map((one) => one.name).join(', ')
    reject('notAMember', name, { type: typeName(type), name: name.text, members: names })
  }
  c.at++
  const place = mkOperand(whole.kind, member.type, operand.from, name.to)
  if (whole.kind === 'variable') return { ...place, address: whole.address + member.offset }
  if (member.offset > 0)
    emit(c, code.PUSH, member.offset, 0, code.BINARY + code.ADD * 4 + code.pointerClass(c.bits))
  return place
}

function indexed(c: Compiler, pointer: PointerType, place: Place): Operand {
  emitScale(c, pointer)
  emit(c, code.BINARY + code.ADD * 4 + code.pointerClass(c.bits))
  return mkOperand('place', pointer.to, place.from, place.to)
}

function parseCall(c: Compiler, operand: Operand, open: Token): Operand {
  if (operand.kind === 'unknown') rejectUnknown(c, operand, 'unknownFunction')
  if (operand.kind !== 'function') reject('notAFunction', operand, { name: textOf(c, operand) })
  const prototype = parsePrototype(operand.label, c.bits)
  c.at++
  const count = parseArguments(c, prototype, open)
  const to = c.tokens[c.at - 1].to
  const place = { from: operand.from, to }
  const counts = { name: operand.name, given: count, prototype: operand.label }
  if (count < prototype.params.length) reject('tooFewArguments', place, counts)
  if (count > prototype.params.length && !prototype.variadic)
    reject('tooManyArguments', place, counts)
  let index = c.names.indexOf(operand.name)
  if (index < 0) index = c.names.push(operand.name) - 1
  emit(c, code.CALL, index, count)
  // What comes back is widened as a signed number: -1 for MAP_FAILED.
  if (code.kindOf(prototype.result, c.bits) === code.U32) emit(c, code.CONVERT, code.U32)
  // A structure comes back by its address.
  const kind = prototype.result.kind === 'struct' ? 'place' : 'value'
  const result = mkOperand(kind, prototype.result, operand.from, to)
  return { ...result, quiet: quietFunctions.includes(operand.name) }
}

function parseArguments(c: Compiler, prototype: Prototype, open: Token): number {
  let count = 0
  if (!isPunct(c, ')')) {
    do {
      const value = needValue(c, parseAssignment(c))
      if (count < prototype.params.length) convertTo(c, value, prototype.params[count])
      count++
    } while (accept(c, ','))
  }
  closeParen(c, open)
  return count
}

function parsePrimary(c: Compiler): Operand {
  const token = peek(c)
  if (token.kind === 'number') {
    c.at++
    return mkConstant(token.type, token.low, token.high, token.from, token.to)
  }
  if (token.kind === 'string') return parseString(c, token)
  if (token.kind === 'name') {
    if (startsType(c)) reject('expectedExpression', token, { found: token.text })
    c.at++
    return lookUp(c, token)
  }
  if (token.kind === 'punct' && token.text === '(') {
    c.at++
    const operand = parseComma(c)
    closeParen(c, token)
    // In parentheses an assignment is a value like others.
    return {
      ...operand,
      from: token.from,
      to: c.tokens[c.at - 1].to,
      label: operand.kind === 'function' ? operand.label : '',
      quiet: false,
    }
  }
  return reject('expectedExpression', token, { found: tokenName(token) })
}

/** Neighbouring literals are one. */
function parseString(c: Compiler, first: Token): Operand {
  const bytes: number[] = []
  let to = first.to
  while (peek(c).kind === 'string') {
    for (const byte of peek(c).bytes) bytes.push(byte)
    to = peek(c).to
    c.at++
  }
  const address = internString(c, bytes, first)
  return { ...mkOperand('variable', arrayOf(CHAR, bytes.length + 1), first.from, to), address }
}

const files = ['stdin', 'stdout', 'stderr']
const reservedWords = [
  'if',
  'else',
  'while',
  'for',
  'do',
  'break',
  'continue',
  'return',
  'goto',
  'switch',
  'case',
  'default',
  'struct',
]

function lookUp(c: Compiler, token: Token): Operand {
  const name = token.text
  const symbol = findSymbol(c, name)
  if (symbol !== undefined) {
    return {
      ...mkOperand('variable', symbol.type, token.from, token.to),
      address: symbol.address,
      name,
    }
  }
  if (name === 'errno') {
    return { ...mkOperand('variable', INT, token.from, token.to), address: c.scope.errnoAddress }
  }
  const constant = findConstant(name, c.bits)
  if (constant !== null) {
    const type = constantType(constant.type, c)
    const low = Number(BigInt.asIntN(32, constant.value))
    const high = Number(BigInt.asIntN(32, constant.value >> 32n))
    const narrow = code.kindOf(type, c.bits) === code.U32
    return mkConstant(type, low, narrow ? 0 : high, token.from, token.to)
  }
  if (files.includes(name)) {
    const address = c.scope.files[files.indexOf(name)]
    return mkConstant(
      pointerTo(FILE),
      address | 0,
      Math.floor(address / 0x1_0000_0000),
      token.from,
      token.to,
    )
  }
  const prototype = findPrototype(name)
  if (prototype !== null)
    return { ...mkOperand('function', VOID, token.from, token.to), name, label: prototype }
  if (reservedWords.includes(name)) reject('expectedExpression', token, { found: name })
  return { ...mkOperand('unknown', INT, token.from, token.to), name }
}

function constantType(text: string, c: Compiler): CType {
  if (text === 'void *') return pointerTo(VOID)
  return typeOfWords(text.split(' '), c.bits)!
}
