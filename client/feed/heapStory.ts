// What a statement at the prompt did to memory, from layer to layer: chunks and their bytes, the break and mappings,
// frames and page tables; and which layers had nothing to do. Told by comparison: the process as it was when the line was
// typed, and when it waits for the next one. So nothing in the machine needs to know that somebody listens; what comes
// and goes within one statement is not seen.

import { icIsWaiting } from '@shared/ic/program.ts'
import type { Entry } from '@shared/room/entry.ts'
import type { Room } from '@shared/room/room.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import { tellBytes, tellChunks } from './chunkSteps.ts'
import { tellMappings } from './mappingSteps.ts'
import { contentsOf, momentOf, residentFrames, type Contents, type Moment } from './moment.ts'
import { tellPages } from './pageSteps.ts'
import type { Death, HeapStoryAnswer, StoryLayer, StoryStep } from './protocol.ts'
import { STORY_LAYERS, layerOf } from './storyLayer.ts'

interface Story {
  handle: string
  pid: number
  seq: number // of the line
  doneSeq: number // Infinity while it runs
  statement: string
  before: { moment: Moment; contents: Contents } | null // only while it runs
  frames: number // that the process mapped when it was last seen
  steps: StoryStep[]
  marked: Set<number>
}

const STORIES_KEPT = 200 // per seat
const NONE: ReadonlySet<number> = new Set()

export class HeapStory {
  private seat: number | null = 0
  private stories = new Map<number, Story[]>() // by seat
  private running = new Map<string, Story>() // by handle

  /** Whose statements are followed; null: everyone's. */
  follow(seat: number | null): void {
    this.seat = seat
  }

  begin(): void {
    this.stories.clear()
    this.running.clear()
  }

  /** After each entry, with the deaths that it brought. */
  observe({ machine }: Room, { seq, c }: Entry, deaths: readonly Death[]): void {
    if (c.t === 'ic') this.beginStory(machine, seq, c.task, c.line)
    for (const [handle, story] of this.running) {
      const task = machine.handles.get(handle)
      const alive = task !== undefined && task.mm !== null && task.state !== 'Z'
      if (alive) story.frames = residentFrames(task.mm!)
      if (alive && task.program.kind === 'ic' && !icIsWaiting(task)) continue
      this.running.delete(handle)
      story.doneSeq = seq
      if (alive) tell(machine, story, momentOf(machine, task))
      else story.steps = [endOf(machine, story, deaths)]
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
    const story = mkStory(m, seq, handle, task, statement)
    const list = this.stories.get(task.seat) ?? []
    list.push(story)
    if (list.length > STORIES_KEPT) list.shift()
    this.stories.set(task.seat, list)
    this.running.set(handle, story)
  }

  /** The last statement up to the room's moment, or one of those before it: the process's own, and of the same person's
   * that have ended. */
  told({ seq, machine }: Room, handle: string, back: number): HeapStoryAnswer | null {
    const hasEnded = (other: string) => (machine.handles.get(other)?.mm ?? null) === null
    const list = this.of(handle).filter(
      (story) => story.seq <= seq && (story.handle === handle || hasEnded(story.handle)),
    )
    const story = list[list.length - 1 - back]
    if (story === undefined) return null
    const done = story.doneSeq <= seq
    return {
      statement: story.statement,
      pid: story.pid,
      pageSize: machine.pageSize,
      done,
      steps: done ? story.steps : [],
      earlier: list.length - 1 - back,
    }
  }

  /** Chunks that the last statement changed. */
  marked({ seq }: Room, handle: string): ReadonlySet<number> {
    const done = this.of(handle).filter((story) => story.handle === handle && story.doneSeq <= seq)
    return done.at(-1)?.marked ?? NONE
  }

  private of(handle: string): Story[] {
    return this.stories.get(Number(handle.split('.')[0])) ?? []
  }
}

function mkStory(m: Machine, seq: number, handle: string, task: Task, statement: string): Story {
  const moment = momentOf(m, task)
  return {
    handle,
    pid: task.pid,
    seq,
    doneSeq: Infinity,
    statement,
    before: { moment, contents: contentsOf(m, moment) },
    frames: moment.frames,
    steps: [],
    marked: new Set(),
  }
}

function tell(m: Machine, story: Story, after: Moment): void {
  const { moment: before, contents } = story.before!
  if (before.mmId !== after.mmId) {
    story.steps = [
      { kind: 'replaced' },
      { kind: 'resident', from: before.frames, to: after.frames },
    ]
    return
  }
  const mark = (chunk: number): void => void story.marked.add(chunk)
  const chunks = tellChunks(before, after, mark)
  const bytes = tellBytes(m, before, contents, after, mark)
  const mappings = tellMappings(before, after)
  const pages = tellPages(before, after)
  story.steps = withNothing([...chunks, ...bytes, ...mappings, ...pages])
}

// --- what did not happen -------------------------------------------------------------------------------------------------

/** Layers without a step say so: that a free() gives nothing back is the story. */
function withNothing(steps: StoryStep[]): StoryStep[] {
  const has = (...kinds: StoryStep['kind'][]) => steps.some(({ kind }) => kinds.includes(kind))
  const grew = steps.some(
    (step) =>
      (step.kind === 'brk' && step.to > step.from) ||
      (step.kind === 'mapping' && (step.what === 'new' || step.what === 'grown')),
  )
  const whyOf = (layer: StoryLayer) => {
    if (layer === 'malloc') return 'plain'
    if (layer === 'frames' && has('brk', 'mapping')) return grew ? 'promise' : 'plain'
    if (has('freed')) return 'kept'
    return layer === 'kernel' && has('taken', 'table', 'resized') ? 'enough' : 'plain'
  }
  const all = [...steps]
  for (const layer of STORY_LAYERS)
    if (!steps.some((step) => layerOf(step) === layer))
      all.push({ kind: 'nothing', layer, why: whyOf(layer) })
  return all
}

// --- the end ---------------------------------------------------------------------------------------------------------------

function endOf(m: Machine, { handle, frames }: Story, deaths: readonly Death[]): StoryStep {
  const death = deaths.find((one) => one.handle === handle)
  if (death?.by === 'oom') {
    const held = death.rss > 0 ? Math.round(death.rss / m.pageSize) : frames
    return { kind: 'ended', by: 'oom', status: death.signal, frames: held }
  }
  if (death !== undefined) return { kind: 'ended', by: 'signal', status: death.signal, frames }
  const status = m.exits.filter((exit) => exit.handle === handle).at(-1)?.status ?? 0
  return { kind: 'ended', by: 'exit', status: (status >> 8) & 0xff, frames }
}
