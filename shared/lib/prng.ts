// The machine's only source of chance: xoshiro128** (Blackman, Vigna 2018), four u32 of state.

export type Prng = Int32Array

/** Spreads a seed over the state with splitmix32, so that small seeds differ at once. */
export function mkPrng(seed: number): Prng {
  const state = new Int32Array(4)
  let z = seed | 0
  for (let i = 0; i < 4; i++) {
    z = (z + 0x9e3779b9) | 0
    let t = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    t = Math.imul(t ^ (t >>> 13), 0xc2b2ae35)
    state[i] = t ^ (t >>> 16)
  }
  return state
}

/** The next u32. */
export function nextU32(s: Prng): number {
  const s1 = s[1]
  const x = Math.imul(s1, 5)
  const result = Math.imul((x << 7) | (x >>> 25), 9)
  const t = s1 << 9
  s[2] ^= s[0]
  s[3] ^= s1
  s[1] ^= s[2]
  s[0] ^= s[3]
  s[2] ^= t
  const s3 = s[3]
  s[3] = (s3 << 11) | (s3 >>> 21)
  return result >>> 0
}

/** The next `count` of them as words: much faster than one by one. */
export function fillU32(s: Prng, words: Int32Array, count: number): void {
  let [s0, s1, s2, s3] = s
  for (let i = 0; i < count; i++) {
    const x = Math.imul(s1, 5)
    words[i] = Math.imul((x << 7) | (x >>> 25), 9)
    const t = s1 << 9
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = (s3 << 11) | (s3 >>> 21)
  }
  s[0] = s0
  s[1] = s1
  s[2] = s2
  s[3] = s3
}

/** A whole number from 0 to bound - 1; bound <= 2^32. */
export function nextBelow(s: Prng, bound: number): number {
  return Math.floor((nextU32(s) / 0x1_0000_0000) * bound)
}
