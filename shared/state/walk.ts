// Save, load, hash and compare any state by one generic walk over plain data.
//
// Objects, arrays and maps are nodes. Each node gets a number where it is first mentioned and its content is written
// when its turn comes, in order of numbers; a later mention is the number alone. So shared references and cycles
// survive, and nothing depends on the host's stack. Typed arrays are leaves, written where they stand.
//
//   mention  NULL | TRUE | FALSE | INT n | FLOAT x | TEXT s | BIGINT s | typed array | REF n | NEW_OBJECT | NEW_ARRAY | NEW_MAP
//   node     object: shape, then a mention per field    array: length, mentions    map: size, key and value mentions
//
// RAM is special in two ways: only frames that are not all zero are written, and its hash is kept up to date by frame.
// Traces and TLBs are transient: left out, and new after a load.

import { assert } from '../lib/assert.ts'
import {
  hashBytes,
  hashNumber,
  hashString,
  hashText,
  hashU32,
  hashWords,
  mkHash,
  type Hash,
} from '../lib/hash.ts'
import {
  FRAME_CLEAN,
  FRAME_DIRTY,
  FRAME_ZERO,
  frameBase,
  isZeroFrame,
  markDirty,
  mkEmptyRam,
  reserveFrames,
  viewBytes,
  type Ram,
} from '../hw/ram.ts'
import { flushTlb, mkTlb, type Tlb } from '../hw/tlb.ts'
import { mkTrace, type Trace } from '../trace/trace.ts'

const NULL = 0
const TRUE = 1
const FALSE = 2
const INT = 3
const FLOAT = 4
const TEXT = 5
const BIGINT = 6
const REF = 7
const NEW_OBJECT = 8
const NEW_ARRAY = 9
const NEW_MAP = 10
const RAM = 11
const TRANSIENT = 12
const TYPED = 13 // and the kinds below, added

type Typed = Int32Array | Uint8Array | Float64Array | Int16Array | Int8Array | Uint32Array
const typedKinds = [
  Int32Array,
  Uint8Array,
  Float64Array,
  Int16Array,
  Int8Array,
  Uint32Array,
] as const

/** What a walk does with what it meets. */
interface Sink {
  tag: (tag: number) => void
  int: (value: number) => void
  float: (value: number) => void
  text: (value: string) => void
  typed: (array: Typed) => void
  ram: (ram: Ram) => void
  tlb: (tlb: Tlb) => void
}

type Plain = Record<string, unknown>

function isRam(key: unknown, value: unknown): value is Ram {
  return key === 'ram' && has(value, 'frameHashes')
}

function isTransient(key: unknown, value: unknown): value is Tlb | Trace {
  return (key === 'tlb' && has(value, 'readTag')) || (key === 'trace' && has(value, 'ring'))
}

function has(value: unknown, field: string): boolean {
  return typeof value === 'object' && value !== null && field in value
}

