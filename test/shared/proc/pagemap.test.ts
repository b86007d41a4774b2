import { expect, it } from 'vitest'
import { FRAME_FILE } from '../../../shared/proc/frames.ts'
import { pagemap } from '../../../shared/proc/pagemap.ts'
import { NO_PFN } from '../../../shared/state/page.ts'
import { vmasOf } from '../../../shared/mm/vma.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

it('pagemap tells what is there, what is not there yet and what is not mapped', () => {
  const room = new OwnRoom()
  const task = room.prompt(room.join('Ben', 'student'))
  const [text] = pagemap(room.machine, task, 0x400123, 1)
  expect(text).toMatchObject({ va: 0x400000, kind: FRAME_FILE, writable: false })
  const stack = vmasOf(task.mm).at(-1)!
  const [untouched] = pagemap(room.machine, task, stack.start, 1)
  expect(untouched).toMatchObject({ va: stack.start, pfn: NO_PFN })
  expect(pagemap(room.machine, task, 0x1000, 2)).toEqual([null, null])
})
