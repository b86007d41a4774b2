import { expect, it } from 'vitest'
import { procLoadavg, procUptime } from '../../../shared/proc/uptime.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { form, hasRecordings } from '../../helpers/recorded.ts'

it('/proc/uptime counts ticks, nothing else', () => {
  const room = new OwnRoom()
  expect(procUptime(room.machine)).toBe('0.00 0.00\n')
  room.tick(25)
  expect(procUptime(room.machine)).toMatch(/^1\.25 \d\.\d\d\n$/)
})

it.runIf(hasRecordings)('/proc/uptime and loadavg have the recorded form', () => {
  const pattern = (text: string) => new RegExp(`^${text.trim().replace(/\d+/g, '\\d+')}\n$`)
  const { machine } = new OwnRoom()
  expect(procUptime(machine)).toMatch(pattern(form('idle.uptime-file')))
  expect(procLoadavg(machine)).toMatch(pattern(form('idle.loadavg')))
})
