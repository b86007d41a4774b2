// What strace(1) tells of a run of events: calls, signals and ends of processes (strace.c, signal.c).
//
//   StraceLog puts events together: a call has begun, it is done, something else has happened.
//   StraceWriter makes lines of that, as a terminal has them on which several processes are told of:
//
//   [pid   312] wait4(-1,  <unfinished ...>                         another one's line comes between
//   [pid   313] exit_group(0)                    = ?                the call that never returns
//   [pid   313] +++ exited with 0 +++
//   [pid   312] <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 313
//   [pid   312] --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=313, …} ---

import {
  BUS_ADRERR,
  CLD_DUMPED,
  CLD_EXITED,
  CLD_KILLED,
  FPE_INTDIV,
  SEGV_ACCERR,
  SEGV_MAPERR,
  SIGBUS,
  SIGCHLD,
  SIGFPE,
  SIGKILL,
  SIGSEGV,
  SIGSTOP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  SI_KERNEL,
  SI_TKILL,
  SI_USER,
} from '../state/task.ts'
import {
  TRACE_SIGNAL_IGNORED,
  type SigInfo,
  type TraceEvent,
  type TraceFields,
  type TraceName,
} from '../trace/events.ts'
import { showAddress, signalName, withResult } from './strace.ts'

/** What has to be watched for it. */
export const STRACE_EVENTS: readonly TraceName[] = [
  'sys_enter',
  'sys_exit',
  'signal_generate',
  'signal_deliver',
  'sched_process_fork',
  'sched_process_exit',
]

/** A call that has begun; `open`: arguments are still to come. */
interface Begun {
  kind: 'begun'
  id: number // of the call, from 1
  ticks: number
  pid: number
  name: string
  head: string
  open: boolean
}

/** It is done: the rest of the arguments, and its result as shown; '?' for one that never returned. */
export interface Done extends Omit<Begun, 'kind'> {
  kind: 'done'
  tail: string
  value: string
  failed: boolean
}

/** A signal, or the end of the process. */
interface Note {
  kind: 'note'
  ticks: number
  pid: number
  text: string
}

export type StraceItem = Begun | Done | Note

/** The whole line of a call. */
export function doneLine({ head, tail, value }: Done): string {
  return withResult(`${head}${tail})`, value)
}

interface Tracee {
  call: Begun | null
  infos: Map<number, SigInfo> // of signals on their way
  ignored: number[] // signals that came during a call and do nothing
}

const STOPS = [SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU]

export class StraceLog {
  private readonly tracees = new Map<number, Tracee>()
  private readonly follow: boolean
  private calls = 0

  /** `follow`: children are traced, too. */
  constructor(follow: boolean) {
    this.follow = follow
  }

  attach(pid: number): void {
    this.tracees.set(pid, { call: null, infos: new Map(), ignored: [] })
  }

  has(pid: number): boolean {
    return this.tracees.has(pid)
  }

  get pids(): number[] {
    return [...this.tracees.keys()]
  }

  take(event: TraceEvent): StraceItem[] {
    const { pid, ticks } = event
    const items: StraceItem[] = []
    if (event.name === 'signal_generate') this.generate(event.args, ticks, items)
    const tracee = this.tracees.get(pid)
    if (tracee === undefined) return items
    if (event.name === 'sys_enter') {
      const { name, line: head, open } = event.args
      tracee.call = { kind: 'begun', id: ++this.calls, ticks, pid, name, head, open }
      items.push(tracee.call)
    } else if (event.name === 'sys_exit') this.exit(pid, ticks, tracee, event.args, items)
    else if (event.name === 'signal_deliver') this.deliver(pid, ticks, event.args.sig, items)
    else if (event.name === 'sched_process_fork' && this.follow) this.attach(event.args.child_pid)
    else if (event.name === 'sched_process_exit')
      this.end(pid, ticks, tracee, event.args.status, items)
    return items
  }

  private exit(
    pid: number,
    ticks: number,
    tracee: Tracee,
    { name, ret, line: tail, value }: TraceFields['sys_exit'],
    items: StraceItem[],
  ): void {
    // Of a call that began before there was a watcher only the end is known.
    const call = tracee.call ?? {
      id: ++this.calls,
      pid,
      name,
      head: `<... ${name} resumed>`,
      open: true,
    }
    tracee.call = null
    items.push({ ...call, kind: 'done', ticks, tail, value, failed: ret < 0 && ret > -4096 })
    for (const sig of tracee.ignored.splice(0)) items.push(this.signal(pid, ticks, sig))
  }

  private generate(
    { pid, sig, info, result }: TraceFields['signal_generate'],
    ticks: number,
    items: StraceItem[],
  ): void {
    const tracee = this.tracees.get(pid)
    if (tracee === undefined) return
    tracee.infos.set(sig, info)
    // Whoever is traced is told of signals that do nothing as well, once it is not in a call.
    if (result !== TRACE_SIGNAL_IGNORED) return
    if (tracee.call === null) items.push(this.signal(pid, ticks, sig))
    else tracee.ignored.push(sig)
  }

