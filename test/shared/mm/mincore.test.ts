import { describe, expect, it } from 'vitest'
import { EFAULT, EINVAL, ENOMEM } from '@shared/lib/errno.ts'
import { loadBytes } from '@shared/mm/uaccess.ts'
import { PAGE, addProcess, asTask, bootSmall, call, store } from '../../sim/process.ts'

const RW = 3
const PRIVATE = 0x22
const SHARED = 0x21

function start() {
  const m = bootSmall(16)
  const task = addProcess(m)
  const vec = call(m, task, 'mmap', 0, 4 * PAGE, RW, PRIVATE, -1, 0)
  /** A digit for each page, or the errno. */
  const look = (va: number, pages: number): string | number => {
    const result = call(m, task, 'mincore', va, pages * PAGE, vec)
    if (result < 0) return result
    let bytes: number[] = []
    asTask(m, task, () => (bytes = [...loadBytes(m, task, vec, pages)]))
    return bytes.join('')
  }
  return { m, task, vec, look }
}

describe('mincore', () => {
  it('tells which pages an access would find', () => {
    const { m, task, look } = start()
    const va = call(m, task, 'mmap', 0, 6 * PAGE, RW, PRIVATE, -1, 0)
    for (const page of [1, 2, 5]) store(m, task, va + page * PAGE, 1)
    expect(look(va, 6)).toBe('011001')
    call(m, task, 'madvise', va, 2 * PAGE, 4)
    expect(look(va, 6)).toBe('001001')
    expect(look(va + 5 * PAGE, 1)).toBe('1')
  })

  it('looks at the object behind shared memory, whoever has touched it', () => {
    const { m, task, look } = start()
    const va = call(m, task, 'mmap', 0, 3 * PAGE, RW, SHARED, -1, 0)
    const child = m.tasks.get(call(m, task, 'fork'))!
    store(m, child, va + PAGE, 1)
    expect(look(va, 3)).toBe('010')
  })

  it('goes over neighbours, and stops at a hole', () => {
    const { m, task, look } = start()
    const va = call(m, task, 'mmap', 0, 6 * PAGE, RW, PRIVATE, -1, 0)
    call(m, task, 'mprotect', va + 2 * PAGE, PAGE, 1)
    store(m, task, va + 3 * PAGE, 1)
    expect(look(va, 6)).toBe('000100')
    call(m, task, 'munmap', va + 4 * PAGE, PAGE)
    expect(look(va, 6)).toBe(-ENOMEM)
    expect(look(va, 4)).toBe('0001')
  })

  it('refuses what is no range or no place for the answer', () => {
    const { m, task, look } = start()
    const va = call(m, task, 'mmap', 0, PAGE, RW, PRIVATE, -1, 0)
    expect(look(va + 1, 1)).toBe(-EINVAL)
    expect(call(m, task, 'mincore', va, PAGE, 16)).toBe(-EFAULT)
    expect(call(m, task, 'mincore', va, -1, va)).toBe(-ENOMEM)
    expect(call(m, task, 'mincore', va, 0, 0)).toBe(0)
  })
})
