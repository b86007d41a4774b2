// What a statement at the prompt did to memory, from layer to layer: chunks, the break, mappings, pages and frames, page
// tables. Told by comparison: the process as it was when the line was typed, and when it waits for the next one. So
// nothing in the machine needs to know that somebody listens; what comes and goes within one statement is not seen.

import { icIsWaiting } from '@shared/ic/program.ts'
import { ptePfn, ptePresent, pteSwap } from '@shared/hw/mmu.ts'
import { CHUNK_STATES, chunkIndexAt, mkHeapChunks, type HeapChunks } from '@shared/libc/heapWalk.ts'
import { vmasOf } from '@shared/mm/vma.ts'
import { heapIs, scanHeap } from '@shared/proc/heap.ts'
import { vmaName } from '@shared/proc/maps.ts'
import { walkPageRange } from '@shared/proc/pageWalk.ts'
import type { Entry } from '@shared/room/entry.ts'
import type { Room } from '@shared/room/room.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import type { HeapStoryAnswer, StoryStep } from './protocol.ts'

interface Mapping {
  start: number
  end: number
  name: string
}

/** A process's memory at one moment. */
interface Moment {
  brk: number
  startBrk: number
  tables: number
  chunks: HeapChunks
  mapped: HeapChunks
  header: number
  mappings: Mapping[]
  pages: Map<number, number> // entry of the page table by address
}

interface Story {
  seq: number // of the line
  doneSeq: number // Infinity while it runs
  statement: string
  before: Moment | null // only while it runs
  steps: StoryStep[]
  marked: Set<number>
}

const STORIES_KEPT = 100 // per process
const CHUNKS_TOLD = 12
const FRAMES_TOLD = 4
const USED = CHUNK_STATES.indexOf('used')

export class HeapStory {
  private seat: number | null = 0
  private stories = new Map<string, Story[]>() // by handle
  private running = new Map<string, Story>()

  /** Whose statements are followed; null: everyone's. */
  follow(seat: number | null): void {
    this.seat = seat
  }

  begin(): void {
    this.stories.clear()
    this.running.clear()
  }

  /** After each entry. */
  observe({ machine }: Room, { seq, c }: Entry): void {
    if (c.t === 'ic') this.beginStory(machine, seq, c.task, c.line)
    for (const [handle, story] of this.running) {
      const task = machine.handles.get(handle)
      const alive = task !== undefined && task.mm !== null && task.state !== 'Z'
      if (alive && !icIsWaiting(task)) continue
      this.running.delete(handle)
      story.doneSeq = seq
      if (alive) tell(story, momentOf(machine, task))
      else story.steps = [{ kind: 'ended' }]
      story.before = null
    }
  }

  private beginStory(m: Machine, seq: number, handle: string, statement: string): void {
    const task = m.handles.get(handle)
    if (task === undefined || task.mm === null || task.seat === 0) return
    if (this.seat !== null && task.seat !== this.seat) return
    const open = this.running.get(handle)
    if (open !== undefined) {
      open.statement += `\n${statement}` // typed ahead: one story for all
      return
    }
    const before = momentOf(m, task)
    const story: Story = {
      seq,
      doneSeq: Infinity,
      statement,
      before,
      steps: [],
      marked: new Set(),
    }
    const list = this.stories.get(handle) ?? []
    list.push(story)
    if (list.length > STORIES_KEPT) list.shift()
    this.stories.set(handle, list)
    this.running.set(handle, story)
  }

  /** The last statement up to the room's moment, or one of those before it. */
  told({ seq }: Room, handle: string, back: number): HeapStoryAnswer | null {
    const list = (this.stories.get(handle) ?? []).filter((story) => story.seq <= seq)
    const story = list[list.length - 1 - back]
    if (story === undefined) return null
    const done = story.doneSeq <= seq
    const { statement } = story
    return { statement, done, steps: done ? story.steps : [], earlier: list.length - 1 - back }
  }

  /** Chunks that the last statement changed. */
  marked({ seq }: Room, handle: string): ReadonlySet<number> {
    const done = (this.stories.get(handle) ?? []).filter((story) => story.doneSeq <= seq)
    return done.at(-1)?.marked ?? NONE
  }
}

const NONE: ReadonlySet<number> = new Set()

function momentOf(m: Machine, task: Task): Moment {
  const mm = task.mm!
  const heap = heapIs(m, task) === 'there' ? scanHeap(m, task) : null
  const mappings: Mapping[] = []
  const pages = new Map<number, number>()
  for (const vma of vmasOf(mm)) {
    mappings.push({ start: vma.start, end: vma.end, name: vmaName(vma) })
    walkPageRange(m, mm, vma.start, vma.end, (va, pte) => pages.set(va, pte))
  }
  return {
    brk: mm.brk,
    startBrk: mm.startBrk,
    tables: mm.pageTables,
    chunks: heap?.row.chunks ?? mkHeapChunks(1),
    mapped: heap?.mapped ?? mkHeapChunks(1),
    header: heap?.reader.flavour.header ?? 0,
    mappings,
    pages,
  }
}

function tell(story: Story, after: Moment): void {
  const before = story.before!
  const steps: StoryStep[] = []
  tellChunks(story, before, after, steps)
  if (after.brk !== before.brk) steps.push({ kind: 'brk', from: before.brk, to: after.brk })
  tellMappings(before, after, steps)
  tellPages(before, after, steps)
  if (after.tables !== before.tables)
    steps.push({ kind: 'tables', count: after.tables - before.tables })
  story.steps = steps
}

