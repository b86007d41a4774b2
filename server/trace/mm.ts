// `oomroom trace mm`: memory operations in text, done by processes of a booted machine, and what the kernel answered.
// The language is that of the recordings of the real kernel, so that ours can be compared with them line by line.
//
//   p1 mmap a 8 rw anon        1 ok M-8 f=0
//   p1 write a 2 0x41          2 ok f=2 n1x2
//   p1 fork p2                 3 ok f=0

import { assert } from '../../shared/lib/assert.ts'
import { roundDown } from '../../shared/lib/bits.ts'
import { errnoName } from '../../shared/lib/errno.ts'
import { NO_PTE, ptePfn, ptePresent } from '../../shared/hw/mmu.ts'
import { markDirty, viewBytes } from '../../shared/hw/ram.ts'
import { S_IFREG, type Inode } from '../../shared/state/inode.ts'
import type { Machine, MachineOptions } from '../../shared/state/machine.ts'
import * as VM from '../../shared/state/mm.ts'
import type { Mm, Vma } from '../../shared/state/mm.ts'
import { NO_PFN, PG_DIRTY } from '../../shared/state/page.ts'
import {
  BUS_ADRERR,
  RLIM_INFINITY,
  SEGV_ACCERR,
  SIGBUS,
  type Task,
} from '../../shared/state/task.ts'
import { O_RDONLY, O_RDWR, O_WRONLY } from '../../shared/syscall/flags.ts'
import * as MADV from '../../shared/mm/madvise.ts'
import * as MAP from '../../shared/mm/mmap.ts'
import { expandStack } from '../../shared/mm/mmap.ts'
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from '../../shared/mm/mremap.ts'
import { faultIn } from '../../shared/mm/memory.ts'
import { findVma, vmasOf } from '../../shared/mm/vma.ts'
import { findPage, readPage, reserveBlock } from '../../shared/mm/filemap.ts'
import { writePage } from '../../shared/mm/writeback.ts'
import { followPte } from '../../shared/mm/pgtable.ts'
import { peek8 } from '../../shared/mm/uaccess.ts'
import { ROOT, create } from '../../shared/fs/tree.ts'
import { apply, createMachine, type Outcome } from '../../shared/machine/machine.ts'
import type { MachineCommand } from '../../shared/machine/command.ts'
import { vmaName, vmaPermissions } from '../../shared/proc/maps.ts'
import { PSS_SHIFT, gatherVma } from '../../shared/proc/smaps.ts'

/** The hole that the kernel does not use by itself: where it begins and where the mappings' part of the space does. */
const HOLE = {
  64: { start: 0x2000_0000_0000, end: 0x3000_0000_0000, mappings: 0x4000_0000_0000 },
  32: { start: 0x4000_0000, end: 0x6000_0000, mappings: 0x6000_0000 },
}
/** Addresses that belong to program and heap: so many bytes from its text on. */
const PROGRAM_SPACE = { 64: 2 ** 40, 32: 2 ** 29 }

const ROOT_SEAT = 1
const USER_SEAT = 2

interface Declared {
  name: string
  bytes: number
  fill: number
  tmpfs: boolean
  access: number // O_RDWR, …
}

interface Trace {
  m: Machine
  files: Map<string, { declared: Declared; inode: Inode; fd: number }>
  processes: Map<string, Task> // in order of creation
  names: Map<string, number>
  base: { brk: number; committed: number; status: Record<string, number> }
  pending: number // faults before the op
  pendingMajor: number
}

/** Runs a trace; the result lines. Throws SyntaxError naming the line that it cannot read. */
export function runTrace(text: string, options: MachineOptions): string[] {
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim())
  const declarations = lines.filter((line) => /^(file|program)\s/.test(line))
  const trace = startTrace(declarations, options)
  const out: string[] = []
  let number = 0
  lines.forEach((line, i) => {
    if (line === '' || /^(file|program)\s/.test(line)) return
    number++
    try {
      const [head, ...rest] = runOp(trace, line.split(/\s+/))
      out.push(`${number} ${head}`, ...rest.map((more) => `  ${more}`))
    } catch (error) {
      if (error instanceof SyntaxError)
        throw new SyntaxError(`line ${i + 1}: ${error.message}`, { cause: error })
      throw error
    }
  })
  return out
}

