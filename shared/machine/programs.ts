// What the built-in programs do when they run. Their state is in task.program: plain data, so that a slice may end anywhere.

import { SIGINT, type Program, type Task } from '../state/task.ts'
import { encodeUtf8 } from '../lib/utf8.ts'
import { TICKS_PER_SECOND, type Machine } from '../state/machine.ts'
import { mkIcProgram, runIc } from '../ic/program.ts'
import { PAGE_FUEL, bytesFuel, mustYield, type RunProgram } from '../kernel/sched.ts'
import { streamWrite } from '../kernel/stream.ts'
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../mm/mmap.ts'
import { sigMask } from '../mm/oomKill.ts'
import { fillBytes, storePtr } from '../mm/uaccess.ts'
import { runKswapd, type KswapdProgram } from '../mm/vmscan.ts'
import { procMaps } from '../proc/maps.ts'
import { WAITING } from '../syscall/define.ts'
import { CLOCK } from '../syscall/flags.ts'
import { traceWrite } from '../syscall/strace.ts'
import { doSyscall } from '../syscall/table.ts'

/** hog: allocates in chunks and touches every page, then keeps it. */
interface HogProgram extends Program {
  kind: 'hog'
  target: number // bytes; 0: without end
  rate: number // bytes a second; 0: as fast as it gets to run
  taken: number // bytes touched
  chunk: number // address of the chunk at work, 0 before there is one
  chunkDone: number // bytes of it
  started: number // ticks
}

interface SleepProgram extends Program {
  kind: 'sleep'
  seconds: number
  nanoseconds: number
}

const HOG_CHUNK = 1 << 20

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
    default:
      return waitForEvents(task)
  }
}

/** init, daemons and login shells: everything they do is done by the kernel's side or from outside. */
function waitForEvents(task: Task): number {
  task.state = 'S'
  task.wait = { for: 'input' }
  return 1
}

/** What the new program's main() does first: look at its arguments. */
function startProgram(m: Machine, task: Task): number {
  const name = task.mm!.exe!.inode.image
  if (name === '/usr/bin/hog') startHog(m, task)
  else if (name === '/usr/bin/sleep') startSleep(m, task)
  else if (Object.hasOwn(READERS, name)) startReader(task, READERS[name])
  else if (name === '/usr/bin/ic') {
    task.program = mkIcProgram()
    task.caught |= sigMask(SIGINT)
  } else task.program = { kind: 'daemon' }
  return PAGE_FUEL
}

function usage(m: Machine, task: Task, text: string): void {
  traceWrite(m, task, 2, 0, encodeUtf8(`${text}\n`))
  if (task.stdout !== null) streamWrite(task.stdout, `${text}\n`)
  doSyscall(m, task, 'exit_group', [1])
}

function startHog(m: Machine, task: Task): void {
  const [, size = '', option, rate] = task.cmdline
  const target = size === 'forever' ? 0 : parseSize(size)
  const bytesPerSecond = option === undefined ? 0 : parseSize(rate ?? '')
  if (target === null || bytesPerSecond === null || (option !== undefined && option !== '--rate')) {
    usage(m, task, 'usage: hog SIZE|forever [--rate BYTES_A_SECOND]   sizes as 512K, 20M, 1G')
    return
  }
  const program: HogProgram = {
    kind: 'hog',
    target,
    rate: bytesPerSecond,
    taken: 0,
    chunk: 0,
    chunkDone: 0,
    started: m.ticks,
  }
  task.program = program
}

/** '512K', '20M', '1G' or plain bytes; null if it is none of these or zero. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,12})([KMG]?)(iB|B)?$/i.exec(text)
  if (match === null) return null
  const unit = { '': 1, K: 1 << 10, M: 1 << 20, G: 1 << 30 }[match[2].toUpperCase()]!
  const bytes = Number(match[1]) * unit
  return bytes > 0 && bytes < 2 ** 47 ? bytes : null
}

function runHog(m: Machine, task: Task, hog: HogProgram, fuel: number): number {
  let used = 0
  while (used < fuel && !mustYield(m, task)) {
    if (hog.target > 0 && hog.taken >= hog.target) return used + waitForEvents(task)
    if (hog.rate > 0 && hog.taken >= (hog.rate * (m.ticks - hog.started + 1)) / TICKS_PER_SECOND) {
      task.state = 'S'
      task.wait = { for: 'timer', until: m.ticks + 1 }
      return used + 1
    }
    if (hog.chunk === 0) {
      const want = hog.target === 0 ? HOG_CHUNK : Math.min(HOG_CHUNK, hog.target - hog.taken)
      const va = doSyscall(m, task, 'mmap', [
        0,
        want,
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS,
        -1,
        0,
      ])
      used += PAGE_FUEL
      if (va < 0) {
        usage(
          m,
          task,
          `hog: mmap: Cannot allocate memory after ${Math.floor(hog.taken / 1024)} KiB`,
        )
        return used
      }
      hog.chunk = va
      hog.chunkDone = 0
    }
    const chunkSize =
      hog.target === 0 ? HOG_CHUNK : Math.min(HOG_CHUNK, hog.target - (hog.taken - hog.chunkDone))
    const count = Math.min(m.pageSize, chunkSize - hog.chunkDone)
    fillBytes(m, task, hog.chunk + hog.chunkDone, 0x48, count)
    used += bytesFuel(count)
    hog.chunkDone += count
    hog.taken += count
    if (hog.chunkDone >= chunkSize) hog.chunk = 0
  }
  return used
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
  const at = Math.floor((task.mm!.argStart - 64) / 16) * 16
  storePtr(m, task, at, seconds)
  storePtr(m, task, at + m.layout.bits / 8, nanoseconds)
  const result = doSyscall(m, task, 'clock_nanosleep', [CLOCK.CLOCK_REALTIME, 0, at, at])
  if (result !== WAITING) doSyscall(m, task, 'exit_group', [0])
  return 1
}
