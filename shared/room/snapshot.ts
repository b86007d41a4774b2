// A keyframe on its way to a newcomer or to the disk, in parts that stand for themselves:
//
//   part 0      the room with empty memories. With it the map can be drawn: its columns are all there.
//   part 1 …    contents of frames, page tables first, so that the next thing that can be told is who maps what
//
// A part of frames, as i32: their number n; n times memory and frame number; n times the frame's words.

import { PG_TABLE } from '../state/page.ts'
import { fromKeyframe, memoriesOf, putFrame, wordsOfFrame, type Keyframe } from './keyframe.ts'
import type { Room } from './room.ts'

const PART_BYTES = 188 * 1024 // as base64 of gzip at most 256 KiB

/** A keyframe and the order in which its frames travel. */
export interface Snapshot {
  keyframe: Keyframe
  places: Int32Array // memory and frame number, of every frame that is not all zero
  perPart: number // frames
}

/** Bytes that are no part of this room's snapshot. */
export class BadPart extends Error {
  override name = 'BadPart'
}

/** `flags` are the page flags of when the keyframe was taken. */
export function mkSnapshot(keyframe: Keyframe, flags: Int32Array): Snapshot {
  const tables: number[] = []
  const others: number[] = []
  keyframe.memories.forEach(({ frames }, memory) => {
    frames.forEach((frame, pfn) => {
      if (frame === null) return
      const isTable = memory === 0 && (flags[pfn] & PG_TABLE) !== 0
      const list = isTable ? tables : others
      list.push(memory, pfn)
    })
  })
  const places = Int32Array.from([...tables, ...others])
  const bytes = frameAt(keyframe, places, 0)?.byteLength ?? PART_BYTES
  return { keyframe, places, perPart: Math.max(1, Math.floor(PART_BYTES / bytes)) }
}

export function partCount({ places, perPart }: Snapshot): number {
  return 1 + Math.ceil(places.length / 2 / perPart)
}

export function partOf({ keyframe, places, perPart }: Snapshot, index: number): Uint8Array {
  if (index === 0) return keyframe.state
  const first = (index - 1) * perPart
  const count = Math.min(perPart, places.length / 2 - first)
  const words = frameAt(keyframe, places, first)!.length
  const part = new Int32Array(1 + count * (2 + words))
  part[0] = count
  part.set(places.subarray(first * 2, (first + count) * 2), 1)
  for (let i = 0; i < count; i++)
    part.set(frameAt(keyframe, places, first + i)!, 1 + count * 2 + i * words)
  return new Uint8Array(part.buffer)
}

/** The room of part 0: its memories are empty, so it must not go on before the other parts have come. */
export function roomOfState(state: Uint8Array): Room {
  return fromKeyframe({ seq: 0, state, memories: [], bytes: 0 })
}

/** Takes a part of frames. Throws BadPart for anything else. */
export function addPart(room: Room, bytes: Uint8Array): void {
  const rams = memoriesOf(room.machine)
  const words = wordsOfFrame(rams[0])
  if (bytes.length % 4 !== 0) throw new BadPart('half a word')
  const part = new Int32Array(new Uint8Array(bytes).buffer) // Node's Buffer.slice() would not copy
  const count = part[0] ?? -1
  if (count < 0 || part.length !== 1 + count * (2 + words)) throw new BadPart('of an odd length')
  for (let i = 0; i < count; i++) {
    const ram = rams[part[1 + i * 2]]
    const pfn = part[2 + i * 2]
    if (ram === undefined || pfn < 0 || pfn >= ram.nrFrames) throw new BadPart('outside memory')
    const start = 1 + count * 2 + i * words
    putFrame(ram, pfn, part.subarray(start, start + words))
  }
}

function frameAt({ memories }: Keyframe, places: Int32Array, i: number): Int32Array | undefined {
  return memories[places[i * 2]]?.frames[places[i * 2 + 1]] ?? undefined
}
