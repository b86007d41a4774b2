// top (procps 4.0.2): what it prints in batch mode. On a terminal it shows one screenful and ends, since what stands
// on this terminal only ever grows.

import { fixed } from '../../lib/decimal.ts'
import { CLK_TCK } from '../../state/cputime.ts'
import { parseMeminfo, type Meminfo } from '../procps/meminfo.ts'
import { procOf, type Proc } from '../procps/proc.ts'
import { Process } from '../procps/process.ts'
import { cpuDelta, parseStat, type CpuTicks } from '../procps/stat.ts'
import { repeat } from '../repeat.ts'
import { escapeStr } from '../text.ts'
import { failed, machineOf, ok, uidOf, userName, type Call, type Result } from '../world.ts'
import { uptimeOf, uptimeText } from './system.ts'

const USAGE = `
Usage:
 top [options]

Options:
 -b, --batch-mode                run in non-interactive batch mode
 -c, --cmdline-toggle            reverse last remembered 'c' state
 -d, --delay =SECS [.TENTHS]     iterative delay as SECS [.TENTHS]
 -E, --scale-summary-mem =SCALE  set mem as: k,m,g,t,p,e for SCALE
 -e, --scale-task-mem =SCALE     set mem with: k,m,g,t,p for SCALE
 -H, --threads-show              show tasks plus all their threads
 -i, --idle-toggle               reverse last remembered 'i' state
 -n, --iterations =NUMBER        exit on maximum iterations NUMBER
 -O, --list-fields               output all field names, then exit
 -o, --sort-override =FIELD      force sorting on this named FIELD
 -p, --pid =PIDLIST              monitor only the tasks in PIDLIST
 -S, --accum-time-toggle         reverse last remembered 'S' state
 -s, --secure-mode               run with secure mode restrictions
 -U, --filter-any-user =USER     show only processes owned by USER
 -u, --filter-only-euser =USER   show only processes owned by USER
 -w, --width [=COLUMNS]          change print width [,use COLUMNS]
 -1, --single-cpu-toggle         reverse last remembered '1' state

 -h, --help                      display this help text, then exit
 -V, --version                   output version information & exit

For more details see top(1).
`

/** Long names, and whether a value follows. */
const LONG: Record<string, string> = {
  'batch-mode': 'b',
  'cmdline-toggle': 'c',
  delay: 'd',
  'scale-summary-mem': 'E',
  'scale-task-mem': 'e',
  'threads-show': 'H',
  'idle-toggle': 'i',
  iterations: 'n',
  'list-fields': 'O',
  'sort-override': 'o',
  pid: 'p',
  'accum-time-toggle': 'S',
  'secure-mode': 's',
  'filter-any-user': 'U',
  'filter-only-euser': 'u',
  width: 'w',
  'single-cpu-toggle': '1',
  help: 'h',
  version: 'V',
}
const WITH_VALUE = 'dEenopUu'
const SCALES = 'kmgtpe'

export interface TopWish {
  batch: boolean
  commandLines: boolean
  busyOnly: boolean
  singleCpu: boolean
  threads: boolean // each process has one: only the heading differs
  count: number
  delay: number // s
  columns: number
  rows: number
  summaryScale: number // place in SCALES
  taskScale: number
  field: string
  down: boolean
  pids: number[] | null
  uid: number | null
}

/** What one look finds. */
export interface TopLook {
  seconds: number // since boot
  uptime: string // as uptime prints it
  meminfo: Meminfo
  cpu: CpuTicks
  processes: Process[]
  pageKb: number
  userName: (uid: number) => string
}

export async function top(call: Call): Promise<Result> {
  const wish = parse(call)
  if ('status' in wish) return wish
  const proc = procOf(call.world)
  let before = lookAt(call, proc, wish)
  return repeat(call, FIRST_DELAY, wish.delay, wish.count, (index) => {
    const now = lookAt(call, proc, wish)
    const frame = topFrame(now, before, wish)
    before = now
    return index === 0 ? frame : `\n${frame}`
  })
}

/** Seconds from the look that the first frame is compared with. */
const FIRST_DELAY = 0.15
const TERMINAL_ROWS = 24

