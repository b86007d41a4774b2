// ic: a C prompt in a process of one's own. The process waits on the machine; a line goes there as a command, and what
// it prints is read from its stream in our replica until it waits again.

import { icIsWaiting, type IcProgram } from '../../ic/program.ts'
import { EAGAIN, EPERM, ESRCH, strerror } from '../../lib/errno.ts'
import type { Handle } from '../../room/entry.ts'
import { SIGINT, type Stream, type Task } from '../../state/task.ts'
import { exitStatus, unseen } from '../program.ts'
import { signalText } from '../signals.ts'
import {
  failed,
  machineOf,
  ok,
  RECORDING,
  seatOf,
  type Call,
  type Result,
  type World,
} from '../world.ts'

const USAGE = "usage: ic [-p PID] [-e 'STATEMENTS']\n"

interface Wish {
  pid: number | null
  lines: string[] | null // null: from standard input
}

export async function ic(call: Call): Promise<Result> {
  const wish = parse(call.args)
  if (wish === null) return failed(USAGE, 2)
  if (call.world.port.readOnly) return failed(`ic: ${RECORDING}\n`)
  const found = await findPrompt(call, wish.pid)
  if ('why' in found) return failed(`ic: ${found.why}\n`)
  const text = wish.lines?.join('\n') ?? (await standardInput(call))
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return runLines(call, found.handle, lines)
}

/** What is piped or redirected into it, else what comes from outside. */
async function standardInput({ stdin, world }: Call): Promise<string> {
  const outside = world.stdin
  if (stdin !== '' || outside === null) return stdin
  world.stdin = null
  return outside()
}

function parse(args: string[]): Wish | null {
  const wish: Wish = { pid: null, lines: null }
  for (let i = 0; i < args.length; i++) {
    const value = args[i + 1]
    if (args[i] === '-p' && value !== undefined && /^\d+$/.test(value)) wish.pid = Number(value)
    else if (args[i] === '-e' && value !== undefined) wish.lines = [...(wish.lines ?? []), value]
    else return null
    i++
  }
  return wish
}

/**
 * The seat's newest process at a C prompt, or the one asked for; a new one if there is none, or if the shell's environment asks
 * for another malloc than the newest has: MALLOC_CHECK_=1 ic.
 */
async function findPrompt(
  { world, env }: Call,
  pid: number | null,
): Promise<{ handle: Handle } | { why: string }> {
  const m = machineOf(world)
  if (pid !== null) {
    const task = m.tasks.get(pid)
    if (task === undefined) return { why: `${pid}: ${strerror(ESRCH)}` }
    if (task.seat !== world.port.seat) return { why: `${pid}: ${strerror(EPERM)}` }
    if (task.program.kind !== 'ic') return { why: `${pid}: not at a C prompt` }
    return { handle: task.handle }
  }
  const newest = newestPrompt(world)
  const own = Object.entries(env)
    .filter(([name]) => LIBC_VARIABLES.test(name))
    .map(([name, value]) => `${name}=${value}`)
  if (newest !== null && own.every((entry) => newest.environ.includes(entry)))
    return { handle: newest.handle }
  const wish = own.length > 0 ? { env: own } : {}
  const { task, errno } = await world.port.submit({ t: 'prompt', ...wish })
  return task !== undefined ? { handle: task } : { why: strerror(errno ?? EAGAIN) }
}

/** What the C library looks at when a program starts. */
const LIBC_VARIABLES = /^(MALLOC_[A-Z_]+|GLIBC_TUNABLES|LD_PRELOAD)$/

function newestPrompt(world: World): Task | null {
  const m = machineOf(world)
  for (const handle of [...seatOf(world).prompts].reverse()) {
    const task = m.handles.get(handle)
    if (task !== undefined && task.state !== 'Z' && task.program.kind === 'ic') return task
  }
  return null
}

/** The process in which an ic with these arguments would run its statements, if it is there already. */
export function promptOf(world: World, args: string[]): Task | null {
  const pid = parse(args)?.pid ?? null
  return pid === null ? newestPrompt(world) : (machineOf(world).tasks.get(pid) ?? null)
}

async function runLines(call: Call, handle: Handle, lines: string[]): Promise<Result> {
  const { world, tty } = call
  let stdout = ''
  let status = 0
  const out = tty ? world.stdout : (text: string) => void (stdout += text)
  for (const line of lines) {
    const end = await runLine(call, handle, line, out)
    if (end.kind === 'refused') return { stdout, stderr: end.why, status: 1 }
    if (end.kind === 'failed') status = 1
    if (end.kind === 'gone') return { stdout, stderr: goneText(end.waitStatus), status: 1 }
    if (call.signal?.aborted) return { stdout, stderr: '', status: 130 }
  }
  return { ...ok(stdout), status }
}

type End =
  | { kind: 'done' }
  | { kind: 'failed' } // the statement was not understood
  | { kind: 'gone'; waitStatus: number } // the process has ended
  | { kind: 'refused'; why: string }

/** Types one line and waits until the process is at its prompt again, or gone. */
function runLine(
  { world, signal }: Call,
  handle: Handle,
  line: string,
  out: (text: string) => void,
): Promise<End> {
  const { port } = world
  return new Promise((resolve) => {
    const before = port.room().machine.handles.get(handle)
    let stream: Stream | null = before?.stdout ?? null
    let seen = stream?.written ?? 0
    let typed = false
    const finish = (end: End) => {
      stop()
      signal?.removeEventListener('abort', interrupt)
      resolve(end)
    }
    const look = () => {
      const m = port.room().machine
      const task = m.handles.get(handle)
      stream = task?.stdout ?? stream
      if (stream !== null && stream.written > seen) {
        out(unseen(stream, seen))
        seen = stream.written
      }
      const waitStatus = exitStatus(m, handle)
      if (waitStatus !== null) finish({ kind: 'gone', waitStatus })
      else if (typed && task !== undefined && icIsWaiting(task)) {
        finish({ kind: notUnderstood(task) ? 'failed' : 'done' })
      }
    }
    const interrupt = () => {
      void port.submit({ t: 'kill', task: handle, sig: SIGINT }).catch(() => {})
    }
    const stop = port.onApplied((entry) => {
      const { c } = entry
      if (c.t === 'ic' && entry.seat === port.seat && c.task === handle && c.line === line)
        typed = true
      look()
    })
    signal?.addEventListener('abort', interrupt, { once: true })
    port.submit({ t: 'ic', task: handle, line }).then(
      ({ errno }) => {
        typed = true
        if (errno !== undefined && errno !== 0)
          finish({ kind: 'refused', why: `ic: ${strerror(errno)}\n` })
        else look()
      },
      (error: Error) => finish({ kind: 'refused', why: `ic: ${error.message}\n` }),
    )
  })
}

function notUnderstood({ program }: Task): boolean {
  return (program as IcProgram).diagnostics.some(({ severity }) => severity === 'error')
}

function goneText(waitStatus: number): string {
  const signal = waitStatus & 0x7f
  return signal === 0
    ? `ic: the process has exited with status ${waitStatus >> 8}\n`
    : `ic: the process was ended by a signal: ${signalText(signal)}\n`
}