// --- chunks ------------------------------------------------------------------------------------------------------------

function tellChunks(story: Story, before: Moment, after: Moment, steps: StoryStep[]): void {
  const taken: StoryStep[] = []
  const freed: StoryStep[] = []
  const [old, now] = [before.chunks, after.chunks]
  for (let i = 0; i < now.count; i++) {
    const [p, size, state] = [now.address[i], now.size[i], now.state[i]]
    const was = chunkIndexAt(old, p)
    const same = was >= 0 && old.address[was] === p
    if (same && old.size[was] === size && old.state[was] === state) continue
    story.marked.add(p)
    const name = CHUNK_STATES[state]
    if (state === USED && same && old.state[was] === USED) {
      taken.push({ kind: 'resized', chunk: p, user: p + after.header, from: old.size[was], size })
    } else if (name === 'used' || name === 'table') {
      const from = was < 0 ? 'new' : CHUNK_STATES[old.state[was]]
      const split = was >= 0 && old.size[was] !== size
      taken.push({
        kind: name === 'table' ? 'table' : 'taken',
        chunk: p,
        user: p + after.header,
        size,
        from,
        split,
      })
    }
  }
  for (let i = 0; i < old.count; i++) {
    if (old.state[i] !== USED) continue
    const p = old.address[i]
    const at = chunkIndexAt(now, p)
    if (at < 0) freed.push({ kind: 'freed', chunk: p, size: old.size[i], to: 'gone', merged: 0 })
    else if (now.state[at] !== USED) {
      const into = now.address[at]
      const merged = into !== p || now.size[at] !== old.size[i] ? now.size[at] : 0
      story.marked.add(into)
      freed.push({
        kind: 'freed',
        chunk: p,
        size: old.size[i],
        to: CHUNK_STATES[now.state[at]],
        merged,
      })
    }
  }
  for (const [a, b, kind] of [
    [after.mapped, before.mapped, 'mapped'],
    [before.mapped, after.mapped, 'unmapped'],
  ] as const) {
    for (let i = 0; i < a.count; i++) {
      const other = chunkIndexAt(b, a.address[i])
      if (other >= 0 && b.address[other] === a.address[i] && b.size[other] === a.size[i]) continue
      story.marked.add(a.address[i])
      taken.push({ kind, chunk: a.address[i], size: a.size[i] })
    }
  }
  for (const list of [taken, freed]) {
    steps.push(...list.slice(0, CHUNKS_TOLD))
    if (list.length > CHUNKS_TOLD)
      steps.push({
        kind: list === taken ? 'moreTaken' : 'moreFreed',
        count: list.length - CHUNKS_TOLD,
      })
  }
}

// --- mappings ----------------------------------------------------------------------------------------------------------

function tellMappings(before: Moment, after: Moment, steps: StoryStep[]): void {
  const byStart = new Map(before.mappings.map((mapping) => [mapping.start, mapping]))
  const byEnd = new Map(before.mappings.map((mapping) => [mapping.end, mapping]))
  const met = new Set<Mapping>()
  for (const mapping of after.mappings) {
    const { start, end, name } = mapping
    const old = byStart.get(start) ?? byEnd.get(end)
    if (old !== undefined) met.add(old)
    const bytes = end - start - (old === undefined ? 0 : old.end - old.start)
    if (bytes === 0) continue
    const what = old === undefined ? 'new' : bytes > 0 ? 'grown' : 'shrunk'
    steps.push({ kind: 'mapping', what, name, start, end, bytes: Math.abs(bytes) })
  }
  for (const old of before.mappings) {
    const { start, end, name } = old
    if (!met.has(old))
      steps.push({ kind: 'mapping', what: 'gone', name, start, end, bytes: end - start })
  }
}

// --- pages -------------------------------------------------------------------------------------------------------------

type PageChange = Extract<StoryStep, { kind: 'pages' }>['what']

/** Pages and mappings are both in the order of their addresses. */
function tellPages(before: Moment, after: Moment, steps: StoryStep[]): void {
  const groups = new Map<PageChange, Extract<StoryStep, { kind: 'pages' }>>() // of one mapping
  let at = 0
  for (const [va, pte] of after.pages) {
    for (; va >= after.mappings[at].end; at++) {
      steps.push(...groups.values())
      groups.clear()
    }
    const what = changeOf(before.pages.get(va) ?? 0, pte)
    if (what === null) continue
    const { name } = after.mappings[at]
    const step = groups.get(what) ?? { kind: 'pages', what, name, va, count: 0, frames: [] }
    groups.set(what, step)
    step.count++
    if (ptePresent(pte) && step.frames.length < FRAMES_TOLD) step.frames.push(ptePfn(pte))
  }
  steps.push(...groups.values())
}

function changeOf(old: number, now: number): PageChange | null {
  if (ptePresent(now)) {
    if (old === 0) return 'touched'
    if (pteSwap(old)) return 'swappedIn'
    return ptePresent(old) && ptePfn(old) !== ptePfn(now) ? 'copied' : null
  }
  return pteSwap(now) && ptePresent(old) ? 'swappedOut' : null
}
