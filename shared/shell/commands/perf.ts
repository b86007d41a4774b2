// perf stat (perf 6.1, on a machine without hardware counters): what a program or a process uses, from the counters that
// its task keeps; tracepoints are counted while they are watched.

import type { Machine } from '../../state/machine.ts'
import { TICKS_PER_SECOND } from '../../state/machine.ts'
import type { Task } from '../../state/task.ts'
import { TRACEPOINTS, TRACE_NAMES, type TraceEvent, type TraceName } from '../../trace/events.ts'
import { followEvents } from '../follow.ts'
import { getopt } from '../getopt.ts'
import { failed, machineOf, RECORDING, shellTask, type Call, type Result } from '../world.ts'
import { promptOf } from './ic.ts'

interface Counts {
  user: number // instructions, as perf's seconds come from
  system: number
  minorFaults: number
  majorFaults: number
  switches: number
}

type Counter =
  | { kind: 'clock' } // milliseconds of the processor
  | { kind: 'count'; of: (counts: Counts) => number }
  | { kind: 'none' } // the machine has no such counter
  | { kind: 'tracepoint'; name: TraceName }

const count = (of: (counts: Counts) => number): Counter => ({ kind: 'count', of })
const faults = count(({ minorFaults, majorFaults }) => minorFaults + majorFaults)
const switches = count((counts) => counts.switches)
const none: Counter = { kind: 'none' }
const zero = count(() => 0)

const COUNTERS: Record<string, Counter> = {
  'alignment-faults': zero,
  'branch-misses': none,
  branches: none,
  'cache-misses': none,
  'cache-references': none,
  'context-switches': switches,
  'cpu-clock': { kind: 'clock' },
  'cpu-migrations': zero,
  cs: switches,
  cycles: none,
  'dTLB-load-misses': none,
  'dTLB-loads': none,
  'emulation-faults': zero,
  faults,
  instructions: none,
  'major-faults': count(({ majorFaults }) => majorFaults),
  migrations: zero,
  'minor-faults': count(({ minorFaults }) => minorFaults),
  'page-faults': faults,
  'task-clock': { kind: 'clock' },
}

const DEFAULT_EVENTS = [
  'task-clock',
  'context-switches',
  'cpu-migrations',
  'page-faults',
  'cycles',
  'instructions',
  'branches',
  'branch-misses',
]

const USAGE = ' Usage: perf stat [<options>] [<command>]\n'

/** What can be counted, as names of COUNTERS or SYSTEM:TRACEPOINT. */
function counterOf(event: string): Counter | null {
  if (Object.hasOwn(COUNTERS, event)) return COUNTERS[event]
  const [system, tracepoint] = event.split(':')
  const name = TRACE_NAMES.find(
    (known) => known === tracepoint && TRACEPOINTS[known].system === system,
  )
  return name === undefined ? null : { kind: 'tracepoint', name }
}

export async function perf(call: Call): Promise<Result> {
  const [command, ...args] = call.args
  if (command === undefined || command === '--help')
    return failed('\n usage: perf stat [-e EVENTS] [-p PID] [COMMAND]\n\n', 1)
  if (command === 'list') return { stdout: listEvents(), stderr: '', status: 0 }
  if (command === '--version') return { stdout: 'perf version 6.1.187\n', stderr: '', status: 0 }
  if (command !== 'stat')
    return failed(`perf: '${command}' is not a perf-command. See 'perf --help'.\n`)
  const { found, operands } = getopt(
    args,
    [
      { name: 'e', long: 'event', takes: 'value' },
      { name: 'p', long: 'pid', takes: 'value' },
    ],
    true,
  )
  const events: string[] = []
  let pid: number | null = null
  for (const option of found) {
    if ('problem' in option) return failed(`  Error: ${option.problem}\n\n${USAGE}`, 129)
    if (option.name === 'e') events.push(...(option.value ?? '').split(','))
    else pid = Number(option.value)
  }
  for (const event of events) {
    const problem = eventProblem(event, events.join(','))
    if (problem !== '') return failed(problem, 129)
  }
  if (pid === null && operands.length === 0) return failed(`\n${USAGE}\n`, 129)
  if (call.world.port.readOnly) return failed(`perf: ${RECORDING}\n`)
  return new Stat(call, events.length > 0 ? events : DEFAULT_EVENTS, pid, operands).run()
}

