// ps: the options of procps 4 that a lesson uses, its columns and widths.

import { oomScore } from '../../mm/oomKill.ts'
import { wchan } from '../../proc/base.ts'
import { CLK_TCK, cpuClockTicks, ptsNumber } from '../../proc/stat.ts'
import { rssPages } from '../../proc/status.ts'
import { uptimeSeconds } from '../../proc/uptime.ts'
import { TICK_MS, TICKS_PER_SECOND, type Machine } from '../../state/machine.ts'
import type { Task } from '../../state/task.ts'
import { civil, ctime, hms } from '../../lib/clock.ts'
import { table, type Column } from '../table.ts'
import { failed, machineOf, seatOf, shellTask, userName, type Call, type Result } from '../world.ts'

interface Spec extends Column {
  show: (m: Machine, task: Task) => string
  /** For --sort; text sorts by its characters. */
  key?: (m: Machine, task: Task) => number
}

function right(
  header: string,
  width: number,
  value: (m: Machine, task: Task) => number | string,
  key?: Spec['key'],
): Spec {
  const number = (m: Machine, task: Task) => Number(value(m, task))
  return {
    header,
    width,
    right: true,
    show: (m, task) => String(value(m, task)),
    key: key ?? number,
  }
}

function left(header: string, width: number, show: Spec['show'], key?: Spec['key']): Spec {
  return { header, width, right: false, show, key }
}

const kb = (m: Machine, pages: number) => (pages * m.pageSize) / 1024
const rssKb = (m: Machine, { mm }: Task) => (mm === null ? 0 : kb(m, rssPages(mm)))
const vszKb = (m: Machine, { mm }: Task) => (mm === null ? 0 : kb(m, mm.totalVm))
const cpuSeconds = (m: Machine, task: Task) => Math.floor(cpuClockTicks(m, task) / CLK_TCK)

const user = left('USER', 8, (m, task) => userName(m, task.uid))
const pid = right('PID', 5, (_, task) => task.pid)
const ppid = right('PPID', 5, (_, task) => task.parent?.pid ?? 0)
const comm = left('COMMAND', 15, (_, task) => commName(task))
const args = left('COMMAND', 27, (_, task) => commandLine(task))
const tty = left('TTY', 8, (_, task) => ttyName(task))
const nice = right('NI', 3, (_, task) => task.nice)
const vsz = right('VSZ', 6, vszKb)
const rss = right('RSS', 5, rssKb)
const pcpu = right('%CPU', 4, (m, task) => (cpuPermille(m, task) / 10).toFixed(1))
const pmem = right('%MEM', 4, (m, task) => (memPermille(m, task) / 10).toFixed(1))
const time = right('TIME', 8, (m, task) => hms(cpuSeconds(m, task)), cpuSeconds)
const start = right('STIME', 5, startText, (_, task) => task.startTime)
const uid = right('UID', 5, (_, task) => task.uid)
const pgid = right('PGID', 5, (_, task) => task.pgrp)
const sid = right('SID', 5, (_, task) => task.session)
const elapsed = right('ELAPSED', 11, (m, task) => elapsedText(ageSeconds(m, task)), ageSeconds)

