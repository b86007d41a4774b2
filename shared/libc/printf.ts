// printf and its kin: the format is read a directive at a time, each becomes pieces of output (stdio.ts).
//
//   % [-+ #0] [width|*] [.precision|.*] [hh h l ll z t j] d i u o x X c s p n %

import { load8, store32, store8, storeBytes } from '../mm/uaccess.ts'
import {
  AGAIN,
  BLOCKED,
  NO_LIMIT,
  finish,
  intArg,
  pointerArg,
  sizeArg,
  type Caller,
  type LibCall,
  type LibFunction,
  type Piece,
  type Step,
} from './call.ts'
import { piecesStep, putBytes, putFile } from './stdio.ts'
import { lengthStep } from './string.ts'
import { latin1Bytes } from '../lib/utf8.ts'

interface Directive {
  length: number // bytes in the format
  minus: boolean
  plus: boolean
  space: boolean
  sharp: boolean
  zero: boolean
  width: number
  precision: number // -1: not given
  size: string // 'hh', 'l', …
  conversion: string // '' if the format ends within
}

const LITERAL = 256 // bytes of plain text per step
const PERCENT = 0x25

// call.slots while formatting.
const AT = 0 // where in the format
const ARG = 1 // next argument
const STRING = 2 // a string whose length is being found, 0 for none
const STRING_MAX = 3
const WIDTH = 4
const MINUS = 5
const MEASURED = 6 // its length so far

/** Formats; `format` is the index of that argument. Ends with DONE and the count in call.done. */
function formatStep(
  c: Caller,
  call: LibCall,
  format: number,
  put: (bytes: Uint8Array) => boolean,
): Step {
  if (call.phase === 0) {
    call.slots = [pointerArg(call, format), format + 1, 0, 0, 0, 0, 0]
    call.phase = 1
  }
  if (call.pieces.length > 0) return piecesStep(c, call, put)
  if (call.slots[STRING] !== 0) return measureStep(c, call)

  const at = call.slots[AT]
  const first = load8(c.m, c.task, at)
  if (first === 0) return finish(call, call.done)
  if (first === PERCENT) return directiveStep(c, call, at)
  const bytes: number[] = []
  for (let byte = first; byte !== 0 && byte !== PERCENT && bytes.length < LITERAL;) {
    bytes.push(byte)
    byte = load8(c.m, c.task, at + bytes.length)
  }
  c.cost += bytes.length
  call.slots[AT] = at + bytes.length
  call.pieces = [{ kind: 'bytes', bytes }]
  return AGAIN
}

function directiveStep(c: Caller, call: LibCall, at: number): Step {
  const directive = readDirective(c, call, at)
  call.slots[AT] = at + directive.length
  c.cost += directive.length * 2
  if (directive.conversion === '') return finish(call, -1)
  if (directive.conversion === 's') startString(call, directive)
  else call.pieces = convert(c, call, directive)
  return AGAIN
}

function readDirective(c: Caller, call: LibCall, start: number): Directive {
  const d: Directive = {
    length: 1,
    minus: false,
    plus: false,
    space: false,
    sharp: false,
    zero: false,
    width: 0,
    precision: -1,
    size: '',
    conversion: '',
  }
  const peek = (): string => String.fromCharCode(load8(c.m, c.task, start + d.length))
  const number = (): number => {
    if (peek() === '*') {
      d.length++
      return nextInt(call)
    }
    let value = 0
    while (peek() >= '0' && peek() <= '9') {
      value = Math.min(value * 10 + Number(peek()), 0x7fff_ffff)
      d.length++
    }
    return value
  }
  for (; '-+ #0'.includes(peek()) && d.length < 64; d.length++) {
    if (peek() === '-') d.minus = true
    else if (peek() === '+') d.plus = true
    else if (peek() === ' ') d.space = true
    else if (peek() === '#') d.sharp = true
    else d.zero = true
  }
  d.width = number()
  if (d.width < 0) {
    d.minus = true
    d.width = -d.width
  }
  if (peek() === '.') {
    d.length++
    d.precision = Math.max(-1, number())
  }
  for (; 'hlzjt'.includes(peek()) && d.size.length < 2; d.length++) d.size += peek()
  d.conversion = peek() === '\0' ? '' : peek()
  if (d.conversion !== '') d.length++
  return d
}

function nextInt(call: LibCall): number {
  const index = call.slots[ARG]
  call.slots[ARG] = index + 1
  return 2 * index < call.args.length ? intArg(call, index) : 0
}

function nextBits(c: Caller, call: LibCall, size: string, signed: boolean): bigint {
  const index = call.slots[ARG]
  call.slots[ARG] = index + 1
  if (2 * index >= call.args.length) return 0n
  const low = BigInt(call.args[2 * index] >>> 0)
  const value = (BigInt(call.args[2 * index + 1] >>> 0) << 32n) | low
  const word = c.m.layout.bits
  const bits =
    size === 'hh'
      ? 8
      : size === 'h'
        ? 16
        : size === ''
          ? 32
          : size === 'll' || size === 'j'
            ? 64
            : word
  return signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)
}

