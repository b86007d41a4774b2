// A moment of a room, kept in memory to come back to. Frames that have not changed since the moment before are shared
// with it, so that many moments of one room cost little more than one.

import {
  FRAME_DIRTY,
  FRAME_ZERO,
  frameBase,
  isZeroFrame,
  markDirty,
  reserveFrames,
  takeOverMemory,
  viewWords,
  type Pfn,
  type Ram,
} from '../hw/ram.ts'
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
  states: Uint8Array // ram.dirty of then
  hashes: Int32Array // ram.frameHashes of then; of a frame that was dirty it tells nothing
}

/** All that has contents: RAM, the disk, the swap devices. */
export function memoriesOf({ ram, disk, swaps }: Machine): Ram[] {
  return [ram, disk.ram, ...swaps.map((device) => device.ram)]
}

export function takeKeyframe(room: Room, before: Keyframe | null): Keyframe {
  const rams = memoriesOf(room.machine)
  const memories = rams.map((ram, i) => contentsOf(ram, before?.memories[i]))
  const state = saveEmpty(room, rams)
  let bytes = state.length
  memories.forEach(({ frames }, i) => (bytes += addedBytes(frames, before?.memories[i]?.frames)))
  return { seq: room.seq, state, memories, bytes }
}

/** A room of its own: the keyframe can be used again. It takes the memory of `old`, the RAM of a room that is used no more. */
export function fromKeyframe({ state, memories }: Keyframe, old: Ram | null = null): Room {
  const room = loadRoom(state)
  const { ram } = room.machine
  if (old !== null && old.nrFrames === ram.nrFrames) takeOverMemory(ram, old)
  else reserveFrames(ram, ram.nrFrames)
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
  for (const { frames, states, hashes } of memories) {
    bytes += frames.length * 8 + states.byteLength + hashes.byteLength
    for (const frame of frames) {
      if (frame === null || counted.has(frame)) continue
      counted.add(frame)
      bytes += frame.byteLength
    }
  }
  return bytes
}

/** Writes a frame's words. */
export function putFrame(ram: Ram, pfn: Pfn, words: Int32Array): void {
  reserveFrames(ram, pfn + 1)
  ram.words.set(words, frameBase(ram, pfn))
  markDirty(ram, pfn)
}

function addedBytes(frames: Memory['frames'], before: Memory['frames'] = []): number {
  let bytes = frames.length * 17 // the list, the states and the hashes
  frames.forEach((frame, pfn) => {
    if (frame !== null && frame !== before[pfn]) bytes += frame.byteLength
  })
  return bytes
}

function saveEmpty(room: Room, rams: Ram[]): Uint8Array {
  const written = rams.map((ram) => ram.dirty)
  for (const ram of rams) ram.dirty = new Uint8Array(ram.nrFrames)
  const state = saveRoom(room)
  rams.forEach((ram, i) => (ram.dirty = written[i]))
  return state
}

/** A frame that was hashed after its last write, then and now, is the same if the hash is: its words are not read. */
function contentsOf(ram: Ram, before: Memory | undefined): Memory {
  const frames: (Int32Array | null)[] = []
  const { dirty, frameHashes } = ram
  if (dirty.every((state) => state === FRAME_ZERO))
    return { frames, states: new Uint8Array(0), hashes: new Int32Array(0) }
  const { states, hashes } = before ?? { states: [], hashes: [] }
  for (let pfn = 0; pfn < ram.nrFrames; pfn++) {
    const old = before?.frames[pfn]
    const known =
      dirty[pfn] !== FRAME_DIRTY &&
      states[pfn] !== FRAME_DIRTY &&
      hashes[pfn * 2] === frameHashes[pfn * 2] &&
      hashes[pfn * 2 + 1] === frameHashes[pfn * 2 + 1]
    frames.push(known && old !== undefined ? old : contentOf(ram, pfn, old ?? null))
  }
  return { frames, states: dirty.slice(), hashes: frameHashes.slice() }
}

function contentOf(ram: Ram, pfn: Pfn, old: Int32Array | null): Int32Array | null {
  if (isZeroFrame(ram, pfn)) return null
  return old !== null && isSame(ram, pfn, old) ? old : viewWords(ram, pfn).slice()
}

function isSame(ram: Ram, pfn: Pfn, frame: Int32Array): boolean {
  const { words } = ram
  const start = frameBase(ram, pfn)
  for (let i = 0; i < frame.length; i++) if (words[start + i] !== frame[i]) return false
  return true
}

export function wordsOfFrame(ram: Ram): number {
  return 2 ** (ram.pageShift - 2)
}