/** Names for -o and --sort. */
const SPECS: Record<string, Spec> = {
  '%cpu': pcpu,
  '%mem': pmem,
  args,
  c: right('C', 2, (m, task) => Math.min(Math.floor(cpuPermille(m, task) / 10), 99)),
  cmd: { ...args, header: 'CMD' },
  comm,
  command: args,
  cputime: time,
  egid: right('EGID', 5, (_, task) => task.gid),
  etime: elapsed,
  etimes: right('ELAPSED', 7, ageSeconds),
  euid: { ...uid, header: 'EUID' },
  euser: { ...user, header: 'EUSER' },
  fname: left('COMMAND', 8, (_, task) => task.comm.slice(0, 8)),
  gid: right('GID', 5, (_, task) => task.gid),
  lstart: right('STARTED', 24, (m, task) => ctime(startMs(m, task)), start.key),
  maj_flt: right('MAJFLT', 6, (_, task) => task.majFlt),
  majflt: right('MAJFLT', 6, (_, task) => task.majFlt),
  min_flt: right('MINFLT', 6, (_, task) => task.minFlt),
  minflt: right('MINFLT', 6, (_, task) => task.minFlt),
  ni: nice,
  nice,
  nlwp: right('NLWP', 4, () => 1),
  oom: right('OOM', 4, oomScore),
  oomadj: right('OOMADJ', 5, (_, task) => task.oomScoreAdj),
  pcpu,
  pgid,
  pgrp: { ...pgid, header: 'PGRP' },
  pid,
  pmem,
  ppid,
  pri: right('PRI', 3, (_, task) => 19 - task.nice),
  rss,
  rssize: rss,
  rsz: { ...rss, header: 'RSZ' },
  ruser: { ...user, header: 'RUSER' },
  s: left('S', 1, (_, task) => task.state),
  sess: { ...sid, header: 'SESS' },
  sid,
  size: right('SIZE', 5, (m, { mm }) => (mm === null ? 0 : kb(m, mm.dataVm + mm.stackVm))),
  start_time: { ...start, header: 'START' },
  stat: left('STAT', 4, (_, task) => statText(task)),
  state: left('S', 1, (_, task) => task.state),
  stime: start,
  sz: right('SZ', 5, (_, { mm }) => mm?.totalVm ?? 0),
  time,
  tname: tty,
  tt: { ...tty, header: 'TT' },
  tty: { ...tty, header: 'TT' },
  ucmd: { ...comm, header: 'CMD' },
  ucomm: comm,
  uid,
  user,
  vsize: vsz,
  vsz,
  wchan: left('WCHAN', 6, (_, task) => wchan(task).slice(0, 6).replace(/^0$/, '-')),
}

const FORMATS = {
  plain: [pid, tty, time, SPECS.ucmd],
  full: [{ ...user, header: 'UID' }, pid, ppid, SPECS.c, start, tty, time, SPECS.cmd],
  user: [
    user,
    pid,
    pcpu,
    pmem,
    vsz,
    rss,
    tty,
    SPECS.stat,
    { ...start, header: 'START' },
    right('TIME', 6, minutesText, cpuSeconds),
    args,
  ],
  bsd: [pid, tty, SPECS.stat, right('TIME', 6, minutesText, cpuSeconds), args],
  long: [
    left('F', 1, () => '0'),
    SPECS.s,
    uid,
    pid,
    ppid,
    SPECS.c,
    right('PRI', 3, (_, task) => 80 + task.nice),
    nice,
    left('ADDR', 4, () => '-'),
    right('SZ', 2, (_, { mm }) => mm?.totalVm ?? 0),
    SPECS.wchan,
    tty,
    time,
    SPECS.ucmd,
  ],
}

interface Wish {
  format: Spec[]
  all: boolean // every process
  ofAll: boolean // BSD's a: of every user, on a terminal
  noTty: boolean // BSD's x: without a terminal, too
  pids: number[] | null
  users: string[] | null
  comms: string[] | null
  sort: { spec: Spec; down: boolean }[]
  header: boolean
}

export function ps(call: Call): Result {
  const wish = parse(call.args)
  if (typeof wish === 'string') return failed(wish)
  const m = machineOf(call.world)
  const tasks = chosen(call, m, wish)
  sortBy(m, tasks, wish.sort)
  const columns = wish.format.map((spec) => ({
    ...spec,
    header: wish.header ? spec.header : '',
  }))
  const rows = tasks.map((task) => columns.map((spec) => spec.show(m, task)))
  return { stdout: table(columns, rows), stderr: '', status: tasks.length > 0 ? 0 : 1 }
}

function chosen({ world }: Call, m: Machine, wish: Wish): Task[] {
  const { uid: mine } = seatOf(world)
  const terminal = shellTask(world)?.seat ?? world.port.seat
  const byList = wish.pids !== null || wish.users !== null || wish.comms !== null
  return [...m.tasks.values()].filter((task) => {
    if (byList) {
      return (
        wish.pids?.includes(task.pid) === true ||
        wish.users?.some((name) => name === userName(m, task.uid) || name === String(task.uid)) ===
          true ||
        wish.comms?.includes(task.comm) === true
      )
    }
    if (wish.all || (wish.ofAll && wish.noTty)) return true
    if (wish.noTty) return task.uid === mine
    if (wish.ofAll) return ptsNumber(task) >= 0
    return task.uid === mine && task.seat === terminal
  })
}

