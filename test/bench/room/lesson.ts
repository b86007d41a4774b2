// What the people of the benchmark type, and the same lesson without a network.

import type { Command } from '../../../shared/room/entry.ts'
import { LOG_FORMAT } from '../../../shared/room/log.ts'
import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import { applyEntry, createRoom, type Room } from '../../../shared/room/room.ts'
import { TICKS_PER_SECOND } from '../../../shared/state/machine.ts'

export const STATEMENTS_PER_SECOND = 2

const lines = [
  'p = malloc(2000)',
  'memset(p, 1, 2000)',
  'p[100] = 5',
  'q = malloc(100000)',
  'memset(q, 2, 100000)',
  'free(q)',
  'x = p[100]',
  'free(p)',
]

/** The nth statement of a seat, at its C prompt. All begin at the beginning, and not all at the same time. */
export function statement(seat: number, n: number): Command {
  const at = n - (seat % lines.length)
  return { t: 'ic', task: `${seat}.2`, line: at < 0 ? 'getpid()' : lines[at % lines.length] }
}

/** RAM for so many people: a third of a MiB each to sit down, a half when they work. */
export function ramFor(seats: number): number {
  return Math.max(64, Math.ceil((seats * 0.6) / 64) * 64)
}

export interface Lesson {
  room: Room
  /** Everyone's statements of a tick, and the tick; how many statements. */
  tick(): number
}

export function lesson(seats: number, ramMiB: number): Lesson {
  const options = { ...DEFAULT_OPTIONS, ram: ramMiB * 2 ** 20 }
  const header = { format: LOG_FORMAT, engine: 'bench', code: '111111', created: 0, options }
  const room = createRoom(header)
  const enter = (seat: number, c: Command) =>
    applyEntry(room, { seq: room.seq + 1, at: 0, seat, c })
  for (let seat = 1; seat <= seats; seat++)
    enter(seat, { t: 'seat', name: `Seat ${seat}`, role: 'student', from: '10.0.0.1' })
  let turn = 0
  return {
    room,
    tick() {
      const from = turn
      const until = from + (seats * STATEMENTS_PER_SECOND) / TICKS_PER_SECOND
      for (; turn < until; turn++) {
        const seat = (turn % seats) + 1
        enter(seat, statement(seat, Math.floor(turn / seats)))
      }
      enter(0, { t: 'tick', fuel: options.speed / TICKS_PER_SECOND })
      return until - from
    },
  }
}
