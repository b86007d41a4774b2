// The strace line of a system call: `munmap(0x200000000000, 4096) = 0`, in the form of strace 6.1.
//
//   wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 312
//   ~~~~~~~~~~ told before the call          ~~~~~~~~~~~~~~~~~~   ~~~ the result
//             ~~~~~~~ and what the kernel has filled in, after it
//
// An argument says how it is shown. Everything up to the first one that the kernel fills in is told when the call begins,
// the others when it is done. Memory is looked at without faults, and only while somebody watches.

import { ACCESS_READ } from '../state/mm.ts'
import { errnoName, strerror } from '../lib/errno.ts'
import { hex } from '../lib/bits.ts'
import { encodeUtf8 } from '../lib/utf8.ts'
import type { Machine } from '../state/machine.ts'
import * as signals from '../state/task.ts'
import type { Task } from '../state/task.ts'
import type { TraceEvent } from '../trace/events.ts'
import { emit, watchesCalls } from '../trace/trace.ts'
import { isAnonymous, permits } from '../mm/memory.ts'
import { followPte } from '../mm/pgtable.ts'
import { peek8 } from '../mm/uaccess.ts'
import { vmaLookup } from '../mm/vma.ts'
import type { ArgType, Syscall } from './define.ts'
import type { Names } from './flags.ts'

/** Whose call it is: pointers lead into its memory. */
export interface Tracee {
  m: Machine
  task: Task
}

/** A call's arguments; the result is null while it is being made. */
export interface Shown {
  args: number[]
  result: number | null
}

/** How strace shows an argument; null: not at all, nor those behind it. */
export type Show = (t: Tracee, value: number, call: Shown) => string | null

export interface Arg {
  type: ArgType
  show: Show
  out: boolean // the kernel fills it in
  names: Names // the constants that it takes
}

export function arg(type: ArgType, show: Show, names: Names = {}): Arg {
  return { type, show, out: false, names }
}

/** An argument that points to what the kernel fills in. Of a call that has failed only the address is shown. */
export function out(type: ArgType, show: Show): Arg {
  const shown: Show = (t, value, call) =>
    value === 0 || call.result === null || call.result < 0
      ? showAddress(value)
      : show(t, value, call)
  return { type, show: shown, out: true, names: {} }
}

export function plainArg(kind: Arg | ArgType): Arg {
  if (typeof kind !== 'string') return kind
  if (kind === 'const char *') return arg(kind, (t, va) => showPath(t, va))
  if (kind.endsWith('*')) return arg(kind, (_t, va) => showAddress(va))
  if (kind === 'size_t' || kind === 'unsigned long') return arg(kind, showUnsigned)
  return arg(kind, (_t, value) => String(value))
}

// --- values ----------------------------------------------------------------------------------------------------------

export function showAddress(va: number): string {
  return va === 0 ? 'NULL' : `0x${hexWord(va)}`
}

/** 64 bits of a number that may be negative. */
export function hexWord(value: number): string {
  return value < 0 ? BigInt.asUintN(64, BigInt(value)).toString(16) : hex(value)
}

/** An unsigned word. Numbers above 2^53 have lost their last bits; the highest is -1. */
function showUnsigned({ m }: Tracee, value: number): string {
  const top = 1n << BigInt(m.layout.bits)
  const exact = value < 0 ? top + BigInt(value) : BigInt(value)
  return String(exact < top ? exact : top - 1n)
}

/** An offset: 0, else hexadecimal. */
export const hexOffset = arg('off_t', (_t, value) => (value === 0 ? '0' : `0x${hexWord(value)}`))

export const octalMode = arg('mode_t', (_t, value) => showOctal(value))

export function showOctal(value: number): string {
  return `0${value === 0 ? '' : value.toString(8).padStart(3, '0')}`
}

/** Names of the bits that are set, joined by |, then the rest; `unknown`: what is said if none has a name. */
export function showFlags(value: number, names: Names, unknown: string): string {
  const bits = value >>> 0
  if (bits === 0) return Object.entries(names).find(([, bit]) => bit === 0)?.[0] ?? '0'
  const { found, rest } = takeNames(bits, names)
  if (found.length === 0) return `0x${hex(bits)} /* ${unknown} */`
  return [...found, ...hexRest(rest)].join('|')
}

/** The names of the bits that have one, and the other bits. */
export function takeNames(bits: number, names: Names): { found: string[]; rest: number } {
  const found: string[] = []
  let rest = bits
  for (const [name, bit] of Object.entries(names)) {
    if (bit === 0 || (rest & bit) >>> 0 !== bit) continue
    found.push(name)
    rest = (rest & ~bit) >>> 0
  }
  return { found, rest }
}