function walk(root: object, sink: Sink): void {
  const numbers = new Map<object, number>()
  const shapes = new Shapes()
  const queue: object[] = []

  const mention = (value: unknown): void => {
    switch (typeof value) {
      case 'number':
        if (value === (value | 0) && !Object.is(value, -0)) {
          sink.tag(INT)
          sink.int(value)
        } else {
          sink.tag(FLOAT)
          sink.float(value)
        }
        return
      case 'string':
        sink.tag(TEXT)
        sink.text(value)
        return
      case 'boolean':
        sink.tag(value ? TRUE : FALSE)
        return
      case 'bigint':
        sink.tag(BIGINT)
        sink.text(value.toString())
        return
      case 'object':
        if (value === null) sink.tag(NULL)
        else mentionNode(value)
        return
      default:
        assert(false, `state holds a ${typeof value}`)
    }
  }

  const mentionNode = (value: object): void => {
    if (ArrayBuffer.isView(value)) {
      const kind = typedKinds.findIndex((type) => value instanceof type)
      assert(kind >= 0, 'state holds a typed array of an unknown kind')
      sink.tag(TYPED + kind)
      sink.typed(value as Typed)
      return
    }
    const seen = numbers.get(value)
    if (seen !== undefined) {
      sink.tag(REF)
      sink.int(seen)
      return
    }
    numbers.set(value, queue.length)
    queue.push(value)
    sink.tag(Array.isArray(value) ? NEW_ARRAY : value instanceof Map ? NEW_MAP : NEW_OBJECT)
  }

  const field = (key: string, value: unknown): void => {
    if (isRam(key, value)) {
      sink.tag(RAM)
      sink.ram(value)
    } else if (isTransient(key, value)) {
      sink.tag(TRANSIENT)
      if (key === 'tlb') sink.tlb(value as Tlb)
    } else mention(value)
  }

  mention(root)
  for (let at = 0; at < queue.length; at++) {
    const node = queue[at]
    if (Array.isArray(node)) {
      sink.int(node.length)
      for (const item of node) mention(item)
    } else if (node instanceof Map) {
      sink.int(node.size)
      for (const [key, value] of node) {
        mention(key)
        mention(value)
      }
    } else {
      const { no, keys, isNew } = shapes.of(node)
      sink.int(no)
      if (isNew) sink.text(keys.join())
      for (const key of keys) {
        const value = (node as Plain)[key]
        if (typeof value !== 'object') mention(value)
        else field(key, value)
      }
    }
  }
}

interface Shape {
  no: number
  keys: string[]
  isNew: boolean // seen for the first time
}

/** The field names of objects, in order. Most objects have those of one before them with the same first name. */
class Shapes {
  private readonly byText = new Map<string, Shape>()
  private readonly byFirst = new Map<string, Shape>()

  of(node: object): Shape {
    const keys = Object.keys(node)
    const first = keys.length === 0 ? '' : keys[0]
    const last = this.byFirst.get(first)
    if (last !== undefined && sameKeys(last.keys, keys)) return last
    const text = keys.join()
    let shape = this.byText.get(text)
    const fresh = shape === undefined
    if (shape === undefined) {
      assert(
        !keys.some((name) => name === '' || name.includes(',')),
        'no field is nameless or has a comma',
      )
      shape = { no: this.byText.size, keys, isNew: false }
      this.byText.set(text, shape)
    }
    this.byFirst.set(first, shape)
    return fresh ? { ...shape, isNew: true } : shape
  }
}

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

// --- hash ------------------------------------------------------------------------------------------------------------

/** The hash of everything reachable, 16 hex digits. Frames not written since the last call are not read again. */
export function hashState(root: object): string {
  const h = mkHash()
  walk(root, {
    tag: (tag) => {
      hashU32(h, tag)
    },
    int: (value) => {
      hashU32(h, value)
    },
    float: (value) => {
      hashNumber(h, value)
    },
    text: (value) => {
      hashString(h, value)
    },
    typed: (array) => {
      hashTyped(h, array)
    },
    ram: (ram) => {
      hashRam(h, ram)
    },
    // Frames count as unwritten from now on: the next store must come by again.
    tlb: flushTlb,
  })
  return hashText(h)
}

/** Four bytes at a time, whatever the kind: the kind is in the tag. */
function hashTyped(h: Hash, array: Typed): void {
  hashU32(h, array.length)
  const { buffer, byteOffset, byteLength } = (array.byteOffset & 3) === 0 ? array : array.slice()
  const words = byteLength >> 2
  hashWords(h, new Int32Array(buffer, byteOffset, words), 0, words)
  hashBytes(h, new Uint8Array(buffer, byteOffset + words * 4, byteLength & 3))
}

function hashRam(h: Hash, ram: Ram): void {
  updateFrameHashes(ram)
  hashU32(h, ram.pageShift)
  hashU32(h, ram.nrFrames)
  hashU32(h, ram.sum[0])
  hashU32(h, ram.sum[1])
}