// --- the machine that a trace starts on ------------------------------------------------------------------------------

function startTrace(declarations: string[], options: MachineOptions): Trace {
  let data = 0
  let bss = 0
  const files: Declared[] = []
  for (const line of declarations) {
    const [kind, ...words] = line.split(/\s+/)
    if (kind === 'program') [data, bss] = words.map(Number)
    else {
      const [name, size, fill, ...flags] = words
      const access = flags.includes('ro') ? O_RDONLY : flags.includes('wo') ? O_WRONLY : O_RDWR
      files.push({
        name,
        bytes: lengthOf(options, size),
        fill: Number(fill) & 0xff,
        tmpfs: flags.includes('tmpfs'),
        access,
      })
    }
  }
  const m = createMachine(options, 0)
  must(apply(m, ROOT_SEAT, { t: 'seat', name: 'root', role: 'teacher', from: '::1' }))
  must(apply(m, USER_SEAT, { t: 'seat', name: 'p1', role: 'student', from: '::1' }))
  const exe = addFile(m, '/mnt/exe', 'image', (1 + data) * m.pageSize, 0xcf)
  exe.image = `bare:${data}:${bss}`
  fillPage(m, exe, 0, [0x7f, 0x45, 0x4c, 0x46])
  exe.mode |= 0o111
  const spawned = must(
    apply(m, USER_SEAT, { t: 'spawn', path: '/mnt/exe', argv: ['exe'], env: [], stdout: 'pipe' }),
  )
  const p1 = firstProcess(m, m.handles.get(spawned.task!)!)
  const trace: Trace = {
    m,
    files: new Map(),
    processes: new Map([['p1', p1]]),
    names: new Map(),
    pending: 0,
    pendingMajor: 0,
    base: { brk: p1.mm!.startBrk, committed: 0, status: {} },
  }
  for (const declared of files) {
    const inode = addFile(
      m,
      `/mnt/${declared.name}`,
      declared.tmpfs ? 'tmpfs' : 'disk',
      declared.bytes,
      declared.fill,
    )
    const fd = p1.files.length === 0 ? 3 : p1.files.length
    while (p1.files.length < fd) p1.files.push(null)
    p1.files.push({ inode, flags: declared.access, pos: 0, count: 1 })
    inode.users++
    trace.files.set(declared.name, { declared, inode, fd })
  }
  const zero = must(apply(m, ROOT_SEAT, { t: 'tick', fuel: 0 }))
  assert(zero.errno === undefined, 'the machine runs')
  p1.state = 'S'
  p1.mm!.hiwaterVm = p1.mm!.totalVm
  trace.base.committed = m.committed
  trace.base.status = statusOf(m, p1.mm!)
  return trace
}

/** A child of the program's first process, which ends: only the page of the stack that is in use has been made its own. */
function firstProcess(m: Machine, image: Task): Task {
  image.program = { kind: 'daemon' }
  image.state = 'S'
  const child = forked(m, image)
  must(apply(m, USER_SEAT, { t: 'call', task: image.handle, call: 'exit_group', args: [0] }))
  const va = m.layout.stackTop - m.pageSize
  must(apply(m, USER_SEAT, { t: 'access', task: child.handle, op: 'write', va, byte: 0 }))
  return child
}

function forked(m: Machine, parent: Task): Task {
  const call: MachineCommand = { t: 'call', task: parent.handle, call: 'fork', args: [] }
  return setUp(m, must(apply(m, USER_SEAT, call)).result!)
}

/** The new process waits for what the trace tells it. It runs: its code is mapped in by that. */
function setUp(m: Machine, pid: number): Task {
  const child = m.tasks.get(pid)!
  child.program = { kind: 'daemon' }
  child.state = 'S'
  const va = child.mm!.startCode
  apply(m, USER_SEAT, { t: 'access', task: child.handle, op: 'exec', va, byte: 0 })
  return child
}

