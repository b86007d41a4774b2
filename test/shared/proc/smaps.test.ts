import { describe, expect, it } from 'vitest'
import { procSmaps, procSmapsRollup } from '../../../shared/proc/smaps.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { hasRecordings, layout } from '../../helpers/recorded.ts'

function sum(text: string, name: string): number {
  return [...text.matchAll(new RegExp(`^${name}: +(\\d+) kB$`, 'gm'))].reduce(
    (total, [, kb]) => total + Number(kb),
    0,
  )
}

describe('/proc/PID/smaps', () => {
  const room = new OwnRoom()
  const task = room.prompt(room.join('Ben', 'student'))
  const smaps = procSmaps(room.machine, task)
  const rollup = procSmapsRollup(room.machine, task)

  it('adds up to what the address space counts', () => {
    const kb = room.machine.pageSize / 1024
    const { rssAnon, rssFile, rssShmem, totalVm } = task.mm!
    expect(sum(smaps, 'Size')).toBe(totalVm * kb)
    expect(sum(smaps, 'Rss')).toBe((rssAnon + rssFile + rssShmem) * kb)
    expect(sum(smaps, 'Anonymous')).toBe(rssAnon * kb)
    const parts = ['Shared_Clean', 'Shared_Dirty', 'Private_Clean', 'Private_Dirty']
    const total = parts.reduce((all, name) => all + sum(smaps, name), 0)
    expect(total).toBe(sum(smaps, 'Rss'))
  })

  it('shares libc with everyone: its part of it is less than what is resident', () => {
    expect(sum(rollup, 'Pss')).toBeLessThan(sum(rollup, 'Rss'))
    expect(sum(rollup, 'Shared_Clean')).toBeGreaterThan(500)
  })

  it('sums before it cuts in smaps_rollup', () => {
    expect(sum(rollup, 'Rss')).toBe(sum(smaps, 'Rss'))
    expect(sum(rollup, 'Pss')).toBeGreaterThanOrEqual(sum(smaps, 'Pss'))
  })

  it.runIf(hasRecordings)('has the lines of the recorded file, flags among them', () => {
    const names = (text: string) =>
      text.split('\n').map((line) => line.replace(/\d+ kB$/, '').replace(/ +/g, ' '))
    const blocks = (text: string) => text.split(/(?<=^VmFlags.*\n)/m)
    const recorded = layout('areas.0.smaps', '')
    const body = (block: string) => names(block).slice(1)
    const flags = (block: string) => block.replace(/^VmFlags: .*$/m, 'VmFlags:')
    expect(body(flags(blocks(smaps)[0]))).toEqual(body(flags(blocks(recorded)[0])))
    const rollupNames = names(layout('areas.0.txt', 'cat /proc/PID/smaps_rollup'))
    expect(names(rollup).map((line) => line.replace(/^\S+-/, ''))).toEqual(
      rollupNames.map((line) => line.replace(/^\S+-/, '')),
    )
    const column = /^Rss: +\d+ kB$/m
    expect(column.exec(smaps)![0]).toHaveLength(column.exec(recorded)![0].length)
  })

  it.runIf(hasRecordings)(
    'has the flags of the recorded mappings, but for the soft-dirty bit',
    () => {
      const flagsOf = (text: string, end: string) => {
        const block = text.slice(text.indexOf(end))
        return /^VmFlags: (.*)$/m.exec(block)![1].replace('sd ', '').replace('pf io ', '')
      }
      const recorded = layout('areas.0.smaps', '')
      for (const name of ['libc.so.6', '[stack]', '[vdso]', '[vvar]']) {
        expect(`${name} ${flagsOf(smaps, name)}`).toBe(`${name} ${flagsOf(recorded, name)}`)
      }
    },
  )
})
