import { afterEach, describe, expect, it } from 'vitest'
import {
  FRAME_CLEAN,
  FRAME_DIRTY,
  FRAME_ZERO,
  clearFrame,
  copyFrame,
  copyFrameTo,
  frameBase,
  frameBytes,
  isZeroFrame,
  markDirty,
  mkRam,
  readWord,
  viewBytes,
  viewWords,
  writeWord,
} from '@shared/hw/ram.ts'

const { WebAssembly: wasm } = globalThis
afterEach(() => {
  globalThis.WebAssembly = wasm
})

describe.each(['with', 'without'])('RAM %s WebAssembly', (kind) => {
  const make = (bytes: number, pageShift: number) => {
    if (kind === 'without') globalThis.WebAssembly = undefined as unknown as typeof WebAssembly
    return mkRam(bytes, pageShift)
  }

  it('is zero before it is written', () => {
    const ram = make(8 << 20, 12)
    expect(ram.nrFrames).toBe(2048)
    expect(readWord(ram, 700, 5)).toBe(0)
    clearFrame(ram, 700)
    expect(ram.dirty[700]).toBe(FRAME_ZERO)
    writeWord(ram, 700, 5, -7)
    expect(readWord(ram, 700, 5)).toBe(-7)
    expect(readWord(ram, 701, 5)).toBe(0)
    expect(isZeroFrame(ram, 700)).toBe(false)
    clearFrame(ram, 700)
    expect(ram.dirty[700]).toBe(FRAME_DIRTY)
    expect(isZeroFrame(ram, 700)).toBe(true)
  })

  it('copies a frame near and far, within one memory and into another', () => {
    const ram = make(4 << 20, 12)
    const disk = make(1 << 20, 12)
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

    copyFrameTo(disk, 7, ram, 3)
    expect(viewWords(disk, 7)).toEqual(viewWords(ram, 3))
    copyFrameTo(disk, 7, ram, 999)
    expect(isZeroFrame(disk, 7)).toBe(true)
  })

  it('remembers which frames were written', () => {
    const ram = make(2 << 20, 12)
    writeWord(ram, 9, 0, 1)
    clearFrame(ram, 10)
    copyFrame(ram, 11, 10)
    markDirty(ram, 300)
    const written = [...ram.dirty.keys()].filter((pfn) => ram.dirty[pfn] === FRAME_DIRTY)
    expect(written).toEqual([9, 11, 300])
    ram.dirty[9] = FRAME_CLEAN
    clearFrame(ram, 9)
    expect(ram.dirty[9]).toBe(FRAME_DIRTY)
  })

  it('lays out frames of every page size', () => {
    for (const shift of [12, 14, 16, 18]) {
      const ram = make(4 << 20, shift)
      for (let pfn = 0; pfn < ram.nrFrames; pfn++) writeWord(ram, pfn, 1, pfn + 1)
      for (let pfn = 0; pfn < ram.nrFrames; pfn++) {
        expect(ram.words[frameBase(ram, pfn) + 1]).toBe(pfn + 1)
        expect([...viewBytes(ram, pfn, 3, 3)]).toEqual([0, (pfn + 1) & 0xff, (pfn + 1) >> 8])
      }
      clearFrame(ram, 1)
      expect(readWord(ram, 0, 1)).toBe(1)
      expect(readWord(ram, 1, 1)).toBe(0)
      expect(readWord(ram, 2, 1)).toBe(3)
    }
  })
})

describe('the largest RAM', () => {
  it('is made at once, and has a last frame', () => {
    const ram = mkRam(4 * 2 ** 30, 12)
    const last = ram.nrFrames - 1
    writeWord(ram, last, 1023, 5)
    expect(frameBytes(ram, last)[4092]).toBe(5)
    copyFrame(ram, 2 ** 19, last)
    expect(readWord(ram, 2 ** 19, 1023)).toBe(5)
    clearFrame(ram, last)
    expect(isZeroFrame(ram, last)).toBe(true)
    expect(readWord(ram, last, 1023)).toBe(0)
  })
})
