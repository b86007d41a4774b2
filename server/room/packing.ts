// Snapshots with gzip, part by part: for the wire and for the disk. Entries with deflate: a tick's batch is packed once
// and sent to everyone.

import { promisify } from 'node:util'
import { deflateRawSync, gunzipSync, gzip, inflateRawSync } from 'node:zlib'
import type { Entry } from '../../shared/room/entry.ts'
import type { Room } from '../../shared/room/room.ts'
import {
  addPart,
  partCount,
  partOf,
  roomOfState,
  type Snapshot,
} from '../../shared/room/snapshot.ts'
import type { EntryBatch } from './messages.ts'

const gzipAsync = promisify(gzip)
/** What unpacks to more than this is no part of a snapshot. */
const STATE_MAX = 2 ** 30
const ENTRIES_MAX = 2 ** 27
/** Below this nothing is won. */
const PACK_MIN = 300

export function packPart(snapshot: Snapshot, index: number): Promise<Uint8Array> {
  return gzipAsync(partOf(snapshot, index), { level: 1 })
}

export async function packAll(snapshot: Snapshot): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for (let i = 0; i < partCount(snapshot); i++) parts.push(await packPart(snapshot, i))
  return parts
}

export function gunzipPart(gzip: Uint8Array): Uint8Array {
  return gunzipSync(gzip, { maxOutputLength: STATE_MAX })
}

/** Throws if they are not all the parts of a snapshot. */
export function unpackAll([state, ...frames]: readonly Uint8Array[]): Room {
  const room = roomOfState(gunzipPart(state))
  for (const part of frames) addPart(room, gunzipPart(part))
  return room
}

/** Entries that follow each other, as they are sent. */
export function entryBatch(entries: readonly Entry[]): EntryBatch {
  const json = JSON.stringify(entries)
  const packed = json.length < PACK_MIN ? null : deflateRawSync(json).toString('base64')
  return { first: entries[0].seq, last: entries[entries.length - 1].seq, json, packed }
}

/** What the event 'packed' brought. */
export function unpackEntries(data: string): Entry[] {
  const json = inflateRawSync(Buffer.from(data, 'base64'), { maxOutputLength: ENTRIES_MAX })
  return JSON.parse(json.toString()) as Entry[]
}
