// nice (coreutils) and renice (util-linux): how much a process leaves to others.

import { strerror } from '../../lib/errno.ts'
import { MAX_NICE, MIN_NICE } from '../../kernel/nice.ts'
import { getopt, type OptionSpec } from '../getopt.ts'
import type { ChildSettings } from '../../machine/command.ts'
import {
  failed,
  machineOf,
  ok,
  RECORDING,
  seatOf,
  shellTask,
  uidOf,
  type Call,
  type Result,
} from '../world.ts'

const NICE_USAGE = `Usage: nice [OPTION] [COMMAND [ARG]...]
Run COMMAND with an adjusted niceness, which affects process scheduling.
With no COMMAND, print the current niceness.  Niceness values range from
-20 (most favorable to the process) to 19 (least favorable to the process).

Mandatory arguments to long options are mandatory for short options too.
  -n, --adjustment=N   add integer N to the niceness (default 10)
      --help        display this help and exit
      --version     output version information and exit

NOTE: your shell may have its own version of nice, which usually supersedes
the version described here.  Please refer to your shell's documentation
for details about the options it supports.

GNU coreutils online help: <https://www.gnu.org/software/coreutils/>
Report any translation bugs to <https://translationproject.org/team/>
Full documentation <https://www.gnu.org/software/coreutils/nice>
or available locally via: info '(coreutils) nice invocation'
`
const TRY_NICE = "Try 'nice --help' for more information.\n"
const NICE_OPTIONS: OptionSpec[] = [
  { name: 'n', long: 'adjustment', takes: 'value' },
  { name: 'help', long: 'help' },
  { name: 'version', long: 'version' },
]

/** A command that runs another one with something changed: what it says itself, and what is to be run how. */
export interface Prefix {
  stderr: string
  argv: string[]
  child: ChildSettings
}

export async function nice(call: Call): Promise<Result> {
  const prefix = nicePrefix(call)
  if ('status' in prefix) return prefix
  const result = await call.run(prefix.argv, prefix.child)
  return { ...result, stderr: prefix.stderr + result.stderr }
}

/** What of the command line is nice's own; a result if there is nothing to run. */
export function nicePrefix(call: Call): Prefix | Result {
  const current = call.child.nice ?? shellTask(call.world)?.nice ?? 0
  const { found, operands } = getopt(dashedNumber(call.args), NICE_OPTIONS, true)
  let adjustment: number | null = null
  for (const option of found) {
    if ('problem' in option) return failed(`nice: ${option.problem}\n${TRY_NICE}`, 125)
    if (option.name === 'help') return ok(NICE_USAGE)
    if (option.name === 'version') return ok('nice (GNU coreutils) 9.1\n')
    if (!/^\s*[+-]?\d+$/.test(option.value!))
      return failed(`nice: invalid adjustment '${option.value}'\n`, 125)
    adjustment = Math.max(-2 * MAX_NICE - 1, Math.min(2 * MAX_NICE + 1, Number(option.value)))
  }
  if (operands.length === 0) {
    if (adjustment === null) return ok(`${current}\n`)
    return failed(`nice: a command must be given with an adjustment\n${TRY_NICE}`, 125)
  }
  const wanted = Math.max(MIN_NICE, Math.min(MAX_NICE, current + (adjustment ?? 10)))
  const refused = wanted < current && seatOf(call.world).uid !== 0
  return {
    stderr: refused ? 'nice: cannot set niceness: Permission denied\n' : '',
    argv: operands,
    child: { ...call.child, nice: refused ? current : wanted },
  }
}

/** `nice -5 COMMAND` is an old way to write `nice -n 5 COMMAND`. */
function dashedNumber(args: string[]): string[] {
  const [first = '', ...rest] = args
  return /^-[+-]?\d+$/.test(first) ? ['-n', first.slice(1), ...rest] : args
}

const RENICE_USAGE = `
Usage:
 renice [-n] <priority> [-p|--pid] <pid>...
 renice [-n] <priority>  -g|--pgrp <pgid>...
 renice [-n] <priority>  -u|--user <user>...

Alter the priority of running processes.

Options:
 -n, --priority <num>   specify the nice value
 -p, --pid              interpret arguments as process ID (default)
 -g, --pgrp             interpret arguments as process group ID
 -u, --user             interpret arguments as username or user ID

 -h, --help             display this help
 -V, --version          display version

For more details see renice(1).
`
const TRY_RENICE = "Try 'renice --help' for more information.\n"

type Kind = 'process ID' | 'process group ID' | 'user ID'
const KINDS: Record<string, Kind> = {
  '-p': 'process ID',
  '--pid': 'process ID',
  '-g': 'process group ID',
  '--pgrp': 'process group ID',
  '-u': 'user ID',
  '--user': 'user ID',
}

/** Its first number is the priority, even with a dash. */
export async function renice(call: Call): Promise<Result> {
  const args = [...call.args]
  if (args.length === 1 && /^(-h|--help)$/.test(args[0])) return ok(RENICE_USAGE)
  if (args.length === 1 && /^(-V|--version)$/.test(args[0]))
    return ok('renice from util-linux 2.38.1\n')
  if (args.length < 2) return failed(`renice: not enough arguments\n${TRY_RENICE}`)
  if (args[0] === '-n' || args[0] === '--priority') args.shift()
  const priority = args.shift()!
  if (!/^\s*[+-]?\d+$/.test(priority))
    return failed(`renice: invalid priority '${priority}'\n${TRY_RENICE}`)
  let kind: Kind = 'process ID'
  let stdout = ''
  let stderr = ''
  for (const arg of args) {
    if (Object.hasOwn(KINDS, arg)) {
      kind = KINDS[arg]
      continue
    }
    const done = await reniceOne(call, kind, arg, Number(priority))
    stdout += done.stdout
    stderr += done.stderr
  }
  return { stdout, stderr, status: stderr === '' ? 0 : 1 }
}

async function reniceOne(call: Call, kind: Kind, who: string, priority: number): Promise<Result> {
  const m = machineOf(call.world)
  const user = kind === 'user ID'
  const id = user ? uidOf(m, who) : /^\d+$/.test(who) ? Number(who) : null
  if (id === null) {
    return failed(user ? `renice: unknown user ${who}\n` : `renice: bad ${kind} value: ${who}\n`)
  }
  const tasks = [...m.tasks.values()].filter((task) =>
    kind === 'process ID' ? task.pid === id : user ? task.uid === id : task.pgrp === id,
  )
  if (tasks.length === 0)
    return failed(`renice: failed to get priority for ${id} (${kind}): No such process\n`)
  if (call.world.port.readOnly) return failed(`renice: ${RECORDING}\n`)
  const lowest = () => Math.min(...tasks.map((task) => task.nice))
  const before = lowest()
  let errno = 0
  for (const { handle } of tasks) {
    const done = await call.world.port.submit({ t: 'nice', task: handle, nice: priority })
    errno = Math.abs(done.errno ?? 0) || errno
  }
  if (errno !== 0)
    return failed(`renice: failed to set priority for ${id} (${kind}): ${strerror(errno)}\n`)
  return ok(`${id} (${kind}) old priority ${before}, new priority ${lowest()}\n`)
}
