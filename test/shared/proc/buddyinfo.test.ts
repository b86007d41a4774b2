import { expect, it } from 'vitest'
import { procBuddyinfo } from '../../../shared/proc/buddyinfo.ts'
import { procMeminfo } from '../../../shared/proc/meminfo.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { form, hasRecordings, shapes } from '../../helpers/recorded.ts'

it('/proc/buddyinfo adds up to MemFree, and with what the CPU has at hand to the free frames', () => {
  const { machine } = new OwnRoom()
  const counts = procBuddyinfo(machine).trim().split(/ +/).slice(4).map(Number)
  const { pcp, freePages } = machine.zone
  const sum = counts.reduce((all, count, order) => all + count * 2 ** order, 0)
  expect(procMeminfo(machine)).toMatch(new RegExp(`^MemFree: +${sum * 4} kB$`, 'm'))
  expect(pcp.count).toBeGreaterThan(0)
  expect(sum + pcp.count).toBe(freePages)
})

it.runIf(hasRecordings)('/proc/buddyinfo has the recorded columns', () => {
  const { machine } = new OwnRoom()
  const [recorded] = form('idle.buddyinfo').split('\n')
  const [ours] = procBuddyinfo(machine).split('\n')
  const zone = machine.zone.name.padStart(8)
  expect(shapes(ours)).toEqual(shapes(recorded.replace(/zone .{8}/, `zone ${zone}`)))
  expect(ours).toHaveLength(recorded.length)
})
