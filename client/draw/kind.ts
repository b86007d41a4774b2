// What a frame is used for, as people see it: fewer kinds than the kernel has (shared/proc/frames.ts), and shared
// memory as one of them.

import {
  FRAME_ANON,
  FRAME_BALLOON,
  FRAME_FILE,
  FRAME_FREE,
  FRAME_SHMEM,
  FRAME_SLAB,
  FRAME_STACK,
  FRAME_TABLE,
  type FrameMap,
} from '@shared/proc/frames.ts'

export const FREE = 0
export const KERNEL = 1
export const TABLE = 2
export const SLAB = 3
export const FILE = 4
export const ANON = 5
export const SHARED = 6
export const BALLOON = 7

/** In the order of the numbers; also the keys of their names in the catalogues. */
export const kindNames = [
  'free',
  'kernel',
  'table',
  'slab',
  'file',
  'anon',
  'shared',
  'balloon',
] as const
export type KindName = (typeof kindNames)[number]

const plain: Record<number, number> = {
  [FRAME_FREE]: FREE,
  [FRAME_TABLE]: TABLE,
  [FRAME_SLAB]: SLAB,
  [FRAME_STACK]: SLAB,
  [FRAME_FILE]: FILE,
  [FRAME_SHMEM]: FILE,
  [FRAME_ANON]: ANON,
  [FRAME_BALLOON]: BALLOON,
}

/** Anonymous and tmpfs memory that several page tables point at is shared; a file's text that many map is not. */
export function kindOf(frameKind: number, sharers: number): number {
  if (sharers > 1 && (frameKind === FRAME_ANON || frameKind === FRAME_SHMEM)) return SHARED
  return plain[frameKind] ?? KERNEL
}

/** Frames of each kind. */
export function countKinds(map: FrameMap): number[] {
  const counts = kindNames.map(() => 0)
  for (let pfn = 0; pfn < map.kind.length; pfn++) counts[kindOf(map.kind[pfn], map.sharers[pfn])]++
  return counts
}
