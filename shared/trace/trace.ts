// Tracepoints: what happened, for those who watch. Nobody in the kernel can read them, they are neither saved nor
// hashed, and without a watcher the machine computes the same (include/trace/events/).

/** One event; `pid` is the task that ran. The other fields depend on the name. */
export interface TraceEvent {
  name: string
  ticks: number
  pid: number
  args: Record<string, number | string>
}

export interface Trace {
  /** null while nobody watches. */
  ring: TraceEvent[] | null
}

const RING_EVENTS = 4096

export function mkTrace(): Trace {
  return { ring: null }
}

export function emit(
  trace: Trace,
  ticks: number,
  pid: number,
  name: string,
  args: TraceEvent['args'],
): void {
  const { ring } = trace
  if (ring === null) return
  if (ring.length >= RING_EVENTS) ring.splice(0, RING_EVENTS / 2)
  ring.push({ name, ticks, pid, args })
}