/** Pieces of one conversion other than %s. */
function convert(c: Caller, call: LibCall, d: Directive): Piece[] {
  switch (d.conversion) {
    case '%':
      return [{ kind: 'bytes', bytes: [PERCENT] }]
    case 'c':
      return padded(d, [nextInt(call) & 0xff], false)
    case 'd':
    case 'i': {
      const value = nextBits(c, call, d.size, true)
      const sign = value < 0n ? '-' : d.plus ? '+' : d.space ? ' ' : ''
      return integer(d, sign, (value < 0n ? -value : value).toString())
    }
    case 'u':
      return integer(d, '', nextBits(c, call, d.size, false).toString())
    case 'o': {
      const digits = nextBits(c, call, d.size, false).toString(8)
      return integer(d, '', d.sharp && digits !== '0' ? `0${digits}` : digits)
    }
    case 'x':
    case 'X': {
      const value = nextBits(c, call, d.size, false)
      const prefix = d.sharp && value !== 0n ? '0x' : ''
      const upper = d.conversion === 'X'
      const digits = value.toString(16)
      return upper
        ? integer(d, prefix.toUpperCase(), digits.toUpperCase())
        : integer(d, prefix, digits)
    }
    case 'p': {
      const value = nextBits(c, call, 'z', false)
      if (value === 0n) return padded(d, latin1Bytes('(nil)'), false)
      return integer({ ...d, precision: -1 }, '0x', value.toString(16))
    }
    case 'n': {
      const at = Number(nextBits(c, call, 'z', false))
      store32(c.m, c.task, at, call.done)
      return []
    }
    default: {
      // glibc prints what it does not know.
      const text: number[] = []
      for (let i = 0; i < d.length; i++)
        text.push(load8(c.m, c.task, call.slots[AT] - d.length + i))
      return [{ kind: 'bytes', bytes: text }]
    }
  }
}

function integer(d: Directive, prefix: string, digits: string): Piece[] {
  const shown = d.precision === 0 && digits === '0' ? '' : digits
  const zeros = Math.max(0, d.precision - shown.length)
  const used = prefix.length + zeros + shown.length
  const fill = Math.max(0, d.width - used)
  const zeroFill = d.zero && !d.minus && d.precision < 0 ? fill : 0
  return [
    { kind: 'pad', byte: 0x20, count: d.minus || zeroFill > 0 ? 0 : fill },
    { kind: 'bytes', bytes: latin1Bytes(prefix) },
    { kind: 'pad', byte: 0x30, count: zeros + zeroFill },
    { kind: 'bytes', bytes: latin1Bytes(shown) },
    { kind: 'pad', byte: 0x20, count: d.minus ? fill : 0 },
  ]
}

function padded(d: Directive, bytes: number[], zero: boolean): Piece[] {
  const count = Math.max(0, d.width - bytes.length)
  const pad: Piece = { kind: 'pad', byte: zero ? 0x30 : 0x20, count }
  return d.minus ? [{ kind: 'bytes', bytes }, pad] : [pad, { kind: 'bytes', bytes }]
}

function startString(call: LibCall, d: Directive): void {
  const index = call.slots[ARG]
  call.slots[ARG] = index + 1
  const at = 2 * index < call.args.length ? pointerArg(call, index) : 0
  const max = d.precision < 0 ? NO_LIMIT : d.precision
  if (at === 0) {
    call.pieces = padded(d, max >= 6 ? latin1Bytes('(null)') : [], false)
  } else if (d.width === 0) {
    call.pieces = [{ kind: 'memory', at, count: max }]
  } else {
    call.slots[STRING] = at
    call.slots[STRING_MAX] = max
    call.slots[WIDTH] = d.width
    call.slots[MINUS] = d.minus ? 1 : 0
    call.slots[MEASURED] = 0
  }
}

/** A string that is to be padded: how long is it? Then its pieces. */
function measureStep(c: Caller, call: LibCall): Step {
  const at = call.slots[STRING]
  const max = Math.min(call.slots[STRING_MAX], call.slots[WIDTH]) // a longer one gets no padding
  const measure = { ...call, done: call.slots[MEASURED] }
  const found = lengthStep(c, measure, at, max)
  call.slots[MEASURED] = measure.done
  if (!found) return AGAIN
  const pad: Piece = { kind: 'pad', byte: 0x20, count: call.slots[WIDTH] - measure.done }
  const text: Piece = { kind: 'memory', at, count: call.slots[STRING_MAX] }
  call.pieces = call.slots[MINUS] === 1 ? [text, pad] : [pad, text]
  call.slots[STRING] = 0
  return AGAIN
}

const printf: LibFunction = (c, call) => formatStep(c, call, 0, (bytes) => putBytes(c, bytes))

const fprintf: LibFunction = (c, call) =>
  formatStep(c, call, 1, (bytes) => putFile(c, pointerArg(call, 0), bytes))

/** Writes into memory and ends with a NUL; at most `size` bytes in all. */
function printInto(c: Caller, call: LibCall, format: number, size: number): Step {
  const to = pointerArg(call, 0)
  const step = formatStep(c, call, format, (bytes) => {
    const room = Math.max(0, size - 1 - call.done)
    if (room > 0) storeBytes(c.m, c.task, to + call.done, bytes.subarray(0, room))
    return true
  })
  if (step === AGAIN || step === BLOCKED) return step
  if (size > 0) store8(c.m, c.task, to + Math.min(call.done, size - 1), 0)
  return step
}

export const printfFunctions: Record<string, LibFunction> = {
  printf,
  fprintf,
  sprintf: (c, call) => printInto(c, call, 1, NO_LIMIT),
  snprintf: (c, call) => printInto(c, call, 2, sizeArg(call, 1)),
}
