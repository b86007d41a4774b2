// A moment of a room, kept in memory to come back to. Frames that have not changed since the moment before are shared
// with it, so that many moments of one room cost little more than one.

import {
  frameBase,
  isZeroFrame,
  markDirty,
  reserveFrames,
  takeOverMemory,
  type Pfn,
  type Ram,
} from '../hw/ram.ts'
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
  const { dirty } = ram
  ram.dirty = new Uint8Array(ram.nrFrames)
  const state = saveRoom(room)
  ram.dirty = dirty
  return { seq: room.seq, state, frames, bytes: bytes + state.length + frames.length * 8 }
}

/** A room of its own: the keyframe can be used again. It takes the memory of `old`, the RAM of a room that is used no more. */
export function fromKeyframe(keyframe: Keyframe, old: Ram | null = null): Room {
  const room = loadRoom(keyframe.state)
  const { ram } = room.machine
  if (old !== null && old.nrFrames === ram.nrFrames) takeOverMemory(ram, old)
  else reserveFrames(ram, ram.nrFrames)
  keyframe.frames.forEach((frame, pfn) => {
    if (frame === null) return
    ram.words.set(frame, frameBase(ram, pfn))
    markDirty(ram, pfn)
  })
  return room
}

function takeFrames(ram: Ram, before: (Int32Array | null)[]) {
  const frames: (Int32Array | null)[] = []
  let bytes = 0
  for (let pfn = 0; pfn < ram.nrFrames; pfn++) {
    if (isZeroFrame(ram, pfn)) {
      frames.push(null)
      continue
    }
    const old = before[pfn] ?? null
    if (old !== null && isSame(ram, pfn, old)) {
      frames.push(old)
      continue
    }
    const frame = ram.words.slice(frameBase(ram, pfn), frameBase(ram, pfn + 1))
    frames.push(frame)
    bytes += frame.byteLength
  }
  return { frames, bytes }
}

function isSame(ram: Ram, pfn: Pfn, frame: Int32Array): boolean {
  const { words } = ram
  const start = frameBase(ram, pfn)
  for (let i = 0; i < frame.length; i++) if (words[start + i] !== frame[i]) return false
  return true
}
