// ic, the interactive C prompt: what a process that executes it holds, and how it runs a slice.
//
// A line typed is compiled (compile.ts) when its turn comes; the code runs in slices of fuel (execute.ts). Everything
// is plain data: fork copies it, so a child goes on behind the fork() of the same line, and then waits at its own
// prompt.

import { deliver } from '../kernel/signal.ts'
import { streamPut } from '../kernel/stream.ts'
import { sigMask } from '../mm/oomKill.ts'
import { storeBytes } from '../mm/uaccess.ts'
import { roundUp } from '../lib/bits.ts'
import type { Machine } from '../state/machine.ts'
import { wakeUp } from '../state/runqueue.ts'
import { SIGINT, type Program, type Task } from '../state/task.ts'
import type { Caller, LibCall, ReadMaps } from '../libc/call.ts'
import { constantsOf, findPrototype, functionNames } from '../libc/headers.ts'
import { mkCaller } from '../libc/process.ts'
import { atLineStart, drain, flushStdout } from '../libc/stdio.ts'
import { errnoAddress, fileAddress, mkLibcState, type LibcState } from '../libc/state.ts'
import { abandonCall } from '../syscall/table.ts'
import { compileLine, hasErrors } from './compile.ts'
import type { Shown } from './compiler.ts'
import { showDiagnostic, type Diagnostic } from './diagnostics.ts'
import { execute } from './execute.ts'
import { complete, type Completion } from './complete.ts'
import { copyType } from './ctype.ts'
import type { IcSymbol, Literal, Scope } from './scope.ts'

export interface IcProgram extends Program {
  kind: 'ic'
  symbols: Map<string, IcSymbol>
  strings: Map<string, number> // string literals in memory
  next: number // where the next variable goes; 0 before the first
  lines: string[] // typed, not yet begun
  running: boolean // a line is being executed
  code: number[]
  names: string[] // functions that the code calls
  shown: Shown[]
  literals: Literal[] // still to be written into memory
  pc: number
  sp: number
  stack: number[] // low and high halves; what lies above sp means nothing
  call: LibCall | null // the function that is being executed
  diagnostics: Diagnostic[] // of the line compiled last
  libc: LibcState
}

const MAX_LINES = 32

export function mkIcProgram(): IcProgram {
  return {
    kind: 'ic',
    symbols: new Map(),
    strings: new Map(),
    next: 0,
    lines: [],
    running: false,
    code: [],
    names: [],
    shown: [],
    literals: [],
    pc: 0,
    sp: 0,
    stack: [],
    call: null,
    diagnostics: [],
    libc: mkLibcState(),
  }
}

/** The process waits at its prompt. */
export function icIsWaiting(task: Task): boolean {
  const program = task.program as IcProgram
  return (
    program.kind === 'ic' && task.state !== 'Z' && !program.running && program.lines.length === 0
  )
}

/** A line is typed. While another one runs it waits its turn, as on a terminal. */
export function startStatement(m: Machine, task: Task, line: string): void {
  const program = task.program as IcProgram
  if (program.lines.length >= MAX_LINES) return
  program.lines.push(line)
  beginLine(m, task, program)
}

/** Takes the next line that has something to execute; compiles it, or says what is wrong with it. */
function beginLine(m: Machine, task: Task, program: IcProgram): void {
  while (!program.running && program.lines.length > 0) {
    const line = program.lines.shift()!
    if (!answerHelp(task, line)) startLine(m, task, program, line)
  }
  if (program.running && task.state === 'S' && task.wait.for === 'input') {
    wakeUp(m, task)
    task.wait = { for: 'nothing' }
  }
}

function startLine(m: Machine, task: Task, program: IcProgram, line: string): void {
  const compiled = compileLine(withoutInclude(line), scopeOf(m, task))
  program.diagnostics = compiled.diagnostics
  for (const diagnostic of compiled.diagnostics) print(task, showDiagnostic(line, diagnostic))
  if (hasErrors(compiled) || compiled.code.length <= 1) {
    if (!hasErrors(compiled)) define(program, compiled.scope)
    return
  }
  define(program, compiled.scope)
  program.code = compiled.code
  program.names = compiled.names
  program.shown = compiled.shown.map((shown) => ({ ...shown, type: copyType(shown.type) }))
  program.literals = compiled.literals
  program.pc = 0
  program.sp = 0
  program.stack = []
  program.call = null
  program.libc.lastErrno = 0
  program.running = true
}

/** `#include` lines of a program that is pasted: everything is included already. */
function withoutInclude(line: string): string {
  return /^\s*#\s*include\b/.test(line) ? '' : line
}

