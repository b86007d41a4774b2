import { describe, expect, it } from 'vitest'
import { mkPrng, nextBelow } from '@shared/lib/prng.ts'
import { checkMachine } from '@shared/machine/check.ts'
import {
  findVma,
  findVmaSlot,
  nextSlot,
  vmaAfter,
  vmaAt,
  vmaBefore,
  vmasIn,
  vmasOf,
} from '@shared/mm/vma.ts'
import type { Machine } from '@shared/state/machine.ts'
import { VM_GROWSDOWN, type Mm } from '@shared/state/mm.ts'
import type { Task } from '@shared/state/task.ts'
import { differingField, loadState, saveState } from '@shared/state/walk.ts'
import { PAGE, addProcess, bootSmall, call, exitTask, forkTask } from '../../sim/process.ts'

const H = 0x2000_0000_0000
const MAP_FIXED = 0x10

/** Every second page from H on is a VMA of its own. */
function scatter(m: Machine, task: Task, count: number): void {
  for (let i = 0; i < count; i++)
    call(m, task, 'mmap', H + 2 * i * PAGE, PAGE, 3, 0x22 | MAP_FIXED, -1, 0)
}

/** As the kernel says it, one VMA after the other: the highest gap, and in it the highest place. */
function highestPlace(m: Machine, mm: Mm, length: number): number {
  let end = mm.mmapBase
  for (const vma of vmasOf(mm).reverse()) {
    if (vma.end <= end && end - vma.end >= length) return end - length
    const guard = (vma.flags & VM_GROWSDOWN) === 0 ? 0 : m.sysctl.stackGuardGap * m.pageSize
    end = Math.min(end, vma.start - guard)
  }
  return end - m.sysctl.mmapMinAddr >= length ? end - length : -12
}

describe('the tree of VMAs', () => {
  it('is walked in the order of addresses, and finds what holds or follows an address', () => {
    const m = bootSmall(16)
    const task = addProcess(m)
    const mm = task.mm!
    scatter(m, task, 2000)
    const all = vmasOf(mm)
    expect(mm.vmas.count).toBe(2001) // with the stack
    expect(mm.vmas.leaves.length).toBeGreaterThan(8)
    let slot = findVmaSlot(mm, 0)
    for (let i = 0; i < all.length; i++, slot = nextSlot(mm, slot)) {
      expect(vmaAt(mm, slot)).toBe(all[i])
      expect(vmaBefore(mm, slot)).toBe(all[i - 1])
      expect(vmaAfter(mm, slot)).toBe(all[i + 1])
      expect(findVmaSlot(mm, all[i].end - 1)).toBe(slot)
    }
    expect([vmaAt(mm, slot), vmaBefore(mm, slot)]).toEqual([undefined, all.at(-1)])
    expect(findVma(mm, H + PAGE)!.start).toBe(H + 2 * PAGE)
    expect(vmasIn(mm, H + PAGE, H + 601 * PAGE).map(({ start }) => (start - H) / PAGE)).toEqual(
      Array.from({ length: 300 }, (_, i) => 2 * i + 2),
    )
    checkMachine(m)
  })

  it('is copied by fork, saved, and gone without a trace', () => {
    const m = bootSmall(32)
    const task = addProcess(m)
    scatter(m, task, 1000)
    const child = forkTask(m, task)
    const places = (mm: Mm | null) => vmasOf(mm).map(({ start, end }) => [start, end])
    expect(places(child.mm)).toEqual(places(task.mm))
    checkMachine(m)
    expect(differingField(m, loadState(saveState(m)) as Machine)).toBe(null)
    expect(call(m, task, 'munmap', H, 2000 * PAGE)).toBe(0)
    expect(task.mm!.vmas.leaves.map((leaf) => leaf.length)).toEqual([1])
    checkMachine(m)
    exitTask(m, task)
    exitTask(m, child)
    checkMachine(m)
  })

  // Holes of every size, among hundreds of VMAs on either side.
  it.each([1, 2, 3])(
    'has the highest gap that is large enough, whatever happens (seed %i)',
    (seed) => {
      const m = bootSmall(32)
      const task = addProcess(m)
      const mm = task.mm!
      const random = mkPrng(seed)
      const below = (bound: number): number => nextBelow(random, bound)
      const region = mm.mmapBase - 6000 * PAGE
      if (seed === 3) call(m, task, 'munmap', m.layout.stackTop - 33 * PAGE, 33 * PAGE)
      let most = 0
      for (let step = 0; step < 4000; step++) {
        const va = region + below(6000) * PAGE
        const length = (1 + below(step % 40 === 0 ? 600 : 3)) * PAGE
        const prot = [1, 3, 5][below(3)]
        const dice = below(10)
        if (dice < 4) call(m, task, 'mmap', va, length, prot, 0x22 | MAP_FIXED, -1, 0)
        else if (dice < 6) call(m, task, 'munmap', va, length)
        else if (dice < 7) call(m, task, 'mprotect', va, length, prot)
        else {
          const wanted = (1 + below(step % 3 === 0 ? 100 : 4)) * PAGE
          const place = highestPlace(m, mm, wanted)
          expect(call(m, task, 'mmap', 0, wanted, prot, 0x22, -1, 0), `step ${step}`).toBe(place)
        }
        most = Math.max(most, mm.vmas.count)
        if (step % 400 === 0) checkMachine(m)
      }
      checkMachine(m)
      expect(most).toBeGreaterThan(600)
    },
  )
})
