// Rooms under a bad network: connections drop, messages come late, people come back and come late. By a seed; the
// machines of all must be the same in the end, and the log must replay to it.

import { afterEach, expect, it } from 'vitest'
import { Classroom, hashesOf } from './classroom.ts'
import { mkPrng, nextBelow, type Prng } from '../../shared/lib/prng.ts'
import type { Command } from '../../shared/room/entry.ts'
import { parseLog } from '../../shared/room/log.ts'
import { openPlayer, scan } from '../../shared/room/player.ts'
import { hashRoom } from '../../shared/room/room.ts'
import type { Replica } from '../../server/replica.ts'
import type { RoomHost } from '../../server/room/host.ts'
import { Past } from '../../server/room/past.ts'

let room: Classroom
afterEach(() => room.close())

interface Reached {
  accepted: number
  drops: number
  lost: number // answers that never came
  late: number
  delayed: number
  snapshots: number
}

const statements = [
  'p = malloc(5000)', 'memset(p, 1, 5000)', 'free(p)', 'q = mmap(0, 40000, 3, 34, -1, 0)', '*(char *) q = 5', 'fork()',
  'strlen("abc")', 'x = 1 +', 'printf("hi\\n")', 'malloc(1 << 20)', '*(int *) 0 = 1',
] // prettier-ignore

function someCommand(random: (below: number) => number, replica: Replica): Command {
  const { seat } = replica
  const mine = replica.room().seats.get(seat)
  const task = mine?.prompts.at(-1) ?? `${seat}.2`
  switch (random(8)) {
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
        argv: ['hog', `${1 + random(3)}M`],
        env: [],
        stdout: 'tty',
      }
    case 3:
      return {
        t: 'kill',
        task: `${1 + random(6)}.${1 + random(6)}`,
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

async function lesson(seed: number, steps: number): Promise<Reached> {
  const prng: Prng = mkPrng(seed)
  const random = (below: number) => nextBelow(prng, below)
  const reached: Reached = { accepted: 0, drops: 0, lost: 0, late: 0, delayed: 0, snapshots: 0 }
  const { code, teacherToken } = await room.create({ ram: '32M', seed })
  const people = [await room.join(code, { token: teacherToken, name: 'teacher' })]
  const seqs = new Set<number>()
  const pending: Promise<unknown>[] = []

  for (let i = 0; i < steps; i++) {
    const person = people[random(people.length)]
    switch (random(12)) {
      case 0:
        person.drop()
        reached.drops++
        break
      case 1:
        if (people.length >= 6) break
        if (i > steps / 4) reached.late++
        people.push(await room.join(code, { name: `Person ${'x'.repeat(people.length)}` }))
        break
      case 2: {
        delay(person, random(200))
        reached.delayed++
        break
      }
      case 3:
        await new Promise((resolve) => setTimeout(resolve, random(60)))
        break
      case 4:
        if (random(4) > 0) break
        forget(await room.server.rooms.get(code)) // who comes back now needs a snapshot
        person.drop()
        break
      default:
        pending.push(
          person.submit(someCommand(random, person)).then(
            () => void reached.accepted++,
            (error: Error) => {
              if (/lost/.test(error.message)) reached.lost++
              else if (!/task|rate/.test(error.message)) throw error
            },
          ),
        )
    }
    if (i % 10 === 0) await Promise.allSettled(pending.splice(0))
    for (const { seq } of people.map((one) => one.room())) seqs.add(seq)
  }
  await Promise.all(pending)
  for (const person of people) await person.ready()
  for (const person of people) await person.submit({ t: 'note', out: 'the end' }).catch(() => {})

  expect((await hashesOf(people)).size, `seed ${seed}: the machines differ`).toBe(1)
  reached.snapshots = people.reduce((sum, person) => sum + person.snapshots, 0)
  const { seq } = people[0].room()
  const hash = hashRoom(people[0].room()) // the room goes on meanwhile
  const text = await (await fetch(`${room.url}/api/rooms/${code}/log`)).text()
  const { log } = parseLog(text)
  const player = openPlayer(log!.header, log!.entries.slice(0, seq), { keyframeBytes: 0 })
  scan(player, Infinity)
  expect(player.mismatches, `seed ${seed}`).toEqual([])
  expect(hashRoom(player.ahead), `seed ${seed}: the log replays to another machine`).toBe(hash)
  return reached
}

/** What comes in is held back for a while, in order. */
function delay(replica: Replica, ms: number): void {
  const { socket } = replica as unknown as { socket: { onevent: (packet: unknown) => void } }
  if (Object.hasOwn(socket, 'onevent')) return // held already
  const original = socket.onevent
  const held: unknown[] = []
  socket.onevent = (packet) => void held.push(packet)
  setTimeout(() => {
    delete (socket as Partial<typeof socket>).onevent
    for (const packet of held) original.call(socket, packet)
  }, ms)
}

/** The server no longer has the last entries at hand. */
function forget(host: RoomHost | null): void {
  Object.assign(host!, { past: new Past(host!.seq), lastSnapshot: null })
}

it.each([1, 2, 3])(
  'seed %i: everyone has the same machine in the end',
  async (seed) => {
    room = await Classroom.open()
    const reached = await lesson(seed, 150)
    expect(reached.accepted).toBeGreaterThan(40)
    expect(reached.drops).toBeGreaterThan(3)
    expect(reached.delayed).toBeGreaterThan(3)
    expect(reached.late).toBeGreaterThan(0)
    expect(reached.snapshots).toBeGreaterThan(0)
  },
  120_000,
)