function define(program: IcProgram, scope: Scope): void {
  for (const [name, symbol] of scope.symbols) {
    if (program.symbols.get(name) !== symbol)
      scope.symbols.set(name, { ...symbol, type: copyType(symbol.type) })
  }
  program.symbols = scope.symbols
  program.strings = scope.strings
  program.next = scope.next
}

function print(task: Task, text: string): void {
  if (task.stdout !== null) streamPut(task.stdout, text)
}

/** What a line of this process is compiled against. Variables lie in the program's bss. */
export function scopeOf(m: Machine, task: Task): Scope {
  const program = task.program as IcProgram
  const { start, end } = arenaOf(m, task)
  return {
    bits: m.layout.bits,
    symbols: program.symbols,
    strings: program.strings,
    next: Math.max(program.next, start),
    end,
    errnoAddress: errnoAddress(m, task),
    files: [0, 1, 2].map((index) => fileAddress(m, task, index)),
  }
}

const BSS_BYTES = 0x1_0000

/** The program's bss: from behind its data to the end of that mapping. */
function arenaOf(m: Machine, task: Task): { start: number; end: number } {
  const { endData } = task.mm!
  return { start: endData, end: roundUp(endData + BSS_BYTES, m.pageSize) }
}

/** `help`, `help malloc`, `malloc?` */
function answerHelp(task: Task, line: string): boolean {
  const asked = /^\s*(?:help\s+([A-Za-z_]\w*)|([A-Za-z_]\w*)\s*\?|help)\s*;?\s*$/.exec(line)
  if (asked === null) return false
  const name = asked[1] ?? asked[2]
  if (name === undefined) {
    print(
      task,
      `C statements, one or more a line, such as   p = malloc(2000); memset(p, 1, 2000)\n`,
    )
    print(task, `${wrap(functionNames())}\nhelp NAME shows how a function is called.\n`)
  } else {
    const prototype = findPrototype(name)
    print(task, prototype === null ? `there is no function '${name}'\n` : `${prototype};\n`)
    for (const [argument, names] of constantsOf(name))
      print(task, `${wrap([`${argument}:`, ...names])}\n`)
  }
  return true
}

function wrap(names: string[]): string {
  const lines = ['']
  for (const name of names) {
    if (lines[lines.length - 1].length + name.length > 76) lines.push('')
    lines[lines.length - 1] += `${name}  `
  }
  return lines.map((text) => text.trimEnd()).join('\n')
}

/** Runs for about `fuel` instructions; returns what was used. May throw USER_FAULT. */
export function runIc(m: Machine, task: Task, fuel: number, readMaps: ReadMaps): number {
  const program = task.program as IcProgram
  const caller = mkCaller(m, task, program.libc, readMaps)
  if ((task.pending & task.caught & sigMask(SIGINT)) !== 0) interrupt(caller, program)
  let used = 0
  while (used < fuel) {
    if (!program.running) beginLine(m, task, program)
    if (program.running) {
      storeLiterals(m, task, program)
      used += execute(caller, program, fuel - used)
      if (program.running) break // out of fuel, asleep, or a signal is pending
    }
    if (!finishLine(caller)) break
    if (program.lines.length === 0) {
      task.state = 'S'
      task.wait = { for: 'input' }
      break
    }
  }
  return Math.max(1, used)
}

/** The line is done: what stdout still holds appears, and the next prompt begins a line. False: the terminal is full. */
function finishLine(c: Caller): boolean {
  flushStdout(c)
  if (!atLineStart(c)) c.libc.out += '\n'
  return drain(c)
}

function storeLiterals(m: Machine, task: Task, program: IcProgram): void {
  while (program.literals.length > 0) {
    const { address, bytes } = program.literals[0]
    storeBytes(m, task, address, Uint8Array.from(bytes))
    program.literals.shift()
  }
}

/** Ctrl-C: the line ends where it is, with those that were typed ahead; what has been defined stays. */
function interrupt(c: Caller, program: IcProgram): void {
  abandonCall(c.m, c.task)
  deliver(c.m, c.task, SIGINT)
  program.running = false
  program.stack = []
  program.call = null
  program.lines = []
  flushStdout(c)
  c.libc.out = `${c.libc.out.slice(-1024)}^C\n`
}

/** What may be typed at the cursor: names that begin with what stands before it. */
export function completeIc(task: Task, text: string, cursor: number): Completion {
  const program = task.program as IcProgram
  return complete(program.symbols, text, cursor)
}
