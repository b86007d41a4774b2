// Statements.
//
//   line        ::= statement*
//   statement   ::= declaration | expression ';' | '{' statement* '}' | 'if' '(' e ')' statement ( 'else' statement )?
//                 | 'while' '(' e ')' statement | 'do' statement 'while' '(' e ')' ';'
//                 | 'for' '(' ( declaration | e? ';' ) e? ';' e? ')' statement | 'break' ';' | 'continue' ';' | ';'
//   declaration ::= type declarator ( '=' initializer )? ( ',' … )* ';'
//
// The last ';' of a line may be left out. A name belongs to the process, not to the block that declares it.

import { findPrototype, findConstant } from '../libc/headers.ts'
import * as code from './code.ts'
import {
  convertTo,
  declare,
  emit,
  emitJump,
  enter,
  landHere,
  leave,
  mkOperand,
  needValue,
  pushAddress,
  rvalue,
  type Compiler,
  type Loop,
  type Operand,
} from './compiler.ts'
import { arrayOf, sizeOf, type ArrayType, type CType, type StructType } from './ctype.ts'
import { membersOf } from './struct.ts'
import {
  accept,
  expect,
  isPunct,
  parseBaseType,
  parsePointers,
  peek,
  startsType,
  tokenName,
} from './declaration.ts'
import { reject } from './diagnostics.ts'
import {
  assignStruct,
  isStructValue,
  closeParen,
  parseAssignment,
  parseComma,
  parseLength,
  store,
  valueType,
} from './expression.ts'
import { nearestKeyword } from './near.ts'
import type { Token } from './token.ts'

const unsupported = ['goto', 'switch', 'case', 'default']

/** All statements up to the end; each shows its result. */
export function parseLine(c: Compiler): void {
  while (peek(c).kind !== 'end') {
    if (isPunct(c, '}')) reject('strayBrace', peek(c))
    parseStatement(c, true)
  }
  emit(c, code.END)
}

/** `top`: it stands alone, so its result is shown. */
function parseStatement(c: Compiler, top: boolean): void {
  enter(c)
  const token = peek(c)
  if (token.kind === 'name') parseNamed(c, token, top)
  else if (isPunct(c, '{')) parseBlock(c)
  else if (!accept(c, ';')) parseExpressionStatement(c, top)
  leave(c)
}

function parseNamed(c: Compiler, token: Token, top: boolean): void {
  switch (token.text) {
    case 'if':
      return parseIf(c)
    case 'while':
      return parseWhile(c)
    case 'do':
      return parseDo(c)
    case 'for':
      return parseFor(c)
    case 'break':
    case 'continue':
      return parseJump(c, token)
    case 'else':
      return reject('elseWithoutIf', token)
    case 'return':
      return reject('noReturn', token)
    default:
      if (unsupported.includes(token.text)) reject('unsupported', token, { word: token.text })
      if (startsType(c)) parseDeclaration(c, top)
      else parseExpressionStatement(c, top)
  }
}

/** The ';' behind a statement; before the end of the line it may be missing. */
function endStatement(c: Compiler): void {
  if (accept(c, ';') || peek(c).kind === 'end') return
  const token = peek(c)
  reject('expected', token, { what: ';', found: tokenName(token) })
}

function parseExpressionStatement(c: Compiler, top: boolean): void {
  const first = peek(c)
  const operand = parseComma(c)
  const next = peek(c)
  if (operand.kind === 'unknown' && next.kind !== 'end' && !isPunct(c, ';')) misread(c, first)
  finishExpression(c, operand, top)
  endStatement(c)
}

/** `whlie (x) …`: a keyword was meant. */
function misread(c: Compiler, first: Token): void {
  const near = nearestKeyword(first.text)
  if (near !== null) reject('unknownNameNear', first, { name: first.text, near })
}

function finishExpression(c: Compiler, operand: Operand, top: boolean): void {
  const value = rvalue(c, operand)
  const type = operand.kind === 'place' ? valueType(value.type) : value.type
  if (top && type.kind !== 'void' && !operand.quiet) show(c, operand.label, type)
  else emit(c, code.DROP)
}

function show(c: Compiler, label: string, type: CType): void {
  emit(c, code.RESULT, c.shown.push({ label, type }) - 1)
}

function parseBlock(c: Compiler): void {
  const open = peek(c)
  c.at++
  while (!accept(c, '}')) {
    if (peek(c).kind === 'end') reject('missingBrace', open)
    parseStatement(c, false)
  }
}

/** '(' e ')': the value is on the stack. */
function parseCondition(c: Compiler): void {
  const open = expect(c, '(')
  needValue(c, parseComma(c))
  closeParen(c, open)
}

/** The statement that a loop or an if governs; a line that ends before it is not complete. */
function parseBody(c: Compiler): void {
  const token = peek(c)
  if (token.kind === 'end') reject('expectedExpression', token, { found: tokenName(token) })
  parseStatement(c, false)
}

