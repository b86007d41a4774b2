// Signals by name and number, and what bash says of a process that one has ended.

/** Index: the number. */
export const SIGNAL_NAMES = [
  '0',
  'HUP',
  'INT',
  'QUIT',
  'ILL',
  'TRAP',
  'ABRT',
  'BUS',
  'FPE',
  'KILL',
  'USR1',
  'SEGV',
  'USR2',
  'PIPE',
  'ALRM',
  'TERM',
  'STKFLT',
  'CHLD',
  'CONT',
  'STOP',
  'TSTP',
  'TTIN',
  'TTOU',
  'URG',
  'XCPU',
  'XFSZ',
  'VTALRM',
  'PROF',
  'WINCH',
  'IO',
  'PWR',
  'SYS',
]

const TEXTS: Record<string, string> = {
  HUP: 'Hangup',
  INT: 'Interrupt',
  QUIT: 'Quit',
  ILL: 'Illegal instruction',
  TRAP: 'Trace/breakpoint trap',
  ABRT: 'Aborted',
  BUS: 'Bus error',
  FPE: 'Floating point exception',
  KILL: 'Killed',
  USR1: 'User defined signal 1',
  SEGV: 'Segmentation fault',
  USR2: 'User defined signal 2',
  PIPE: 'Broken pipe',
  ALRM: 'Alarm clock',
  TERM: 'Terminated',
  STKFLT: 'Stack fault',
  XCPU: 'CPU time limit exceeded',
  XFSZ: 'File size limit exceeded',
  VTALRM: 'Virtual timer expired',
  PROF: 'Profiling timer expired',
  IO: 'I/O possible',
  PWR: 'Power failure',
  SYS: 'Bad system call',
}

/** glibc's strsignal(3). */
export function signalText(signal: number): string {
  const name = SIGNAL_NAMES[signal]
  return (name && TEXTS[name]) ?? `Unknown signal ${signal}`
}

/** `9`, `KILL`, `SIGKILL`, `kill`; null for anything else. */
export function parseSignal(text: string): number | null {
  if (/^\d+$/.test(text)) return Number(text) < SIGNAL_NAMES.length ? Number(text) : null
  const name = text.toUpperCase().replace(/^SIG/, '')
  const number = SIGNAL_NAMES.indexOf(name)
  return number > 0 ? number : null
}

/** The shell's `$?` for a wait4 status. */
export function shellStatus(waitStatus: number): number {
  const signal = waitStatus & 0x7f
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal
}
