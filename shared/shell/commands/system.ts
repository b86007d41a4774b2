// What the machine is and who one is on it: uname, hostname, whoami, id, getconf, pidof, uptime, date, machine.

import { nrFreePages } from '../../mm/pageAlloc.ts'
import { machineName, KERNEL_VERSION, OSTYPE } from '../../proc/version.ts'
import { CLK_TCK } from '../../state/cputime.ts'
import { TICK_MS } from '../../state/machine.ts'
import { KERNEL_RELEASE } from '../../state/version.ts'
import { civil } from '../../lib/clock.ts'
import { getopt, type OptionSpec } from '../getopt.ts'
import { procOf } from '../procps/proc.ts'
import {
  failed,
  machineOf,
  ok,
  seatOf,
  shellTask,
  userName,
  type Call,
  type Result,
} from '../world.ts'

const TRY = (name: string) => `Try '${name} --help' for more information.\n`

const UNAME_USAGE = `Usage: uname [OPTION]...
Print certain system information.  With no OPTION, same as -s.

  -a, --all                print all information, in the following order,
                             except omit -p and -i if unknown:
  -s, --kernel-name        print the kernel name
  -n, --nodename           print the network node hostname
  -r, --kernel-release     print the kernel release
  -v, --kernel-version     print the kernel version
  -m, --machine            print the machine hardware name
  -p, --processor          print the processor type (non-portable)
  -i, --hardware-platform  print the hardware platform (non-portable)
  -o, --operating-system   print the operating system
      --help        display this help and exit
      --version     output version information and exit

GNU coreutils online help: <https://www.gnu.org/software/coreutils/>
Report any translation bugs to <https://translationproject.org/team/>
Full documentation <https://www.gnu.org/software/coreutils/uname>
or available locally via: info '(coreutils) uname invocation'
`

const UNAME_OPTIONS: OptionSpec[] = [
  { name: 'a', long: 'all' },
  { name: 's', long: 'kernel-name' },
  { name: 'n', long: 'nodename' },
  { name: 'r', long: 'kernel-release' },
  { name: 'v', long: 'kernel-version' },
  { name: 'm', long: 'machine' },
  { name: 'p', long: 'processor' },
  { name: 'i', long: 'hardware-platform' },
  { name: 'o', long: 'operating-system' },
  { name: 'help', long: 'help' },
  { name: 'version', long: 'version' },
]

/** -p and -i are not known, and -a leaves them out. */
const UNKNOWN = 'unknown'

export function uname({ args, world }: Call): Result {
  const m = machineOf(world)
  const parts: [letter: string, text: string][] = [
    ['s', OSTYPE],
    ['n', m.options.hostname],
    ['r', KERNEL_RELEASE],
    ['v', KERNEL_VERSION],
    ['m', machineName(m)],
    ['p', UNKNOWN],
    ['i', UNKNOWN],
    ['o', 'GNU/Linux'],
  ]
  const wanted = new Set<string>()
  const { found, operands } = getopt(args, UNAME_OPTIONS)
  for (const option of found) {
    if ('problem' in option) return failed(`uname: ${option.problem}\n${TRY('uname')}`)
    if (option.name === 'help') return ok(UNAME_USAGE)
    if (option.name === 'version') return ok('uname (GNU coreutils) 9.1\n')
    wanted.add(option.name)
  }
  if (operands.length > 0) return failed(`uname: extra operand '${operands[0]}'\n${TRY('uname')}`)
  if (wanted.size === 0) wanted.add('s')
  const shown = parts.filter(([letter, text]) =>
    wanted.has('a') ? text !== UNKNOWN : wanted.has(letter),
  )
  return ok(shown.map(([, text]) => text).join(' ') + '\n')
}

export function hostname({ args, world }: Call): Result {
  if (args.length > 0 && !args[0].startsWith('-')) {
    return failed('hostname: you must be root to change the host name\n')
  }
  return ok(machineOf(world).options.hostname + '\n')
}

export function whoami({ world }: Call): Result {
  return ok(userName(machineOf(world), seatOf(world).uid) + '\n')
}

/** Everyone has a group of their own with their name and number. */
export function id({ args, world }: Call): Result {
  const m = machineOf(world)
  let { uid } = seatOf(world)
  const name = args.find((arg) => !arg.startsWith('-'))
  if (name !== undefined) {
    const found = [...m.users].find(([, user]) => user === name)
    if (found === undefined) return failed(`id: '${name}': no such user\n`)
    uid = found[0]
  }
  const options = args.filter((arg) => arg.startsWith('-')).join('')
  const who = userName(m, uid)
  if (/[ugG]/.test(options)) return ok(`${options.includes('n') ? who : uid}\n`)
  if (options !== '') return failed(`id: invalid option -- '${options[1]}'\n${TRY('id')}`)
  return ok(`uid=${uid}(${who}) gid=${uid}(${who}) groups=${uid}(${who})\n`)
}