function parseIf(c: Compiler): void {
  c.at++
  parseCondition(c)
  const toElse = emitJump(c, code.JUMP_IF_ZERO)
  parseBody(c)
  const token = peek(c)
  if (token.kind !== 'name' || token.text !== 'else') {
    landHere(c, toElse)
    return
  }
  c.at++
  const toEnd = emitJump(c, code.JUMP)
  landHere(c, toElse)
  parseBody(c)
  landHere(c, toEnd)
}

/** Reads a loop's body; `continue` leads to what the caller emits next. */
function parseLoopBody(c: Compiler): Loop {
  const loop: Loop = { breaks: [], continues: [] }
  c.loops.push(loop)
  parseBody(c)
  c.loops.pop()
  for (const jump of loop.continues) landHere(c, jump)
  return loop
}

function endLoop(c: Compiler, loop: Loop): void {
  for (const jump of loop.breaks) landHere(c, jump)
}

function parseWhile(c: Compiler): void {
  c.at++
  const start = c.code.length
  parseCondition(c)
  const out = emitJump(c, code.JUMP_IF_ZERO)
  const loop = parseLoopBody(c)
  emit(c, code.JUMP, start)
  landHere(c, out)
  endLoop(c, loop)
}

function parseDo(c: Compiler): void {
  c.at++
  const start = c.code.length
  const loop = parseLoopBody(c)
  const token = peek(c)
  if (token.kind !== 'name' || token.text !== 'while') {
    reject('expected', token, { what: 'while', found: tokenName(token) })
  }
  c.at++
  parseCondition(c)
  emit(c, code.NOT, code.JUMP_IF_ZERO, start)
  endLoop(c, loop)
  endStatement(c)
}

function parseFor(c: Compiler): void {
  c.at++
  const open = expect(c, '(')
  if (startsType(c)) parseDeclaration(c, false)
  else if (!accept(c, ';')) {
    finishExpression(c, parseComma(c), false)
    expect(c, ';')
  }
  const start = c.code.length
  let out = -1
  if (!accept(c, ';')) {
    needValue(c, parseComma(c))
    out = emitJump(c, code.JUMP_IF_ZERO)
    expect(c, ';')
  }
  const step = parseForStep(c, open)
  const loop = parseLoopBody(c)
  emitMoved(c, step)
  emit(c, code.JUMP, start)
  if (out >= 0) landHere(c, out)
  endLoop(c, loop)
}

/** The third part's code, taken out again: it stands behind the body. */
function parseForStep(c: Compiler, open: Token): { code: number[]; from: number } {
  const from = c.code.length
  if (!isPunct(c, ')')) finishExpression(c, parseComma(c), false)
  closeParen(c, open)
  return { code: c.code.splice(from), from }
}

const operandCounts: Record<number, number> = {
  [code.PUSH]: 2,
  [code.LOAD_VARIABLE]: 2,
  [code.STORE_VARIABLE]: 2,
  [code.LOAD]: 1,
  [code.STORE]: 1,
  [code.CONVERT]: 1,
  [code.JUMP]: 1,
  [code.JUMP_IF_ZERO]: 1,
  [code.CALL]: 2,
  [code.RESULT]: 1,
  [code.STEP_VARIABLE]: 4,
  [code.STEP]: 3,
  [code.NEGATE]: 1,
  [code.COMPLEMENT]: 1,
}

/** Emits code that was made for another place; its jumps lead within itself. */
function emitMoved(c: Compiler, step: { code: number[]; from: number }): void {
  const shift = c.code.length - step.from
  for (let at = 0; at < step.code.length; at += 1 + (operandCounts[step.code[at]] ?? 0)) {
    const opcode = step.code[at]
    if (opcode === code.JUMP || opcode === code.JUMP_IF_ZERO) step.code[at + 1] += shift
  }
  emit(c, ...step.code)
}

function parseJump(c: Compiler, token: Token): void {
  c.at++
  const loop = c.loops[c.loops.length - 1]
  if (loop === undefined) reject('outsideLoop', token, { word: token.text })
  const jumps = token.text === 'break' ? loop.breaks : loop.continues
  jumps.push(emitJump(c, code.JUMP))
  endStatement(c)
}

function parseDeclaration(c: Compiler, top: boolean): void {
  const base = parseBaseType(c)
  if (accept(c, ';')) return
  do parseDeclarator(c, base, top)
  while (accept(c, ','))
  endStatement(c)
}

function parseDeclarator(c: Compiler, base: CType, top: boolean): void {
  const type = parsePointers(c, base)
  const token = peek(c)
  if (token.kind !== 'name') reject('expectedName', token, { found: tokenName(token) })
  c.at++
  if (isPunct(c, '(')) reject('noFunctions', token)
  const taken =
    startsTypeAt(c, c.at - 1) ||
    findPrototype(token.text) !== null ||
    findConstant(token.text, c.bits) !== null
  if (taken || token.text === 'errno') reject('reserved', token, { name: token.text })

  const lengths = parseLengths(c)
  const unsized = lengths.includes(UNSIZED)
  if (!accept(c, '=')) {
    if (unsized) reject('arrayUnsized', token)
    define(c, token, lengths.reduceRight(arrayOf, type))
    return
  }
  if (lengths.length > 0) {
    if (lengths.length > 1) reject('unsupported', peek(c), { word: '{…}' })
    parseArrayInitializer(c, token, type, lengths[0])
    return
  }
  if (type.kind === 'struct') {
    parseStructInitializer(c, token, type)
    return
  }
  const value = needValue(c, parseAssignment(c))
  const symbol = define(c, token, type)
  convertTo(c, value, type)
  store(c, { ...mkOperand('variable', type, token.from, token.to), address: symbol.address })
  if (top) show(c, token.text, type)
  else emit(c, code.DROP)
}

