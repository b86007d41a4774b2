// kill, as bash has it built in: its messages are the shell's.

import { ESRCH, strerror } from '../../lib/errno.ts'
import { SIGTERM } from '../../state/task.ts'
import { parseSignal, SIGNAL_NAMES } from '../signals.ts'
import { failed, machineOf, ok, RECORDING, type Call, type Result } from '../world.ts'

const USAGE =
  'kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n'

export async function kill(call: Call): Promise<Result> {
  const args = [...call.args]
  if (args[0] === '-l' || args[0] === '-L') return list(args.slice(1))
  let signal: number | null = SIGTERM
  const option = args[0] ?? ''
  if (option === '-s' || option === '-n') {
    signal = parseSignal(args[1] ?? '')
    if (signal === null) return invalidSignal(args[1] ?? '')
    args.splice(0, 2)
  } else if (option === '--') args.shift()
  else if (/^-./.test(option)) {
    signal = parseSignal(option.slice(1))
    if (signal === null) return invalidSignal(option.slice(1))
    args.shift()
  }
  if (args.length === 0) return failed(USAGE, 2)
  let stderr = ''
  for (const target of args) stderr += await killOne(call, target, signal)
  return { stdout: '', stderr, status: stderr === '' ? 0 : 1 }
}

/** What went wrong, or nothing. */
async function killOne({ world }: Call, target: string, signal: number): Promise<string> {
  if (!/^-?\d+$/.test(target))
    return `bash: kill: ${target}: arguments must be process or job IDs\n`
  const task = machineOf(world).tasks.get(Number(target))
  if (task === undefined) return message(target, ESRCH)
  if (world.port.readOnly) return `bash: kill: (${target}) - ${RECORDING}\n`
  const { errno } = await world.port.submit({ t: 'kill', task: task.handle, sig: signal })
  return errno === undefined || errno === 0 ? '' : message(target, Math.abs(errno))
}

function message(target: string, errno: number): string {
  return `bash: kill: (${target}) - ${strerror(errno)}\n`
}

function invalidSignal(text: string): Result {
  return failed(`bash: kill: ${text}: invalid signal specification\n`)
}

/** `kill -l`: all in rows of five; `kill -l 9`: its name; `kill -l KILL`: its number. */
function list(args: string[]): Result {
  if (args.length > 0) {
    let stdout = ''
    for (const arg of args) {
      const number = parseSignal(arg) ?? parseSignal(String(Number(arg) - 128))
      if (number === null) return failed(`bash: kill: ${arg}: invalid signal specification\n`)
      stdout += /^\d+$/.test(arg) ? `${SIGNAL_NAMES[number]}\n` : `${number}\n`
    }
    return ok(stdout)
  }
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
  return ok(text)
}
