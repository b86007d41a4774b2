import { describe, expect, it } from 'vitest'
import { procVmstat } from '../../../shared/proc/vmstat.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { form, hasRecordings, labels } from '../../helpers/recorded.ts'

describe('/proc/vmstat', () => {
  it('counts a kill', () => {
    const room = new OwnRoom()
    const seat = room.join('Ada', 'teacher')
    expect(procVmstat(room.machine)).toMatch(/^oom_kill 0$/m)
    room.enter(seat, { t: 'write', path: '/proc/sysrq-trigger', text: 'f', append: false })
    expect(procVmstat(room.machine)).toMatch(/^oom_kill 1$/m)
  })

  it.runIf(hasRecordings)('uses the kernel’s names in the kernel’s order', () => {
    const recorded = labels(form('half.vmstat'))
    const at = labels(procVmstat(new OwnRoom().machine)).map((name) => recorded.indexOf(name))
    expect(at).not.toContain(-1)
    expect([...at].sort((a, b) => a - b)).toEqual(at)
  })
})
