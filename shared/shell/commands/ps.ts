// ps: the options of procps 4.0.2 that a lesson uses.

import { parseMeminfo } from '../procps/meminfo.ts'
import { procOf, type Proc } from '../procps/proc.ts'
import { Process } from '../procps/process.ts'
import { parseStat } from '../procps/stat.ts'
import { table } from '../table.ts'
import {
  failed,
  machineOf,
  ok,
  shellTask,
  uidOf,
  userName,
  type Call,
  type Result,
} from '../world.ts'
import { FORMATS, SPECS, type PsContext, type Spec } from './psColumns.ts'

interface Wish {
  format: Spec[]
  bsd: boolean // some option without a dash: other defaults
  select: 'own' | 'all' | 'terminals' | 'noLeaders'
  everyone: boolean // BSD's a
  anyTty: boolean // BSD's x
  running: boolean // BSD's r
  invert: boolean // -N
  lists: ((process: Process, ps: PsContext) => boolean)[] // of -p, -u, …: any will do
  forest: 'no' | 'art' | 'indent'
  sort: { spec: Spec; down: boolean }[]
  header: boolean
}

/** Who asks. */
interface Asker {
  uid: number
  ttyNr: number
}

export function ps(call: Call): Result {
  const proc = procOf(call.world)
  const context = psContext(call)
  const parsed = parse(call.args, context)
  if (typeof parsed === 'string') {
    return parsed.startsWith('error') ? failed(parsed) : ok(parsed)
  }
  const { uid = 0, pid = 0 } = shellTask(call.world) ?? {}
  const shell = Process.find(proc, pid)
  const processes = chosen(proc, parsed, context, { uid, ttyNr: shell?.stat.ttyNr ?? 0 })
  return {
    stdout: psReport(processes, parsed, context),
    stderr: '',
    status: processes.length > 0 ? 0 : 1,
  }
}

function psContext({ world }: Call): PsContext {
  const m = machineOf(world)
  const proc = procOf(world)
  return {
    uptime: parseFloat(proc.read('uptime')!),
    bootTime: parseStat(proc.read('stat')!).bootTime,
    memTotal: parseMeminfo(proc.read('meminfo')!).total,
    pageKb: m.pageSize / 1024,
    bits: m.layout.bits,
    userName: (uid) => userName(m, uid),
    uidOf: (name) => uidOf(m, name),
  }
}

/** The table; `wish` says which columns, in which order, with which names. */
export function psReport(
  processes: Process[],
  { format, sort, header, forest }: Pick<Wish, 'format' | 'sort' | 'header' | 'forest'>,
  ps: PsContext,
): string {
  const columns = format.map((spec) => ({ ...spec, header: header ? spec.header : '' }))
  const sorted = sortBy(processes, sort, ps)
  const placed =
    forest === 'no' ? sorted.map((process) => ({ process, prefix: '' })) : treeOf(sorted, forest)
  const rows = placed.map(({ process, prefix }) =>
    columns.map((spec, i) => {
      const text = String(spec.show(process, ps))
      const command = spec.cut === 'plain' && spec.width >= 15
      return fit(command ? prefix + text : text, spec, i === columns.length - 1)
    }),
  )
  return table(columns, rows)
}

function fit(text: string, { cut, width }: Spec, last: boolean): string {
  if (cut === undefined || (last && cut === 'plain') || text.length <= width) return text
  return cut === 'name' ? `${text.slice(0, width - 1)}+` : text.slice(0, width)
}

function sortBy(processes: Process[], keys: Wish['sort'], ps: PsContext): Process[] {
  return [...processes].sort((a, b) => {
    for (const { spec, down } of keys) {
      const [x, y] = [spec.key(a, ps), spec.key(b, ps)]
      if (x !== y) return x < y !== down ? -1 : 1
    }
    return a.pid - b.pid
  })
}

