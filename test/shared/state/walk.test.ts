import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { mkPrng, nextBelow } from '@shared/lib/prng.ts'
import { mkRam, readWord, writeWord } from '@shared/hw/ram.ts'
import { apply } from '@shared/machine/machine.ts'
import type { Machine } from '@shared/state/machine.ts'
import { BadState, differingField, hashState, loadState, saveState } from '@shared/state/walk.ts'
import { bootSmall, call, forkTask, store, takeSeats } from '../../sim/process.ts'

/** A machine with something of everything in it. */
function busy(): Machine {
  const m = bootSmall(8)
  const [teacher, student] = takeSeats(m, 2)
  call(m, student, 'mmap', 0x2000_0000_0000, 40960, 3, 0x32, -1, 0)
  call(m, student, 'mmap', 0x2000_0000_9000, 4096, 3, 0x31, -1, 0)
  store(m, student, 0x2000_0000_0000, 77)
  store(m, student, 0x2000_0000_9000, 78)
  forkTask(m, student)
  apply(m, 1, { t: 'write', path: '/tmp/notes', text: 'a few words', append: false })
  apply(m, 1, { t: 'spawn', path: '/usr/bin/hog', argv: ['hog', '100K'], env: [], stdout: 'tty' })
  apply(m, 1, { t: 'spawn', path: '/usr/bin/sleep', argv: ['sleep', '9'], env: [], stdout: 'pipe' })
  apply(m, 0, { t: 'tick', fuel: 40_000 })
  apply(m, 1, { t: 'kill', task: teacher.handle, sig: 19 })
  return m
}

const OF_A_KIND = 8 // the same field of so many objects is enough

type Plain = Record<string, unknown>

/** Every place that holds a value, found by the same rule that save, load and hash follow: what is reachable. */
function* places(
  root: object,
): Generator<{ path: string; get: () => unknown; set: (value: unknown) => void }> {
  const seen = new Set<object>([root])
  const queue: [object, string][] = [[root, '']]
  for (const [node, path] of queue) {
    const inner = (key: string): string => (path === '' ? key : `${path}.${key}`)
    const reach = (value: unknown, at: string): void => {
      if (value === null || typeof value !== 'object' || seen.has(value)) return
      seen.add(value)
      queue.push([value, at])
    }
    if (node instanceof Map) {
      for (const [key, value] of node) {
        yield {
          path: inner(String(key)),
          get: (): unknown => node.get(key),
          set: (to) => node.set(key, to),
        }
        reach(value, inner(String(key)))
      }
      continue
    }
    if (ArrayBuffer.isView(node)) {
      const array = node as unknown as number[]
      // A few of each column: the first, the last, some between.
      for (const i of [0, 1, array.length >> 1, array.length - 1]) {
        if (i >= array.length) continue
        yield {
          path: inner(String(i)),
          get: () => array[i],
          set: (to) => (array[i] = to as number),
        }
      }
      continue
    }
    for (const key of Object.keys(node)) {
      if (path === '' && (key === 'trace' || key === 'tlb')) continue
      if (key === 'ram') continue // its frames have tests of their own
      yield {
        path: inner(key),
        get: () => (node as Plain)[key],
        set: (to) => ((node as Plain)[key] = to),
      }
      reach((node as Plain)[key], inner(key))
    }
  }
}

function flipped(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      return Object.is(value, value | 0) ? value ^ 1 : value + 1 === value ? value / 2 : value + 1
    case 'string':
      return value + '!'
    case 'boolean':
      return !value
    case 'bigint':
      return value + 1n
    default:
      return value === null ? 0 : null
  }
}

