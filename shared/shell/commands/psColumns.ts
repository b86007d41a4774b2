// The columns of ps (procps 4.0.2): their names, headers, widths and what stands in them.

import { civil, ctime, hms } from '../../lib/clock.ts'
import { hex } from '../../lib/bits.ts'
import { CLK_TCK } from '../../state/cputime.ts'
import type { Process } from '../procps/process.ts'
import type { Column } from '../table.ts'
import { escapeStr } from '../text.ts'

/** What ps has to know besides the process. */
export interface PsContext {
  uptime: number // s
  bootTime: number // s since 1970
  memTotal: number // kB
  pageKb: number
  bits: 64 | 32
  userName: (uid: number) => string
  uidOf: (name: string) => number | null
}

type Show = (process: Process, ps: PsContext) => string | number
type Key = (process: Process, ps: PsContext) => string | number

export interface Spec extends Column {
  show: Show
  key: Key // for --sort
  /** Cut to its width where another column follows, marked with a + for `name`. */
  cut?: 'plain' | 'name'
}

function right(header: string, width: number, show: Show, key: Key = show): Spec {
  return { header, width, right: true, show, key }
}

function left(header: string, width: number, show: Show, cut?: Spec['cut'], key: Key = show): Spec {
  return { header, width, right: false, show, key, cut }
}

const user = (header: string, id: Show) =>
  left(header, 8, (process, ps) => ps.userName(Number(id(process, ps))), 'name')
const uid = (header: string, index: number) => right(header, 5, (p) => p.ids('Uid')[index])
const gid = (header: string, index: number) => right(header, 5, (p) => p.ids('Gid')[index])
const signals = (header: string, line: string) => right(header, 16, (p) => p.status(line))

const pid = right('PID', 5, (p) => p.pid)
const ppid = right('PPID', 5, (p) => p.stat.ppid)
const pgid = right('PGID', 5, (p) => p.stat.pgrp)
const sid = right('SID', 5, (p) => p.stat.session)
const comm = left('COMMAND', 15, (p) => p.name(), 'plain')
const args = left('COMMAND', 27, (p) => p.commandLine(), 'plain')
const tty = left('TTY', 8, (p) => p.tty())
const nice = right('NI', 3, (p) => (p.stat.policy === 0 || p.stat.policy === 3 ? p.stat.nice : '-'))
const vsz = right('VSZ', 6, (p) => p.statusKb('VmSize'))
const rss = right('RSS', 5, (p) => p.statusKb('VmRSS'))
const pcpu = right('%CPU', 4, (p, ps) => percentText(cpuPermille(p, ps)), cpuPermille)
const pmem = right(
  '%MEM',
  4,
  (p, ps) => (memPermille(p, ps) / 10).toFixed(1),
  (p) => p.stat.rss,
)
const time = right('TIME', 8, (p) => daysAndTime(cpuSeconds(p)), ticks)
const bsdtime = right('TIME', 6, (p) => minutes(cpuSeconds(p)), ticks)
const times = right('TIME', 8, cpuSeconds)
const stime = right('STIME', 5, startText, begun)
const state = left('S', 1, (p) => p.stat.state)
const majflt = right('MAJFLT', 6, (p) => p.stat.majflt)
const minflt = right('MINFLT', 6, (p) => p.stat.minflt)
const wchan = left('WCHAN', 6, (p) => p.wchan(), 'plain')
const policy = (p: Process) => ['TS', 'FF', 'RR', 'B'][p.stat.policy] ?? '?'
const priority = (header: string, of: (priority: number) => number) =>
  right(header, 3, (p) => of(p.stat.priority))
const opri = priority('PRI', (n) => n + 60)
const flags = right('F', 1, (p) => ((p.stat.flags >> 6) & 7).toString(8))
const textKb = (p: Process) => Math.floor((p.stat.endcode - p.stat.startcode) / 1024)
const dataKb = (p: Process) =>
  p.stat.vsize === 0 ? 0 : Math.floor((p.stat.vsize - p.stat.endcode + p.stat.startcode) / 1024)
const trs = (header: string, width = 4) =>
  right(header, width, (p) => (p.stat.vsize === 0 ? 0 : textKb(p)))