export function getconf({ args, world }: Call): Result {
  const m = machineOf(world)
  const values: Record<string, number> = {
    ARG_MAX: 2097152,
    CHILD_MAX: shellTask(world)?.rlimits.nproc.soft ?? 0,
    CLK_TCK,
    LONG_BIT: m.layout.bits,
    NPROCESSORS_ONLN: 1,
    OPEN_MAX: shellTask(world)?.rlimits.nofile.soft ?? 0,
    PAGESIZE: m.pageSize,
    PAGE_SIZE: m.pageSize,
    WORD_BIT: 32,
    _AVPHYS_PAGES: nrFreePages(m.zone),
    _NPROCESSORS_CONF: 1,
    _NPROCESSORS_ONLN: 1,
    _PHYS_PAGES: m.totalramPages,
  }
  if (args.length === 1 && args[0] === '-a') {
    const rows = Object.entries(values)
    return ok(rows.map(([name, value]) => `${name.padEnd(34)} ${value}\n`).join(''))
  }
  if (args.length < 1 || args.length > 2) {
    return failed(
      'Usage: getconf [-v specification] variable_name [pathname]\n       getconf -a [pathname]\n',
      2,
    )
  }
  if (!Object.hasOwn(values, args[0])) {
    return failed(`getconf: Unrecognized variable \`${args[0]}'\n`, 2)
  }
  return ok(`${values[args[0]]}\n`)
}

const PIDOF_USAGE = `pidof usage: [options] <program-name>

 -c           Return PIDs with the same root directory
 -d <sep>     Use the provided character as output separator
 -h           Display this help text
 -n           Avoid using stat system function on network shares
 -o <pid>     Omit results with a given PID
 -q           Quiet mode. Do not display output
 -s           Only return one PID
 -x           Return PIDs of shells running scripts with a matching name
 -z           List zombie and I/O waiting processes. May cause pidof to hang.

`

const PIDOF_OPTIONS: OptionSpec[] = [
  { name: 'c' },
  { name: 'd', takes: 'value' },
  { name: 'h' },
  { name: 'n' },
  { name: 'o', takes: 'value' },
  { name: 'q' },
  { name: 's' },
  { name: 'x' },
  { name: 'z' },
]

