// ulimit, as bash 5.2 has it built in: limits of the shell, which its programs inherit.
//
// At the top level they are those of the login shell on the machine. In a subshell, which is no process there, they are
// kept on this side and given to each program that it starts.

import { EINVAL, strerror } from '../../lib/errno.ts'
import { doPrlimit } from '../../kernel/rlimit.ts'
import { RLIM_INFINITY, type Rlimit, type RlimitName } from '../../state/task.ts'
import type { LimitSetting } from '../../machine/command.ts'
import { failed, ok, RECORDING, shellTask, type Call, type Result } from '../world.ts'

interface Resource {
  option: string
  limit: RlimitName | 'pipe'
  unit: number // bytes, or what the limit counts
  what: string
  units: string
}

/** In the order of `ulimit -a`. */
const RESOURCES: Resource[] = [
  resource('R', 'rttime', 1, 'real-time non-blocking time', 'microseconds'),
  resource('c', 'core', 1024, 'core file size', 'blocks'),
  resource('d', 'data', 1024, 'data seg size', 'kbytes'),
  resource('e', 'nice', 1, 'scheduling priority'),
  resource('f', 'fsize', 1024, 'file size', 'blocks'),
  resource('i', 'sigpending', 1, 'pending signals'),
  resource('l', 'memlock', 1024, 'max locked memory', 'kbytes'),
  resource('m', 'rss', 1024, 'max memory size', 'kbytes'),
  resource('n', 'nofile', 1, 'open files'),
  resource('p', 'pipe', 512, 'pipe size', '512 bytes'),
  resource('q', 'msgqueue', 1, 'POSIX message queues', 'bytes'),
  resource('r', 'rtprio', 1, 'real-time priority'),
  resource('s', 'stack', 1024, 'stack size', 'kbytes'),
  resource('t', 'cpu', 1, 'cpu time', 'seconds'),
  resource('u', 'nproc', 1, 'max user processes'),
  resource('v', 'as', 1024, 'virtual memory', 'kbytes'),
  resource('x', 'locks', 1, 'file locks'),
]

function resource(
  option: string,
  limit: Resource['limit'],
  unit: number,
  what: string,
  units = '',
): Resource {
  return { option, limit, unit, what, units }
}

const USAGE = 'ulimit: usage: ulimit [-SHabcdefiklmnpqrstuvxPRT] [limit]\n'
const PIPE_BYTES: Rlimit = { soft: 4096, hard: 4096 }

interface Asked {
  resource: Resource
  value: string | null
}

export async function ulimit(call: Call): Promise<Result> {
  const asked: Asked[] = []
  let [hard, soft, all] = [false, false, false]
  const rest = [...call.args]
  for (let arg = rest[0]; arg?.startsWith('-') && arg !== '-'; arg = rest[0]) {
    rest.shift()
    if (arg === '--') break
    for (let i = 1; i < arg.length; i++) {
      const letter = arg[i]
      const found = RESOURCES.find(({ option }) => option === letter)
      if (letter === 'H') hard = true
      else if (letter === 'S') soft = true
      else if (letter === 'a') all = true
      else if (found === undefined)
        return failed(`bash: ulimit: -${letter}: invalid option\n${USAGE}`, 2)
      else {
        // What follows the letter is its value, be it in the same word or the next.
        const inWord = arg.slice(i + 1)
        const isNext = inWord === '' && rest[0] !== undefined && !rest[0].startsWith('-')
        asked.push({
          resource: found,
          value: inWord !== '' ? inWord : isNext ? rest.shift()! : null,
        })
        break
      }
    }
  }
  if (all) return ok(RESOURCES.map((one) => line(call, one, hard && !soft)).join(''))
  if (asked.length === 0) {
    const file = RESOURCES.find(({ option }) => option === 'f')!
    asked.push({ resource: file, value: rest[0] ?? null })
  }
  let stdout = ''
  for (const { resource: one, value } of asked) {
    if (value === null) {
      stdout +=
        asked.length > 1 ? line(call, one, hard && !soft) : `${show(call, one, hard && !soft)}\n`
      continue
    }
    const wrong = await change(call, one, value, hard, soft)
    if (wrong !== null) return { stdout, stderr: `bash: ulimit: ${wrong}\n`, status: 1 }
  }
  return ok(stdout)
}

/** The limit as the next program would have it. */
function limitOf(call: Call, { limit }: Resource): Rlimit {
  if (limit === 'pipe') return PIPE_BYTES
  const own = call.child.rlimits?.find(({ resource: name }) => name === limit)
  return (
    own ?? shellTask(call.world)?.rlimits[limit] ?? { soft: RLIM_INFINITY, hard: RLIM_INFINITY }
  )
}

function show(call: Call, one: Resource, hard: boolean): string {
  const limit = limitOf(call, one)
  const value = hard ? limit.hard : limit.soft
  return value === RLIM_INFINITY ? 'unlimited' : String(Math.floor(value / one.unit))
}

function line(call: Call, one: Resource, hard: boolean): string {
  const units = one.units === '' ? '' : `${one.units}, `
  const label = `(${units}-${one.option}) `
  return `${one.what.padEnd(20)} ${label.padStart(20)}${show(call, one, hard)}\n`
}

/** What is wrong with it, or null when it is done. Without -H and -S both limits are set. */
async function change(
  call: Call,
  one: Resource,
  text: string,
  hard: boolean,
  soft: boolean,
): Promise<string | null> {
  const now = limitOf(call, one)
  const value = parseValue(text, now, one.unit)
  if (typeof value === 'string') return value
  const both = hard === soft
  const wanted: Rlimit = {
    soft: soft || both ? value : now.soft,
    hard: hard || both ? value : now.hard,
  }
  const errno = one.limit === 'pipe' ? EINVAL : await setLimit(call, one.limit, wanted)
  return errno === 0 ? null : `${one.what}: cannot modify limit: ${strerror(errno)}`
}

function parseValue(text: string, now: Rlimit, unit: number): number | string {
  if (text === 'unlimited') return RLIM_INFINITY
  if (text === 'hard') return now.hard
  if (text === 'soft') return now.soft
  if (!/^\d+$/.test(text)) return `${text}: invalid number`
  const value = Number(text) * unit
  return value > Number.MAX_SAFE_INTEGER ? `${text}: limit out of range` : value
}

async function setLimit(call: Call, name: RlimitName, wanted: Rlimit): Promise<number> {
  const { world } = call
  const shell = shellTask(world)
  if (world.port.readOnly || shell === null) throw new Error(RECORDING)
  if (!call.forked) {
    const { errno = 0 } = await world.port.submit({
      t: 'rlimit',
      task: shell.handle,
      resource: name,
      ...wanted,
    })
    return Math.abs(errno)
  }
  const setting: LimitSetting = { resource: name, ...wanted }
  // Whether it would be allowed: asked of the rule itself, on a copy that nobody else sees.
  const copy = { ...shell, rlimits: { ...shell.rlimits, [name]: { ...limitNow(call, name) } } }
  const error = doPrlimit(copy, copy, name, wanted)
  if (error < 0) return -error
  const others = (call.child.rlimits ?? []).filter(({ resource: other }) => other !== name)
  await call.settle({ ...call.child, rlimits: [...others, setting] })
  return 0
}

function limitNow(call: Call, name: RlimitName): Rlimit {
  return limitOf(
    call,
    RESOURCES.find(({ limit }) => limit === name)!,
  )
}
