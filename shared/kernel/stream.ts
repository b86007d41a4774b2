// Where programs write to: a stream keeps the end of what was written and counts all of it. A watcher that looks after
// each command misses nothing, since a tick lets only so much through.

import type { Machine } from '../state/machine.ts'
import type { Stream, Task } from '../state/task.ts'

export const STREAM_KEEP = 8192
const STREAM_PER_TICK = 4096

export function mkStream(m: Machine, seat: number, terminal: boolean): Stream {
  const stream = {
    id: m.nextId++,
    seat,
    text: '',
    written: 0,
    room: STREAM_PER_TICK,
    users: 0,
    terminal,
  }
  m.streams.set(stream.id, stream)
  return stream
}

/** A task writes; what does not fit into this tick any more must be written again later. Returns the characters taken. */
export function streamWrite(stream: Stream, text: string): number {
  const taken = text.slice(0, stream.room)
  stream.room -= taken.length
  appendText(stream, taken)
  return taken.length
}

/** The kernel's or the C prompt's own line, which always fits. */
export function streamPut(stream: Stream, text: string): void {
  appendText(stream, text.slice(0, STREAM_KEEP))
}

function appendText(stream: Stream, text: string): void {
  stream.text = (stream.text + text).slice(-STREAM_KEEP)
  stream.written += text.length
}

/** A new tick: everyone may write again. */
export function refillStreams(m: Machine): void {
  for (const stream of m.streams.values()) stream.room = STREAM_PER_TICK
}

/** The task writes to that stream from now on. */
export function attachStream(task: Task, stream: Stream | null): void {
  if (stream !== null) stream.users++
  detachStream(task)
  task.stdout = stream
}

export function detachStream(task: Task): void {
  if (task.stdout !== null) task.stdout.users--
  task.stdout = null
}

/** Pipes nobody writes to any more go; not at once, so that a watcher finds what was written last. */
export function sweepStreams(m: Machine): void {
  for (const stream of m.streams.values()) {
    if (stream.users === 0 && !stream.terminal) m.streams.delete(stream.id)
  }
}
