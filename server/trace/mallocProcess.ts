// The process that a heap trace runs in: a C prompt on a booted machine. malloc is called by typing statements; memory
// is looked at and changed as a debugger does it.

import { assert } from '../../shared/lib/assert.ts'
import { errnoName } from '../../shared/lib/errno.ts'
import { icIsWaiting } from '../../shared/ic/program.ts'
import type { MallocFlavour } from '../../shared/libc/ptmalloc/flavour.ts'
import { mainArenaAddress, mallocFlavour } from '../../shared/libc/state.ts'
import type { MachineCommand } from '../../shared/machine/command.ts'
import { apply, createMachine, type Outcome } from '../../shared/machine/machine.ts'
import { peek8 } from '../../shared/mm/uaccess.ts'
import { vmaLookup } from '../../shared/mm/vma.ts'
import { exitStatus, unseen } from '../../shared/shell/program.ts'
import type { Machine, MachineOptions } from '../../shared/state/machine.ts'
import { VM_WRITE } from '../../shared/state/mm.ts'
import {
  SIGABRT,
  SIGKILL,
  SIGSEGV,
  SIGXCPU,
  type Stream,
  type Task,
} from '../../shared/state/task.ts'

const SEAT = 1
const FUEL = 2 ** 40 // a statement ends within its tick

/** Where the recorded processes had the start of their heap: words are named by what they could be addresses of. */
const HEAP_START = { 64: 0x5555_5600_0000, 32: 0x5900_0000 }
/** The recorded programs with 32 bits ran on a kernel with 64, which leaves them the whole address space. */
const UNDER_64_BITS = { taskSize: 0xffff_e000, stackTop: 0xffff_e000, mmapBase: 0xf7ff_e000 }
/** What is mapped right below it. */
const BELOW_HEAP = 0x1_0000
/** How much address space there is beyond: more cannot be had, whatever the machine's memory. */
const ADDRESS_SPACE = { 64: 2 ** 35, 32: 0x3f00_0000 }

/** Thrown out of a statement that has ended the process; `text` is what it has said. */
export class Killed extends Error {
  readonly signal: string
  readonly text: string
  constructor(signal: string, text: string) {
    super(signal)
    this.signal = signal
    this.text = text
  }
}

/** What a statement has printed: what the library said on standard error, and the lines that show its results. */
export interface Answer {
  said: string
  shown: string[]
}

/** A machine with somebody on it whose processes these are. Nothing is refused for want of a promise. */
export function bootTraceMachine(options: MachineOptions): Machine {
  const m = createMachine({ ...options, overcommit: 1 }, 0)
  if (options.bits === 32) Object.assign(m.layout, UNDER_64_BITS)
  apply(m, SEAT, { t: 'seat', name: 'ada', role: 'student', from: '::1' })
  return m
}

export class TraceProcess {
  readonly flavour: MallocFlavour
  readonly mainArena: number
  readonly heapStart: number
  private readonly m: Machine
  private readonly task: Task
  private readonly stream: Stream
  private lastBrk = 0

  /** `argv0` is the program's name in messages. */
  constructor(m: Machine, argv0: string, environment: Record<string, string>) {
    this.m = m
    const env = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
    const { task } = this.must({
      t: 'spawn',
      path: '/usr/bin/ic',
      argv: [argv0],
      env,
      stdout: 'pipe',
    })
    this.task = m.handles.get(task!)!
    this.stream = this.task.stdout!
    this.apply({ t: 'tick', fuel: FUEL })
    this.flavour = mallocFlavour(m)
    this.mainArena = mainArenaAddress(m, this.task)
    this.heapStart = HEAP_START[m.layout.bits]
    this.placeHeap(m.layout.bits)
  }

  /** The program moves the break before malloc is called for the first time, as the recorded ones did. */
  private placeHeap(bits: 64 | 32): void {
    const start = this.brk()
    this.type(`sbrk(${this.heapStart - start})`)
    assert(this.brk() === this.heapStart, 'the machine lets the heap be where it was recorded')
    this.type(`munmap((void *) ${start}, ${this.heapStart - BELOW_HEAP - start})`)
    this.type('void *block')
    const soft = this.task.mm!.totalVm * this.m.pageSize + ADDRESS_SPACE[bits]
    this.must({ t: 'rlimit', task: this.task.handle, resource: 'as', soft })
  }

