// Chunks as the quick ways read and write them (see quick.ts): by index into the host's memory, several fields at one lookup.
// Everything is aligned there, so that no two fields that belong together lie in different pages; what isn't is left to
// the plain way.

import { highHalf, type MallocEnv } from './env.ts'
import { CHUNK_BYTES, FD_NEXTSIZE, PAGE_MASK, SIZE } from './quickLayout.ts'

export function wordAt(words: Int32Array, index: number): number {
  return words[index + 1] * 0x1_0000_0000 + (words[index] >>> 0)
}

export function setWord(words: Int32Array, index: number, value: number): void {
  words[index] = value
  words[index + 1] = highHalf(value)
}

/** Index of a chunk's fields, to write; -1 if they can't be had at once. `low`: the lower half of its address. */
export function locateChunk(env: MallocEnv, p: number, low: number): number {
  return (low & PAGE_MASK) > PAGE_MASK + 1 - CHUNK_BYTES || (low & 15) !== 0
    ? -1
    : env.locateWritable(p, low)
}

/** Index of two words in a row, to write; -1 if they can't be had at once. `low` as above. */
export function locatePair(env: MallocEnv, va: number, low: number): number {
  return (low & 15) !== 0 ? -1 : env.locateWritable(va, low)
}

/** The chunk that a link leads to: index of its fields, as locateChunk(). The next lookup need not wait for its address. */
export function followToChunk(env: MallocEnv, link: number): number {
  return locateChunk(env, wordAt(env.words, link), env.words[link])
}

/** The same for two of its fields, `offset` bytes on. */
export function followToPair(env: MallocEnv, link: number, offset: number): number {
  return locatePair(env, wordAt(env.words, link) + offset, (env.words[link] + offset) | 0)
}

export function copyWord(words: Int32Array, to: number, from: number): void {
  words[to] = words[from]
  words[to + 1] = words[from + 1]
}

/** A free chunk's size field; 0 if it is beyond what the quick ways are for, or has flags that no free chunk should have. */
export function headAt(words: Int32Array, at: number): number {
  const head = words[at + SIZE]
  return words[at + SIZE + 1] !== 0 || head < 0 || (head & 14) !== 0 ? 0 : head
}

export function clearNextsizes(words: Int32Array, at: number): void {
  words[at + FD_NEXTSIZE] = 0
  words[at + FD_NEXTSIZE + 1] = 0
  words[at + FD_NEXTSIZE + 2] = 0
  words[at + FD_NEXTSIZE + 3] = 0
}
