// strace 6.1: the system calls of a program, or of processes that run already. It looks at the replica's tracepoints;
// nobody on the machine notices.

import { EPERM, ESRCH, strerror } from '../../lib/errno.ts'
import { civil } from '../../lib/clock.ts'
import { TICK_MS, type Machine } from '../../state/machine.ts'
import { STRACE_EVENTS, StraceLog, StraceWriter, type StraceItem } from '../../syscall/straceLog.ts'
import { SYSCALLS, callInProgress } from '../../syscall/table.ts'
import type { TraceEvent } from '../../trace/events.ts'
import { followEvents } from '../follow.ts'
import { getopt } from '../getopt.ts'
import {
  failed,
  machineOf,
  RECORDING,
  seatOf,
  shellTask,
  type Call,
  type Result,
} from '../world.ts'
import { promptOf } from './ic.ts'

interface Wish {
  follow: boolean
  count: boolean
  quiet: boolean
  times: number // how often -t was given
  pids: number[]
  file: string // where to write; '' for standard error
  wanted: (name: string) => boolean
  command: string[]
}

const TRY = "Try 'strace -h' for more information.\n"
const HELP = `Usage: strace [-cfqt] [-e EXPR] [-o FILE] { -p PID | PROG [ARGS] }
  -c             only report a summary of calls
  -e trace=SET   trace only these: names, %memory, %process, %file, %desc, %signal, all, none; ! turns it round
  -f             follow forks
  -o FILE        write the trace to FILE
  -p PID         trace the process that runs already
  -q             say nothing of attaching and ending
  -t, -tt, -ttt  print the time
`

/** -e trace=%memory and its kin. */
const CLASSES: Record<string, string[]> = {
  memory: [
    'brk',
    'madvise',
    'mincore',
    'mlock',
    'mlock2',
    'mlockall',
    'mmap',
    'mprotect',
    'mremap',
    'msync',
    'munlock',
    'munlockall',
    'munmap',
  ],
  process: ['clone', 'execve', 'exit_group', 'fork', 'kill', 'tgkill', 'wait4'],
  file: ['execve', 'mkdir', 'open', 'openat', 'rmdir', 'swapoff', 'swapon', 'truncate', 'unlink'],
  desc: [
    'close',
    'fsync',
    'ftruncate',
    'lseek',
    'memfd_create',
    'mmap',
    'open',
    'openat',
    'read',
    'write',
  ],
  signal: ['kill', 'tgkill'],
}

export async function strace(call: Call): Promise<Result> {
  const wish = parse(call.args)
  if (typeof wish === 'string') return failed(`strace: ${wish}\n`)
  if (wish === null) return { stdout: HELP, stderr: '', status: 0 }
  if (call.world.port.readOnly) return failed(`strace: ${RECORDING}\n`)
  return new Tracer(call, wish).run()
}

/** What is asked for; null for the help, else what is wrong with it. */
function parse(args: string[]): Wish | string | null {
  const { found, operands } = getopt(
    args,
    [
      { name: 'c' },
      { name: 'e', takes: 'value' },
      { name: 'f' },
      { name: 'h' },
      { name: 'o', takes: 'value' },
      { name: 'p', takes: 'value' },
      { name: 'q' },
      { name: 't' },
    ],
    true,
  )
  const wish: Wish = {
    follow: false,
    count: false,
    quiet: false,
    times: 0,
    pids: [],
    file: '',
    wanted: () => true,
    command: operands,
  }
  for (const option of found) {
    if ('problem' in option) return `${option.problem}\n${TRY.trimEnd()}`
    const value = option.value ?? ''
    if (option.name === 'h') return null
    if (option.name === 'c') wish.count = true
    if (option.name === 'f') wish.follow = true
    if (option.name === 'q') wish.quiet = true
    if (option.name === 't') wish.times++
    if (option.name === 'o') wish.file = value
    if (option.name === 'e') {
      const wanted = parseSet(value)
      if (typeof wanted === 'string') return wanted
      wish.wanted = wanted
    }
    if (option.name === 'p') {
      for (const word of value.split(/[,\s]+/)) {
        if (!/^[1-9]\d{0,9}$/.test(word)) return `Invalid process id: '${word}'`
        wish.pids.push(Number(word))
      }
    }
  }
  if (wish.pids.length === 0 && operands.length === 0)
    return `must have PROG [ARGS] or -p PID\n${TRY.trimEnd()}`
  return wish
}

