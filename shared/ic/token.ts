// A line of C, cut into tokens.

import { reject } from './diagnostics.ts'
import { INT, UINT, longType, llongType, ulongType, ullongType } from './ctype.ts'
import type { IntType, WordBits } from './ctype.ts'

export interface Token {
  kind: 'name' | 'number' | 'string' | 'punct' | 'end'
  text: string
  from: number // in the line
  to: number
  low: number // of a number, two halves
  high: number
  type: IntType // of a number
  bytes: number[] // of a string, without the final 0
}

export const MAX_LINE = 4096

// Longest first.
const puncts = [
  '<<=',
  '>>=',
  '...',
  '->',
  '++',
  '--',
  '<<',
  '>>',
  '<=',
  '>=',
  '==',
  '!=',
  '&&',
  '||',
  '+=',
  '-=',
  '*=',
  '/=',
  '%=',
  '&=',
  '|=',
  '^=',
  '+',
  '-',
  '*',
  '/',
  '%',
  '&',
  '|',
  '^',
  '~',
  '!',
  '<',
  '>',
  '=',
  '?',
  ':',
  ',',
  ';',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '.',
]

const escapes: Record<string, number> = {
  n: 10,
  t: 9,
  r: 13,
  a: 7,
  b: 8,
  f: 12,
  v: 11,
  e: 27,
  '0': 0,
  '\\': 92,
  "'": 39,
  '"': 34,
  '?': 63,
}

/** Cuts the line; a final token of kind 'end' follows. */
export function tokenize(line: string, bits: WordBits): Token[] {
  const tokens: Token[] = []
  let at = 0
  const token = (kind: Token['kind'], from: number, to: number): Token => {
    const made = {
      kind,
      text: line.slice(from, to),
      from,
      to,
      low: 0,
      high: 0,
      type: INT,
      bytes: [],
    }
    tokens.push(made)
    at = to
    return made
  }

  while (at < line.length) {
    const c = line[at]
    if (/\s/.test(c)) at++
    else if (line.startsWith('//', at)) break
    else if (line.startsWith('/*', at)) {
      const end = line.indexOf('*/', at + 2)
      if (end < 0) reject('unterminatedComment', { from: at, to: at + 2 })
      at = end + 2
    } else if (/[A-Za-z_]/.test(c)) {
      token('name', at, wordEnd(line, at))
    } else if (/[0-9]/.test(c) || (c === '.' && /[0-9]/.test(line[at + 1] ?? ''))) {
      readNumber(token('number', at, numberEnd(line, at)), bits)
    } else if (c === "'") {
      const { end, bytes } = readQuoted(line, at, "'")
      if (bytes.length === 0) reject('emptyChar', { from: at, to: end })
      const made = token('number', at, end)
      // As gcc does with more than one character: they are shifted in; a single one is a signed char.
      made.low =
        bytes.length === 1
          ? (bytes[0] << 24) >> 24
          : bytes.reduce((sum, byte) => (sum << 8) | byte, 0)
      made.high = made.low >> 31
    } else if (c === '"') {
      const { end, bytes } = readQuoted(line, at, '"')
      token('string', at, end).bytes = bytes
    } else {
      const found = puncts.find((punct) => line.startsWith(punct, at))
      if (found === undefined) {
        const text = String.fromCodePoint(line.codePointAt(at)!)
        reject('strayCharacter', { from: at, to: at + text.length }, { text })
      }
      token('punct', at, at + found.length)
    }
  }
  token('end', line.length, line.length)
  return tokens
}

function wordEnd(line: string, at: number): number {
  while (at < line.length && /\w/.test(line[at])) at++
  return at
}

/** Digits, letters and dots; also the sign in 1e-5, so that it is reported whole. */
function numberEnd(line: string, from: number): number {
  let at = from
  while (at < line.length) {
    const hex = /^0[xX]/.test(line.slice(from, from + 2))
    if (/[\w.]/.test(line[at])) at++
    else if (!hex && /[+-]/.test(line[at]) && /[eE]/.test(line[at - 1])) at++
    else break
  }
  return at
}

function readNumber(token: Token, bits: WordBits): void {
  const { text } = token
  const hex = /^0x/i.test(text)
  if (text.includes('.') || (!hex && /^[0-9]+e/i.test(text))) reject('noFloat', token)
  const parts = /^(0x[0-9a-f]+|0b[01]+|0[0-7]*|[1-9][0-9]*)(u?(?:l|ll)?|(?:l|ll)u)$/i.exec(text)
  if (parts === null) reject('badNumber', token, { text })

  const [, digits, suffix] = parts
  const octal = /^0[0-7]+$/.test(digits)
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits)
  if (value >= 1n << 64n) reject('numberTooLarge', token, { text })
  token.low = Number(BigInt.asIntN(32, value))
  token.high = Number(BigInt.asIntN(32, value >> 32n))

  const unsigned = /u/i.test(suffix)
  const longs = suffix.replace(/u/i, '').length
  const orders: [type: IntType, rank: number][] = [
    [INT, 0],
    [UINT, 0],
    [longType(bits), 1],
    [ulongType(bits), 1],
    [llongType(), 2],
    [ullongType(), 2],
  ]
  const decimal = /^[1-9]/.test(digits)
  const fitting = orders.find(([type, rank]) => {
    if (rank < longs || (unsigned && type.signed) || (decimal && !unsigned && !type.signed))
      return false
    return value < 1n << BigInt(type.size * 8 - (type.signed ? 1 : 0))
  })
  token.type = fitting === undefined ? ullongType() : fitting[0]
}

/** What stands between two quotes, as bytes (UTF-8 for what is beyond ASCII). */
function readQuoted(line: string, from: number, quote: string): { end: number; bytes: number[] } {
  const bytes: number[] = []
  let at = from + 1
  for (;;) {
    if (at >= line.length) {
      reject(quote === '"' ? 'unterminatedString' : 'unterminatedChar', { from, to: from + 1 })
    }
    if (line[at] === quote) return { end: at + 1, bytes }
    if (line[at] === '\\') {
      at = readEscape(line, at, bytes)
    } else {
      const code = line.codePointAt(at)!
      pushUtf8(bytes, code)
      at += code > 0xffff ? 2 : 1
    }
  }
}

function readEscape(line: string, from: number, bytes: number[]): number {
  const numeric = /^\\(?:x([0-9a-fA-F]+)|([0-7]{1,3}))/.exec(line.slice(from, from + 12))
  if (numeric !== null) {
    const value =
      numeric[1] !== undefined ? parseInt(numeric[1].slice(-2), 16) : parseInt(numeric[2], 8)
    bytes.push(value & 0xff)
    return from + numeric[0].length
  }
  const letter = line[from + 1] ?? ''
  if (!Object.hasOwn(escapes, letter))
    reject('badEscape', { from, to: from + 2 }, { text: `\\${letter}` })
  bytes.push(escapes[letter])
  return from + 2
}

function pushUtf8(bytes: number[], code: number): void {
  if (code < 0x80) bytes.push(code)
  else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f))
  else if (code < 0x10000) {
    bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f))
  } else {
    bytes.push(
      0xf0 | (code >> 18),
      0x80 | ((code >> 12) & 0x3f),
      0x80 | ((code >> 6) & 0x3f),
      0x80 | (code & 0x3f),
    )
  }
}
