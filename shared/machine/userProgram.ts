// What the built-in programs have in common: how they wait, complain and set their name.

import { encodeUtf8 } from '../lib/utf8.ts'
import { streamWrite } from '../kernel/stream.ts'
import { storeBytes } from '../mm/uaccess.ts'
import type { Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { PR } from '../syscall/flags.ts'
import { traceWrite } from '../syscall/strace.ts'
import { doSyscall } from '../syscall/table.ts'

/** Sleeps until something comes from outside. Fuel used. */
export function waitForEvents(task: Task): number {
  task.state = 'S'
  task.wait = { for: 'input' }
  return 1
}

/** Sleeps for so many ticks. Fuel used. */
export function waitForTicks(m: Machine, task: Task, ticks: number): number {
  task.state = 'S'
  task.wait = { for: 'timer', until: m.ticks + ticks }
  return 1
}

/** A line to the standard error, which goes where the output goes. */
export function complain(m: Machine, task: Task, text: string): void {
  const line = `${text}\n`
  traceWrite(m, task, 2, 0, encodeUtf8(line))
  if (task.stdout !== null) streamWrite(task.stdout, line)
}

/** Says what is wrong with the command line, and ends. */
export function usage(m: Machine, task: Task, text: string): void {
  complain(m, task, text)
  doSyscall(m, task, 'exit_group', [1])
}

/** '512K', '20M', '1G' or plain bytes; null if it is none of these or zero. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,12})([KMG]?)(iB|B)?$/i.exec(text)
  if (match === null) return null
  const unit = { '': 1, K: 1 << 10, M: 1 << 20, G: 1 << 30 }[match[2].toUpperCase()]!
  const bytes = Number(match[1]) * unit
  return bytes > 0 && bytes < 2 ** 47 ? bytes : null
}

/** A name that ps can show: 15 characters at most, as a task has room for. */
export const PROCESS_NAME = /^[A-Za-z0-9_.+-]{1,15}$/

/** Sets the process's own name, as a program does that calls itself something else than its file. */
export function setName(m: Machine, task: Task, name: string): void {
  const at = belowArguments(task)
  storeBytes(m, task, at, encodeUtf8(`${name}\0`))
  doSyscall(m, task, 'prctl', [PR.PR_SET_NAME, at])
}

/** Room for some words on the stack, below the arguments. */
export function belowArguments(task: Task): number {
  return Math.floor((task.mm!.argStart - 64) / 16) * 16
}