describe('hash and differingField', () => {
  it(
    'flip every reachable field of a busy machine and the hash must see it, and differingField names it',
    { timeout: 120_000 },
    () => {
      const m = busy()
      const twin = loadState(saveState(m)) as Machine
      const hash = hashState(m)
      expect(hashState(twin)).toBe(hash)
      expect(differingField(m, twin)).toBe(null)
      let count = 0
      const kinds = new Map<string, number>()
      for (const { path, get, set } of places(m)) {
        const kind = path.replace(/\d+/g, '#')
        const like = kinds.get(kind) ?? 0
        if (like === OF_A_KIND) continue
        kinds.set(kind, like + 1)
        const value = get()
        set(flipped(value))
        const changed = hashState(m)
        if (changed === hash) expect(path).toBe('seen by the hash')
        if (count % 40 === 0 && (value === null || typeof value !== 'object')) {
          expect(differingField(m, twin)).toMatch(/: /)
          expect(differingField(m, twin)!.split(': ')[0].split('.').pop()).toBe(
            path.split('.').pop(),
          )
        }
        set(value)
        count++
      }
      expect(hashState(m)).toBe(hash)
      expect(count).toBeGreaterThan(2000)
      for (const kind of ['tasks.#.pid', 'zone.page.flags.#', 'streams.#.text', 'syslog.#.ms']) {
        expect(kinds.has(kind), kind).toBe(true)
      }
    },
  )

  it('flip any bit of RAM and the hash sees it, and the word is named', () => {
    const m = busy()
    const twin = loadState(saveState(m)) as Machine
    const hash = hashState(m)
    const random = mkPrng(3)
    for (let i = 0; i < 200; i++) {
      const pfn = nextBelow(random, m.ram.nrFrames)
      const word = nextBelow(random, 1024)
      const value = readWord(m.ram, pfn, word)
      writeWord(m.ram, pfn, word, value ^ (1 << nextBelow(random, 32)))
      expect(hashState(m)).not.toBe(hash)
      if (i % 20 === 0) expect(differingField(m, twin)).toMatch(`ram frame ${pfn} word ${word}: `)
      writeWord(m.ram, pfn, word, value)
      expect(hashState(m)).toBe(hash)
    }
  })

  it('two frames that change places are seen', () => {
    const m = bootSmall(8)
    writeWord(m.ram, 1500, 3, 42)
    const hash = hashState(m)
    writeWord(m.ram, 1500, 3, 0)
    writeWord(m.ram, 1501, 3, 42)
    expect(hashState(m)).not.toBe(hash)
  })

  it('a hash after few changes is that of a machine loaded anew', () => {
    const m = busy()
    const random = mkPrng(4)
    for (let i = 0; i < 20; i++) {
      writeWord(m.ram, nextBelow(random, m.ram.nrFrames), 5, nextBelow(random, 3))
      const hash = hashState(m)
      expect(hashState(loadState(saveState(m)))).toBe(hash)
    }
  })

  it('tells apart what looks alike', () => {
    const shared = { n: 1 }
    const roots: object[] = [
      { a: { n: 1 }, b: { n: 1 } },
      { a: shared, b: shared },
      { a: [], b: {} },
      { a: {}, b: [] },
      { a: new Map(), b: [] },
      { a: 0 },
      { a: -0 },
      { a: NaN },
      { a: null },
      { a: false },
      { a: '' },
      { a: '0' },
      { a: 0n },
      { a: 2 ** 31 },
      { a: 0.5 },
      { a: new Int32Array(1) },
      { a: new Uint32Array(1) },
      { a: new Uint8Array(4) },
      { a: new Map([[1, 1]]) },
      { a: new Map([['1', 1]]) },
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ]
    for (const [i, one] of roots.entries()) {
      for (const [j, other] of roots.entries()) {
        const same = i === j
        expect(hashState(one) === hashState(other), `${i} and ${j}`).toBe(same)
        expect(differingField(one, other) === null, `${i} and ${j}`).toBe(same)
      }
      expect(hashState(loadState(saveState(one)))).toBe(hashState(one))
    }
  })

  it('whose names a field may have: ram, tlb and trace are special only where they are what the names say', () => {
    const hash = hashState({ ram: { x: 1 }, trace: { x: 1 }, tlb: [1] })
    expect(hashState({ ram: { x: 2 }, trace: { x: 1 }, tlb: [1] })).not.toBe(hash)
    expect(hashState({ ram: { x: 1 }, trace: { x: 2 }, tlb: [1] })).not.toBe(hash)
    expect(hashState({ ram: { x: 1 }, trace: { x: 1 }, tlb: [2] })).not.toBe(hash)
    const root = { ram: { x: 1 }, trace: { x: 1 }, tlb: [1] }
    expect(loadState(saveState(root))).toEqual(root)
  })

  it('hashes a view like the array that it shows', () => {
    const bytes = Uint8Array.from({ length: 40 }, (_, i) => i * 7)
    for (const [from, to] of [
      [0, 11],
      [1, 12],
      [2, 9],
      [4, 4],
    ]) {
      const view = { a: bytes.subarray(from, to) }
      expect(hashState(view)).toBe(hashState({ a: bytes.slice(from, to) }))
      expect(hashState(loadState(saveState(view)))).toBe(hashState(view))
    }
  })

  it('refuses what is no plain data', () => {
    for (const bad of [undefined, () => 1, Symbol('s')]) {
      expect(() => hashState({ bad })).toThrow('state holds a')
    }
    expect(() => saveState({ 'a,b': 1 })).toThrow('comma')
  })
})

