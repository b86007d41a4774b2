// A seeded class at work: commands from outside, and system calls and accesses of living processes. Each step is plain
// data, so that the same steps can be done on another machine.

import { nextBelow, type Prng } from '@shared/lib/prng.ts'
import type { MachineCommand } from '@shared/machine/command.ts'
import { apply } from '@shared/machine/machine.ts'
import { actOnSignals } from '@shared/kernel/sched.ts'
import { fillBytes, storeBytes } from '@shared/mm/uaccess.ts'
import { sendSignal } from '@shared/kernel/signal.ts'
import type { Machine } from '@shared/state/machine.ts'
import { VM_GROWSDOWN, VM_WRITE, type Vma } from '@shared/state/mm.ts'
import { SIGKILL, type Task } from '@shared/state/task.ts'
import { WAITING } from '@shared/syscall/define.ts'
import { doSyscall } from '@shared/syscall/table.ts'
import { vmasOf } from '@shared/mm/vma.ts'
import { access, asTask } from './process.ts'

export type Step =
  | { seat: number; command: MachineCommand }
  | { handle: string; call: string; args: number[]; text?: string }
  | { handle: string; touch: number; write: boolean; byte: number }
  | { handle: string; fill: number; length: number; byte: number }

/** What a run has reached, by name. */
export type Tally = Record<string, number>

export function count(tally: Tally, name: string, by = 1): void {
  tally[name] = (tally[name] ?? 0) + by
}

/** Addresses that nothing else uses: for a call's text argument, in a page of its own, and for mremap(). */
function farAway({ layout }: Machine): { strings: number; targets: number[] } {
  return layout.bits === 64
    ? { strings: 0x6f_0000_0000, targets: [0x2000_0000_0000, 0x2000_0010_0000] }
    : { strings: 0x6f00_0000, targets: [0x4000_0000, 0x4010_0000] }
}

export function perform(m: Machine, step: Step, tally: Tally): void {
  if ('command' in step) {
    const outcome = apply(m, step.seat, step.command)
    count(tally, `${step.command.t} ${outcome.errno === undefined ? 'done' : 'failed'}`)
    return
  }
  const task = m.handles.get(step.handle)
  if (task === undefined || task.mm === null || task.pending !== 0 || task.wait.for !== 'input') {
    count(tally, 'dead')
    return
  }
  count(tally, 'alive')
  if ('call' in step) makeCall(m, task, step.call, step.args, step.text, tally)
  else if ('touch' in step) count(tally, access(m, task, step.touch, step.write, step.byte))
  else {
    const outcome = asTask(m, task, () => {
      fillBytes(m, task, step.fill, step.byte, step.length)
    })
    count(tally, `fill ${outcome}`)
  }
  actOnSignals(m)
}

function makeCall(
  m: Machine,
  task: Task,
  name: string,
  args: number[],
  text: string | undefined,
  tally: Tally,
): void {
  const vmas = task.mm!.vmas.count
  let result = NaN
  const outcome = asTask(m, task, () => {
    if (text !== undefined) {
      const { strings } = farAway(m)
      doSyscall(m, task, 'mmap', [strings, m.pageSize, 3, 0x32, -1, 0])
      storeBytes(m, task, strings, bytesOf(text))
    }
    result = doSyscall(m, task, name, args)
  })
  if (result === WAITING) task.call = null
  count(tally, `${name} ${outcome === 'ok' ? (result < 0 ? 'failed' : 'done') : outcome}`)
  if (name === 'munmap' && task.mm !== null && task.mm.vmas.count > vmas)
    count(tally, 'munmap split')
  if (name === 'mprotect' && task.mm !== null && task.mm.vmas.count < vmas)
    count(tally, 'mprotect merge')
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from([...text, '\0'], (character) => character.charCodeAt(0))
}

// --- choosing --------------------------------------------------------------------------------------------------------

