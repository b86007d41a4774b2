// Kernel threads: tasks without an address space (kernel/kthread.c). kthreadd is their parent.

import { assert } from '../lib/assert.ts'
import type { Machine } from '../state/machine.ts'
import type { Program, Task } from '../state/task.ts'
import type { KswapdProgram } from '../mm/vmscan.ts'
import { newTask } from './task.ts'

/** At boot, after init: kthreadd, and kswapd, asleep. */
export function startKthreads(m: Machine): void {
  const kthreadd = kthreadCreate(m, null, 'kthreadd', { kind: 'kthreadd' })
  const program: KswapdProgram = { kind: 'kswapd', priority: 0, reclaimed: 0 }
  m.kswapd = kthreadCreate(m, kthreadd, 'kswapd0', program)
  m.kswapd.wait = { for: 'kswapd' }
}

function kthreadCreate(m: Machine, parent: Task | null, comm: string, program: Program): Task {
  const task = newTask(m, parent, 0, program)
  assert(task !== null, 'a kernel thread starts')
  task.comm = comm
  task.cmdline = []
  task.pgrp = 0
  task.session = 0
  task.state = 'S'
  task.wait = { for: 'input' }
  return task
}

/** A task of the kernel's own: no memory, no signals. */
export function isKthread(task: Task): boolean {
  return task.program.kind === 'kthreadd' || task.program.kind === 'kswapd'
}
