import { describe, expect, it } from 'vitest'
import { oomAdj, parseInteger, writeOomAdj, writeOomScoreAdj } from '../../../shared/proc/oomAdj.ts'
import { EACCES, EINVAL } from '../../../shared/lib/errno.ts'
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
    expect(oomAdj(room.machine, task), String(now)).toBe(old)
  }
})

describe('both files have a value, and a switch of the era finds it', () => {
  const start = () => {
    const room = new OwnRoom()
    const root = room.prompt(room.join('Ada', 'teacher'))
    const task = room.prompt(room.join('Ben', 'student'))
    return { m: room.machine, root, task }
  }

  it('2.6.32: oom_adj is what was written; a user may only raise it; nothing is said', () => {
    const { m, root, task } = start()
    m.era = '2.6.32'
    expect(writeOomAdj(m, task, task, '3')).toBe(0)
    expect(writeOomAdj(m, task, task, '2')).toBe(-EACCES)
    expect(writeOomAdj(m, root, task, '-16')).toBe(0)
    expect(writeOomAdj(m, root, task, '-18')).toBe(-EINVAL)
    expect([oomAdj(m, task), task.oomScoreAdj]).toEqual([-16, -941])
    expect(m.syslog.some(({ text }) => text.includes('deprecated'))).toBe(false)
  })

  it('2.6.38: oom_adj follows oom_score_adj in fifteenths, and says that it is old', () => {
    const { m, root, task } = start()
    m.era = '2.6.38'
    for (const [adj, old] of [
      [1000, 15],
      [500, 7],
      [-500, -7],
      [-999, -14],
      [-1000, -17],
    ]) {
      expect(writeOomScoreAdj(root, task, String(adj))).toBe(0)
      expect(oomAdj(m, task), String(adj)).toBe(old)
    }
    writeOomAdj(m, root, task, '15')
    expect(task.oomScoreAdj).toBe(1000)
    expect(m.syslog.at(-1)!.text).toMatch(/oom_adj is deprecated, please use/)
  })

  it('what was set in one era counts in the other', () => {
    const { m, root, task } = start()
    writeOomScoreAdj(root, task, '-1000')
    m.era = '2.6.32'
    expect(oomAdj(m, task)).toBe(-17)
    writeOomAdj(m, root, task, '5')
    m.era = '6.12'
    expect([task.oomScoreAdj, oomAdj(m, task)]).toEqual([294, 4])
  })
})
