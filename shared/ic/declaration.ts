// Types as C writes them: declarations, casts, prototypes.
//
//   type       ::= ( word+ | 'struct' name ) '*'* ( '[' n ']' )*
//   declarator ::= '*'* name ( '[' n? ']' )*
//   prototype  ::= type name '(' ( type name? ( ',' … )* '...'? | 'void' ) ')'

import {
  arrayOf,
  asConstant,
  basicTypeWords,
  findTypedef,
  pointerTo,
  typeOfWords,
  type CType,
  type WordBits,
} from './ctype.ts'
import { reject } from './diagnostics.ts'
import { findStruct, structNames } from './struct.ts'
import { tokenize, type Token } from './token.ts'

/** Where a parser stands. */
export interface Cursor {
  tokens: Token[]
  at: number
  bits: WordBits
}

const MAX_POINTERS = 8
const unsupportedTypes = [
  'float',
  'double',
  'struct',
  'union',
  'enum',
  'typedef',
  'static',
  'extern',
  'register',
  'auto',
]

export function peek(c: Cursor): Token {
  return c.tokens[c.at]
}

export function isPunct(c: Cursor, text: string): boolean {
  const token = peek(c)
  return token.kind === 'punct' && token.text === text
}

/** Takes the punctuation if it is there. */
export function accept(c: Cursor, text: string): boolean {
  if (!isPunct(c, text)) return false
  c.at++
  return true
}

/** How a token is called in a message. */
export function tokenName(token: Token): string {
  return token.kind === 'end'
    ? '↵'
    : token.text.length > 24
      ? `${token.text.slice(0, 23)}…`
      : token.text
}

export function expect(c: Cursor, text: string): Token {
  const token = peek(c)
  if (!accept(c, text)) reject('expected', token, { what: text, found: tokenName(token) })
  return token
}

/** Does a type begin here? */
export function startsType(c: Cursor): boolean {
  const token = peek(c)
  if (token.kind !== 'name') return false
  return (
    basicTypeWords.includes(token.text) ||
    unsupportedTypes.includes(token.text) ||
    findTypedef(token.text, c.bits) !== null
  )
}

/** The words before the declarators: `const unsigned long`. */
export function parseBaseType(c: Cursor): CType {
  const first = peek(c)
  const words: string[] = []
  let typedef: CType | null = null
  let constant = false
  let last = first
  for (;;) {
    const token = peek(c)
    if (token.kind !== 'name') break
    if (token.text === 'struct' && words.length === 0 && typedef === null) {
      c.at++
      typedef = parseStructName(c, token)
      last = c.tokens[c.at - 1]
      continue
    }
    if (unsupportedTypes.includes(token.text)) reject('unsupported', token, { word: token.text })
    const named: CType | null =
      words.length === 0 && typedef === null ? findTypedef(token.text, c.bits) : null
    if (token.text === 'const' || token.text === 'volatile') constant ||= token.text === 'const'
    else if (named !== null) typedef = named
    else if (basicTypeWords.includes(token.text) && typedef === null) words.push(token.text)
    else break
    last = token
    c.at++
  }
  const type = typedef ?? typeOfWords(words, c.bits)
  if (type === null) {
    reject(
      'badType',
      { from: first.from, to: last.to },
      { text: words.length > 0 ? words.join(' ') : first.text },
    )
  }
  return constant ? asConstant(type) : type
}

/** The name behind `struct`. */
function parseStructName(c: Cursor, keyword: Token): CType {
  const token = peek(c)
  const type = token.kind === 'name' ? findStruct(token.text) : null
  if (type === null) reject('unknownStruct', { from: keyword.from, to: token.to }, structList)
  c.at++
  return type
}

const structList = { names: structNames.map((name) => `struct ${name}`).join(', ') }

/** The stars behind it. */
export function parsePointers(c: Cursor, type: CType): CType {
  for (let depth = 0; isPunct(c, '*'); depth++) {
    if (depth === MAX_POINTERS) reject('tooDeep', peek(c))
    c.at++
    type = pointerTo(type)
    while (peek(c).kind === 'name' && (peek(c).text === 'const' || peek(c).text === 'volatile')) {
      if (peek(c).text === 'const') type = asConstant(type)
      c.at++
    }
  }
  return type
}

/** A type without a name, as in a cast or behind sizeof. `length` reads what stands between [ and ]. */
export function parseTypeName(c: Cursor, length: () => number): CType {
  const base = parsePointers(c, parseBaseType(c))
  const lengths: number[] = []
  while (accept(c, '[')) {
    if (lengths.length === MAX_POINTERS) reject('tooDeep', peek(c))
    lengths.push(length())
    expect(c, ']')
  }
  return lengths.reduceRight(arrayOf, base)
}

export interface Prototype {
  name: string
  text: string
  result: CType
  params: CType[]
  variadic: boolean
}

/** Reads one of our own prototypes (libc/headers.ts). */
export function parsePrototype(text: string, bits: WordBits): Prototype {
  const c: Cursor = { tokens: tokenize(text, bits), at: 0, bits }
  const result = parsePointers(c, parseBaseType(c))
  const name = peek(c).text
  c.at += 2
  const params: CType[] = []
  let variadic = false
  while (!isPunct(c, ')')) {
    if (accept(c, '...')) {
      variadic = true
      continue
    }
    const type = parsePointers(c, parseBaseType(c))
    if (peek(c).kind === 'name') c.at++
    if (type.kind !== 'void') params.push(type)
    accept(c, ',')
  }
  return { name, text, result, params, variadic }
}
