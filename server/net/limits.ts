// How much one may ask for. A class stands behind one address, so the limits go by seat and socket; only what needs no
// seat (making rooms, guessing codes) goes by address, generously.

import { RateLimiterMemory } from 'rate-limiter-flexible'

export interface Limits {
  /** Messages of a connection, whatever they are. */
  messages: RateLimiterMemory
  /** Of those, the ones that were too many: who goes on like that is disconnected. */
  flood: RateLimiterMemory
  /** Commands of a seat. */
  commands: RateLimiterMemory
  /** Characters of a seat's commands: everyone receives them. */
  text: RateLimiterMemory
  /** New seats of a room. */
  joins: RateLimiterMemory
  /** Snapshots asked for by a socket that differs. */
  snapshots: RateLimiterMemory
  /** Rooms made from an address. */
  rooms: RateLimiterMemory
  /** Codes of no room tried, tokens of no seat and wrong passwords, from an address. */
  misses: RateLimiterMemory
  /** Pairing codes tried in a room. */
  pairing: RateLimiterMemory
  /** Pairing codes that a seat asks for. */
  offers: RateLimiterMemory
  /** Orders for bots, of a room. */
  bots: RateLimiterMemory
}

/** Pairs of a room and an address; the one that was not used for longest is forgotten. */
const KNOWN_MAX = 20_000

/** Who has tried a code in vain waits so long for the answer. */
export const MISS_MS = 400

export function mkLimits(): Limits {
  return {
    messages: new RateLimiterMemory({ points: 120, duration: 1 }),
    flood: new RateLimiterMemory({ points: 2000, duration: 10 }),
    commands: new RateLimiterMemory({ points: 40, duration: 1 }),
    text: new RateLimiterMemory({ points: 400_000, duration: 5 }),
    joins: new RateLimiterMemory({ points: 400, duration: 10 }),
    snapshots: new RateLimiterMemory({ points: 3, duration: 10 }),
    rooms: new RateLimiterMemory({ points: 120, duration: 60 }),
    misses: new RateLimiterMemory({ points: 300, duration: 60 }),
    pairing: new RateLimiterMemory({ points: 30, duration: 60 }),
    offers: new RateLimiterMemory({ points: 20, duration: 60 }),
    bots: new RateLimiterMemory({ points: 20, duration: 60 }),
  }
}

/** Takes from the allowance; false if there is not that much left. */
export async function within(
  limiter: RateLimiterMemory,
  key: string,
  points = 1,
): Promise<boolean> {
  try {
    await limiter.consume(key, points)
    return true
  } catch {
    return false
  }
}

/** How long until something is left, in ms, without taking; 0: there is something. */
export async function waitMs(limiter: RateLimiterMemory, key: string): Promise<number> {
  const used = await limiter.get(key)
  return used === null || used.remainingPoints > 0 ? 0 : Math.max(used.msBeforeNext, 1)
}

/**
 * Where a room's code is known: addresses from which somebody has come in. To ask for that room from there is no guess,
 * so one who guesses in a class does not lock the others out of theirs.
 */
export class Known {
  private readonly places = new Set<string>()

  note(code: string, address: string): void {
    const place = `${code} ${address}`
    this.places.delete(place)
    this.places.add(place)
    if (this.places.size <= KNOWN_MAX) return
    const [oldest] = this.places
    this.places.delete(oldest)
  }

  has(code: string, address: string): boolean {
    return this.places.has(`${code} ${address}`)
  }
}
