// Who of a room is connected, told as what has changed: a list of everybody to everybody for each who comes would be
// a million numbers in a class of a thousand.

import type { PresenceChange } from '../../shared/wire/events.ts'

const PRESENCE_MS = 100

export class Presence {
  timer: NodeJS.Timeout | null = null
  private known = new Set<number>()
  private readonly seats: () => Set<number>
  private readonly tell: (change: PresenceChange) => void

  /** `seats` says who is there now. */
  constructor(seats: () => Set<number>, tell: (change: PresenceChange) => void) {
    this.seats = seats
    this.tell = tell
  }

  /** What everybody has been told: what a newcomer is told, before the next change. */
  told(): number[] {
    return [...this.known].sort((a, b) => a - b)
  }

  /** Somebody may have come or gone. */
  look(): void {
    this.timer ??= setTimeout(() => this.compare(), PRESENCE_MS)
  }

  private compare(): void {
    this.timer = null
    const now = this.seats()
    const came = [...now].filter((seat) => !this.known.has(seat))
    const gone = [...this.known].filter((seat) => !now.has(seat))
    this.known = now
    if (came.length + gone.length > 0) this.tell({ came, gone })
  }
}