/** Names for -o and --sort. */
export const SPECS: Record<string, Spec> = {
  '%cpu': pcpu,
  '%mem': pmem,
  addr: right('ADDR', 4, () => '-'),
  args,
  blocked: signals('BLOCKED', 'SigBlk'),
  bsdstart: right('START', 6, bsdStart, begun),
  bsdtime,
  c: right('C', 2, (p, ps) => Math.min(Math.floor(cpuPermille(p, ps) / 10), 99)),
  caught: signals('CAUGHT', 'SigCgt'),
  class: left('CLS', 3, policy),
  cls: right('CLS', 3, policy),
  cmd: { ...args, header: 'CMD' },
  comm,
  command: args,
  cp: right('CP', 3, (p, ps) => Math.min(cpuPermille(p, ps), 999)),
  cputime: time,
  cputimes: times,
  drs: right('DRS', 5, dataKb),
  dsiz: right('DSIZ', 4, dataKb),
  egid: gid('EGID', 1),
  egroup: user('EGROUP', (p) => p.ids('Gid')[1]),
  etime: right('ELAPSED', 11, (p, ps) => elapsedText(Math.trunc(elapsed(p, ps))), elapsed),
  etimes: right('ELAPSED', 7, (p, ps) => Math.trunc(elapsed(p, ps))),
  euid: uid('EUID', 1),
  euser: user('EUSER', (p) => p.ids('Uid')[1]),
  f: flags,
  fgid: gid('FGID', 3),
  flag: flags,
  flags,
  fname: left('COMMAND', 8, (p) => escapeStr(p.stat.comm).slice(0, 8)),
  fuid: uid('FUID', 3),
  gid: gid('GID', 1),
  group: user('GROUP', (p) => p.ids('Gid')[1]),
  ignored: signals('IGNORED', 'SigIgn'),
  intpri: opri,
  lstart: right('STARTED', 24, (p, ps) => ctime(startedAt(p, ps) * 1000), begun),
  lwp: right('LWP', 5, (p) => p.pid),
  maj_flt: { ...majflt, header: 'MAJFL' },
  majflt,
  min_flt: { ...minflt, header: 'MINFL' },
  minflt,
  ni: nice,
  nice,
  nlwp: right('NLWP', 4, (p) => p.stat.numThreads),
  oom: right('OOM', 4, (p) => Number(p.file('oom_score'))),
  oomadj: right('OOMADJ', 5, (p) => Number(p.file('oom_score_adj'))),
  opri,
  pagein: { ...majflt, header: 'PAGEIN' },
  pcpu,
  pending: signals('PENDING', 'ShdPnd'),
  pgid,
  pgrp: { ...pgid, header: 'PGRP' },
  pid,
  pmem,
  policy: left('POL', 3, policy),
  ppid,
  pri: priority('PRI', (n) => 39 - n),
  priority: priority('PRI', (n) => n),
  psr: right('PSR', 3, () => 0),
  rgid: gid('RGID', 0),
  rgroup: user('RGROUP', (p) => p.ids('Gid')[0]),
  rss,
  rssize: rss,
  rsz: { ...rss, header: 'RSZ' },
  rtprio: right('RTPRIO', 6, () => '-'),
  ruid: uid('RUID', 0),
  ruser: user('RUSER', (p) => p.ids('Uid')[0]),
  s: state,
  sched: right('SCH', 3, (p) => p.stat.policy),
  sess: { ...sid, header: 'SESS' },
  session: { ...sid, header: 'SESS' },
  sgid: gid('SGID', 2),
  sid,
  size: right('SIZE', 5, (p) => p.statusKb('VmData') + p.statusKb('VmStk')),
  stackp: right('STACKP', 16, (p, { bits }) => hex(p.stat.startstack, bits / 4)),
  start: right('STARTED', 8, startedText, begun),
  start_time: { ...stime, header: 'START' },
  stat: left('STAT', 4, statText, undefined, (p) => p.stat.state),
  state,
  stime,
  suid: uid('SUID', 2),
  sz: right('SZ', 5, (p, { pageKb }) => Math.floor(p.statusKb('VmSize') / pageKb)),
  tgid: right('TGID', 5, (p) => p.pid),
  thcount: right('THCNT', 5, (p) => p.stat.numThreads),
  tid: right('TID', 5, (p) => p.pid),
  time,
  times,
  tname: tty,
  tpgid: right('TPGID', 5, (p) => p.stat.tpgid),
  trs: trs('TRS'),
  m_trs: trs('TRS', 5),
  trss: trs('TRSS'),
  tsiz: trs('TSIZ'),
  tt: { ...tty, header: 'TT' },
  tty: { ...tty, header: 'TT' },
  ucmd: { ...comm, header: 'CMD' },
  ucomm: comm,
  uid: uid('UID', 1),
  uname: user('USER', (p) => p.ids('Uid')[1]),
  user: user('USER', (p) => p.ids('Uid')[1]),
  vsize: vsz,
  vsz,
  wchan,
  wname: wchan,
}

function columns(names: string): Spec[] {
  return names.split(' ').map((name) => SPECS[name])
}

const uidColumn = { ...SPECS.user, header: 'UID' }

