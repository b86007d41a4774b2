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

/** `rest` is awaited after each part, with the ms that it took: what nobody waits for can leave the CPU to others. */
export async function packAll(
  snapshot: Snapshot,
  rest: (ms: number) => Promise<void> = () => Promise.resolve(),
): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for (let i = 0; i < partCount(snapshot); i++) {
    const start = performance.now()
    parts.push(await packPart(snapshot, i))
    await rest(performance.now() - start)
  }
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
  return mkBatch(entries[0].seq, entries[entries.length - 1].seq, JSON.stringify(entries))
}

/** Batches that follow each other, as one. */
export function joinBatches(batches: readonly EntryBatch[]): EntryBatch {
  if (batches.length === 1) return batches[0]
  const json = `[${batches.map(({ json }) => json.slice(1, -1)).join(',')}]`
  return mkBatch(batches[0].first, batches[batches.length - 1].last, json)
}

function mkBatch(first: number, last: number, json: string): EntryBatch {
  const packed = json.length < PACK_MIN ? null : deflateRawSync(json).toString('base64')
  return { first, last, json, packed }
}

/** What the event 'packed' brought. */
export function unpackEntries(data: string): Entry[] {
  const json = inflateRawSync(Buffer.from(data, 'base64'), { maxOutputLength: ENTRIES_MAX })
  return JSON.parse(json.toString()) as Entry[]
}
