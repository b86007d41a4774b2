// The assertions of glibc's malloc that a damaged heap can make fail, with their texts.

import type { AssertSite } from './printerr.ts'

/** 2.13: the line that takes a chunk off its list, and what it calls the chunk there. */
export interface UnlinkSite {
  line: number
  function: string
  variable: string
}

function mkSite(
  name: string,
  text: string,
  line: number,
  oldText = text,
  oldFunction = name,
): AssertSite {
  return { function: name, text, line, oldFunction, oldText }
}

export const UNLINK_LARGE: UnlinkSite = { line: 4538, function: '_int_malloc', variable: 'victim' }
export const UNLINK_BINMAP: UnlinkSite = { line: 4636, function: '_int_malloc', variable: 'victim' }
export const UNLINK_FREE_BACK: UnlinkSite = { line: 4964, function: '_int_free', variable: 'p' }
export const UNLINK_FREE_FORWARD: UnlinkSite = {
  line: 4973,
  function: '_int_free',
  variable: 'nextchunk',
}
export const UNLINK_CONSOLIDATE_BACK: UnlinkSite = {
  line: 5161,
  function: 'malloc_consolidate',
  variable: 'p',
}
export const UNLINK_CONSOLIDATE_FORWARD: UnlinkSite = {
  line: 5169,
  function: 'malloc_consolidate',
  variable: 'nextchunk',
}
export const UNLINK_REALLOC: UnlinkSite = { line: 5285, function: '_int_realloc', variable: 'next' }
export const UNLINK_HEAP_TRIM: UnlinkSite = { line: 873, function: 'heap_trim', variable: 'p' }

export function unlinkSite(site: UnlinkSite, link: string, back: string): AssertSite {
  const { variable } = site
  return mkSite(site.function, `${variable}->${link}->${back} == ${variable}`, site.line)
}

export const OLD_TOP_IS_SANE = mkSite(
  'sysmalloc',
  '(old_top == initial_top (av) && old_size == 0) || ((unsigned long) (old_size) >= MINSIZE && ' +
    'prev_inuse (old_top) && ((unsigned long) old_end & (pagesize - 1)) == 0)',
  3093,
  '(old_top == (((mbinptr) (((char *) &((av)->bins[((1) - 1) * 2])) - __builtin_offsetof (struct malloc_chunk, fd))))' +
    ' && old_size == 0) || ((unsigned long) (old_size) >= (unsigned long)((((__builtin_offsetof (struct malloc_chunk,' +
    ' fd_nextsize))+((2 * (sizeof(size_t))) - 1)) & ~((2 * (sizeof(size_t))) - 1))) && ((old_top)->size & 0x1) && ' +
    '((unsigned long)old_end & pagemask) == 0)',
  'sYSMALLOc',
)
export const CORRECTION_IS_POSITIVE = mkSite(
  'sysmalloc',
  'correction >= 0',
  3323,
  'correction >= 0',
  'sYSMALLOc',
)
export const MUNMAP_SUCCEEDED = mkSite('munmap_chunk', 'ret == 0', 3551)
export const MAPPING_IS_WHOLE_PAGES = mkSite(
  'mremap_chunk',
  '((size + offset) & (GLRO (dl_pagesize) - 1)) == 0',
  3574,
  '((size + offset) & (mp_.pagesize-1)) == 0',
)
export const LAST_IN_MAIN_ARENA = mkSite(
  '_int_malloc',
  'chunk_main_arena (bck->bk)',
  4471,
  '(bck->bk->size & 0x4) == 0',
)
export const FIRST_IN_MAIN_ARENA = mkSite(
  '_int_malloc',
  'chunk_main_arena (fwd)',
  4481,
  '(fwd->size & 0x4) == 0',
)
export const NEXT_IN_MAIN_ARENA = mkSite(
  '_int_malloc',
  'chunk_main_arena (fwd)',
  4485,
  '(fwd->size & 0x4) == 0',
)
export const CHUNK_IS_LARGE_ENOUGH = mkSite(
  '_int_malloc',
  '(unsigned long) (size) >= (unsigned long) (nb)',
  4631,
  '(unsigned long)(size) >= (unsigned long)(nb)',
)
export const NEW_SIZE_IS_LARGE_ENOUGH = mkSite(
  '_int_realloc',
  '(unsigned long) (newsize) >= (unsigned long) (nb)',
  5351,
  '(unsigned long)(newsize) >= (unsigned long)(nb)',
)
export const ALIGNED_CHUNK_IS_LARGE_ENOUGH = mkSite(
  '_int_memalign',
  'newsize >= nb && (((unsigned long) (chunk2mem (p))) % alignment) == 0',
  5536,
  'newsize >= nb && (((unsigned long)(((void*)((char*)(p) + 2*(sizeof(size_t)))))) % alignment) == 0',
)

function ownerSite(name: string, victim: string, arena: string, line: number): AssertSite {
  const chunk = `((mchunkptr)((char*)(${victim}) - 2*(sizeof(size_t))))`
  return mkSite(
    name,
    `!${victim} || chunk_is_mmapped (mem2chunk (${victim})) || ${arena} == arena_for_chunk (mem2chunk (${victim}))`,
    line,
    `!${victim} || ((${chunk})->size & 0x2) || ${arena.replace('&main_arena', 'ar_ptr')} == (((${chunk})->size & 0x4) ? ` +
      `((heap_info *)((unsigned long)(${chunk}) & ~((2 * (4 * 1024 * 1024 * sizeof(long)))-1)))->ar_ptr : &main_arena)`,
  )
}

export const MALLOC_OWNER = ownerSite('__libc_malloc', 'victim', '&main_arena', 3682)
export const REALLOC_OWNER = ownerSite('__libc_realloc', 'newp', 'ar_ptr', 3824)
export const MEMALIGN_OWNER = ownerSite('_mid_memalign', 'p', '&main_arena', 3903)
export const CALLOC_OWNER = ownerSite('__libc_calloc', 'mem', 'av', 4070)
