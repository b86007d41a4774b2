import { describe, expect, it } from 'vitest'
import { mkPrng, nextBelow } from '@shared/lib/prng.ts'
import type { Entry } from '@shared/room/entry.ts'
import { Follower, type Difference } from '@shared/room/follower.ts'
import { hashRoom, type Room } from '@shared/room/room.ts'
import { BadPart } from '@shared/room/snapshot.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { partsOf } from './lesson.ts'

/** A room of 24 entries, and what a server would send of it. */
function lesson() {
  const own = new OwnRoom({ ram: 16 * 2 ** 20 })
  const snapshots = new Map<number, Uint8Array[]>() // by entry
  own.join('Anna', 'student')
  const task = own.room.seats.get(1)!.prompts[0]
  own.enter(1, { t: 'ic', task, line: 'p = malloc(100000); memset(p, 1, 100000)' })
  while (own.room.seq < 24) {
    own.tick()
    if (own.room.seq % 6 === 0) snapshots.set(own.room.seq, partsOf(own.room))
  }
  const { header } = own.room
  return { own, header, entries: own.entries, snapshots }
}

function mkFollower() {
  const told = { rooms: 0, pictures: 0, applied: [] as number[], differs: [] as Difference[] }
  const follower = new Follower({
    room: () => told.rooms++,
    picture: () => told.pictures++,
    applied: (_room, { seq }) => told.applied.push(seq),
    differs: (difference) => told.differs.push(difference),
  })
  return { follower, told }
}

const give = (follower: Follower, parts: Uint8Array[], first = 0, last = parts.length - 1) => {
  for (let i = first; i <= last; i++) follower.takePart(i, parts.length, parts[i])
}

