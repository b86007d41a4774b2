import { describe, expect, it } from 'vitest'
import {
  FRAME_ANON,
  FRAME_FILE,
  FRAME_FREE,
  FRAME_NAMES,
  FRAME_TABLE,
  FRAME_ZERO,
  mkFrameMap,
  scanFrames,
} from '../../../shared/proc/frames.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

describe('the memory map', () => {
  const room = new OwnRoom()
  const seat = room.join('Ben', 'student')
  const { machine: m } = room
  const map = mkFrameMap(m.ram.nrFrames)
  scanFrames(m, map)
  const count = (kind: number) => map.kind.filter((each) => each === kind).length

  it('names every frame', () => {
    expect(count(FRAME_FREE)).toBe(m.zone.freePages)
    expect(count(FRAME_FILE)).toBe(m.pageCache)
    expect(map.kind[m.zeroPfn]).toBe(FRAME_ZERO)
    expect(FRAME_NAMES[FRAME_TABLE]).toBe('table')
    expect(count(FRAME_TABLE)).toBeGreaterThan(20)
  })

  it('knows whose a frame is and how many share it', () => {
    const mine = [...map.kind.keys()].filter((pfn) => map.seat[pfn] === seat)
    expect(mine.some((pfn) => map.kind[pfn] === FRAME_ANON)).toBe(true)
    const shared = [...map.kind.keys()].filter((pfn) => map.sharers[pfn] > 1)
    expect(shared.some((pfn) => map.kind[pfn] === FRAME_FILE)).toBe(true)
  })
})
