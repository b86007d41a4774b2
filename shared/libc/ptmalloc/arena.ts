// Arenas (struct malloc_state) and malloc's parameters (mp_), and how they come to be.

import { binAt, loadField, loadField32, storeField, unsortedChunks } from './bins.ts'
import { chunkSize } from './chunk.ts'
import type { MallocEnv } from './env.ts'
import { NBINS, TCACHE_MAX_BINS } from './flavour.ts'
import { DEBUG_CHECK, DEBUG_FIRST_CALL, DEBUG_PRELOADED } from './printerr.ts'

const NONCONTIGUOUS_BIT = 2
const FASTCHUNKS_BIT = 1 // 2.13: set if there are none

const DEFAULT_MMAP_THRESHOLD = 128 * 1024
const DEFAULT_TRIM_THRESHOLD = 128 * 1024
const DEFAULT_TOP_PAD = 128 * 1024
const DEFAULT_MMAP_MAX = 65536
const DEFAULT_CHECK_ACTION = 3
const TCACHE_FILL_COUNT = 7
const MAX_TCACHE_COUNT = 65535

export function topOf(env: MallocEnv, av: number): number {
  return loadField(env, av, env.flavour.arena.top)
}

export function setTop(env: MallocEnv, av: number, p: number): void {
  storeField(env, av, env.flavour.arena.top, p)
}

export function lastRemainder(env: MallocEnv, av: number): number {
  return loadField(env, av, env.flavour.arena.lastRemainder)
}

export function setLastRemainder(env: MallocEnv, av: number, p: number): void {
  storeField(env, av, env.flavour.arena.lastRemainder, p)
}

/** The end of the top chunk. */
export function topEnd(env: MallocEnv, av: number): number {
  const top = topOf(env, av)
  return top + chunkSize(env, top)
}

export function systemMem(env: MallocEnv, av: number): number {
  return loadField(env, av, env.flavour.arena.systemMem)
}

export function addSystemMem(env: MallocEnv, av: number, bytes: number): void {
  env.store(av + env.flavour.arena.systemMem, systemMem(env, av) + bytes)
}

/** Does the arena's memory grow in one piece, by brk? */
export function contiguous(env: MallocEnv, av: number): boolean {
  return (loadField32(env, av, env.flavour.arena.flags) & NONCONTIGUOUS_BIT) === 0
}

export function setNoncontiguous(env: MallocEnv, av: number): void {
  const va = av + env.flavour.arena.flags
  env.store32(va, env.load32(va) | NONCONTIGUOUS_BIT)
}

export function globalMaxFast(env: MallocEnv): number {
  return env.loadOwn(env.flavour.par.globalMaxFast)
}

/** Requests up to `bytes` go to fast bins from now on; 0 turns them off. */
export function setMaxFast(env: MallocEnv, bytes: number): void {
  const { alignMask, word, version, minChunkSize, alignment, par } = env.flavour
  const rounded = (bytes + word) & ~alignMask
  let limit = rounded
  if (version === '2.36') limit = bytes <= alignMask - word ? minChunkSize / 2 : rounded
  else if (bytes === 0) limit = alignment
  env.store(env.mainArena + par.globalMaxFast, limit)
}

export function perturbByte(env: MallocEnv): number {
  return env.loadOwn32(env.flavour.par.perturbByte)
}

/** M_PERTURB: what malloc hands out is filled, so that nobody relies on its contents. */
export function allocPerturb(env: MallocEnv, mem: number, bytes: number): void {
  const byte = perturbByte(env)
  if (byte !== 0) env.fill(mem, (byte ^ 0xff) & 0xff, bytes)
}

export function freePerturb(env: MallocEnv, mem: number, bytes: number): void {
  const byte = perturbByte(env)
  if (byte !== 0) env.fill(mem, byte & 0xff, bytes)
}

/** Empties all lists of an arena (malloc_init_state). */
export function mallocInitState(env: MallocEnv, av: number): void {
  const { arena, version, defaultMxfast } = env.flavour
  const main = av === env.mainArena
  for (let i = 1; i < NBINS; i++) {
    const bin = binAt(env, av, i)
    env.store(av + arena.bins + (i - 1) * env.flavour.header, bin)
    env.store(av + arena.bins + (i - 1) * env.flavour.header + env.flavour.word, bin)
  }
  if (!main) setNoncontiguous(env, av)
  if (main) setMaxFast(env, defaultMxfast)
  const va = av + arena.haveFastchunks
  env.store32(va, version === '2.36' ? 0 : env.load32(va) | FASTCHUNKS_BIT)
  setTop(env, av, unsortedChunks(env, av))
}

export function isInitialized(env: MallocEnv): boolean {
  return env.loadOwn32(env.flavour.par.initialized) !== 0
}