/** A frame of zeros adds nothing to the sum, so that untouched RAM costs nothing. */
function updateFrameHashes(ram: Ram): void {
  const { dirty, frameHashes, sum } = ram
  const words = 1 << (ram.pageShift - 2)
  const h = mkHash()
  for (let pfn = dirty.indexOf(FRAME_DIRTY); pfn >= 0; pfn = dirty.indexOf(FRAME_DIRTY, pfn + 1)) {
    dirty[pfn] = FRAME_CLEAN
    let a = 0
    let b = 0
    if (isZeroFrame(ram, pfn)) dirty[pfn] = FRAME_ZERO
    else {
      const base = frameBase(ram, pfn)
      h.a = pfn
      h.b = ~pfn
      hashWords(h, ram.words, base, base + words)
      a = h.a
      b = h.b
    }
    sum[0] = sum[0] - frameHashes[pfn * 2] + a
    sum[1] = sum[1] - frameHashes[pfn * 2 + 1] + b
    frameHashes[pfn * 2] = a
    frameHashes[pfn * 2 + 1] = b
  }
}

// --- save ------------------------------------------------------------------------------------------------------------

/** Everything reachable as bytes. */
export function saveState(root: object): Uint8Array {
  const out = new Writer()
  walk(root, {
    tag: (tag) => {
      out.byte(tag)
    },
    int: (value) => {
      out.varint(value)
    },
    float: (value) => {
      out.float(value)
    },
    text: (value) => {
      out.text(value)
    },
    typed: (array) => {
      out.varint(array.length)
      out.bytes(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    },
    ram: (ram) => {
      saveRam(out, ram)
    },
    tlb: () => undefined,
  })
  return out.result()
}

// What stands behind the last frame.
const END_OF_RAM = -1
const END_OF_DISK = -2

function saveRam(out: Writer, ram: Ram): void {
  const bytes = 2 ** ram.pageShift
  out.varint(ram.pageShift)
  out.varint(ram.nrFrames)
  for (let pfn = 0; pfn < ram.nrFrames; pfn++) {
    if (isZeroFrame(ram, pfn)) continue
    out.varint(pfn)
    out.bytes(viewBytes(ram, pfn, 0, bytes))
  }
  out.varint(ram.whole ? END_OF_RAM : END_OF_DISK)
}

class Writer {
  private buffer = new Uint8Array(1 << 16)
  private length = 0
  private readonly number = new Float64Array(1)

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + count))
    larger.set(this.buffer.subarray(0, this.length))
    this.buffer = larger
  }

  byte(value: number): void {
    this.reserve(1)
    this.buffer[this.length++] = value
  }

  /** An i32, small ones in one byte. */
  varint(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.byte(rest)
  }

  float(value: number): void {
    this.number[0] = value
    this.bytes(new Uint8Array(this.number.buffer))
  }

  text(value: string): void {
    this.varint(value.length)
    for (let i = 0; i < value.length; i++) this.varint(value.charCodeAt(i))
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.buffer.set(bytes, this.length)
    this.length += bytes.length
  }

  result(): Uint8Array {
    return this.buffer.slice(0, this.length)
  }
}

// --- load ------------------------------------------------------------------------------------------------------------

/** Thrown by loadState() for bytes that are no saved state. */
export class BadState extends Error {
  override name = 'BadState'
}

