// What the machine is and who one is on it: uname, hostname, whoami, id, getconf, pidof, uptime, date, machine.

import { machineName, KERNEL_VERSION, OSTYPE } from '../../proc/version.ts'
import { uptimeSeconds } from '../../proc/uptime.ts'
import { CLK_TCK } from '../../proc/stat.ts'
import { TICK_MS } from '../../state/machine.ts'
import { KERNEL_RELEASE } from '../../state/version.ts'
import { civil } from '../../lib/clock.ts'
import { failed, machineOf, ok, seatOf, userName, type Call, type Result } from '../world.ts'

const TRY = (name: string) => `Try '${name} --help' for more information.\n`

export function uname({ args, world }: Call): Result {
  const m = machineOf(world)
  const parts: [letter: string, long: string, text: string][] = [
    ['s', 'kernel-name', OSTYPE],
    ['n', 'nodename', m.options.hostname],
    ['r', 'kernel-release', KERNEL_RELEASE],
    ['v', 'kernel-version', KERNEL_VERSION],
    ['m', 'machine', machineName(m)],
    ['o', 'operating-system', 'GNU/Linux'],
  ]
  const wanted = new Set<string>()
  for (const arg of args) {
    const names = arg.startsWith('--') ? [arg.slice(2)] : [...arg.slice(1)]
    if (!arg.startsWith('-')) return failed(`uname: extra operand '${arg}'\n${TRY('uname')}`)
    for (const name of names) {
      const part = parts.find(([letter, long]) => letter === name || long === name)
      if (name === 'a' || name === 'all') parts.forEach(([letter]) => wanted.add(letter))
      else if (part !== undefined) wanted.add(part[0])
      else return failed(`uname: invalid option -- '${name}'\n${TRY('uname')}`)
    }
  }
  if (wanted.size === 0) wanted.add('s')
  const shown = parts.filter(([letter]) => wanted.has(letter)).map(([, , text]) => text)
  return ok(shown.join(' ') + '\n')
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
    PAGESIZE: m.pageSize,
    PAGE_SIZE: m.pageSize,
    LONG_BIT: m.layout.bits,
    CLK_TCK,
    ARG_MAX: 2097152,
    NPROCESSORS_ONLN: 1,
    _NPROCESSORS_ONLN: 1,
    _NPROCESSORS_CONF: 1,
    _PHYS_PAGES: m.totalramPages,
    _AVPHYS_PAGES: m.zone.freePages,
  }
  if (args.length !== 1)
    return failed('Usage: getconf [-v specification] variable_name [pathname]\n')
  if (!Object.hasOwn(values, args[0])) {
    return failed(`getconf: Unrecognized variable \`${args[0]}'\n`, 2)
  }
  return ok(`${values[args[0]]}\n`)
}

/** The pids of the programs of these names, newest first. */
export function pidof({ args, world }: Call): Result {
  const single = args.includes('-s')
  const names = args.filter((arg) => !arg.startsWith('-'))
  const pids = [...machineOf(world).tasks.values()]
    .filter(({ comm, state }) => state !== 'Z' && names.some((name) => base(name) === comm))
    .map(({ pid }) => pid)
    .sort((a, b) => b - a)
  const shown = single ? pids.slice(0, 1) : pids
  return shown.length === 0 ? failed('') : ok(shown.join(' ') + '\n')
}

function base(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

export function uptime({ world }: Call): Result {
  const m = machineOf(world)
  const minutes = Math.floor(uptimeSeconds(m) / 60)
  const hours = Math.floor(minutes / 60) % 24
  const days = Math.floor(minutes / 1440)
  const up =
    hours > 0
      ? `${String(hours).padStart(2)}:${String(minutes % 60).padStart(2, '0')}`
      : `${minutes % 60} min`
  const dayText = days === 0 ? '' : days === 1 ? '1 day, ' : `${days} days, `
  const seats = new Set([...m.tasks.values()].map(({ seat }) => seat).filter((seat) => seat > 0))
    .size
  const { time } = civil(m.bootTime + m.ticks * TICK_MS)
  const users = `${seats} user${seats === 1 ? '' : 's'}`
  return ok(` ${time} up ${dayText}${up},  ${users},  load average: 0.00, 0.00, 0.00\n`)
}

/** The machine's time, in UTC; of the formats what is the same everywhere. */
export function date({ args, world }: Call): Result {
  const m = machineOf(world)
  const now = m.bootTime + m.ticks * TICK_MS
  const { year, month, day, weekday, time, monthNumber } = civil(now)
  const two = (n: number) => String(n).padStart(2, '0')
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
  const { ram, bits, pageSize, speed, seed, hostname } = machineOf(world).options
  return ok(
    `--ram ${bytes(ram)} --page-size ${bytes(pageSize)} --bits ${bits} --speed ${speed} --seed ${seed} --hostname ${hostname}\n`,
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
