import { describe, expect, it } from 'vitest'
import { procLimits } from '../../../shared/proc/limits.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { form, hasRecordings } from '../../helpers/recorded.ts'

describe('/proc/PID/limits', () => {
  const room = new OwnRoom()
  const task = room.prompt(room.join('Ben', 'student'))

  it('shows a limit that was set', () => {
    const limited = { ...task, rlimits: { ...task.rlimits, as: { soft: 10240, hard: 20480 } } }
    expect(procLimits(limited)).toMatch(/^Max address space +10240 +20480 +bytes +$/m)
  })

  it.runIf(hasRecordings)('is the recorded file but for what depends on RAM', () => {
    const fixed = (text: string) =>
      text.split('\n').filter((line) => !/^Max (processes|pending signals)/.test(line))
    expect(fixed(procLimits(task))).toEqual(fixed(form('idle.limits')))
  })
})
