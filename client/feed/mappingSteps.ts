// The address space's part of a statement's story: the break, mappings that came, went, got longer, shorter or other
// permissions. Compared is which addresses are mapped, so that what is cut in two or put together counts once.

import type { Mapping, Moment } from './moment.ts'
import type { StoryStep } from './protocol.ts'

type Step = Extract<StoryStep, { kind: 'mapping' }>

export function tellMappings(before: Moment, after: Moment): StoryStep[] {
  const steps: StoryStep[] = []
  if (after.brk !== before.brk) steps.push({ kind: 'brk', from: before.brk, to: after.brk })
  for (const range of rangesWithout(after.mappings, before.mappings))
    steps.push(added(range, before))
  for (const range of rangesWithout(before.mappings, after.mappings))
    steps.push(removed(range, after))
  return [...steps, ...protectedSteps(before, after)]
}

/** A range of addresses in one mapping. */
interface Range {
  start: number
  end: number
  of: Mapping
}

/** What `some` map and `others` don't; both are in the order of addresses. */
function rangesWithout(some: readonly Mapping[], others: readonly Mapping[]): Range[] {
  const ranges: Range[] = []
  let at = 0
  for (const of of some) {
    let { start } = of
    while (at < others.length && others[at].end <= start) at++
    for (let i = at; i < others.length && others[i].start < of.end; i++) {
      if (others[i].start > start) ranges.push({ start, end: others[i].start, of })
      start = Math.max(start, others[i].end)
    }
    if (start < of.end) ranges.push({ start, end: of.end, of })
  }
  return ranges
}

function added({ start, end, of }: Range, { mappings }: Moment): Step {
  // Grown: it was there before, if only in part.
  const was = mappings.some((one) => one.start < of.end && one.end > of.start)
  return stepOf(was ? 'grown' : 'new', of, end - start)
}

function removed({ start, end, of }: Range, { mappings }: Moment): Step {
  const bytes = end - start
  const below = mappings.find((one) => one.end === start && start > of.start)
  const above = mappings.find((one) => one.start === end && end < of.end)
  if (below !== undefined && above !== undefined) return stepOf('split', of, bytes)
  const left = below ?? above
  return left === undefined ? stepOf('gone', of, bytes) : stepOf('shrunk', left, bytes)
}

function* protectedSteps(before: Moment, after: Moment): Generator<Step> {
  for (const now of after.mappings) {
    let bytes = 0
    for (const old of before.mappings) {
      const shared = Math.min(now.end, old.end) - Math.max(now.start, old.start)
      if (shared > 0 && old.permissions !== now.permissions) bytes += shared
    }
    if (bytes > 0) yield stepOf('protected', now, bytes)
  }
}

function stepOf(
  what: Step['what'],
  { name, start, end, permissions }: Mapping,
  bytes: number,
): Step {
  return { kind: 'mapping', what, name, start, end, bytes, permissions }
}
