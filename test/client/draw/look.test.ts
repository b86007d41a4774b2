import { describe, expect, it } from 'vitest'
import {
  AGE_SWAPCACHE,
  FRAME_ANON,
  FRAME_FILE,
  FRAME_FREE,
  FRAME_KERNEL,
  FRAME_SHMEM,
  FRAME_TABLE,
  FRAME_ZERO,
  mkFrameMap,
  type FrameMap,
} from '@shared/proc/frames.ts'
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
} from '@shared/state/page.ts'
import { ageNames, countAges, lruNames } from '../../../client/draw/age.ts'
import {
  ANON,
  FILE,
  FREE,
  KERNEL,
  SHARED,
  TABLE,
  countKinds,
  kindOf,
} from '../../../client/draw/kind.ts'
import {
  ageLooks,
  FAINT,
  inkOf,
  isMarked,
  looksOf,
  mkInks,
  textureOf,
  type Eyes,
} from '../../../client/draw/look.ts'
import { badgeOf, contrast, ownerColors, SCREEN, textOn } from '../../../client/draw/palette.ts'

/** Frames as [kind, seat, sharers]. */
function mapOf(...frames: [number, number, number][]): FrameMap {
  const map = mkFrameMap(frames.length)
  frames.forEach(([kind, seat, sharers], pfn) => {
    map.kind[pfn] = kind
    map.seat[pfn] = seat
    map.sharers[pfn] = sharers
  })
  return map
}

function looks(map: FrameMap, eyes: Partial<Eyes>): Uint16Array {
  const into = new Uint16Array(map.kind.length)
  looksOf(map, { mode: 'owner', seat: 0, only: null, ...eyes }, into)
  return into
}

describe('kinds', () => {
  it('call memory shared when several page tables point at it, a program’s text not', () => {
    expect(kindOf(FRAME_ANON, 1)).toBe(ANON)
    expect(kindOf(FRAME_ANON, 2)).toBe(SHARED)
    expect(kindOf(FRAME_SHMEM, 2)).toBe(SHARED)
    expect(kindOf(FRAME_FILE, 40)).toBe(FILE)
    expect(kindOf(FRAME_ZERO, 40)).toBe(KERNEL)
  })

  it('are counted', () => {
    const counts = countKinds(mapOf([FRAME_FREE, 0, 0], [FRAME_FREE, 0, 0], [FRAME_TABLE, 1, 0]))
    expect(counts[FREE]).toBe(2)
    expect(counts[TABLE]).toBe(1)
    expect(counts.reduce((a, b) => a + b)).toBe(3)
  })
})

describe('looks', () => {
  it('tell owners apart by colour, and the thirteenth from the first by texture', () => {
    const [first, second, thirteenth] = looks(
      mapOf([FRAME_ANON, 1, 1], [FRAME_ANON, 2, 1], [FRAME_ANON, 13, 1]),
      {},
    )
    expect(inkOf(first)).not.toBe(inkOf(second))
    expect(inkOf(first)).toBe(inkOf(thirteenth))
    expect(textureOf(first)).not.toBe(textureOf(thirteenth))
  })

  it('mark shared frames in every mode that shows owners', () => {
    const map = mapOf([FRAME_ANON, 1, 2], [FRAME_ANON, 1, 1])
    for (const mode of ['owner', 'kind', 'mine'] as const) {
      const [shared, own] = looks(map, { mode, seat: 1 })
      expect(isMarked(shared)).toBe(true)
      expect(isMarked(own)).toBe(false)
    }
  })

  it('show in "mine" only one’s own in colour', () => {
    const [own, other, machine, free] = looks(
      mapOf([FRAME_ANON, 3, 1], [FRAME_ANON, 4, 1], [FRAME_KERNEL, 0, 0], [FRAME_FREE, 0, 0]),
      { mode: 'mine', seat: 3 },
    )
    expect(inkOf(own)).toBe(2)
    expect(inkOf(other)).toBe(inkOf(machine))
    expect(new Set([own, other, free].map(inkOf)).size).toBe(3)
  })

  it('go faint beside the process that is brought out', () => {
    const [own, other] = looks(mapOf([FRAME_ANON, 1, 1], [FRAME_ANON, 1, 1]), {
      only: new Set([0]),
    })
    expect(own & FAINT).toBe(0)
    expect(other & FAINT).toBe(FAINT)
  })

  it('all have an ink', () => {
    const inks = mkInks()
    const map = mapOf(
      [FRAME_ANON, 1, 1],
      [FRAME_FREE, 0, 0],
      [FRAME_KERNEL, 0, 0],
      [FRAME_TABLE, 36, 0],
    )
    for (const mode of ['owner', 'kind', 'mine', 'age'] as const) {
      for (const look of looks(map, { mode, seat: 1 })) expect(inks[look * 2]).toBeGreaterThan(0)
    }
  })
})

describe('by age', () => {
  const frames = mapOf(
    [FRAME_FREE, 0, 0],
    [FRAME_ANON, 1, 1],
    [FRAME_ANON, 1, 1],
    [FRAME_FILE, 0, 1],
    [FRAME_FILE, 0, 1],
    [FRAME_ANON, 1, 1],
    [FRAME_ANON, 1, 1],
    [FRAME_KERNEL, 0, 0],
  )
  const lists = [
    0,
    LRU_ACTIVE_ANON + 1,
    LRU_INACTIVE_ANON + 1,
    LRU_ACTIVE_FILE + 1,
    LRU_INACTIVE_FILE + 1,
    LRU_UNEVICTABLE + 1,
    (LRU_INACTIVE_ANON + 1) | AGE_SWAPCACHE,
    0,
  ]
  frames.age.set(lists)

  it('every list has a look of its own, told apart without colour as well where kinds are the same', () => {
    const all = looks(frames, { mode: 'age' })
    expect(new Set(all).size).toBe(ageNames.length)
    expect([...all]).toEqual(ageLooks)
    const [, active, inactive] = all
    expect(textureOf(active)).not.toBe(textureOf(inactive))
  })

  it('frames are counted', () => {
    expect(countAges(frames)).toEqual(Array(ageNames.length).fill(1))
    expect(lruNames[LRU_UNEVICTABLE]).toBe('unevictable')
  })
})

describe('the palette', () => {
  it('stands out from the screen by 3:1 (WCAG 1.4.11)', () => {
    for (const color of ownerColors) expect(contrast(color, SCREEN)).toBeGreaterThanOrEqual(3)
  })

  it('has 36 different badges', () => {
    const badges = Array.from({ length: 36 }, (_, i) => JSON.stringify(badgeOf(i + 1)))
    expect(new Set(badges).size).toBe(36)
  })

  it('carries text that can be read', () => {
    for (const color of ownerColors)
      expect(contrast(color, textOn(color))).toBeGreaterThanOrEqual(4.5)
  })
})
