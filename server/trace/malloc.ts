// `oomroom trace malloc`: heap operations in text, done by a process of a booted machine, and what came of each, a line
// an operation. The language is that of the recordings of the real malloc, so that ours can be compared with them.
//
//   mode default       mode default
//   malloc 0 24        H+0x2a0 brk=H+0x21000
//   free 0             ok
//   free 0             killed SIGABRT "free(): double free detected in tcache 2"
//
// Addresses are told relative to where the heap starts (H), to main_arena (A), to the second arena's mapping (N); M is a
// block with a mapping of its own, P(…) a mangled pointer, K the thread cache's key.

import { assert } from '../../shared/lib/assert.ts'
import { EINVAL, ENOMEM } from '../../shared/lib/errno.ts'
import type { GlibcVersion, Machine, MachineOptions } from '../../shared/state/machine.ts'
import { Killed, TraceProcess, bootTraceMachine, type Answer } from './mallocProcess.ts'
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
} from './mallocShow.ts'

export { bootTraceMachine } from './mallocProcess.ts'

/** Runs a trace; the result lines. Throws SyntaxError naming the line that it cannot read. */
export function runTrace(text: string, options: MachineOptions): string[] {
  return runTraceOn(bootTraceMachine(options), text)
}

/** The same in a new process of a machine that may have run others. */
export function runTraceOn(m: Machine, text: string): string[] {
  const lines = text
    .split('\n')
    .map((line, i): [text: string, no: number] => [line, i + 1])
    .filter(([line]) => line.trim() !== '' && !line.startsWith('#'))
  if (lines.length === 0) return []
  const trace = startTrace(m, lines[0][0])
  const out = runLines(trace, lines)
  trace.process.end()
  return out
}

function runLines(trace: Trace, lines: [text: string, no: number][]): string[] {
  const out: string[] = []
  for (const [line, no] of lines) {
    try {
      out.push(runTraceLine(trace, line))
    } catch (thrown) {
      if (thrown instanceof Killed) return [...out, traceDeath(trace, thrown)]
      if (!(thrown instanceof SyntaxError)) throw thrown
      throw new SyntaxError(`line ${no}: ${thrown.message}`, { cause: thrown })
    }
  }
  return out
}

/** The process is started in the environment that the first operation, the mode, asks for. */
function startTrace(m: Machine, line: string): Trace {
  const [op, mode] = line.trim().split(/[ \t]+/)
  const environment = op === 'mode' ? traceEnvironment(mode, m.options.glibc) : {}
  if (environment === null)
    throw new SyntaxError(`line 1: there is no mode '${mode}' with glibc ${m.options.glibc}`)
  const process = new TraceProcess(m, './program', environment)
  return {
    process,
    pointers: [],
    sizes: [],
    lastBrk: process.heapStart,
    tcacheKey: findKey(process, mode),
    second: 0,
    said: [],
  }
}

/** The key is drawn when malloc starts, which mallopt() makes it do without touching the heap. */
function findKey(process: TraceProcess, mode: string): bigint {
  const { flavour, mainArena } = process
  if (!flavour.tcache) return 0n
  process.type('mallopt(-9999, 0)')
  if (mode === 'notcache' || /^check[1-7]$/.test(mode)) return 0n // it never gets to the heap
  return wordAt(process.read(mainArena + flavour.par.tcacheKey, flavour.word)!, 0, flavour.word)
}

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

function traceEnvironment(mode: string, version: GlibcVersion): Record<string, string> | null {
  if (mode === 'default') return {}
  if (mode === 'notcache')
    return version === '2.13' ? null : { GLIBC_TUNABLES: 'glibc.malloc.tcache_count=0' }
  const digit = /^check([0-7])$/.exec(mode)?.[1]
  if (digit === undefined) return null
  return version === '2.13'
    ? { MALLOC_CHECK_: digit }
    : { LD_PRELOAD: 'libc_malloc_debug.so.0', MALLOC_CHECK_: digit }
}