function parse(call: Call): TopWish | Result {
  const wish: TopWish = {
    batch: false,
    commandLines: false,
    busyOnly: false,
    singleCpu: false,
    threads: false,
    count: Infinity,
    delay: 3,
    columns: 80,
    rows: Infinity,
    summaryScale: 1,
    taskScale: 0,
    field: '%CPU',
    down: true,
    pids: null,
    uid: null,
  }
  const rest = [...call.args]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (!arg.startsWith('-')) return failed(`top: unknown option '${arg}'\n`)
    if (arg.startsWith('--')) {
      const [name, inWord] = arg.slice(2).split('=')
      const letter = Object.hasOwn(LONG, name) ? LONG[name] : undefined
      if (letter === undefined) return failed(`top: unrecognized option '--${name}'\n`)
      const takes = WITH_VALUE.includes(letter)
      const value = takes ? (inWord ?? rest.shift()) : inWord
      if (takes && value === undefined)
        return failed(`top: option '--${name}' requires an argument\n`)
      const wrong = setOption(call, wish, letter, value ?? '')
      if (wrong !== null) return wrong
      continue
    }
    for (let i = 1; i < arg.length; i++) {
      const letter = arg[i]
      if (letter === 'w' || WITH_VALUE.includes(letter)) {
        const inWord = arg.slice(i + 1)
        const optional = letter === 'w' && !/^\d/.test(rest[0] ?? '')
        const value = inWord !== '' ? inWord : optional ? '' : rest.shift()
        if (value === undefined) return failed(`top: option requires an argument -- '${letter}'\n`)
        const wrong = setOption(call, wish, letter, value)
        if (wrong !== null) return wrong
        break
      }
      const wrong = setOption(call, wish, letter, '')
      if (wrong !== null) return wrong
    }
  }
  if (!wish.batch) {
    wish.count = 1
    wish.rows = TERMINAL_ROWS
  }
  return wish
}

function setOption(call: Call, wish: TopWish, letter: string, value: string): Result | null {
  switch (letter) {
    case 'b':
      wish.batch = true
      return null
    case 'c':
      wish.commandLines = true
      return null
    case 'i':
      wish.busyOnly = true
      return null
    case '1':
      wish.singleCpu = true
      return null
    case 'H':
      wish.threads = true
      return null
    case 'S':
    case 's':
      return null
    case 'h':
      return ok(USAGE)
    case 'V':
      return ok('top from procps-ng 4.0.2\n')
    case 'O':
      return ok(FIELDS.map(({ name }) => `${name}\n`).join(''))
    case 'd':
      if (!/^\d*\.?\d+$/.test(value)) return failed(`top: bad delay interval '${value}'\n`)
      wish.delay = Number(value)
      return null
    case 'n':
      if (!/^\d+$/.test(value) || Number(value) < 1)
        return failed(`top: bad iterations argument '${value}'\n`)
      wish.count = Number(value)
      return null
    case 'E':
    case 'e': {
      const scale = SCALES.indexOf(value.toLowerCase())
      if (value.length !== 1 || scale < 0 || (letter === 'e' && scale > 4)) {
        const what = letter === 'E' ? 'memory scaling arg' : 'task mem scaling arg'
        return failed(`top: bad ${what} '${value}'\n`)
      }
      if (letter === 'E') wish.summaryScale = scale
      else wish.taskScale = scale
      return null
    }
    case 'o': {
      const name = value.replace(/^[+-]/, '')
      if (!FIELDS.some((field) => field.name === name))
        return failed(`top: unrecognized field name '${name}'\n`)
      wish.field = name
      wish.down = !value.startsWith('-')
      return null
    }
    case 'p': {
      const parts = value.split(',')
      const bad = parts.find((part) => !/^\d+$/.test(part))
      if (bad !== undefined) return failed(`top: bad pid '${bad}'\n`)
      wish.pids = [...(wish.pids ?? []), ...parts.map(Number)]
      return null
    }
    case 'u':
    case 'U':
      wish.uid = uidOf(machineOf(call.world), value)
      return wish.uid === null ? failed('top: Invalid user\n') : null
    case 'w':
      wish.columns = value === '' ? 512 : Number(value)
      if (!(wish.columns >= 3)) return failed(`top: bad width arg '${value}'\n`)
      return null
    default:
      return failed(`top: invalid option -- '${letter}'\n`)
  }
}

