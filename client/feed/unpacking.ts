// What comes packed from the server. What unpacks to more than anything we wait for is refused.

import { Inflate, strFromU8 } from 'fflate'
import type { Entry } from '@shared/room/entry.ts'

const SNAPSHOT_MAX = 2 ** 30
const ENTRIES_MAX = 2 ** 27

/** A piece of a snapshot: base64 of gzip. */
export async function gunzipBase64(piece: string): Promise<Uint8Array> {
  const stream = new Blob([bytesOf(piece)]).stream().pipeThrough(new DecompressionStream('gzip'))
  const parts = new Parts(SNAPSHOT_MAX)
  const reader = stream.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) parts.add(next.value)
  return parts.joined()
}

/** Entries: base64 of raw deflate. At once, so that they stay in the order in which they came. */
export function inflatedEntries(data: string): Entry[] {
  const parts = new Parts(ENTRIES_MAX)
  new Inflate((part) => parts.add(part)).push(bytesOf(data), true)
  return JSON.parse(strFromU8(parts.joined())) as Entry[]
}

function bytesOf(base64: string) {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
}

class Parts {
  private readonly parts: Uint8Array[] = []
  private length = 0
  private readonly max: number

  constructor(max: number) {
    this.max = max
  }

  add(part: Uint8Array): void {
    this.length += part.length
    if (this.length > this.max) throw new Error('more than can be meant')
    this.parts.push(part)
  }

  joined(): Uint8Array {
    const bytes = new Uint8Array(this.length)
    let at = 0
    for (const part of this.parts) {
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }
}
