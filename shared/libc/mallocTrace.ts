// Runs a trace of heap operations against malloc and tells what came of each, one line an operation: the language of
// the malloc recordings. Addresses are told relative to where the heap starts (H), to main_arena (A), to the second
// arena's mapping (N); M is a block with a mapping of its own, P(…) a mangled pointer, K the thread cache's key.

import { EINVAL, ENOMEM } from '../lib/errno.ts'
import {
  alignedAlloc,
  calloc,
  free,
  mallinfo2,
  malloc,
  mallocTrim,
  mallocUsableSize,
  mallopt,
  memalign,
  posixMemalign,
  pvalloc,
  realloc,
  reallocarray,
  valloc,
  type Size,
} from './malloc.ts'
import {
  bins,
  heapOffset,
  hexOf,
  inHeap,
  inSecond,
  loadWord,
  pageKey,
  showWord,
  walk,
  wordAt,
  type Trace,
  type TraceTarget,
} from './mallocTraceShow.ts'

export type { Trace, TraceTarget } from './mallocTraceShow.ts'

const PARAMS: Record<string, number> = {
  M_MXFAST: 1,
  M_TRIM_THRESHOLD: -1,
  M_TOP_PAD: -2,
  M_MMAP_THRESHOLD: -3,
  M_MMAP_MAX: -4,
  M_CHECK_ACTION: -5,
  M_PERTURB: -6,
  M_ARENA_TEST: -7,
  M_ARENA_MAX: -8,
}

export function mkTrace(target: TraceTarget, tcacheKey: bigint): Trace {
  return {
    target,
    pointers: [],
    sizes: [],
    lastBrk: target.heapStart,
    tcacheKey,
    second: 0,
    said: [],
  }
}

/** The trace's operations: no comments, no empty lines. */
export function traceLines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))
}

/** The environment that a trace's first operation, its mode, asks for. */
export function traceEnvironment(mode: string, version: string): Record<string, string> {
  if (mode === 'notcache') return { GLIBC_TUNABLES: 'glibc.malloc.tcache_count=0' }
  const digit = /^check([0-7])$/.exec(mode)?.[1]
  if (digit === undefined) return {}
  return version === '2.13'
    ? { MALLOC_CHECK_: digit }
    : { LD_PRELOAD: 'libc_malloc_debug.so.0', MALLOC_CHECK_: digit }
}

/** Executes one operation and gives its result line. What unwinds out of malloc passes through. */
export function runTraceLine(trace: Trace, line: string): string {
  const words = line.trim().split(/[ \t]+/)
  trace.said = []
  let result = runOperation(trace, words[0], words.slice(1), line)
  if (trace.said.length > 0) result += ` said "${trace.said.join(' / ')}"`
  const brk = trace.target.sbrk(0)
  if (brk !== trace.lastBrk) {
    trace.lastBrk = brk
    result += ` brk=${heapOffset(trace, brk)}`
  }
  return result
}