/** A file whose page i is filled with fill + i, all in the page cache; on disk it is clean, in tmpfs dirty. */
function addFile(
  m: Machine,
  path: string,
  backing: 'tmpfs' | 'disk' | 'image',
  bytes: number,
  fill: number,
): Inode {
  const inode = create(m, path, S_IFREG | 0o666, backing, ROOT)
  assert(typeof inode !== 'number', 'the trace’s files fit')
  inode.size = bytes
  const { pageSize } = m
  for (let index = 0; index * pageSize < bytes; index++) {
    const pfn = readPage(m, inode, index, 0)
    assert(pfn !== NO_PFN, 'the trace’s files fit into RAM')
    markDirty(m.ram, pfn)
    const page = viewBytes(m.ram, pfn, 0, pageSize)
    page.fill(0)
    page.fill((fill + index) & 0xff, 0, Math.min(pageSize, bytes - index * pageSize))
    if (backing === 'tmpfs') m.zone.page.flags[pfn] |= PG_DIRTY
    if (backing === 'disk') {
      assert(reserveBlock(m, inode, index), 'the trace’s files fit on the disk')
      writePage(m, inode, index, pfn)
    }
  }
  return inode
}

/** That page of a cached file: the bytes, then zeros. */
function fillPage(m: Machine, inode: Inode, index: number, bytes: number[]): void {
  const pfn = findPage(inode, index)
  markDirty(m.ram, pfn)
  const page = viewBytes(m.ram, pfn, 0, m.pageSize)
  page.fill(0)
  page.set(bytes)
}

function must(outcome: Outcome): Outcome {
  assert(
    outcome.errno === undefined,
    `the machine of a trace starts: ${errnoName(outcome.errno ?? 0)}`,
  )
  return outcome
}

// --- words -----------------------------------------------------------------------------------------------------------

/** Bytes of a length: pages, or with suffix k KiB, b bytes. */
function lengthOf({ pageSize }: { pageSize: number }, word: string): number {
  const match = /^(-?(?:0x[0-9a-f]+|\d+))([kb]?)$/i.exec(word)
  if (match === null) throw new SyntaxError(`'${word}' is no length`)
  return Number(match[1]) * { '': pageSize, k: 1024, b: 1 }[match[2]]!
}

/** BASE[+PAGES|-PAGES][:BYTES]; undefined if the name was never defined. */
function addressOf({ m, names, base }: Trace, word: string): number | undefined {
  const match =
    /^(0x[0-9a-f]+|[A-Za-z_]\w*)(?:([+-])(0x[0-9a-f]+|\d+))?(?::(0x[0-9a-f]+|\d+))?$/i.exec(word)
  if (match === null) throw new SyntaxError(`'${word}' is no address`)
  const [, start, sign, pages, bytes] = match
  const { bits, mmapBase, stackTop, textStart } = m.layout
  const bases: Record<string, number> = {
    M: mmapBase,
    B: base.brk,
    H: HOLE[bits].start,
    S: stackTop,
    D: textStart + 2 * m.pageSize,
  }
  const from = start.startsWith('0x') ? Number(start) : (names.get(start) ?? bases[start])
  if (from === undefined) return undefined
  return from + (sign === '-' ? -1 : 1) * Number(pages ?? 0) * m.pageSize + Number(bytes ?? 0)
}

function showAddress({ m, base }: Trace, va: number): string {
  const { bits, mmapBase, stackTop, textStart } = m.layout
  const hole = HOLE[bits]
  const page = roundDown(va, m.pageSize)
  const rest = va === page ? '' : `:${va - page}`
  const relative = (letter: string, from: number) => {
    const pages = (page - from) / m.pageSize
    return `${letter}${pages < 0 ? '-' : '+'}${Math.abs(pages)}${rest}`
  }
  if (page >= textStart && page < textStart + PROGRAM_SPACE[bits]) return relative('B', base.brk)
  if (page >= hole.start && page < hole.end) return relative('H', hole.start)
  if (page >= hole.mappings && page < mmapBase + (64 << 20)) return relative('M', mmapBase)
  if (page >= mmapBase && page < stackTop) return `S-${(stackTop - page) / m.pageSize}${rest}`
  return `0x${page.toString(16)}${rest}`
}

function protOf(word: string): number {
  if (!/^(-|[rwx]+)$/.test(word)) throw new SyntaxError(`'${word}' is no protection`)
  return (word.includes('r') ? 1 : 0) | (word.includes('w') ? 2 : 0) | (word.includes('x') ? 4 : 0)
}

/** Equal neighbours as one: `n1 n1 n1` is `n1x3`. */
function runs(tokens: string[]): string {
  const out: string[] = []
  for (let i = 0; i < tokens.length;) {
    let count = 1
    while (tokens[i + count] === tokens[i]) count++
    out.push(count === 1 ? tokens[i] : `${tokens[i]}x${count}`)
    i += count
  }
  return out.join(' ')
}

