// Kernel threads: tasks without an address space (kernel/kthread.c). kthreadd is their parent.

import { assert } from '../lib/assert.ts'
import type { Machine } from '../state/machine.ts'
import type { Program, Task } from '../state/task.ts'
import type { KswapdProgram } from '../mm/vmscan.ts'
import { newTask } from './task.ts'

/** At boot, after init: kthreadd, and kswapd, asleep. */
export function startKthreads(m: Machine): void {
  const kthreadd = mustStart(kthreadCreate(m, null, 'kthreadd', { kind: 'kthreadd' }))
  const program: KswapdProgram = { kind: 'kswapd', priority: 0, reclaimed: 0 }
  m.kswapd = mustStart(kthreadCreate(m, kthreadd, 'kswapd0', program))
  m.kswapd.wait = { for: 'kswapd' }
}

/** The balloon's thread, when the host first wants memory. False: there is none for it. */
export function startBalloonThread(m: Machine): boolean {
  m.balloon.thread ??= kthreadCreate(m, m.kswapd!.parent, 'vballoon', { kind: 'vballoon' })
  return m.balloon.thread !== null
}

function mustStart(task: Task | null): Task {
  assert(task !== null, 'a kernel thread starts')
  return task
}

/** Null when there is no memory. */
function kthreadCreate(
  m: Machine,
  parent: Task | null,
  comm: string,
  program: Program,
): Task | null {
  const task = newTask(m, parent, 0, program)
  if (task === null) return null
  task.comm = comm
  task.cmdline = []
  task.pgrp = 0
  task.session = 0
  task.state = 'S'
  task.wait = { for: 'input' }
  return task
}

const KTHREADS: ReadonlySet<string> = new Set(['kthreadd', 'kswapd', 'vballoon'])

/** A task of the kernel's own: no memory, no signals. */
export function isKthread(task: Task): boolean {
  return KTHREADS.has(task.program.kind)
}