function eventProblem(event: string, all: string): string {
  if (counterOf(event) !== null) return ''
  const kind = event.includes(':') ? 'unknown tracepoint' : 'parser error'
  return (
    `event syntax error: '${all}'\n                     \\___ ${kind}\n` +
    `Run 'perf list' for a list of valid events\n\n${USAGE}`
  )
}

function listEvents(): string {
  const line = (name: string, kind: string) => `  ${name.padEnd(50)} [${kind}]\n`
  const software = Object.keys(COUNTERS).filter((name) => COUNTERS[name].kind !== 'none')
  return (
    software.map((name) => line(name, 'Software event')).join('') +
    TRACE_NAMES.map((name) => line(`${TRACEPOINTS[name].system}:${name}`, 'Tracepoint event')).join(
      '',
    )
  )
}

/** One run of perf stat. */
class Stat {
  private readonly call: Call
  private readonly events: string[]
  private readonly pid: number | null
  private readonly command: string[]
  private readonly tasks = new Map<number, { task: Task; before: Counts }>()
  private readonly traced = new Map<TraceName, number>()
  private ended: () => void = () => {}

  constructor(call: Call, events: string[], pid: number | null, command: string[]) {
    this.call = call
    this.events = events
    this.pid = pid
    this.command = command
  }

  private get machine(): Machine {
    return machineOf(this.call.world)
  }

  async run(): Promise<Result> {
    const { call, pid, command } = this
    const prompt = command[0] === 'ic' ? promptOf(call.world, command.slice(1)) : null
    const root = pid ?? prompt?.pid ?? null
    if (root !== null && !this.follow(root, true))
      return failed(`Problems finding threads of monitor\n\n${USAGE}\n`, 234)
    const begun = this.machine.ticks
    const allEnded = new Promise<void>((resolve) => (this.ended = resolve))
    const stop = followEvents(call.world.port, this.watched(), (events) => {
      for (const event of events) this.take(event)
    })
    const result =
      command.length > 0 ? await call.run(command, call.child) : await this.wait(allEnded)
    stop()
    if (result.status === 127) return failed('Workload failed: No such file or directory\n', 255)
    const text = this.report((this.machine.ticks - begun) / TICKS_PER_SECOND)
    if (call.tty2) {
      call.world.stderr(text)
      return result
    }
    return { ...result, stderr: result.stderr + text }
  }

  private watched(): TraceName[] {
    const tracepoints = this.events.flatMap((event) => {
      const counter = counterOf(event)!
      return counter.kind === 'tracepoint' ? [counter.name] : []
    })
    return [...new Set<TraceName>(['sched_process_fork', 'sched_process_exit', ...tracepoints])]
  }

  /** Until Ctrl-C, or until the process has ended. */
  private async wait(allEnded: Promise<void>): Promise<Result> {
    const { signal } = this.call
    const interrupted = new Promise<void>((resolve) =>
      signal?.addEventListener('abort', () => resolve(), { once: true }),
    )
    await Promise.race([allEnded, interrupted])
    return { stdout: '', stderr: '', status: 0 }
  }

  /** What the process uses counts, what it had used before (`known`) does not. False if there is none. */
  private follow(pid: number, known: boolean): boolean {
    const task = this.machine.tasks.get(pid)
    if (task === undefined || task.state === 'Z') return false
    this.tasks.set(pid, { task, before: known ? countsOf(task) : NOTHING })
    return true
  }

  private take(event: TraceEvent): void {
    if (event.name === 'sched_process_fork') this.noteFork(event.pid, event.args.child_pid)
    if (event.name === 'sched_process_exit' && event.pid === this.pid) this.ended()
    if (this.tasks.has(event.pid))
      this.traced.set(event.name, (this.traced.get(event.name) ?? 0) + 1)
  }