// --- operations ------------------------------------------------------------------------------------------------------

/** The lines of an op's result, without number and indentation. */
function runOp(trace: Trace, words: string[]): string[] {
  if (words[0] === 'truncate') {
    const path = `/mnt/${words[1]}`
    const promised = trace.m.committed
    must(apply(trace.m, ROOT_SEAT, { t: 'truncate', path, length: lengthOf(trace.m, words[2]) }))
    trace.base.committed += trace.m.committed - promised // not the trace's: it comes from outside
    return ['ok']
  }
  if (words[0] === 'frames') return frames(trace, words)
  if (words[0] === 'commit')
    return [`ok ${((trace.m.committed - trace.base.committed) * trace.m.pageSize) / 1024}`]
  const [name, op, ...args] = words
  const task = trace.processes.get(name)
  if (task?.mm === null || task === undefined) return ['noproc']
  const run = operations[op]
  if (run === undefined) throw new SyntaxError(`unknown operation '${op}'`)
  trace.pending = task.minFlt
  trace.pendingMajor = task.majFlt
  return run(trace, task, args)
}

type Operation = (trace: Trace, task: Task, args: string[]) => string[]

const operations: Record<string, Operation> = {
  mmap,
  munmap: (trace, task, [addr, length]) =>
    withAddress(trace, addr, (va) => call(trace, task, 'munmap', [va, lengthOf(trace.m, length)])),
  mprotect: (trace, task, [addr, length, prot]) =>
    withAddress(trace, addr, (va) =>
      call(trace, task, 'mprotect', [va, lengthOf(trace.m, length), protOf(prot)]),
    ),
  mremap,
  madvise: (trace, task, [addr, length, advice]) =>
    withAddress(trace, addr, (va) =>
      call(trace, task, 'madvise', [va, lengthOf(trace.m, length), adviceOf(advice)]),
    ),
  brk,
  mlock: (trace, task, [addr, length, onfault]) =>
    withAddress(trace, addr, (va) =>
      onfault === 'onfault'
        ? call(trace, task, 'mlock2', [va, lengthOf(trace.m, length), 1])
        : call(trace, task, 'mlock', [va, lengthOf(trace.m, length)]),
    ),
  munlock: (trace, task, [addr, length]) =>
    withAddress(trace, addr, (va) => call(trace, task, 'munlock', [va, lengthOf(trace.m, length)])),
  mlockall: (trace, task, args) => {
    const flags =
      (args.includes('current') ? 1 : 0) |
      (args.includes('future') ? 2 : 0) |
      (args.includes('onfault') ? 4 : 0)
    return call(trace, task, 'mlockall', [flags])
  },
  munlockall: (trace, task) => call(trace, task, 'munlockall', []),
  msync: (trace, task, [addr, length, sync]) =>
    withAddress(trace, addr, (va) =>
      call(trace, task, 'msync', [va, lengthOf(trace.m, length), sync === 'sync' ? 4 : 1]),
    ),
  read: (trace, task, [addr, count]) =>
    withAddress(trace, addr, (va) =>
      access(trace, task, 'read', va, Number(count ?? 1), trace.m.pageSize, 0),
    ),
  write: (trace, task, [addr, count, byte]) =>
    withAddress(trace, addr, (va) =>
      access(trace, task, 'write', va, Number(count), trace.m.pageSize, Number(byte)),
    ),
  fetch: (trace, task, [addr]) => withAddress(trace, addr, (va) => fetch(trace, task, va)),
  stackgrow: (trace, task, [count]) => {
    const { layout, pageSize } = trace.m
    const from = layout.stackTop - 2 * pageSize
    return access(trace, task, 'write', from, Number(count), -pageSize, 0x5c)
  },
  fork,
  exit: (trace, task) => {
    apply(trace.m, USER_SEAT, { t: 'call', task: task.handle, call: 'exit_group', args: [0] })
    return ['ok']
  },
  rlimit,
  maps: (trace, task) => [
    `ok ${shownVmas(task.mm!).length}`,
    ...shownVmas(task.mm!).map((vma) => mapsLine(trace, vma)),
  ],
  smaps: (trace, task) => [
    `ok ${shownVmas(task.mm!).length}`,
    ...shownVmas(task.mm!).map((vma) => smapsLine(trace, vma)),
  ],
  status: (trace, task) => {
    const now = statusOf(trace.m, task.mm!)
    const shown = Object.keys(now).map((key) => `${key}=${now[key] - trace.base.status[key]}`)
    return [`ok ${shown.join(' ')}`]
  },
  pagemap: (trace, task, [addr, count]) =>
    withAddress(trace, addr, (va) => [
      `ok ${entries(trace.m, task.mm!, va, Number(count), new Map())}`,
    ]),
}