/** The last line of a trace whose operation killed the program. */
export function traceDeath(trace: Trace, signal: string): string {
  hear(trace)
  const text = trace.said.join('').replace(/["\\]/g, '\\$&')
  return `killed ${signal} "${text}"`
}

function runOperation(trace: Trace, op: string, args: string[], line: string): string {
  const { env } = trace.target
  switch (op) {
    case 'mode':
      return `mode ${args[0]}`
    case 'malloc':
      return allocate(trace, args[0], size(args[1]), () => malloc(env, size(args[1])))
    case 'calloc': {
      const [n, each] = [size(args[1]), size(args[2])]
      return allocate(trace, args[0], BigInt(n) * BigInt(each), () => calloc(env, n, each))
    }
    case 'realloc': {
      const bytes = size(args[1])
      const old = pointerOf(trace, slot(args[0]))
      return reallocate(trace, args[0], bytes, () => realloc(env, old, bytes))
    }
    case 'reallocarray': {
      const [n, each] = [size(args[1]), size(args[2])]
      const old = pointerOf(trace, slot(args[0]))
      const call = (): number => reallocarray(env, old, n, each)
      return reallocate(trace, args[0], BigInt(n) * BigInt(each), call)
    }
    case 'memalign':
      return aligned(trace, args, (alignment, bytes) => memalign(env, alignment, bytes))
    case 'aligned_alloc':
      return aligned(trace, args, (alignment, bytes) => alignedAlloc(env, alignment, bytes))
    case 'posix_memalign':
      return posixAligned(trace, args)
    case 'valloc':
      return allocate(trace, args[0], size(args[1]), () => valloc(env, size(args[1])))
    case 'pvalloc':
      return allocate(trace, args[0], size(args[1]), () => pvalloc(env, size(args[1])))
    case 'free': {
      const mem = address(trace, args[0])
      call(trace, () => (free(env, mem), 0))
      return 'ok'
    }
    case 'let':
      setSlot(trace, slot(args[0]), address(trace, args[1]), 0)
      return 'ok'
    case 'usable': {
      const mem = address(trace, args[0])
      return String(call(trace, () => mallocUsableSize(env, mem)))
    }
    case 'trim':
      return String(call(trace, () => mallocTrim(env, size(args[0]))))
    case 'mallopt':
      return String(call(trace, () => mallopt(env, param(args[0]), int(args[1]))))
    case 'info':
      return info(trace)
    default:
      return runMemoryOperation(trace, op, args, line)
  }
}

function runMemoryOperation(trace: Trace, op: string, args: string[], line: string): string {
  const { target } = trace
  switch (op) {
    case 'fill': {
      const va = address(trace, args[0])
      const length = trace.sizes[slot(/^\d+/.exec(args[0])?.[0] ?? '0')] ?? 0
      return va === 0 || target.fill(va, int(args[1]) & 0xff, length) ? 'ok' : 'FAULT'
    }
    case 'str': {
      const text = line.trimStart().replace(/^str[ \t]+\S+[ \t]*/, '')
      const bytes = Uint8Array.from([...text].map((c) => c.charCodeAt(0)).concat(0))
      return target.write(address(trace, args[0]), bytes) ? 'ok' : 'FAULT'
    }
    case 'cstr':
      return readString(trace, address(trace, args[0]))
    case 'peek':
    case 'peekb':
      return peek(trace, op === 'peekb', args)
    case 'poke':
      return poke(trace, args)
    case 'pokeb': {
      const bytes = args[1].match(/../g)!.map((pair) => parseInt(pair, 16))
      return target.write(address(trace, args[0]), Uint8Array.from(bytes)) ? 'ok' : 'FAULT'
    }
    case 'brk':
      return heapOffset(trace, target.sbrk(0))
    case 'sbrk': {
      const old = target.sbrk(Number(BigInt.asIntN(target.env.flavour.bits, number(args[0]))))
      return old === -1 ? '-1' : heapOffset(trace, old)
    }
    case 'walk':
      return walk(trace)
    case 'bins':
      return bins(trace)
    default:
      return `unknown operation ${op}`
  }
}

// --- arguments

function number(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text)
}

function size(text: string): Size {
  const value = BigInt.asUintN(64, number(text))
  return value < 1n << 53n ? Number(value) : value
}

function int(text: string): number {
  return Number(BigInt.asIntN(32, number(text)))
}

function slot(text: string): number {
  return Number(text)
}

function param(text: string): number {
  return PARAMS[text] ?? int(text)
}

function pointerOf(trace: Trace, index: number): number {
  return trace.pointers[index] ?? 0
}

function setSlot(trace: Trace, index: number, pointer: number, bytes: Size): void {
  trace.pointers[index] = pointer
  trace.sizes[index] = Number(BigInt.asUintN(trace.target.env.flavour.bits, BigInt(bytes)))
}

/** S, S+n, S-n, H, H+n. */
function address(trace: Trace, text: string): number {
  const [, base, offset] = /^(H|\d+)([+-].*)?$/.exec(text)!
  const start = base === 'H' ? trace.target.heapStart : pointerOf(trace, slot(base))
  if (offset === undefined) return start
  return start + Number(number(offset.replace('+', '')))
}

/** A word to store at `va`, in the notation of the results, or @S. */
function parseWord(trace: Trace, text: string, va: number): bigint {
  if (text === 'K') return trace.tcacheKey
  if (text.startsWith('@')) return BigInt(address(trace, text.slice(1)))
  if (text.startsWith('H+')) return BigInt(trace.target.heapStart) + number(text.slice(2))
  if (text.startsWith('A+')) return BigInt(trace.target.env.mainArena) + number(text.slice(2))
  if (text.startsWith('P(')) return parseWord(trace, text.slice(2, -1), va) ^ pageKey(va)
  return number(text)
}

// --- calls of malloc

function call(trace: Trace, run: () => number): number {
  trace.target.errno = 0
  const result = run()
  hear(trace)
  return result
}

/** Takes what malloc has said; addresses become symbols. */
function hear(trace: Trace): void {
  for (const message of trace.target.messages) trace.said.push(symbolic(trace, message))
  trace.target.messages.length = 0
}

function symbolic(trace: Trace, message: string): string {
  const { env } = trace.target
  const text = message.replaceAll('\n', '')
  if (!env.flavour.checkActions) return text
  const digits = env.flavour.bits / 4
  return text.replace(new RegExp(`: 0x([0-9a-f]{${digits}})`), (whole: string, hex: string) => {
    const va = parseInt(hex, 16)
    if (inHeap(trace, va)) return `: ${heapOffset(trace, va)}`
    if (inSecond(trace, va)) return `: N+${hexOf(va - trace.second)}`
    const inMapping = trace.pointers.some((pointer, i) => {
      if (pointer === 0 || inHeap(trace, pointer)) return false
      const offset = va - Math.floor(pointer / 4096) * 4096
      return offset >= 0 && offset < (trace.sizes[i] ?? 0) + 8192
    })
    return inMapping ? ': M' : whole
  })
}

function allocate(trace: Trace, at: string, bytes: Size, run: () => number): string {
  const mem = call(trace, run)
  setSlot(trace, slot(at), mem, bytes)
  return result(trace, mem)
}

function reallocate(trace: Trace, at: string, bytes: Size, run: () => number): string {
  const mem = call(trace, run)
  const wrapped = BigInt.asUintN(trace.target.env.flavour.bits, BigInt(bytes))
  if (mem !== 0 || wrapped === 0n) setSlot(trace, slot(at), mem, bytes)
  return result(trace, mem)
}

function aligned(
  trace: Trace,
  args: string[],
  run: (alignment: Size, bytes: Size) => number,
): string {
  return allocate(trace, args[0], size(args[2]), () => run(size(args[1]), size(args[2])))
}

function posixAligned(trace: Trace, args: string[]): string {
  const mem = call(trace, () => posixMemalign(trace.target.env, size(args[1]), size(args[2])))
  if (mem < 0) return mem === -EINVAL ? 'rc=EINVAL' : 'rc=ENOMEM'
  setSlot(trace, slot(args[0]), mem, size(args[2]))
  return result(trace, mem)
}

/** A pointer that an allocation function returned. */
function result(trace: Trace, mem: number): string {
  const { env, errno } = trace.target
  if (mem === 0) {
    if (errno === 0) return 'NULL'
    return `NULL errno=${errno === ENOMEM ? 'ENOMEM' : errno === EINVAL ? 'EINVAL' : errno}`
  }
  if (inHeap(trace, mem)) return heapOffset(trace, mem)
  const head = loadWord(trace, mem - env.flavour.word)
  if (head & 2n) {
    const before = loadWord(trace, mem - env.flavour.header)
    const length = (head & ~7n) + before
    return `M 0x${length.toString(16)} +0x${(before + BigInt(env.flavour.header)).toString(16)}`
  }
  if (head & 4n) {
    trace.second = Math.floor(mem / env.flavour.heapMaxSize) * env.flavour.heapMaxSize
    return `N+${hexOf(mem - trace.second)}`
  }
  return hexOf(mem)
}

function info(trace: Trace): string {
  let m = mallinfo2(trace.target.env)
  call(trace, () => ((m = mallinfo2(trace.target.env)), 0))
  return (
    `arena=${m.arena} ordblks=${m.ordblks} smblks=${m.smblks} hblks=${m.hblks} hblkhd=${m.hblkhd} ` +
    `fsmblks=${m.fsmblks} uordblks=${m.uordblks} fordblks=${m.fordblks} keepcost=${m.keepcost}`
  )
}

// --- memory

function peek(trace: Trace, asBytes: boolean, args: string[]): string {
  const va = address(trace, args[0]) + Number(number(args[1]))
  const length = Number(number(args[2]))
  const bytes = trace.target.read(va, length)
  if (bytes === null) return 'FAULT'
  if (asBytes) return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  const { word } = trace.target.env.flavour
  const shown: string[] = []
  for (let i = 0; i < length; i += word) {
    shown.push(showWord(trace, wordAt(bytes, i, word), va + i))
  }
  return shown.join(' ')
}

function poke(trace: Trace, args: string[]): string {
  const { word } = trace.target.env.flavour
  const va = address(trace, args[0])
  const bytes = new Uint8Array((args.length - 1) * word)
  args.slice(1).forEach((text, i) => {
    let value = BigInt.asUintN(word * 8, parseWord(trace, text, va + i * word))
    for (let k = 0; k < word; k++, value >>= 8n) bytes[i * word + k] = Number(value & 0xffn)
  })
  return trace.target.write(va, bytes) ? 'ok' : 'FAULT'
}

function readString(trace: Trace, va: number): string {
  let text = ''
  for (let i = 0; i < 4096; i++) {
    const byte = trace.target.read(va + i, 1)?.[0]
    if (byte === undefined) return 'FAULT'
    if (byte === 0) break
    const printable = byte >= 32 && byte < 127 && byte !== 0x22 && byte !== 0x5c
    text += printable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return `"${text}"`
}