export function hexRest(rest: number): string[] {
  return rest === 0 ? [] : [`0x${hex(rest)}`]
}

/** The value's name, or its number and what kind of name is missing. */
export function showName(value: number, names: Names, unknown: string): string {
  const found = Object.entries(names).find(([, known]) => known === value)
  return found?.[0] ?? `0x${hex(value >>> 0)} /* ${unknown} */`
}

export function flags(type: ArgType, names: Names, unknown: string): Arg {
  return arg(type, (_t, value) => showFlags(value, names, unknown), names)
}

export function oneOf(type: ArgType, names: Names, unknown: string): Arg {
  return arg(type, (_t, value) => showName(value, names, unknown), names)
}

const signalNames = new Map(
  Object.entries(signals)
    .filter(([name]) => /^SIG[A-Z0-9]+$/.test(name))
    .map(([name, number]) => [number as number, name]),
)
const SIGRTMIN = 32
const SIGRTMAX = 64

export function signalName(sig: number): string {
  if (sig === SIGRTMIN) return 'SIGRTMIN'
  if (sig > SIGRTMIN && sig <= SIGRTMAX) return `SIGRT_${sig - SIGRTMIN}`
  return signalNames.get(sig) ?? String(sig)
}

export const signalArg = arg('int', (_t, value) => signalName(value))

// --- memory ----------------------------------------------------------------------------------------------------------

/** A byte as it lies there; null if the process could not read it or it is not in memory. */
function peekByte({ m, task }: Tracee, va: number): number | null {
  const byte = peek8(m, task, va)
  if (byte !== null || task.mm === null || !(va >= 0 && va < m.layout.taskSize)) return byte
  const vma = vmaLookup(task.mm, va)
  const untouched =
    vma !== undefined &&
    isAnonymous(vma) &&
    permits(vma, ACCESS_READ) &&
    followPte(m, task.mm, va) === 0
  return untouched ? 0 : null
}

/** Bytes in a row; null if one of them is not to be had. */
export function peekBytes(t: Tracee, va: number, length: number): number[] | null {
  const bytes: number[] = []
  for (let i = 0; i < length; i++) {
    const byte = peekByte(t, va + i)
    if (byte === null) return null
    bytes.push(byte)
  }
  return bytes
}

/** Unsigned 32 bits. */
export function peek32(t: Tracee, va: number): number | null {
  const bytes = peekBytes(t, va, 4)
  if (bytes === null) return null
  return (bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)) >>> 0
}

/** 64 bits, signed. */
export function peek64(t: Tracee, va: number): bigint | null {
  const low = peek32(t, va)
  const high = peek32(t, va + 4)
  return low === null || high === null
    ? null
    : BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low))
}

/** A long, signed. */
export function peekLong(t: Tracee, va: number): bigint | null {
  if (t.m.layout.bits === 64) return peek64(t, va)
  const low = peek32(t, va)
  return low === null ? null : BigInt(low | 0)
}

function peekPointer(t: Tracee, va: number): number | null {
  const value = peekLong(t, va)
  return value === null ? null : Number(BigInt.asUintN(t.m.layout.bits, value))
}

/** Values of `count` longs in a row. */
export function peekLongs(t: Tracee, va: number, count: number): bigint[] | null {
  const word = t.m.layout.bits / 8
  const values: bigint[] = []
  for (let i = 0; i < count; i++) {
    const value = peekLong(t, va + i * word)
    if (value === null) return null
    values.push(value)
  }
  return values
}

const PATH_MAX = 4096
const STRING_MAX = 32 // strace -s
const ARGV_MAX = 32

/** A path, whole. */
export function showPath(t: Tracee, va: number): string {
  return showCString(t, va, PATH_MAX)
}

function showCString(t: Tracee, va: number, max: number): string {
  if (va === 0) return 'NULL'
  const bytes: number[] = []
  for (;;) {
    const byte = peekByte(t, va + bytes.length)
    if (byte === null) return showAddress(va)
    if (byte === 0) return `"${quote(bytes)}"`
    if (bytes.length === max) return `"${quote(bytes)}"...`
    bytes.push(byte)
  }
}

/** `length` bytes of data, the first 32 of them shown. */
export function showData(t: Tracee, va: number, length: number, escape = quote): string {
  if (va === 0) return 'NULL'
  const bytes = peekBytes(t, va, Math.min(length < 0 ? STRING_MAX : length, STRING_MAX))
  if (bytes === null) return showAddress(va)
  return `"${escape(bytes)}"${length < 0 || length > STRING_MAX ? '...' : ''}`
}

