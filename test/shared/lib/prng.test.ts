import { describe, expect, it } from 'vitest'
import { fillU32, mkPrng, nextBelow, nextU32 } from '@shared/lib/prng.ts'

describe('xoshiro128**', () => {
  it('gives the numbers of the reference implementation', () => {
    const state = new Int32Array([1, 2, 3, 4])
    const numbers = Array.from({ length: 10 }, () => nextU32(state))
    expect(numbers).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
      4258142804,
    ])
  })

  it('gives many at once as it gives them one by one, and goes on from there', () => {
    const [one, many] = [mkPrng(7), mkPrng(7)]
    const words = new Int32Array(100)
    fillU32(many, words, 99)
    expect([...words]).toEqual([...Array.from({ length: 99 }, () => nextU32(one) | 0), 0])
    expect(nextU32(many)).toBe(nextU32(one))
  })

  it('goes its own way for each seed, zero included', () => {
    const firsts = new Set([0, 1, 2, 3, -1, 0x7fff_ffff].map((seed) => nextU32(mkPrng(seed))))
    expect(firsts.size).toBe(6)
    expect(mkPrng(0).some((word) => word !== 0)).toBe(true)
  })

  it('draws below a bound about equally often', () => {
    const state = mkPrng(5)
    const counts = [0, 0, 0, 0, 0, 0]
    for (let i = 0; i < 6000; i++) counts[nextBelow(state, 6)]++
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
    expect(nextBelow(state, 1)).toBe(0)
  })
})