/** What saveState() has written. Throws BadState if the bytes are damaged. */
export function loadState(bytes: Uint8Array): object {
  const reader = new Reader(bytes)
  const nodes: object[] = []
  const shapes: string[][] = []

  const mention = (key: string): unknown => {
    const tag = reader.byte()
    switch (tag) {
      case NULL:
        return null
      case TRUE:
        return true
      case FALSE:
        return false
      case INT:
        return reader.varint()
      case FLOAT:
        return reader.float()
      case TEXT:
        return reader.text()
      case BIGINT:
        return bigint(reader.text())
      case REF: {
        const node = nodes[reader.varint()]
        if (node === undefined) throw new BadState('reference to nothing')
        return node
      }
      case NEW_OBJECT:
        return grow({})
      case NEW_ARRAY:
        return grow([])
      case NEW_MAP:
        return grow(new Map())
      case RAM:
        if (key !== 'ram') throw new BadState('RAM where none can be')
        return loadRam(reader)
      case TRANSIENT:
        if (key === 'tlb') return mkTlb()
        if (key === 'trace') return mkTrace()
        throw new BadState('neither a TLB nor a trace')
      default:
        return loadTyped(reader, tag - TYPED)
    }
  }

  const grow = (node: object): object => {
    nodes.push(node)
    return node
  }

  const root = mention('')
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at]
    const count = reader.varint()
    if (Array.isArray(node)) for (let i = 0; i < count; i++) node.push(mention(''))
    else if (node instanceof Map) {
      for (let i = 0; i < count; i++) {
        const key = mention('')
        node.set(key, mention(''))
      }
    } else {
      if (count === shapes.length) {
        const shape = reader.text()
        shapes.push(shape === '' ? [] : shape.split(','))
      }
      const keys = shapes[count]
      if (keys === undefined) throw new BadState('unknown shape')
      if (keys.length <= KEYED_MAX) for (const key of keys) (node as Plain)[key] = mention(key)
      else for (const key of keys) defineField(node, key, mention(key))
    }
  }
  if (root === null || typeof root !== 'object') throw new BadState('no root')
  return root
}

/**
 * Of an object that is given more fields than this by node[key], V8 makes a hash table, and all that is done with it
 * takes several times as long.
 */
const KEYED_MAX = 12

function defineField(node: object, key: string, value: unknown): void {
  Object.defineProperty(node, key, { value, writable: true, enumerable: true, configurable: true })
}

function bigint(digits: string): bigint {
  if (!/^-?\d{1,100}$/.test(digits)) throw new BadState('not a whole number')
  return BigInt(digits)
}

function loadTyped(reader: Reader, kind: number): Typed {
  const Type = typedKinds[kind]
  if (Type === undefined) throw new BadState('unknown tag')
  const length = reader.varint()
  const bytes = reader.bytes(length * Type.BYTES_PER_ELEMENT)
  return new Type(bytes.slice().buffer)
}

function loadRam(reader: Reader): Ram {
  const pageShift = reader.varint()
  const nrFrames = reader.varint()
  const bytes = 2 ** pageShift
  if (pageShift < 12 || pageShift > 18 || nrFrames < 1 || nrFrames * bytes > 2 ** 32)
    throw new BadState('RAM of an odd size')
  const contents: [pfn: number, content: Uint8Array][] = []
  let pfn = reader.varint()
  for (; pfn >= 0; pfn = reader.varint()) {
    if (pfn >= nrFrames) throw new BadState('frame outside RAM')
    contents.push([pfn, reader.bytes(bytes)])
  }
  if (pfn !== END_OF_RAM && pfn !== END_OF_DISK) throw new BadState('RAM of an odd kind')
  const ram = mkEmptyRam(nrFrames, pageShift, pfn === END_OF_RAM)
  const last = contents.reduce((highest, [at]) => Math.max(highest, at), -1)
  reserveFrames(ram, last + 1)
  for (const [at, content] of contents) {
    markDirty(ram, at)
    viewBytes(ram, at, 0, bytes).set(content)
  }
  return ram
}

class Reader {
  private at = 0
  private readonly number = new Float64Array(1)
  private readonly source: Uint8Array

  constructor(source: Uint8Array) {
    this.source = source
  }

  byte(): number {
    const value = this.source[this.at++]
    if (value === undefined) throw new BadState('ends too early')
    return value
  }

  varint(): number {
    let rest = 0
    for (let shift = 0; ; shift += 7) {
      const part = this.byte()
      rest |= (part & 0x7f) << shift
      if (part < 0x80) break
      if (shift > 28) throw new BadState('number too long')
    }
    return (rest >>> 1) ^ -(rest & 1)
  }

  float(): number {
    new Uint8Array(this.number.buffer).set(this.bytes(8))
    return this.number[0]
  }