const escapes = new Map(
  Object.entries({ t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, '\\': 92 }).map(
    ([letter, byte]) => [byte, `\\${letter}`] as const,
  ),
)

/** As in C; octal escapes are as short as what follows permits. */
function quote(bytes: number[]): string {
  return bytes
    .map((byte, i) => {
      const escape = escapes.get(byte)
      if (escape !== undefined) return escape
      if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte)
      const digitFollows = bytes[i + 1] >= 0x30 && bytes[i + 1] <= 0x39
      return `\\${byte.toString(8).padStart(digitFollows ? 3 : 1, '0')}`
    })
    .join('')
}

export function quoteHex(bytes: number[]): string {
  return bytes.map((byte) => `\\x${hex(byte, 2)}`).join('')
}

/** `["hog", "1M"]` */
export const argvArg = arg('void *', (t, va) => {
  if (va === 0) return 'NULL'
  const word = t.m.layout.bits / 8
  const shown: string[] = []
  for (let at = va; ; at += word) {
    const pointer = peekPointer(t, at)
    if (pointer === null) return showAddress(va)
    if (pointer === 0) return `[${shown.join(', ')}]`
    if (shown.length === ARGV_MAX) return `[${shown.join(', ')}, ...]`
    shown.push(showCString(t, pointer, STRING_MAX))
  }
})

/** `0x7fffffffe5d8 /* 9 vars *\/` */
export const envpArg = arg('void *', (t, va) => {
  if (va === 0) return 'NULL'
  const word = t.m.layout.bits / 8
  for (let count = 0; ; count++) {
    const pointer = peekPointer(t, va + count * word)
    if (pointer === null) return showAddress(va)
    if (pointer === 0) return showEnviron(va, count)
  }
})

export function showEnviron(va: number, count: number): string {
  return `${showAddress(va)} /* ${count} ${count === 1 ? 'var' : 'vars'} */`
}

/** The bytes that a call has read: as many as its result says. */
export const dataRead = out('void *', (t, va, { result }) => showData(t, va, result!))

/** The bytes that a call is to write; the next argument says how many. */
export function dataWritten(countAt: number): Arg {
  return arg('const void *', (t, va, { args }) => showData(t, va, args[countAt]))
}

/** `{tv_sec=0, tv_nsec=50000000}` */
export function showTimespec(t: Tracee, va: number): string {
  if (va === 0) return 'NULL'
  const [sec, nsec] = peekLongs(t, va, 2) ?? []
  return sec === undefined ? showAddress(va) : `{tv_sec=${sec}, tv_nsec=${nsec}}`
}

export const timespecArg = arg('const struct timespec *', showTimespec)

/** What is left of a sleep; shown only of one that was interrupted. */
export const timespecLeft: Arg = {
  ...arg('struct timespec *', (t, va, { result }) =>
    result === RESTART_BLOCK || result === -4 ? showTimespec(t, va) : showAddress(va),
  ),
  out: true,
}

// --- results ---------------------------------------------------------------------------------------------------------

// What a call returns within the kernel when a signal comes before it is done (include/linux/errno.h).
export const RESTART_SYS = -512
export const RESTART_BLOCK = -516

const restarts = new Map([
  [RESTART_SYS, 'ERESTARTSYS (To be restarted if SA_RESTART is set)'],
  [RESTART_BLOCK, 'ERESTART_RESTARTBLOCK (Interrupted by signal)'],
])

export function showResult(type: ArgType, result: number): string {
  const restart = restarts.get(result)
  if (restart !== undefined) return `? ${restart}`
  if (result < 0 && result > -4096) return `-1 ${errnoName(-result)} (${strerror(-result)})`
  return type === 'void *' && result !== 0 ? `0x${hexWord(result)}` : String(result)
}

// --- lines -----------------------------------------------------------------------------------------------------------

export function callName({ m }: Tracee, call: Syscall): string {
  return m.layout.bits === 32 ? call.name32 : call.name
}

/** The line up to the first argument that the kernel fills in; `open`: there is such a one. */
export function enterLine(
  t: Tracee,
  call: Syscall,
  args: number[],
): { line: string; open: boolean } {
  const head = `${callName(t, call)}(`
  if (call.line !== null) return { line: head + call.line(t, args, false), open: true }
  const first = Object.values(call.args).findIndex((kind) => kind.out)
  const shown = showArgs(t, call, { args, result: null }, 0, first < 0 ? undefined : first)
  const line = shown.join(', ')
  return { line: head + line + (first > 0 ? ', ' : ''), open: first >= 0 }
}

