// The disk and the swap devices: where pages go that leave RAM (struct swap_info_struct, include/linux/swap.h).

import type { Ram } from '../hw/ram.ts'

/** A disk with one head: requests are served one after the other (hw/disk.ts). */
export interface Disk {
  busyUntil: number // µs of machine time; when the last request is done
  position: number // block behind the last one served
  ram: Ram // the file system's blocks, of a page each
  free: number // blocks
  used: Uint8Array // per block: 1 if a file has it
  next: number // where the search for a free block starts
}

/** Where a page is in swap: a page-table entry that is not present (hw/mmu.ts mkSwapEntry). */
export type SwapEntry = number

/** What is left of a page that was taken: nonresidentAge then, times 2, plus 1 if it had been active. */
export type Shadow = number

export interface SwapDevice {
  type: number // its number in swap entries
  path: string // '/dev/vdb'
  priority: number // highest first; -2, -3, … in the order of swapon
  pages: number // slots that may be used, 1 to `pages`; slot 0 holds the header
  inUse: number // slots
  next: number // where the search for a free slot starts
  map: Int32Array // per slot: PTEs, and tmpfs pages, that are there
  cache: Int32Array // per slot: the frame that holds its content as well, NO_PFN if none
  shadows: Float64Array // per slot: Shadow, 0 if none
  ram: Ram // contents, a slot a frame
}
