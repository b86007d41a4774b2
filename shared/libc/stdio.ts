// stdio.h's output. stdout is a terminal and so line buffered: its buffer of 1024 bytes comes from the heap at the first
// output, is written at each newline and before the prompt. stderr has none of its own: what a function prints there is
// written when the function is done.

import { streamWrite } from '../kernel/stream.ts'
import { loadBytes, storeBytes } from '../mm/uaccess.ts'
import { strerror } from '../lib/errno.ts'
import { load32 } from '../mm/uaccess.ts'
import {
  AGAIN,
  BLOCKED,
  NO_LIMIT,
  SYSCALL_COST,
  finish,
  intArg,
  pointerArg,
  type Caller,
  type LibCall,
  type LibFunction,
  type Step,
} from './call.ts'
import { traceWrite } from '../syscall/strace.ts'
import { malloc } from './malloc.ts'
import { errnoAddress, fileAddress } from './state.ts'
import { encodeUtf8, latin1Bytes, splitUtf8 } from '../lib/utf8.ts'

const BUFSIZ = 1024
const NEWLINE = 10

/** Sends waiting text to the terminal. False: it takes no more in this tick, the task sleeps. */
export function drain(c: Caller): boolean {
  const { task, libc } = c
  if (libc.out === '') return true
  const { stdout } = task
  const taken = stdout === null ? libc.out.length : streamWrite(stdout, libc.out)
  libc.out = libc.out.slice(taken)
  if (libc.out === '') return true
  task.state = 'S'
  task.wait = { for: 'output' }
  return false
}

/**
 * Bytes to stdout, at most 512. False: try again later, nothing was taken. The task may be asleep afterwards in any
 * case, as the terminal is full.
 */
export function putBytes(c: Caller, bytes: Uint8Array): boolean {
  if (!drain(c)) return false
  const { m, task, libc } = c
  if (libc.buffer === 0) {
    const mem = malloc(c.env, BUFSIZ)
    libc.buffer = mem === 0 ? -1 : mem
  }
  if (libc.buffer < 0) {
    writeTerminal(c, 1, 0, bytes)
    drain(c)
    return true
  }
  if (libc.buffered + bytes.length > BUFSIZ) flushBuffer(c, libc.buffered)
  storeBytes(m, task, libc.buffer + libc.buffered, bytes)
  const newline = bytes.lastIndexOf(NEWLINE)
  const complete = libc.buffered + newline + 1
  libc.buffered += bytes.length
  if (newline >= 0) flushBuffer(c, complete)
  drain(c)
  return true
}

/** Writes the buffer's first bytes and moves the rest to its start. */
function flushBuffer(c: Caller, count: number): void {
  const { m, task, libc } = c
  const bytes = loadBytes(m, task, libc.buffer, libc.buffered)
  libc.buffered -= count
  if (libc.buffered > 0) storeBytes(m, task, libc.buffer, bytes.subarray(count))
  writeTerminal(c, 1, libc.buffer, bytes.subarray(0, count))
}

/** write(2) to the terminal, which takes all of it; what it can't show in this tick waits in libc.out. */
function writeTerminal(c: Caller, fd: 1 | 2, va: number, bytes: Uint8Array): void {
  c.cost += SYSCALL_COST
  traceWrite(c.m, c.task, fd, va, bytes)
  emitText(c, bytes)
}

function emitText(c: Caller, bytes: Uint8Array): void {
  const { text, rest } = splitUtf8([...c.libc.split, ...bytes])
  c.libc.split = rest
  c.libc.out += text
}

/** fflush(stdout). */
export function flushStdout(c: Caller): void {
  if (c.libc.buffered > 0) flushBuffer(c, c.libc.buffered)
}

/** What has been written so far ends with a newline, or nothing has been. */
export function atLineStart(c: Caller): boolean {
  const text = c.libc.out !== '' ? c.libc.out : (c.task.stdout?.text ?? '')
  return text === '' || text.endsWith('\n')
}

/** Bytes to where a FILE * points: stdout or stderr. */
export function putFile(c: Caller, file: number, bytes: Uint8Array): boolean {
  if (file !== fileAddress(c.m, c.task, 2)) return putBytes(c, bytes)
  if (!drain(c)) return false
  c.libc.err.push(...bytes)
  if (c.libc.err.length >= ERR_BYTES) flushStderr(c)
  return true
}

