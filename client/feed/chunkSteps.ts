// malloc's part of a statement's story: blocks that were taken, freed, resized, and bytes that are others than before.

import { CHUNK_STATES, chunkIndexAt, type HeapChunks } from '@shared/libc/heapWalk.ts'
import { PREV_INUSE } from '@shared/libc/ptmalloc/chunk.ts'
import type { Machine } from '@shared/state/machine.ts'
import { heapPages, pageBytes, type Contents, type Moment } from './moment.ts'
import type { StoryStep } from './protocol.ts'

const STEPS_TOLD = 12
const USED = CHUNK_STATES.indexOf('used')
const TCACHE = CHUNK_STATES.indexOf('tcache')

type Mark = (chunk: number) => void

export function tellChunks(before: Moment, after: Moment, mark: Mark): StoryStep[] {
  const astray = after.brokenLists > before.brokenLists
  const lost = (step: StoryStep) =>
    astray && step.kind === 'taken' && !step.split && step.from !== 'new'
  const taken = [
    ...[...takenSteps(before, after, mark)].filter((step) => !lost(step)),
    ...mappedSteps(before, after, mark),
  ]
  const freed = [...freedSteps(before, after, mark), ...unmappedSteps(before, after)]
  const steps = [...fewOf(taken, 'moreTaken'), ...fewOf(freed, 'moreFreed')]
  if (astray) steps.push({ kind: 'astray' })
  if (after.damagedAt > 0 && before.damagedAt !== after.damagedAt)
    steps.push({ kind: 'damaged', at: after.damagedAt })
  return steps
}

function fewOf(steps: StoryStep[], kind: 'moreTaken' | 'moreFreed' | 'moreWritten'): StoryStep[] {
  if (steps.length <= STEPS_TOLD) return steps
  return [...steps.slice(0, STEPS_TOLD), { kind, count: steps.length - STEPS_TOLD }]
}

function* takenSteps(before: Moment, after: Moment, mark: Mark): Generator<StoryStep> {
  const [old, now] = [before.chunks, after.chunks]
  for (let i = 0; i < now.count; i++) {
    const [p, size, state] = [now.address[i], now.size[i], now.state[i]]
    const was = chunkIndexAt(old, p)
    const same = was >= 0 && old.address[was] === p
    if (same && old.size[was] === size && old.state[was] === state) continue
    mark(p)
    const name = CHUNK_STATES[state]
    const user = p + after.header
    if (state === USED && same && old.state[was] === USED)
      yield { kind: 'resized', user, from: old.size[was], size }
    else if (name === 'used' || name === 'table') {
      const from = was < 0 ? 'new' : CHUNK_STATES[old.state[was]]
      const split = was >= 0 && old.size[was] !== size
      yield { kind: name === 'table' ? 'table' : 'taken', user, size, from, split }
    }
  }
}

function* freedSteps(before: Moment, after: Moment, mark: Mark): Generator<StoryStep> {
  const [old, now] = [before.chunks, after.chunks]
  const { header } = before
  for (let i = 0; i < old.count; i++) {
    if (old.state[i] !== USED) continue
    const [p, size] = [old.address[i], old.size[i]]
    const at = chunkIndexAt(now, p)
    if (at < 0) {
      // What lies behind a damaged size field is not free: it can't be read any more.
      if (after.damagedAt === 0 || p < after.damagedAt)
        yield { kind: 'freed', user: p + header, size, to: 'gone', merged: 0 }
    } else if (now.state[at] !== USED) {
      const into = now.address[at]
      const merged = into !== p || now.size[at] !== size ? now.size[at] : 0
      mark(into)
      yield { kind: 'freed', user: p + header, size, to: CHUNK_STATES[now.state[at]], merged }
    }
  }
}

// --- chunks with a mapping of their own ----------------------------------------------------------------------------------

