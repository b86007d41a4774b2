import { describe, expect, it } from 'vitest'
import { procStat, procStatm } from '../../../shared/proc/stat.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { form, hasRecordings, layout } from '../../helpers/recorded.ts'

describe('/proc/PID/stat and statm', () => {
  const room = new OwnRoom()
  const task = room.prompt(room.join('Ben', 'student'))
  const { mm } = task

  it('name the process, its state and its family', () => {
    const head = `${task.pid} (ic) S ${task.parent!.pid} ${task.pgrp} ${task.session} `
    expect(procStat(room.machine, task, true).startsWith(head)).toBe(true)
  })

  it('tell sizes in pages', () => {
    const [size, resident, shared, , , data] = procStatm(room.machine, task).split(' ').map(Number)
    expect(size).toBe(mm!.totalVm)
    expect(resident).toBe(mm!.rssAnon + mm!.rssFile + mm!.rssShmem)
    expect(shared).toBe(mm!.rssFile + mm!.rssShmem)
    expect(data).toBe(mm!.dataVm + mm!.stackVm)
  })

  it('hide addresses from strangers', () => {
    const own = procStat(room.machine, task, true).split(' ')
    const stranger = procStat(room.machine, task, false).split(' ')
    expect(own[27]).toBe(String(mm!.startStack))
    expect([stranger[25], stranger[26], stranger[27]]).toEqual(['1', '1', '0'])
    expect(stranger.slice(44)).toEqual(['0', '0', '0', '0', '0', '0', '0', '0\n'])
  })

  it.runIf(hasRecordings)('have as many fields as the recorded files', () => {
    const fields = (text: string) => text.trimEnd().split(' ').length
    expect(fields(procStat(room.machine, task, true))).toBe(fields(form('idle.pid-stat')))
    expect(fields(procStatm(room.machine, task))).toBe(fields(form('idle.pid-statm')))
    const recorded = layout('areas.0.txt', 'cat /proc/PID/stat').split(' ')
    const ours = procStat(room.machine, task, true).split(' ')
    for (const field of [2, 15, 17, 18, 19, 24, 30, 37]) {
      expect(ours[field], `field ${field + 1}`).toBe(recorded[field])
    }
  })
})
