// A moment of a room, kept in memory to come back to. Frames that have not changed since the moment before are shared
// with it, so that many moments of one room cost little more than one.

import type { Ram } from '../hw/ram.ts'
import { loadRoom, saveRoom, type Room } from './room.ts'

export interface Keyframe {
  seq: number
  state: Uint8Array // the room with empty RAM
  frames: (Int32Array | null)[] // by frame; null: all zero
  bytes: number // what this one added
}

export function takeKeyframe(room: Room, before: Keyframe | null): Keyframe {
  const { ram } = room.machine
  const { frames, bytes } = takeFrames(ram, before?.frames ?? [])
  const slabs = ram.slabs
  ram.slabs = slabs.map(() => null)
  const state = saveRoom(room)
  ram.slabs = slabs
  return { seq: room.seq, state, frames, bytes: bytes + state.length + frames.length * 8 }
}

/** A room of its own: the keyframe can be used again. */
export function fromKeyframe(keyframe: Keyframe): Room {
  const room = loadRoom(keyframe.state)
  const { ram } = room.machine
  const words = wordsOfFrame(ram)
  const perSlab = framesOfSlab(ram)
  keyframe.frames.forEach((frame, pfn) => {
    if (frame === null) return
    const i = Math.floor(pfn / perSlab)
    const slab = (ram.slabs[i] ??= new Int32Array(words * perSlab))
    slab.set(frame, (pfn % perSlab) * words)
    ram.dirty[pfn] = 1 // the next hash looks at it
  })
  return room
}

function takeFrames(ram: Ram, before: (Int32Array | null)[]) {
  const words = wordsOfFrame(ram)
  const perSlab = framesOfSlab(ram)
  const frames: (Int32Array | null)[] = []
  let bytes = 0
  for (let pfn = 0; pfn < ram.nrFrames; pfn++) {
    const slab = ram.slabs[Math.floor(pfn / perSlab)]
    const start = (pfn % perSlab) * words
    if (slab === null || slab === undefined || isZero(slab, start, words)) {
      frames.push(null)
      continue
    }
    const old = before[pfn] ?? null
    if (old !== null && isSame(slab, start, old)) {
      frames.push(old)
      continue
    }
    frames.push(slab.slice(start, start + words))
    bytes += words * 4
  }
  return { frames, bytes }
}

function isZero(slab: Int32Array, start: number, words: number): boolean {
  for (let i = start; i < start + words; i++) if (slab[i] !== 0) return false
  return true
}

function isSame(slab: Int32Array, start: number, frame: Int32Array): boolean {
  for (let i = 0; i < frame.length; i++) if (slab[start + i] !== frame[i]) return false
  return true
}

function wordsOfFrame(ram: Ram): number {
  return 2 ** (ram.pageShift - 2)
}

function framesOfSlab(ram: Ram): number {
  return 2 ** (20 - ram.pageShift)
}
