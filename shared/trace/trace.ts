// Tracepoints: what happened, for those who watch. Nobody in the kernel can read them, they are neither saved nor
// hashed, and without a watcher the machine computes the same.
//
//   m.trace.on.mm_page_free        does anybody want it? then
//   emit(m.trace, …)               puts an event into the ring,
//   takeEvents(watcher)            and each watcher takes what it has not seen.
//
// Events are numbered; the ring's first one has the number `first`. What all watchers have seen leaves the ring. A ring
// that is full takes no more until somebody has taken from it.

import { TRACE_NAMES, type TraceEvent, type TraceFields, type TraceName } from './events.ts'

export interface Trace {
  /** null while nobody watches. */
  ring: TraceEvent[] | null
  first: number
  room: number // events that the ring holds
  on: Record<TraceName, boolean> // who emits looks here before gathering the fields
  watchers: Watcher[]
}

export interface Watcher {
  trace: Trace
  names: ReadonlySet<TraceName>
  seat: number | null // whose system calls; null: everyone's
  room: number // events that may wait for it
  next: number // number of the first event that it has not seen
  lost: boolean // the ring has been full: there were more events than it was given
}

/** More than there are events of system calls in a tick. */
const RING_EVENTS = 0x2_0000

export function mkTrace(): Trace {
  return { ring: null, first: 0, room: 0, on: noneOn(), watchers: [] }
}

function noneOn(): Record<TraceName, boolean> {
  return Object.fromEntries(TRACE_NAMES.map((name) => [name, false])) as Record<TraceName, boolean>
}

export function watch(
  trace: Trace,
  names: readonly TraceName[],
  { seat = null, room = RING_EVENTS }: { seat?: number | null; room?: number } = {},
): Watcher {
  trace.ring ??= []
  const next = trace.first + trace.ring.length
  const watcher: Watcher = { trace, names: new Set(names), seat, room, next, lost: false }
  trace.watchers.push(watcher)
  switchOn(trace)
  return watcher
}

export function unwatch(watcher: Watcher): void {
  const { trace } = watcher
  trace.watchers = trace.watchers.filter((other) => other !== watcher)
  if (trace.watchers.length === 0) trace.ring = null
  dropSeen(trace)
  switchOn(trace)
}

function switchOn(trace: Trace): void {
  const { watchers, on } = trace
  trace.room = watchers.reduce((most, { room }) => Math.max(most, room), 0)
  for (const name of TRACE_NAMES) on[name] = watchers.some(({ names }) => names.has(name))
}

/** Whether somebody wants the system calls of that seat's tasks. */
export function watchesCalls({ on, watchers }: Trace, seat: number): boolean {
  return on.sys_enter && watchers.some((watcher) => watcher.seat === null || watcher.seat === seat)
}

/** An event of the task `pid`, 0 if none runs. */
export function emit<Name extends TraceName>(
  trace: Trace,
  ticks: number,
  pid: number,
  name: Name,
  args: TraceFields[Name],
): void {
  const { ring } = trace
  if (ring === null || !trace.on[name]) return
  ring.push({ name, ticks, pid, args } as TraceEvent)
  if (ring.length < trace.room) return
  for (const watcher of trace.watchers) watcher.lost = true
  trace.on = noneOn()
}

/** What the watcher wants and has not seen yet. */
export function takeEvents(watcher: Watcher): TraceEvent[] {
  const { trace, names } = watcher
  const ring = trace.ring ?? []
  const fresh = ring.slice(watcher.next - trace.first).filter(({ name }) => names.has(name))
  watcher.next = trace.first + ring.length
  const full = ring.length >= trace.room
  dropSeen(trace)
  if (full) switchOn(trace)
  return fresh
}

function dropSeen(trace: Trace): void {
  const { ring } = trace
  if (ring === null) return
  const seen = trace.watchers.reduce((least, { next }) => Math.min(least, next), Infinity)
  ring.splice(0, seen - trace.first)
  trace.first = seen
}