/** Children behind their parents, with lines drawn, or only set in. The trees themselves stand in reverse order (show_forest). */
function treeOf(
  processes: Process[],
  forest: 'art' | 'indent',
): { process: Process; prefix: string }[] {
  const there = new Set(processes.map(({ pid }) => pid))
  const placed: { process: Process; prefix: string }[] = []
  const isRoot = ({ pid, stat }: Process) => !there.has(stat.ppid) || stat.ppid === pid
  const stack = processes.filter(isRoot).map((process) => ({ process, prefix: '', below: '' }))
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { process, prefix, below } = next
    placed.push({ process, prefix })
    const children = processes.filter((other) => !isRoot(other) && other.stat.ppid === process.pid)
    children.reverse().forEach((child, i) => {
      const line = i === 0 ? '    ' : ' |  '
      if (forest === 'indent')
        stack.push({ process: child, prefix: `${below}  `, below: `${below}  ` })
      // What init looks after hangs on no line.
      else if (process.pid === 1) stack.push({ process: child, prefix: '', below: '' })
      else stack.push({ process: child, prefix: `${below} \\_ `, below: `${below}${line}` })
    })
  }
  return placed
}

function chosen(proc: Proc, wish: Wish, ps: PsContext, { uid, ttyNr }: Asker): Process[] {
  const effective = (process: Process) => process.ids('Uid')[1]
  const isLeader = ({ pid, stat }: Process) => stat.session === pid
  const selects = (process: Process): boolean => {
    const { stat } = process
    if (wish.lists.length > 0) return wish.lists.some((accepts) => accepts(process, ps))
    if (wish.select === 'all') return true
    if (wish.select === 'terminals') return stat.ttyNr !== 0 && !isLeader(process)
    if (wish.select === 'noLeaders') return !isLeader(process)
    if (wish.bsd) {
      return (wish.everyone || effective(process) === uid) && (wish.anyTty || stat.ttyNr !== 0)
    }
    return stat.ttyNr === ttyNr && effective(process) === uid
  }
  return Process.all(proc).filter(
    (process) =>
      selects(process) !== wish.invert &&
      (!wish.running || process.stat.state === 'R' || process.stat.state === 'D'),
  )
}

const USAGE = `
Usage:
 ps [options]

 Try 'ps --help <simple|list|output|threads|misc|all>'
  or 'ps --help <s|l|o|t|m|a>'
 for additional help text.

For more details see ps(1).
`

/** What is wished for, or the text to print instead of it. Nonsense is read again as if it had no dashes: `ps -aux`. */
function parse(list: string[], ps: PsContext): Wish | string {
  const parsed = parseAs(list, ps, false)
  if (typeof parsed !== 'string' || !parsed.startsWith('error')) return parsed
  const asBsd = parseAs(list, ps, true)
  return typeof asBsd === 'string' ? parsed : asBsd
}

function parseAs(list: string[], ps: PsContext, forceBsd: boolean): Wish | string {
  const wish: Wish = {
    format: FORMATS.plain,
    bsd: false,
    select: 'own',
    everyone: false,
    anyTty: false,
    running: false,
    invert: false,
    lists: [],
    forest: 'no',
    sort: [],
    header: true,
  }
  const rest = [...list]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--help') return USAGE
    if (arg === '-V' || arg === '--version' || arg === 'V') return 'ps from procps-ng 4.0.2\n'
    if (arg === 'L') return specifierList()
    const wrong = arg.startsWith('--')
      ? longOption(wish, arg.slice(2), rest, ps)
      : arg.startsWith('-') && arg.length > 1 && !forceBsd
        ? sysvOptions(wish, arg.slice(1), rest, ps)
        : bsdOptions(wish, arg.replace(/^-/, ''), rest, ps)
    if (wrong !== null) return `error: ${wrong}\n${USAGE}`
  }
  return wish
}