function* mappedSteps(before: Moment, after: Moment, mark: Mark): Generator<StoryStep> {
  const { address, size, count } = after.mapped
  for (let i = 0; i < count; i++) {
    const user = address[i] + after.header
    const old = indexAt(before.mapped, address[i])
    if (old >= 0 && before.mapped.size[old] === size[i]) continue
    mark(address[i])
    if (old < 0) yield { kind: 'mapped', user, size: size[i] }
    else yield { kind: 'resized', user, from: before.mapped.size[old], size: size[i] }
  }
}

function* unmappedSteps(before: Moment, after: Moment): Generator<StoryStep> {
  const { address, size, count } = before.mapped
  for (let i = 0; i < count; i++) {
    if (indexAt(after.mapped, address[i]) < 0)
      yield { kind: 'unmapped', user: address[i] + before.header, size: size[i] }
  }
}

// --- bytes ---------------------------------------------------------------------------------------------------------------

interface Block {
  p: number // the chunk
  user: number
  end: number // of the user's bytes
}

type Written = Extract<StoryStep, { kind: 'written' }>

/** Bytes of the blocks in use that are others than they were. `m` is as in `after`. */
export function tellBytes(
  m: Machine,
  before: Moment,
  contents: Contents,
  after: Moment,
  mark: Mark,
): StoryStep[] {
  const found: Written[] = []
  let block: Block | null = null
  let step: Written | null = null
  const differs = (va: number, isZero: boolean): void => {
    if (block === null || va < block.user || va >= block.end) {
      block = blockOf(after, va)
      step = null
    }
    if (block === null || isTakenKey(before, block, va)) return
    const { p, user } = block
    if (step === null) {
      step = { kind: 'written', user, first: va - user, last: va - user, count: 0, cleared: true }
      found.push(step)
      mark(p)
    }
    step.last = va - user
    step.count++
    step.cleared &&= isZero
  }
  for (const va of heapPages(after)) {
    const old = before.pages.has(va) ? contents.get(va) : null
    if (old !== undefined) comparePage(va, old, pageBytes(m, after.pages.get(va)!), differs)
  }
  return fewOf(found, 'moreWritten')
}

/** null: a page of zeros. */
function comparePage(
  va: number,
  old: Uint8Array | null,
  now: Uint8Array | null,
  differs: (va: number, isZero: boolean) => void,
): void {
  const [a, b] = [wordsOf(old), wordsOf(now)]
  const count = (a ?? b)?.length ?? 0
  for (let i = 0; i < count; i++) {
    const word = b === null ? 0 : b[i]
    const other = word ^ (a === null ? 0 : a[i])
    if (other === 0) continue
    for (let k = 0; k < 4; k++) {
      const mask = 255 << (k * 8)
      if ((other & mask) !== 0) differs(va + i * 4 + k, (word & mask) === 0)
    }
  }
}

function wordsOf(bytes: Uint8Array | null): Int32Array | null {
  return bytes && new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
}

/** The block in use whose user's byte it is: the next chunk's prev_size is the user's as well. */
function blockOf({ chunks, mapped, header, word }: Moment, va: number): Block | null {
  const other = chunkIndexAt(mapped, va)
  if (other >= 0) {
    const p = mapped.address[other]
    return va < p + header ? null : { p, user: p + header, end: p + mapped.size[other] }
  }
  let at = chunkIndexAt(chunks, va)
  if (at >= 0 && va < chunks.address[at] + word && (chunks.flags[at] & PREV_INUSE) !== 0) at--
  if (at < 0 || chunks.state[at] !== USED) return null
  const p = chunks.address[at]
  const end = p + chunks.size[at] + word
  return va < p + header || va >= end ? null : { p, user: p + header, end }
}

/** malloc() wipes the key out of a block that it takes from the thread cache. */
function isTakenKey({ chunks, header, word }: Moment, { p, user }: Block, va: number): boolean {
  if (header === 0 || va < user + word || va >= user + 2 * word) return false
  const was = indexAt(chunks, p)
  return was >= 0 && chunks.state[was] === TCACHE
}

function indexAt(chunks: HeapChunks, p: number): number {
  const i = chunkIndexAt(chunks, p)
  return i >= 0 && chunks.address[i] === p ? i : -1
}
