// Running a program of the machine: the login shell forks and executes it there; here its output is read and its end
// awaited, in our own replica, entry after entry.

import { EAGAIN, ENOENT, ENOMEM, strerror } from '../lib/errno.ts'
import type { Applied } from '../room/room.ts'
import type { Handle } from '../room/entry.ts'
import type { ChildSettings } from '../machine/command.ts'
import type { Machine } from '../state/machine.ts'
import { SIGINT, type Stream } from '../state/task.ts'
import type { MachinePort } from './port.ts'
import { shellStatus, signalText } from './signals.ts'
import {
  failed,
  RECORDING,
  type Call,
  type Result,
  type Signal,
  type TerminalCursor,
  type World,
} from './world.ts'

export interface Spawn extends ChildSettings {
  path: string
  argv: string[]
  env: string[]
  stdout: 'tty' | 'pipe'
}

export interface Running {
  handle: Handle
  pid: number
  /** Fulfilled with a status like wait4's. */
  ended: Promise<number>
}

/** Starts the program; its output goes to `out` as it comes. A number is the errno of a start that failed. */
export async function spawn(
  { port, terminal }: World,
  program: Spawn,
  out: (text: string) => void,
): Promise<Running | number> {
  const argv = JSON.stringify(program.argv)
  // The process may run, and end, in entries that are applied right behind its start, before a promise can tell us.
  let watched: Watch | null = null
  const stop = port.onApplied((entry, applied) => {
    const c = entry.c
    if (watched !== null) watched.look()
    else if (
      entry.seat === port.seat &&
      c.t === 'spawn' &&
      c.path === program.path &&
      JSON.stringify(c.argv) === argv &&
      applied.task !== undefined
    ) {
      watched = watch(port, terminal, applied.task, out)
    }
  })
  let applied: Applied
  try {
    applied = await port.submit({ t: 'spawn', ...program })
  } catch (refusal) {
    stop()
    throw refusal
  }
  const { task } = applied
  if (task === undefined) {
    stop()
    return applied.errno ?? EAGAIN
  }
  const watching: Watch = watched ?? watch(port, terminal, task, out)
  void watching.ended.then(() => {
    stop()
    if (program.stdout === 'tty') terminal.watchers--
  })
  return { handle: task, pid: watching.pid, ended: watching.ended }
}

interface Watch {
  pid: number
  look: () => void
  ended: Promise<number>
}

function watch(
  port: MachinePort,
  terminal: TerminalCursor,
  handle: Handle,
  out: (text: string) => void,
): Watch {
  const first = port.room().machine.handles.get(handle)
  let stream: Stream | null = first?.stdout ?? null
  const cursor = stream?.terminal ? follow(terminal, stream) : { seen: 0 }
  let end: (status: number) => void = () => {}
  const ended = new Promise<number>((resolve) => {
    end = resolve
  })
  const look = () => {
    const m = port.room().machine
    stream = m.handles.get(handle)?.stdout ?? stream
    if (stream !== null && stream.written > cursor.seen) {
      out(unseen(stream, cursor.seen))
      cursor.seen = stream.written
    }
    const status = exitStatus(m, handle)
    if (status !== null) end(status)
  }
  look()
  return { pid: first?.pid ?? 0, look, ended }
}

/** All programs at the terminal write to one stream; whoever looks first shows what is new. */
function follow(terminal: TerminalCursor, stream: Stream): TerminalCursor {
  if (terminal.watchers++ === 0) terminal.seen = stream.written
  return terminal
}

/** What was written to the stream since; of a lot, the end of it that is kept. */
export function unseen(stream: Stream, seen: number): string {
  return stream.text.slice(-Math.min(stream.written - seen, stream.text.length))
}

/** A status like wait4's when the process has ended, else null. */
export function exitStatus(m: Machine, handle: Handle): number | null {
  const task = m.handles.get(handle)
  if (task !== undefined) return task.state === 'Z' ? task.exitCode : null
  for (let i = m.exits.length - 1; i >= 0; i--) {
    if (m.exits[i].handle === handle) return m.exits[i].status
  }
  return 0
}

/** Runs a program as bash does: waits for it, Ctrl-C interrupts it, a signal that ended it is told. */
export async function runProgram(call: Call, path: string, args: string[]): Promise<Result> {
  const { world, tty } = call
  if (world.port.readOnly) return failed(`bash: ${call.name}: ${RECORDING}\n`)
  let piped = ''
  const out = tty ? world.stdout : (text: string) => void (piped += text)
  const env = Object.entries(call.env).map(([name, value]) => `${name}=${value}`)
  const argv = [call.name, ...args]
  const spawnable: Spawn = { path, argv, env, stdout: tty ? 'tty' : 'pipe', ...call.child }
  const running = await spawn(world, spawnable, out)
  if (typeof running === 'number') return notStarted(call.name, running)
  const waitStatus = await interruptible(world.port, running, call.signal)
  return {
    stdout: piped,
    stderr: endMessage(running.pid, waitStatus, spawnable.argv),
    status: shellStatus(waitStatus),
  }
}

/** Waits; an abort sends SIGINT and goes on waiting, as a shell does. */
export async function interruptible(
  port: MachinePort,
  { handle, ended }: Running,
  signal: Signal | undefined,
): Promise<number> {
  const interrupt = () => {
    void port.submit({ t: 'kill', task: handle, sig: SIGINT }).catch(() => {})
  }
  if (signal?.aborted) interrupt()
  signal?.addEventListener('abort', interrupt, { once: true })
  const status = await ended
  signal?.removeEventListener('abort', interrupt)
  return status
}

export function notStarted(name: string, errno: number): Result {
  if (errno === ENOMEM || errno === EAGAIN) return failed(`bash: fork: ${strerror(errno)}\n`, 254)
  return failed(`bash: ${name}: ${strerror(errno)}\n`, errno === ENOENT ? 127 : 126)
}

/** As a shell without job control prints it. Nothing for an exit, an interrupt or a broken pipe. */
export function endMessage(pid: number, waitStatus: number, argv: string[]): string {
  const signal = waitStatus & 0x7f
  if (signal === 0 || signal === SIGINT || signal === 13) return ''
  const pidText = String(pid).padStart(5)
  return `bash: ${pidText} ${signalText(signal).padEnd(23)} ${argv.join(' ')}\n`
}
