// A snapshot that a room's worker has taken, seen from the main thread: its parts are packed when somebody asks for
// them, and kept as long as somebody who is being sent them, or who comes right after, may need them.

export class PackedSnapshot {
  readonly id: number
  readonly asked: number // the room's last entry when it was asked for
  readonly askedMs = Date.now()
  seq = 0 // the entry after which it was taken
  of = 0 // parts
  users = 0
  /** False if the worker has died over it. */
  readonly ready: Promise<boolean>

  private readonly ask: (index: number) => void
  private settle!: (ready: boolean) => void
  private readonly parts = new Map<number, Promise<string | null>>()
  private gone = false // the worker has died
  private readonly waiting = new Map<number, (text: string | null) => void>()

  constructor(id: number, asked: number, ask: (index: number) => void) {
    this.id = id
    this.asked = asked
    this.ask = ask
    this.ready = new Promise((resolve) => (this.settle = resolve))
  }

  /** A part as base64 of gzip; null if the worker has died. */
  part(index: number): Promise<string | null> {
    if (this.gone) return Promise.resolve(null)
    let part = this.parts.get(index)
    if (part === undefined) {
      part = new Promise((resolve) => this.waiting.set(index, resolve))
      this.parts.set(index, part)
      this.ask(index)
    }
    return part
  }

  /** The worker has taken it. */
  begin(seq: number, of: number): void {
    this.seq = seq
    this.of = of
    this.settle(true)
  }

  take(index: number, gzip: Uint8Array): void {
    const { buffer, byteOffset, byteLength } = gzip
    this.waiting.get(index)?.(Buffer.from(buffer, byteOffset, byteLength).toString('base64'))
    this.waiting.delete(index)
  }

  fail(): void {
    this.gone = true
    this.settle(false)
    for (const settle of this.waiting.values()) settle(null)
    this.waiting.clear()
  }

  /** Nobody is being sent it. */
  forgetParts(): void {
    this.parts.clear()
  }
}
