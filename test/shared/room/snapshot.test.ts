import { describe, expect, it } from 'vitest'
import { differingField } from '@shared/state/walk.ts'
import { mkFrameMap, scanFrames } from '@shared/proc/frames.ts'
import { takeKeyframe, fromKeyframe } from '@shared/room/keyframe.ts'
import { hashRoom, loadRoom, saveRoom } from '@shared/room/room.ts'
import {
  BadPart,
  addPart,
  mkSnapshot,
  partCount,
  partOf,
  roomOfState,
} from '@shared/room/snapshot.ts'
import { PG_TABLE } from '@shared/state/page.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { partsOf } from './lesson.ts'

/** A room under pressure: pages in RAM, on the disk and in swap. */
function pressed(): OwnRoom {
  const own = new OwnRoom({ ram: 16 * 2 ** 20, swap: 16 * 2 ** 20 })
  own.join('Anna', 'student')
  const task = own.room.seats.get(1)!.prompts[0]
  const type = (line: string) => own.enter(1, { t: 'ic', task, line })
  own.enter(1, { t: 'write', path: '/tmp/a', text: 'on the disk', append: false })
  type('p = malloc(14 << 20)')
  type('memset(p, 7, 14 << 20)')
  own.tick(60)
  return own
}

describe('a snapshot in parts', () => {
  it('is the same room when all have come, and goes on as it does', () => {
    const own = pressed()
    expect(own.machine.swaps[0].inUse).toBeGreaterThan(100)
    const [state, ...frames] = partsOf(own.room)
    expect(frames.length).toBeGreaterThan(50)
    const room = roomOfState(state)
    for (const part of frames) addPart(room, part)
    expect(differingField(own.room, room)).toBeNull()
    expect(hashRoom(room)).toBe(hashRoom(own.room))
  })

  it('draws the map from its first part, which has no frame in it', () => {
    const own = pressed()
    const [state] = partsOf(own.room)
    expect(state.length).toBeLessThan(saveRoom(own.room).length / 10)
    const early = roomOfState(state)
    const [drawn, whole] = [early, own.room].map(({ machine }) => {
      const map = mkFrameMap(machine.ram.nrFrames)
      scanFrames(machine, map)
      return map
    })
    expect(drawn).toEqual(whole)
  })

  it('brings page tables first', () => {
    const own = pressed()
    const { flags } = own.machine.zone.page
    const { places } = mkSnapshot(takeKeyframe(own.room, null), flags)
    const isTable = Array.from(
      { length: places.length / 2 },
      (_, i) => places[i * 2] === 0 && (flags[places[i * 2 + 1]] & PG_TABLE) !== 0,
    )
    const tables = isTable.filter(Boolean).length
    expect(tables).toBeGreaterThan(10)
    expect(isTable.lastIndexOf(true)).toBe(tables - 1)
  })

  it('stays what it was while the room goes on', () => {
    const own = pressed()
    const hash = hashRoom(own.room)
    const snapshot = mkSnapshot(takeKeyframe(own.room, null), own.machine.zone.page.flags)
    const task = own.room.seats.get(1)!.prompts[0]
    own.enter(1, { t: 'ic', task, line: 'memset(p, 9, 14 << 20)' })
    own.tick(40)
    const room = roomOfState(partOf(snapshot, 0))
    for (let i = 1; i < partCount(snapshot); i++) addPart(room, partOf(snapshot, i))
    expect(hashRoom(room)).toBe(hash)
  })

  it('takes a part that lies in the middle of a Buffer, as zlib gives a short one', () => {
    const own = pressed()
    const [state, ...frames] = partsOf(own.room)
    const room = roomOfState(state)
    for (const part of frames) addPart(room, Buffer.concat([new Uint8Array(8), part]).subarray(8))
    expect(hashRoom(room)).toBe(hashRoom(own.room))
  })

  it('refuses what is no part of it', () => {
    const own = pressed()
    const [state, part] = partsOf(own.room)
    const room = roomOfState(state)
    const foreign = part.slice()
    new Int32Array(foreign.buffer)[2] = own.machine.ram.nrFrames
    const noMemory = part.slice()
    new Int32Array(noMemory.buffer)[1] = 9
    for (const bad of [part.slice(4), part.slice(0, -1), new Uint8Array(0), foreign, noMemory])
      expect(() => addPart(room, bad)).toThrow(BadPart)
  })
})

describe('keyframes one after the other', () => {
  it('share what has not changed, and are right whether or not there was a hash between them', () => {
    const own = pressed()
    const task = own.room.seats.get(1)!.prompts[0]
    let before = takeKeyframe(own.room, null)
    const first = before.bytes
    for (let n = 0; n < 12; n++) {
      own.enter(1, { t: 'ic', task, line: `p[${n * 300_000}] = ${n + 1}` })
      if (n % 3 === 0) hashRoom(own.room)
      own.tick(2)
      const next = takeKeyframe(own.room, before)
      expect(next.bytes).toBeLessThan(first / 2)
      const again = loadRoom(saveRoom(own.room)) // with no hash of any frame
      expect(hashRoom(fromKeyframe(next))).toBe(hashRoom(again))
      before = next
    }
  })

  it('are right when a page is again what it was at the last hash, but was not at the last keyframe', () => {
    const own = pressed()
    const task = own.room.seats.get(1)!.prompts[0]
    const type = (line: string) => {
      own.enter(1, { t: 'ic', task, line })
      own.tick(5)
    }
    type('p[0] = 8') // in RAM from now on
    type('p[0] = 7')
    hashRoom(own.room)
    type('p[0] = 9')
    const between = takeKeyframe(own.room, null)
    type('p[0] = 7')
    const hash = hashRoom(own.room)
    expect(hashRoom(fromKeyframe(takeKeyframe(own.room, between)))).toBe(hash)
  })
})
