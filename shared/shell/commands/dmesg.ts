// dmesg (util-linux 2.38.1): what the kernel has said.

import { civil, ctime } from '../../lib/clock.ts'
import { LOG_LEVELS } from '../../state/printk.ts'
import type { LogLine, Machine } from '../../state/machine.ts'
import { getopt, type OptionSpec } from '../getopt.ts'
import { procOf } from '../procps/proc.ts'
import { failed, machineOf, ok, seatOf, type Call, type Result } from '../world.ts'

const USAGE = `
Usage:
 dmesg [options]

Display or control the kernel ring buffer.

Options:
 -C, --clear                 clear the kernel ring buffer
 -c, --read-clear            read and clear all messages
 -D, --console-off           disable printing messages to console
 -E, --console-on            enable printing messages to console
 -F, --file <file>           use the file instead of the kernel log buffer
 -f, --facility <list>       restrict output to defined facilities
 -H, --human                 human readable output
 -J, --json                  use JSON output format
 -k, --kernel                display kernel messages
 -L, --color[=<when>]        colorize messages (auto, always or never)
                               colors are enabled by default
 -l, --level <list>          restrict output to defined levels
 -n, --console-level <level> set level of messages printed to console
 -P, --nopager               do not pipe output into a pager
 -p, --force-prefix          force timestamp output on each line of multi-line messages
 -r, --raw                   print the raw message buffer
     --noescape              don't escape unprintable character
 -S, --syslog                force to use syslog(2) rather than /dev/kmsg
 -s, --buffer-size <size>    buffer size to query the kernel ring buffer
 -u, --userspace             display userspace messages
 -w, --follow                wait for new messages
 -W, --follow-new            wait and print only new messages
 -x, --decode                decode facility and level to readable string
 -d, --show-delta            show time delta between printed messages
 -e, --reltime               show local time and time delta in readable format
 -T, --ctime                 show human-readable timestamp (may be inaccurate!)
 -t, --notime                don't show any timestamp with messages
     --time-format <format>  show timestamp using the given format:
                               [delta|reltime|ctime|notime|iso]
Suspending/resume will make ctime and iso timestamps inaccurate.
     --since <time>          display the lines since the specified time
     --until <time>          display the lines until the specified time

 -h, --help                  display this help
 -V, --version               display version

Supported log facilities:
    kern - kernel messages
    user - random user-level messages
    mail - mail system
  daemon - system daemons
    auth - security/authorization messages
  syslog - messages generated internally by syslogd
     lpr - line printer subsystem
    news - network news subsystem

Supported log levels (priorities):
   emerg - system is unusable
   alert - action must be taken immediately
    crit - critical conditions
     err - error conditions
    warn - warning conditions
  notice - normal but significant condition
    info - informational
   debug - debug-level messages

For more details see dmesg(1).
`
const TRY = "Try 'dmesg --help' for more information.\n"

const OPTIONS: OptionSpec[] = [
  { name: 'H', long: 'human' },
  { name: 'k', long: 'kernel' },
  { name: 'L', long: 'color', takes: 'optional' },
  { name: 'l', long: 'level', takes: 'value' },
  { name: 'P', long: 'nopager' },
  { name: 'p', long: 'force-prefix' },
  { name: 'r', long: 'raw' },
  { name: 'S', long: 'syslog' },
  { name: 's', long: 'buffer-size', takes: 'value' },
  { name: 'x', long: 'decode' },
  { name: 'd', long: 'show-delta' },
  { name: 'e', long: 'reltime' },
  { name: 'T', long: 'ctime' },
  { name: 't', long: 'notime' },
  { name: 'time-format', long: 'time-format', takes: 'value' },
  { name: 'h', long: 'help' },
  { name: 'V', long: 'version' },
]

export interface DmesgWish {
  time: 'seconds' | 'ctime' | 'notime' | 'delta' | 'reltime' | 'iso'
  delta: boolean // beside the time
  decode: boolean
  raw: boolean
  prefixAll: boolean // each line of a message
}

const FORMATS: Record<string, DmesgWish['time']> = {
  delta: 'delta',
  reltime: 'reltime',
  ctime: 'ctime',
  notime: 'notime',
  iso: 'iso',
}

