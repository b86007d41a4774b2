import { describe, expect, it } from 'vitest'
import { vmaLookup } from '@shared/mm/vma.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import { PAGE, addProcess, bootSmall, call, exitTask, forkTask, store } from '../../sim/process.ts'

const H = 0x2000_0000_0000

function scene(): { m: Machine; task: Task } {
  const m = bootSmall(16)
  const task = addProcess(m)
  call(m, task, 'mmap', H, 8 * PAGE, 3, 0x32, -1, 0)
  return { m, task }
}

const vmaOf = (task: Task) => vmaLookup(task.mm!, H)!
const anonVmas = (m: Machine): number => m.slab.find(({ name }) => name === 'anon_vma')!.objects

describe('anon_vma', () => {
  it('comes with the first private write, not with a read', () => {
    const { m, task } = scene()
    expect(vmaOf(task).anonVma).toBe(null)
    store(m, task, H, 1)
    expect(vmaOf(task).anonVma).not.toBe(null)
    expect(vmaOf(task).anonVmaChain).toHaveLength(1)
  })

  it('names the frame, so that who maps it can be found', () => {
    const { m, task } = scene()
    store(m, task, H + PAGE, 1)
    const { page } = m.zone
    const pfn = page.mapping.indexOf(vmaOf(task).anonVma!.id)
    expect(page.mapcount[pfn]).toBe(1)
    expect(page.index[pfn]).toBe((H / PAGE + 1) | 0)
  })

  it('a child has the parent’s chain and one of its own; what it writes belongs to its own', () => {
    const { m, task } = scene()
    store(m, task, H, 1)
    const child = forkTask(m, task)
    const root = vmaOf(task).anonVma!
    const own = vmaOf(child).anonVma!
    expect(vmaOf(child).anonVmaChain).toEqual([root, own])
    expect([own.root, own.parent]).toEqual([root, root])
    expect([...root.vmas.values()]).toEqual([vmaOf(task), vmaOf(child)])
    store(m, child, H, 2)
    const pfn = m.zone.page.mapping.indexOf(own.id)
    expect(m.zone.page.mapcount[pfn]).toBe(1)
  })

  it('a VMA never written gives its child nothing', () => {
    const { m, task } = scene()
    const child = forkTask(m, task)
    expect(vmaOf(child).anonVmaChain).toEqual([])
  })

  it('all go with the processes, in any order', () => {
    const { m, task } = scene()
    store(m, task, H, 1)
    const before = anonVmas(m)
    const child = forkTask(m, task)
    const grandchild = forkTask(m, child)
    expect(anonVmas(m)).toBeGreaterThan(before)
    exitTask(m, child)
    exitTask(m, task)
    exitTask(m, grandchild)
    expect(anonVmas(m)).toBe(before - 2) // the mapping's and the stack's
  })

  it('generations that follow each other do not pile up anon_vmas', () => {
    const { m, task } = scene()
    store(m, task, H, 1)
    let generation = task
    const counts: number[] = []
    for (let i = 0; i < 20; i++) {
      const child = forkTask(m, generation)
      exitTask(m, generation)
      generation = child
      counts.push(anonVmas(m))
    }
    expect(Math.max(...counts)).toBeLessThanOrEqual(counts[0] + 6)
  })
})
