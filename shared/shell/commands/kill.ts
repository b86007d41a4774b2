// kill: as bash has it built in, and procps' /bin/kill.

import { ESRCH, strerror } from '../../lib/errno.ts'
import { SIGTERM } from '../../state/task.ts'
import { parseSignal, SIGNAL_NAMES } from '../signals.ts'
import { failed, machineOf, ok, RECORDING, seatOf, type Call, type Result } from '../world.ts'

const USAGE =
  'kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n'

export async function kill(call: Call): Promise<Result> {
  const args = [...call.args]
  if (args[0] === '-l' || args[0] === '-L') return list(args.slice(1))
  let signal: number | null = SIGTERM
  const option = args[0] ?? ''
  if (option === '-s' || option === '-n') {
    if (args[1] === undefined) return failed(`bash: kill: ${option}: option requires an argument\n`)
    signal = parseSignal(args[1])
    if (signal === null) return invalidSignal(args[1])
    args.splice(0, 2)
  } else if (/^-[^-]/.test(option)) {
    signal = parseSignal(option.slice(1))
    if (signal === null) return invalidSignal(option.slice(1))
    args.shift()
  }
  if (args[0] === '--') args.shift()
  if (args.length === 0) return failed(USAGE, 2)
  let stderr = ''
  for (const target of args) stderr += await killOne(call, target, signal)
  return { stdout: '', stderr, status: stderr === '' ? 0 : 1 }
}

/** What went wrong, or nothing. */
async function killOne(call: Call, target: string, signal: number): Promise<string> {
  if (target.startsWith('%')) return `bash: kill: ${target}: no such job\n`
  if (!/^-?\d+$/.test(target))
    return `bash: kill: ${target}: arguments must be process or job IDs\n`
  if (call.world.port.readOnly) return `bash: kill: (${target}) - ${RECORDING}\n`
  const errno = await sendTo(call, Number(target), signal)
  return errno === 0 ? '' : `bash: kill: (${target}) - ${strerror(errno)}\n`
}

/** kill(2) of a process, or of a process group by its negative number: then one call for all, so that none escapes by a fork. */
async function sendTo({ world }: Call, target: number, signal: number): Promise<number> {
  const one = machineOf(world).tasks.get(target)
  if (one === undefined && target >= 0) return ESRCH
  const { errno = 0 } = await world.port.submit(
    one === undefined
      ? { t: 'call', task: seatOf(world).shell, call: 'kill', args: [target, signal] }
      : { t: 'kill', task: one.handle, sig: signal },
  )
  return errno
}

function invalidSignal(text: string): Result {
  return failed(`bash: kill: ${text}: invalid signal specification\n`)
}

/** `kill -l`: all in rows of five; `kill -l 9`: its name; `kill -l KILL`: its number. */
function list(args: string[]): Result {
  let stdout = ''
  for (const arg of args) {
    const number = arg === 'EXIT' ? 0 : (parseSignal(arg) ?? parseSignal(String(Number(arg) - 128)))
    if (number === null) return { ...invalidSignal(arg), stdout }
    stdout += /^\d+$/.test(arg) ? `${SIGNAL_NAMES[number]}\n` : `${number}\n`
  }
  return ok(args.length > 0 ? stdout : tableOfAll())
}

function tableOfAll(): string {
  const all = SIGNAL_NAMES.slice(1).map((name, i) => [i + 1, `SIG${name}`] as const)
  const realTime = Array.from({ length: 31 }, (_, i) => {
    const name =
      i <= 15 ? `SIGRTMIN${i === 0 ? '' : `+${i}`}` : `SIGRTMAX${i === 30 ? '' : `-${30 - i}`}`
    return [34 + i, name] as const
  })
  let text = ''
  ;[...all, ...realTime].forEach(([number, name], i, every) => {
    const last = i % 5 === 4 || i === every.length - 1
    text += `${String(number).padStart(2)}) ${name}` + (i % 5 === 4 ? '\n' : last ? '\t\n' : '\t')
  })
  return text
}

const PROCPS_USAGE = `
Usage:
 kill [options] <pid> [...]

Options:
 <pid> [...]            send signal to every <pid> listed
 -<signal>, -s, --signal <signal>
                        specify the <signal> to be sent
 -q, --queue <value>    integer value to be sent with the signal
 -l, --list=[<signal>]  list all signal names, or convert one to a name
 -L, --table            list all signal names in a nice table

 -h, --help     display this help and exit
 -V, --version  output version information and exit

For more details see kill(1).
`

/** procps knows signal 29 by its other name. */
const PROCPS_NAMES = SIGNAL_NAMES.map((name) => (name === 'IO' ? 'POLL' : name))

export async function binKill(call: Call): Promise<Result> {
  const [path, ...args] = call.args
  const [option = '', ...rest] = args
  if (args.length === 0) return failed(PROCPS_USAGE)
  if (option === '-h' || option === '--help') return ok(PROCPS_USAGE)
  if (option === '-V' || option === '--version') return ok('kill from procps-ng 4.0.2\n')
  if (option === '-L' || option === '--table') return ok(procpsTable())
  if (option === '-l' || option === '--list') return procpsList(path, rest)
  let signal: number = SIGTERM
  let pids = args
  if (option.startsWith('-')) {
    const named = option === '-s' || option === '--signal'
    const text = named ? (rest[0] ?? '') : option.slice(1)
    const parsed = parseSignal(text)
    if (parsed === null)
      return failed(`${path}: invalid argument ${text[0] ?? ''}\n\n${PROCPS_USAGE}`)
    signal = parsed
    pids = named ? rest.slice(1) : rest
    if (pids.length === 0) return failed(PROCPS_USAGE)
  }
  let stderr = ''
  for (const pid of pids) {
    if (!/^-?\d+$/.test(pid))
      return failed(`${stderr}${path}: failed to parse argument: '${pid}'\n`)
    if (call.world.port.readOnly) return failed(`${path}: ${RECORDING}\n`)
    const errno = await sendTo(call, Number(pid), signal)
    if (errno !== 0) stderr += `${path}: (${pid}): ${strerror(errno)}\n`
  }
  return { stdout: '', stderr, status: stderr === '' ? 0 : 1 }
}

/** Seven in a row, each 11 wide. */
function procpsTable(): string {
  let text = ''
  PROCPS_NAMES.slice(1).forEach((name, i, all) => {
    const cell = `${String(i + 1).padStart(2)} ${name}`
    const endsLine = i % 7 === 6
    text += endsLine ? `${cell}\n` : cell.padEnd(11) + (i === all.length - 1 ? '\n' : '')
  })
  return text
}

function procpsList(path: string, [arg]: string[]): Result {
  if (arg === undefined) {
    const names = PROCPS_NAMES.slice(1)
    return ok(`${names.slice(0, 16).join(' ')}\n${names.slice(16).join(' ')}\n`)
  }
  const number = parseSignal(arg)
  if (number === null) return failed(`${path}: unknown signal name ${arg}\n`)
  return ok(/^\d+$/.test(arg) ? `${PROCPS_NAMES[number]}\n` : `${number}\n`)
}
