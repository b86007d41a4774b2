// A 64-bit hash in two u32 lanes. Not cryptographic: it answers "are these two machines the same".

export interface Hash {
  a: number
  b: number
}

export function mkHash(): Hash {
  return { a: 0x243f6a88 | 0, b: 0x85a308d3 | 0 }
}

export function hashU32(h: Hash, word: number): void {
  const a = Math.imul(h.a ^ word, 0x9e3779b1)
  h.a = a ^ (a >>> 15)
  const b = Math.imul(h.b + word, 0x85ebca77)
  h.b = (b ^ (b >>> 13)) + h.a
  h.b |= 0
}

const float = new Float64Array(1)
const floatWords = new Int32Array(float.buffer)

/** Any number: integers of 32 bits as one word, others by their IEEE 754 bits; -0 equals 0. */
export function hashNumber(h: Hash, value: number): void {
  if (value === (value | 0)) {
    hashU32(h, value)
    return
  }
  float[0] = value
  hashU32(h, floatWords[0])
  hashU32(h, floatWords[1])
  hashU32(h, 0x666c6f)
}

export function hashString(h: Hash, text: string): void {
  hashU32(h, text.length)
  for (let i = 0; i < text.length; i++) hashU32(h, text.charCodeAt(i))
}

export function hashWords(h: Hash, words: Int32Array, from: number, to: number): void {
  let { a, b } = h
  for (let i = from; i < to; i++) {
    const word = words[i]
    a = Math.imul(a ^ word, 0x9e3779b1)
    a ^= a >>> 15
    b = Math.imul((b + word) | 0, 0x85ebca77)
    b = ((b ^ (b >>> 13)) + a) | 0
  }
  h.a = a
  h.b = b
}

export function hashBytes(h: Hash, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) hashU32(h, bytes[i])
}

/** Sixteen hex digits. */
export function hashText(h: Hash): string {
  return hex32(h.a) + hex32(h.b)
}

function hex32(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