function startsTypeAt(c: Compiler, at: number): boolean {
  return startsType({ ...c, at })
}

const UNSIZED = 0

function parseLengths(c: Compiler): number[] {
  const lengths: number[] = []
  while (accept(c, '[')) {
    if (lengths.length === 8) reject('tooDeep', peek(c))
    lengths.push(lengths.length === 0 && isPunct(c, ']') ? UNSIZED : parseLength(c))
    expect(c, ']')
  }
  return lengths
}

function define(c: Compiler, token: Token, type: CType) {
  if (type.kind === 'void') reject('voidVariable', token)
  return declare(c, token.text, type, token)
}

/** `char s[] = "…"`, `int a[3] = { 1, 2 }`: what is not given is 0. */
function parseArrayInitializer(c: Compiler, token: Token, of: CType, length: number): void {
  const first = peek(c)
  if (first.kind === 'string' && of.kind === 'int' && of.size === 1) {
    const literal = needLiteral(c)
    const size = (literal.type as ArrayType).length
    const total = length === UNSIZED ? size : length
    if (size - 1 > total) reject('tooManyInitializers', first)
    const symbol = define(c, token, arrayOf(of, total))
    clear(c, symbol.address, total)
    pushAddress(c, symbol.address)
    pushAddress(c, literal.address)
    emit(c, code.PUSH, Math.min(size, total), 0)
    call(c, 'memcpy', 3)
    return
  }
  if (!accept(c, '{')) reject('badInitializer', first)
  parseElements(c, token, of, length)
}

function needLiteral(c: Compiler): Operand {
  const start = c.code.length
  const operand = parseAssignment(c)
  if (operand.kind !== 'variable' || operand.type.kind !== 'array' || operand.name !== '') {
    reject('badInitializer', operand)
  }
  c.code.length = start
  return operand
}

/** The values are computed first, then the array is cleared and filled from the last one down. */
function parseElements(c: Compiler, token: Token, of: CType, length: number): void {
  let count = 0
  while (!accept(c, '}')) {
    if (count === length && length !== UNSIZED) reject('tooManyInitializers', peek(c))
    if (isPunct(c, '{')) reject('unsupported', peek(c), { word: '{ { … } }' })
    const value = needValue(c, parseAssignment(c))
    convertTo(c, value, of)
    count++
    if (!accept(c, ',') && !isPunct(c, '}'))
      reject('expected', peek(c), { what: '}', found: tokenName(peek(c)) })
  }
  const total = length === UNSIZED ? count : length
  if (total === 0) reject('arraySize', token)
  const symbol = define(c, token, arrayOf(of, total))
  const size = sizeOf(of, c.bits)
  if (count < total) clear(c, symbol.address, total * size)
  for (let index = count - 1; index >= 0; index--) {
    emit(c, code.STORE_VARIABLE, code.kindOf(of, c.bits), symbol.address + index * size, code.DROP)
  }
}

/** `struct rlimit r = { 4096, 8192 }`: the first members' values; the others are 0. */
function parseStructInitializer(c: Compiler, token: Token, type: StructType): void {
  if (!accept(c, '{')) {
    const right = parseAssignment(c)
    if (!isStructValue(right)) reject('badInitializer', right)
    const { address } = define(c, token, type)
    assignStruct(c, { ...mkOperand('variable', type, token.from, token.to), address }, right)
    emit(c, code.DROP)
    return
  }
  const members = membersOf(type, c.bits)
  let count = 0
  while (!accept(c, '}')) {
    if (count === members.length) reject('tooManyInitializers', peek(c))
    const value = needValue(c, parseAssignment(c))
    convertTo(c, value, members[count++].type)
    if (!accept(c, ',') && !isPunct(c, '}'))
      reject('expected', peek(c), { what: '}', found: tokenName(peek(c)) })
  }
  const symbol = define(c, token, type)
  clear(c, symbol.address, sizeOf(type, c.bits))
  for (const { type: of, offset } of members.slice(0, count).reverse())
    emit(c, code.STORE_VARIABLE, code.kindOf(of, c.bits), symbol.address + offset, code.DROP)
}

function clear(c: Compiler, address: number, size: number): void {
  pushAddress(c, address)
  emit(c, code.PUSH, 0, 0, code.PUSH, size, 0)
  call(c, 'memset', 3)
}

/** Calls a library function for its effect. */
function call(c: Compiler, name: string, count: number): void {
  let index = c.names.indexOf(name)
  if (index < 0) index = c.names.push(name) - 1
  emit(c, code.CALL, index, count, code.DROP)
}