  /** Addresses of user space are below. */
  get addressLimit(): number {
    return this.m.layout.taskSize
  }

  /** The program break. */
  brk(): number {
    this.lastBrk = this.task.mm?.brk ?? this.lastBrk
    return this.lastBrk
  }

  /** Types a statement and waits until the prompt is back. */
  type(statement: string): Answer {
    const before = this.stream.written
    this.must({ t: 'ic', task: this.task.handle, line: statement })
    while (this.isAlive() && !icIsWaiting(this.task)) this.apply({ t: 'tick', fuel: FUEL })
    const text = this.stream.written === before ? '' : unseen(this.stream, before)
    if (!this.isAlive()) throw new Killed(this.signal(), beforeBacktrace(text))
    assert(!text.includes(': error: '), 'the prompt understands what it is asked')
    return splitAnswer(text)
  }

  /** Ends the process, if nothing has. */
  end(): void {
    if (this.isAlive()) this.apply({ t: 'kill', task: this.task.handle, sig: SIGKILL })
  }

  private isAlive(): boolean {
    return this.task.state !== 'Z'
  }

  /** The name of the signal that has ended the process; for a call without end that of the recordings, whose alarm rang. */
  private signal(): string {
    const number = exitStatus(this.m, this.task.handle)! & 0x7f
    if (number === SIGABRT) return 'SIGABRT'
    if (number === SIGSEGV) return 'SIGSEGV'
    return number === SIGXCPU ? 'SIGALRM' : `SIG${number}`
  }

  /** Bytes, null if any of them is not there. What is not in memory yet is fetched as by an access. */
  read(va: number, length: number): Uint8Array | null {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i++) {
      const byte = peek8(this.m, this.task, va + i) ?? this.access('read', va + i, 0)
      if (byte === null) return null
      bytes[i] = byte
    }
    return bytes
  }

  /** False, and nothing has changed, if any of the bytes cannot be written. */
  write(va: number, bytes: Uint8Array): boolean {
    if (this.writableEnd(va, bytes.length) < va + bytes.length) return false
    bytes.forEach((byte, i) => this.access('write', va + i, byte))
    return true
  }

  /** memset(); as far as there is memory, and false, if there isn't enough. */
  fill(va: number, byte: number, length: number): boolean {
    const end = this.writableEnd(va, length)
    if (end > va) this.type(`memset((void *) ${va}UL, ${byte}, ${end - va}UL);`)
    return end === va + length
  }

  private access(op: 'read' | 'write', va: number, byte: number): number | null {
    if (!(va >= 0) || va > Number.MAX_SAFE_INTEGER) return null
    const outcome = this.apply({ t: 'access', task: this.task.handle, op, va, byte })
    return outcome.signal === undefined ? (outcome.result ?? 0) : null
  }

  /** The first address from `va` on that cannot be written, va + length at most. */
  private writableEnd(va: number, length: number): number {
    let at = va
    while (at < va + length) {
      const vma = vmaLookup(this.task.mm!, at)
      if (vma === undefined || (vma.flags & VM_WRITE) === 0) break
      at = Math.min(vma.end, va + length)
    }
    return at
  }

  private must(command: MachineCommand): Outcome {
    const outcome = this.apply(command)
    const why = errnoName(outcome.errno ?? 0)
    assert(outcome.errno === undefined, `the process of a trace takes '${command.t}': ${why}`)
    return outcome
  }

  private apply(command: MachineCommand): Outcome {
    return apply(this.m, SEAT, command)
  }
}

/** What the library says stands before the prompt's lines. */
function splitAnswer(text: string): Answer {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  let shown = 0
  while (shown < lines.length && isResult(lines[lines.length - 1 - shown])) shown++
  const said = lines.slice(0, lines.length - shown)
  return {
    said: said.map((line) => `${line}\n`).join(''),
    shown: lines.slice(lines.length - shown),
  }
}

function isResult(line: string): boolean {
  return /^(\(void \*\) 0x|-?\d+$|\{arena = )/.test(line)
}

function beforeBacktrace(text: string): string {
  const at = text.indexOf('======= Backtrace: ')
  return at < 0 ? text : text.slice(0, at)
}