export const FORMATS = {
  plain: columns('pid tname time ucmd'),
  full: [uidColumn, ...columns('pid ppid c stime tname time cmd')],
  extraFull: [uidColumn, ...columns('pid ppid c sz rss psr stime tname time cmd')],
  jobs: columns('pid pgid sid tname time ucmd'),
  fullJobs: [uidColumn, ...columns('pid ppid pgid sid c stime tname time cmd')],
  long: [
    ...columns('f s uid pid ppid c opri ni'),
    { ...SPECS.addr, width: 4, right: false },
    { ...SPECS.sz, width: 2 },
    ...columns('wchan tname time ucmd'),
  ],
  longRss: columns('s uid pid ppid c opri ni rss sz wchan tname time ucmd'),
  fullLong: [
    ...columns('f s'),
    uidColumn,
    ...columns('pid ppid c opri ni'),
    { ...SPECS.addr, width: 4, right: false },
    { ...SPECS.sz, width: 2 },
    ...columns('wchan stime tname time cmd'),
  ],
  bsd: columns('pid tname stat bsdtime args'),
  bsdUser: columns('user pid pcpu pmem vsz rss tname stat start_time bsdtime args'),
  bsdLong: columns('flags uid pid ppid priority nice vsz rss wchan stat tname bsdtime args'),
  bsdJobs: columns('ppid pid pgid sid tname tpgid stat uid bsdtime args'),
  bsdSignals: columns('uid pid pending blocked ignored caught stat tname bsdtime args'),
  bsdMemory: columns('pid tname stat bsdtime maj_flt m_trs drs rss pmem args'),
}

function ticks(p: Process): number {
  return p.cpuTicks()
}

function cpuSeconds(p: Process): number {
  return Math.floor(p.cpuTicks() / CLK_TCK)
}

function begun(p: Process): number {
  return p.stat.starttime
}

/** Seconds since 1970. */
function startedAt(p: Process, { bootTime }: PsContext): number {
  return bootTime + Math.floor(p.stat.starttime / CLK_TCK)
}

/** Seconds, with what is behind the point. */
function elapsed(p: Process, { uptime }: PsContext): number {
  return Math.max(uptime - p.stat.starttime / CLK_TCK, 0)
}

/** Thousandths of its life that the process has run. */
export function cpuPermille(p: Process, ps: PsContext): number {
  const life = Math.trunc(elapsed(p, ps) * CLK_TCK)
  return life === 0 ? 0 : Math.floor((p.cpuTicks() * 1000) / life)
}

function percentText(permille: number): string {
  return permille > 999 ? String(Math.floor(permille / 10)) : (permille / 10).toFixed(1)
}

/** Thousandths of the machine's memory. */
function memPermille(p: Process, { memTotal }: PsContext): number {
  return Math.min(Math.floor((p.statusKb('VmRSS') * 1000) / memTotal), 999)
}

/** `[DD-]HH:MM:SS` */
function daysAndTime(seconds: number): string {
  const days = Math.floor(seconds / 86400)
  return `${days > 0 ? `${days}-` : ''}${hms(seconds % 86400)}`
}

/** `[[DD-]HH:]MM:SS` */
function elapsedText(seconds: number): string {
  const text = daysAndTime(seconds)
  return seconds < 3600 ? text.slice('00:'.length) : text
}

/** `MMM:SS` */
function minutes(seconds: number): string {
  const two = String(seconds % 60).padStart(2, '0')
  return `${String(Math.floor(seconds / 60)).padStart(3)}:${two}`
}

/** The time of day for today's processes, the date for older ones, the year for the oldest. */
function startText(p: Process, ps: PsContext): string {
  const begin = civil(startedAt(p, ps) * 1000)
  const now = civil(nowSeconds(ps) * 1000)
  if (begin.year !== now.year) return String(begin.year)
  const today = begin.day === now.day && begin.month === now.month
  return today ? begin.time.slice(0, 5) : begin.month + String(begin.day).padStart(2, '0')
}

function nowSeconds({ bootTime, uptime }: PsContext): number {
  return bootTime + Math.floor(uptime)
}

/** `HH:MM:SS` within a day, `  Mon DD` for older ones. */
function startedText(p: Process, ps: PsContext): string {
  const at = startedAt(p, ps)
  const { month, day, time: clock } = civil(at * 1000)
  const recent = at + 86400 > nowSeconds(ps)
  return recent ? clock : `  ${month} ${String(day).padStart(2, '0')}`
}

/** ` HH:MM` within a day, `Mon DD` for older ones. */
function bsdStart(p: Process, ps: PsContext): string {
  const at = startedAt(p, ps)
  const { month, day, time: clock } = civil(at * 1000)
  const old = nowSeconds(ps) - at > 86400
  return old ? `${month} ${String(day).padStart(2)}` : ` ${clock.slice(0, 5)}`
}

/** State, then < or N for the nice value, L for locked memory, s for a session's leader, + in the foreground. */
function statText(p: Process): string {
  const { stat } = p
  return (
    stat.state +
    (stat.nice < 0 ? '<' : stat.nice > 0 ? 'N' : '') +
    (p.statusKb('VmLck') > 0 ? 'L' : '') +
    (stat.session === p.pid ? 's' : '') +
    (stat.numThreads > 1 ? 'l' : '') +
    (stat.pgrp === stat.tpgid ? '+' : '')
  )
}
