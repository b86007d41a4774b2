import { expect, it } from 'vitest'
import { segmentsOf } from '../../../client/draw/segments.ts'
import { addressSpace } from '../../../shared/proc/addressSpace.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

it('an address space is text, data, bss, heap, mappings, stack, as it is drawn on a blackboard', () => {
  const room = new OwnRoom()
  const seat = room.join('Ada', 'student')
  const m = room.machine
  const task = room.prompt(seat)
  room.enter(seat, { t: 'ic', task: task.handle, line: 'p = malloc(2000)' })
  room.tick(3)
  const regions = addressSpace(m, task, 96)
  const segments = segmentsOf(regions, m.pageSize)

  const kinds = segments.map(({ kind }) => kind)
  expect(kinds.slice(0, 4)).toEqual(['text', 'data', 'bss', 'heap'])
  expect(kinds.at(-1)).toBe('stack')
  expect(kinds.filter((kind) => kind === 'vdso')).toHaveLength(1)
  const libraries = segments.filter(({ kind }) => kind === 'file').map(({ name }) => name)
  expect(new Set(libraries).size, 'one segment a library').toBe(libraries.length)
  expect(libraries.join()).toMatch(/libc/)

  // Nothing is lost: the pages of all segments are those of all mappings, and the runs say the same.
  const pagesOf = (list: { pages: number[] }[]) =>
    list.flatMap(({ pages }) => pages).reduce((a, b) => a + b, 0)
  expect(pagesOf(segments)).toBe(pagesOf(regions))
  const inRuns = segments.flatMap(({ runs }) => runs).reduce((sum, { pages }) => sum + pages, 0)
  expect(inRuns).toBe(pagesOf(regions))
})
