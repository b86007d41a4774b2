// What each frame is and who is charged for it: for the memory map. A scan of the columns, no walk.

import type { Pfn } from '../hw/ram.ts'
import { lruOf } from '../mm/lru.ts'
import type { Machine } from '../state/machine.ts'
import {
  PG_ANON,
  PG_FILE,
  PG_LRU,
  PG_OFFLINE,
  PG_RESERVED,
  PG_SLAB,
  PG_STACK,
  PG_SWAPBACKED,
  PG_SWAPCACHE,
  PG_TABLE,
} from '../state/page.ts'

export const FRAME_FREE = 0
export const FRAME_KERNEL = 1 // reserved at boot
export const FRAME_SLAB = 2 // kernel objects
export const FRAME_STACK = 3 // a task's kernel stack
export const FRAME_TABLE = 4 // page table
export const FRAME_ANON = 5
export const FRAME_FILE = 6 // page cache
export const FRAME_SHMEM = 7 // tmpfs and shared memory
export const FRAME_ZERO = 8 // the zero page
export const FRAME_OTHER = 9 // allocated for something else
export const FRAME_BALLOON = 10 // the host has taken it away

/** In the order of the codes above. */
export const FRAME_NAMES = [
  'free',
  'kernel',
  'slab',
  'stack',
  'table',
  'anon',
  'file',
  'shmem',
  'zero',
  'other',
  'balloon',
] as const

// Ages: the reclaim list that a frame is on, and 1.
export const AGE_NONE = 0 // on none
export const AGE_LIST = 7 // LRU_* + 1 in these bits
export const AGE_SWAPCACHE = 8 // a slot of swap has the same content

/** Columns indexed by pfn. */
export interface FrameMap {
  kind: Uint8Array // FRAME_*
  seat: Int16Array // who is charged; 0 is the machine's own
  sharers: Uint8Array // PTEs that point here, 255 at most
  age: Uint8Array // AGE_*
}

export function mkFrameMap(nrFrames: number): FrameMap {
  return {
    kind: new Uint8Array(nrFrames),
    seat: new Int16Array(nrFrames),
    sharers: new Uint8Array(nrFrames),
    age: new Uint8Array(nrFrames),
  }
}

/** Fills the map with what the frames are now. */
export function scanFrames(m: Machine, map: FrameMap): void {
  const { flags, refcount, memcg, mapcount } = m.zone.page
  for (let pfn = 0; pfn < flags.length; pfn++) {
    map.kind[pfn] = kindOf(flags[pfn], refcount[pfn])
    const mapped = mapcount[pfn]
    map.sharers[pfn] = mapped > 255 ? 255 : mapped
    map.age[pfn] = ageOf(flags[pfn])
  }
  map.seat.set(memcg)
  map.kind[m.zeroPfn] = FRAME_ZERO
}

export function frameKind(m: Machine, pfn: Pfn): number {
  const { flags, refcount } = m.zone.page
  return pfn === m.zeroPfn ? FRAME_ZERO : kindOf(flags[pfn], refcount[pfn])
}

function ageOf(flags: number): number {
  const list = (flags & PG_LRU) !== 0 ? lruOf(flags) + 1 : AGE_NONE
  return (flags & PG_SWAPCACHE) !== 0 ? list | AGE_SWAPCACHE : list
}

function kindOf(flags: number, refcount: number): number {
  if (refcount === 0) return FRAME_FREE
  if ((flags & PG_ANON) !== 0) return FRAME_ANON
  if ((flags & PG_FILE) !== 0) return (flags & PG_SWAPBACKED) !== 0 ? FRAME_SHMEM : FRAME_FILE
  if ((flags & PG_TABLE) !== 0) return FRAME_TABLE
  if ((flags & PG_SLAB) !== 0) return FRAME_SLAB
  if ((flags & PG_STACK) !== 0) return FRAME_STACK
  if ((flags & PG_RESERVED) !== 0) return FRAME_KERNEL
  if ((flags & PG_OFFLINE) !== 0) return FRAME_BALLOON
  return FRAME_OTHER
}
