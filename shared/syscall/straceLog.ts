// What strace(1) writes of a run of events: a line for each call, signal and end of a process (strace.c, signal.c).
//
//   [pid   312] wait4(-1,  <unfinished ...>                         another one's line comes between
//   [pid   313] exit_group(0)                    = ?                the call that never returns
//   [pid   313] +++ exited with 0 +++
//   <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 313
//   --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=313, …} ---

import { hex } from '../lib/bits.ts'
import {
  CLD_DUMPED,
  CLD_EXITED,
  CLD_KILLED,
  FPE_INTDIV,
  SEGV_ACCERR,
  SEGV_MAPERR,
  BUS_ADRERR,
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
  type TraceName,
} from '../trace/events.ts'
import { signalName, withResult } from './strace.ts'

/** What has to be watched for it. */
export const STRACE_EVENTS: readonly TraceName[] = [
  'sys_enter',
  'sys_exit',
  'signal_generate',
  'signal_deliver',
  'sched_process_fork',
  'sched_process_exit',
]

/** A line that is complete, or a process that is now traced as well. */
export interface StraceLine {
  ticks: number
  pid: number
  text: string
}

/** A call that has begun and is not over. */
interface OpenCall {
  line: string // as strace began it
  open: boolean // arguments are still to come
  resumed: boolean // its line was broken off
  name: string
}

interface Tracee {
  call: OpenCall | null
  infos: Map<number, SigInfo> // of signals on their way
  ignored: number[] // signals that came during a call and do nothing
}

const STOPS = [SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU]

export class StraceLog {
  private readonly tracees = new Map<number, Tracee>()
  private readonly follow: boolean
  private readonly wanted: (call: string) => boolean
  private last = 0 // whose line is not finished

  /** `follow`: children are traced, too. `wanted`: of which calls lines are written. */
  constructor({
    follow = false,
    wanted = () => true,
  }: { follow?: boolean; wanted?: (call: string) => boolean } = {}) {
    this.follow = follow
    this.wanted = wanted
  }

  attach(pid: number): void {
    this.tracees.set(pid, { call: null, infos: new Map(), ignored: [] })
  }

  get pids(): number[] {
    return [...this.tracees.keys()]
  }

  has(pid: number): boolean {
    return this.tracees.has(pid)
  }

  /** The lines that the event finishes. */
  take(event: TraceEvent): StraceLine[] {
    const lines: StraceLine[] = []
    const say = (pid: number, text: string) => lines.push({ ticks: event.ticks, pid, text })
    if (event.name === 'signal_generate') this.generate(event.args, say)
    const tracee = this.tracees.get(event.pid)
    if (tracee === undefined) return lines
    switch (event.name) {
      case 'sys_enter':
        this.enter(event.pid, tracee, event.args, say)
        break
      case 'sys_exit':
        this.exit(event.pid, tracee, event.args, say)
        break
      case 'signal_deliver':
        this.deliver(event.pid, tracee, event.args.sig, say)
        break
      case 'sched_process_fork':
        if (this.follow) this.attach(event.args.child_pid)
        break
      case 'sched_process_exit':
        this.end(event.pid, tracee, event.args.status, say)
        break
    }
    return lines
  }

  /** What is written of a call that is still being made when the tracing ends. */
  detach(): StraceLine[] {
    const lines: StraceLine[] = []
    for (const [pid, { call }] of this.tracees) {
      if (call !== null && !call.resumed)
        lines.push({ ticks: 0, pid, text: `${call.line} <detached ...>` })
    }
    this.tracees.clear()
    return lines
  }

  /** A line of another process: the one that is not finished is broken off. */
  private turnTo(pid: number, say: Say): void {
    const call = this.tracees.get(this.last)?.call ?? null
    if (this.last !== pid && call !== null && !call.resumed) {
      say(this.last, `${call.line} <unfinished ...>`)
      call.resumed = true
    }
    this.last = pid
  }

  private enter(
    pid: number,
    tracee: Tracee,
    { line, open, name }: { line: string; open: boolean; name: string },
    say: Say,
  ): void {
    if (!this.wanted(name)) return
    this.turnTo(pid, say)
    tracee.call = { line, open, resumed: false, name }
  }

  private exit(
    pid: number,
    tracee: Tracee,
    { line, value, name }: { line: string; value: string; name: string },
    say: Say,
  ): void {
    if (this.wanted(name)) {
      this.turnTo(pid, say)
      const { call } = tracee
      const begun = call === null || call.resumed ? `<... ${name} resumed>` : call.line
      say(pid, withResult(`${begun}${line})`, value))
      tracee.call = null
    }
    for (const sig of tracee.ignored.splice(0)) this.tell(pid, tracee, sig, say)
  }

  private generate(
    { pid, sig, info, result }: { pid: number; sig: number; info: SigInfo; result: number },
    say: Say,
  ): void {
    const tracee = this.tracees.get(pid)
    if (tracee === undefined) return
    tracee.infos.set(sig, info)
    // Whoever is traced is told of signals that do nothing as well, when it is not in the kernel.
    if (result !== TRACE_SIGNAL_IGNORED) return
    if (tracee.call === null) this.tell(pid, tracee, sig, say)
    else tracee.ignored.push(sig)
  }

  private deliver(pid: number, tracee: Tracee, sig: number, say: Say): void {
    if (sig === SIGKILL) return
    this.tell(pid, tracee, sig, say)
    if (STOPS.includes(sig)) say(pid, `--- stopped by ${signalName(sig)} ---`)
  }

  private tell(pid: number, tracee: Tracee, sig: number, say: Say): void {
    this.turnTo(pid, say)
    const info = tracee.infos.get(sig)
    tracee.infos.delete(sig)
    const rest = info === undefined ? '' : `, ${showSigInfo(sig, info)}`
    say(pid, `--- ${signalName(sig)} {si_signo=${signalName(sig)}${rest}} ---`)
  }

  private end(pid: number, tracee: Tracee, status: number, say: Say): void {
    const { call } = tracee
    this.turnTo(pid, say)
    if (call !== null) {
      const begun = call.resumed ? `<... ${call.name} resumed>` : call.line
      const unfinished = call.open && !call.resumed ? ' <unfinished ...>' : ''
      say(pid, withResult(`${begun}${unfinished})`, '?'))
    }
    tracee.call = null
    const signal = status & 0x7f
    const dumped = (status & 0x80) !== 0 ? ' (core dumped)' : ''
    say(
      pid,
      signal === 0
        ? `+++ exited with ${status >> 8} +++`
        : `+++ killed by ${signalName(signal)}${dumped} +++`,
    )
    this.tracees.delete(pid)
  }
}

type Say = (pid: number, text: string) => void

const faultCodes = new Map<number, Record<number, string>>([
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

/** `si_code=SEGV_MAPERR, si_addr=0x10`. Where the fault's instruction lies is not known here. */
function showSigInfo(sig: number, info: SigInfo): string {
  const { code, pid, uid, address, status, utime } = info
  const shown = `si_code=${faultCodes.get(sig)?.[code] ?? generalCodes[code] ?? code}`
  if (sig === SIGCHLD) {
    const how = code === CLD_EXITED ? String(status) : signalName(status)
    return `${shown}, si_pid=${pid}, si_uid=${uid}, si_status=${how}, si_utime=${utime}, si_stime=0`
  }
  if (code === SI_USER || code === SI_TKILL) return `${shown}, si_pid=${pid}, si_uid=${uid}`
  if (sig !== SIGSEGV && sig !== SIGBUS) return shown
  return `${shown}, si_addr=${address === 0 ? 'NULL' : `0x${hex(address)}`}`
}