/** Executes one operation and gives its result line. */
function runTraceLine(trace: Trace, line: string): string {
  const words = line.trim().split(/[ \t]+/)
  trace.said = []
  let result = runOperation(trace, words[0], words.slice(1), line)
  if (trace.said.length > 0) result += ` said "${trace.said.join(' / ')}"`
  const brk = trace.process.brk()
  if (brk !== trace.lastBrk) {
    trace.lastBrk = brk
    result += ` brk=${heapOffset(trace, brk)}`
  }
  return result
}

/** The last line of a trace whose operation killed the program. */
function traceDeath(trace: Trace, { signal, text }: Killed): string {
  hear(trace, text)
  return `killed ${signal} "${trace.said.join('').replace(/["\\]/g, '\\$&')}"`
}

function runOperation(trace: Trace, op: string, args: string[], line: string): string {
  const count = ARGUMENTS[op]
  if (count === undefined) throw new SyntaxError(`unknown operation '${op}'`)
  if (args.length < count) throw new SyntaxError(`'${op}' takes ${count} arguments`)
  switch (op) {
    case 'mode':
      return `mode ${args[0]}`
    case 'malloc':
    case 'valloc':
    case 'pvalloc':
      return allocate(trace, args[0], number(args[1]), `${op}(${size(trace, args[1])})`)
    case 'calloc': {
      const [n, each] = args.slice(1)
      const bytes = number(n) * number(each)
      return allocate(trace, args[0], bytes, `calloc(${size(trace, n)}, ${size(trace, each)})`)
    }
    case 'memalign':
    case 'aligned_alloc': {
      const [alignment, bytes] = args.slice(1)
      const call = `${op}(${size(trace, alignment)}, ${size(trace, bytes)})`
      return allocate(trace, args[0], number(bytes), call)
    }
    case 'realloc':
      return reallocate(trace, args[0], number(args[1]), `realloc(%, ${size(trace, args[1])})`)
    case 'reallocarray': {
      const [n, each] = args.slice(1)
      const call = `reallocarray(%, ${size(trace, n)}, ${size(trace, each)})`
      return reallocate(trace, args[0], number(n) * number(each), call)
    }
    case 'posix_memalign':
      return posixAligned(trace, args)
    case 'free':
      call(trace, `free(${pointer(address(trace, args[0]))})`)
      return 'ok'
    case 'let':
      setSlot(trace, slot(args[0]), address(trace, args[1]), 0n)
      return 'ok'
    case 'usable':
      return call(trace, `malloc_usable_size(${pointer(address(trace, args[0]))})`)[0]
    case 'trim':
      return call(trace, `malloc_trim(${size(trace, args[0])})`)[0]
    case 'mallopt':
      return call(trace, `mallopt(${param(args[0])}, ${int(args[1])})`)[0]
    case 'info':
      return info(trace)
    default:
      return runMemoryOperation(trace, op, args, line)
  }
}

/** How many arguments an operation has at least. */
const ARGUMENTS: Record<string, number> = {
  mode: 1,
  malloc: 2,
  valloc: 2,
  pvalloc: 2,
  calloc: 3,
  memalign: 3,
  aligned_alloc: 3,
  realloc: 2,
  reallocarray: 3,
  posix_memalign: 3,
  free: 1,
  let: 2,
  usable: 1,
  trim: 1,
  mallopt: 2,
  info: 0,
  fill: 2,
  str: 1,
  cstr: 1,
  peek: 3,
  peekb: 3,
  poke: 1,
  pokeb: 2,
  brk: 0,
  sbrk: 1,
  walk: 0,
  bins: 0,
}

