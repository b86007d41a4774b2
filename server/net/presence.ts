// Who of a room is connected, told as what has changed: a list of everybody to everybody for each who comes would be
// a million numbers in a class of a thousand.

import type { Presence, PresenceChange } from '../../shared/wire/events.ts'

const PRESENCE_MS = 100

interface Who {
  here: Set<number>
  spectators: number
}

export class PresenceWatch {
  timer: NodeJS.Timeout | null = null
  private known: Who = { here: new Set(), spectators: 0 }
  private readonly who: () => Who
  private readonly tell: (change: PresenceChange) => void

  /** `who` says who is there now. */
  constructor(who: () => Who, tell: (change: PresenceChange) => void) {
    this.who = who
    this.tell = tell
  }

  /** What everybody has been told: what a newcomer is told, before the next change. */
  told(): Presence {
    const { here, spectators } = this.known
    return { here: [...here].sort((a, b) => a - b), spectators }
  }

  /** Somebody may have come or gone. */
  look(): void {
    this.timer ??= setTimeout(() => this.compare(), PRESENCE_MS)
  }

  private compare(): void {
    this.timer = null
    const before = this.known
    const now = this.who()
    const came = [...now.here].filter((seat) => !before.here.has(seat))
    const gone = [...before.here].filter((seat) => !now.here.has(seat))
    this.known = now
    if (came.length + gone.length > 0 || now.spectators !== before.spectators)
      this.tell({ came, gone, spectators: now.spectators })
  }
}