/** `trace=mmap,brk`, `mmap,brk`, `trace=!%file`; else what is wrong with it. */
function parseSet(expression: string): ((name: string) => boolean) | string {
  const set = expression.replace(/^(t|trace)=/, '')
  const negated = set.startsWith('!')
  const names = new Set<string>()
  for (const word of set.slice(negated ? 1 : 0).split(',')) {
    const known = SYSCALLS.filter(({ name, name32 }) => word === name || word === name32)
    if (word === 'all') for (const { name, name32 } of SYSCALLS) names.add(name).add(name32)
    else if (word.startsWith('%') && Object.hasOwn(CLASSES, word.slice(1)))
      for (const name of CLASSES[word.slice(1)]) names.add(name).add(name32Of(name))
    else if (known.length > 0) names.add(word)
    else if (word !== 'none') return `invalid system call '${word}'`
  }
  return (name) => names.has(name) !== negated
}

function name32Of(name: string): string {
  return SYSCALLS.find((one) => one.name === name)!.name32
}

/** One run of the command. */
class Tracer {
  private readonly call: Call
  private readonly wish: Wish
  private readonly log: StraceLog
  private readonly writer: StraceWriter
  private readonly counts = new Map<string, { calls: number; errors: number }>()
  private text = '' // what goes to a file, or to where standard error goes
  private target: number | null = null // the process of the command that was given
  private several = false // processes are traced

  constructor(call: Call, wish: Wish) {
    this.call = call
    this.wish = wish
    this.log = new StraceLog(wish.follow)
    this.writer = new StraceWriter((item) => this.prefix(item))
  }

  private get machine(): Machine {
    return machineOf(this.call.world)
  }

  async run(): Promise<Result> {
    const { wish, call } = this
    for (const pid of wish.pids) {
      const problem = this.attach(pid)
      if (problem !== '')
        return failed(`strace: attach: ptrace(PTRACE_SEIZE, ${pid}): ${problem}\n`)
    }
    let ended = () => {}
    const allEnded = new Promise<void>((resolve) => (ended = resolve))
    const stop = followEvents(call.world.port, STRACE_EVENTS, (events, _machine, lost) => {
      for (const event of events) this.take(event)
      if (lost) this.tell('too many calls at once: some are left out')
      if (this.log.pids.length === 0) ended()
    })
    const result = wish.command.length > 0 ? await this.runCommand() : await this.waitFor(allEnded)
    stop()
    this.finish()
    await this.store()
    const stderr = wish.file === '' ? this.text : ''
    return { ...result, stderr: result.stderr + stderr }
  }

  /** What is wrong, or ''. A call that the process is in is told from its beginning. */
  private attach(pid: number): string {
    const task = this.machine.tasks.get(pid)
    if (task === undefined || task.state === 'Z') return strerror(ESRCH)
    const { uid } = seatOf(this.call.world)
    if (uid !== 0 && uid !== task.uid) return strerror(EPERM)
    this.log.attach(pid)
    this.tell(`Process ${pid} attached`)
    const begun = callInProgress(this.machine, task)
    if (begun !== null) this.take(begun)
    return ''
  }

  /** Runs the command; its process is the first that the login shell makes now, ic's is there already. */
  private async runCommand(): Promise<Result> {
    const { call, wish } = this
    const [name] = wish.command
    const prompt = name === 'ic' ? promptOf(call.world, wish.command.slice(1)) : null
    if (prompt !== null) this.log.attach(prompt.pid)
    const result = await call.run(wish.command, call.child)
    if (result.status === 127) {
      return failed(`strace: Can't stat '${name}': No such file or directory\n`)
    }
    if (prompt === null && this.target === null && this.text === '')
      this.tell(`'${name}' is no process on the machine: it makes no system calls there`)
    return result
  }

  /** Until the processes have ended, or somebody has had enough. */
  private async waitFor(allEnded: Promise<void>): Promise<Result> {
    const { signal } = this.call
    let status = 0
    const interrupted = new Promise<void>((resolve) =>
      signal?.addEventListener(
        'abort',
        () => {
          status = 130
          resolve()
        },
        { once: true },
      ),
    )
    await Promise.race([allEnded, interrupted])
    return { stdout: '', stderr: '', status }
  }

