import { expect, it } from 'vitest'
import { procBuddyinfo } from '../../../shared/proc/buddyinfo.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { form, hasRecordings, shapes } from '../../helpers/recorded.ts'

it('/proc/buddyinfo and what the CPU has at hand add up to the free frames', () => {
  const { machine } = new OwnRoom()
  const counts = procBuddyinfo(machine).trim().split(/ +/).slice(4).map(Number)
  const { pcp, freePages } = machine.zone
  expect(counts.reduce((sum, count, order) => sum + count * 2 ** order, pcp.count)).toBe(freePages)
})

it.runIf(hasRecordings)('/proc/buddyinfo has the recorded columns', () => {
  const { machine } = new OwnRoom()
  const [recorded] = form('idle.buddyinfo').split('\n')
  const [ours] = procBuddyinfo(machine).split('\n')
  const zone = machine.zone.name.padStart(8)
  expect(shapes(ours)).toEqual(shapes(recorded.replace(/zone .{8}/, `zone ${zone}`)))
  expect(ours).toHaveLength(recorded.length)
})
