import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { forTerminal, writeTo } from '../../server/commands/terminalText.ts'

describe('on a terminal', () => {
  it.each([
    ['plain text, äöü 😀\tand\r\nlines\n', 'plain text, äöü 😀\tand\r\nlines\n'],
    ['\x1b[1;31mred\x1b[0m', '\x1b[1;31mred\x1b[0m'],
    ['\x1b]0;another title\x07', '^[]0;another title^G'],
    ['\x1b[2J\x1b[H', '^[[2J^[[H'],
    ['\x1b]52;c;cm0gLXJm\x1b\\', '^[]52;c;cm0gLXJm^[\\'],
    ['\x9b2J', 'M-^[2J'],
    ['a\x08b\x7f', 'a^Hb^?'],
    ['user\u202Etxt.exe', 'user<U+202E>txt.exe'],
    ['\x1b', '^['],
  ])('%j is shown as %j', (text, shown) => expect(forTerminal(text)).toBe(shown))

  it('nothing but colours is obeyed, however the text is cut in two', () => {
    const piece = fc.constantFrom('\x1b', '[', ']', '0', '2', ';', 'm', 'J', '\x07', '\x9d', 'x')
    fc.assert(
      fc.property(fc.array(piece), fc.array(piece), (a, b) => {
        const left = forTerminal(a.join('')) + forTerminal(b.join(''))
        const rest = left.replace(/\x1b\[[0-9;]*m/g, '')
        expect(rest).not.toMatch(/[\x00-\x08\x0e-\x1f\x7f-\x9f]/)
      }),
    )
  })

  it.each([
    [true, '^[c'],
    [false, '\x1bc'],
  ])('isTTY %j: %j', (isTTY, shown) => {
    let written = ''
    const stream = { isTTY, write: (text: string) => (written += text) }
    writeTo(stream as unknown as NodeJS.WriteStream, '\x1bc')
    expect(written).toBe(shown)
  })
})
