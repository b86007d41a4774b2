import { describe, expect, it } from 'vitest'
import { procMaps } from '../../../shared/proc/maps.ts'
import { vmasOf } from '../../../shared/mm/vma.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { hasRecordings, layout } from '../../helpers/recorded.ts'

function prompt(): { room: OwnRoom; maps: string[] } {
  const room = new OwnRoom()
  const seat = room.join('Ben', 'student')
  return { room, maps: procMaps(room.machine, room.prompt(seat)).split('\n') }
}

describe('/proc/PID/maps', () => {
  it('is the lecture’s picture: text, data, libc, stack, from low to high', () => {
    const { maps } = prompt()
    const starts = maps.slice(0, -1).map((line) => parseInt(line, 16))
    expect([...starts].sort((a, b) => a - b)).toEqual(starts)
    expect(maps[0]).toMatch(/^00400000-[0-9a-f]{8} r-xp 00000000 08:01 \d+ +\/usr\/bin\/ic$/)
    expect(maps.at(-2)).toMatch(/ rw-p 00000000 00:00 0 +\[stack\]$/)
    expect(maps.at(-1)).toBe('')
  })

  it('begins names in column 74 and ends nameless lines with a blank', () => {
    const { maps } = prompt()
    for (const line of maps.slice(0, -1)) {
      const name = line.slice(73)
      if (name === '') expect(line).toMatch(/ 00:00 0 $/)
      else expect(line[72] + name[0]).toMatch(/^ [/[]$/)
    }
  })

  it('calls the heap so when there is one', () => {
    const { room } = prompt()
    const task = room.prompt(1)
    task.mm!.brk = task.mm!.startBrk
    expect(procMaps(room.machine, task)).not.toContain('[heap]')
    const bash = [...room.machine.tasks.values()].find(({ comm }) => comm === 'bash')!
    expect(procMaps(room.machine, bash)).toMatch(/^01000000-01021000 rw-p .* \[heap\]$/m)
  })

  it('says that shared anonymous memory is a deleted /dev/zero', () => {
    const { room } = prompt()
    const task = room.prompt(1)
    const vma = vmasOf(task.mm)[0]
    vma.file = { ...vma.file!, name: '', nlink: 0, dev: '00:01' }
    expect(procMaps(room.machine, task)).toContain('/dev/zero (deleted)\n')
  })

  it.runIf(hasRecordings)('has libc, loader and stack where the recorded process had them', () => {
    const { maps } = prompt()
    const withoutInode = (line: string) => line.replace(/(?<=:\d\d) \d+ +/, ' ')
    const recorded = layout('areas.0.txt', 'cat /proc/PID/maps').split('\n')
    const libc = (line: string) => /^7f/.test(line) && !/^7ffff7ddd/.test(line)
    expect(maps.filter(libc).map(withoutInode)).toEqual(recorded.filter(libc).map(withoutInode))
  })

  it.runIf(hasRecordings)('is the recorded one from libc up to the stack on i386, too', () => {
    const room = new OwnRoom({ bits: 32 })
    const maps = procMaps(room.machine, room.prompt(room.join('Ben', 'student'))).split('\n')
    const recorded = layout('small.0.txt', 'cat /proc/PID/maps', 'i386').split('\n')
    const inodes = (line: string) =>
      line.replace(/(?<=:\d\d) \d+ */, (found) => ' '.repeat(found.length))
    const above = (line: string) => line.startsWith('b')
    expect(maps.filter(above).map(inodes)).toEqual(recorded.filter(above).map(inodes))
  })
})
