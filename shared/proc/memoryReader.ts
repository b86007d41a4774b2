// A process's memory as one reads it who only looks: no fault, no page brought in, no accessed bit. A page in swap is
// read there; one that was never touched reads as it would read.

import { pteSwap, ptePfn, ptePresent, swapSlot } from '../hw/mmu.ts'
import { FRAME_ZERO, frameBase, type Ram } from '../hw/ram.ts'
import { followPte } from '../mm/pgtable.ts'
import { deviceOf } from '../mm/swapfile.ts'
import { vmaLookup } from '../mm/vma.ts'
import type { Machine } from '../state/machine.ts'
import type { Mm, Vaddr } from '../state/mm.ts'

interface Page {
  words: Int32Array | null // null: all zero
  base: number
}

export class MemoryReader {
  private readonly m: Machine
  private readonly mm: Mm
  private readonly pages = new Map<number, Page | null>()
  private last = -1
  private lastPage: Page | null = null

  constructor(m: Machine, mm: Mm) {
    this.m = m
    this.mm = mm
  }

  /** A word of four bytes, signed; null where nothing is mapped, or what is mapped is not in memory. */
  peek32(va: Vaddr): number | null {
    const { pageSize } = this.m
    const offset = va % pageSize
    if ((offset & 3) !== 0) return this.peekUnaligned(va)
    const page = this.pageAt((va - offset) / pageSize)
    if (page === null) return null
    return page.words === null ? 0 : page.words[page.base + (offset >> 2)]
  }

  /** 0 … 255. */
  peek8(va: Vaddr): number | null {
    const word = this.peek32(va - (va % 4))
    return word === null ? null : (word >>> ((va % 4) * 8)) & 255
  }

  /** As many bytes from there on as there are, at most `count`. */
  bytes(va: Vaddr, count: number): number[] {
    const bytes: number[] = []
    for (let at = va; at < va + count; at++) {
      const byte = this.peek8(at)
      if (byte === null) break
      bytes.push(byte)
    }
    return bytes
  }

  private peekUnaligned(va: Vaddr): number | null {
    const bytes = this.bytes(va, 4)
    return bytes.length < 4 ? null : bytes.reduceRight((word, byte) => (word << 8) | byte, 0)
  }

  private pageAt(vpn: number): Page | null {
    if (vpn === this.last) return this.lastPage
    let page = this.pages.get(vpn)
    if (page === undefined) this.pages.set(vpn, (page = this.look(vpn * this.m.pageSize)))
    this.last = vpn
    this.lastPage = page
    return page
  }

  private look(va: Vaddr): Page | null {
    const { m, mm } = this
    const vma = vmaLookup(mm, va)
    if (vma === undefined) return null
    const pte = followPte(m, mm, va)
    if (ptePresent(pte)) return pageOf(m.ram, ptePfn(pte))
    if (pteSwap(pte)) return pageOf(deviceOf(m, pte).ram, swapSlot(pte))
    return vma.file === null ? { words: null, base: 0 } : null
  }
}

function pageOf(ram: Ram, pfn: number): Page {
  // A device's store reaches no further than to its last block that was ever written.
  return { words: ram.dirty[pfn] === FRAME_ZERO ? null : ram.words, base: frameBase(ram, pfn) }
}
