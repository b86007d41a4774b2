import { expect, it } from 'vitest'
import { oomAdj, parseInteger } from '../../../shared/proc/oomAdj.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

it('numbers are read as the kernel reads them', () => {
  const cases: [string, number | null][] = [
    [' 5\n', 5],
    ['-17', -17],
    ['+3', 3],
    ['0x10', 16],
    ['010', 8],
    ['0', 0],
    ['09', null],
    ['1e3', null],
    ['', null],
    ['99999999999', null],
  ]
  for (const [text, value] of cases) expect(parseInteger(text), text).toBe(value)
})

it('oom_adj shows seventeenths of oom_score_adj', () => {
  const room = new OwnRoom()
  const task = room.prompt(room.join('Ben', 'student'))
  for (const [now, old] of [
    [0, 0],
    [-1000, -17],
    [1000, 15],
    [500, 8],
    [999, 15],
  ]) {
    task.oomScoreAdj = now
    expect(oomAdj(task), String(now)).toBe(old)
  }
})
