// The system log: what the kernel says (dmesg) and what daemons tell syslogd, in one ring.

import { TICK_MS, type Machine } from './machine.ts'

const SYSLOG_KEEP = 1000

/** How much a line of the kernel's matters (include/linux/kern_levels.h); the place in the list is the number. */
export const LOG_LEVELS = [
  'emerg',
  'alert',
  'crit',
  'err',
  'warn',
  'notice',
  'info',
  'debug',
] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** A line of the kernel's own; who says nothing of its weight warns (MESSAGE_LOGLEVEL_DEFAULT). */
export function printk(m: Machine, text: string, level: LogLevel = 'warn'): void {
  log(m, 'kernel', text, level)
}

/** A line of a daemon's; `ident` as syslog shows it: 'sshd[612]'. */
export function syslog(m: Machine, ident: string, text: string): void {
  log(m, ident, text, 'info')
}

function log(m: Machine, ident: string, text: string, level: LogLevel): void {
  m.syslog.push({ ms: m.ticks * TICK_MS, ident, text, level })
  m.syslogLines++
  if (m.syslog.length > SYSLOG_KEEP) m.syslog.shift()
}
