// Another size for a chunk (_int_realloc): in place if it can be, else a new chunk, a copy, and the old one freed. The
// copy may be long, so it is left to the caller, who then calls finishMove().

import { setTop, systemMem, topOf } from './arena.ts'
import { NEW_SIZE_IS_LARGE_ENOUGH, UNLINK_REALLOC } from './assertions.ts'
import { unlinkChunk } from './bins.ts'
import {
  chunkOf,
  chunkSize,
  headOf,
  memOf,
  NON_MAIN_ARENA,
  PREV_INUSE,
  prevInuse,
  setHead,
  setHeadSize,
  setInuseAt,
} from './chunk.ts'
import { at, ult, word, type MallocEnv } from './env.ts'
import { intFree } from './intFree.ts'
import { intMalloc } from './intMalloc.ts'
import { munmapChunk } from './mapping.ts'
import { assertFailed, mallocPrinterr } from './printerr.ts'

/** Bytes that are to be copied before a realloc is complete. Plain data: it can be kept over slices. */
export interface Move {
  to: number
  from: number
  length: number // 0: nothing to do
  old: number // chunk to be freed then
  arena: number // its arena, 0 for a mapping
}

export function mkMove(): Move {
  return { to: 0, from: 0, length: 0, old: 0, arena: 0 }
}

/** The user's pointer, 0 if there is no memory. If move.length isn't 0 the contents are to be copied. */
export function intRealloc(
  env: MallocEnv,
  av: number,
  p: number,
  oldSize: number,
  nb: number,
  move: Move,
): number {
  const { header, minSize } = env.flavour
  if (!ult(header, headOf(env, p)) || !ult(oldSize, systemMem(env, av))) {
    mallocPrinterr(env, 'realloc(): invalid old size', memOf(env, p))
    return 0
  }
  const next = at(env, p, oldSize)
  const nextSize = chunkSize(env, next)
  if (!ult(header, headOf(env, next)) || !ult(nextSize, systemMem(env, av))) {
    mallocPrinterr(env, 'realloc(): invalid next size', memOf(env, p))
    return 0
  }
  if (!ult(oldSize, nb)) return cutRest(env, av, p, oldSize, nb)

  const joined = oldSize + nextSize
  if (next === topOf(env, av)) {
    if (!ult(joined, word(env, nb + minSize))) return growIntoTop(env, av, p, joined, nb)
  } else if (!prevInuse(env, at(env, next, nextSize)) && !ult(joined, nb)) {
    unlinkChunk(env, next, UNLINK_REALLOC)
    return cutRest(env, av, p, joined, nb)
  }
  return allocateAndMove(env, av, p, oldSize, nb, next, move)
}

function arenaFlag(env: MallocEnv, av: number): number {
  return av === env.mainArena ? 0 : NON_MAIN_ARENA
}

/** Sets the size; keeps the flags and adds the arena's. */
function setSizeIn(env: MallocEnv, av: number, p: number, size: number): void {
  setHeadSize(env, p, size)
  if (av !== env.mainArena) {
    const va = p + env.flavour.word
    env.store32(va, env.load32(va) | NON_MAIN_ARENA)
  }
}

function growIntoTop(env: MallocEnv, av: number, p: number, joined: number, nb: number): number {
  setSizeIn(env, av, p, nb)
  const top = at(env, p, nb)
  setTop(env, av, top)
  setHead(env, top, joined - nb + PREV_INUSE)
  return memOf(env, p)
}

/** Frees what the chunk has more than it needs, if that makes a chunk. */
function cutRest(env: MallocEnv, av: number, p: number, size: number, nb: number): number {
  if (ult(size, nb)) assertFailed(env, NEW_SIZE_IS_LARGE_ENOUGH)
  const rest = size - nb
  if (rest < env.flavour.minSize) {
    setSizeIn(env, av, p, size)
    setInuseAt(env, p, size)
    return memOf(env, p)
  }
  const remainder = at(env, p, nb)
  setSizeIn(env, av, p, nb)
  setHead(env, remainder, rest + PREV_INUSE + arenaFlag(env, av))
  setInuseAt(env, remainder, rest)
  intFree(env, av, remainder, true)
  return memOf(env, p)
}

function allocateAndMove(
  env: MallocEnv,
  av: number,
  p: number,
  oldSize: number,
  nb: number,
  next: number,
  move: Move,
): number {
  const mem = intMalloc(env, av, word(env, nb - env.flavour.alignMask))
  if (mem === 0) return 0
  const fresh = chunkOf(env, mem)
  if (fresh === next) return cutRest(env, av, p, oldSize + chunkSize(env, fresh), nb)
  move.to = mem
  move.from = memOf(env, p)
  move.length = oldSize - env.flavour.word
  move.old = p
  move.arena = av
  return mem
}

/** The contents have been copied: the old chunk goes. */
export function finishMove(env: MallocEnv, move: Move): void {
  if (move.length === 0) return
  move.length = 0
  if (move.arena === 0) munmapChunk(env, move.old)
  else intFree(env, move.arena, move.old, true)
}
