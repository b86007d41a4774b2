// A lesson made of a seed: people who sit down, type, start programs, kill. For tests of rooms.

import { wantsTicks } from '../../../shared/kernel/sched.ts'
import { mkPrng, nextBelow } from '../../../shared/lib/prng.ts'
import type { Command, Entry, Header } from '../../../shared/room/entry.ts'
import { takeKeyframe } from '../../../shared/room/keyframe.ts'
import { LOG_FORMAT } from '../../../shared/room/log.ts'
import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import { applyEntry, createRoom, hashRoom, type Room } from '../../../shared/room/room.ts'
import { mkSnapshot, partCount, partOf } from '../../../shared/room/snapshot.ts'

export const header: Header = {
  format: LOG_FORMAT,
  engine: 'e',
  code: '123456',
  created: 1_700_000_000_000,
  options: { ...DEFAULT_OPTIONS, ram: 32 * 2 ** 20 },
}

export interface Lesson {
  entries: Entry[]
  room: Room
}

const SEATS = 5
const statements = [
  'p = malloc(5000)', 'memset(p, 1, 5000)', 'free(p)', 'q = mmap(0, 40000, 3, 34, -1, 0)', '*(char *) q = 5', 'fork()',
  'strlen("abc")', 'x = 1 +', 'printf("hi\\n")', '*(int *) 0 = 1',
] // prettier-ignore

/** `each` sees every entry, and may apply it elsewhere. */
export function giveLesson(
  seed: number,
  steps: number,
  each: (entry: Entry, room: Room) => void = () => {},
  engine = header.engine,
): Lesson {
  const prng = mkPrng(seed)
  const random = (below: number) => nextBelow(prng, below)
  const room = createRoom({ ...header, engine })
  const entries: Entry[] = []
  const enter = (seat: number, c: Command) => {
    const entry = { seq: room.seq + 1, at: entries.length * 50, seat, c }
    applyEntry(room, entry)
    entries.push(entry)
    each(entry, room)
  }
  for (let seat = 1; seat <= SEATS; seat++) {
    enter(seat, {
      t: 'seat',
      name: `Person ${seat}`,
      role: seat === 1 ? 'teacher' : 'student',
      from: '10.0.0.1',
    })
  }
  for (let i = 0; i < steps; i++) {
    const seat = 1 + random(SEATS)
    enter(seat, someCommand(random, room, seat))
    if (wantsTicks(room.machine)) enter(0, { t: 'tick', fuel: 500_000 })
    if (i % 50 === 49) enter(0, { t: 'hash', hash: hashRoom(room) })
  }
  return { entries, room }
}

function someCommand(random: (below: number) => number, room: Room, seat: number): Command {
  const task = room.seats.get(seat)!.prompts.at(-1) ?? `${seat}.2`
  switch (random(9)) {
    case 0:
      return { t: 'prompt' }
    case 1:
      return {
        t: 'spawn',
        path: '/usr/bin/sleep',
        argv: ['sleep', String(random(3))],
        env: [],
        stdout: 'pipe',
      }
    case 2:
      return {
        t: 'spawn',
        path: '/usr/bin/hog',
        argv: ['hog', `${2 + random(6)}M`],
        env: [],
        stdout: 'tty',
      }
    case 3:
      return {
        t: 'kill',
        task: `${1 + random(SEATS)}.${1 + random(6)}`,
        sig: [2, 9, 15, 19, 18][random(5)],
      }
    case 4:
      return {
        t: 'write',
        path: `/tmp/f${random(5)}`,
        text: 'x'.repeat(random(9000)),
        append: random(2) === 0,
      }
    case 5:
      return { t: 'note', line: 'ls', out: 'a b c\n' }
    default:
      return { t: 'ic', task, line: statements[random(statements.length)] }
  }
}

/** A snapshot of the room as it is. */
export function partsOf(room: Room): Uint8Array[] {
  const snapshot = mkSnapshot(takeKeyframe(room, null), room.machine.zone.page.flags)
  return Array.from({ length: partCount(snapshot) }, (_, i) => partOf(snapshot, i))
}