function withAddress(trace: Trace, word: string, run: (va: number) => string[]): string[] {
  const va = addressOf(trace, word)
  return va === undefined ? ['undefined'] : run(va)
}

function faults(trace: Trace, task: Task): string {
  const major = task.majFlt - trace.pendingMajor
  return `f=${task.minFlt - trace.pending}${major === 0 ? '' : ` maj=${major}`}`
}

function issue(trace: Trace, task: Task, name: string, args: number[]): Outcome {
  const command: MachineCommand = { t: 'call', task: task.handle, call: name, args }
  return apply(trace.m, USER_SEAT, command)
}

function call(trace: Trace, task: Task, name: string, args: number[], address = false): string[] {
  const { errno, result } = issue(trace, task, name, args)
  if (errno !== undefined) return [`${errnoName(errno)} ${faults(trace, task)}`]
  return [`ok ${address ? `${showAddress(trace, result!)} ` : ''}${faults(trace, task)}`]
}

function mmap(
  trace: Trace,
  task: Task,
  [name, length, prot, kind, ...options]: string[],
): string[] {
  let addr = 0
  let flags = 0
  let offset = 0
  let fd = -1
  for (const option of options) {
    const [key, value] = option.split('=')
    if (key === 'at' || key === 'noreplace' || key === 'hint') {
      const va = addressOf(trace, value)
      if (va === undefined) return ['undefined']
      addr = va
      flags |= { at: MAP.MAP_FIXED, noreplace: MAP.MAP_FIXED_NOREPLACE, hint: 0 }[key]
    } else if (key === 'off') offset = lengthOf(trace.m, value)
    else
      flags |=
        {
          populate: MAP.MAP_POPULATE,
          locked: MAP.MAP_LOCKED,
          noreserve: MAP.MAP_NORESERVE,
          growsdown: MAP.MAP_GROWSDOWN,
        }[key] ?? 0
  }
  const [type, file] = kind.split(':')
  if (type === 'anon') flags |= MAP.MAP_PRIVATE | MAP.MAP_ANONYMOUS
  else if (type === 'shared') flags |= MAP.MAP_SHARED | MAP.MAP_ANONYMOUS
  else if (type === 'none') flags |= MAP.MAP_ANONYMOUS
  else if (type === 'badfd') {
    flags |= MAP.MAP_PRIVATE
    fd = 99
  } else if (type === 'zero') {
    flags |= MAP.MAP_PRIVATE
    fd = openZero(trace, task)
  } else {
    flags |= type === 'sfile' ? MAP.MAP_SHARED : MAP.MAP_PRIVATE
    fd = trace.files.get(file)?.fd ?? 99
  }
  const outcome = issue(trace, task, 'mmap', [
    addr,
    lengthOf(trace.m, length),
    protOf(prot),
    flags,
    fd,
    offset,
  ])
  if (outcome.errno !== undefined) return [`${errnoName(outcome.errno)} ${faults(trace, task)}`]
  trace.names.set(name, outcome.result!)
  return [`ok ${showAddress(trace, outcome.result!)} ${faults(trace, task)}`]
}

/** A descriptor of /dev/zero in that process. */
function openZero({ m }: Trace, task: Task): number {
  const zero = m.root.entries.get('dev')!.entries.get('zero')!
  const open = task.files.findIndex((file) => file?.inode === zero)
  if (open >= 0) return open
  while (task.files.length < 3) task.files.push(null)
  task.files.push({ inode: zero, flags: O_RDWR, pos: 0, count: 1 })
  zero.users++
  return task.files.length - 1
}

