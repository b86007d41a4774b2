// What a signal carries along (siginfo_t). Tasks do not keep it; those who watch are told.

import type { Machine } from '../state/machine.ts'
import { SI_USER, type Task } from '../state/task.ts'
import type { SigInfo } from '../trace/events.ts'
import { emit } from '../trace/trace.ts'

/** A signal of the kernel's own (SI_KERNEL), a fault's, or whatever else has but a code. */
export function mkSigInfo(code: number, address = 0): SigInfo {
  return { code, pid: 0, uid: 0, address, status: 0, utime: 0 }
}

/** A signal that a process has sent. */
export function senderInfo({ pid, uid }: Task, code = SI_USER): SigInfo {
  return { code, pid, uid, address: 0, status: 0, utime: 0 }
}

/** `result`: TRACE_SIGNAL_*. */
export function traceSignal(
  m: Machine,
  { pid, comm }: Task,
  sig: number,
  info: SigInfo,
  result: number,
): void {
  if (!m.trace.on.signal_generate) return
  emit(m.trace, m.ticks, m.current?.pid ?? 0, 'signal_generate', { sig, info, comm, pid, result })
}
