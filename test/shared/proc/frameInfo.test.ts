import { describe, expect, it } from 'vitest'
import { ptePfn } from '../../../shared/hw/mmu.ts'
import { followPte } from '../../../shared/mm/pgtable.ts'
import { frameInfo } from '../../../shared/proc/frameInfo.ts'
import { FRAME_ANON, FRAME_FILE, FRAME_TABLE } from '../../../shared/proc/frames.ts'
import { vmasOf } from '../../../shared/mm/vma.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

describe('one frame', () => {
  const room = new OwnRoom()
  const task = room.prompt(room.join('Ben', 'student'))
  const { machine: m } = room
  const frameOf = (va: number) => ptePfn(followPte(m, task.mm!, va))

  it('of libc’s text is found in every process, with the same file behind it', () => {
    const text = vmasOf(task.mm).find((vma) => vma.file?.name.endsWith('libc.so.6'))!
    const info = frameInfo(m, frameOf(text.start))
    expect(info.kind).toBe(FRAME_FILE)
    expect(info.file).toMatch(/libc\.so\.6$/)
    expect(info.sharers).toHaveLength(info.mapcount)
    expect(info.sharers.map(({ pid }) => pid)).toContain(task.pid)
    expect(new Set(info.sharers.map(({ handle }) => handle)).size).toBe(info.mapcount)
  })

  it('of the stack belongs to one', () => {
    const stack = vmasOf(task.mm).at(-1)!
    const info = frameInfo(m, frameOf(stack.end - m.pageSize))
    expect(info.kind).toBe(FRAME_ANON)
    expect(info.sharers).toMatchObject([
      { pid: task.pid, va: stack.end - m.pageSize, mapping: '[stack]', permissions: 'rw-p' },
    ])
  })

  it('that holds a page table names the level and whose it is', () => {
    const top = frameInfo(m, task.mm!.pgd)
    expect(top.kind).toBe(FRAME_TABLE)
    expect(top.tableLevel).toBe(m.layout.levels - 1)
    expect(top.sharers).toMatchObject([{ pid: task.pid, va: 0 }])
  })
})
