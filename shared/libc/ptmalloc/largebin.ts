// A large bin: chunks of different sizes, the largest first, those of one size in a row. The first of each size is linked
// with the first of the next smaller and the next larger one, in a circle (fd_nextsize, bk_nextsize).

import { FIRST_IN_MAIN_ARENA, LAST_IN_MAIN_ARENA, NEXT_IN_MAIN_ARENA } from './assertions.ts'
import { binAt, firstOf, lastOf } from './bins.ts'
import {
  bkNextsizeOf,
  bkOf,
  fdNextsizeOf,
  fdOf,
  flagsOfHead,
  headOf,
  NON_MAIN_ARENA,
  PREV_INUSE,
  setBkNextsize,
  setFdNextsize,
  sizeOfHead,
} from './chunk.ts'
import { isQuick, MAX_STEPS, ult, type MallocEnv } from './env.ts'
import { assertFailed, mallocPrinterr, type AssertSite } from './printerr.ts'
import { bestFitQuickly } from './quickBins.ts'

/** The chunk before which a newcomer of this size goes; its links between sizes are set. */
export function findPlaceInLargebin(
  env: MallocEnv,
  av: number,
  index: number,
  first: number,
  victim: number,
  size: number,
): number {
  const bin = binAt(env, av, index)
  if (first === bin) {
    setFdNextsize(env, victim, victim)
    setBkNextsize(env, victim, victim)
    return bin
  }
  const head = size + PREV_INUSE // all heads in a bin have this flag
  const last = lastOf(env, av, index)
  if (ult(head, headInMainArena(env, last, LAST_IN_MAIN_ARENA))) {
    const smallest = bkNextsizeOf(env, first)
    setFdNextsize(env, victim, first)
    setBkNextsize(env, victim, smallest)
    setFdNextsize(env, smallest, victim)
    setBkNextsize(env, first, victim)
    return bin
  }
  let forward = first
  let forwardHead = headInMainArena(env, forward, FIRST_IN_MAIN_ARENA)
  for (let steps = 0; ult(head, forwardHead); steps++) {
    if (steps > MAX_STEPS) env.endless()
    forward = fdNextsizeOf(env, forward)
    forwardHead = headInMainArena(env, forward, NEXT_IN_MAIN_ARENA)
  }
  if (head === forwardHead) {
    forward = fdOf(env, forward) // always the second of its size: the links between sizes stay
  } else {
    const larger = bkNextsizeOf(env, forward)
    setFdNextsize(env, victim, forward)
    setBkNextsize(env, victim, larger)
    if (env.flavour.hardened && fdNextsizeOf(env, larger) !== forward) {
      mallocPrinterr(env, 'malloc(): largebin double linked list corrupted (nextsize)', 0)
    }
    setBkNextsize(env, forward, victim)
    setFdNextsize(env, larger, victim)
  }
  if (env.flavour.hardened && fdOf(env, bkOf(env, forward)) !== forward) {
    mallocPrinterr(env, 'malloc(): largebin double linked list corrupted (bk)', 0)
  }
  return forward
}

/** The size field of a chunk that must not say that it is another arena's. */
function headInMainArena(env: MallocEnv, p: number, site: AssertSite): number {
  const head = headOf(env, p)
  if ((flagsOfHead(env, p, head) & NON_MAIN_ARENA) !== 0) assertFailed(env, site)
  return head
}

/** The smallest chunk of a large bin that isn't too small, of equal ones the second; 0 if all are. */
export function bestFit(env: MallocEnv, av: number, nb: number, index: number): number {
  const bin = binAt(env, av, index)
  const quick = isQuick(env, av) ? bestFitQuickly(env, nb, bin) : 0
  if (quick !== 0) return quick
  let victim = firstOf(env, av, index)
  if (victim === bin || ult(headOf(env, victim), nb)) return 0
  victim = bkNextsizeOf(env, victim)
  let head = headOf(env, victim)
  for (let steps = 0; ult(sizeOfHead(head), nb); steps++) {
    if (steps > MAX_STEPS) env.endless()
    victim = bkNextsizeOf(env, victim)
    head = headOf(env, victim)
  }
  if (victim === lastOf(env, av, index)) return victim
  const next = fdOf(env, victim)
  return head === headOf(env, next) ? next : victim
}
