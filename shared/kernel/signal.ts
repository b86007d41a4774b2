// Signals: sent by setting a bit, acted on when the task would run (kernel/signal.c). Only default actions and those a
// built-in program catches itself; handlers come with compiled programs.

import { EPERM, ESRCH } from '../lib/errno.ts'
import type { Machine } from '../state/machine.ts'
import { enqueueTask, wakeUp } from '../state/runqueue.ts'
import {
  NSIG,
  SIGABRT,
  SIGBUS,
  SIGCHLD,
  SIGCONT,
  SIGFPE,
  SIGILL,
  SIGKILL,
  SIGQUIT,
  SIGSEGV,
  SIGSTOP,
  SIGTRAP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  SIGURG,
  SIGWINCH,
  SI_KERNEL,
  SI_USER,
  type Task,
} from '../state/task.ts'
import {
  TRACE_SIGNAL_ALREADY_PENDING,
  TRACE_SIGNAL_DELIVERED,
  TRACE_SIGNAL_IGNORED,
  type SigInfo,
} from '../trace/events.ts'
import { emit } from '../trace/trace.ts'
import { sigMask } from '../mm/oomKill.ts'
import { mkSigInfo, senderInfo, traceSignal } from '../mm/siginfo.ts'
import { isKthread } from './kthread.ts'

const IGNORED_BY_DEFAULT = sigMask(SIGCHLD) | sigMask(SIGURG) | sigMask(SIGWINCH) | sigMask(SIGCONT)
const STOPS = sigMask(SIGSTOP) | sigMask(SIGTSTP) | sigMask(SIGTTIN) | sigMask(SIGTTOU)
const DUMPS_CORE =
  sigMask(SIGQUIT) |
  sigMask(SIGILL) |
  sigMask(SIGTRAP) |
  sigMask(SIGABRT) |
  sigMask(SIGFPE) |
  sigMask(SIGBUS) |
  sigMask(SIGSEGV)
/** Flag in wait4's status: a core was dumped. */
export const WCOREFLAG = 0x80

/** Makes the signal pending and wakes the task if it will do anything. */
export function sendSignal(
  m: Machine,
  task: Task,
  signal: number,
  info: SigInfo = mkSigInfo(SI_KERNEL),
): void {
  if (task.state === 'Z' || isKthread(task)) return
  const before = task.pending
  const result = isIgnored(task, signal)
    ? TRACE_SIGNAL_IGNORED
    : (before & sigMask(signal)) !== 0
      ? TRACE_SIGNAL_ALREADY_PENDING
      : TRACE_SIGNAL_DELIVERED
  traceSignal(m, task, signal, info, result)
  const bit = sigMask(signal)
  if (signal === SIGCONT || signal === SIGKILL) {
    task.pending &= ~STOPS
    if (task.state === 'T') wakeUp(m, task)
  }
  if ((STOPS & bit) !== 0) task.pending &= ~sigMask(SIGCONT)
  if (isIgnored(task, signal)) return
  task.pending |= bit
  enqueueTask(m, task)
  if (task.state === 'S' || (signal === SIGKILL && task.state === 'D')) task.state = 'R'
}

/** Whether the signal does nothing to the task (sig_task_ignored). */
function isIgnored(task: Task, signal: number): boolean {
  const bit = sigMask(signal)
  if (task.pid === 1 && (task.caught & bit) === 0) return true // init gets only what it asks for
  if ((task.ignored & bit) !== 0 && signal !== SIGKILL && signal !== SIGSTOP) return true
  return (IGNORED_BY_DEFAULT & bit) !== 0 && (task.caught & bit) === 0
}

/** Whether `sender` may signal `task` (check_kill_permission). */
export function mayKill(sender: Task, task: Task): boolean {
  return sender.uid === 0 || sender.uid === task.uid
}

/** kill(2) for one process. Signal 0 only asks. `code` tells kill from tgkill. */
export function killTask(
  m: Machine,
  sender: Task,
  task: Task | undefined,
  signal: number,
  code = SI_USER,
): number {
  if (task === undefined) return -ESRCH
  if (!mayKill(sender, task)) return -EPERM
  if (signal > 0 && signal <= NSIG) sendSignal(m, task, signal, senderInfo(sender, code))
  return 0
}

/** What the pending signals make of a task. */
export type SignalAction = { kind: 'none' } | { kind: 'exit'; status: number } | { kind: 'stop' }

/**
 * Takes the pending signals that end or stop the task; caught ones stay for the program. `status` is wait4's: the
 * signal's number, and WCOREFLAG where the action is to dump a core.
 */
export function getSignal(m: Machine, task: Task): SignalAction {
  if ((task.pending & sigMask(SIGKILL)) !== 0) {
    deliver(m, task, SIGKILL)
    return { kind: 'exit', status: SIGKILL }
  }
  for (let signal = 1; signal <= NSIG; signal++) {
    const bit = sigMask(signal)
    if ((task.pending & bit) === 0 || (task.caught & bit) !== 0) continue
    deliver(m, task, signal)
    if ((IGNORED_BY_DEFAULT & bit) !== 0) continue // caught when it came, before an execve
    if ((STOPS & bit) !== 0) return { kind: 'stop' }
    return { kind: 'exit', status: signal | ((DUMPS_CORE & bit) !== 0 ? WCOREFLAG : 0) }
  }
  return { kind: 'none' }
}

const FAULTS = sigMask(SIGSEGV) | sigMask(SIGBUS) | sigMask(SIGFPE)

/** The task gets a pending signal: by its default action, or by what the program does itself when it has caught it. */
export function deliver(m: Machine, task: Task, sig: number): void {
  task.pending &= ~sigMask(sig)
  if (!m.trace.on.signal_deliver) return
  const code = (FAULTS & sigMask(sig)) !== 0 ? task.faultCode : SI_USER
  emit(m.trace, m.ticks, task.pid, 'signal_deliver', { sig, code })
}