const SEATS = 6
const paths = [
  '/tmp/a',
  '/tmp/a',
  '/tmp/b',
  '/tmp/c',
  '/tmp/sub/d',
  '/mnt/e',
  '/mnt/f',
  '/dev/zero',
  '/usr/bin/ic',
  '/no/such',
]
// Lines that somebody types; names may not be declared yet, pointers may be wild.
const lines = [
  'char *p = malloc(100), *q = malloc(200000); int i = 0',
  'char *p = malloc(30000), *q = p + 100; int i = 1',
  'char *p = malloc(100)',
  'p = malloc(5000)',
  'char *q = malloc(200000)',
  'int i = 0',
  'free(p)',
  'free(q)',
  'memset(p, 7, 100)',
  'memset(q, 1, 200000)',
  'memset(p, 1, 3000000)',
  'strcpy(p, "hello")',
  'printf("%s %d\\n", p, i)',
  'while (i < 500) i++',
  'for (;;) i++',
  'for (int k = 0; k < 20; k++) malloc(3000)',
  '*(int *)0 = 1',
  'q[150000] = p[3]',
  'char *r = mmap(0, 40960, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)',
  'r[8192] = 5',
  'munmap(r + 4096, 4096)',
  'int pid = fork()',
  'fork(); i = getpid()',
  'wait(0)',
  'sleep(1)',
  'exit(3)',
  'sbrk(100000)',
  'int *x = calloc(50, 4); x[7]',
  'p = realloc(p, 50000)',
  'i = 1 / 0',
  'this is no C',
]
const signals = [0, 2, 9, 11, 15, 15, 18, 19, 20]

export class Chooser {
  private readonly random: Prng
  private seats = 0

  constructor(random: Prng) {
    this.random = random
  }