/** What a function may have for stderr before it is written. */
const ERR_BYTES = 8192

/** The library's own words, to stderr at once. */
export function putStderr(c: Caller, text: string): void {
  c.libc.err.push(...encodeUtf8(text))
  flushStderr(c)
}

/** A function is done: what it has for stderr is written. */
export function flushStderr(c: Caller): void {
  const { err } = c.libc
  if (err.length === 0) return
  c.libc.err = []
  writeTerminal(c, 2, 0, Uint8Array.from(err))
  drain(c)
}

/** Writes pieces of output; true when none is left. `put` takes at most 512 bytes. call.done counts them. */
export function piecesStep(c: Caller, call: LibCall, put: (bytes: Uint8Array) => boolean): Step {
  const [first] = call.pieces
  if (first === undefined) return AGAIN
  const bytes = firstBytes(c, call)
  if (bytes.length > 0 && !put(bytes)) return BLOCKED
  c.cost += bytes.length
  call.done += bytes.length
  if (first.kind === 'bytes') first.bytes.splice(0, bytes.length)
  else {
    first.count -= bytes.length
    if (first.kind === 'memory') first.at += bytes.length
  }
  const empty = first.kind === 'bytes' ? first.bytes.length === 0 : first.count <= 0
  if (empty || bytes.length === 0) call.pieces.shift()
  return AGAIN
}

const PIECE = 512

function firstBytes(c: Caller, call: LibCall): Uint8Array {
  const first = call.pieces[0]
  if (first.kind === 'bytes') return Uint8Array.from(first.bytes.slice(0, PIECE))
  if (first.kind === 'pad') return new Uint8Array(Math.min(first.count, PIECE)).fill(first.byte)
  const { pageSize } = c.m
  const count = Math.min(first.count, PIECE, pageSize - (first.at % pageSize))
  const bytes = loadBytes(c.m, c.task, first.at, count)
  const end = bytes.indexOf(0)
  return end < 0 ? bytes : bytes.subarray(0, end)
}

/** A function that prints pieces it knows from the start, then returns the number of bytes. */
function printer(
  pieces: (c: Caller, call: LibCall) => LibCall['pieces'],
  file: 1 | 2,
): LibFunction {
  return (c, call) => {
    if (call.phase === 0) {
      call.pieces = pieces(c, call)
      call.phase = 1
    }
    if (call.pieces.length === 0) return finish(call, call.done)
    return piecesStep(c, call, (bytes) =>
      file === 2 ? putFile(c, fileAddress(c.m, c.task, 2), bytes) : putBytes(c, bytes),
    )
  }
}

const puts = printer(
  (_c, call) => [
    { kind: 'memory', at: pointerArg(call, 0), count: NO_LIMIT },
    { kind: 'bytes', bytes: [NEWLINE] },
  ],
  1,
)

const perror = printer((c, call) => {
  const prefix = pointerArg(call, 0)
  const text = `${prefix === 0 ? '' : ': '}${strerror(load32(c.m, c.task, errnoAddress(c.m, c.task)))}\n`
  const tail: LibCall['pieces'] = [{ kind: 'bytes', bytes: latin1Bytes(text) }]
  return prefix === 0 ? tail : [{ kind: 'memory', at: prefix, count: NO_LIMIT }, ...tail]
}, 2)

const putchar: LibFunction = (c, call) => {
  const byte = intArg(call, 0) & 0xff
  return putBytes(c, Uint8Array.of(byte)) ? finish(call, byte) : BLOCKED
}

const fputc: LibFunction = (c, call) => {
  const byte = intArg(call, 0) & 0xff
  return putFile(c, pointerArg(call, 1), Uint8Array.of(byte)) ? finish(call, byte) : BLOCKED
}

const fputs: LibFunction = (c, call) => {
  if (call.phase === 0) {
    call.pieces = [{ kind: 'memory', at: pointerArg(call, 0), count: NO_LIMIT }]
    call.phase = 1
  }
  if (call.pieces.length === 0) return finish(call, 1)
  return piecesStep(c, call, (bytes) => putFile(c, pointerArg(call, 1), bytes))
}

const fflush: LibFunction = (c, call) => {
  flushStdout(c)
  return drain(c) ? finish(call, 0) : BLOCKED
}

export const stdioFunctions: Record<string, LibFunction> = {
  puts,
  putchar,
  putc: fputc,
  fputc,
  fputs,
  perror,
  fflush,
}