function lookAt(call: Call, proc: Proc, { pids }: TopWish): TopLook {
  const m = machineOf(call.world)
  const { now, seconds, users, averages } = uptimeOf(call.world)
  const processes = Process.all(proc).filter(
    (process) => pids === null || pids.includes(process.pid),
  )
  return {
    seconds,
    uptime: uptimeText(now, seconds, users, averages),
    meminfo: parseMeminfo(proc.read('meminfo')!),
    cpu: parseStat(proc.read('stat')!).cpu,
    processes,
    pageKb: m.pageSize / 1024,
    userName: (id) => userName(m, id),
  }
}

/** One process with what happened to it since the last look. */
interface Row {
  process: Process
  pages: number[] // statm: size, resident, shared
  cpu: number // per cent
  memory: number // per cent
  look: TopLook
}

interface Field {
  name: string
  width: number
  left?: boolean
  show: (row: Row, wish: TopWish) => string
  key: (row: Row) => number | string
}

/** More than this one processor does not give. */
const CPU_MAX = 99.9

const FIELDS: Field[] = [
  {
    name: 'PID',
    width: 5,
    show: ({ process }) => String(process.pid),
    key: ({ process }) => process.pid,
  },
  { name: 'USER', width: 8, left: true, show: userOf, key: userOf },
  {
    name: 'PR',
    width: 3,
    show: ({ process: { stat } }) => (stat.priority < -99 ? 'rt' : String(stat.priority)),
    key: ({ process }) => process.stat.priority,
  },
  {
    name: 'NI',
    width: 3,
    show: ({ process }) => String(process.stat.nice),
    key: ({ process }) => process.stat.nice,
  },
  memoryField('VIRT', 7, 0),
  memoryField('RES', 6, 1),
  memoryField('SHR', 6, 2),
  {
    name: 'S',
    width: 1,
    show: ({ process }) => process.stat.state,
    key: ({ process }) => process.stat.state,
  },
  { name: '%CPU', width: 5, show: ({ cpu }) => fixed(cpu, 1), key: ({ cpu }) => cpu },
  { name: '%MEM', width: 5, show: ({ memory }) => fixed(memory, 1), key: ({ memory }) => memory },
  {
    name: 'TIME+',
    width: 9,
    show: ({ process }) => timeText(process.cpuTicks()),
    key: ({ process }) => process.cpuTicks(),
  },
  {
    name: 'COMMAND',
    width: 0, // what is left of the line
    left: true,
    show: ({ process }, { commandLines }) =>
      commandLines ? process.commandLine() : escapeStr(process.stat.comm),
    key: ({ process }) => process.stat.comm,
  },
]

function memoryField(name: string, width: number, index: number): Field {
  const kb = ({ pages, look }: Row) => pages[index] * look.pageKb
  return { name, width, show: (row, wish) => scaled(kb(row), wish.taskScale, width), key: kb }
}

function userOf({ process, look }: Row): string {
  return look.userName(process.ids('Uid')[1])
}

/** KiB as they are, or in the next larger unit that fits. */
function scaled(kb: number, scale: number, width: number): string {
  let value = kb
  for (let i = 0; i < SCALES.length; i++) {
    const text = i === 0 ? String(value) : `${fixed(value, 1)}${SCALES[i]}`
    if (i >= scale && text.length <= width) return text
    value /= 1024
  }
  return '?'
}

/** Minutes, seconds and hundredths for six hours; then hours and minutes, days and hours, weeks and days. */
function timeText(ticks: number): string {
  const hundredths = Math.floor((ticks * 100) / CLK_TCK)
  const two = (n: number) => String(n).padStart(2, '0')
  const seconds = Math.floor(hundredths / 100)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const days = Math.floor(hours / 24)
  if (minutes <= 360) return `${minutes}:${two(seconds % 60)}.${two(hundredths % 100)}`
  if (hours <= 96) return `${hours},${two(minutes % 60)}`
  return days <= 14 ? `${days}d+${hours % 24}h` : `${Math.floor(days / 7)}w+${days % 7}d`
}