function mremap(
  trace: Trace,
  task: Task,
  [addr, oldLength, newLength, ...options]: string[],
): string[] {
  let flags = 0
  let target = 0
  let name = ''
  for (const option of options) {
    const [key, value] = option.split('=')
    if (key === 'maymove') flags |= MREMAP_MAYMOVE
    else if (key === 'dontunmap') flags |= MREMAP_DONTUNMAP
    else if (key === 'as') name = value
    else if (key === 'fixed') {
      const va = addressOf(trace, value)
      if (va === undefined) return ['undefined']
      flags |= MREMAP_FIXED
      target = va
    }
  }
  return withAddress(trace, addr, (va) => {
    const args = [va, lengthOf(trace.m, oldLength), lengthOf(trace.m, newLength), flags, target]
    const { errno, result } = issue(trace, task, 'mremap', args)
    if (errno !== undefined) return [`${errnoName(errno)} ${faults(trace, task)}`]
    if (name !== '') trace.names.set(name, result!)
    return [`ok ${showAddress(trace, result!)} ${faults(trace, task)}`]
  })
}

const advices: Record<string, number> = {
  normal: MADV.MADV_NORMAL,
  random: MADV.MADV_RANDOM,
  sequential: MADV.MADV_SEQUENTIAL,
  willneed: MADV.MADV_WILLNEED,
  dontneed: MADV.MADV_DONTNEED,
  free: MADV.MADV_FREE,
  remove: MADV.MADV_REMOVE,
  dontfork: MADV.MADV_DONTFORK,
  dofork: MADV.MADV_DOFORK,
  wipeonfork: MADV.MADV_WIPEONFORK,
  keeponfork: MADV.MADV_KEEPONFORK,
  populate_read: MADV.MADV_POPULATE_READ,
  populate_write: MADV.MADV_POPULATE_WRITE,
  dontdump: MADV.MADV_DONTDUMP,
  dodump: MADV.MADV_DODUMP,
  bad: 99,
}

function adviceOf(word: string): number {
  if (!(word in advices)) throw new SyntaxError(`unknown advice '${word}'`)
  return advices[word]
}

function brk(trace: Trace, task: Task, [word]: string[]): string[] {
  const mm = task.mm!
  const relative = /^([+-])(.+)$/.exec(word)
  const target =
    relative === null
      ? addressOf(trace, word)
      : mm.brk + (relative[1] === '-' ? -1 : 1) * lengthOf(trace.m, relative[2])
  if (target === undefined) return ['undefined']
  const { result } = issue(trace, task, 'brk', [target])
  const state = result === target ? 'ok' : 'ENOMEM'
  return [`${state} ${showAddress(trace, result!)} ${faults(trace, task)}`]
}

function fork(trace: Trace, task: Task, [name]: string[]): string[] {
  const { errno, result } = issue(trace, task, 'fork', [])
  if (errno !== undefined) return [`${errnoName(errno)} ${faults(trace, task)}`]
  trace.processes.set(name, setUp(trace.m, result!))
  return [`ok ${faults(trace, task)}`]
}

function rlimit(trace: Trace, task: Task, [what, word]: string[]): string[] {
  const mm = task.mm!
  const inUse = (what === 'as' ? mm.totalVm : mm.dataVm) * mm.pageSize
  const soft =
    word === 'unlimited'
      ? RLIM_INFINITY
      : word.startsWith('+')
        ? inUse + lengthOf(trace.m, word.slice(1))
        : lengthOf(trace.m, word)
  const resource = what as 'stack' | 'memlock' | 'as' | 'data'
  must(apply(trace.m, USER_SEAT, { t: 'rlimit', task: task.handle, resource, soft }))
  return ['ok']
}

/** Touches `count` bytes, `step` apart; stops at the first that cannot be had. */
function access(
  trace: Trace,
  task: Task,
  op: 'read' | 'write' | 'exec',
  va: number,
  count: number,
  step: number,
  byte: number,
): string[] {
  const { m } = trace
  const tokens: string[] = []
  const bytes: string[] = []
  let end = 'ok'
  for (let i = 0; i < count; i++) {
    const at = va + i * step
    const before = frameAt(m, task.mm!, at)
    const faultsBefore = task.minFlt
    const { signal, result } = apply(m, USER_SEAT, {
      t: 'access',
      task: task.handle,
      op,
      va: at,
      byte,
    })
    if (signal !== undefined) {
      end = signalText(trace, signal)
      break
    }
    const after = frameAt(m, task.mm!, at)
    tokens.push(`${letter(m, before, after)}${task.minFlt - faultsBefore}`)
    if (op === 'read') bytes.push(result!.toString(16).padStart(2, '0'))
  }
  const shown = tokens.length === 0 ? '' : ` ${runs(tokens)}`
  const read = bytes.length === 0 ? '' : ` | ${runs(bytes)}`
  return [`${end} ${faults(trace, task)}${shown}${read}`]
}

