import { describe, expect, it } from 'vitest'
import {
  hashBytes,
  hashNumber,
  hashString,
  hashText,
  hashU32,
  hashWords,
  mkHash,
  type Hash,
} from '@shared/lib/hash.ts'

function of(fill: (h: Hash) => void): string {
  const h = mkHash()
  fill(h)
  return hashText(h)
}

describe('the hash', () => {
  it('is sixteen hex digits that stay what they are: a log keeps them', () => {
    expect(of(() => undefined)).toBe('243f6a8885a308d3')
    expect(of((h) => hashU32(h, 1))).toMatchInlineSnapshot(`"7aa29cfd7cff0d6c"`)
    expect(of((h) => hashString(h, 'oomroom'))).toMatchInlineSnapshot(`"9197ccbfe5670af9"`)
    expect(of((h) => hashNumber(h, 0.5))).toMatchInlineSnapshot(`"94f6b80cf52b43f3"`)
  })

  it('takes words one by one or in a row', () => {
    const words = Int32Array.from({ length: 50 }, (_, i) => Math.imul(i, 0x9e3779b9))
    const row = of((h) => hashWords(h, words, 10, 40))
    const single = of((h) => {
      for (let i = 10; i < 40; i++) hashU32(h, words[i])
    })
    expect(row).toBe(single)
  })

  it('tells apart what is easily mixed up', () => {
    const seen = new Set([
      of((h) => hashNumber(h, 0)),
      of((h) => hashNumber(h, 1)),
      of((h) => hashNumber(h, 2 ** 32)),
      of((h) => hashNumber(h, 2 ** 32 + 1)),
      of((h) => hashNumber(h, NaN)),
      of((h) => hashString(h, '\0')),
      of((h) => hashString(h, 'ab')),
      of((h) => hashString(h, 'ba')),
      of((h) => hashBytes(h, new Uint8Array([0, 0]))),
      of((h) => hashBytes(h, new Uint8Array([0, 0, 0]))),
    ])
    expect(seen.size).toBe(10)
  })

  it('changes about half of its bits with any bit of a word', () => {
    const base = new Int32Array(64)
    const plain = BigInt('0x' + of((h) => hashWords(h, base, 0, 64)))
    for (let bit = 0; bit < 32; bit++) {
      base[3] = 1 << bit
      let changed = BigInt('0x' + of((h) => hashWords(h, base, 0, 64))) ^ plain
      let count = 0
      for (; changed > 0n; changed >>= 1n) count += Number(changed & 1n)
      expect(count, `bit ${bit}`).toBeGreaterThan(12)
    }
  })
})