  /** Children count, too; a command's process is the first that the login shell makes now. */
  private noteFork(parent: number, child: number): void {
    const mine = this.tasks.size === 0 && parent === shellTask(this.call.world)?.pid
    if (mine || this.tasks.has(parent)) this.follow(child, false)
  }

  /** What all have used: each task itself, and the children that it has waited for. */
  private counts(): Counts {
    const sum = { ...NOTHING }
    const keys = Object.keys(sum) as (keyof Counts)[]
    const known = this.machine.tasks
    for (const [pid, { task, before }] of this.tasks) {
      // A child that has been waited for is in its parent's sums.
      const first = this.tasks.keys().next().value === pid
      if (!first && known.get(pid) !== task) continue
      const now = countsOf(task)
      for (const key of keys) sum[key] += now[key] - before[key]
    }
    return sum
  }

  private report(elapsed: number): string {
    const { command, pid, machine } = this
    const counts = this.counts()
    const seconds = (instructions: number) => instructions / machine.options.speed
    const used = seconds(counts.user + counts.system)
    const idle = used === 0 && counts.minorFaults === 0
    const clocked = this.events.some((event) => counterOf(event)!.kind === 'clock')
    const who = pid === null ? `'${command.join(' ')}'` : `process id '${pid}'`
    const lines = this.events.map((event) => {
      const counter = counterOf(event)!
      if (counter.kind === 'none') return missing('<not supported>', event)
      if (idle && pid !== null)
        return missing('<not counted>', event, counter.kind === 'clock' ? 'msec' : '')
      if (counter.kind === 'clock')
        return line((used * 1000).toFixed(2), 'msec', event, ratio(used / elapsed, 'CPUs utilized'))
      const value =
        counter.kind === 'tracepoint' ? (this.traced.get(counter.name) ?? 0) : counter.of(counts)
      return line(String(value), '', event, clocked ? rate(value, used) : '')
    })
    const time = (value: number, what: string) =>
      `${value.toFixed(9).padStart(18)} seconds ${what}\n`
    return (
      `\n Performance counter stats for ${who}:\n\n${lines.join('')}\n` +
      `${time(elapsed, 'time elapsed')}\n` +
      (pid === null
        ? `${time(seconds(counts.user), 'user')}${time(seconds(counts.system), 'sys')}\n`
        : '') +
      '\n'
    )
  }
}

const NOTHING: Counts = { user: 0, system: 0, minorFaults: 0, majorFaults: 0, switches: 0 }

/** A task's counters, with those of the children that it has waited for. */
function countsOf(task: Task): Counts {
  return {
    user: task.utime - task.stime + task.cutime - task.cstime,
    system: task.stime + task.cstime,
    minorFaults: task.minFlt + task.cminFlt,
    majorFaults: task.majFlt + task.cmajFlt,
    switches: task.nvcsw + task.nivcsw + task.cnvcsw + task.cnivcsw,
  }
}

function line(value: string, unit: string, event: string, metric: string): string {
  const head = `${value.padStart(18)} ${unit.padEnd(4)} ${event.padEnd(32)} `
  return `${(metric === '' ? head : `${head}# ${metric}`).padEnd(91)}\n`
}

function missing(what: string, event: string, unit = ''): string {
  return `${`${what.padStart(18)} ${unit.padEnd(4)} ${event}`.padEnd(84)}\n`
}

function ratio(value: number, unit: string): string {
  return `${(Number.isFinite(value) ? value : 0).toFixed(3).padStart(8)} ${unit}`
}

/** A count a second of processor time, in the largest unit that leaves one before the point. */
function rate(value: number, seconds: number): string {
  let perSecond = seconds === 0 ? 0 : value / seconds
  const units = ['/sec', 'K/sec', 'M/sec', 'G/sec']
  let unit = 0
  while (perSecond >= 1000 && unit < units.length - 1) {
    perSecond /= 1000
    unit++
  }
  return ratio(perSecond, units[unit])
}
