// How malloc gets at the bytes of its process: what the TLB knows it takes from RAM itself, for all else there is the
// long way (mm/uaccess.ts).

import { TLB_ENTRIES } from '../hw/tlb.ts'
import { load16, load32, load8, store16, store32, store8 } from '../mm/uaccess.ts'
import type { Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { highHalf, joinHalves, type MallocMemory } from './ptmalloc/env.ts'
import { BINMAP_OFFSET, LISTS_BYTES } from './ptmalloc/quickLayout.ts'
import { mallocFlavour } from './state.ts'

/** Good for one slice. */
export function mkMallocMemory(m: Machine, task: Task, mainArena: number): MallocMemory {
  const { dataSize } = mallocFlavour(m)
  const { tlb } = m
  const { readTag, writeTag, base } = tlb
  const { words } = m.ram
  const { pageShift } = m.layout
  const pageMask = m.pageSize - 1
  const wide = m.layout.bits === 64
  const mm = task.mm!.id

  /** Index of the word of 4 bytes that holds the address, -1 if the TLB doesn't know it. `low`: va's lower half. */
  const find = (tags: Float64Array, va: number, low: number): number => {
    const offset = low & pageMask
    const slot = (low >>> pageShift) & (TLB_ENTRIES - 1)
    const known = tags[slot] === va - offset + tlb.generation && tlb.mm === mm
    return known ? base[slot] + (offset >> 2) : -1
  }
  const loadSlowly = (va: number): number => {
    const low = load32(m, task, va)
    return wide ? joinHalves(low, load32(m, task, va + 4)) : low >>> 0
  }
  const storeSlowly = (va: number, word: number): void => {
    store32(m, task, va, word | 0)
    if (wide) store32(m, task, va + 4, highHalf(word))
  }
  /** Where a place lies that is visited all the time: it is looked up anew only after translations were taken back. */
  const mkSpot = (tags: Float64Array, va: number, length: number): (() => number) => {
    if (!wide || (va & pageMask) + length > m.pageSize) return () => -1
    let changes = -1
    let at = -1
    return () => {
      if (changes === tlb.changes) return at
      at = find(tags, va, va | 0)
      if (at >= 0) changes = tlb.changes
      return at
    }
  }
  let tcache = { low: 0, high: 0, at: -1, changes: -1 }
  return {
    load8: (va) => load8(m, task, va),
    store8: (va, byte) => store8(m, task, va, byte),
    load16: (va) => {
      const at = (va & 1) === 0 ? find(readTag, va, va | 0) : -1
      return at < 0 ? load16(m, task, va) | 0 : (words[at] >>> ((va & 2) * 8)) & 0xffff
    },
    store16: (va, half) => store16(m, task, va, half),
    load32: (va) => {
      const at = (va & 3) === 0 ? find(readTag, va, va | 0) : -1
      return at < 0 ? load32(m, task, va) | 0 : words[at]
    },
    store32: (va, half) => {
      const at = (va & 3) === 0 ? find(writeTag, va, va | 0) : -1
      if (at < 0) store32(m, task, va, half | 0)
      else words[at] = half
    },
    load: (va) => {
      const at = wide && (va & 7) === 0 ? find(readTag, va, va | 0) : -1
      return at < 0 ? +loadSlowly(va) : words[at + 1] * 0x1_0000_0000 + (words[at] >>> 0)
    },
    store: (va, word) => {
      const at = wide && (va & 7) === 0 ? find(writeTag, va, va | 0) : -1
      if (at < 0) storeSlowly(va, word)
      else {
        words[at] = word
        words[at + 1] = highHalf(word)
      }
    },
    // An entry for writing also says that the frame counts as written.
    locate: (va, low) => ((low & 3) === 0 ? find(readTag, va, low) : -1),
    locateWritable: (va, low) => ((low & 3) === 0 ? find(writeTag, va, low) : -1),
    words,

    locateLists: mkSpot(writeTag, mainArena, LISTS_BYTES),
    locateVariables: mkSpot(readTag, mainArena + BINMAP_OFFSET, dataSize - BINMAP_OFFSET),
    locateTcache: (low, high) => {
      if (low === tcache.low && high === tcache.high && tcache.changes === tlb.changes)
        return tcache.at
      const at = find(writeTag, joinHalves(low, high), low)
      if (at >= 0) tcache = { low, high, at, changes: tlb.changes }
      return at
    },
  }
}