function runMemoryOperation(trace: Trace, op: string, args: string[], line: string): string {
  const { process } = trace
  switch (op) {
    case 'fill': {
      const va = address(trace, args[0])
      const length = trace.sizes[slot(/^\d+/.exec(args[0])?.[0] ?? '0')] ?? 0
      return va === 0 || process.fill(va, int(args[1]) & 0xff, length) ? 'ok' : 'FAULT'
    }
    case 'str': {
      const text = line.trimStart().replace(/^str[ \t]+\S+[ \t]*/, '')
      const bytes = Uint8Array.from([...text].map((c) => c.charCodeAt(0)).concat(0))
      return process.write(address(trace, args[0]), bytes) ? 'ok' : 'FAULT'
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
      return process.write(address(trace, args[0]), Uint8Array.from(bytes)) ? 'ok' : 'FAULT'
    }
    case 'brk':
      return heapOffset(trace, process.brk())
    case 'sbrk': {
      const increment = BigInt.asIntN(process.flavour.bits, number(args[0]))
      const { va } = pointerShown(call(trace, `sbrk(${increment})`)[0])
      return va >= trace.process.addressLimit ? '-1' : heapOffset(trace, va)
    }
    case 'walk':
      return walk(trace)
    default:
      return bins(trace)
  }
}

// --- arguments

function number(text: string): bigint {
  if (!/^-?(0x[0-9a-f]+|\d+)$/i.test(text)) throw new SyntaxError(`'${text}' is no number`)
  const value = BigInt.asUintN(64, BigInt(text.replace('-', '')))
  return text.startsWith('-') ? -value : value
}

/** As an argument of type size_t. */
function size(trace: Trace, text: string): string {
  return `0x${BigInt.asUintN(trace.process.flavour.bits, number(text)).toString(16)}UL`
}

/** As an argument of type void *. */
function pointer(va: number): string {
  return `(void *) 0x${va.toString(16)}UL`
}

function int(text: string): number {
  return Number(BigInt.asIntN(32, number(text)))
}

const MAX_SLOTS = 65536

function slot(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) >= MAX_SLOTS)
    throw new SyntaxError(`'${text}' is no slot`)
  return Number(text)
}

function param(text: string): number {
  return PARAMS[text] ?? int(text)
}

function pointerOf(trace: Trace, index: number): number {
  return trace.pointers[index] ?? 0
}

function setSlot(trace: Trace, index: number, pointer: number, bytes: bigint): void {
  trace.pointers[index] = pointer
  trace.sizes[index] = Number(BigInt.asUintN(trace.process.flavour.bits, bytes))
}

/** S, S+n, S-n, H, H+n. */
function address(trace: Trace, text: string): number {
  const match = /^(H|\d+)([+-].*)?$/.exec(text)
  if (match === null) throw new SyntaxError(`'${text}' is no address`)
  const [, base, offset] = match
  const start = base === 'H' ? trace.process.heapStart : pointerOf(trace, slot(base))
  if (offset === undefined) return start
  return start + Number(number(offset.replace('+', '')))
}

/** A word to store at `va`, in the notation of the results, or @S. */
function parseWord(trace: Trace, text: string, va: number): bigint {
  if (text === 'K') return trace.tcacheKey
  if (text.startsWith('@')) return BigInt(address(trace, text.slice(1)))
  if (text.startsWith('H+')) return BigInt(trace.process.heapStart) + number(text.slice(2))
  if (text.startsWith('A+')) return BigInt(trace.process.mainArena) + number(text.slice(2))
  if (text.startsWith('P(')) return parseWord(trace, text.slice(2, -1), va) ^ pageKey(va)
  return number(text)
}

// --- calls of malloc

/** Has the process make the call: what the prompt shows. */
function call(trace: Trace, statement: string): string[] {
  const { said, shown }: Answer = trace.process.type(statement)
  hear(trace, said)
  return shown
}

/** Takes what malloc has said, a message a line; addresses become symbols. */
function hear(trace: Trace, text: string): void {
  for (const message of text.split('\n'))
    if (message !== '') trace.said.push(symbolic(trace, message))
}

