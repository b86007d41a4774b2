// Small machines and bare processes for tests: an address space with nothing in it but what the test maps, and
// accesses that say what they did.

import { DEFAULT_OPTIONS } from '@shared/room/options.ts'
import { PAGE_SIZES } from '@shared/hw/layout.ts'
import { pteDirty, ptePfn, ptePresent, pteWrite } from '@shared/hw/mmu.ts'
import { roundUp } from '@shared/lib/bits.ts'
import { apply, createMachine } from '@shared/machine/machine.ts'
import { mmAlloc } from '@shared/kernel/fork.ts'
import { actOnSignals } from '@shared/kernel/sched.ts'
import { newTask } from '@shared/kernel/task.ts'
import { mmapRegion } from '@shared/mm/mmap.ts'
import { followPte } from '@shared/mm/pgtable.ts'
import { USER_FAULT, load8, store8 } from '@shared/mm/uaccess.ts'
import { vmasOf, findVma } from '@shared/mm/vma.ts'
import type { Machine, MachineOptions } from '@shared/state/machine.ts'
import {
  VM_GROWSDOWN,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_READ,
  VM_WRITE,
} from '@shared/state/mm.ts'
import {
  BUS_ADRERR,
  SEGV_ACCERR,
  SEGV_MAPERR,
  SIGBUS,
  SIGKILL,
  SIGSEGV,
} from '@shared/state/task.ts'
import type { Task } from '@shared/state/task.ts'
import { doSyscall } from '@shared/syscall/table.ts'

export const PAGE = 4096
export const BOOT_TIME = 1_790_000_000_000
const NOBODY = 65534

export function bootSmall(
  megabytes: number,
  seed = 1,
  swapMegabytes = 0,
  kind: Partial<Kind> = {},
): Machine {
  const options = { ram: megabytes * 2 ** 20, swap: swapMegabytes * 2 ** 20, seed, hostname: 'lab' }
  return createMachine({ ...DEFAULT_OPTIONS, ...options, ...kind }, BOOT_TIME)
}

/** A kind of machine: how wide its words are and how large its pages. */
export type Kind = Pick<MachineOptions, 'bits' | 'pageSize'>

/** Every kind there is. */
export const KINDS: Kind[] = ([64, 32] as const).flatMap((bits) =>
  PAGE_SIZES.map((pageSize) => ({ bits, pageSize })),
)

export function kindName({ bits, pageSize }: Kind): string {
  return `${bits} bits, pages of ${pageSize / 1024} KiB`
}

/** Seats 1 to `count`; the first is the teacher's. Their C prompts. */
export function takeSeats(m: Machine, count: number): Task[] {
  const prompts: Task[] = []
  for (let seat = 1; seat <= count; seat++) {
    const role = seat === 1 ? 'teacher' : 'student'
    const outcome = apply(m, seat, { t: 'seat', name: `Student ${seat}`, role, from: '::1' })
    prompts.push(m.handles.get(outcome.task!)!)
  }
  return prompts
}

/** A process with an empty address space but for a stack (33 pages of 4 KiB), of which the top page is written. */
export function addProcess(m: Machine, uid = NOBODY): Task {
  const task = newTask(m, m.tasks.get(1)!, 0, { kind: 'test' })!
  task.uid = uid
  task.gid = uid
  task.state = 'S'
  task.wait = { for: 'input' }
  task.mm = mmAlloc(m, 0)!
  const flags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_GROWSDOWN
  const { stackTop } = m.layout
  const request = { flags, file: null, pgoff: 0, special: '' }
  const size = m.pageSize + roundUp(32 * PAGE, m.pageSize)
  mmapRegion(m, task, task.mm, stackTop - size, size, request)
  store(m, task, stackTop - m.pageSize, 0)
  task.minFlt = 0
  return task
}

/** Does something as that task. A signal that its memory access earned is taken off again and told. */
export function asTask(m: Machine, task: Task, act: () => void): Access {
  m.current = task
  try {
    act()
    return 'ok'
  } catch (thrown) {
    if (thrown !== USER_FAULT) throw thrown
    return takeFault(task)
  } finally {
    m.current = null
  }
}

