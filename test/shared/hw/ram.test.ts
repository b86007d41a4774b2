import { describe, expect, it } from 'vitest'
import {
  clearFrame,
  copyFrame,
  dirtySlabOf,
  frameBase,
  frameBytes,
  mkRam,
  readWord,
  slabOf,
  writeWord,
} from '@shared/hw/ram.ts'

describe('RAM', () => {
  it('takes the host’s memory only where something is written', () => {
    const ram = mkRam(8 << 20, 12)
    expect(ram.nrFrames).toBe(2048)
    expect(readWord(ram, 700, 5)).toBe(0)
    clearFrame(ram, 700)
    expect(ram.slabs.every((slab) => slab === null)).toBe(true)
    writeWord(ram, 700, 5, -7)
    expect(ram.slabs.filter((slab) => slab !== null)).toHaveLength(1)
    expect(readWord(ram, 700, 5)).toBe(-7)
    expect(readWord(ram, 701, 5)).toBe(0)
  })

  it('copies a frame within a slab, between slabs, and from one that was never written', () => {
    const ram = mkRam(4 << 20, 12)
    writeWord(ram, 3, 1023, 42)
    for (const target of [4, 600]) {
      writeWord(ram, target, 0, 9)
      copyFrame(ram, target, 3)
      expect(readWord(ram, target, 1023)).toBe(42)
      expect(readWord(ram, target, 0)).toBe(0)
    }
    copyFrame(ram, 4, 1000)
    expect(frameBytes(ram, 4).every((byte) => byte === 0)).toBe(true)
    expect(readWord(ram, 5, 0)).toBe(0)
  })

  it('remembers which frames were written', () => {
    const ram = mkRam(2 << 20, 12)
    writeWord(ram, 9, 0, 1)
    clearFrame(ram, 10)
    dirtySlabOf(ram, 300)
    expect([...ram.dirty.entries()].filter(([, dirty]) => dirty === 1).map(([pfn]) => pfn)).toEqual(
      [9, 10, 300],
    )
  })

  it('lays out frames of every page size', () => {
    for (const shift of [12, 14, 16]) {
      const ram = mkRam(4 << 20, shift)
      for (let pfn = 0; pfn < ram.nrFrames; pfn++) writeWord(ram, pfn, 1, pfn + 1)
      for (let pfn = 0; pfn < ram.nrFrames; pfn++) {
        expect(slabOf(ram, pfn)![frameBase(ram, pfn) + 1]).toBe(pfn + 1)
      }
    }
  })
})
