import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { binary, operators } from '@shared/ic/code.ts'
import { sitDown } from './prompt.ts'

function hasGcc(): boolean {
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const declarations = [
  'char c = -3',
  'unsigned char uc = 250',
  'short s = -12345',
  'unsigned short us = 54321',
  'int i = -1234567',
  'unsigned int u = 3456789012U',
  'long l = -123456789012345L',
  'unsigned long ul = 17812345678901234567UL',
  'int m = INT_MIN',
  'long n = LONG_MAX',
  'int z = 0',
]
const names = [
  'c',
  'uc',
  's',
  'us',
  'i',
  'u',
  'l',
  'ul',
  'm',
  'n',
  'z',
  '7',
  '200u',
  '0xffffffff',
  '5000000000',
  "'a'",
  '-1L',
]

let seed = 12345
function next(bound: number): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return Math.floor((seed / 2 ** 32) * bound)
}

/** An expression whose value C defines, given that signed numbers wrap. */
function expression(depth: number): string {
  if (depth === 0) return names[next(names.length)]
  const a = expression(depth - 1)
  const b = expression(depth - 1)
  switch (next(10)) {
    case 0:
      return `(${a} ${['/', '%'][next(2)]} ((${b} & 7) + 2))`
    case 1:
      return `(${a} ${['<<', '>>'][next(2)]} ${next(31)})`
    case 2:
      return `${['-', '~', '!', '+'][next(4)]}${a.startsWith('-') ? `(${a})` : a}`
    case 3:
      return `(${a} ? ${b} : ${expression(depth - 1)})`
    case 4:
      return `((${['char', 'unsigned char', 'short', 'unsigned short', 'int', 'unsigned', 'long', 'unsigned long'][next(8)]}) ${a})`
    case 5:
      return `(${a} ${['&&', '||'][next(2)]} ${b})`
    default:
      return `(${a} ${['+', '-', '*', '&', '|', '^', '<', '<=', '>', '>=', '==', '!='][next(12)]} ${b})`
  }
}

describe('expressions mean what they mean in C', () => {
  it.runIf(hasGcc())('as gcc computes them', { timeout: 120_000 }, () => {
    const expressions = Array.from({ length: 400 }, (_, i) => expression(1 + (i % 4)))
    const folder = mkdtempSync(join(tmpdir(), 'oomroom-'))
    const source = join(folder, 'expressions.c')
    const lines = expressions.map(
      (e) => `printf("%ld %ld\\n", (long) (${e}), (long) sizeof(${e}));`,
    )
    writeFileSync(
      source,
      `#include <stdio.h>\n#include <limits.h>\nint main(void) { ${declarations.join('; ')};\n${lines.join('\n')}\nreturn 0; }\n`,
    )
    execFileSync('gcc', ['-w', '-fwrapv', '-O0', '-o', join(folder, 'expressions'), source])
    const expected = execFileSync(join(folder, 'expressions'), { encoding: 'utf8' })
      .trimEnd()
      .split('\n')
    rmSync(folder, { recursive: true })

    const { type } = sitDown()
    type(declarations.join('; '))
    const wrong = expressions.filter((e, i) => {
      const shown = type(`(long) (${e}); (long) sizeof(${e})`)
      return shown !== expected[i].replace(' ', '\n') + '\n'
    })
    expect(wrong).toEqual([])
  })

  it('64-bit arithmetic in halves is that of whole numbers', () => {
    const samples = [
      0n,
      1n,
      -1n,
      2n ** 31n,
      2n ** 32n - 1n,
      2n ** 63n - 1n,
      -(2n ** 63n),
      0x123456789abcdefn,
      65535n,
      65536n,
    ]
    for (const [operator, text] of operators.slice(0, 8).entries()) {
      for (const a of samples) {
        for (const b of samples) {
          const stack = [a, a >> 32n, b, b >> 32n].map((half) => Number(BigInt.asIntN(32, half)))
          const done = binary(stack, 0, operator * 4 + 2)
          const overflow = b === -1n && a === -(2n ** 63n)
          if ('/%'.includes(text) && (b === 0n || overflow)) {
            expect(done).toBe(false)
            continue
          }
          const exact = {
            '+': () => a + b,
            '-': () => a - b,
            '*': () => a * b,
            '/': () => a / b,
            '%': () => a % b,
            '&': () => a & b,
            '|': () => a | b,
            '^': () => a ^ b,
          }[text]!()
          const value = (BigInt(stack[1]) << 32n) | BigInt(stack[0] >>> 0)
          expect(value, `${a} ${text} ${b}`).toBe(BigInt.asIntN(64, exact))
        }
      }
    }
  })
})

describe('statements', () => {
  it.each([
    ['int x = 5; int y = x++ + ++x; x, y', 'x = 5\ny = 12\n12\n'],
    ['int a[2][3]; a[1][2] = 7; *(*(a + 1) + 2); sizeof a', 'a[1][2] = 7\n7\n24\n'],
    ['int v = 10; v <<= 3; v %= 7; v ^= 1; v', 'v = 10\nv = 80\nv = 3\nv = 2\n2\n'],
    ['char k = 127; k++; k', "k = 127 '\\177'\n127 '\\177'\n-128 '\\200'\n"],
    ['unsigned char b = 300', "b = 44 ','\n"],
    ['int t[3] = { 1, 2, 3 }; int *e = t; *e++ = 9; *e; e - t; 2 + t == e + 1', null],
    [
      'for (int j = 0, k2 = 0; j < 5; j++) { if (j == 2) continue; if (j == 4) break; printf("%d ", j); }',
      '0 1 3 \n',
    ],
    ['int w = 0; if (w) w = 1; else if (w == 0) w = 2; else w = 3; w', 'w = 0\n2\n'],
    ['0 && 1 / 0; 1 || 1 / 0', '0\n1\n'],
    ['sizeof(x = 5), sizeof "abc", sizeof (char *)', '8\n'],
    ['"ab" "cd"', '(char *) 0x602000 "abcd"\n'],
    ['-1 < 1u', '0\n'],
    ["'\\x41' + '\\101' + '\\n'", '140\n'],
    ['0b101 + 0x1F + 017', '51\n'],
    ['18446744073709551615UL', '18446744073709551615\n'],
    ['(unsigned long) -1 / 10', '1844674407370955161\n'],
    ['_Bool o = 256; o', 'o = true\ntrue\n'],
  ] as [string, string | null][])('%s', (line, shown) => {
    const text = sitDown().type(line)
    if (shown !== null) expect(text).toBe(shown)
    else expect(text).toMatch(/e = \(int \*\) 0x602\w+\n\*e\+\+ = 9\n2\n1\n1\n$/)
  })
})
