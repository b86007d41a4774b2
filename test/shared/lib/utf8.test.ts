import { describe, expect, it } from 'vitest'
import { encodeUtf8, splitUtf8 } from '@shared/lib/utf8.ts'

const texts = ['', 'abc', 'Grüße', '€', '😀 ', '\u07ff\u0800\uffff']

describe('UTF-8', () => {
  it('is encoded as the platform does it', () => {
    for (const text of texts) expect(encodeUtf8(text)).toEqual(new TextEncoder().encode(text))
  })

  it('comes back, and a character cut in two waits for its rest', () => {
    for (const text of texts) expect(splitUtf8([...encodeUtf8(text)])).toEqual({ text, rest: [] })
    const euro = [...encodeUtf8('a€')]
    expect(splitUtf8(euro.slice(0, 3))).toEqual({ text: 'a', rest: euro.slice(1, 3) })
  })

  it('what is none becomes U+FFFD', () => {
    expect(splitUtf8([0x61, 0xff, 0x62])).toEqual({ text: 'a\ufffdb', rest: [] })
  })
})
