// Where things lie for quick.ts and quickTop.ts, which know 64 bits and 2.36 only: numbers in words of 4 bytes, since that
// is how memory is read there.

export const PAGE_MASK = 4095 // of the smallest page: what does not cross its boundaries crosses none of larger ones

// main_arena from its start on.
export const ARENA_FLAGS = 0x4 >> 2
export const HAVE_FASTCHUNKS = 0x8 >> 2
export const FASTBINS = 0x10 >> 2
export const TOP = 0x60 >> 2
export const LAST_REMAINDER = 0x68 >> 2
export const UNSORTED_FD = 0x70 >> 2
export const UNSORTED_BK = 0x78 >> 2
export const LISTS_BYTES = 0x80 // of the fields up to here

// What follows from binmap on: the rest of main_arena, mp_ and malloc's own variables.
export const BINMAP_OFFSET = 0x860 // in bytes, from main_arena
export const SYSTEM_MEM = (0x888 - BINMAP_OFFSET) >> 2
export const TOP_PAD = (2216 - BINMAP_OFFSET) >> 2
export const TCACHE_BINS = (2288 - BINMAP_OFFSET) >> 2
export const TCACHE_COUNT = (2304 - BINMAP_OFFSET) >> 2
export const INITIALIZED = (2320 - BINMAP_OFFSET) >> 2
export const PERTURB_BYTE = (2324 - BINMAP_OFFSET) >> 2
export const DEBUGGING = (2332 - BINMAP_OFFSET) >> 2
export const GLOBAL_MAX_FAST = (2336 - BINMAP_OFFSET) >> 2
export const TCACHE = (2344 - BINMAP_OFFSET) >> 2
export const TCACHE_KEY = (2352 - BINMAP_OFFSET) >> 2

// A chunk.
export const SIZE = 2
export const FD = 4
export const BK = 6
export const FD_NEXTSIZE = 8
export const BK_NEXTSIZE = 10
export const LINKS = 16 // fd and bk, in bytes
export const SIZE_LINKS = 32 // fd_nextsize and bk_nextsize, in bytes
export const CHUNK_BYTES = 48 // of these fields: they must not cross a page boundary

// The thread cache's table.
export const ENTRIES = 128 >> 2
export const TABLE_BYTES = 640

export const MAX_FAST_SIZE = 0xb0
export const MIN_LARGE_SIZE = 1024
