// How malloc gets at the bytes of its process: what the TLB knows it takes from RAM itself, for all else there is the
// long way (mm/uaccess.ts).

import { TLB_ENTRIES } from '../hw/tlb.ts'
import { load16, load32, load8, store16, store32, store8 } from '../mm/uaccess.ts'
import type { Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { highHalf, joinHalves, type MallocMemory } from './ptmalloc/env.ts'

/** Good for one slice. */
export function mkMallocMemory(m: Machine, task: Task): MallocMemory {
  const { tlb } = m
  const { readTag, writeTag, base } = tlb
  const { words } = m.ram
  const { pageShift } = m.layout
  const pageMask = m.pageSize - 1
  const wide = m.layout.bits === 64
  const mm = task.mm!.id

  /** Index of the word of 4 bytes that holds the address, -1 if the TLB doesn't know it. */
  const find = (tags: Float64Array, va: number): number => {
    const offset = va & pageMask
    const slot = (va >>> pageShift) & (TLB_ENTRIES - 1)
    const known = tags[slot] === va - offset + tlb.generation && tlb.mm === mm
    return known ? base[slot] + (offset >> 2) : -1
  }
  return {
    load8: (va) => load8(m, task, va),
    store8: (va, byte) => store8(m, task, va, byte),
    load16: (va) => {
      const at = (va & 1) === 0 ? find(readTag, va) : -1
      return at < 0 ? load16(m, task, va) : (words[at] >>> ((va & 2) * 8)) & 0xffff
    },
    store16: (va, half) => store16(m, task, va, half),
    load32: (va) => {
      const at = (va & 3) === 0 ? find(readTag, va) : -1
      return at < 0 ? load32(m, task, va) : words[at]
    },
    store32: (va, half) => {
      const at = (va & 3) === 0 ? find(writeTag, va) : -1
      if (at < 0) store32(m, task, va, half | 0)
      else words[at] = half
    },
    load: (va) => {
      if (!wide) return load32(m, task, va) >>> 0
      const at = (va & 7) === 0 ? find(readTag, va) : -1
      const low = at < 0 ? load32(m, task, va) : words[at]
      const high = at < 0 ? load32(m, task, va + 4) : words[at + 1]
      return high === 0 && low >= 0 ? low : joinHalves(low, high)
    },
    store: (va, word) => {
      const high = word >= 0 && word <= 0x7fff_ffff ? 0 : highHalf(word)
      const at = wide && (va & 7) === 0 ? find(writeTag, va) : -1
      if (at < 0) {
        store32(m, task, va, word | 0)
        if (wide) store32(m, task, va + 4, high)
      } else {
        words[at] = word
        words[at + 1] = high
      }
    },
    // An entry for writing also says that the frame counts as written.
    locate: (va) => ((va & 3) === 0 ? find(readTag, va) : -1),
    locateWritable: (va) => ((va & 3) === 0 ? find(writeTag, va) : -1),
    words,
  }
}
