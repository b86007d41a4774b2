// C types as the prompt knows them: integers, pointers, arrays, the headers' structures, void. Plain data, part of the
// symbol table.

import { structAlign, structSize } from './struct.ts'

export interface VoidType {
  kind: 'void'
  name: string // 'void', 'FILE'
  constant: boolean
}

export interface IntType {
  kind: 'int'
  name: string // as declared: 'unsigned long', 'size_t'
  size: number // bytes
  signed: boolean
  constant: boolean
}

export interface PointerType {
  kind: 'pointer'
  to: CType
  constant: boolean
}

export interface ArrayType {
  kind: 'array'
  of: CType
  length: number
  constant: boolean
}

/** What its members are says struct.ts. */
export interface StructType {
  kind: 'struct'
  name: string // 'struct rlimit'
  constant: boolean
}

export type CType = VoidType | IntType | PointerType | ArrayType | StructType

/** Bits of a long and of a pointer. */
export type WordBits = 64 | 32

function mkInt(name: string, size: number, signed: boolean): IntType {
  return { kind: 'int', name, size, signed, constant: false }
}

export const VOID: VoidType = { kind: 'void', name: 'void', constant: false }
export const FILE: VoidType = { kind: 'void', name: 'FILE', constant: false }
export const BOOL = mkInt('_Bool', 1, false)
export const CHAR = mkInt('char', 1, true)
export const INT = mkInt('int', 4, true)
export const UINT = mkInt('unsigned int', 4, false)
const LLONG = mkInt('long long', 8, true)
const ULLONG = mkInt('unsigned long long', 8, false)

export function longType(bits: WordBits): IntType {
  return mkInt('long', bits / 8, true)
}

export function ulongType(bits: WordBits): IntType {
  return mkInt('unsigned long', bits / 8, false)
}

export function llongType(): IntType {
  return LLONG
}

export function ullongType(): IntType {
  return ULLONG
}

export function pointerTo(to: CType): PointerType {
  return { kind: 'pointer', to, constant: false }
}

export function arrayOf(of: CType, length: number): ArrayType {
  return { kind: 'array', of, length, constant: of.constant }
}

/** A type of one's own, for the machine's state: what two places share would be two things after save and load. */
export function copyType(type: CType): CType {
  const copy = { ...type }
  let at: CType = copy
  while (at.kind === 'pointer' || at.kind === 'array') {
    const inner: CType = at.kind === 'pointer' ? { ...at.to } : { ...at.of }
    if (at.kind === 'pointer') at.to = inner
    else at.of = inner
    at = inner
  }
  return copy
}

export function asConstant<T extends CType>(type: T): T {
  return { ...type, constant: true }
}

/** Sizes and signs of the named types: positive for signed, 'w' for the machine's word. */
const typedefs: Record<string, [size: number | 'w', signed: boolean]> = {
  size_t: ['w', false],
  ssize_t: ['w', true],
  off_t: ['w', true],
  time_t: ['w', true],
  intptr_t: ['w', true],
  uintptr_t: ['w', false],
  ptrdiff_t: ['w', true],
  pid_t: [4, true],
  uid_t: [4, false],
  gid_t: [4, false],
  mode_t: [4, false],
  useconds_t: [4, false],
  id_t: [4, false],
  clockid_t: [4, true],
  rlim_t: ['w', false],
  int8_t: [1, true],
  int16_t: [2, true],
  int32_t: [4, true],
  int64_t: [8, true],
  uint8_t: [1, false],
  uint16_t: [2, false],
  uint32_t: [4, false],
  uint64_t: [8, false],
}

export const typedefNames = [...Object.keys(typedefs), 'bool', 'FILE']

/** The type of that typedef name, or null. */
export function findTypedef(name: string, bits: WordBits): CType | null {
  if (name === 'bool') return { ...BOOL, name: 'bool' }
  if (name === 'FILE') return FILE
  if (!Object.hasOwn(typedefs, name)) return null
  const [size, signed] = typedefs[name]
  return mkInt(name, size === 'w' ? bits / 8 : size, signed)
}