function sortBy(m: Machine, tasks: Task[], keys: Wish['sort']): void {
  tasks.sort((a, b) => {
    for (const { spec, down } of keys) {
      const order = compare(m, spec, a, b)
      if (order !== 0) return down ? -order : order
    }
    return a.pid - b.pid
  })
}

function compare(m: Machine, spec: Spec, a: Task, b: Task): number {
  if (spec.key !== undefined) return spec.key(m, a) - spec.key(m, b)
  const [x, y] = [spec.show(m, a), spec.show(m, b)]
  return x < y ? -1 : x > y ? 1 : 0
}

const USAGE = `
Usage:
 ps [options]

 Try 'ps --help <simple|list|output|threads|misc|all>'
  or 'ps --help <s|l|o|t|m|a>'
 for additional help text.

For more details see ps(1).
`

function parse(list: string[]): Wish | string {
  const wish: Wish = {
    format: FORMATS.plain,
    all: false,
    ofAll: false,
    noTty: false,
    pids: null,
    users: null,
    comms: null,
    sort: [],
    header: true,
  }
  const rest = [...list]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const wrong = arg.startsWith('--')
      ? longOption(wish, arg.slice(2), rest)
      : arg.startsWith('-') && arg.length > 1
        ? sysvOptions(wish, arg.slice(1), rest)
        : bsdOptions(wish, arg, rest)
    if (wrong !== null) return `error: ${wrong}\n${USAGE}`
  }
  return wish
}

/** Options with one dash: what needs a value takes the rest of the word or the next one. */
function sysvOptions(wish: Wish, letters: string, rest: string[]): string | null {
  for (let i = 0; i < letters.length; i++) {
    const value = () => {
      const inWord = letters.slice(i + 1)
      i = letters.length
      return inWord !== '' ? inWord : (rest.shift() ?? '')
    }
    switch (letters[i]) {
      case 'e':
      case 'A':
        wish.all = true
        break
      case 'f':
      case 'F':
        wish.format = FORMATS.full
        break
      case 'l':
        wish.format = FORMATS.long
        break
      case 'o': {
        const wrong = chooseFormat(wish, value())
        if (wrong !== null) return wrong
        break
      }
      case 'p': {
        const wrong = choosePids(wish, value())
        if (wrong !== null) return wrong
        break
      }
      case 'u':
      case 'U':
        wish.users = [...(wish.users ?? []), ...value().split(/[\s,]+/)]
        break
      case 'C':
        wish.comms = [...(wish.comms ?? []), ...value().split(/[\s,]+/)]
        break
      case 'a':
        wish.ofAll = true
        break
      case 'w':
        break
      default:
        return 'unsupported SysV option'
    }
  }
  return null
}

/** Options without a dash, or process numbers. */
function bsdOptions(wish: Wish, letters: string, rest: string[]): string | null {
  if (/^[\d,]+$/.test(letters)) return choosePids(wish, letters)
  for (let i = 0; i < letters.length; i++) {
    switch (letters[i]) {
      case 'a':
        wish.ofAll = true
        if (wish.format === FORMATS.plain) wish.format = FORMATS.bsd
        break
      case 'x':
        wish.noTty = true
        if (wish.format === FORMATS.plain) wish.format = FORMATS.bsd
        break
      case 'u':
        wish.format = FORMATS.user
        break
      case 'l':
        wish.format = FORMATS.long
        break
      case 'w':
        break
      case 'h':
        wish.header = false
        break
      case 'p':
        return choosePids(wish, rest.shift() ?? '')
      case 'o':
        return chooseFormat(wish, rest.shift() ?? '')
      default:
        return 'unsupported option (BSD syntax)'
    }
  }
  return null
}

