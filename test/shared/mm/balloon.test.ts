import { describe, expect, it } from 'vitest'
import { EINVAL, EPERM } from '@shared/lib/errno.ts'
import { apply } from '@shared/machine/machine.ts'
import { checkMachine } from '@shared/machine/check.ts'
import type { Machine } from '@shared/state/machine.ts'
import { loadState, saveState } from '@shared/state/walk.ts'
import { FRAME_BALLOON, mkFrameMap, scanFrames } from '@shared/proc/frames.ts'
import { procMeminfo } from '@shared/proc/meminfo.ts'
import { procVmstat } from '@shared/proc/vmstat.ts'
import { bootSmall, takeSeats } from '../../sim/process.ts'

const MIB = 1 << 20
const TEACHER = 1
const STUDENT = 2

function ticks(m: Machine, count: number): void {
  for (let i = 0; i < count; i++) {
    apply(m, 0, { t: 'tick', fuel: 2_000_000 })
    checkMachine(m)
  }
}

function classroom(mib: number): Machine {
  const m = bootSmall(mib)
  takeSeats(m, 2)
  return m
}

const kbOf = (m: Machine, name: string) =>
  Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(procMeminfo(m))![1])

describe('the balloon', () => {
  it('takes frames out of MemTotal, and gives them all back', () => {
    const m = classroom(32)
    const { totalramPages, zone } = m
    const before = { total: kbOf(m, 'MemTotal'), free: zone.freePages }
    expect(apply(m, TEACHER, { t: 'balloon', bytes: 8 * MIB })).toEqual({})
    ticks(m, 20)
    expect(m.balloon.frames).toHaveLength((8 * MIB) / m.pageSize)
    expect(kbOf(m, 'MemTotal')).toBe(before.total - 8 * 1024)
    expect(procVmstat(m)).toContain(`balloon_inflate ${m.balloon.frames.length}\n`)
    const map = mkFrameMap(m.ram.nrFrames)
    scanFrames(m, map)
    expect(map.kind.filter((kind) => kind === FRAME_BALLOON)).toHaveLength(m.balloon.target)

    apply(m, TEACHER, { t: 'balloon', bytes: 0 })
    ticks(m, 20)
    expect(m.balloon.frames).toEqual([])
    expect(m.totalramPages).toBe(totalramPages)
    // What its thread needs for itself stays: a kernel stack and a record.
    expect(before.free - zone.freePages).toBeLessThan(8)
  })

  it('never calls the OOM killer: it is out of puff, says so, and goes on when there is memory', () => {
    const m = classroom(16)
    apply(m, TEACHER, { t: 'balloon', bytes: m.totalramPages * m.pageSize })
    ticks(m, 60)
    expect(m.vmstat.oom_kill).toBe(0)
    expect(m.zone.freePages).toBeGreaterThanOrEqual(m.zone.watermarkMin)
    expect(m.syslog.some(({ text }) => text.includes('Out of puff'))).toBe(true)
    const size = m.balloon.frames.length
    expect(size).toBeGreaterThan(1000)
    const ic = [...m.tasks.values()].find((task) => task.seat === STUDENT && task.comm === 'ic')!
    apply(m, TEACHER, { t: 'kill', task: ic.handle, sig: 9 })
    ticks(m, 40)
    expect(m.balloon.frames.length).toBeGreaterThan(size)
  })

  it('is root’s, and no larger than the machine', () => {
    const m = classroom(16)
    expect(apply(m, STUDENT, { t: 'balloon', bytes: MIB })).toEqual({ errno: EPERM })
    expect(apply(m, TEACHER, { t: 'balloon', bytes: 17 * MIB })).toEqual({ errno: EINVAL })
    expect(m.balloon).toMatchObject({ target: 0, thread: null })
  })

  it('lives on in a saved machine, and what the host wants outlives a reboot', () => {
    const m = loadState(saveState(inflated())) as Machine
    ticks(m, 10)
    expect(m.balloon.frames).toHaveLength((4 * MIB) / m.pageSize)
    apply(m, TEACHER, { t: 'reboot' })
    expect(m.balloon.frames).toEqual([])
    ticks(m, 20)
    expect(m.balloon.frames).toHaveLength((4 * MIB) / m.pageSize)

    function inflated(): Machine {
      const before = classroom(16)
      apply(before, TEACHER, { t: 'balloon', bytes: 4 * MIB })
      ticks(before, 1)
      return before
    }
  })
})