export type Access =
  | 'ok'
  | 'SIGSEGV:MAPERR'
  | 'SIGSEGV:ACCERR'
  | 'SIGSEGV:KERNEL'
  | 'SIGBUS:ADRERR'
  | 'SIGKILL'
  | 'gone'

function takeFault(task: Task): Access {
  const bit = (signal: number): number => 1 << (signal - 1)
  if (task.state === 'Z') return 'gone'
  if ((task.pending & bit(SIGKILL)) !== 0) return 'SIGKILL'
  const bus = (task.pending & bit(SIGBUS)) !== 0
  task.pending &= ~(bit(SIGBUS) | bit(SIGSEGV))
  if (bus && task.faultCode === BUS_ADRERR) return 'SIGBUS:ADRERR'
  if (task.faultCode === SEGV_MAPERR) return 'SIGSEGV:MAPERR'
  return task.faultCode === SEGV_ACCERR ? 'SIGSEGV:ACCERR' : 'SIGSEGV:KERNEL'
}

export function load(m: Machine, task: Task, va: number): Access {
  return asTask(m, task, () => {
    load8(m, task, va)
  })
}

export function store(m: Machine, task: Task, va: number, byte: number): Access {
  return asTask(m, task, () => {
    store8(m, task, va, byte)
  })
}

/** The byte that the process reads there. */
export function byteAt(m: Machine, task: Task, va: number): number {
  let byte = -1
  asTask(m, task, () => {
    byte = load8(m, task, va)
  })
  return byte
}

/** A system call; signals that it earned act at once. Its result, or what became of the caller. */
export function call(m: Machine, task: Task, name: string, ...args: number[]): number {
  let result = NaN
  asTask(m, task, () => {
    result = doSyscall(m, task, name, args)
  })
  actOnSignals(m)
  return result
}

/** fork(): the child. */
export function forkTask(m: Machine, task: Task): Task {
  const pid = call(m, task, 'fork')
  const child = m.tasks.get(pid)
  if (child === undefined) throw new Error(`fork: ${pid}`)
  child.state = 'S'
  child.wait = { for: 'input' }
  return child
}

export function exitTask(m: Machine, task: Task, code = 0): void {
  call(m, task, 'exit_group', code)
}

/** A page as the process has it: `-` not present, `z` the zero page, else the frame. */
export function pageOf(m: Machine, task: Task, va: number): string {
  const pte = followPte(m, task.mm!, va)
  if (!ptePresent(pte)) return '-'
  return ptePfn(pte) === m.zeroPfn ? 'z' : String(ptePfn(pte))
}

export function isWritable(m: Machine, task: Task, va: number): boolean {
  return pteWrite(followPte(m, task.mm!, va))
}

export function isDirty(m: Machine, task: Task, va: number): boolean {
  return pteDirty(followPte(m, task.mm!, va))
}

/**
 * Accesses a page: a letter for what became of it and the number of faults. n: a frame where none was, z: the zero page
 * where none was, o: a frame where the zero page was, c: another frame, =: the same frame. Or the signal.
 */
export function access(m: Machine, task: Task, va: number, write: boolean, byte = 1): string {
  const before = pageOf(m, task, va)
  const faults = task.minFlt + task.majFlt
  const outcome = write ? store(m, task, va, byte) : load(m, task, va)
  if (outcome !== 'ok') return outcome
  const after = pageOf(m, task, va)
  return change(before, after) + String(task.minFlt + task.majFlt - faults)
}

function change(before: string, after: string): string {
  if (before === after) return '='
  if (before === '-') return after === 'z' ? 'z' : 'n'
  return before === 'z' ? 'o' : 'c'
}

/** Shown as columns from `base` on: each VMA a letter of its own, holes blank. */
export function drawing(m: Machine, task: Task, base: number, pages: number): string {
  let text = ''
  for (let i = 0; i < pages; i++) {
    const va = base + i * m.pageSize
    const vma = findVma(task.mm!, va)
    if (vma === undefined || vma.start > va) text += ' '
    else text += letter(task, vma.start, base)
  }
  return text.trimEnd()
}

function letter(task: Task, start: number, base: number): string {
  const first = vmasOf(task.mm).findIndex((vma) => vma.end > base)
  const at = vmasOf(task.mm).findIndex((vma) => vma.start === start)
  return String.fromCharCode(97 + at - first)
}