/** Executes the instruction that begins with the byte there; zeros behind it. All registers but rsp are 0. */
function fetch(trace: Trace, task: Task, va: number): string[] {
  const { m } = trace
  const before = frameAt(m, task.mm!, va)
  peekText(m, task, va)
  const [result] = access(trace, task, 'exec', va, 1, 1, 0)
  if (!result.startsWith('ok')) return [result]
  const done = [`ok ${faults(trace, task)} ${letter(m, before, frameAt(m, task.mm!, va))}0`]
  const kind = instructionKind(peek8(m, task, va) ?? 0)
  if (kind === 'touch') return access(trace, task, 'write', 0, 1, 1, 0)
  if (kind === 'plain') return done
  return [`${kind === 'invalid' ? 'SIG4' : 'SIGSEGV:KERNEL'} ${faults(trace, task)}`]
}

/** What x86-64 makes of a byte and zeros: most instructions then work on memory at address 0. */
function instructionKind(byte: number): 'plain' | 'touch' | 'invalid' | 'privileged' {
  const isIn = (ranges: string) =>
    ranges.split(' ').some((range) => {
      const [first, last = first] = range.split('-').map((hex) => parseInt(hex, 16))
      return byte >= first && byte <= last
    })
  if (isIn(INVALID)) return 'invalid'
  if (isIn(PRIVILEGED)) return 'privileged'
  return isIn(PLAIN) ? 'plain' : 'touch'
}

const INVALID = '06-07 0e 16-17 1e-1f 27 2f 37 3f 60-62 82 9a c4-c5 ce d4-d6 ea'
const PRIVILEGED = '6c-6f cd e4-e7 ec-ef f4 fa-fb'
/** On registers, the stack's top page, or with a constant; jumps. */
const PLAIN =
  '04-05 0c-0d 14-15 1c-1d 24-25 2c-2d 34-35 3c-3d 50-5f 68 6a 70-7f 8d 90-99 9b-9f a8-a9 b0-bf c2-c3 c8 ca-cc e0-e3 ' +
  'e8-e9 eb f1 f5 f8-f9 fc-fd'

/** The debugger that lets the process do one instruction reads it first, whatever the protection says. That brings the page in. */
function peekText(m: Machine, task: Task, va: number): void {
  const page = roundDown(va, m.pageSize)
  const vma = findVma(task.mm!, va)
  if (vma === undefined) return
  const below = va < vma.start
  if (below && ((vma.flags & VM.VM_GROWSDOWN) === 0 || !expandStack(m, task, vma, va))) return
  if (frameAt(m, task.mm!, page) === NO_PFN) faultIn(m, vma, page, false, NO_PTE)
}

function signalText(trace: Trace, { sig, code, address }: NonNullable<Outcome['signal']>): string {
  if (sig === SIGBUS && code === BUS_ADRERR) return `SIGBUS:ADRERR@${showAddress(trace, address)}`
  if (code === 0x80) return 'SIGSEGV:KERNEL'
  return `SIGSEGV:${code === SEGV_ACCERR ? 'ACCERR' : 'MAPERR'}@${showAddress(trace, address)}`
}

function letter(m: Machine, before: number, after: number): string {
  if (before === NO_PFN) return after === m.zeroPfn ? 'z' : 'n'
  if (before === after) return '='
  return before === m.zeroPfn ? 'o' : 'c'
}

/** The frame behind an address, memory without access rights included; NO_PFN if there is none. */
function frameAt(m: Machine, mm: Mm, va: number): number {
  if (!(va >= 0 && va < m.layout.taskSize)) return NO_PFN
  const pte = followPte(m, mm, va)
  return ptePresent(pte) ? ptePfn(pte) : NO_PFN
}

// --- observations ----------------------------------------------------------------------------------------------------

/** All but the program's code. */
function shownVmas(mm: Mm): Vma[] {
  return vmasOf(mm).filter((vma) => vma.start !== mm.startCode)
}

