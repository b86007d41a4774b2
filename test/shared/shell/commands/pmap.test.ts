import { beforeAll, describe, expect, it } from 'vitest'
import { form, hasRecordings, layout } from '../../../helpers/recorded.ts'
import { classroom, type Ran } from '../../../helpers/shellRoom.ts'

describe('pmap', () => {
  let asBen: (source: string) => Promise<Ran>
  beforeAll(async () => {
    ;({ asBen } = await classroom())
  })
  const own = (options = '') => asBen(`pmap ${options} $(pidof -s ic)`)

  it('adds up', async () => {
    const { out } = await own()
    const sizes = [...out.matchAll(/^[0-9a-f]{16} +(\d+)K/gm)].map(([, kb]) => Number(kb))
    const total = sizes.reduce((sum, kb) => sum + kb, 0)
    expect(out).toMatch(new RegExp(`\\n total +${total}K\\n$`))
  })

  it('shows of other people’s processes only the head line', async () => {
    expect(await asBen('pmap 1')).toEqual({ out: '1:   /sbin/init\n', err: '', status: 1 })
    expect(await asBen('pmap 99999')).toEqual({ out: '', err: '', status: 42 })
  })

  it('shows the path with -p', async () => {
    expect((await own('-p')).out).toContain(' /usr/bin/ic\n')
    expect((await own('')).out).toContain(' ic\n')
  })

  it.runIf(hasRecordings)('is the recording where the mappings are the same', async () => {
    const high = (text: string) => text.split('\n').filter((line) => /^00007ffff7[ef]/.test(line))
    expect(high((await own()).out)).toEqual(high(layout('areas.0.txt', 'pmap PID')))
    const head = (text: string) => text.split('\n')[1]
    const extended = (await own('-x')).out
    expect(head(extended)).toBe(head(form('idle.pmap-x-sleep')))
    expect(extended).toContain('\n---------------- ------- ------- ------- \ntotal kB ')
    expect(extended.split('\n')[2]).toHaveLength(
      '0000000000400000       4       4       0 r---- ic'.length,
    )
    expect(head((await own('-d')).out)).toBe(head(form('idle.pmap-d')))
    for (const [command, name] of [
      ['pmap', 'idle.pmap-noarg'],
      ['pmap word', 'idle.pmap-word'],
    ]) {
      const { err, status } = await asBen(command)
      expect([err, status], command).toEqual([form(name), 1])
    }
  })
})