function symbolic(trace: Trace, text: string): string {
  const { flavour } = trace.process
  if (!flavour.checkActions) return text
  const digits = flavour.bits / 4
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

/** What the prompt shows of a pointer: its address, and errno behind a failure. */
function pointerShown(text: string): { va: number; errno: number } {
  const match = /^\(void \*\) 0x([0-9a-f]+)(?: \(errno = (\d+),.*)?$/.exec(text)
  assert(match !== null, `the prompt shows a pointer: ${text}`)
  return { va: parseInt(match[1], 16), errno: Number(match[2] ?? 0) }
}

function allocate(trace: Trace, at: string, bytes: bigint, statement: string): string {
  const { va, errno } = pointerShown(call(trace, statement)[0])
  setSlot(trace, slot(at), va, bytes)
  return result(trace, va, errno)
}

/** `%` stands for the old block. */
function reallocate(trace: Trace, at: string, bytes: bigint, statement: string): string {
  const old = pointer(pointerOf(trace, slot(at)))
  const { va, errno } = pointerShown(call(trace, statement.replace('%', old))[0])
  const wrapped = BigInt.asUintN(trace.process.flavour.bits, bytes)
  if (va !== 0 || wrapped === 0n) setSlot(trace, slot(at), va, bytes)
  return result(trace, va, errno)
}

/** The block's address comes back in a variable of the program. */
function posixAligned(trace: Trace, [at, alignment, bytes]: string[]): string {
  const sizes = `${size(trace, alignment)}, ${size(trace, bytes)}`
  const [rc, block] = call(trace, `posix_memalign(&block, ${sizes}); block`).slice(-2)
  if (rc !== '0') return Number(rc) === EINVAL ? 'rc=EINVAL' : 'rc=ENOMEM'
  const { va } = pointerShown(block.replace(/^block = /, ''))
  setSlot(trace, slot(at), va, number(bytes))
  return result(trace, va, 0)
}

/** A pointer that an allocation function returned. */
function result(trace: Trace, mem: number, errno: number): string {
  const { flavour } = trace.process
  if (mem === 0) {
    if (errno === 0) return 'NULL'
    return `NULL errno=${errno === ENOMEM ? 'ENOMEM' : errno === EINVAL ? 'EINVAL' : errno}`
  }
  if (inHeap(trace, mem)) return heapOffset(trace, mem)
  const head = loadWord(trace, mem - flavour.word)
  if (head & 2n) {
    const before = loadWord(trace, mem - flavour.header)
    const length = (head & ~7n) + before
    return `M 0x${length.toString(16)} +0x${(before + BigInt(flavour.header)).toString(16)}`
  }
  if (head & 4n) {
    trace.second = Math.floor(mem / flavour.heapMaxSize) * flavour.heapMaxSize
    return `N+${hexOf(mem - trace.second)}`
  }
  return hexOf(mem)
}

function info(trace: Trace): string {
  const [shown] = call(trace, trace.process.flavour.tcache ? 'mallinfo2()' : 'mallinfo()')
  const fields = shown.slice(1, -1).split(', ')
  return fields
    .filter((field) => !field.startsWith('usmblks'))
    .map((field) => field.replace(' = ', '='))
    .join(' ')
}

// --- memory

function peek(trace: Trace, asBytes: boolean, args: string[]): string {
  const va = address(trace, args[0]) + Number(number(args[1]))
  const length = Number(number(args[2]))
  const bytes = trace.process.read(va, length)
  if (bytes === null) return 'FAULT'
  if (asBytes) return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  const { word } = trace.process.flavour
  const shown: string[] = []
  for (let i = 0; i < length; i += word) {
    shown.push(showWord(trace, wordAt(bytes, i, word), va + i))
  }
  return shown.join(' ')
}

function poke(trace: Trace, args: string[]): string {
  const { word } = trace.process.flavour
  const va = address(trace, args[0])
  const bytes = new Uint8Array((args.length - 1) * word)
  args.slice(1).forEach((text, i) => {
    let value = BigInt.asUintN(word * 8, parseWord(trace, text, va + i * word))
    for (let k = 0; k < word; k++, value >>= 8n) bytes[i * word + k] = Number(value & 0xffn)
  })
  return trace.process.write(va, bytes) ? 'ok' : 'FAULT'
}

function readString(trace: Trace, va: number): string {
  let text = ''
  for (let i = 0; i < 4096; i++) {
    const byte = trace.process.read(va + i, 1)?.[0]
    if (byte === undefined) return 'FAULT'
    if (byte === 0) break
    const printable = byte >= 32 && byte < 127 && byte !== 0x22 && byte !== 0x5c
    text += printable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return `"${text}"`
}
