import { describe, expect, it } from 'vitest'
import { procMeminfo } from '../../../shared/proc/meminfo.ts'
import type { Machine } from '../../../shared/state/machine.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { form, hasRecordings, labels, shapes } from '../../helpers/recorded.ts'

/** kB of a line. */
function kb(m: Machine, name: string): number {
  return Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(procMeminfo(m))![1])
}

describe('/proc/meminfo', () => {
  it('counts what the kernel counts', () => {
    const room = new OwnRoom()
    room.join('Ben', 'student')
    const { machine: m } = room
    const pageKb = m.pageSize / 1024
    expect(kb(m, 'Cached')).toBe(m.pageCache * pageKb)
    expect(kb(m, 'Shmem')).toBe(m.shmem * pageKb)
    const atHand = m.zone.pcp.count * pageKb
    expect(kb(m, 'MemFree')).toBe(m.zone.freePages * pageKb - atHand)
    const parts = ['AnonPages', 'Cached', 'PageTables', 'Slab', 'KernelStack', 'MemFree']
    expect(parts.reduce((sum, name) => sum + kb(m, name), atHand)).toBe(kb(m, 'MemTotal'))
    expect(kb(m, 'Active') + kb(m, 'Inactive')).toBe(kb(m, 'AnonPages') + kb(m, 'Cached'))
    expect(kb(m, 'SReclaimable') + kb(m, 'SUnreclaim')).toBe(kb(m, 'Slab'))
  })

  it('has less free when a hog has come, and as much available less', () => {
    const room = new OwnRoom()
    const { machine: m } = room
    const seat = room.join('Ada', 'teacher')
    const before = { anon: kb(m, 'AnonPages'), available: kb(m, 'MemAvailable') }
    const argv = ['hog', '8M']
    room.enter(seat, { t: 'spawn', path: '/usr/bin/hog', argv, env: [], stdout: 'pipe' })
    room.tick(40)
    expect(kb(m, 'AnonPages') - before.anon).toBeGreaterThanOrEqual(8192)
    expect(before.available - kb(m, 'MemAvailable')).toBeGreaterThanOrEqual(8192)
  })

  it('shows swap and what of it is used', () => {
    const { machine: m } = new OwnRoom({ swap: 64 << 20 })
    expect([kb(m, 'SwapTotal'), kb(m, 'SwapFree')]).toEqual([65532, 65532])
  })

  it.runIf(hasRecordings)('has the lines and columns of the recorded file', () => {
    const ours = procMeminfo(new OwnRoom().machine)
    expect(shapes(ours)).toEqual(shapes(form('idle.meminfo')))
    const lengths = (text: string) => text.split('\n').map((line) => line.length)
    expect(lengths(ours)).toEqual(lengths(form('idle.meminfo')))
  })

  it.runIf(hasRecordings)('has those of i386 on a 32-bit machine', () => {
    const ours = procMeminfo(new OwnRoom({ bits: 32 }).machine)
    expect(labels(ours)).toEqual(labels(form('idle.meminfo', 'i386-64M')))
  })
})