  private take(event: TraceEvent): void {
    if (event.name === 'sched_process_fork') this.noteFork(event.pid, event.args.child_pid)
    const before = this.log.pids.length
    const items = this.log.take(event)
    this.several = Math.max(before, this.log.pids.length) > 1
    for (const item of items) {
      if (item.kind === 'note') this.write(item)
      else if (this.wish.wanted(item.name)) this.write(item)
    }
  }

  private noteFork(parent: number, child: number): void {
    const { wish, log } = this
    const awaited = wish.command.length > 0 && this.target === null && log.pids.length === 0
    if (awaited && parent === shellTask(this.call.world)?.pid) {
      this.target = child
      log.attach(child)
    } else if (wish.follow && log.has(parent)) this.tell(`Process ${child} attached`)
  }

  private write(item: StraceItem): void {
    if (this.wish.count) {
      if (item.kind !== 'begun' && item.kind !== 'note') this.countCall(item.name, item.failed)
      return
    }
    if (this.wish.quiet && item.kind === 'note' && item.text.startsWith('+++ exited')) return
    this.out(this.writer.write(item), true)
  }

  private countCall(name: string, hasFailed: boolean): void {
    const count = this.counts.get(name) ?? { calls: 0, errors: 0 }
    count.calls++
    if (hasFailed) count.errors++
    this.counts.set(name, count)
  }

  /** In a file every line has its pid, on a terminal only while there are several processes. */
  private prefix({ pid, ticks }: StraceItem): string {
    const { wish } = this
    const time = timeText(this.machine, ticks, wish.times)
    if (wish.file !== '') return (wish.follow ? `${String(pid).padEnd(5)} ` : '') + time
    return (this.several ? `[pid ${String(pid).padStart(5)}] ` : '') + time
  }

  private tell(text: string): void {
    if (!this.wish.quiet) this.out(`strace: ${text}\n`, false)
  }

  private out(text: string, traced: boolean): void {
    const { world, tty2 } = this.call
    if (traced && this.wish.file !== '') this.text += text
    else if (tty2) world.stderr(text)
    else this.text += text
  }

  private finish(): void {
    const pids = this.wish.pids.filter((pid) => this.log.has(pid))
    for (const pid of pids) this.tell(`Process ${pid} detached`)
    this.out(this.writer.detach(), true)
    if (this.wish.count) this.out(countTable(this.counts), true)
  }

  private async store(): Promise<void> {
    const { file } = this.wish
    const { world, cwd } = this.call
    if (file !== '') await world.fs.writeFile(world.fs.resolvePath(cwd, file), this.text)
  }
}

/** -t, -tt and -ttt: the time of day, with microseconds, since 1970. */
function timeText(m: Machine, ticks: number, times: number): string {
  const ms = m.bootTime + ticks * TICK_MS
  const micros = `${String(ms % 1000).padStart(3, '0')}000`
  if (times === 0) return ''
  if (times >= 3) return `${Math.floor(ms / 1000)}.${micros} `
  return times === 1 ? `${civil(ms).time} ` : `${civil(ms).time}.${micros} `
}

/** -c. How long a call takes is no part of this machine's time: it is counted as the process's own. */
function countTable(counts: ReadonlyMap<string, { calls: number; errors: number }>): string {
  const order = SYSCALLS.map(({ name }) => name)
  const rows = [...counts].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b))
  const row = (percent: string, calls: number, errors: number, name: string) =>
    `${percent.padStart(6)}    0.000000           0 ${String(calls).padStart(9)} ` +
    `${(errors === 0 ? '' : String(errors)).padStart(9)} ${name}\n`
  const line = '------ ----------- ----------- --------- --------- ----------------\n'
  const sum = (key: 'calls' | 'errors') => rows.reduce((all, [, count]) => all + count[key], 0)
  return (
    '% time     seconds  usecs/call     calls    errors syscall\n' +
    line +
    rows.map(([name, { calls, errors }]) => row('0.00', calls, errors, name)).join('') +
    line +
    row('100.00', sum('calls'), sum('errors'), 'total')
  )
}