function longOption(wish: Wish, option: string, rest: string[]): string | null {
  const equals = option.indexOf('=')
  const name = equals < 0 ? option : option.slice(0, equals)
  const value = () => (equals < 0 ? (rest.shift() ?? '') : option.slice(equals + 1))
  switch (name) {
    case 'sort':
      return chooseOrder(wish, value())
    case 'format':
      return chooseFormat(wish, value())
    case 'pid':
      return choosePids(wish, value())
    case 'user':
      wish.users = [...(wish.users ?? []), ...value().split(/[\s,]+/)]
      return null
    case 'no-headers':
    case 'no-heading':
      wish.header = false
      return null
    default:
      return 'unknown gnu long option'
  }
}

/** `pid,rss` or `pid=NUMBER,rss=`: names of columns, with a header of one's own. */
function chooseFormat(wish: Wish, text: string): string | null {
  const earlier = Object.values(FORMATS).includes(wish.format) ? [] : wish.format
  const specs: Spec[] = []
  for (const part of text.split(/[\s,]+/)) {
    const [name, header] = part.split('=')
    const spec = Object.hasOwn(SPECS, name) ? SPECS[name] : undefined
    if (spec === undefined) return `unknown user-defined format specifier "${name}"`
    const width = header === undefined ? spec.width : Math.max(spec.width, header.length)
    specs.push(header === undefined ? spec : { ...spec, header, width })
  }
  wish.format = [...earlier, ...specs]
  return null
}

function choosePids(wish: Wish, text: string): string | null {
  const parts = text.split(/[\s,]+/)
  if (!parts.every((part) => /^\d+$/.test(part))) return 'process ID list syntax error'
  wish.pids = [...(wish.pids ?? []), ...parts.map(Number)]
  return null
}

function chooseOrder(wish: Wish, text: string): string | null {
  for (const part of text.split(',')) {
    const down = part.startsWith('-')
    const name = part.replace(/^[+-]/, '')
    if (!Object.hasOwn(SPECS, name)) return 'unknown sort specifier'
    wish.sort.push({ spec: SPECS[name], down })
  }
  return null
}

function ttyName(task: Task): string {
  const number = ptsNumber(task)
  return number < 0 ? '?' : `pts/${number}`
}

function commName(task: Task): string {
  return task.state === 'Z' ? `${task.comm} <defunct>` : task.comm
}

function commandLine(task: Task): string {
  if (task.state === 'Z') return `[${task.comm}] <defunct>`
  return task.mm === null ? `[${task.comm}]` : task.cmdline.join(' ')
}

/** State, then < or N for the nice value, L for locked memory, s for a session's leader. */
function statText({ state, nice, mm, session, pid }: Task): string {
  const nicety = nice < 0 ? '<' : nice > 0 ? 'N' : ''
  const locked = mm !== null && mm.lockedVm > 0 ? 'L' : ''
  return state + nicety + locked + (session === pid ? 's' : '')
}

function startMs(m: Machine, task: Task): number {
  return m.bootTime + task.startTime * TICK_MS
}

/** The time of day for today's processes, the date for older ones. */
function startText(m: Machine, task: Task): string {
  const begun = civil(startMs(m, task))
  const now = civil(m.bootTime + m.ticks * TICK_MS)
  const today = begun.day === now.day && begun.month === now.month && begun.year === now.year
  return today ? begun.time.slice(0, 5) : begun.month + String(begun.day).padStart(2, '0')
}

function ageSeconds(m: Machine, task: Task): number {
  return Math.max(uptimeSeconds(m) - Math.floor(task.startTime / TICKS_PER_SECOND), 0)
}

function elapsedText(seconds: number): string {
  const days = Math.floor(seconds / 86400)
  const clock = hms(seconds % 86400)
  return days > 0 ? `${days}-${clock}` : clock.replace(/^00:/, '')
}

/** `M:SS` */
function minutesText(m: Machine, task: Task): string {
  const seconds = cpuSeconds(m, task)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** Thousandths of its life that the process has run. */
function cpuPermille(m: Machine, task: Task): number {
  const life = (m.ticks - task.startTime) * TICK_MS
  return life <= 0 ? 0 : Math.min(Math.floor((cpuClockTicks(m, task) * 10000) / life), 999)
}

/** Thousandths of the machine's memory. */
function memPermille(m: Machine, { mm }: Task): number {
  return mm === null ? 0 : Math.min(Math.floor((rssPages(mm) * 1000) / m.totalramPages), 999)
}
