import { expect, it } from 'vitest'
import { processTree } from '../../../shared/proc/tree.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

it('the process tree puts children below their parents', () => {
  const room = new OwnRoom()
  const seat = room.join('Ben', 'student')
  const own = processTree(room.machine, seat)
  expect(own.map(({ comm, depth }) => [comm, depth])).toEqual([
    ['bash', 0],
    ['ic', 1],
  ])
  const all = processTree(room.machine, null)
  expect(all).toHaveLength(room.machine.tasks.size)
  expect(all[0]).toMatchObject({ pid: 1, depth: 0, oomScore: 0 })
  all.forEach(({ depth, ppid }, i) => {
    if (depth > 0) expect(all.slice(0, i).some(({ pid }) => pid === ppid)).toBe(true)
  })
})
