// A moment of a room, kept in memory to come back to. Frames that have not changed since the moment before are shared
// with it, so that many moments of one room cost little more than one.

import type { Ram } from '../hw/ram.ts'
import type { Machine } from '../state/machine.ts'
import { loadRoom, saveRoom, type Room } from './room.ts'

export interface Keyframe {
  seq: number
  state: Uint8Array // the room with empty memories
  memories: Memory[] // RAM, the disk, swap
  bytes: number // what this one added
}

interface Memory {
  frames: (Int32Array | null)[] // by frame; null: all zero. Empty if nothing was ever written
  hashes: Int32Array // ram.frameHashes of then
}

/** All that has contents: RAM, the disk, the swap devices. */
export function memoriesOf({ ram, disk, swaps }: Machine): Ram[] {
  return [ram, disk.ram, ...swaps.map((device) => device.ram)]
}

export function takeKeyframe(room: Room, before: Keyframe | null): Keyframe {
  const rams = memoriesOf(room.machine)
  const memories = rams.map((ram, i) => takeMemory(ram, before?.memories[i]))
  const state = saveEmpty(room, rams)
  let bytes = state.length
  memories.forEach(({ frames }, i) => (bytes += addedBytes(frames, before?.memories[i]?.frames)))
  return { seq: room.seq, state, memories, bytes }
}

/** A room of its own: the keyframe can be used again. */
export function fromKeyframe({ state, memories }: Keyframe): Room {
  const room = loadRoom(state)
  const rams = memoriesOf(room.machine)
  memories.forEach(({ frames }, i) => {
    frames.forEach((frame, pfn) => {
      if (frame !== null) putFrame(rams[i], pfn, frame)
    })
  })
  return room
}

/** What it holds in memory, without the frames that are counted already; those it has are added to them. */
export function bytesOf({ state, memories }: Keyframe, counted: Set<Int32Array>): number {
  let bytes = state.length
  for (const { frames, hashes } of memories) {
    bytes += frames.length * 8 + hashes.byteLength
    for (const frame of frames) {
      if (frame === null || counted.has(frame)) continue
      counted.add(frame)
      bytes += frame.byteLength
    }
  }
  return bytes
}

/** Writes a frame's words. */
export function putFrame(ram: Ram, pfn: number, words: Int32Array): void {
  const perSlab = framesOfSlab(ram)
  const i = Math.floor(pfn / perSlab)
  const slab = (ram.slabs[i] ??= new Int32Array(wordsOfFrame(ram) * perSlab))
  slab.set(words, (pfn % perSlab) * wordsOfFrame(ram))
  ram.dirty[pfn] = 1 // the next hash looks at it
}

function addedBytes(frames: Memory['frames'], before: Memory['frames'] = []): number {
  let bytes = frames.length * 16 // the list and the hashes
  frames.forEach((frame, pfn) => {
    if (frame !== null && frame !== before[pfn]) bytes += frame.byteLength
  })
  return bytes
}

function saveEmpty(room: Room, rams: Ram[]): Uint8Array {
  const slabs = rams.map((ram) => ram.slabs)
  for (const ram of rams) ram.slabs = ram.slabs.map(() => null)
  const state = saveRoom(room)
  rams.forEach((ram, i) => (ram.slabs = slabs[i]))
  return state
}

/** A frame that nobody has written to since it was hashed is the same if its hash is: its words are not read. */
function takeMemory(ram: Ram, before: Memory | undefined): Memory {
  const frames: (Int32Array | null)[] = []
  if (ram.slabs.every((slab) => slab === null)) return { frames, hashes: new Int32Array(0) }
  const words = wordsOfFrame(ram)
  const perSlab = framesOfSlab(ram)
  const { dirty, frameHashes } = ram
  const hashes = before?.hashes ?? []
  for (let pfn = 0; pfn < ram.nrFrames; pfn++) {
    const slab = ram.slabs[Math.floor(pfn / perSlab)]
    if (slab === null) {
      frames.push(null)
      continue
    }
    const old = before?.frames[pfn]
    const known =
      dirty[pfn] === 0 &&
      hashes[pfn * 2] === frameHashes[pfn * 2] &&
      hashes[pfn * 2 + 1] === frameHashes[pfn * 2 + 1]
    if (known && old !== undefined) frames.push(old)
    else frames.push(takeFrame(slab, (pfn % perSlab) * words, words, old ?? null))
  }
  return { frames, hashes: frameHashes.slice() }
}

function takeFrame(
  slab: Int32Array,
  start: number,
  words: number,
  old: Int32Array | null,
): Int32Array | null {
  if (isZero(slab, start, words)) return null
  if (old !== null && isSame(slab, start, old)) return old
  return slab.slice(start, start + words)
}

function isZero(slab: Int32Array, start: number, words: number): boolean {
  for (let i = start; i < start + words; i++) if (slab[i] !== 0) return false
  return true
}

function isSame(slab: Int32Array, start: number, frame: Int32Array): boolean {
  for (let i = 0; i < frame.length; i++) if (slab[start + i] !== frame[i]) return false
  return true
}

export function wordsOfFrame(ram: Ram): number {
  return 2 ** (ram.pageShift - 2)
}

function framesOfSlab(ram: Ram): number {
  return 2 ** (20 - ram.pageShift)
}
