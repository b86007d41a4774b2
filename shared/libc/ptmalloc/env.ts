// What malloc needs of the process that it runs in. All that it remembers lies in that process's memory.
//
// Words. A word of the process (size_t, a pointer) is a JS number. With 32 bits it is 0 … 2^32 - 1. With 64 bits it is
// read as a signed number: -16 is 0xfffffffffffffff0, so sizes and offsets "below zero", which a damaged heap may
// hold, are exact; unsigned comparisons are made with ult(). What lies beyond 2^53 on either side (text read as a
// size, say) is rounded. Nothing depends on its last digits: flags, alignment and mangled pointers are always taken
// from the two halves of the word.

import type { MallocFlavour } from './flavour.ts'

/** Memory. Faults pages in; unwinds with an exception if the process may not go on. Any alignment. */
export interface MallocMemory {
  load8(va: number): number // 0 … 255
  store8(va: number, byte: number): void
  load16(va: number): number // 0 … 65535
  store16(va: number, half: number): void
  load32(va: number): number // signed
  store32(va: number, half: number): void // the lowest 32 bits of any integer
  load(va: number): number // a word
  store(va: number, word: number): void
  copyWord(to: number, from: number, low: number, high: number): void // XORed with the two halves of a key; nothing is lost

  // Where the word of 4 bytes at `va` lies in the host's memory, if it can be read (written) right now without a fault:
  // index into `words`, else -1. It holds until the next call of anything else here. `low` is va's lower half: who has
  // just read the address has it at hand, and the lookup need not wait until it has been made of the number again.
  locate(va: number, low: number): number
  locateWritable(va: number, low: number): number
  words: Int32Array

  // malloc's own data is visited all the time: main_arena and what follows it, by offset. As load and store, but quicker.
  loadOwn(offset: number): number
  storeOwn(offset: number, word: number): void
  loadOwn32(offset: number): number
  storeOwn32(offset: number, half: number): void

  // As locate, for quick.ts and quickTop.ts.
  locateLists(): number // main_arena's first fields, to write
  locateVariables(): number // what follows from its binmap on, to read
  locateTcache(low: number, high: number): number // the thread cache's table, to write; its address in halves
}

export interface MallocEnv extends MallocMemory {
  flavour: MallocFlavour
  mainArena: number // where main_arena lies; the rest of malloc's data follows it
  pageSize: number // GLRO(dl_pagesize)
  programName: string // argv[0]

  fill(va: number, byte: number, length: number): void
  copy(to: number, from: number, length: number): void // the ranges don't overlap

  // System calls: -1 if they fail. Lengths and increments are multiples of nothing in particular.
  sbrk(increment: number): number // the old break
  mmap(hint: number, length: number, accessible: boolean): number // private and anonymous
  munmap(va: number, length: number): number
  mremap(va: number, oldLength: number, newLength: number): number // MREMAP_MAYMOVE
  mprotect(va: number, length: number): number // makes it readable and writable
  madviseDontneed(va: number, length: number): number

  setErrno(errno: number): void
  getenv(name: string): string | null
  randomWord(half: 0 | 1): number // the two halves of the double-free key, drawn once at the start
  message(text: string, aborting: boolean): void // to standard error; 2.13: a backtrace follows if aborting
  abort(): never
  endless(): never // a list goes round in a circle: the call would never return
}

/** More steps than any whole list takes. */
export const MAX_STEPS = 1_000_000

/** Is a below b, both taken as unsigned words? */
export function ult(a: number, b: number): boolean {
  return a < 0 === b < 0 ? a < b : b < 0
}

/** The result of a computation as a word again. */
export function word(env: MallocEnv, value: number): number {
  return env.flavour.bits === 32 ? value >>> 0 : value
}

/** A word taken as signed (long). */
export function long(env: MallocEnv, value: number): number {
  return env.flavour.bits === 32 ? value | 0 : value
}

/** An address some distance away; on 32 bits it goes round at the end of the address space. */
export function at(env: MallocEnv, va: number, offset: number): number {
  return env.flavour.bits === 32 ? (va + offset) >>> 0 : va + offset
}

export function alignUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit
}

export function alignDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit
}

/** The upper half of a 64 bit word. */
export function highHalf(word: number): number {
  return Math.floor(word / 0x1_0000_0000) | 0
}

/** A 64 bit word of its two halves. */
export function joinHalves(low: number, high: number): number {
  return (high | 0) * 0x1_0000_0000 + (low >>> 0)
}

/** A size as a program gives it: a bigint (or a negative number) where a number would not be exact. */
export type Size = number | bigint

/** The word that a program's argument is. */
export function argument(env: MallocEnv, size: Size): number {
  if (env.flavour.bits === 32) return Number(BigInt.asUintN(32, BigInt(size)))
  if (typeof size === 'bigint') return Number(BigInt.asIntN(64, size))
  return size <= 2 ** 63 ? size : -1
}

/** The same without loss, unsigned. */
export function exactArgument(env: MallocEnv, size: Size): bigint {
  return BigInt.asUintN(env.flavour.bits, BigInt(size))
}

/** Are the quick ways for this arena? */
export function isQuick(env: MallocEnv, av: number): boolean {
  return env.flavour.quick && av === env.mainArena
}
