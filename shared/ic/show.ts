// Values as gdb prints them.

import { errnoName, strerror } from '../lib/errno.ts'
import { peek8 } from '../mm/uaccess.ts'
import type { Caller } from '../libc/call.ts'
import { splitUtf8 } from '../lib/utf8.ts'
import { toBigint } from './code.ts'
import type { Shown } from './compiler.ts'
import { sizeOf, typeName, type ArrayType, type CType, type StructType } from './ctype.ts'
import { membersOf } from './struct.ts'

const TEXT_MAX = 60 // bytes shown of a string

/** `label = value`, the value alone if there is no label; behind a failure its errno. */
export function showResult(c: Caller, shown: Shown, low: number, high: number): string {
  const value = showValue(c, shown.type, low, high)
  const head = shown.label === '' ? value : `${shown.label} = ${value}`
  const { lastErrno } = c.libc
  if (lastErrno === 0 || !meansFailure(shown.type, low, high)) return `${head}\n`
  c.libc.lastErrno = 0
  return `${head} (errno = ${lastErrno}, ${errnoName(lastErrno)}: ${strerror(lastErrno)})\n`
}

/** -1, NULL and MAP_FAILED. */
function meansFailure(type: CType, low: number, high: number): boolean {
  return low === -1 || (type.kind === 'pointer' && (low | high) === 0)
}

export function showValue(c: Caller, type: CType, low: number, high: number): string {
  const stack = [low, high]
  if (type.kind === 'struct') return showStruct(c, type, Number(toBigint(stack, 0, false)))
  if (type.kind === 'pointer') {
    const address = toBigint(stack, 0, false)
    const text = type.to.kind === 'int' && type.to.size === 1 ? peekText(c, Number(address)) : ''
    return `(${typeName({ ...type, constant: false })}) 0x${address.toString(16)}${text}`
  }
  const value = toBigint(stack, 0, type.kind !== 'int' || type.signed).toString()
  if (type.kind !== 'int' || type.size !== 1) return value
  if (type.name === '_Bool' || type.name === 'bool') return low === 0 ? 'false' : 'true'
  return `${value} ${quoteByte(low & 0xff, "'")}`
}

/** `{rlim_cur = 8388608, rlim_max = 18446744073709551615}`: what lies at the address, without a fault. */
function showStruct(c: Caller, type: StructType, va: number): string {
  const shown = membersOf(type, c.m.layout.bits).map(({ name, type: of, offset }) => {
    const value =
      of.kind === 'array' ? showArray(c, of, va + offset) : showPlace(c, of, va + offset)
    return `${name} = ${value}`
  })
  return `{${shown.join(', ')}}`
}

function showArray(c: Caller, { of, length }: ArrayType, va: number): string {
  const size = sizeOf(of, c.m.layout.bits)
  const shown = Array.from({ length }, (_, i) => showPlace(c, of, va + i * size))
  return `{${shown.join(', ')}}`
}

function showPlace(c: Caller, type: CType, va: number): string {
  if (type.kind === 'struct') return showStruct(c, type, va)
  const size = sizeOf(type, c.m.layout.bits)
  let value = 0n
  for (let i = size - 1; i >= 0; i--) {
    const byte = peek8(c.m, c.task, va + i)
    if (byte === null) return '<not in memory>'
    value = (value << 8n) | BigInt(byte)
  }
  const signed = type.kind === 'int' && type.signed ? BigInt.asIntN(size * 8, value) : value
  return showValue(c, type, Number(BigInt.asIntN(32, signed)), Number(signed >> 32n) | 0)
}

/** The string at the address, if looking at it takes no fault. */
function peekText(c: Caller, va: number): string {
  const bytes: number[] = []
  for (;;) {
    const byte = peek8(c.m, c.task, va + bytes.length)
    if (byte === null) return ''
    if (byte === 0) return ` "${quoteText(bytes)}"`
    if (bytes.length === TEXT_MAX) return ` "${quoteText(bytes)}"...`
    bytes.push(byte)
  }
}

const named: Record<number, string> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  27: '\\033',
}

function quoteByte(byte: number, quote: string): string {
  return `${quote}${escapeByte(byte, quote)}${quote}`
}

function escapeByte(byte: number, quote: string): string {
  const char = String.fromCharCode(byte)
  if (named[byte] !== undefined) return named[byte]
  if (char === quote || char === '\\') return `\\${char}`
  return byte >= 0x20 && byte < 0x7f ? char : `\\${byte.toString(8).padStart(3, '0')}`
}

/** Valid UTF-8 is shown as it is, other bytes as octal escapes. */
function quoteText(bytes: number[]): string {
  const { text, rest } = splitUtf8(bytes)
  const plain =
    rest.length === 0 &&
    !/[\ufffd\u0080-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/.test(text)
  if (!plain) return bytes.map((byte) => escapeByte(byte, '"')).join('')
  let quoted = ''
  for (const char of text) {
    const code = char.codePointAt(0)!
    quoted += code < 0x80 ? escapeByte(code, '"') : char
  }
  return quoted
}
