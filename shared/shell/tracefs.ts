// /sys/kernel/tracing, for root: which tracepoints write into the buffer, and the buffer. It belongs to the shell that
// looks, not to the machine, where nobody can see it (kernel/trace/trace.c, trace_events.c).
//
//   available_events            all, as system:name
//   set_event                   those that are switched on; may be written
//   events/…/enable             the same, one by one, by system, all
//   tracing_on                  0: the buffer takes nothing
//   trace, trace_pipe           the buffer; reading the pipe empties it

import { EACCES, EINVAL, ENOENT } from '../lib/errno.ts'
import { TICK_MS, type Machine } from '../state/machine.ts'
import { showEvent, TRACEPOINTS, TRACE_NAMES } from '../trace/events.ts'
import type { TraceEvent, TraceName } from '../trace/events.ts'
import { followEvents } from './follow.ts'
import type { MachinePort } from './port.ts'

/** Where it is mounted; the old place is kept. */
const MOUNTS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing']
const ABOVE: Record<string, string[]> = {
  '/sys/kernel': ['debug', 'tracing'],
  '/sys/kernel/debug': ['tracing'],
}

const BUFFER_LINES = 20_000

const systems = [...new Set(TRACE_NAMES.map((name) => TRACEPOINTS[name].system))].sort((a, b) =>
  a < b ? -1 : 1,
)
const fullName = (name: TraceName): string => `${TRACEPOINTS[name].system}:${name}`

export interface TraceNode {
  kind: 'dir' | 'file'
  mode: number
}

const DIR: TraceNode = { kind: 'dir', mode: 0o700 }

export class TraceFs {
  private readonly port: MachinePort
  private readonly uid: () => number
  private readonly enabled = new Set<TraceName>()
  private readonly comms = new Map<number, string>([[0, '<idle>']])
  private lines: string[] = []
  private written = 0
  private on = true
  private stop: (() => void) | null = null

  constructor(port: MachinePort, uid: () => number) {
    this.port = port
    this.uid = uid
  }

  /** Whether the path is here: below the mounts, or on the way to them. */
  holds(path: string): boolean {
    return ABOVE[path] !== undefined || inside(path) !== null
  }

  find(path: string): TraceNode | null {
    const names = this.list(path)
    if (names !== null) return DIR
    const file = inside(path)
    if (file === null || !this.isFile(file)) return null
    const readable = file === 'available_events' || file === 'trace_pipe'
    return { kind: 'file', mode: readable ? 0o440 : 0o640 }
  }

  /** The names in a directory, null if it is none. */
  list(path: string): string[] | null {
    if (ABOVE[path] !== undefined) return ABOVE[path]
    const at = inside(path)
    if (at === '')
      return ['available_events', 'events', 'set_event', 'trace', 'trace_pipe', 'tracing_on']
    if (at === 'events') return ['enable', ...systems]
    const events = at === null ? [] : eventsBelow(at)
    if (events.length === 0 || at!.endsWith('/enable')) return null
    return at!.split('/').length === 2 ? ['enable', ...events] : ['enable']
  }

  private isFile(at: string): boolean {
    if (['available_events', 'set_event', 'trace', 'trace_pipe', 'tracing_on'].includes(at))
      return true
    return at.endsWith('/enable') && eventsBelow(at.slice(0, -'/enable'.length)).length > 0
  }

  read(path: string): { text: string } | { errno: number } {
    if (this.uid() !== 0) return { errno: EACCES }
    const at = inside(path)
    if (at === null || !this.isFile(at)) return { errno: ENOENT }
    switch (at) {
      case 'available_events':
        return { text: TRACE_NAMES.map((name) => `${fullName(name)}\n`).join('') }
      case 'set_event':
        return { text: [...this.enabled].map((name) => `${fullName(name)}\n`).join('') }
      case 'tracing_on':
        return { text: this.on ? '1\n' : '0\n' }
      case 'trace':
        return { text: header(this.lines.length, this.written) + this.lines.join('') }
      case 'trace_pipe':
        return { text: this.lines.splice(0).join('') }
      default:
        return { text: this.showEnable(at.slice(0, -'/enable'.length)) }
    }
  }

