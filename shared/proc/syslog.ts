// /var/log/syslog: what the kernel and the daemons said, with the machine's own date (the traditional format of syslogd).
//
// Sep 14 08:15:02 lab sshd[302]: Accepted publickey for ada from 192.168.1.5 port 51234 ssh2
// Sep 14 08:15:40 lab kernel: [   38.250000] Out of memory: Killed process 311 (hog) …

import { civil } from '../lib/clock.ts'
import type { LogLine, Machine } from '../state/machine.ts'

export function procSyslog(m: Machine): string {
  return m.syslog.map((line) => syslogLines(m, line)).join('')
}

/** A message; each of its lines with the head. */
function syslogLines(m: Machine, line: LogLine): string {
  const head = syslogHead(m, line)
  const lines = line.text.split('\n').map((text) => `${head}: ${syslogBody({ ...line, text })}\n`)
  return lines.join('')
}

/** Date, host and who says it. */
export function syslogHead(m: Machine, { ms, ident }: LogLine): string {
  const { month, day, time } = civil(m.bootTime + ms)
  return `${month} ${String(day).padStart(2)} ${time} ${m.options.hostname} ${ident}`
}

/** What is said; the kernel's own lines begin with the time since boot. */
export function syslogBody({ ms, ident, text }: LogLine): string {
  return ident === 'kernel' ? `[${(ms / 1000).toFixed(6).padStart(12)}] ${text}` : text
}