  below(bound: number): number {
    return nextBelow(this.random, bound)
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]
  }

  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  next(m: Machine): Step {
    if (this.seats < 2) return this.outside(m, 93)
    const dice = this.below(100)
    if (dice < 35) return this.outside(m, this.below(100))
    const task = this.caller(m)
    if (task === undefined) return this.outside(m, 97)
    const { handle } = task
    if (dice < 60) return this.touch(m, task)
    if (dice < 68) return this.fill(m, task)
    return { handle, ...this.syscall(m, task) }
  }

  /** A living process that waits at its C prompt: what it does here, ic could do as well. */
  private caller(m: Machine): Task | undefined {
    const living = [...m.tasks.values()].filter(
      ({ mm, program, pending, state, wait }) =>
        mm !== null &&
        program.kind === 'ic' &&
        pending === 0 &&
        state === 'S' &&
        wait.for === 'input',
    )
    return living.length === 0 ? undefined : this.pick(living)
  }

  private outside(m: Machine, dice: number): Step {
    const seat = 1 + this.below(Math.max(1, this.seats))
    if (dice < 22) return this.typed(m)
    if (dice < 55) {
      const fuel = this.pick([0, 3000, 50_000, 400_000, 1_500_000]) + this.below(3000)
      return { seat: 0, command: { t: 'tick', fuel } }
    }
    if (dice < 62) {
      const kb = (pages: number): string => `${(pages * m.pageSize) / 1024}K`
      const sizes = [
        'forever',
        'forever',
        kb(16),
        kb(75),
        kb(256),
        kb(768),
        kb(1280),
        `${kb(256)} --rate ${kb(1024)}`,
        'nonsense',
      ]
      const size = this.pick(sizes)
      const argv = ['hog', ...size.split(' ')]
      const stdout = this.chance(50) ? 'tty' : 'pipe'
      return { seat, command: { t: 'spawn', path: '/usr/bin/hog', argv, env: [], stdout } }
    }
    if (dice < 65) {
      const argv = ['sleep', this.pick(['0.1', '1', '1h', 'x'])]
      return { seat, command: { t: 'spawn', path: '/usr/bin/sleep', argv, env: [], stdout: 'tty' } }
    }
    if (dice < 78) return { seat, command: this.kill(m) }
    if (dice < 87) return { seat, command: this.write(m) }
    if (dice < 88) return { seat, command: { t: 'unlink', path: this.pick(paths) } }
    if (dice < 91) return { seat: this.chance(70) ? 1 : seat, command: this.administer() }
    if (dice < 96 && this.seats < SEATS) {
      this.seats++
      const role = this.seats === 1 ? 'teacher' : 'student'
      const name = this.pick(['Anna', 'Ben', 'Çelik', '42', ''])
      return { seat: this.seats, command: { t: 'seat', name, role, from: '::1' } }
    }
    return { seat, command: { t: 'prompt' } }
  }

  /** What root may do to a machine at work; others are refused. */
  private administer(): MachineCommand {
    const dice = this.below(6)
    if (dice === 0) return { t: 'mkdir', path: '/tmp/sub', mode: 0o755 }
    if (dice < 3) return { t: 'swapoff', path: '/dev/vdb' }
    if (dice < 5) return { t: 'swapon', path: '/dev/vdb' }
    return { t: 'write', path: '/proc/sys/vm/drop_caches', text: '3', append: false }
  }

  /** A line for one of the C prompts. */
  private typed(m: Machine): Step {
    const prompts = [...m.tasks.values()].filter(
      ({ program, mm }) => program.kind === 'ic' && mm !== null,
    )
    if (prompts.length === 0) return { seat: 0, command: { t: 'tick', fuel: 1000 } }
    const { seat, handle } = this.pick(prompts)
    const line = this.chance(40) ? lines[this.below(2)] : this.pick(lines)
    return { seat, command: { t: 'ic', task: handle, line } }
  }

  private kill(m: Machine): MachineCommand {
    const task = this.pick([...m.tasks.values()].slice(this.chance(95) ? 4 : 0))
    return { t: 'kill', task: task.handle, sig: this.pick(signals) }
  }

  private write(m: Machine): MachineCommand {
    if (this.chance(40)) {
      const task = this.pick([...m.tasks.values()])
      const text = this.pick(['-1000', '-500', '0', '300', '1000', 'much'])
      return { t: 'write', path: `/proc/${task.pid}/oom_score_adj`, text, append: false }
    }
    const text = 'déjà vu '.repeat(this.below(4) ** 6)
    return { t: 'write', path: this.pick(paths), text, append: this.chance(50) }
  }

  /** Mostly one that the process has made itself: above the heap's start and below the libraries, or anywhere. */
  private vma(task: Task): Vma {
    const vmas = vmasOf(task.mm)
    if (this.chance(15)) return this.pick(vmas)
    const writable = vmas.filter(({ flags }) => (flags & VM_WRITE) !== 0)
    return this.pick(writable.length === 0 ? vmas : writable)
  }

  private touch(m: Machine, task: Task): Step {
    const { handle } = task
    const write = this.chance(70)
    const byte = this.below(256)
    const whole = m.layout.bits === 64 ? 65536 : 2
    if (this.chance(5)) return { handle, touch: this.below(2 ** 31) * whole, write, byte }
    const vma = this.vma(task)
    if ((vma.flags & VM_GROWSDOWN) !== 0 && this.chance(30)) {
      return { handle, touch: vma.start - this.below(40) * m.pageSize - 8, write, byte }
    }
    // The libraries' data and the first pages of others again and again: what a fork shares there is written by both.
    const dice = this.below(100)
    if (dice < 30) {
      return {
        handle,
        touch: task.mm!.libcData + this.below(2) * 4096 + this.below(4096),
        write,
        byte,
      }
    }
    if (dice < 60) return { handle, touch: vma.start + this.below(m.pageSize), write, byte }
    return { handle, touch: vma.start + this.below(vma.end - vma.start), write, byte }
  }

  private fill(m: Machine, task: Task): Step {
    const { handle } = task
    const vma = this.vma(task)
    const fill = vma.start + this.below(vma.end - vma.start)
    return {
      handle,
      fill,
      length: this.below(2) === 0 ? this.below(20_000) : this.below(400_000),
      byte: this.below(256),
    }
  }

  private syscall(m: Machine, task: Task): { call: string; args: number[]; text?: string } {
    const dice = this.below(100)
    if (dice < 30) return { call: 'mmap', args: this.mmapArgs(m, task) }
    if (dice < 48) return { call: 'munmap', args: this.range(m, task) }
    if (dice < 60)
      return { call: 'mprotect', args: [...this.range(m, task), this.pick([0, 1, 1, 3, 3, 3, 5])] }
    if (dice < 65) return this.newerCall(m, task)
    if (dice < 67) return this.fileCall(m, task)
    if (dice < 72) {
      const { startBrk, brk } = task.mm!
      return {
        call: 'brk',
        args: [this.pick([startBrk, brk - 5000, brk + 100, brk + 100_000, brk + 5_000_000, 0])],
      }
    }
    if (dice < 76) return { call: 'clone', args: [0x120_0011, 0, 0, task.mm!.libcData] }
    if (dice < 82) return { call: 'fork', args: [] }
    if (dice < 84) return { call: 'exit_group', args: [this.below(256)] }
    if (dice < 88) return { call: 'wait4', args: [-1, 0, 1, 0] }
    if (dice < 90)
      return { call: 'kill', args: [this.pick([...m.tasks.keys(), 0, -1]), this.pick(signals)] }
    if (dice < 92) return { call: 'setpriority', args: [0, 0, this.below(50) - 25] }
    if (dice < 96) {
      const flags = this.pick([0, 1, 2, 0o102, 0o1102, 0o2101])
      return { call: 'open', args: [farAway(m).strings, flags, 0o644], text: this.pick(paths) }
    }
    if (dice < 97) return { call: 'close', args: [3 + this.below(4)] }
    if (dice < 98)
      return { call: 'write', args: [this.below(6), task.mm!.startBrk, this.below(9000)] }
    if (dice < 99)
      return { call: 'read', args: [this.below(6), task.mm!.startBrk, this.below(9000)] }
    const text = this.pick(['/usr/bin/sleep', '/usr/bin/ic', '/bin/bash', '/tmp/a'])
    return { call: 'execve', args: [farAway(m).strings, 0, 0], text }
  }

  /** What changes a file, and what only tells something. */
  private fileCall(m: Machine, task: Task): { call: string; args: number[]; text?: string } {
    const fd = 2 + this.below(5)
    const { strings } = farAway(m)
    const heap = task.mm!.startBrk
    const text = this.pick(paths)
    switch (this.below(10)) {
      case 0:
        return { call: 'lseek', args: [fd, this.below(20_000) - 5000, this.below(6)] }
      case 1:
      case 2:
        return { call: 'ftruncate', args: [fd, this.below(60_000) - 100] }
      case 3:
        return { call: 'truncate', args: [strings, this.below(60_000)], text }
      case 4:
      case 5:
        return { call: 'memfd_create', args: [strings, this.pick([0, 1, 4])], text: 'seat' }
      case 6:
        return { call: this.pick(['unlink', 'rmdir']), args: [strings], text }
      case 7:
        return { call: 'mincore', args: [...this.range(m, task), heap] }
      case 8:
        return { call: 'prlimit64', args: [0, this.below(17), 0, heap] }
      default:
        return { call: this.pick(['getrandom', 'getrusage']), args: [heap - 64, 200, 0] }
    }
  }

  private newerCall(m: Machine, task: Task): { call: string; args: number[] } {
    const [addr, length] = this.range(m, task)
    const dice = this.below(10)
    if (dice < 3) {
      const target = this.pick([...farAway(m).targets, this.vma(task).start])
      const flags = this.pick([0, 1, 1, 1, 3, 5])
      return {
        call: 'mremap',
        args: [addr, length, this.below(3) === 0 ? length : this.below(200_000), flags, target],
      }
    }
    if (dice < 7)
      return {
        call: 'madvise',
        args: [
          addr,
          length,
          this.pick([0, 1, 2, 3, 4, 4, 4, 8, 8, 9, 10, 11, 16, 18, 19, 22, 23, 99]),
        ],
      }
    if (dice < 8) return { call: this.pick(['mlock', 'munlock']), args: [addr, length] }
    if (dice < 9) return { call: 'msync', args: [addr, length, this.pick([1, 2, 4, 5])] }
    return this.chance(50)
      ? { call: 'mlockall', args: [this.below(8)] }
      : { call: 'munlockall', args: [] }
  }

  private range(m: Machine, task: Task): number[] {
    const vma = this.vma(task)
    const pages = (vma.end - vma.start) / m.pageSize
    const first = this.chance(50) ? 0 : this.below(pages)
    const length = this.chance(30) ? pages - first : 1 + this.below(pages - first + 2)
    return [vma.start + first * m.pageSize, length * m.pageSize - (this.chance(20) ? 1 : 0)]
  }

  private mmapArgs(m: Machine, task: Task): number[] {
    const page = m.pageSize
    const length = 1 + this.below(this.pick([3, 20, 20, 700, 5000])) * page
    const prot = this.pick([0, 1, 3, 3, 3, 3, 5])
    const files = task.files.some((file) => file !== null)
    let flags = this.pick(
      files ? [0x22, 0x21, 0x01, 0x02, 0x02] : [0x22, 0x22, 0x22, 0x22, 0x21, 0x21, 0x02],
    )
    if (this.chance(10)) flags |= 0x8000 // populate
    if (this.chance(8)) flags |= 0x4000 // noreserve
    if (this.chance(5)) flags |= 0x100 // grows down
    if (this.chance(3)) flags |= 0x2000 // locked
    let addr = 0
    if (this.chance(35)) {
      const vma = this.vma(task)
      addr = this.pick([vma.start, vma.end, vma.end + 3 * page, vma.start - 2 * page, page, 70_000])
      flags |= this.pick([0, 0x10, 0x10, 0x10_0000])
    }
    const offset = this.pick([0, 0, 0, 0, 0, 0, page, 5 * page, 100])
    return [addr, length, prot, flags, 3 + this.below(3), offset]
  }
}

/** Ends all that the seats have started. */
export function endAll(m: Machine): void {
  for (const task of [...m.tasks.values()]) if (task.seat > 0) sendSignal(m, task, SIGKILL)
  actOnSignals(m)
}