describe('save and load', () => {
  it('keeps shared references, cycles and every kind of value', () => {
    const node: Plain = { n: 1, big: 2n ** 70n, float: 0.1, text: 'ä\u0000😀', list: [1, [2]] }
    node.self = node
    const root = {
      a: node,
      b: node,
      map: new Map<unknown, unknown>([
        ['k', node],
        [3, null],
      ]),
      bytes: new Uint8Array([1, 2, 3]),
      wide: new Float64Array([NaN, -0, 1e300]),
    }
    const copy = loadState(saveState(root)) as typeof root
    expect(copy).toEqual(root)
    expect(copy.a).toBe(copy.b)
    expect(copy.a.self).toBe(copy.a)
    expect(copy.map.get('k')).toBe(copy.a)
  })

  it('a loaded machine goes on like the one that was saved', () => {
    const m = busy()
    const copy = loadState(saveState(m)) as Machine
    for (let i = 0; i < 10; i++) {
      for (const one of [m, copy]) apply(one, 0, { t: 'tick', fuel: 30_000 })
      expect(hashState(copy)).toBe(hashState(m))
    }
  })

  it('objects of many fields are loaded as V8 keeps those of a literal, not as hash tables', () => {
    setFlagsFromString('--allow-natives-syntax')
    const isFast = runInThisContext('(o) => %HasFastProperties(o)') as (o: object) => boolean
    const fields = Array.from({ length: 60 }, (_, i) => [`field${i}`, i % 3 === 0 ? {} : i])
    const slow: Plain = {}
    for (const [key, value] of fields) slow[key as string] = value
    expect(isFast(slow), 'what is measured').toBe(false)
    const copy = loadState(saveState(busy())) as Machine
    const task = [...copy.tasks.values()].find(({ mm }) => mm !== null)!
    for (const one of [copy, copy.vmstat, task, task.mm!]) {
      expect(Object.keys(one).length).toBeGreaterThan(12)
      expect(isFast(one)).toBe(true)
    }
  })

  it('needs no stack for a long chain', () => {
    const root: Plain = {}
    let end = root
    for (let i = 0; i < 100_000; i++) end = end.next = {}
    const copy = loadState(saveState(root))
    expect(hashState(copy)).toBe(hashState(root))
    expect(differingField(copy, root)).toBe(null)
  })

  it(
    'damaged bytes give BadState or some other state, never a hang or another exception',
    { timeout: 60_000 },
    () => {
      const ram = mkRam(24 * 4096, 12)
      for (const pfn of [0, 1, 17, 20]) writeWord(ram, pfn, 5, 7)
      const small = saveState({
        a: [1, 2.5, 'text', null, true, 12n],
        m: new Map<unknown, unknown>([['x', { y: [new Int32Array(3)] }]]),
        ram,
      })
      const random = mkPrng(9)
      let refused = 0
      const times = 4000
      for (let i = 0; i < times; i++) {
        const bytes = small.slice(0, i % 3 === 0 ? nextBelow(random, small.length) : small.length)
        const changes = 1 + nextBelow(random, 4)
        // Most of the bytes are frames: aim at the structure.
        for (let k = 0; k < changes; k++)
          bytes[nextBelow(random, i % 2 === 0 ? 120 : bytes.length)] = nextBelow(random, 256)
        try {
          loadState(bytes)
        } catch (thrown) {
          if (!(thrown instanceof BadState))
            throw new Error(`mutation ${i}: ${String(thrown)}`, { cause: thrown })
          refused++
        }
      }
      expect(refused).toBeGreaterThan(times / 3)
    },
  )

  it('bytes that claim to be huge are refused before memory is taken for them', () => {
    expect(() => loadState(new Uint8Array([13, 0xff, 0xff, 0xff, 0xff, 0x0f]))).toThrow(BadState)
    expect(() => loadState(new Uint8Array())).toThrow(BadState)
    expect(() => loadState(new Uint8Array([11, 24, 0x80, 0x80, 0x80, 1, 1]))).toThrow(BadState)
  })
})
