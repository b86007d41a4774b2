import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  commandProblem,
  readCommand,
  readEntries,
  readHello,
  seatOf,
} from '../../../shared/wire/schema.ts'

const good = [
  { t: 'prompt' },
  { t: 'ic', task: '1.2', line: 'p = malloc(1)' },
  { t: 'spawn', path: '/usr/bin/hog', argv: ['hog', '1M'], env: ['A=b'], stdout: 'tty' },
  { t: 'kill', task: '3.1', sig: 9 },
  { t: 'write', path: '/proc/300/oom_score_adj', text: '5\n', append: false },
  { t: 'unlink', path: '/tmp/x' },
  { t: 'mkdir', path: '/tmp/x', mode: 0o755 },
  { t: 'note', line: 'ls', out: 'a\tb\n' },
  { t: 'note' },
]

describe('what a person may send', () => {
  it.each(good)('$t', (command) => expect(readCommand(command)).toEqual({ command }))

  it.each([
    null,
    5,
    'prompt',
    [],
    {},
    { t: 'tick', fuel: 1 },
    { t: 'seat', name: 'x', role: 'teacher', from: '' },
    { t: 'hash', hash: '0123456789abcdef' },
    { t: 'void' },
    { t: 'prompt', more: 1 },
    { t: 'ic', task: '1.2' },
    { t: 'ic', task: 'init', line: 'x' },
    { t: 'ic', task: '1.2', line: 'x'.repeat(4097) },
    { t: 'ic', task: '1.2', line: 'a\nb' },
    { t: 'spawn', path: '/x', argv: [], env: [], stdout: 'tty' },
    { t: 'spawn', path: '/x', argv: ['a\0b'], env: [], stdout: 'tty' },
    { t: 'spawn', path: '/x', argv: ['x'.repeat(40_000)], env: [], stdout: 'tty' },
    { t: 'spawn', path: '/x', argv: new Array(300).fill('a'), env: [], stdout: 'tty' },
    { t: 'spawn', path: '/x', argv: ['a'], env: [], stdout: 'file' },
    { t: 'kill', task: '1.1', sig: -9 },
    { t: 'kill', task: '1.1', sig: 9.5 },
    { t: 'kill', task: '1.1', sig: NaN },
    { t: 'write', path: '/x', text: 'x'.repeat(65_537), append: true },
    { t: 'write', path: '/x\u0007', text: '', append: true },
    { t: 'mkdir', path: '/x\u202e', mode: 0 },
    { t: 'mkdir', path: '', mode: 0 },
    { t: 'unlink', path: 'x'.repeat(4097) },
    { t: 'note', out: 'x'.repeat(16_385) },
  ])('not %j', (value) => expect(readCommand(value)).toHaveProperty('why'))

  it('is never anything else, whatever JSON comes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(readCommand(value)).toHaveProperty('why')
        expect(commandProblem(value)).not.toBeNull()
        expect(readHello(value)).toBeNull()
      }),
    )
  })

  it('may stand in a log, beside what the server makes', () => {
    for (const command of good) expect(commandProblem(command)).toBeNull()
    for (const command of [
      { t: 'tick', fuel: 5 },
      { t: 'void' },
      { t: 'hash', hash: '0123456789abcdef' },
    ]) {
      expect(commandProblem(command)).toBeNull()
    }
  })
})

describe('other messages', () => {
  it('a hello', () => {
    const hello = {
      protocol: 2,
      code: '123456',
      token: 'a'.repeat(32),
      name: 'A',
      have: { engine: 'e', seq: 3 },
    }
    expect(readHello(hello)).toEqual(hello)
    for (const bad of [
      { ...hello, code: '12345' },
      { ...hello, token: 'x' },
      { ...hello, have: { seq: -1 } },
    ]) {
      expect(readHello(bad)).toBeNull()
    }
  })

  it('entries', () => {
    expect(readEntries('[{"seq":1,"at":0,"seat":0,"c":{"t":"tick","fuel":1}}]')).toHaveLength(1)
    for (const bad of ['', '{}', '[{}]', '[{"seq":0,"at":0,"seat":0,"c":{"t":"void"}}]'])
      expect(readEntries(bad)).toBeNull()
  })

  it('a handle names its seat', () => expect(seatOf('12.3')).toBe(12))
})
