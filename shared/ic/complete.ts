// Names that may be meant by what has been typed so far.

import { constantNames, findPrototype, functionNames } from '../libc/headers.ts'
import { basicTypeWords, typedefNames, typeName } from './ctype.ts'
import type { IcSymbol } from './scope.ts'

export interface Candidate {
  text: string
  kind: 'variable' | 'function' | 'constant' | 'keyword'
  detail: string // a prototype, a type
}

export interface Completion {
  from: number // where in the text the candidate goes
  candidates: Candidate[]
}

const keywords = [
  ...basicTypeWords,
  ...typedefNames,
  'break',
  'continue',
  'do',
  'else',
  'for',
  'if',
  'sizeof',
  'while',
]

/** Variables first, then functions, constants and keywords; nothing within a string or behind a number. */
export function complete(symbols: Map<string, IcSymbol>, text: string, cursor: number): Completion {
  const before = text.slice(0, cursor)
  const word = /[A-Za-z_]\w*$/.exec(before)?.[0] ?? ''
  const from = cursor - word.length
  if (word === '' || /\w$/.test(text.slice(0, from)) || inString(before))
    return { from: cursor, candidates: [] }
  const candidates: Candidate[] = []
  const add = (name: string, kind: Candidate['kind'], detail: string): void => {
    if (name.startsWith(word)) candidates.push({ text: name, kind, detail })
  }
  for (const { name, type } of symbols.values()) add(name, 'variable', typeName(type))
  for (const name of functionNames()) add(name, 'function', findPrototype(name)!)
  for (const name of [...constantNames(), 'errno']) add(name, 'constant', '')
  for (const name of keywords) add(name, 'keyword', '')
  return { from, candidates }
}

function inString(text: string): boolean {
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    if (quote !== '' && text[i] === '\\') i++
    else if (quote === '' && (text[i] === '"' || text[i] === "'")) quote = text[i]!
    else if (text[i] === quote) quote = ''
  }
  return quote !== ''
}
