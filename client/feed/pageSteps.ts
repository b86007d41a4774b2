// The frames' part of a statement's story: pages that got a frame, lost it, share it, or read and write another one.

import { ptePfn, ptePresent, pteSwap, pteWrite } from '@shared/hw/mmu.ts'
import type { Mapping, Moment } from './moment.ts'
import type { PageChange, StoryStep } from './protocol.ts'

type Step = Extract<StoryStep, { kind: 'pages' }>

const FRAMES_TOLD = 4

export function tellPages(before: Moment, after: Moment): StoryStep[] {
  const came = movedFrames(before, after)
  const steps = stepsOf(after, (va, pte) => changeOf(before, after, came, va, pte))
  const gone = stepsOf(before, (va, pte) => {
    if ((after.pages.get(va) ?? 0) !== 0) return null
    if (pteSwap(pte)) return 'slots'
    const pfn = ptePfn(pte)
    if (!ptePresent(pte) || pfn === before.zeroPfn || came.has(pfn)) return null
    return before.shared.has(va) ? 'left' : 'returned'
  })
  for (const step of gone) step.frames = []
  const all: StoryStep[] = [...steps, ...gone]
  const tables = after.tables - before.tables
  if (tables !== 0) all.push({ kind: 'tables', count: tables })
  if (after.frames !== before.frames)
    all.push({ kind: 'resident', from: before.frames, to: after.frames })
  return all
}

/** Frames that were mapped at an address where nothing is now, and are at another: by mremap(). */
function movedFrames(before: Moment, after: Moment): ReadonlySet<number> {
  const gone = new Set<number>()
  for (const [va, pte] of before.pages) {
    if (!ptePresent(pte) || after.pages.has(va)) continue
    if (ptePfn(pte) !== before.zeroPfn) gone.add(ptePfn(pte))
  }
  const moved = new Set<number>()
  if (gone.size === 0) return moved
  for (const [va, pte] of after.pages) {
    if (ptePresent(pte) && !before.pages.has(va) && gone.has(ptePfn(pte))) moved.add(ptePfn(pte))
  }
  return moved
}

/** Pages of one mapping that met with the same are one step. Pages and mappings are in the order of addresses. */
function stepsOf(
  { pages, mappings, zeroPfn }: Moment,
  changeOf: (va: number, pte: number) => PageChange | null,
): Step[] {
  const steps: Step[] = []
  const groups = new Map<PageChange, Step>() // of one mapping
  let at = 0
  for (const [va, pte] of pages) {
    for (; va >= mappings[at].end; at++) groups.clear()
    const what = changeOf(va, pte)
    if (what === null) continue
    let step = groups.get(what)
    if (step === undefined) {
      step = mkStep(what, mappings[at], va)
      groups.set(what, step)
      steps.push(step)
    }
    step.count++
    const pfn = ptePfn(pte)
    const more = step.frames.length < (pfn === zeroPfn ? 1 : FRAMES_TOLD)
    if (ptePresent(pte) && more) step.frames.push(pfn)
  }
  return steps
}

function mkStep(what: PageChange, { name }: Mapping, va: number): Step {
  return { kind: 'pages', what, name, va, count: 0, frames: [] }
}

/** What an entry of the page table tells, beside the one that was there. */
function changeOf(
  before: Moment,
  after: Moment,
  moved: ReadonlySet<number>,
  va: number,
  now: number,
): PageChange | null {
  const old = before.pages.get(va) ?? 0
  const { zeroPfn } = after
  if (!ptePresent(now)) return pteSwap(now) && ptePresent(old) ? 'swappedOut' : null
  const pfn = ptePfn(now)
  if (pteSwap(old)) return 'swappedIn'
  if (!ptePresent(old)) {
    if (pfn === zeroPfn) return 'zero'
    return moved.has(pfn) ? 'moved' : 'touched'
  }
  if (ptePfn(old) !== pfn) return ptePfn(old) === zeroPfn ? 'filled' : 'copied'
  if (pteWrite(old) && !pteWrite(now) && after.shared.has(va)) return 'shared'
  const written = !pteWrite(old) && pteWrite(now) && wasWritable(before, va)
  return written ? 'kept' : null
}

/** mprotect() changes entries, too. */
function wasWritable({ mappings }: Moment, va: number): boolean {
  const mapping = mappings.find(({ start, end }) => start <= va && va < end)
  return mapping?.permissions[1] === 'w' && mapping.permissions[3] === 'p'
}
