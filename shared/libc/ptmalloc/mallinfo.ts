// What malloc tells about itself, and what one may tell it: mallinfo2, malloc_stats, malloc_trim, mallopt.

import { setMaxFast, systemMem, topOf } from './arena.ts'
import { binAt, binIndex, fastbinAt } from './bins.ts'
import { bkOf, chunkSize, memOf } from './chunk.ts'
import { MAX_STEPS, type MallocEnv } from './env.ts'
import { NBINS } from './flavour.ts'
import { mallocConsolidate } from './intFree.ts'
import { mallocPrinterr } from './printerr.ts'
import { systrim } from './sysmalloc.ts'
import { revealPtr } from './tcache.ts'

export const M_MXFAST = 1
export const M_TRIM_THRESHOLD = -1
export const M_TOP_PAD = -2
export const M_MMAP_THRESHOLD = -3
export const M_MMAP_MAX = -4
export const M_CHECK_ACTION = -5
export const M_PERTURB = -6
export const M_ARENA_TEST = -7
export const M_ARENA_MAX = -8

export interface Mallinfo {
  arena: number // bytes from the system by way of brk
  ordblks: number // free chunks, the top chunk included
  smblks: number // fast chunks
  hblks: number // mapped chunks
  hblkhd: number // bytes of their mappings
  usmblks: number
  fsmblks: number // bytes of fast chunks
  uordblks: number // bytes in use
  fordblks: number // free bytes
  keepcost: number // bytes of the top chunk
}

/** All arenas, the main one first. */
export function* arenas(env: MallocEnv): Generator<number> {
  let av = env.mainArena
  do {
    yield av
    av = env.load(av + env.flavour.arena.next)
  } while (av !== env.mainArena)
}

/** One arena's figures. */
export function intMallinfo(env: MallocEnv, av: number): Mallinfo {
  const { flavour } = env
  if (flavour.secondArena && topOf(env, av) === 0) mallocConsolidate(env, av)
  const keepcost = chunkSize(env, topOf(env, av))
  const fast = countFastChunks(env, av)
  let blocks = 1
  let free = keepcost + fast.bytes
  for (let i = 1; i < NBINS; i++) {
    const bin = binAt(env, av, i)
    for (let p = bkOf(env, bin); p !== bin; p = bkOf(env, p)) {
      if (++blocks > MAX_STEPS) env.endless()
      free += chunkSize(env, p)
    }
  }
  return {
    arena: systemMem(env, av),
    ordblks: blocks,
    smblks: fast.blocks,
    hblks: env.load32(env.mainArena + flavour.par.nMmaps),
    hblkhd: env.load(env.mainArena + flavour.par.mmappedMem),
    usmblks: 0,
    fsmblks: fast.bytes,
    uordblks: systemMem(env, av) - free,
    fordblks: free,
    keepcost,
  }
}

function countFastChunks(env: MallocEnv, av: number): { blocks: number; bytes: number } {
  const { nFastbins, safeLinking, header, alignMask } = env.flavour
  let blocks = 0
  let bytes = 0
  for (let i = 0; i < nFastbins; i++) {
    const fb = fastbinAt(env, av, i)
    let low = env.load32(fb)
    for (let p = env.load(fb); p !== 0;) {
      if (safeLinking && ((low + header) & alignMask) !== 0) {
        mallocPrinterr(env, 'int_mallinfo(): unaligned fastbin chunk detected', 0)
      }
      if (++blocks > MAX_STEPS) env.endless()
      bytes += chunkSize(env, p)
      const link = memOf(env, p)
      low = env.load32(link) ^ (Math.floor(link / 4096) | 0)
      p = safeLinking ? revealPtr(env, link) : env.load(link)
    }
  }
  return { blocks, bytes }
}

/** The text of malloc_stats(), for standard error. */
export function mallocStatsText(env: MallocEnv): string {
  const { par } = env.flavour
  const mapped = env.load(env.mainArena + par.mmappedMem)
  const row = (name: string, value: number): string =>
    `${name.padEnd(16)} = ${String(value).padStart(10)}\n`
  const u32 = (value: number): number => value % 0x1_0000_0000
  let text = ''
  let system = mapped
  let inUse = mapped
  let i = 0
  for (const av of arenas(env)) {
    const info = intMallinfo(env, av)
    text += `Arena ${i++}:\n${row('system bytes', u32(info.arena))}${row('in use bytes', u32(info.uordblks))}`
    system += info.arena
    inUse += info.uordblks
  }
  return (
    `${text}Total (incl. mmap):\n${row('system bytes', u32(system))}${row('in use bytes', u32(inUse))}` +
    row('max mmap regions', env.load32(env.mainArena + par.maxNMmaps)) +
    row('max mmap bytes', env.load(env.mainArena + par.maxMmappedMem))
  )
}

/** Gives whole pages inside free chunks back, then the end of the heap. 1: something went back. */
export function mtrim(env: MallocEnv, av: number, pad: number): number {
  mallocConsolidate(env, av)
  const ownBytes = 6 * env.flavour.word // struct malloc_chunk
  let result = 0
  for (let i = 1; i < NBINS; i++) {
    if (i !== 1 && i < binIndex(env, env.pageSize)) continue
    const bin = binAt(env, av, i)
    let steps = 0
    for (let p = bkOf(env, bin); p !== bin; p = bkOf(env, p)) {
      if (++steps > MAX_STEPS) env.endless()
      const size = chunkSize(env, p)
      if (size <= env.pageSize - 1 + ownBytes) continue
      const firstPage = Math.ceil((p + ownBytes) / env.pageSize) * env.pageSize
      const pages = Math.floor((p + size - firstPage) / env.pageSize)
      if (pages === 0) continue
      env.madviseDontneed(firstPage, pages * env.pageSize)
      result = 1
    }
  }
  return av === env.mainArena ? result | systrim(env, pad) : result
}

/** 1: set, or nothing to do; 0: the value can't be. `value` is an int. */
export function intMallopt(env: MallocEnv, param: number, value: number): number {
  const { par, bits, heapMaxSize, maxFastSize, secondArena } = env.flavour
  const main = env.mainArena
  mallocConsolidate(env, main)
  const size = bits === 32 ? value >>> 0 : value
  const setAndFix = (field: number): number => {
    env.store(main + field, size)
    env.store32(main + par.noDynThreshold, 1)
    return 1
  }
  switch (param) {
    case M_MXFAST:
      if (value < 0 || value > maxFastSize) return 0
      setMaxFast(env, value)
      return 1
    case M_TRIM_THRESHOLD:
      return setAndFix(par.trimThreshold)
    case M_TOP_PAD:
      return setAndFix(par.topPad)
    case M_MMAP_THRESHOLD:
      if (secondArena && (value < 0 || value > heapMaxSize / 2)) {
        env.store32(main + par.noDynThreshold, 1) // 2.13 refuses, and fixes the old value all the same
        return 0
      }
      return setAndFix(par.mmapThreshold)
    case M_MMAP_MAX:
      env.store32(main + par.nMmapsMax, value)
      env.store32(main + par.noDynThreshold, 1)
      return 1
    case M_CHECK_ACTION:
      if (env.flavour.checkActions) env.store32(main + par.checkAction, value)
      return 1
    case M_PERTURB:
      env.store32(main + par.perturbByte, value)
      return 1
    case M_ARENA_TEST:
    case M_ARENA_MAX:
      if (value > 0 && !secondArena) {
        env.store(main + (param === M_ARENA_TEST ? par.arenaTest : par.arenaMax), value)
      }
      return 1
    default:
      return 1
  }
}
