// A room's batches on their way to everyone. What a socket costs is the packet, not what is in it: a crowd is sent fewer
// and longer ones.

import type { EntryBatch } from '../room/messages.ts'
import { joinBatches } from '../room/packing.ts'

const CROWD = 400 // sockets
const CROWD_MS = 75 // between packets; a tick is 50

export class CrowdPost {
  private readonly send: (batch: EntryBatch) => void
  private held: EntryBatch[] = []
  private timer: NodeJS.Timeout | null = null
  private sentAt = -Infinity

  constructor(send: (batch: EntryBatch) => void) {
    this.send = send
  }

  take(batch: EntryBatch, sockets: number): void {
    this.held.push(batch)
    const wait = sockets < CROWD ? 0 : this.sentAt + CROWD_MS - performance.now()
    if (wait <= 0) this.flush()
    else this.timer ??= setTimeout(() => this.flush(), wait)
  }

  flush(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    if (this.held.length === 0) return
    const batch = joinBatches(this.held)
    this.held = []
    this.sentAt = performance.now()
    this.send(batch)
  }
}
