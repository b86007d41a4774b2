import { describe, expect, it } from 'vitest'
import { EINVAL, ENOENT } from '../../../shared/lib/errno.ts'
import { readProc, listProc } from '../../../shared/proc/root.ts'
import { writeProc } from '../../../shared/proc/write.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

function start() {
  const room = new OwnRoom()
  const root = room.prompt(room.join('Ada', 'teacher'))
  const m = room.machine
  return {
    m,
    write: (path: string, text: string) => writeProc(m, root, `/proc/sys/${path}`, text),
    read: (path: string) => readProc(m, `/proc/sys/${path}`, 0),
    list: (path: string) => (listProc(m, path, 0) as { names: string[] }).names,
  }
}

describe('vm.overcommit_ratio and vm.overcommit_kbytes', () => {
  it('exclude each other: who is written takes the other’s place', () => {
    const { m, write, read } = start()
    expect(write('vm/overcommit_kbytes', '20000')).toBe(0)
    expect([m.sysctl.overcommitRatio, m.sysctl.overcommitKbytes]).toEqual([0, 20000])
    expect((readProc(m, '/proc/meminfo', 0) as { text: string }).text).toMatch(
      /CommitLimit: +20000 kB/,
    )
    expect(write('vm/overcommit_ratio', '80')).toBe(0)
    expect(read('vm/overcommit_kbytes')).toEqual({ text: '0\n' })
    const limit = Math.floor((m.totalramPages * 80) / 100) * 4
    expect((readProc(m, '/proc/meminfo', 0) as { text: string }).text).toMatch(
      new RegExp(`CommitLimit: +${limit} kB`),
    )
  })
})

describe('kernel.oom_era', () => {
  it('is what the machine was made with, and root may change it; the kernel says so', () => {
    const { m, write, read } = start()
    expect(read('kernel/oom_era')).toEqual({ text: '6.12\n' })
    for (const text of ['2.6', '2.6.33', '', 'x'])
      expect(write('kernel/oom_era', text), text).toBe(text === '' ? 0 : -EINVAL)
    expect(write('kernel/oom_era', '2.6.38\n')).toBe(0)
    expect(m.era).toBe('2.6.38')
    expect(m.syslog.at(-1)!.text).toBe('oom: the rules of 6.12 are replaced by those of 2.6.38')
    const lines = m.syslogLines
    expect(write('kernel/oom_era', '2.6.38')).toBe(0)
    expect(m.syslogLines).toBe(lines)
  })

  it('each era has its files', () => {
    const { m, read, list } = start()
    const files = () => [
      ...list('/proc/1').filter((name) => name.startsWith('oom')),
      ...list('/proc/sys/vm').filter((name) => /_kbytes$/.test(name)),
    ]
    const kbytes = ['admin_reserve_kbytes', 'min_free_kbytes', 'overcommit_kbytes']
    expect(files()).toEqual([
      'oom_adj',
      'oom_score',
      'oom_score_adj',
      ...kbytes,
      'user_reserve_kbytes',
    ])
    m.era = '2.6.38'
    expect(files()).toEqual(['oom_adj', 'oom_score', 'oom_score_adj', 'min_free_kbytes'])
    m.era = '2.6.32'
    expect(files()).toEqual(['oom_adj', 'oom_score', 'min_free_kbytes'])
    expect(readProc(m, '/proc/1/oom_score_adj', 0)).toEqual({ errno: ENOENT })
    expect(read('vm/overcommit_kbytes')).toEqual({ errno: ENOENT })
  })

  it('oom_score is the era’s: without a unit, thousandths, thousandths and two thirds', () => {
    const { m } = start()
    const { totalVm, rssAnon, rssFile, rssShmem } = m.tasks.get(300)!.mm!
    const score = () => Number((readProc(m, '/proc/300/oom_score', 0) as { text: string }).text)
    expect(score()).toBeGreaterThan(666)
    m.era = '2.6.38'
    const held = rssAnon + rssFile + rssShmem
    expect(score()).toBe(Math.max(1, Math.floor((held * 1000) / m.totalramPages) - 30))
    m.era = '2.6.32'
    expect(score()).toBe(Math.floor(Math.floor(totalVm / 4) / 4))
  })
})
