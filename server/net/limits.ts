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
  /** Codes of no room tried, and tokens of no seat, from an address. */
  misses: RateLimiterMemory
  /** Pairing codes tried in a room. */
  pairing: RateLimiterMemory
  /** Pairing codes that a seat asks for. */
  offers: RateLimiterMemory
  /** Orders for bots, of a room. */
  bots: RateLimiterMemory
}

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

/** Whether something is left, without taking. */
export async function hasLeft(limiter: RateLimiterMemory, key: string): Promise<boolean> {
  const used = await limiter.get(key)
  return used === null || used.remainingPoints > 0
}
