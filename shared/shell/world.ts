// What a command of ours gets: the machine to look at, the door for what it wants done, and where its words go.

import type { ChildSettings } from '../machine/command.ts'
import type { Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import type { Seat } from '../room/room.ts'
import type { MachineFs } from './fs.ts'
import type { MachinePort } from './port.ts'

/** What is used of a web AbortSignal; shared/ knows no DOM. */
export interface Signal {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** How much of the terminal's stream has been shown while programs write to it. */
export interface TerminalCursor {
  seen: number
  watchers: number
}

export interface World {
  port: MachinePort
  fs: MachineFs
  /** Straight to the terminal, at once. */
  stdout: (text: string) => void
  stderr: (text: string) => void
  /** What comes in from outside, to be read once and whole; null if it has come with the script. */
  stdin: (() => Promise<string>) | null
  terminal: TerminalCursor
  /** Programs that were started with &, as their promise to end. */
  jobs: Map<string, Promise<void>>
}

/** One invocation. */
export interface Call {
  world: World
  name: string
  args: string[]
  stdin: string
  env: Record<string, string>
  cwd: string
  tty: boolean // standard output is the terminal: a program may write to it while it runs
  tty2: boolean // standard error is the terminal
  forked: boolean // bash would have forked for it: what it changes of the shell does not outlive the subshell
  status: number // of the command before
  child: ChildSettings // what a program that it starts is to set for itself first
  signal: Signal | undefined
  assign: (name: string, value: string) => void | Promise<void>
  /** From here on programs of this subshell set that for themselves first. */
  settle: (child: ChildSettings) => void | Promise<void>
  /** Runs a command with its arguments; its programs set that for themselves first. */
  run: (argv: string[], child: ChildSettings) => Promise<Result>
}

export interface Result {
  stdout: string
  stderr: string
  status: number
}

export type Command = (call: Call) => Result | Promise<Result>

export function machineOf(world: World): Machine {
  return world.port.room().machine
}

/** Whose shell it is. */
export function seatOf({ port }: World): Seat {
  const seat = port.room().seats.get(port.seat)
  if (seat === undefined) throw new Error('this shell has no seat')
  return seat
}

/** The login shell as a process; null if it was killed. */
export function shellTask(world: World): Task | null {
  const task = machineOf(world).handles.get(seatOf(world).shell)
  return task === undefined || task.state === 'Z' ? null : task
}

/** Why nothing can be done in a replay. */
export const RECORDING = 'this is a recording: nothing in it can be changed'

export function ok(stdout: string): Result {
  return { stdout, stderr: '', status: 0 }
}

export function failed(stderr: string, status = 1): Result {
  return { stdout: '', stderr, status }
}

/** The name of a user, or the number of one without a name. */
export function userName(m: Machine, uid: number): string {
  return m.users.get(uid) ?? String(uid)
}

/** The user of that name or number; null if there is none. */
export function uidOf(m: Machine, name: string): number | null {
  if (/^\d+$/.test(name)) return Number(name)
  for (const [uid, user] of m.users) if (user === name) return uid
  return null
}