  text(): string {
    const length = this.varint()
    if (length < 0 || length > this.source.length - this.at) throw new BadState('text too long')
    let text = ''
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.varint())
    return text
  }

  bytes(count: number): Uint8Array {
    if (count < 0 || this.at + count > this.source.length) throw new BadState('ends too early')
    this.at += count
    return this.source.subarray(this.at - count, this.at)
  }
}

// --- compare ---------------------------------------------------------------------------------------------------------

/** Path of the first field in which two states differ: 'machine.tasks.312.nice: 0, 5'; null if they are alike. */
export function differingField(a: object, b: object): string | null {
  const partners = new Map<object, object>()
  const queue: [unknown, unknown, string][] = [[a, b, '']]
  for (let at = 0; at < queue.length; at++) {
    const [left, right, path] = queue[at]
    if (Object.is(left, right) && (left === null || typeof left !== 'object')) continue
    const different = `${path || 'root'}: ${show(left)}, ${show(right)}`
    if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object')
      return different
    if (kindOf(left) !== kindOf(right)) return different
    if (ArrayBuffer.isView(left)) {
      const element = differingElement(left as Typed, right as Typed)
      if (element !== null) return `${path}${element}`
      continue
    }
    // What is one object here must be one object there.
    if (partners.has(left) || partners.has(right)) {
      if (partners.get(left) !== right || partners.get(right) !== left) {
        return `${path}: another object than in the other`
      }
      continue
    }
    partners.set(left, right)
    partners.set(right, left)
    const parts = childrenOf(left)
    const others = childrenOf(right)
    if (parts.length !== others.length)
      return `${path}: ${parts.length} entries, ${others.length} entries`
    for (let i = 0; i < parts.length; i++) {
      const [key, value] = parts[i]
      const [otherKey, otherValue] = others[i]
      const inner = path === '' ? String(key) : `${path}.${String(key)}`
      if (!Object.is(key, otherKey) && (key === null || typeof key !== 'object'))
        return `${inner}: the other has ${show(otherKey)}`
      if (key !== null && typeof key === 'object') queue.push([key, otherKey, inner])
      if (isTransient(key, value) && isTransient(key, otherValue)) continue
      if (isRam(key, value) && isRam(key, otherValue)) {
        const frame = differingFrame(value, otherValue)
        if (frame !== null) return `${inner} ${frame}`
      } else queue.push([value, otherValue, inner])
    }
  }
  return null
}

function kindOf(node: object): string {
  if (node instanceof Map) return 'map'
  if (Array.isArray(node)) return 'array'
  return ArrayBuffer.isView(node) ? node.constructor.name : 'object'
}

function differingElement(left: Typed, right: Typed): string | null {
  if (left.length !== right.length) return `: ${left.length} entries, ${right.length} entries`
  for (let i = 0; i < left.length; i++) {
    if (!Object.is(left[i], right[i])) return `.${i}: ${show(left[i])}, ${show(right[i])}`
  }
  return null
}

function childrenOf(node: object): [key: unknown, value: unknown][] {
  if (node instanceof Map) return [...node]
  return Object.entries(node)
}

function differingFrame(a: Ram, b: Ram): string | null {
  if (a.nrFrames !== b.nrFrames) return `frames: ${a.nrFrames}, ${b.nrFrames}`
  for (let pfn = 0; pfn < a.nrFrames; pfn++) {
    if (a.dirty[pfn] === FRAME_ZERO && b.dirty[pfn] === FRAME_ZERO) continue
    const base = frameBase(a, pfn)
    for (let i = 0; i < 1 << (a.pageShift - 2); i++) {
      const x = a.words[base + i] ?? 0
      const y = b.words[base + i] ?? 0
      if (x !== y) return `frame ${pfn} word ${i}: ${show(x)}, ${show(y)}`
    }
  }
  return null
}

function show(value: unknown): string {
  if (value !== null && typeof value === 'object') return Array.isArray(value) ? 'array' : 'object'
  return typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? 'undefined')
}