/** The process's first call of malloc: parameters, the key, the environment. */
export function ptmallocInit(env: MallocEnv): void {
  const { arena, par, version, word } = env.flavour
  const av = env.mainArena
  env.store32(av + par.initialized, 1)
  env.store(av + arena.next, av)
  env.store(av + par.trimThreshold, DEFAULT_TRIM_THRESHOLD)
  env.store(av + par.topPad, DEFAULT_TOP_PAD)
  env.store(av + par.mmapThreshold, DEFAULT_MMAP_THRESHOLD)
  env.store32(av + par.nMmapsMax, DEFAULT_MMAP_MAX)
  if (version === '2.13') {
    env.store32(av + par.checkAction, DEFAULT_CHECK_ACTION)
    env.store(av + par.threadArena, av)
    initOldCheck(env)
    return
  }
  env.store(av + arena.attachedThreads, 1)
  env.store(av + par.arenaTest, word)
  env.store(av + par.tcacheCount, TCACHE_FILL_COUNT)
  env.store(av + par.tcacheBins, TCACHE_MAX_BINS)
  env.store(av + par.tcacheMaxBytes, env.flavour.tcacheMaxBytes)
  env.store32(av + par.tcacheKey, env.randomWord(0))
  if (word === 8) env.store32(av + par.tcacheKey + 4, env.randomWord(1))
  mallocInitState(env, av)
  initTunables(env)
  initDebug(env)
}

/** 2.13: MALLOC_CHECK_ sets what an error does; any digit but 0 also turns the checks on (check.ts). */
function initOldCheck(env: MallocEnv): void {
  const { par } = env.flavour
  const digits = env.getenv('MALLOC_CHECK_')
  if (digits === null || digits === '') return
  const action = digits.charCodeAt(0) - 0x30
  env.store32(env.mainArena + par.checkAction, action)
  mallocConsolidateFirst(env)
  if (action !== 0) env.store32(env.mainArena + par.debugging, DEBUG_CHECK)
}

/** 2.13: mallopt() sets the main arena up, and so does the environment. */
function mallocConsolidateFirst(env: MallocEnv): void {
  if (globalMaxFast(env) === 0) mallocInitState(env, env.mainArena)
}

/** 2.36: the value of a tunable, from GLIBC_TUNABLES or from the old variable of its own. */
function findTunable(env: MallocEnv, name: string, alias: string | null): number | null {
  const tunables = env.getenv('GLIBC_TUNABLES') ?? ''
  let text = alias === null ? null : env.getenv(alias)
  for (const setting of tunables.split(':')) {
    if (setting.startsWith(`glibc.malloc.${name}=`)) text = setting.slice(setting.indexOf('=') + 1)
  }
  if (text === null || !/^(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(text)) return null
  return /^0[0-7]+$/.test(text) ? parseInt(text, 8) : Number(text)
}

function initTunables(env: MallocEnv): void {
  const { par, maxFastSize, tcacheMaxBytes, minSize, alignMask, alignment, word } = env.flavour
  const set = (name: string, alias: string | null, apply: (value: number) => void): void => {
    const value = findTunable(env, name, alias)
    if (value !== null) apply(value)
  }
  const setAndFix = (field: number, value: number): void => {
    env.store(env.mainArena + field, value)
    env.store32(env.mainArena + par.noDynThreshold, 1)
  }
  set('top_pad', 'MALLOC_TOP_PAD_', (value) => setAndFix(par.topPad, value))
  set('perturb', 'MALLOC_PERTURB_', (value) => {
    if (value <= 0xff) env.store32(env.mainArena + par.perturbByte, value)
  })
  set('mmap_threshold', 'MALLOC_MMAP_THRESHOLD_', (value) => setAndFix(par.mmapThreshold, value))
  set('trim_threshold', 'MALLOC_TRIM_THRESHOLD_', (value) => setAndFix(par.trimThreshold, value))
  set('mmap_max', 'MALLOC_MMAP_MAX_', (value) => {
    env.store32(env.mainArena + par.nMmapsMax, value)
    env.store32(env.mainArena + par.noDynThreshold, 1)
  })
  set('tcache_max', null, (value) => {
    if (value > tcacheMaxBytes) return
    const size = Math.max(minSize, Math.floor((value + word + alignMask) / alignment) * alignment)
    env.store(env.mainArena + par.tcacheMaxBytes, value)
    env.store(
      env.mainArena + par.tcacheBins,
      Math.floor((size - minSize + alignMask) / alignment) + 1,
    )
  })
  set('tcache_count', null, (value) => {
    if (value <= MAX_TCACHE_COUNT) env.store(env.mainArena + par.tcacheCount, value)
  })
  set('tcache_unsorted_limit', null, (value) => {
    env.store(env.mainArena + par.tcacheUnsortedLimit, value)
  })
  set('mxfast', null, (value) => {
    if (value <= maxFastSize) setMaxFast(env, value)
  })
}

/** 2.36: MALLOC_CHECK_ does something only if the debugging library was loaded in front of the C library. */
function initDebug(env: MallocEnv): void {
  if (!(env.getenv('LD_PRELOAD') ?? '').includes('libc_malloc_debug.so')) return
  const check = findTunable(env, 'check', 'MALLOC_CHECK_')
  const on = check !== null && check !== 0 && check <= 3
  env.store32(
    env.mainArena + env.flavour.par.debugging,
    DEBUG_PRELOADED | (on ? DEBUG_CHECK : DEBUG_FIRST_CALL),
  )
}
