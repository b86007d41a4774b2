// What a line of C is compiled against: the names defined so far, and where new variables get their place.

import type { CType, WordBits } from './ctype.ts'

/** A variable; its value lies in the process's memory. */
export interface IcSymbol {
  name: string
  type: CType
  address: number
  size: number // bytes reserved
  implicit: boolean // made by an assignment to an undeclared name; its type may still change
}

export interface Scope {
  bits: WordBits
  symbols: Map<string, IcSymbol>
  strings: Map<string, number> // literals in memory: their bytes as text (Latin-1), their addresses
  next: number // where the next variable goes
  end: number // first address beyond the place for variables
  errnoAddress: number
  files: number[] // addresses of stdin, stdout, stderr
}

/** A string literal that has to be written into memory before the line runs. */
export interface Literal {
  address: number
  bytes: number[]
}

/** A scope to try a line on; what it defines becomes known only when the line has been accepted. */
export function copyScope(scope: Scope): Scope {
  return { ...scope, symbols: new Map(scope.symbols), strings: new Map(scope.strings) }
}
