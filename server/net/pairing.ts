// Codes that a person reads from one device and types on another, to act for the same seat there. They live in memory
// only: short, for two minutes, good for one use; whoever guesses is slowed down by the limits.

import { randomInt } from 'node:crypto'

/** Without those that look like another: 0 O, 1 I L, 2 Z, 5 S, 8 B. */
const LETTERS = '34679ACDEFGHJKMNPQRTUVWXY'
export const PAIR_LENGTH = 6
export const PAIR_MS = 120_000
/** Codes of a room at a time; the oldest goes. */
const OPEN_MAX = 500

interface Pairing {
  seat: number
  until: number // ms since 1970
}

export class Pairings {
  private readonly rooms = new Map<string, Map<string, Pairing>>() // by room and code
  private readonly now: () => number

  constructor(now: () => number = Date.now) {
    this.now = now
  }

  /** A new code for the seat; the one before is no longer good. */
  offer(room: string, seat: number): { code: string; ms: number } {
    const open = this.openOf(room)
    for (const [code, pairing] of open) if (pairing.seat === seat) open.delete(code)
    if (open.size >= OPEN_MAX) open.delete([...open.keys()][0])
    let code = mkCode()
    while (open.has(code)) code = mkCode()
    open.set(code, { seat, until: this.now() + PAIR_MS })
    return { code, ms: PAIR_MS }
  }

  /** The seat that the code is of, once; null if it is of none. */
  take(room: string, typed: string): number | null {
    const code = typed.toUpperCase().replace(/[\s-]/g, '')
    const open = this.openOf(room)
    const pairing = open.get(code)
    open.delete(code)
    if (open.size === 0) this.rooms.delete(room)
    return pairing?.seat ?? null
  }

  /** Those of a seat that may no longer come. */
  drop(room: string, seat: number): void {
    const open = this.openOf(room)
    for (const [code, pairing] of open) if (pairing.seat === seat) open.delete(code)
  }

  private openOf(room: string): Map<string, Pairing> {
    let open = this.rooms.get(room)
    if (open === undefined) {
      open = new Map<string, Pairing>()
      this.rooms.set(room, open)
    }
    const now = this.now()
    for (const [code, { until }] of open) if (until <= now) open.delete(code)
    return open
  }
}

function mkCode(): string {
  let code = ''
  for (let i = 0; i < PAIR_LENGTH; i++) code += LETTERS[randomInt(LETTERS.length)]
  return code
}
