import { describe, expect, it } from 'vitest'
import { emptyFile, peekFile, writeFile } from '@shared/fs/file.ts'
import { ROOT, createFile, namei } from '@shared/fs/tree.ts'
import { checkMachine } from '@shared/machine/check.ts'
import type { Inode } from '@shared/state/inode.ts'
import { PAGE, access, addProcess, bootSmall, call } from '../../sim/process.ts'

describe('writing', () => {
  it('agrees with an array, over page borders and behind the end', () => {
    const m = bootSmall(8)
    const inode = createFile(m, '/tmp/a', 0o644, ROOT) as Inode
    const model = new Uint8Array(5 * PAGE)
    let size = 0
    for (const [at, length] of [
      [0, 10],
      [4090, 20],
      [8000, 5000],
      [100, 9000],
      [4096, 4096],
      [19_000, 1],
    ]) {
      const bytes = Uint8Array.from({ length }, (_, i) => at + i)
      expect(writeFile(m, inode, at, bytes, 0)).toBe(length)
      model.set(bytes, at)
      size = Math.max(size, at + length)
    }
    expect(peekFile(m, inode)).toEqual(model.subarray(0, size))
  })

  it('emptied while mapped: the mapping loses its pages, and the old bytes never come back', () => {
    const m = bootSmall(8)
    const inode = createFile(m, '/tmp/a', 0o666, ROOT) as Inode
    writeFile(m, inode, 0, new Uint8Array(3 * PAGE).fill(7), 0)
    const task = addProcess(m)
    task.files = [null, null, null, { inode, flags: 2, pos: 0, count: 1 }]
    inode.users++
    const va = call(m, task, 'mmap', 0, 3 * PAGE, 3, 1, 3, 0)
    expect(access(m, task, va, false)).toBe('n1')
    emptyFile(m, inode)
    expect(access(m, task, va, false)).toBe('SIGBUS:ADRERR')
    writeFile(m, inode, 100, new Uint8Array([1]), 0)
    expect(
      peekFile(m, inode)
        .subarray(0, 100)
        .every((byte) => byte === 0),
    ).toBe(true)
    expect(access(m, task, va, false)).toBe('n1')
    checkMachine(m)
  })

  it('/dev/null and /dev/zero take everything and keep nothing', () => {
    const m = bootSmall(8)
    for (const path of ['/dev/null', '/dev/zero']) {
      const inode = namei(m, path)!
      expect(writeFile(m, inode, 0, new Uint8Array(50), 0)).toBe(50)
      expect([inode.size, inode.pages.size]).toEqual([0, 0])
    }
  })

  it('a full memory ends in a short count or ENOSPC, or in somebody’s death, never in a wrong file', () => {
    const m = bootSmall(8)
    const inode = createFile(m, '/tmp/a', 0o666, ROOT) as Inode
    let written = 0
    for (let i = 0; i < 40 && m.panic === ''; i++) {
      const done = writeFile(m, inode, written, new Uint8Array(50 * PAGE).fill(i + 1), 0)
      if (done <= 0) break
      written += done
    }
    expect(inode.size).toBe(written)
    expect(inode.pages.size).toBe(Math.ceil(written / PAGE))
    checkMachine(m)
  })
})
