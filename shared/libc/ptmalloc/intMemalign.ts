// A chunk whose user bytes begin at a multiple of something (_int_memalign): a chunk that is large enough in any case,
// from which the piece before and the piece behind are cut and freed.

import { ALIGNED_CHUNK_IS_LARGE_ENOUGH } from './assertions.ts'
import {
  chunkOf,
  chunkSize,
  IS_MMAPPED,
  isMmapped,
  memOf,
  NON_MAIN_ARENA,
  PREV_INUSE,
  prevSize,
  requestToSize,
  setHead,
  setHeadSize,
  setInuseAt,
} from './chunk.ts'
import { at, ult, word, type MallocEnv } from './env.ts'
import { intFree } from './intFree.ts'
import { intMalloc } from './intMalloc.ts'
import { assertFailed } from './printerr.ts'
import { ENOMEM } from '../../lib/errno.ts'

/** The alignment really used: a power of two, at least the smallest chunk. */
export function roundAlignment(env: MallocEnv, alignment: bigint): bigint {
  if (alignment < BigInt(env.flavour.minSize)) return BigInt(env.flavour.minSize)
  if ((alignment & (alignment - 1n)) === 0n) return alignment
  let power = BigInt(2 * env.flavour.alignment)
  while (power < alignment) power <<= 1n
  return power
}

/** `alignment` is a power of two. */
export function intMemalign(env: MallocEnv, av: number, alignment: bigint, bytes: bigint): number {
  const { bits, minSize, word: sizeSz } = env.flavour
  const nb = requestToSize(env, signed(env, bytes))
  if (nb === -1) {
    env.setErrno(ENOMEM)
    return 0
  }
  // The sum may be beyond 2^53, and it may go round: C computes it in size_t.
  const padded = BigInt.asUintN(bits, bytes) + BigInt(sizeSz + env.flavour.alignMask)
  const exactNb =
    padded < BigInt(minSize) ? BigInt(minSize) : padded & ~BigInt(env.flavour.alignMask)
  const total = BigInt.asUintN(bits, exactNb + alignment + BigInt(minSize))
  const mem = intMalloc(env, av, signed(env, total))
  if (mem === 0) return 0
  return alignChunk(env, av, mem, Number(alignment), nb)
}

function signed(env: MallocEnv, size: bigint): number {
  return env.flavour.bits === 32
    ? Number(BigInt.asUintN(32, size))
    : Number(BigInt.asIntN(64, size))
}

function alignChunk(
  env: MallocEnv,
  av: number,
  mem: number,
  alignment: number,
  nb: number,
): number {
  const { header, minSize } = env.flavour
  const flag = av === env.mainArena ? 0 : NON_MAIN_ARENA
  let p = chunkOf(env, mem)
  if (mem % alignment !== 0) {
    let aligned = chunkOf(env, Math.ceil(mem / alignment) * alignment)
    if (aligned - p < minSize) aligned += alignment
    const lead = aligned - p
    const size = word(env, chunkSize(env, p) - lead)
    if (isMmapped(env, p)) {
      env.store(aligned, prevSize(env, p) + lead)
      setHead(env, aligned, size + IS_MMAPPED)
      return memOf(env, aligned)
    }
    setHead(env, aligned, size + PREV_INUSE + flag)
    setInuseAt(env, aligned, size)
    setHeadSize(env, p, lead)
    if (flag !== 0) setHeadFlag(env, p, flag)
    intFree(env, av, p, true)
    p = aligned
    if (ult(size, nb) || (p + header) % alignment !== 0) {
      assertFailed(env, ALIGNED_CHUNK_IS_LARGE_ENOUGH)
    }
  }
  if (!isMmapped(env, p)) freeRest(env, av, p, nb, flag)
  return memOf(env, p)
}

function setHeadFlag(env: MallocEnv, p: number, flag: number): void {
  const va = p + env.flavour.word
  env.store32(va, env.load32(va) | flag)
}

function freeRest(env: MallocEnv, av: number, p: number, nb: number, flag: number): void {
  const size = chunkSize(env, p)
  if (!ult(word(env, nb + env.flavour.minSize), size)) return
  const remainder = at(env, p, nb)
  setHead(env, remainder, size - nb + PREV_INUSE + flag)
  setHeadSize(env, p, nb)
  intFree(env, av, remainder, true)
}