/** The pids of the programs of these names, newest first. */
export function pidof({ args, world }: Call): Result {
  let [single, quiet, zombies] = [false, false, false]
  let separator = ' '
  const omitted = new Set<number>()
  const { found, operands } = getopt(args, PIDOF_OPTIONS)
  for (const option of found) {
    if ('problem' in option) return failed(`pidof: ${option.problem}\n`)
    const { name, value } = option
    if (name === 'h') return ok(PIDOF_USAGE)
    if (name === 's') single = true
    else if (name === 'q') quiet = true
    else if (name === 'z') zombies = true
    else if (name === 'd') separator = value!
    else if (name === 'o') for (const pid of value!.split(/[,\s]/)) omitted.add(Number(pid))
  }
  const pids = [...machineOf(world).tasks.values()]
    .filter(({ comm, state }) => {
      return (zombies || state !== 'Z') && operands.some((name) => baseName(name) === comm)
    })
    .map(({ pid }) => pid)
    .filter((pid) => !omitted.has(pid))
    .sort((a, b) => b - a)
  const shown = single ? pids.slice(0, 1) : pids
  if (shown.length === 0) return failed('')
  return ok(quiet ? '' : shown.join(separator) + '\n')
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

const UPTIME_USAGE = `
Usage:
 uptime [options]

Options:
 -p, --pretty   show uptime in pretty format
 -h, --help     display this help and exit
 -s, --since    system up since
 -V, --version  output version information and exit

For more details see uptime(1).
`

const UPTIME_OPTIONS: OptionSpec[] = [
  { name: 'p', long: 'pretty' },
  { name: 'h', long: 'help' },
  { name: 's', long: 'since' },
  { name: 'V', long: 'version' },
]

export function uptime({ args, world }: Call): Result {
  let pretty = false
  const { found, operands } = getopt(args, UPTIME_OPTIONS)
  for (const option of found) {
    if ('problem' in option) return failed(`uptime: ${option.problem}\n${UPTIME_USAGE}`)
    if (option.name === 'h') return ok(UPTIME_USAGE)
    if (option.name === 'V') return ok('uptime from procps-ng 4.0.2\n')
    if (option.name === 's') {
      const { year, monthNumber, day, time } = civil(machineOf(world).bootTime)
      return ok(`${year}-${two(monthNumber)}-${two(day)} ${time}\n`)
    }
    pretty = true
  }
  if (operands.length > 0) return failed(UPTIME_USAGE)
  const { seconds, averages, users, now } = uptimeOf(world)
  return ok((pretty ? prettyUptime(seconds) : uptimeText(now, seconds, users, averages)) + '\n')
}

/** What uptime and top's first line are made of. */
export function uptimeOf(world: Call['world']) {
  const m = machineOf(world)
  const proc = procOf(world)
  const seats = [...m.tasks.values()].map(({ seat }) => seat).filter((seat) => seat > 0)
  return {
    now: m.bootTime + m.ticks * TICK_MS,
    seconds: parseFloat(proc.read('uptime')!),
    averages: proc.read('loadavg')!.split(' ').slice(0, 3),
    users: new Set(seats).size,
  }
}

/** ` 22:06:04 up 0 min,  0 user,  load average: 0.15, 0.03, 0.01` */
export function uptimeText(
  now: number,
  seconds: number,
  users: number,
  averages: string[],
): string {
  const days = Math.floor(seconds / 86400)
  const hours = Math.floor(seconds / 3600) % 24
  const minutes = Math.floor(seconds / 60) % 60
  const dayText = days === 0 ? '' : `${days} ${days > 1 ? 'days' : 'day'}, `
  const clock = hours > 0 ? `${String(hours).padStart(2)}:${two(minutes)}` : `${minutes} min`
  const who = `${String(users).padStart(2)} ${users > 1 ? 'users' : 'user'}`
  return ` ${civil(now).time} up ${dayText}${clock}, ${who},  load average: ${averages.join(', ')}`
}

const SPANS: [name: string, seconds: number][] = [
  ['decade', 315360000],
  ['year', 31536000],
  ['week', 604800],
  ['day', 86400],
  ['hour', 3600],
  ['minute', 60],
]

/** `up 1 day, 2 hours, 5 minutes`; what is exactly one of a span counts as many of the next. */
function prettyUptime(seconds: number): string {
  const parts: string[] = []
  let rest = seconds
  for (const [name, span] of SPANS) {
    const count = rest > span ? Math.floor(rest / span) : 0
    rest -= count * span
    if (count > 0) parts.push(`${count} ${name}${count > 1 ? 's' : ''}`)
    else if (name === 'minute' && rest < 60) parts.push('0 minutes')
  }
  return `up ${parts.join(', ')}`
}

function two(n: number): string {
  return String(n).padStart(2, '0')
}

/** The machine's time, in UTC; of the formats what is the same everywhere. */
export function date({ args, world }: Call): Result {
  const m = machineOf(world)
  const now = m.bootTime + m.ticks * TICK_MS
  const { year, month, day, weekday, time, monthNumber } = civil(now)
  const [format] = args.filter((arg) => arg !== '-u')
  if (format === undefined) {
    return ok(`${weekday} ${month} ${String(day).padStart(2)} ${time} UTC ${year}\n`)
  }
  if (!format.startsWith('+')) return failed(`date: invalid date '${format}'\n`)
  const values: Record<string, string> = {
    '%': '%',
    F: `${year}-${two(monthNumber)}-${two(day)}`,
    H: time.slice(0, 2),
    M: time.slice(3, 5),
    S: time.slice(6),
    T: time,
    Y: String(year),
    Z: 'UTC',
    a: weekday,
    b: month,
    d: two(day),
    m: two(monthNumber),
    n: '\n',
    s: String(Math.floor(now / 1000)),
  }
  const text = format.slice(1).replace(/%(.)/g, (all, letter: string) => values[letter] ?? all)
  return ok(text + '\n')
}

/** What the machine was booted with. */
export function machine({ world }: Call): Result {
  const { ram, swap, bits, pageSize, kernel, glibc, speed, seed, hostname } =
    machineOf(world).options
  return ok(
    `--ram ${bytes(ram)} --swap ${bytes(swap)} --page-size ${bytes(pageSize)} --bits ${bits} ` +
      `--kernel ${kernel} --glibc ${glibc} --speed ${speed} --seed ${seed} --hostname ${hostname}\n`,
  )
}

/** In the largest unit that leaves a whole number. */
function bytes(count: number): string {
  const units = ['', 'K', 'M', 'G']
  let i = 0
  while (i < units.length - 1 && count >= 1024 && count % 1024 === 0) {
    count /= 1024
    i++
  }
  return `${count}${units[i]}`
}