/** ps L */
function specifierList(): string {
  return Object.entries(SPECS)
    .map(([name, { header }]) => `${name.padEnd(12)} ${header.padEnd(8)}\n`)
    .join('')
}

/** Options with one dash: what needs a value takes the rest of the word or the next one. */
function sysvOptions(wish: Wish, letters: string, rest: string[], ps: PsContext): string | null {
  const has = (letter: string) => letters.includes(letter)
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i]
    const value = () => {
      const inWord = letters.slice(i + 1)
      i = letters.length
      return inWord !== '' ? inWord : rest.shift()
    }
    switch (letter) {
      case 'e':
      case 'A':
        wish.select = 'all'
        break
      case 'a':
        wish.select = 'terminals'
        break
      case 'd':
        wish.select = 'noLeaders'
        break
      case 'N':
        wish.invert = true
        break
      case 'f':
        wish.format = has('l') ? FORMATS.fullLong : has('j') ? FORMATS.fullJobs : FORMATS.full
        break
      case 'F':
        wish.format = FORMATS.extraFull
        break
      case 'l':
        wish.format = has('f') ? FORMATS.fullLong : has('y') ? FORMATS.longRss : FORMATS.long
        break
      case 'j':
        wish.format = has('f') ? FORMATS.fullJobs : FORMATS.jobs
        break
      case 'H':
        wish.forest = 'indent'
        break
      case 'w':
      case 'y':
        break
      case 'o': {
        const wrong = chooseFormat(wish, value(), '-o')
        if (wrong !== null) return wrong
        break
      }
      case 'p':
      case 'q': {
        const wrong = choosePids(wish, value(), `-${letter}`)
        if (wrong !== null) return wrong
        break
      }
      case 'u':
      case 'U': {
        const wrong = chooseUsers(wish, value(), `-${letter}`, ps)
        if (wrong !== null) return wrong
        break
      }
      case 'C': {
        const names = value()
        if (names === undefined) return 'list of command names must follow -C'
        const wanted = names.split(/[\s,]+/)
        wish.lists.push(({ stat }) => wanted.includes(stat.comm))
        break
      }
      case 't': {
        const ttys = value()
        if (ttys === undefined) return 'list of terminals (pty, tty...) must follow -t'
        const wanted = ttys.split(/[\s,]+/).map((name) => name.replace(/^\/dev\//, ''))
        wish.lists.push((process) => wanted.includes(process.tty()))
        break
      }
      default:
        return /^[1-9]\d*$/.test(letters)
          ? choosePids(wish, letters, '-')
          : 'unsupported SysV option'
    }
  }
  return null
}

/** Options without a dash, or process numbers. */
function bsdOptions(wish: Wish, letters: string, rest: string[], ps: PsContext): string | null {
  const plain = wish.format === FORMATS.plain
  wish.bsd = true
  if (plain) wish.format = FORMATS.bsd
  if (/^\d/.test(letters)) return choosePids(wish, letters, '')
  for (let i = 0; i < letters.length; i++) {
    const value = () => {
      const inWord = letters.slice(i + 1)
      i = letters.length
      return inWord !== '' ? inWord : rest.shift()
    }
    switch (letters[i]) {
      case 'a':
        wish.everyone = true
        break
      case 'x':
        wish.anyTty = true
        break
      case 'r':
        wish.running = true
        break
      case 'u':
        wish.format = FORMATS.bsdUser
        break
      case 'l':
        wish.format = FORMATS.bsdLong
        break
      case 'j':
        wish.format = FORMATS.bsdJobs
        break
      case 's':
        wish.format = FORMATS.bsdSignals
        break
      case 'v':
        wish.format = FORMATS.bsdMemory
        break
      case 'f':
        wish.forest = 'art'
        break
      case 'w':
      case 'n':
        break
      case 'h':
        wish.header = false
        break
      case 'p':
        return choosePids(wish, value(), 'p')
      case 'o':
        return chooseFormat(wish, value(), 'o')
      case 'U':
        return chooseUsers(wish, value(), 'U', ps)
      case 'k':
        return chooseOrder(wish, value() ?? '')
      default:
        if (/\d/.test(letters[i])) return choosePids(wish, letters.slice(i), '')
        return 'unsupported option (BSD syntax)'
    }
  }
  return null
}