function kindOf(trace: Trace, vma: Vma): string {
  const { file } = vma
  if (file === null) return { '[heap]': 'heap', '[stack]': 'stack' }[vmaName(vma)] ?? 'anon'
  if (file.image !== '') return 'exe'
  if (file.backing === 'zero') return 'zero'
  for (const [name, { inode }] of trace.files) if (inode === file) return name
  return 'shm'
}

const shownFlags: [flag: number, name: string][] = [
  [VM.VM_GROWSDOWN, 'gd'],
  [VM.VM_LOCKED, 'lo'],
  [VM.VM_SEQ_READ, 'sr'],
  [VM.VM_RAND_READ, 'rr'],
  [VM.VM_DONTCOPY, 'dc'],
  [VM.VM_LOCKONFAULT, 'lf'],
  [VM.VM_ACCOUNT, 'ac'],
  [VM.VM_NORESERVE, 'nr'],
  [VM.VM_WIPEONFORK, 'wf'],
  [VM.VM_DONTDUMP, 'dd'],
]

function vmaHead(trace: Trace, vma: Vma): string {
  const pages = (vma.end - vma.start) / trace.m.pageSize
  return `${showAddress(trace, vma.start)} ${pages} ${vmaPermissions(vma)} ${kindOf(trace, vma)}`
}

function mapsLine(trace: Trace, vma: Vma): string {
  const flags = shownFlags.filter(([flag]) => (vma.flags & flag) !== 0).map(([, name]) => name)
  return `${vmaHead(trace, vma)} off=${vma.file === null ? 0 : vma.pgoff} ${flags.join(',') || '-'}`
}

function smapsLine(trace: Trace, vma: Vma): string {
  const sums = gatherVma(trace.m, vma)
  const kb = (bytes: number) => Math.floor(bytes / 1024)
  const fields = {
    size: kb(vma.end - vma.start),
    rss: kb(sums.rss),
    pss: kb(sums.pss / 2 ** PSS_SHIFT),
    sc: kb(sums.sharedClean),
    sd: kb(sums.sharedDirty),
    pc: kb(sums.privateClean),
    pd: kb(sums.privateDirty),
    anon: kb(sums.anonymous),
    swap: 0,
    locked: kb(sums.pssLocked / 2 ** PSS_SHIFT),
  }
  return `${vmaHead(trace, vma)} ${Object.entries(fields)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')}`
}

function statusOf(m: Machine, mm: Mm): Record<string, number> {
  const kb = (pages: number) => (pages * m.pageSize) / 1024
  return {
    VmPeak: kb(mm.hiwaterVm),
    VmSize: kb(mm.totalVm),
    VmLck: kb(mm.lockedVm),
    VmRSS: kb(mm.rssAnon + mm.rssFile + mm.rssShmem),
    RssAnon: kb(mm.rssAnon),
    RssFile: kb(mm.rssFile),
    RssShmem: kb(mm.rssShmem),
    VmData: kb(mm.dataVm),
    VmStk: kb(mm.stackVm),
    VmPTE: kb(mm.pageTables),
  }
}

/** What `count` pages are backed by; frames are numbered as they appear. */
function entries(
  m: Machine,
  mm: Mm,
  va: number,
  count: number,
  numbers: Map<number, number>,
): string {
  const tokens: string[] = []
  for (let i = 0; i < count; i++) {
    const pfn = frameAt(m, mm, va + i * m.pageSize)
    if (pfn === NO_PFN) tokens.push('-')
    else if (pfn === m.zeroPfn) tokens.push('z')
    else {
      if (!numbers.has(pfn)) numbers.set(pfn, numbers.size)
      const mapped = m.zone.page.mapcount[pfn]
      tokens.push(`f${numbers.get(pfn)}${mapped >= 2 ? `/${mapped}` : ''}`)
    }
  }
  return runs(tokens)
}

function frames(trace: Trace, [, addr, count]: string[]): string[] {
  return withAddress(trace, addr, (va) => {
    const numbers = new Map<number, number>()
    const living = [...trace.processes].filter(([, task]) => task.mm !== null)
    const lines = living.map(
      ([name, task]) => `${name} ${entries(trace.m, task.mm!, va, Number(count), numbers)}`,
    )
    return [`ok ${living.length}`, ...lines]
  })
}