export function dmesg(call: Call): Result {
  const wish: DmesgWish = {
    time: 'seconds',
    delta: false,
    decode: false,
    raw: false,
    prefixAll: false,
  }
  let levels: readonly string[] = LOG_LEVELS
  const { found, operands } = getopt(call.args, OPTIONS)
  for (const option of found) {
    if ('problem' in option) return failed(`dmesg: ${option.problem}\n${TRY}`)
    const { name, value } = option
    if (name === 'h') return ok(USAGE)
    if (name === 'V') return ok('dmesg from util-linux 2.38.1\n')
    if (name === 'l') {
      const parsed = levelList(value!)
      if (typeof parsed === 'string') return failed(`dmesg: unknown level '${parsed}'\n`)
      levels = parsed
    } else if (name === 'time-format') {
      if (!Object.hasOwn(FORMATS, value!)) return failed(`dmesg: unknown time format: ${value}\n`)
      wish.time = FORMATS[value!]
    } else if (name === 'T') wish.time = 'ctime'
    else if (name === 't') wish.time = 'notime'
    else if (name === 'e' || name === 'H') wish.time = 'reltime'
    else if (name === 'd') wish.delta = true
    else if (name === 'x') wish.decode = true
    else if (name === 'r') wish.raw = true
    else if (name === 'p') wish.prefixAll = true
  }
  if (operands.length > 0) return failed(`dmesg: bad usage\n${TRY}`)
  const restricted = procOf(call.world).read('sys/kernel/dmesg_restrict')?.trim() !== '0'
  if (restricted && seatOf(call.world).uid !== 0) {
    return failed('dmesg: read kernel buffer failed: Operation not permitted\n')
  }
  const m = machineOf(call.world)
  const lines = m.syslog.filter(({ ident, level }) => ident === 'kernel' && levels.includes(level))
  return ok(dmesgReport(m, lines, wish))
}

/** `err,warn`; a word that is no level. */
function levelList(text: string): string[] | string {
  const wanted = text.split(',')
  const unknown = wanted.find((word) => !(LOG_LEVELS as readonly string[]).includes(word))
  return unknown ?? wanted
}

export function dmesgReport(
  { bootTime }: Pick<Machine, 'bootTime'>,
  lines: LogLine[],
  wish: DmesgWish,
): string {
  let text = ''
  let before: LogLine | null = null
  for (const line of lines) {
    const prefix = decoded(line, wish) + stamp(bootTime, line, before, wish)
    const [first, ...more] = line.text.split('\n')
    text += `${prefix}${first}\n`
    for (const part of more)
      text += `${wish.prefixAll || wish.raw ? prefix : ' '.repeat(prefix.length)}${part}\n`
    before = line
  }
  return text
}

/** `kern  :info  : ` */
function decoded({ level }: LogLine, { decode, raw }: DmesgWish): string {
  if (raw) return `<${(LOG_LEVELS as readonly string[]).indexOf(level)}>`
  return decode ? `kern  :${level.padEnd(6)}: ` : ''
}

function stamp(
  bootTime: number,
  { ms }: LogLine,
  before: LogLine | null,
  { time, delta, raw }: DmesgWish,
): string {
  const since = before === null || before.ms === 0 ? 0 : (ms - before.ms) / 1000
  const seconds = (ms / 1000).toFixed(6).padStart(12)
  const gap = `<${since.toFixed(6).padStart(12)}>`
  if (raw) return `[${seconds}] `
  switch (time) {
    case 'seconds':
      return delta ? `[${seconds} ${gap}] ` : `[${seconds}] `
    case 'ctime':
      return delta ? `[${ctime(bootTime + ms)} ${gap}] ` : `[${ctime(bootTime + ms)}] `
    case 'notime':
      return delta ? `[${gap}] ` : ''
    case 'delta':
      return `[${gap}] `
    case 'reltime':
      return delta ? `[${gap}] ` : relative(bootTime, ms, before, since)
    case 'iso':
      return `${iso(bootTime + ms)} `
  }
}

/** The date and time where the minute is another than before, else what has gone by since. */
function relative(bootTime: number, ms: number, before: LogLine | null, since: number): string {
  const minute = (at: number) => Math.floor((bootTime + at) / 60_000)
  if (before !== null && minute(ms) === minute(before.ms)) {
    return since < 10 ? `[  +${since.toFixed(6)}] ` : `[ +${since.toFixed(6)}] `
  }
  const { month, day, time } = civil(bootTime + ms)
  return `[${month}${String(day).padStart(2)} ${time.slice(0, 5)}] `
}

/** `2026-11-22T22:05:58,123456+00:00` */
function iso(at: number): string {
  const { year, monthNumber, day, time } = civil(at)
  const two = (n: number) => String(n).padStart(2, '0')
  const micro = String((at % 1000) * 1000).padStart(6, '0')
  return `${year}-${two(monthNumber)}-${two(day)}T${time},${micro}+00:00`
}
