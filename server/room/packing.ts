// Snapshots with gzip, part by part: for the wire and for the disk.

import { promisify } from 'node:util'
import { gunzipSync, gzip } from 'node:zlib'
import type { Room } from '../../shared/room/room.ts'
import {
  addPart,
  partCount,
  partOf,
  roomOfState,
  type Snapshot,
} from '../../shared/room/snapshot.ts'

const gzipAsync = promisify(gzip)
/** What unpacks to more than this is no part of a snapshot. */
const STATE_MAX = 2 ** 30

export function packPart(snapshot: Snapshot, index: number): Promise<Uint8Array> {
  return gzipAsync(partOf(snapshot, index), { level: 1 })
}

export async function packAll(snapshot: Snapshot): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for (let i = 0; i < partCount(snapshot); i++) parts.push(await packPart(snapshot, i))
  return parts
}

/** Part 0 as a room whose memories are still empty. */
export function unpackState(part: Uint8Array): Room {
  return roomOfState(gunzipSync(part, { maxOutputLength: STATE_MAX }))
}

export function unpackInto(room: Room, part: Uint8Array): void {
  addPart(room, gunzipSync(part, { maxOutputLength: STATE_MAX }))
}

/** Throws if they are not all the parts of a snapshot. */
export function unpackAll([state, ...frames]: readonly Uint8Array[]): Room {
  const room = unpackState(state)
  for (const part of frames) unpackInto(room, part)
  return room
}
