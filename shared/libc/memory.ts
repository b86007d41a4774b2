// How malloc gets at the bytes of its process: what the TLB knows it takes from RAM itself, for all else there is the
// long way (mm/uaccess.ts).
//
// All of malloc's work is such accesses, so they are made for the host's compiler: small functions, their surroundings
// as parameters, and numbers of one kind on every way out. The alignment costs nothing: a misaligned address is never
// equal to a page's tag, in which generations are eight apart.

import { TLB_ENTRIES, type Tlb } from '../hw/tlb.ts'
import { load16, load32, load8, store16, store32, store64, store8 } from '../mm/uaccess.ts'
import type { Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { highHalf, joinHalves, type MallocMemory } from './ptmalloc/env.ts'
import { BINMAP_OFFSET, LISTS_BYTES } from './ptmalloc/quickLayout.ts'
import { mallocFlavour } from './state.ts'

/**
 * Index of the word of 4 bytes that an address lies in; -1 if the TLB doesn't know it or it is not aligned. `low`: the
 * address's lower half.
 */
type Find = (va: number, low: number) => number

type Words = Pick<MallocMemory, 'load' | 'store' | 'copyWord' | 'loadOwn' | 'storeOwn'>

/** Where malloc's own data lies, by offset from main_arena; -1 if the TLB doesn't know. */
interface Own {
  toRead: (offset: number) => number
  toWrite: (offset: number) => number
}

/** Good for one slice. */
export function mkMallocMemory(m: Machine, task: Task, mainArena: number): MallocMemory {
  const { tlb, pageSize } = m
  const { words } = m.ram
  const { pageShift } = m.layout
  const { dataSize, word } = mallocFlavour(m)
  const mm = task.mm!.id
  const offsets = (unit: number): number => (pageSize - 1) & ~(unit - 1)

  const toRead = (unit: number): Find =>
    mkFind(tlb, tlb.readTag, tlb.base, pageShift, offsets(unit), mm)
  const toWrite = (unit: number): Find =>
    mkFind(tlb, tlb.writeTag, tlb.base, pageShift, offsets(unit), mm)
  const findHalf = toRead(4)
  const findHalfToWrite = toWrite(4)
  const split = pageSize - (mainArena % pageSize)
  const own: Own = {
    toRead: mkFindOwn(
      split,
      mkSpot(tlb, findHalf, mainArena),
      mkSpot(tlb, findHalf, mainArena + split),
    ),
    toWrite: mkFindOwn(
      split,
      mkSpot(tlb, findHalfToWrite, mainArena),
      mkSpot(tlb, findHalfToWrite, mainArena + split),
    ),
  }
  const mkWords = word === 8 ? mkWideWords : mkNarrowWords
  return {
    load8: (va) => load8(m, task, va),
    store8: (va, byte) => store8(m, task, va, byte),
    ...mkHalves(m, task, words, findHalf, findHalfToWrite, own, mainArena),
    ...mkWords(m, task, words, toRead(word), toWrite(word), own, mainArena),

    // An entry for writing also says that the frame counts as written.
    locate: findHalf,
    locateWritable: findHalfToWrite,
    words,
    locateLists: split < LISTS_BYTES ? () => -1 : () => own.toWrite(0),
    locateVariables:
      split > BINMAP_OFFSET && split < dataSize ? () => -1 : () => own.toRead(BINMAP_OFFSET),
    locateTcache: mkTableSpot(tlb, findHalfToWrite),
  }
}

function mkFind(
  tlb: Tlb,
  tags: Float64Array,
  base: Int32Array,
  pageShift: number,
  offsets: number, // which bits of an address are its offset in the page; without those that must be 0
  mm: number,
): Find {
  return (va, low) => {
    const offset = low & offsets
    const slot = (low >>> pageShift) & (TLB_ENTRIES - 1)
    return tags[slot] === va - offset + tlb.generation && tlb.mm === mm
      ? base[slot] + (offset >> 2)
      : -1
  }
}

/** A place that is visited all the time: it is looked up anew only after translations were taken back. */
function mkSpot(tlb: Tlb, find: Find, va: number): () => number {
  let changes = -1
  let at = -1
  return () => {
    if (changes === tlb.changes) return at
    at = find(va, va | 0)
    if (at >= 0) changes = tlb.changes
    return at
  }
}

/** The same for the thread cache's table, whose address stands in memory. */
function mkTableSpot(tlb: Tlb, find: Find): (low: number, high: number) => number {
  let changes = -1
  let knownLow = 0
  let knownHigh = 0
  let at = -1
  return (low, high) => {
    if (low === knownLow && high === knownHigh && changes === tlb.changes) return at
    at = find(joinHalves(low, high), low)
    knownLow = low
    knownHigh = high
    changes = at < 0 ? -1 : tlb.changes
    return at
  }
}

/** malloc's own data may lie in two pages. */
function mkFindOwn(
  split: number,
  first: () => number,
  second: () => number,
): (offset: number) => number {
  return (offset) => {
    const page = offset < split ? first() : second()
    return page < 0 ? -1 : page + ((offset < split ? offset : offset - split) >> 2)
  }
}

function mkHalves(
  m: Machine,
  task: Task,
  words: Int32Array,
  find: Find,
  findToWrite: Find,
  own: Own,
  mainArena: number,
): Omit<MallocMemory, keyof Words | 'load8' | 'store8' | 'words' | `locate${string}`> {
  const load = (va: number): number => {
    const at = find(va, va | 0)
    return at < 0 ? load32(m, task, va) | 0 : words[at]
  }
  const store = (va: number, half: number): void => {
    const at = findToWrite(va, va | 0)
    if (at < 0) store32(m, task, va, half | 0)
    else words[at] = half
  }
  const { toRead, toWrite } = own
  return {
    load16: (va) =>
      (va & 1) === 0 ? (load(va - (va & 2)) >>> ((va & 2) * 8)) & 0xffff : load16(m, task, va),
    store16: (va, half) => {
      const shift = (va & 2) * 8
      const at = (va & 1) === 0 ? findToWrite(va - (va & 2), (va | 0) & ~2) : -1
      if (at < 0) store16(m, task, va, half)
      else words[at] = (words[at] & (0xffff_0000 >>> shift)) | ((half & 0xffff) << shift)
    },
    load32: load,
    store32: store,
    loadOwn32: (offset) => {
      const at = toRead(offset)
      return at < 0 ? load32(m, task, mainArena + offset) | 0 : words[at]
    },
    storeOwn32: (offset, half) => {
      const at = toWrite(offset)
      if (at < 0) store32(m, task, mainArena + offset, half | 0)
      else words[at] = half
    },
  }
}

/** 64 bits. */
function mkWideWords(
  m: Machine,
  task: Task,
  words: Int32Array,
  find: Find,
  findToWrite: Find,
  { toRead, toWrite }: Own,
  mainArena: number,
): Words {
  const loadSlowly = (va: number): number =>
    joinHalves(load32(m, task, va), load32(m, task, va + 4))
  const storeSlowly = (va: number, word: number): void => {
    store64(m, task, va, word | 0, highHalf(word))
  }
  return {
    load: (va) => {
      const at = find(va, va | 0)
      return at < 0 ? +loadSlowly(va) : words[at + 1] * 0x1_0000_0000 + (words[at] >>> 0)
    },
    store: (va, word) => {
      const at = findToWrite(va, va | 0)
      if (at < 0) storeSlowly(va, word)
      else {
        words[at] = word
        words[at + 1] = Math.floor(word / 0x1_0000_0000)
      }
    },
    copyWord: (to, from, lowKey, highKey) => {
      const source = find(from, from | 0)
      const low = (source < 0 ? load32(m, task, from) : words[source]) ^ lowKey
      const high = (source < 0 ? load32(m, task, from + 4) : words[source + 1]) ^ highKey
      const at = findToWrite(to, to | 0)
      if (at < 0) {
        store64(m, task, to, low, high)
      } else {
        words[at] = low
        words[at + 1] = high
      }
    },
    loadOwn: (offset) => {
      const at = toRead(offset)
      return at < 0
        ? +loadSlowly(mainArena + offset)
        : words[at + 1] * 0x1_0000_0000 + (words[at] >>> 0)
    },
    storeOwn: (offset, word) => {
      const at = toWrite(offset)
      if (at < 0) storeSlowly(mainArena + offset, word)
      else {
        words[at] = word
        words[at + 1] = Math.floor(word / 0x1_0000_0000)
      }
    },
  }
}

/** 32 bits. */
function mkNarrowWords(
  m: Machine,
  task: Task,
  words: Int32Array,
  find: Find,
  findToWrite: Find,
  { toRead, toWrite }: Own,
  mainArena: number,
): Words {
  return {
    load: (va) => {
      const at = find(va, va | 0)
      return (at < 0 ? load32(m, task, va) : words[at]) >>> 0
    },
    store: (va, word) => {
      const at = findToWrite(va, va | 0)
      if (at < 0) store32(m, task, va, word | 0)
      else words[at] = word
    },
    copyWord: (to, from, lowKey) => {
      store32(m, task, to, load32(m, task, from) ^ lowKey)
    },
    loadOwn: (offset) => {
      const at = toRead(offset)
      return (at < 0 ? load32(m, task, mainArena + offset) : words[at]) >>> 0
    },
    storeOwn: (offset, word) => {
      const at = toWrite(offset)
      if (at < 0) store32(m, task, mainArena + offset, word | 0)
      else words[at] = word
    },
  }
}
