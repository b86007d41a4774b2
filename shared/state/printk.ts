// The system log: what the kernel says (dmesg) and what daemons tell syslogd, in one ring.

import { TICK_MS, type Machine } from './machine.ts'

const SYSLOG_KEEP = 1000

/** A line of the kernel's own. */
export function printk(m: Machine, text: string): void {
  syslog(m, 'kernel', text)
}

/** A line of a daemon's; `ident` as syslog shows it: 'sshd[612]'. */
export function syslog(m: Machine, ident: string, text: string): void {
  m.syslog.push({ ms: m.ticks * TICK_MS, ident, text })
  m.syslogLines++
  if (m.syslog.length > SYSLOG_KEEP) m.syslog.shift()
}
