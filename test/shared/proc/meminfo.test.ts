import { describe, expect, it } from 'vitest'
import { memInfo, procMeminfo } from '../../../shared/proc/meminfo.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { form, hasRecordings, shapes } from '../../helpers/recorded.ts'

describe('/proc/meminfo', () => {
  it('counts what the kernel counts', () => {
    const room = new OwnRoom()
    room.join('Ben', 'student')
    const { machine: m } = room
    const info = memInfo(m)
    expect(info.file).toBe(m.pageCache)
    expect(info.shmem).toBe(m.shmem)
    expect(info.free).toBe(m.zone.freePages)
    const { anon, file, table, slab, stack, free } = info
    expect(anon + file + table + slab + stack + free).toBe(info.total)
  })

  it('has less free when a hog has come, and as much available less', () => {
    const room = new OwnRoom()
    const seat = room.join('Ada', 'teacher')
    const before = memInfo(room.machine)
    const argv = ['hog', '8M']
    room.enter(seat, { t: 'spawn', path: '/usr/bin/hog', argv, env: [], stdout: 'pipe' })
    room.tick(40)
    const after = memInfo(room.machine)
    expect(after.anon - before.anon).toBeGreaterThanOrEqual(2048)
    expect(before.available - after.available).toBeGreaterThanOrEqual(2048)
  })

  it.runIf(hasRecordings)('has the lines and columns of the recorded file', () => {
    expect(shapes(procMeminfo(new OwnRoom().machine))).toEqual(shapes(form('idle.meminfo')))
    const lengths = (text: string) => text.split('\n').map((line) => line.length)
    expect(lengths(procMeminfo(new OwnRoom().machine))).toEqual(lengths(form('idle.meminfo')))
  })
})