function longOption(wish: Wish, option: string, rest: string[], ps: PsContext): string | null {
  const equals = option.indexOf('=')
  const name = equals < 0 ? option : option.slice(0, equals)
  const value = () => (equals < 0 ? rest.shift() : option.slice(equals + 1))
  switch (name) {
    case 'sort':
      return chooseOrder(wish, value() ?? '')
    case 'format':
      return chooseFormat(wish, value(), '--format')
    case 'pid':
    case 'quick-pid':
      return choosePids(wish, value(), `--${name}`)
    case 'ppid': {
      const parents = pidList(value())
      if (parents === null) return 'process ID list syntax error'
      wish.lists.push(({ stat }) => parents.includes(stat.ppid))
      return null
    }
    case 'user':
      return chooseUsers(wish, value(), '--user', ps)
    case 'User':
      return chooseUsers(wish, value(), '--User', ps)
    case 'forest':
      wish.forest = 'art'
      return null
    case 'deselect':
      wish.invert = true
      return null
    case 'no-headers':
    case 'no-heading':
    case 'no-headings':
    case 'noheader':
    case 'noheaders':
    case 'noheading':
    case 'noheadings':
      wish.header = false
      return null
    default:
      return 'unknown gnu long option'
  }
}

/** `pid,rss` or `pid=NUMBER,rss=` or `user:20`: names of columns, with a header or a width of one's own. */
function chooseFormat(wish: Wish, text: string | undefined, option: string): string | null {
  if (text === undefined) return `format specification must follow ${option}`
  const earlier = Object.values(FORMATS).includes(wish.format) ? [] : wish.format
  const specs: Spec[] = []
  for (const part of text.split(/[\s,]+/)) {
    const [column, header] = part.split('=')
    const [name, wanted] = column.split(':')
    const spec = Object.hasOwn(SPECS, name) ? SPECS[name] : undefined
    if (spec === undefined) return `unknown user-defined format specifier "${name}"`
    const width = Number(wanted ?? spec.width)
    specs.push(
      header === undefined
        ? { ...spec, width }
        : { ...spec, header, width: Math.max(width, header.length) },
    )
  }
  wish.format = [...earlier, ...specs]
  return null
}

function pidList(text: string | undefined): number[] | null {
  const parts = (text ?? '').split(/[\s,]+/)
  return parts.every((part) => /^\d+$/.test(part)) ? parts.map(Number) : null
}

function choosePids(wish: Wish, text: string | undefined, option: string): string | null {
  if (text === undefined) return `list of process IDs must follow ${option}`
  const pids = pidList(text)
  if (pids === null) return 'process ID list syntax error'
  wish.lists.push(({ pid }) => pids.includes(pid))
  return null
}

function chooseUsers(
  wish: Wish,
  text: string | undefined,
  option: string,
  ps: PsContext,
): string | null {
  if (text === undefined) return `list of users must follow ${option}`
  const uids = text.split(/[\s,]+/).map(ps.uidOf)
  if (uids.includes(null)) return 'user name does not exist'
  const real = option === '-U' || option === '--User'
  wish.lists.push((process) => uids.includes(process.ids('Uid')[real ? 0 : 1]))
  return null
}

function chooseOrder(wish: Wish, text: string): string | null {
  for (const part of text.split(',')) {
    const name = part.replace(/^[+-]/, '')
    if (!Object.hasOwn(SPECS, name)) return 'unknown sort specifier'
    wish.sort.push({ spec: SPECS[name], down: part.startsWith('-') })
  }
  return null
}
