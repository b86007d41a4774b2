import { describe, expect, it } from 'vitest'
import { compileLine } from '@shared/ic/compile.ts'
import { diagnosticText, showDiagnostic } from '@shared/ic/diagnostics.ts'
import type { Scope } from '@shared/ic/scope.ts'

const scope: Scope = {
  bits: 64,
  symbols: new Map(),
  strings: new Map(),
  next: 0x602000,
  end: 0x612000,
  errnoAddress: 0x700000,
  files: [1, 2, 3],
}

function problem(line: string): string {
  const [first] = compileLine(line, scope).diagnostics
  return first === undefined ? '' : diagnosticText(first)
}

describe('what is wrong is said in words that help', () => {
  it.each([
    ['p = malloc2(5)', "there is no function 'malloc2'; did you mean 'malloc'?"],
    ['p = mlaloc(5)', "there is no function 'mlaloc'; did you mean 'malloc'?"],
    ['xyzzy + 1', "'xyzzy' is not known"],
    ['EXIT_FAILUR', "'EXIT_FAILUR' is not known; did you mean 'EXIT_FAILURE'?"],
    ['malloc()', "too few arguments to 'malloc': 0 given; void *malloc(size_t size)"],
    ['free(1, 2)', "too many arguments to 'free': 2 given; void free(void *ptr)"],
    ['malloc', "'malloc' is a function; call it: void *malloc(size_t size)"],
    ['5 = 6', 'only a variable or a place in memory can be assigned to'],
    ['p = malloc(5', "missing ')': this '(' is never closed"],
    ['int a[3]; a[1', "missing ']': this '[' is never closed"],
    ['while (1) { ', "missing '}': this '{' is never closed"],
    ['}', "this '}' closes nothing"],
    ['1.5', 'there are no floating point numbers at this prompt'],
    ['double d', "'double' is not supported at this prompt"],
    ['struct s x', 'structures cannot be declared at this prompt; there are struct rlimit'],
    [
      'int main() { return 0; }',
      'functions cannot be defined at this prompt; write a C file and compile it',
    ],
    ['return 0;', 'there is no function here to return from; exit() ends the process'],
    ['*5', "only a pointer can be dereferenced, this is 'int'"],
    ['p = free(NULL)', 'this has no value (void)'],
    ['"abc', 'missing closing "'],
    ["'a", "missing closing '"],
    ['x @ y', "'@' has no meaning in C"],
    ['const int c = 1; c = 2', "'c' is const"],
    ['int a[2]; a = 0', 'an array cannot be assigned as a whole; use memcpy() or strcpy()'],
    ['break;', "'break' outside of a loop"],
    [
      'int a[1000000]',
      'no room left for variables: 4000000 bytes needed, 65536 left; malloc() has more',
    ],
    ['int a[0]', 'the length of an array must be a positive constant'],
    ['x = 5 y = 6', "';' expected before y"],
    ['int malloc', "'malloc' already means something else"],
    ['09', "'09' is not a number"],
    ['whlie (1) malloc(5)', "there is no function 'whlie'; did you mean 'while'?"],
    ['else x', "'else' without 'if'"],
  ])('%s', (line, text) => {
    expect(problem(line)).toContain(text)
  })

  it('shows the line and a caret', () => {
    const line = 'p = mallo(2000)'
    expect(showDiagnostic(line, compileLine(line, scope).diagnostics[0])).toBe(
      "error: there is no function 'mallo'; did you mean 'malloc'?\n  p = mallo(2000)\n      ^~~~~\n",
    )
    expect(showDiagnostic(line, compileLine(line, scope).diagnostics[0], 'de')).toContain(
      'Fehler: Es gibt keine Funktion „mallo“; war „malloc“ gemeint?',
    )
  })

  it('warns of an integer taken as a pointer, and goes on', () => {
    const compiled = compileLine('char *p; p = 4096', scope)
    expect(compiled.diagnostics.map(({ severity }) => severity)).toEqual(['warning'])
    expect(compiled.code.length).toBeGreaterThan(1)
  })
})

describe('a line is accepted as a whole or not at all', () => {
  it('an error defines nothing', () => {
    const compiled = compileLine('int x = 5; y = nothing()', scope)
    expect(compiled.scope).toBe(scope)
    expect(compiled.code).toEqual([])
    expect(scope.symbols.size).toBe(0)
  })

  it('is not too long', () => {
    expect(problem('1;'.repeat(3000))).toBe('a line may have 4096 characters')
  })

  it.each(['(', '-', '!', '*', '{', 'if (1) ', 'x = ', 'for (;;) ', 'sizeof ', '1 ? ', '(int) '])(
    'does not nest too deeply: %s',
    (part) => {
      const line = part.repeat(Math.floor(4000 / part.length))
      expect(compileLine(line, scope).diagnostics).toHaveLength(1)
    },
  )

  it('a long sum is not deep', () => {
    expect(problem('1+'.repeat(1900) + '1')).toBe('')
  })
})
