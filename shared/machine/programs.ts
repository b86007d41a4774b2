// What the built-in programs do when they run. Their state is in task.program: plain data, so that a slice may end anywhere.

import { SIGINT, type Program, type Task } from '../state/task.ts'
import type { Machine } from '../state/machine.ts'
import { mkIcProgram, runIc } from '../ic/program.ts'
import { PAGE_FUEL, type RunProgram } from '../kernel/sched.ts'
import { runBalloon } from '../mm/balloon.ts'
import { sigMask } from '../mm/oomKill.ts'
import { storePtr } from '../mm/uaccess.ts'
import { runKswapd, type KswapdProgram } from '../mm/vmscan.ts'
import { procMaps } from '../proc/maps.ts'
import { WAITING } from '../syscall/define.ts'
import { CLOCK } from '../syscall/flags.ts'
import { doSyscall } from '../syscall/table.ts'
import { runForkbomb, startForkbomb } from './forkbomb.ts'
import { runHog, startHog, type HogProgram } from './hog.ts'
import { runStorm, startStorm, type StormProgram } from './storm.ts'
import { belowArguments, usage, waitForEvents } from './userProgram.ts'

interface SleepProgram extends Program {
  kind: 'sleep'
  seconds: number
  nanoseconds: number
}

/** Runs a slice of whatever the task executes. */
export const runProgram: RunProgram = (m, task, fuel) => {
  const { program } = task
  switch (program.kind) {
    case 'exec':
      return startProgram(m, task)
    case 'ic':
      return runIc(m, task, fuel, procMaps)
    case 'hog':
      return runHog(m, task, program as HogProgram, fuel)
    case 'kswapd':
      return runKswapd(m, program as KswapdProgram, fuel)
    case 'sleep':
      return runSleep(m, task, program as SleepProgram)
    case 'forkbomb':
      return runForkbomb(m, task, fuel)
    case 'storm':
      return runStorm(m, task, program as StormProgram, fuel)
    case 'vballoon':
      return runBalloon(m, fuel)
    default:
      // init, daemons and login shells: everything they do is done by the kernel's side or from outside.
      return waitForEvents(task)
  }
}

/** What the new program's main() does first: look at its arguments. */
function startProgram(m: Machine, task: Task): number {
  const name = task.mm!.exe!.inode.image
  if (name === '/usr/bin/hog') startHog(m, task)
  else if (name === '/usr/bin/forkbomb') startForkbomb(m, task)
  else if (name === '/usr/bin/storm') startStorm(m, task)
  else if (name === '/usr/bin/sleep') startSleep(m, task)
  else if (Object.hasOwn(READERS, name)) startReader(task, READERS[name])
  else if (name === '/usr/bin/ic') {
    task.program = mkIcProgram()
    task.caught |= sigMask(SIGINT)
  } else task.program = { kind: 'daemon' }
  return PAGE_FUEL
}

function startSleep(m: Machine, task: Task): void {
  const seconds = task.cmdline.slice(1).map((argument) => {
    const match = /^(\d{1,9}(?:\.\d{0,6})?|\.\d{1,6})([smhd]?)$/.exec(argument)
    return match === null
      ? NaN
      : Number(match[1]) * { '': 1, s: 1, m: 60, h: 3600, d: 86400 }[match[2]]!
  })
  const total = seconds.reduce((sum, value) => sum + value, 0)
  if (seconds.length === 0)
    usage(m, task, "sleep: missing operand\nTry 'sleep --help' for more information.")
  else if (Number.isNaN(total)) {
    const bad = task.cmdline[1 + seconds.findIndex((value) => Number.isNaN(value))]
    usage(
      m,
      task,
      `sleep: invalid time interval '${bad}'\nTry 'sleep --help' for more information.`,
    )
  } else {
    task.program = mkSleep(total)
  }
}

function mkSleep(duration: number): SleepProgram {
  const seconds = Math.floor(duration)
  const nanoseconds = Math.round((duration - seconds) * 1_000_000_000)
  return { kind: 'sleep', seconds, nanoseconds }
}

/**
 * Readers that look several times sleep between their looks; what they see and print is made outside, by the shell that
 * has started them. Only how long they live is theirs: seconds, by their command line.
 */
const READERS: Record<string, (argv: string[]) => number> = {
  '/usr/bin/free': (argv) =>
    (optionValue(argv, 's') ?? 1_000_000) * ((optionValue(argv, 'c') ?? Infinity) - 1),
  '/usr/bin/top': (argv) =>
    0.15 + (optionValue(argv, 'd') ?? 3) * ((optionValue(argv, 'n') ?? Infinity) - 1),
  '/usr/bin/vmstat': (argv) => {
    const [delay = 1, count = Infinity] = argv.filter((word) => /^\d+$/.test(word)).map(Number)
    const skipsFirst = argv.some((word) => /^-\w*y/.test(word) || word === '--no-first')
    return delay * (count - (skipsFirst ? 0 : 1))
  },
}

/** The number behind `-n`, be it in the same word or the next. */
function optionValue(argv: string[], letter: string): number | undefined {
  for (const [i, word] of argv.entries()) {
    const match = new RegExp(`^-[a-zA-Z]*${letter}(.*)$`).exec(word)
    if (match === null) continue
    const value = Number(match[1] === '' ? argv[i + 1] : match[1])
    if (value > 0) return value
  }
  return undefined
}

const READER_SECONDS_MAX = 2 ** 30

function startReader(task: Task, lifetime: (argv: string[]) => number): void {
  const seconds = lifetime(task.cmdline.slice(1))
  task.program = mkSleep(Math.min(seconds, READER_SECONDS_MAX))
}

/** The time that is asked for lies on the stack, below the arguments. */
function runSleep(m: Machine, task: Task, { seconds, nanoseconds }: SleepProgram): number {
  const at = belowArguments(task)
  storePtr(m, task, at, seconds)
  storePtr(m, task, at + m.layout.bits / 8, nanoseconds)
  const result = doSyscall(m, task, 'clock_nanosleep', [CLOCK.CLOCK_REALTIME, 0, at, at])
  if (result !== WAITING) doSyscall(m, task, 'exit_group', [0])
  return 1
}
