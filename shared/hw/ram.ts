// RAM: frames of bytes, one after the other; a disk's blocks likewise. Who writes marks the frame dirty: hash and snapshot
// look only at those that ever were.

import { NO_MEMORY, takeMemory, type HostMemory } from './hostMemory.ts'

export type Pfn = number

// What is known of a frame's content, per frame in `dirty`.
export const FRAME_ZERO = 0 // all zero, for it was not written since the machine was made
export const FRAME_DIRTY = 1 // written since the last hash
export const FRAME_CLEAN = 2 // written before

export interface Ram {
  pageShift: number
  nrFrames: number
  whole: boolean // the host's memory is taken for all frames at once; else up to the last one that was ever written
  words: Int32Array // frame n begins at frameBase(n)
  bytes: Uint8Array // the same memory
  host: HostMemory
  dirty: Uint8Array // per frame: FRAME_*
  frameHashes: Int32Array // per frame two words: what the last hash found
  sum: Int32Array // the sum of all frameHashes, two words
}

export function mkRam(bytes: number, pageShift: number): Ram {
  const ram = mkEmptyRam(Math.floor(bytes / 2 ** pageShift), pageShift, true)
  reserveFrames(ram, ram.nrFrames)
  return ram
}

/** The store of a device, which may hardly ever be used. Only copyFrameTo() writes to it. */
export function mkDiskRam(bytes: number, pageShift: number): Ram {
  return mkEmptyRam(Math.floor(bytes / 2 ** pageShift), pageShift, false)
}

/** Without the host's memory, which somebody else provides. */
export function mkEmptyRam(nrFrames: number, pageShift: number, whole: boolean): Ram {
  return {
    pageShift,
    nrFrames,
    whole,
    words: NO_MEMORY.words,
    bytes: NO_MEMORY.bytes,
    host: NO_MEMORY,
    dirty: new Uint8Array(nrFrames),
    frameHashes: new Int32Array(nrFrames * 2),
    sum: new Int32Array(2),
  }
}

/** Sees to it that there is memory for the first `count` frames. */
export function reserveFrames(ram: Ram, count: number): void {
  const before = ram.words
  const held = before.length >> (ram.pageShift - 2)
  if (held >= count) return
  const frames = ram.whole ? ram.nrFrames : Math.min(ram.nrFrames, Math.max(count, held * 2, 256))
  setHost(ram, takeMemory(frames * 2 ** ram.pageShift))
  ram.words.set(before)
}

/** RAM takes over the memory of one that is used no more: the host has trouble with much memory that comes and goes. */
export function takeOverMemory(ram: Ram, old: Ram): void {
  for (let pfn = 0; pfn < old.nrFrames; pfn++) clearFrame(old, pfn)
  setHost(ram, old.host)
  setHost(old, NO_MEMORY)
}

function setHost(ram: Ram, host: HostMemory): void {
  ram.host = host
  ram.words = host.words
  ram.bytes = host.bytes
}

/** Index of the frame's first word in `words`. */
export function frameBase(ram: Ram, pfn: Pfn): number {
  return pfn << (ram.pageShift - 2)
}

/** The frame counts as written. */
export function markDirty(ram: Ram, pfn: Pfn): void {
  ram.dirty[pfn] = FRAME_DIRTY
}

export function readWord(ram: Ram, pfn: Pfn, index: number): number {
  return ram.words[frameBase(ram, pfn) + index]
}

export function writeWord(ram: Ram, pfn: Pfn, index: number, word: number): void {
  ram.dirty[pfn] = FRAME_DIRTY
  ram.words[frameBase(ram, pfn) + index] = word
}

/** The frame's words themselves, to read or, after markDirty(), to write. */
export function viewWords(ram: Ram, pfn: Pfn): Int32Array {
  return ram.words.subarray(frameBase(ram, pfn), frameBase(ram, pfn + 1))
}

/** Some of the frame's bytes themselves, to read or, after markDirty(), to write. */
export function viewBytes(ram: Ram, pfn: Pfn, offset: number, count: number): Uint8Array {
  const start = pfn * 2 ** ram.pageShift + offset
  return ram.bytes.subarray(start, start + count)
}

/** The frame's bytes as a copy. */
export function frameBytes(ram: Ram, pfn: Pfn): Uint8Array {
  const size = 2 ** ram.pageShift
  if (ram.dirty[pfn] === FRAME_ZERO) return new Uint8Array(size)
  return ram.bytes.slice(pfn * size, (pfn + 1) * size)
}

export function clearFrame(ram: Ram, pfn: Pfn): void {
  if (ram.dirty[pfn] === FRAME_ZERO) return
  ram.dirty[pfn] = FRAME_DIRTY
  ram.host.fill(pfn << ram.pageShift, 0, 1 << ram.pageShift)
}

export function copyFrame(ram: Ram, to: Pfn, from: Pfn): void {
  ram.dirty[to] = FRAME_DIRTY
  ram.host.copy(to << ram.pageShift, from << ram.pageShift, 1 << ram.pageShift)
}

/** As copyFrame, from one memory into another: RAM and a disk, say. */
export function copyFrameTo(target: Ram, to: Pfn, source: Ram, from: Pfn): void {
  if (source.dirty[from] === FRAME_ZERO) clearFrame(target, to)
  else {
    reserveFrames(target, to + 1)
    target.dirty[to] = FRAME_DIRTY
    target.words.set(viewWords(source, from), frameBase(target, to))
  }
}

export function isZeroFrame(ram: Ram, pfn: Pfn): boolean {
  if (ram.dirty[pfn] === FRAME_ZERO) return true
  const { words } = ram
  const end = frameBase(ram, pfn + 1)
  for (let i = frameBase(ram, pfn); i < end; i++) if (words[i] !== 0) return false
  return true
}
