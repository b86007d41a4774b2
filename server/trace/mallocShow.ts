// How a trace's results name addresses and words, and the two looks into malloc's inside: all chunks, all lists.

import type { TraceProcess } from './mallocProcess.ts'

export interface Trace {
  process: TraceProcess
  pointers: number[] // by slot
  sizes: number[] // what was asked for, by slot
  lastBrk: number
  tcacheKey: bigint
  second: number // start of the second arena's mapping, 0 for none
  said: string[] // of this line
}

const MAX_STEPS = 10000

export function hexOf(value: number): string {
  return `0x${value.toString(16)}`
}

export function heapOffset(trace: Trace, va: number): string {
  return `H+${hexOf(va - trace.process.heapStart)}`
}

export function inHeap(trace: Trace, va: number): boolean {
  const offset = va - trace.process.heapStart
  if (trace.process.flavour.bits === 64) return offset >= 0 && offset < 2 ** 32
  return offset >= 0 && va <= trace.process.brk()
}

export function inSecond(trace: Trace, va: number): boolean {
  const { heapMaxSize } = trace.process.flavour
  return trace.second !== 0 && va >= trace.second && va < trace.second + heapMaxSize
}

/** A word, 0 if memory is not there. */
export function loadWord(trace: Trace, va: number): bigint {
  const bytes = trace.process.read(va, trace.process.flavour.word)
  return bytes === null ? 0n : wordAt(bytes, 0, trace.process.flavour.word)
}

export function wordAt(bytes: Uint8Array, index: number, length: number): bigint {
  let value = 0n
  for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[index + i])
  return value
}

/** One word found at `va`, as the first of these that fits: K, H+, A+, P(), N+, a number. */
export function showWord(trace: Trace, value: bigint, va: number): string {
  const { flavour, mainArena } = trace.process
  const wide = flavour.bits === 64
  const plain = Number(value)
  if (value !== 0n && value === trace.tcacheKey) return 'K'
  if (inHeap(trace, plain) && (wide || plain % 8 === 0)) return heapOffset(trace, plain)
  if (plain >= mainArena && plain < mainArena + flavour.arena.size) {
    return `A+${hexOf(plain - mainArena)}`
  }
  if (flavour.safeLinking && inHeap(trace, va)) {
    const revealed = Number(value ^ BigInt.asUintN(flavour.bits, pageKey(va)))
    if (revealed === 0) return 'P(0)'
    if (inHeap(trace, revealed) && revealed % (wide ? 16 : 8) === 0) {
      return `P(${heapOffset(trace, revealed)})`
    }
  }
  if (inSecond(trace, plain)) return `N+${hexOf(plain - trace.second)}`
  if (inHeap(trace, plain)) return heapOffset(trace, plain)
  return `0x${value.toString(16)}`
}

/** All chunks from the start of the heap to the top chunk: offset:sizefield. */
export function walk(trace: Trace): string {
  const { process } = trace
  const { heapStart } = process
  const { arena, alignment, header, word } = process.flavour
  const end = trace.process.brk()
  const top = Number(loadWord(trace, process.mainArena + arena.top))
  let text = 'walk'
  let p = heapStart + (alignment > header ? word * 2 : 0)
  while (p >= heapStart && p < end) {
    const head = loadWord(trace, p + word)
    text += ` ${hexOf(p - heapStart)}:0x${head.toString(16)}`
    if (p === top) return `${text} top`
    const length = Number(head & ~7n)
    if (length < header) break
    p += length
  }
  return text
}

/** The allocator's free lists. */
export function bins(trace: Trace): string {
  const { process } = trace
  const { arena, word } = process.flavour
  const top = Number(loadWord(trace, process.mainArena + arena.top))
  if (!inHeap(trace, top)) return 'top=none'
  const remainder = Number(loadWord(trace, process.mainArena + arena.lastRemainder))
  const topSize = loadWord(trace, top + word) & ~7n
  return (
    `top=${heapOffset(trace, top)}:0x${topSize.toString(16)} ` +
    `rem=${inHeap(trace, remainder) ? heapOffset(trace, remainder) : '0'}` +
    (process.flavour.tcache ? tcacheLists(trace) : '') +
    fastLists(trace) +
    binLists(trace)
  )
}

/** Follows mangled or plain links from `first` on. */
function follow(trace: Trace, first: number, linkOffset: number, mangled: boolean): number[] {
  const list: number[] = []
  for (let p = first; inHeap(trace, p) && list.length < MAX_STEPS;) {
    list.push(p)
    const link = p + linkOffset
    const value = loadWord(trace, link)
    p = Number(mangled ? value ^ pageKey(link) : value)
  }
  return list
}

function tcacheLists(trace: Trace): string {
  const { process } = trace
  const { heapStart } = process
  const { word, header, minSize, alignment } = process.flavour
  const firstChunk = heapStart + (alignment > header ? header : 0)
  const tableHead = BigInt(0x80 + 64 * word + alignment + 1)
  if (loadWord(trace, firstChunk + word) !== tableHead) return ''
  let text = ''
  for (let i = 0; i < 64; i++) {
    const first = Number(loadWord(trace, heapStart + 0x90 + word * i))
    const list = follow(trace, first, 0, true).map((e) => heapOffset(trace, e - header))
    if (list.length > 0) text += ` tcache[${hexOf(minSize + 16 * i)}]=${list.join(',')}`
  }
  return text
}

function fastLists(trace: Trace): string {
  const { process } = trace
  const { word, header, arena, nFastbins, safeLinking } = process.flavour
  let text = ''
  for (let i = 0; i < nFastbins; i++) {
    const first = Number(loadWord(trace, process.mainArena + arena.fastbins + word * i))
    const list = follow(trace, first, header, safeLinking).map((p) => heapOffset(trace, p))
    if (list.length > 0) text += ` fast[${hexOf(4 * word + header * i)}]=${list.join(',')}`
  }
  return text
}

function binLists(trace: Trace): string {
  const { process } = trace
  const { word, header, arena, alignment, smallbinCorrection } = process.flavour
  let text = ''
  for (let i = 1; i < 127; i++) {
    const bin = process.mainArena + arena.top + header * (i - 1)
    const sized = i === 1 || i >= 64
    const list: string[] = []
    let p = Number(loadWord(trace, bin + header))
    while (p !== bin && p !== 0 && list.length < MAX_STEPS) {
      const length = loadWord(trace, p + word) & ~7n
      list.push(heapOffset(trace, p) + (sized ? `:0x${length.toString(16)}` : ''))
      p = Number(loadWord(trace, p + header))
    }
    if (list.length === 0) continue
    const small = `small[${hexOf(alignment * (i - smallbinCorrection))}]`
    text += ` ${i === 1 ? 'unsorted' : i < 64 ? small : `large[${i}]`}=${list.join(',')}`
  }
  return text
}

export function pageKey(va: number): bigint {
  return BigInt(Math.floor(va / 4096))
}
