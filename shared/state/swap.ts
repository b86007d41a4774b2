// Swap devices: where anonymous pages go when RAM is short (struct swap_info_struct, include/linux/swap.h).

import type { Ram } from '../hw/ram.ts'

export interface SwapDevice {
  path: string // '/dev/vdb'
  priority: number // highest first; -2, -3, … in the order of swapon
  pages: number // slots that may be used; slot 0 holds the header and is not among them
  inUse: number // slots
  map: Int32Array // per slot: how many PTEs and cached pages refer to it; 0: free
  ram: Ram // contents, a slot a frame
}