  private showEnable(at: string): string {
    const events = eventsBelow(at)
    const on = events.filter((name) => this.enabled.has(name)).length
    return on === 0 ? '0\n' : on === events.length ? '1\n' : 'X\n'
  }

  /** 0 or an errno. */
  write(path: string, text: string, append: boolean): number {
    if (this.uid() !== 0) return EACCES
    const at = inside(path)
    if (at === null || !this.isFile(at)) return ENOENT
    if (at === 'trace') this.lines = []
    else if (at === 'tracing_on') this.on = text.trim() !== '0'
    else if (at === 'set_event') return this.setEvents(text, append)
    else if (at.endsWith('/enable')) return this.enable(at.slice(0, -'/enable'.length), text.trim())
    else return EINVAL
    return 0
  }

  private enable(at: string, value: string): number {
    if (value !== '0' && value !== '1') return EINVAL
    for (const name of eventsBelow(at)) this.switch(name, value === '1')
    this.follow()
    return 0
  }

  /** `kmem:mm_page_alloc`, `mm_page_alloc`, `kmem:*`, `kmem`; with ! to switch it off. */
  private setEvents(text: string, append: boolean): number {
    if (!append) this.enabled.clear()
    let errno = 0
    for (const word of text.split(/\s+/).filter((one) => one !== '')) {
      const [, off, pattern] = /^(!?)(.*)$/.exec(word)!
      const found = TRACE_NAMES.filter((name) => matches(name, pattern))
      if (found.length === 0) errno = EINVAL
      for (const name of found) this.switch(name, off === '')
    }
    this.follow()
    return errno
  }

  private switch(name: TraceName, on: boolean): void {
    if (on) this.enabled.add(name)
    else this.enabled.delete(name)
  }

  private follow(): void {
    this.stop?.()
    this.stop = null
    if (this.enabled.size === 0) return
    this.stop = followEvents(this.port, [...this.enabled], (events, machine) =>
      this.take(events, machine),
    )
  }

  private take(events: TraceEvent[], machine: Machine): void {
    if (!this.on) return
    for (const { pid, comm } of machine.tasks.values()) this.comms.set(pid, comm)
    for (const event of events) this.lines.push(traceLine(event, this.comms.get(event.pid)))
    this.written += events.length
    this.lines.splice(0, this.lines.length - BUFFER_LINES)
  }
}

/** The path below the mount, '' for the mount itself, null for one that is elsewhere. */
function inside(path: string): string | null {
  for (const mount of MOUNTS) {
    if (path === mount) return ''
    if (path.startsWith(`${mount}/`)) return path.slice(mount.length + 1)
  }
  return null
}

/** The tracepoints of events/SYSTEM/NAME, events/SYSTEM or events. */
function eventsBelow(at: string): TraceName[] {
  const [top, system, event, ...rest] = at.split('/')
  if (top !== 'events' || rest.length > 0) return []
  return TRACE_NAMES.filter(
    (name) =>
      (system === undefined || TRACEPOINTS[name].system === system) &&
      (event === undefined || name === event),
  )
}

function matches(name: TraceName, pattern: string): boolean {
  const [system, event] = pattern.includes(':') ? pattern.split(':') : [null, pattern]
  if (system === null) return event === name || event === TRACEPOINTS[name].system
  return TRACEPOINTS[name].system === system && (event === '*' || event === '' || event === name)
}

/** `            bash-312     [000] .....    12.350000: mm_page_free: pfn=0x1a2 order=0` */
export function traceLine(event: TraceEvent, comm = '<...>'): string {
  const ms = event.ticks * TICK_MS
  const seconds = String(Math.floor(ms / 1000)).padStart(5)
  const micros = String((ms % 1000) * 1000).padStart(6, '0')
  const who = `${comm.padStart(16)}-${String(event.pid).padEnd(7)}`
  return `${who} [000] ..... ${seconds}.${micros}: ${showEvent(event)}\n`
}

function header(kept: number, written: number): string {
  return `# tracer: nop
#
# entries-in-buffer/entries-written: ${kept}/${written}   #P:1
#
#                                _-----=> irqs-off/BH-disabled
#                               / _----=> need-resched
#                              | / _---=> hardirq/softirq
#                              || / _--=> preempt-depth
#                              ||| / _-=> migrate-disable
#                              |||| /     delay
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
`
}
