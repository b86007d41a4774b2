// The last entries of a room as the text they were sent as, for those who come back.

import type { EntryBatch } from './messages.ts'

const BYTES_MAX = 16 * 2 ** 20
const MS_MAX = 90_000

interface Batch {
  first: number
  last: number
  text: string // entries as JSON, with commas between them
  at: number // ms since 1970
}

export interface PastEntries {
  text: string // JSON of an array
  last: number // number of its last entry
}

export class Past {
  private batches: Batch[] = [] // oldest first
  private bytes = 0
  private last: number // number of the newest entry

  constructor(last = 0) {
    this.last = last
  }

  add({ first, last, json }: Omit<EntryBatch, 'packed'>, now = Date.now()): void {
    const text = json.slice(1, -1)
    if (first !== this.last + 1) this.batches = []
    if (this.batches.length === 0) this.bytes = 0
    this.last = last
    this.batches.push({ first, last, text, at: now })
    this.bytes += text.length
    let old = 0
    while (
      old < this.batches.length - 1 &&
      (this.bytes > BYTES_MAX || this.batches[old].at < now - MS_MAX)
    )
      this.bytes -= this.batches[old++].text.length
    if (old > 0) this.batches.splice(0, old)
  }

  /** Whether everything after `seq` is still here. */
  has(seq: number): boolean {
    const first = this.batches[0]?.first ?? this.last + 1
    return first <= seq + 1 && seq <= this.last
  }

  /** Entries after `seq` in whole batches, about `bytes` of them at most; null if they are no longer here. */
  after(seq: number, bytes = Infinity): PastEntries | null {
    if (!this.has(seq)) return null
    const texts: string[] = []
    let last = seq
    let length = 0
    for (let i = this.find(seq + 1); i < this.batches.length && length < bytes; i++) {
      const batch = this.batches[i]
      texts.push(batch.text)
      length += batch.text.length
      last = batch.last
    }
    return { text: `[${texts.join(',')}]`, last }
  }

  /** Milliseconds since the first entry after `seq` was made; 0 if there is none. */
  ageOf(seq: number, now = Date.now()): number {
    const batch = this.batches[this.find(seq + 1)]
    return batch === undefined ? 0 : now - batch.at
  }

  /** Index of the batch that holds `seq`, or comes after it. */
  private find(seq: number): number {
    let low = 0
    let high = this.batches.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.batches[middle].last < seq) low = middle + 1
      else high = middle
    }
    return low
  }
}