  private deliver(pid: number, ticks: number, sig: number, items: StraceItem[]): void {
    if (sig === SIGKILL) return
    items.push(this.signal(pid, ticks, sig))
    if (STOPS.includes(sig))
      items.push({ kind: 'note', ticks, pid, text: `--- stopped by ${signalName(sig)} ---` })
  }

  private signal(pid: number, ticks: number, sig: number): Note {
    const { infos } = this.tracees.get(pid)!
    const info = infos.get(sig)
    infos.delete(sig)
    const rest = info === undefined ? '' : `, ${showSigInfo(sig, info)}`
    const text = `--- ${signalName(sig)} {si_signo=${signalName(sig)}${rest}} ---`
    return { kind: 'note', ticks, pid, text }
  }

  private end(
    pid: number,
    ticks: number,
    { call }: Tracee,
    status: number,
    items: StraceItem[],
  ): void {
    if (call !== null) {
      const tail = call.open ? ' <unfinished ...>' : ''
      items.push({ ...call, kind: 'done', ticks, tail, value: '?', failed: false })
    }
    const signal = status & 0x7f
    const dumped = (status & 0x80) !== 0 ? ' (core dumped)' : ''
    const how =
      signal === 0 ? `exited with ${status >> 8}` : `killed by ${signalName(signal)}${dumped}`
    items.push({ kind: 'note', ticks, pid, text: `+++ ${how} +++` })
    this.tracees.delete(pid)
  }
}

// --- signals ---------------------------------------------------------------------------------------------------------

const codes = new Map<number, Record<number, string>>([
  [SIGSEGV, { [SEGV_MAPERR]: 'SEGV_MAPERR', [SEGV_ACCERR]: 'SEGV_ACCERR' }],
  [SIGBUS, { [BUS_ADRERR]: 'BUS_ADRERR' }],
  [SIGFPE, { [FPE_INTDIV]: 'FPE_INTDIV' }],
  [SIGCHLD, { [CLD_EXITED]: 'CLD_EXITED', [CLD_KILLED]: 'CLD_KILLED', [CLD_DUMPED]: 'CLD_DUMPED' }],
])

const generalCodes: Record<number, string> = {
  [SI_USER]: 'SI_USER',
  [SI_TKILL]: 'SI_TKILL',
  [SI_KERNEL]: 'SI_KERNEL',
}

/** `si_code=SEGV_MAPERR, si_addr=0x10`. Where the instruction of a SIGFPE lies is not known here. */
function showSigInfo(sig: number, info: SigInfo): string {
  const { code, pid, uid, address, status, utime } = info
  const shown = `si_code=${codes.get(sig)?.[code] ?? generalCodes[code] ?? code}`
  if (code === SI_USER || code === SI_TKILL) return `${shown}, si_pid=${pid}, si_uid=${uid}`
  if (sig === SIGCHLD) {
    const how = code === CLD_EXITED ? String(status) : signalName(status)
    return `${shown}, si_pid=${pid}, si_uid=${uid}, si_status=${how}, si_utime=${utime}, si_stime=0`
  }
  if (sig !== SIGSEGV && sig !== SIGBUS) return shown
  return `${shown}, si_addr=${showAddress(address)}`
}

// --- lines -----------------------------------------------------------------------------------------------------------

export class StraceWriter {
  private readonly broken = new Set<number>() // calls whose line another one's has ended
  private unfinished: { call: Begun; line: string } | null = null
  private readonly prefix: (item: StraceItem) => string

  /** `prefix`: what stands before a line that begins with the item, `[pid   312] `. */
  constructor(prefix: (item: StraceItem) => string) {
    this.prefix = prefix
  }

  /** What is written now: a call's line grows when the call is done. */
  write(item: StraceItem): string {
    const { unfinished } = this
    this.unfinished = null
    if (unfinished !== null && item.kind === 'done' && item.id === unfinished.call.id) {
      const line = withResult(`${unfinished.line}${item.tail})`, item.value)
      return `${line.slice(unfinished.line.length)}\n`
    }
    const before = unfinished === null ? '' : ' <unfinished ...>\n'
    if (unfinished !== null) this.broken.add(unfinished.call.id)
    const prefix = this.prefix(item)
    if (item.kind === 'note') return `${before}${prefix}${item.text}\n`
    if (item.kind === 'done')
      return `${before}${withResult(`${prefix}${this.endOf(item)})`, item.value)}\n`
    this.unfinished = { call: item, line: prefix + item.head }
    return before + this.unfinished.line
  }

  private endOf(item: Done): string {
    if (!this.broken.delete(item.id)) return item.head + item.tail
    return `<... ${item.name} resumed>${item.value === '?' ? '' : item.tail}`
  }

  /** The tracing ends in the middle of a call. */
  detach(): string {
    const text = this.unfinished === null ? '' : ' <detached ...>\n'
    this.unfinished = null
    return text
  }
}
