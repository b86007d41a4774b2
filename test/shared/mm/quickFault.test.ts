import { describe, expect, it } from 'vitest'
import { mkPrng, nextBelow } from '@shared/lib/prng.ts'
import { checkMachine } from '@shared/machine/check.ts'
import { load8, store8 } from '@shared/mm/uaccess.ts'
import type { Machine } from '@shared/state/machine.ts'
import { differingField, hashState } from '@shared/state/walk.ts'
import { watch } from '@shared/trace/trace.ts'
import { PAGE, addProcess, asTask, bootSmall, call, exitTask, forkTask } from '../../sim/process.ts'

const H = 0x2000_0000_0000
const PAGES = 400

/** A family that maps, touches, forks and dies. With a watcher every fault is served step by step. */
function work(seed: number, watched: boolean, swap: number): Machine {
  const m = bootSmall(8, seed, swap)
  if (watched) watch(m.trace, ['page_fault_user'])
  const random = mkPrng(seed)
  const tasks = [addProcess(m)]
  call(m, tasks[0], 'mmap', H, PAGES * PAGE, 3, 0x32, -1, 0)
  for (let i = 0; i < 6000; i++) {
    const task = tasks[nextBelow(random, tasks.length)]
    const page = nextBelow(random, PAGES)
    const va = H + page * PAGE + nextBelow(random, PAGE)
    const dice = nextBelow(random, 1000)
    if (dice < 600) asTask(m, task, () => store8(m, task, va, i))
    else if (dice < 900) asTask(m, task, () => load8(m, task, va))
    else if (dice < 930) call(m, task, 'madvise', H + page * PAGE, 8 * PAGE, 4)
    else if (dice < 950) call(m, task, 'mprotect', H + page * PAGE, 4 * PAGE, [0, 1, 3][i % 3])
    else if (dice < 960) call(m, task, 'munmap', H + page * PAGE, 2 * PAGE)
    else if (dice < 980) call(m, task, 'mmap', H + page * PAGE, 4 * PAGE, 3, 0x32, -1, 0)
    else if (dice < 984) call(m, task, 'mlock', H + page * PAGE, 2 * PAGE)
    else if (dice < 992 && tasks.length < 3) tasks.push(forkTask(m, task))
    else if (dice >= 992 && tasks.length > 1)
      exitTask(m, tasks.splice(nextBelow(random, tasks.length), 1)[0])
    for (let k = tasks.length - 1; k >= 0; k--) if (tasks[k].mm === null) tasks.splice(k, 1)
    if (tasks.length === 0) break
  }
  checkMachine(m)
  return m
}

describe('the quick way through a fault', () => {
  it.each([
    [1, 0],
    [2, 8],
    [3, 8],
  ])('comes to the same as the long one (seed %i, %i MiB of swap)', (seed, swap) => {
    const [quick, long] = [false, true].map((watched) => work(seed, watched, swap))
    expect(differingField(quick, long)).toBe(null)
    expect(hashState(quick)).toBe(hashState(long))
    expect(quick.vmstat.pgfault).toBeGreaterThan(1500)
  })
})
