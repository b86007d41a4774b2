// What a frame is to reclaim, as people see it: on which of its lists, or of no interest to it.

import {
  AGE_LIST,
  AGE_NONE,
  AGE_SWAPCACHE,
  FRAME_FREE,
  type FrameMap,
} from '@shared/proc/frames.ts'
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
  NR_LRU_LISTS,
} from '@shared/state/page.ts'

const FREE = 0
const OTHER = 7

/** In the order of the numbers; also the keys of their names in the catalogues. */
export const ageNames = [
  'free',
  'activeAnon',
  'inactiveAnon',
  'activeFile',
  'inactiveFile',
  'unevictable',
  'swapCache',
  'other',
] as const

const nameOfList: Record<number, (typeof ageNames)[number]> = {
  [LRU_INACTIVE_ANON]: 'inactiveAnon',
  [LRU_ACTIVE_ANON]: 'activeAnon',
  [LRU_INACTIVE_FILE]: 'inactiveFile',
  [LRU_ACTIVE_FILE]: 'activeFile',
  [LRU_UNEVICTABLE]: 'unevictable',
}

/** By LRU_*. */
export const lruNames = Array.from({ length: NR_LRU_LISTS }, (_, lru) => nameOfList[lru])

const ageOfList = lruNames.map((name) => ageNames.indexOf(name))
const SWAP_CACHE = ageNames.indexOf('swapCache')

/** A page that is in swap as well is shown as that: taking it costs nothing. */
export function ageOf(frameKind: number, age: number): number {
  if (frameKind === FRAME_FREE) return FREE
  if ((age & AGE_SWAPCACHE) !== 0) return SWAP_CACHE
  const list = age & AGE_LIST
  return list === AGE_NONE ? OTHER : ageOfList[list - 1]
}

/** Frames of each age. */
export function countAges({ kind, age }: FrameMap): number[] {
  const counts = ageNames.map(() => 0)
  for (let pfn = 0; pfn < kind.length; pfn++) counts[ageOf(kind[pfn], age[pfn])]++
  return counts
}
