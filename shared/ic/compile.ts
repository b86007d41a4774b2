// From a line of C to code, or to what is wrong with it.

import type { Compiler, Shown } from './compiler.ts'
import { Rejected, type Diagnostic } from './diagnostics.ts'
import { copyScope, type Literal, type Scope } from './scope.ts'
import { parseLine } from './statement.ts'
import { MAX_LINE, tokenize } from './token.ts'

export interface Compiled {
  code: number[]
  names: string[] // functions called, by index
  shown: Shown[] // what RESULT shows, by index
  literals: Literal[]
  scope: Scope // with what the line defines
  diagnostics: Diagnostic[] // with an error among them there is no code
}

/** Compiles the line; the given scope stays as it is. */
export function compileLine(line: string, scope: Scope): Compiled {
  const compiled: Compiled = {
    code: [],
    names: [],
    shown: [],
    literals: [],
    scope,
    diagnostics: [],
  }
  try {
    if (line.length > MAX_LINE) {
      throw new Rejected({
        key: 'lineTooLong',
        params: { max: MAX_LINE },
        severity: 'error',
        from: 0,
        to: 1,
      })
    }
    const c: Compiler = {
      tokens: tokenize(line, scope.bits),
      at: 0,
      bits: scope.bits,
      line,
      scope: copyScope(scope),
      code: [],
      names: [],
      shown: [],
      literals: [],
      warnings: [],
      loops: [],
      depth: 0,
    }
    parseLine(c)
    const { code, names, shown, literals, warnings } = c
    return { code, names, shown, literals, scope: c.scope, diagnostics: warnings }
  } catch (thrown) {
    if (!(thrown instanceof Rejected)) throw thrown
    return { ...compiled, diagnostics: [thrown.diagnostic] }
  }
}

export function hasErrors(compiled: Compiled): boolean {
  return compiled.diagnostics.some(({ severity }) => severity === 'error')
}
