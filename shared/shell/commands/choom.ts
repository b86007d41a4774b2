// choom (util-linux): a process's standing with the OOM killer.

import { EACCES, EINVAL, strerror } from '../../lib/errno.ts'
import { OOM_SCORE_ADJ_MAX, OOM_SCORE_ADJ_MIN } from '../../mm/oomScore.ts'
import { getopt, type OptionSpec } from '../getopt.ts'
import { procOf } from '../procps/proc.ts'
import { failed, ok, RECORDING, seatOf, shellTask, type Call, type Result } from '../world.ts'
import type { Prefix } from './nice.ts'

const USAGE = `
Usage:
 choom [options] -p pid
 choom [options] -n number -p pid
 choom [options] -n number [--] command [args...]]

Display and adjust OOM-killer score.

Options:
 -n, --adjust <num>     specify the adjust score value
 -p, --pid <num>        process ID

 -h, --help             display this help
 -V, --version          display version

For more details see choom(1).
`
const TRY = "Try 'choom --help' for more information.\n"
const OPTIONS: OptionSpec[] = [
  { name: 'n', long: 'adjust', takes: 'value' },
  { name: 'p', long: 'pid', takes: 'value' },
  { name: 'h', long: 'help' },
  { name: 'V', long: 'version' },
]

export async function choom(call: Call): Promise<Result> {
  const prefix = await choomPrefix(call)
  if ('status' in prefix) return prefix
  return call.run(prefix.argv, prefix.child)
}

/** What of the command line is choom's own; a result if there is nothing to run. */
export async function choomPrefix(call: Call): Promise<Prefix | Result> {
  const { found, operands } = getopt(call.args, OPTIONS, true)
  let adjust: number | null = null
  let pid: number | null = null
  for (const option of found) {
    if ('problem' in option) return failed(`choom: ${option.problem}\n${TRY}`)
    const { name, value } = option
    if (name === 'h') return ok(USAGE)
    if (name === 'V') return ok('choom from util-linux 2.38.1\n')
    if (!/^\s*[+-]?\d+$/.test(value!))
      return failed(`choom: invalid ${name === 'p' ? 'PID' : 'adjust'} argument: '${value}'\n`)
    if (name === 'p') pid = Number(value)
    else adjust = Number(value)
  }
  if (pid !== null && operands.length > 0)
    return failed(`choom: invalid argument: ${operands[0]}\n${TRY}`)
  if (pid === null && operands.length === 0)
    return failed(`choom: no PID or COMMAND specified\n${TRY}`)
  if (pid === null && adjust === null)
    return failed(`choom: no OOM score adjust value specified\n${TRY}`)
  if (pid === null) {
    const errno = refusal(call, adjust!)
    if (errno !== 0) return failed(`choom: failed to set score adjust value: ${strerror(errno)}\n`)
    return { stderr: '', argv: operands, child: { ...call.child, oomScoreAdj: adjust! } }
  }
  return adjust === null ? show(call, pid) : change(call, pid, adjust)
}

/** Whether a child of the shell may set that for itself; an errno, 0 if it may. */
function refusal({ world }: Call, adjust: number): number {
  if (adjust < OOM_SCORE_ADJ_MIN || adjust > OOM_SCORE_ADJ_MAX) return EINVAL
  const lowest = shellTask(world)?.oomScoreAdjMin ?? 0
  return adjust < lowest && seatOf(world).uid !== 0 ? EACCES : 0
}

function show({ world }: Call, pid: number): Result {
  const proc = procOf(world)
  const score = proc.read(`${pid}/oom_score`)
  if (score === null)
    return failed('choom: failed to read OOM score value: No such file or directory\n')
  return ok(
    `pid ${pid}'s current OOM score: ${score}` +
      `pid ${pid}'s current OOM score adjust value: ${proc.read(`${pid}/oom_score_adj`)}`,
  )
}

async function change({ world }: Call, pid: number, adjust: number): Promise<Result> {
  const path = `${pid}/oom_score_adj`
  const before = procOf(world).read(path)?.trim()
  if (before === undefined)
    return failed('choom: failed to read OOM score adjust value: No such file or directory\n')
  if (world.port.readOnly) return failed(`choom: ${RECORDING}\n`)
  const write = { t: 'write', path: `/proc/${path}`, text: String(adjust), append: false } as const
  const { errno = 0 } = await world.port.submit(write)
  if (errno !== 0)
    return failed(`choom: failed to set score adjust value: ${strerror(Math.abs(errno))}\n`)
  return ok(`pid ${pid}'s OOM score adjust value changed from ${before} to ${adjust}\n`)
}
