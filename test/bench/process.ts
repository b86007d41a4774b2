// What the kernel's benchmarks have in common: a process to measure, its calls, the clock.

import { createMachine, apply } from '../../shared/machine/machine.ts'
import { actOnSignals } from '../../shared/kernel/sched.ts'
import { sendSignal } from '../../shared/kernel/signal.ts'
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../shared/mm/mmap.ts'
import { load8, store8 } from '../../shared/mm/uaccess.ts'
import { DEFAULT_OPTIONS } from '../../shared/room/options.ts'
import type { Machine, MachineOptions } from '../../shared/state/machine.ts'
import { SIGKILL, type Task } from '../../shared/state/task.ts'
import { doSyscall } from '../../shared/syscall/table.ts'

export interface Figure {
  ns: number | null
  realNs: number | null
  ratio: number | null
  why?: string
}

/** A process at its prompt on a fresh machine. */
export function bootProcess(given: Partial<MachineOptions>): { m: Machine; task: Task } {
  const m = createMachine({ ...DEFAULT_OPTIONS, ...given }, 0)
  const { task: handle } = apply(m, 1, { t: 'seat', name: 'bench', role: 'teacher', from: '::1' })
  const task = m.handles.get(handle!)!
  m.current = task
  return { m, task }
}

export function map(m: Machine, task: Task, pages: number): number {
  return doSyscall(m, task, 'mmap', [
    0,
    pages * m.pageSize,
    PROT_READ | PROT_WRITE,
    MAP_PRIVATE | MAP_ANONYMOUS,
    -1,
    0,
  ])
}

export function unmap(m: Machine, task: Task, va: number, pages: number): void {
  doSyscall(m, task, 'munmap', [va, pages * m.pageSize])
}

/** Touches `count` pages, `step` pages apart. */
export function writeAll(m: Machine, task: Task, area: number, count: number, step = 1): void {
  for (let i = 0; i < count; i++) store8(m, task, area + i * step * m.pageSize, i)
}

export function readAll(m: Machine, task: Task, area: number, count: number, step = 1): void {
  for (let i = 0; i < count; i++) load8(m, task, area + i * step * m.pageSize)
}

export function fork(m: Machine, task: Task): { task: Task; ns: number } {
  let pid = 0
  const ns = time(() => {
    pid = doSyscall(m, task, 'fork', [])
  })
  return { task: m.tasks.get(pid)!, ns }
}

export function end(m: Machine, child: Task): void {
  sendSignal(m, child, SIGKILL)
  actOnSignals(m)
  doSyscall(m, child.parent!, 'wait4', [-1, 0, 0, 0])
}

/**
 * Nanoseconds of CPU time, as bench-kernel.c takes it. Node tells that of the whole process only, compiler and collector
 * threads included, so the wall clock is taken where it is less: neither is ever below what the work itself took.
 */
export function time(work: () => void): number {
  const before = process.cpuUsage()
  const start = process.hrtime.bigint()
  work()
  const wall = Number(process.hrtime.bigint() - start)
  const spent = process.cpuUsage(before)
  return Math.min(wall, (spent.user + spent.system) * 1000)
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits))
}