export function topFrame(now: TopLook, before: TopLook, wish: TopWish): string {
  const cpu = cpuDelta(now.cpu, before.cpu)
  const elapsed = Math.max(now.seconds - before.seconds, 0.005) * CLK_TCK
  const earlier = new Map(before.processes.map((process) => [process.pid, process.cpuTicks()]))
  const rows = now.processes.map((process): Row => {
    const ticks = process.cpuTicks() - (earlier.get(process.pid) ?? process.cpuTicks())
    const pages = process.file('statm').split(' ').map(Number)
    return {
      process,
      pages,
      cpu: Math.min((ticks * 100) / elapsed, CPU_MAX),
      memory: (pages[1] * now.pageKb * 100) / now.meminfo.total,
      look: now,
    }
  })
  const field = FIELDS.find(({ name }) => name === wish.field)!
  const sorted = rows
    .filter((row) => !wish.busyOnly || row.cpu > 0)
    .filter(({ process }) => wish.uid === null || process.ids('Uid')[1] === wish.uid)
    .sort((a, b) => {
      const [x, y] = [field.key(a), field.key(b)]
      if (x === y) return a.process.pid - b.process.pid
      return x < y === wish.down ? 1 : -1
    })
  const lines = [
    `top -${now.uptime}`,
    topTasks(now.processes, wish),
    topCpu(cpu, wish),
    ...topMemory(now.meminfo, wish),
    '',
    taskLine(
      FIELDS.map(({ name }) => name),
      wish,
    ),
    ...sorted.map((row) =>
      taskLine(
        FIELDS.map(({ show }) => show(row, wish)),
        wish,
      ),
    ),
  ]
  return lines
    .slice(0, wish.rows)
    .map((line) => `${line.slice(0, wish.columns)}\n`)
    .join('')
}

function cpuTotal({ user, nice, system, idle, iowait, irq, softirq, steal }: CpuTicks): number {
  return user + nice + system + idle + iowait + irq + softirq + steal
}

function topTasks(processes: Process[], { threads }: TopWish): string {
  const count = (states: string) =>
    processes.filter(({ stat }) => states.includes(stat.state)).length
  const three = (n: number) => String(n).padStart(3)
  const zombies = count('Z')
  const stopped = count('Tt')
  const running = count('R')
  const sleeping = processes.length - zombies - stopped - running
  return `${threads ? 'Threads' : 'Tasks'}: ${three(processes.length)} total, ${three(running)} running, ${three(sleeping)} sleeping, ${three(stopped)} stopped, ${three(zombies)} zombie`
}

export function topCpu(cpu: CpuTicks, { singleCpu }: Pick<TopWish, 'singleCpu'>): string {
  const total = Math.max(cpuTotal(cpu), 1)
  const shares: [name: string, ticks: number][] = [
    ['us', cpu.user],
    ['sy', cpu.system],
    ['ni', cpu.nice],
    ['id', cpu.idle],
    ['wa', cpu.iowait],
    ['hi', cpu.irq],
    ['si', cpu.softirq],
    ['st', cpu.steal],
  ]
  const text = shares.map(
    ([name, ticks]) => `${fixed((ticks * 100) / total, 1).padStart(5)} ${name}`,
  )
  return `${singleCpu ? '%Cpu0  :' : '%Cpu(s):'}${text.join(',')} `
}

export function topMemory(
  info: Meminfo,
  { summaryScale }: Pick<TopWish, 'summaryScale'>,
): [memory: string, swap: string] {
  const cell = (kb: number) =>
    fixed(Math.fround(kb / 2 ** (10 * summaryScale)), summaryScale === 0 ? 0 : 1).padStart(9)
  const unit = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'][summaryScale]
  const { total, free, used, buffers, cached, swapTotal, swapFree, available } = info
  const swapUsed = swapTotal - swapFree
  return [
    `${unit} Mem :${cell(total)} total,${cell(free)} free,${cell(used)} used,${cell(buffers + cached)} buff/cache     `,
    `${unit} Swap:${cell(swapTotal)} total,${cell(swapFree)} free,${cell(swapUsed)} used.${cell(available)} avail Mem `,
  ]
}

/** The last column takes what is left of the line; what is cut has a + at its end. */
function taskLine(cells: string[], { columns }: TopWish): string {
  let line = ''
  FIELDS.forEach(({ width, left }, i) => {
    const last = i === FIELDS.length - 1
    const room = last ? columns - line.length - 1 : width
    if (room <= 0) return
    const cell = cells[i].length > room ? `${cells[i].slice(0, room - 1)}+` : cells[i]
    line += last ? cell : (left === true ? cell.padEnd(width) : cell.padStart(width)) + ' '
  })
  return line
}