export const basicTypeWords = [
  'void',
  'char',
  'short',
  'int',
  'long',
  'signed',
  'unsigned',
  'const',
  'volatile',
  '_Bool',
]

/** The integer type that a list of words such as `unsigned long int` means, or null. */
export function typeOfWords(words: string[], bits: WordBits): CType | null {
  const count = (word: string) => words.filter((other) => other === word).length
  const known = ['void', 'char', 'short', 'int', 'long', 'signed', 'unsigned', '_Bool']
  if (words.length === 0 || words.some((word) => !known.includes(word))) return null
  const longs = count('long')
  if (longs > 2 || known.some((word) => word !== 'long' && count(word) > 1)) return null
  if (count('signed') + count('unsigned') > 1) return null
  if (count('void') + count('char') + count('short') + count('_Bool') + Math.min(longs, 1) > 1)
    return null
  if (count('void') + count('_Bool') > 0 && words.length > 1) return null
  if (count('char') > 0 && count('int') > 0) return null
  if (count('void') > 0) return VOID
  if (count('_Bool') > 0) return BOOL

  const signed = count('unsigned') === 0
  if (count('char') > 0) {
    if (!signed) return mkInt('unsigned char', 1, false)
    return count('signed') > 0 ? mkInt('signed char', 1, true) : CHAR
  }
  if (count('short') > 0) return mkInt(signed ? 'short' : 'unsigned short', 2, signed)
  if (longs === 2) return signed ? LLONG : ULLONG
  if (longs === 1) return signed ? longType(bits) : ulongType(bits)
  return signed ? INT : UINT
}

export function sizeOf(type: CType, bits: WordBits): number {
  let count = 1
  while (type.kind === 'array') {
    count *= type.length
    type = type.of
  }
  if (type.kind === 'pointer') return (count * bits) / 8
  if (type.kind === 'struct') return count * structSize(type, bits)
  return type.kind === 'int' ? count * type.size : count // GNU C: sizeof(void) is 1
}

export function alignOf(type: CType, bits: WordBits): number {
  while (type.kind === 'array') type = type.of
  if (type.kind === 'pointer') return bits / 8
  if (type.kind === 'struct') return structAlign(type, bits)
  return type.kind === 'int' ? type.size : 1
}

/** As C writes it, without a name: `char *`, `int (*)[5]`. */
export function typeName(type: CType): string {
  let declarator = ''
  while (type.kind === 'pointer' || type.kind === 'array') {
    if (type.kind === 'pointer') {
      declarator = (type.constant ? '* const ' : '*') + declarator
      type = type.to
    } else {
      if (declarator.startsWith('*')) declarator = `(${declarator})`
      declarator += `[${type.length}]`
      type = type.of
    }
  }
  const base = (type.constant ? 'const ' : '') + type.name
  return declarator === '' ? base : `${base} ${declarator}`
}

/** Are these the same but for qualifiers? */
export function sameType(a: CType, b: CType): boolean {
  while (a.kind === b.kind) {
    if (a.kind === 'pointer' && b.kind === 'pointer') {
      a = a.to
      b = b.to
    } else if (a.kind === 'array' && b.kind === 'array') {
      if (a.length !== b.length) return false
      a = a.of
      b = b.of
    } else if (a.kind === 'int' && b.kind === 'int') {
      return a.size === b.size && a.signed === b.signed
    } else if (a.kind === 'struct' && b.kind === 'struct') {
      return a.name === b.name
    } else {
      return a.kind === 'void' && b.kind === 'void' && a.name === b.name
    }
  }
  return false
}

/** Integer promotion: what is smaller than an int becomes one. */
export function promote(type: IntType): IntType {
  return type.size < 4 ? INT : type
}

/** The usual arithmetic conversions. */
export function commonType(a: IntType, b: IntType): IntType {
  a = promote(a)
  b = promote(b)
  if (a.size !== b.size) return a.size > b.size ? a : b
  if (a.signed !== b.signed) return a.signed ? b : a
  return a
}
