import { describe, expect, it } from 'vitest'
import { loginName, nameKey, nameProblem, tidyName } from '../../../shared/room/names.ts'

describe('names', () => {
  it.each([
    ['Anna', 'anna'],
    ['Anna', ' A n n a '],
    ['Anna', 'Аnna'], // Cyrillic A
    ['Oleg', '0leg'],
    ['Will', 'WiII'],
    ['Zoë', 'Zoe'],
    ['Jo', 'J.o.'],
    ['Tom', 'Ｔｏｍ'],
  ])('%s and %s cannot be told apart', (a, b) => expect(nameKey(a)).toBe(nameKey(b)))

  it.each([
    ['Anna', 'Hanna'],
    ['Jo', 'Joe'],
    ['Ünal', 'Ulrich'],
    ['王芳', '王伟'],
  ])('%s and %s can', (a, b) => expect(nameKey(a)).not.toBe(nameKey(b)))

  it('are trimmed and take every script', () => {
    expect(tidyName('  Anna \u00a0 Maria ')).toBe('Anna Maria')
    for (const name of ['Jürgen', '王芳', 'Ελένη', 'محمد', '🦊', "O'Neil", 'Zoë'])
      expect(nameProblem(name)).toBeNull()
  })

  it.each([
    '',
    '   ',
    '...',
    '\u200b',
    'a\nb',
    'a\u202eb',
    'a\u0007',
    '\ud800',
    'x'.repeat(33),
    'Z\u0300\u0301\u0302a',
  ])('%j is none', (name) => expect(nameProblem(name)).toMatch(/^name-/))
})

describe('login names', () => {
  it('are lower-case ASCII made from the name', () => {
    const login = (name: string) => loginName(name, new Set())
    expect(login('Jürgen Groß')).toBe('juergengross')
    expect(login('Åsa')).toBe('asa')
    expect(login('王芳')).toBe('user')
    expect(login('4ever')).toBe('ever')
    expect(login('x'.repeat(40))).toHaveLength(16)
  })

  it('are unique, and none is a system user', () => {
    expect(loginName('anna', new Set(['anna', 'anna2']))).toBe('anna3')
    expect(loginName('Root', new Set())).toBe('root2')
  })
})