describe('a follower', () => {
  it('applies all entries from the first on, once, in order, as much at a time as it is let', () => {
    const { own, header, entries } = lesson()
    const { follower, told } = mkFollower()
    expect(follower.have).toBeNull()
    follower.begin(header, 'entries')
    expect(follower.take(entries.slice(0, 10))).toBe(true)
    expect(follower.take(entries.slice(4, 24))).toBe(true)
    let steps = 5
    expect(follower.work(() => steps-- === 0)).toBe(5)
    expect([follower.room!.seq, follower.have, follower.behind]).toEqual([5, 24, 19])
    expect(follower.work()).toBe(19)
    expect(follower.isDue).toBe(false)
    expect(told.applied).toEqual(entries.map(({ seq }) => seq))
    expect(hashRoom(follower.room!)).toBe(hashRoom(own.room))
  })

  it('notices a gap', () => {
    const { header, entries } = lesson()
    const { follower } = mkFollower()
    follower.begin(header, 'entries')
    follower.take(entries.slice(0, 3))
    expect(follower.take(entries.slice(4, 9))).toBe(false)
    expect(follower.have).toBe(0) // nothing was applied yet, and what waited is dropped
    expect(follower.take(entries)).toBe(true)
    expect(follower.work()).toBe(24)
  })

  it('begins in the middle with a snapshot, while entries go on coming', () => {
    const { own, header, entries, snapshots } = lesson()
    const { follower, told } = mkFollower()
    follower.begin(header, 'snapshot')
    const parts = snapshots.get(12)!
    expect(parts.length).toBeGreaterThan(2)
    give(follower, parts, 0, 0)
    expect(told.pictures).toBe(1)
    expect(follower.room).toBeNull()
    expect(follower.progress).toEqual({ done: 1, all: parts.length })
    follower.take(entries.slice(10, 24))
    expect(follower.work()).toBe(0)
    give(follower, parts, 1)
    expect(follower.progress).toBeNull()
    expect(follower.work()).toBe(12)
    expect(hashRoom(follower.room!)).toBe(hashRoom(own.room))
  })

  it('takes a snapshot that is older than what waits: what lies between comes again', () => {
    const { own, header, entries, snapshots } = lesson()
    const { follower } = mkFollower()
    follower.begin(header, 'entries')
    follower.take(entries.slice(0, 18))
    follower.work()
    follower.take(entries.slice(18, 21))
    give(follower, snapshots.get(12)!)
    expect(follower.have).toBe(12)
    expect(follower.take(entries.slice(12))).toBe(true)
    expect(follower.work()).toBe(12)
    expect(hashRoom(follower.room!)).toBe(hashRoom(own.room))
  })

  it('refuses parts out of order', () => {
    const { header, snapshots } = lesson()
    const { follower } = mkFollower()
    follower.begin(header, 'snapshot')
    const parts = snapshots.get(6)!
    give(follower, parts, 0, 0)
    expect(() => give(follower, parts, 2, 2)).toThrow(BadPart)
  })

  it('stands still where its machine differs, names the field, and goes on with the snapshot', () => {
    const { own, header, entries, snapshots } = lesson()
    const { follower, told } = mkFollower()
    follower.begin(header, 'entries')
    const seq = 13 // in the place of a tick
    const hash: Entry = { seq, at: 0, seat: 0, c: { t: 'hash', hash: '0'.repeat(16) } }
    follower.take([...entries.slice(0, 12), hash, ...entries.slice(13)])
    follower.work()
    expect(told.differs).toEqual([{ seq, hash: expect.stringMatching(/^[0-9a-f]{16}$/) }])
    expect(told.differs[0].hash).not.toBe(hash.c.t === 'hash' && hash.c.hash)
    expect([follower.room!.seq, follower.have, follower.isDue]).toEqual([13, null, false])
    give(follower, snapshots.get(18)!)
    expect(told.differs[1]).toMatchObject({
      seq: 18,
      field: expect.stringMatching(/^machine\.ticks: /),
    })
    expect(follower.work()).toBe(6)
    expect(hashRoom(follower.room!)).toBe(hashRoom(own.room))
  })

  it('forgets what only waited for a snapshot when the line goes', () => {
    const { header, entries, snapshots } = lesson()
    const { follower } = mkFollower()
    follower.begin(header, 'entries')
    follower.take(entries.slice(0, 6))
    follower.work()
    follower.begin(header, 'snapshot')
    give(follower, snapshots.get(18)!, 0, 1)
    follower.take(entries.slice(18))
    follower.lose()
    expect([follower.have, follower.behind, follower.progress]).toEqual([6, 0, null])
    follower.begin(header, 'entries')
    follower.take(entries.slice(6))
    expect(follower.work()).toBe(18)
  })

  it('ends where the room is, however the line breaks', () => {
    const { own, header, entries, snapshots } = lesson()
    const wanted = hashRoom(own.room)
    const seed = 20_261_129
    const random = mkPrng(seed)
    const below = (n: number) => nextBelow(random, n)
    const reached = { entries: 0, snapshots: 0, cut: 0 }
    for (let round = 0; round < 25; round++) {
      const { follower } = mkFollower()
      let room: Room | null = null
      while (room?.seq !== 24) {
        const have: number | null = follower.have
        const from = have ?? 0
        const at = [6, 12, 18, 24][below(4)]
        const resume = below(2) === 0 ? 'entries' : 'snapshot'
        follower.begin(header, resume)
        const breaks = below(3) === 0
        if (resume === 'snapshot') {
          const parts = snapshots.get(at)!
          const last = breaks ? below(parts.length) : parts.length - 1
          give(follower, parts, 0, last)
          if (last < parts.length - 1) reached.cut++
          else reached.snapshots++
        } else reached.entries++
        const next = resume === 'snapshot' ? at : from
        expect(follower.take(entries.slice(next, breaks ? next + below(6) : 24))).toBe(true)
        let steps = below(30)
        follower.work(() => steps-- <= 0)
        if (breaks || follower.behind > 0) follower.lose()
        ;({ room } = follower)
      }
      expect(hashRoom(room), `seed ${seed}, round ${round}`).toBe(wanted)
    }
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(5)
  })
})
