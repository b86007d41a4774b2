// RAM: frames of bytes. The host's memory is taken a slab (1 MiB) at a time, when a frame in it is first written;
// a frame without a slab reads as zero. Who writes marks the frame dirty: hash and snapshot look only at those.

export type Pfn = number

const SLAB_SHIFT = 20

export interface Ram {
  pageShift: number
  nrFrames: number
  slabs: (Int32Array | null)[]
  views: (Int32Array | null)[] // per frame: its words, for copying; made when first needed
  dirty: Uint8Array // per frame: written since the last hash
  frameHashes: Int32Array // per frame two words: what the last hash found
  sum: Int32Array // the sum of all frameHashes, two words
}

export function mkRam(bytes: number, pageShift: number): Ram {
  const nrFrames = Math.floor(bytes / 2 ** pageShift)
  const slabs: (Int32Array | null)[] = []
  for (let i = 0; i < Math.ceil(bytes / 2 ** SLAB_SHIFT); i++) slabs.push(null)
  return {
    pageShift,
    nrFrames,
    slabs,
    views: new Array<Int32Array | null>(nrFrames).fill(null),
    dirty: new Uint8Array(nrFrames),
    frameHashes: new Int32Array(nrFrames * 2),
    sum: new Int32Array(2),
  }
}

/** The slab that holds the frame, for reading; null if nothing was ever written there. */
export function slabOf(ram: Ram, pfn: Pfn): Int32Array | null {
  return ram.slabs[pfn >> (SLAB_SHIFT - ram.pageShift)]!
}

/** The slab that holds the frame, for writing; the frame counts as written. */
export function dirtySlabOf(ram: Ram, pfn: Pfn): Int32Array {
  ram.dirty[pfn] = 1
  const i = pfn >> (SLAB_SHIFT - ram.pageShift)
  const slab = ram.slabs[i]!
  if (slab !== null) return slab
  return (ram.slabs[i] = new Int32Array(1 << (SLAB_SHIFT - 2)))
}

/** Index of the frame's first word in its slab. */
export function frameBase(ram: Ram, pfn: Pfn): number {
  return (pfn & ((1 << (SLAB_SHIFT - ram.pageShift)) - 1)) << (ram.pageShift - 2)
}

export function readWord(ram: Ram, pfn: Pfn, index: number): number {
  const slab = slabOf(ram, pfn)
  return slab === null ? 0 : slab[frameBase(ram, pfn) + index]
}

export function writeWord(ram: Ram, pfn: Pfn, index: number, word: number): void {
  dirtySlabOf(ram, pfn)[frameBase(ram, pfn) + index] = word
}

export function clearFrame(ram: Ram, pfn: Pfn): void {
  if (slabOf(ram, pfn) === null) return
  const base = frameBase(ram, pfn)
  dirtySlabOf(ram, pfn).fill(0, base, base + (1 << (ram.pageShift - 2)))
}

export function copyFrame(ram: Ram, to: Pfn, from: Pfn): void {
  const source = slabOf(ram, from)
  if (source === null) clearFrame(ram, to)
  else dirtySlabOf(ram, to).set(viewOf(ram, source, from), frameBase(ram, to))
}

/** As copyFrame, from one memory into another: RAM and a disk, say. */
export function copyFrameTo(target: Ram, to: Pfn, source: Ram, from: Pfn): void {
  const slab = slabOf(source, from)
  if (slab === null) clearFrame(target, to)
  else dirtySlabOf(target, to).set(viewOf(source, slab, from), frameBase(target, to))
}

function viewOf(ram: Ram, slab: Int32Array, pfn: Pfn): Int32Array {
  const base = frameBase(ram, pfn)
  return (ram.views[pfn] ??= slab.subarray(base, base + (1 << (ram.pageShift - 2))))
}

/** The frame's bytes as a copy. */
export function frameBytes(ram: Ram, pfn: Pfn): Uint8Array {
  const size = 2 ** ram.pageShift
  const slab = slabOf(ram, pfn)
  if (slab === null) return new Uint8Array(size)
  return new Uint8Array(slab.buffer.slice(frameBase(ram, pfn) * 4, frameBase(ram, pfn) * 4 + size))
}