/** The other arguments, without the bracket. */
export function exitLine(t: Tracee, call: Syscall, args: number[], result: number): string {
  if (call.line !== null) return call.line(t, args, true)
  const first = Object.values(call.args).findIndex((kind) => kind.out)
  return first < 0 ? '' : showArgs(t, call, { args, result }, first).join(', ')
}

function showArgs(t: Tracee, call: Syscall, shown: Shown, from: number, to?: number): string[] {
  const texts: string[] = []
  for (const [i, kind] of Object.values(call.args).slice(0, to).entries()) {
    if (i < from) continue
    const text = kind.show(t, shown.args[i] ?? 0, shown)
    if (text === null) break
    texts.push(text)
  }
  return texts
}

/** The column of the = sign (strace -a). */
const RESULT_COLUMN = 40

/** `munmap(0x1, 4096)` and its result, which stands in a column of its own where there is room. */
export function withResult(line: string, value: string): string {
  return `${`${line} `.padEnd(RESULT_COLUMN)}= ${value}`
}

// --- telling those who watch -----------------------------------------------------------------------------------------

export function traceEnter(m: Machine, task: Task, call: Syscall, args: number[]): void {
  if (!watchesCalls(m.trace, task.seat)) return
  const event = enterEvent(m, task, call, args)
  emit(m.trace, event.ticks, event.pid, event.name, event.args)
}

/** That the task begins the call. */
export function enterEvent(
  m: Machine,
  task: Task,
  call: Syscall,
  args: number[],
): TraceEvent & { name: 'sys_enter' } {
  const t = { m, task }
  const fields = {
    id: callNumber(t, call),
    args: args.slice(0, 6),
    name: callName(t, call),
    ...enterLine(t, call, args),
  }
  return { name: 'sys_enter', ticks: m.ticks, pid: task.pid, args: fields }
}

export function traceExit(
  m: Machine,
  task: Task,
  call: Syscall,
  args: number[],
  result: number,
): void {
  if (!watchesCalls(m.trace, task.seat)) return
  const t = { m, task }
  emit(m.trace, m.ticks, task.pid, 'sys_exit', {
    id: callNumber(t, call),
    ret: result,
    name: callName(t, call),
    line: exitLine(t, call, args, result),
    value: showResult(call.result, result),
  })
}

/** A call of the C library's or of a built-in program's whose result is known: write(2) to the terminal. */
export function traceWrite(
  m: Machine,
  task: Task,
  fd: number,
  va: number,
  bytes: Uint8Array,
): void {
  const data = quote([...bytes.subarray(0, STRING_MAX)])
  const more = bytes.length > STRING_MAX ? '...' : ''
  const line = `write(${fd}, "${data}"${more}, ${bytes.length}`
  const id = m.layout.bits === 32 ? WRITE_NR_I386 : WRITE_NR
  traceDone(m, task, { id, name: 'write', args: [fd, va, bytes.length], line, ret: bytes.length })
}

const WRITE_NR = 1
const WRITE_NR_I386 = 4

/** execve(2) by a child of a login shell, which lies outside the machine; `envp` is where its environment would be. */
export function traceExecve(
  m: Machine,
  task: Task,
  path: string,
  argv: string[],
  envp: number,
): void {
  const shown = argv.slice(0, ARGV_MAX).map((argument) => quoteText(argument, STRING_MAX))
  if (argv.length > ARGV_MAX) shown.push('...')
  const line = `execve(${quoteText(path, PATH_MAX)}, [${shown.join(', ')}], ${showEnviron(envp, 0)}`
  const id = m.layout.bits === 32 ? EXECVE_NR_I386 : EXECVE_NR
  traceDone(m, task, { id, name: 'execve', args: [0, 0, envp], line, ret: 0 })
}

const EXECVE_NR = 59
const EXECVE_NR_I386 = 11

function quoteText(text: string, max: number): string {
  const bytes = [...encodeUtf8(text)]
  return `"${quote(bytes.slice(0, max))}"${bytes.length > max ? '...' : ''}`
}

function traceDone(
  m: Machine,
  task: Task,
  call: { id: number; name: string; args: number[]; line: string; ret: number },
): void {
  if (!watchesCalls(m.trace, task.seat)) return
  const { id, name, args, line, ret } = call
  const registers = [...args, 0, 0, 0]
  emit(m.trace, m.ticks, task.pid, 'sys_enter', { id, name, args: registers, line, open: false })
  emit(m.trace, m.ticks, task.pid, 'sys_exit', { id, name, ret, line: '', value: String(ret) })
}

function callNumber({ m }: Tracee, call: Syscall): number {
  return m.layout.bits === 32 ? call.i386 : call.nr
}
