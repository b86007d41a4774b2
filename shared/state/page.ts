// What the kernel knows about each frame, as columns indexed by pfn (struct page, include/linux/mm_types.h).
//
// The lists of the page allocator and of reclaim are the next/prev columns; a frame is on one list at a time.

// What a frame is used for. Of free frames only the head of a block on the free lists has a flag, PG_BUDDY.
export const PG_RESERVED = 1 << 0 // kernel image and memmap, never freed
export const PG_BUDDY = 1 << 1 // head of a free block; its order is in `order`
export const PG_ANON = 1 << 2 // anonymous memory of processes
export const PG_TABLE = 1 << 3 // page table
export const PG_SLAB = 1 << 4 // kernel objects: task_struct, vm_area_struct, …
export const PG_STACK = 1 << 5 // a task's kernel stack
export const PG_FILE = 1 << 6 // in the page cache of an inode
export const PG_SWAPBACKED = 1 << 7 // its store is RAM or swap: anonymous and tmpfs
export const PG_DIRTY = 1 << 8
export const PG_EXCLUSIVE = 1 << 9 // PageAnonExclusive: mapped once, and known to be
export const PG_LRU = 1 << 10 // on one of the reclaim lists
export const PG_ACTIVE = 1 << 11 // on an active one
export const PG_REFERENCED = 1 << 12 // seen in use once
export const PG_WORKINGSET = 1 << 13 // was active before it was taken
export const PG_UNEVICTABLE = 1 << 14 // not to be taken: locked by mlock
export const PG_SWAPCACHE = 1 << 15 // has a slot in swap too; it is in `private`
export const PG_OFFLINE = 1 << 16 // in the balloon: the host's

export interface PageColumns {
  flags: Int32Array
  refcount: Int32Array // 0: free
  mapcount: Int32Array // how many PTEs point here
  order: Int8Array // of the free block or allocation that starts here
  next: Int32Array // list links, NO_PFN at the ends
  prev: Int32Array
  mapping: Int32Array // anon_vma id (PG_ANON) or inode number (PG_FILE)
  index: Int32Array // page offset in the inode, or in the VMA that an anonymous page was made in (its pgoff counts), low 32 bits
  private: Int32Array // PG_SWAPCACHE: the swap entry
  memcg: Int16Array // the seat that is charged; 0 is the machine's own
}

export const NO_PFN = -1

export const MAX_ORDER = 10

// The reclaim lists (enum lru_list).
export const LRU_INACTIVE_ANON = 0
export const LRU_ACTIVE_ANON = 1
export const LRU_INACTIVE_FILE = 2
export const LRU_ACTIVE_FILE = 3
export const LRU_UNEVICTABLE = 4
export const NR_LRU_LISTS = 5

/** Frames by age: the head is what came last, the tail what is looked at next (struct lruvec). */
export interface Lruvec {
  head: Int32Array // per list, NO_PFN if it is empty
  tail: Int32Array
  size: Int32Array // pages
  anonCost: number // what taking anonymous pages has cost lately, in pages; against fileCost it decides where to look
  fileCost: number
  nonresidentAge: number // evictions and activations ever: the clock that refaults are measured with
  refaults: Int32Array // activations by refault, anon and file, when reclaim last looked
}

/**
 * Free frames that the CPU keeps at hand, so that most requests for one frame leave the free lists alone and get a frame
 * that the host's cache still has (struct per_cpu_pages).
 */
export interface PerCpuPages {
  pages: Int32Array // the one freed last on top; as long as the stack may get
  count: number
  batch: number // frames that are taken from the free lists, or go back to them, at once
}

/** A zone's free lists and watermarks, all in pages (include/linux/mmzone.h). This machine has one zone. */
export interface Zone {
  name: string
  page: PageColumns
  freeHead: Int32Array // per order the first free block, NO_PFN if none
  nrFree: Int32Array // per order the number of free blocks
  pcp: PerCpuPages
  lruvec: Lruvec
  freePages: number // on the free lists and in pcp
  presentPages: number
  managedPages: number // present minus what the kernel keeps for itself at boot
  watermarkMin: number
  watermarkLow: number
  watermarkHigh: number
}

export function mkPageColumns(nrFrames: number): PageColumns {
  return {
    flags: new Int32Array(nrFrames),
    refcount: new Int32Array(nrFrames),
    mapcount: new Int32Array(nrFrames),
    order: new Int8Array(nrFrames),
    next: new Int32Array(nrFrames).fill(NO_PFN),
    prev: new Int32Array(nrFrames).fill(NO_PFN),
    mapping: new Int32Array(nrFrames),
    index: new Int32Array(nrFrames),
    private: new Int32Array(nrFrames),
    memcg: new Int16Array(nrFrames),
  }
}
