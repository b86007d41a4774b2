import { beforeAll, describe, expect, it } from 'vitest'
import { form, hasRecordings } from '../../../helpers/recorded.ts'
import { classroom, type Ran } from '../../../helpers/shellRoom.ts'

describe('ps', () => {
  let asBen: (source: string) => Promise<Ran>
  beforeAll(async () => {
    ;({ asBen } = await classroom())
  })
  const lines = async (source: string) => (await asBen(source)).out.trimEnd().split('\n')
  const header = (name: string) => form(name).split('\n')[0]

  it('shows one’s own at this terminal', async () => {
    expect((await lines('ps')).map((line) => line.slice(24))).toEqual(['CMD', 'bash', 'ic'])
    expect(await lines('ps -p 1')).toHaveLength(2)
    expect((await asBen('ps -p 99999')).status).toBe(1)
  })

  it('shows everyone’s', async () => {
    for (const all of ['ps aux', 'ps -ef', 'ps -e', 'ps ax']) {
      const users = (await lines(all)).join('\n')
      expect(users, all).toContain('init')
      expect(users, all).toContain('sshd')
    }
    expect((await lines('ps x')).join('\n')).not.toContain('init')
  })

  it('makes columns of one’s own, sorted', async () => {
    const rows = await lines('ps -eo rss= --sort=-rss')
    const sizes = rows.map(Number)
    expect([...sizes].sort((a, b) => b - a)).toEqual(sizes)
    expect(await lines('ps -o pid=NUMBER,comm -p 1')).toEqual(['NUMBER COMMAND', '     1 init'])
    expect(await lines('ps -C init -o oom,oomadj,comm')).toEqual([
      ' OOM OOMADJ COMMAND',
      '   0     0 init',
    ])
  })

  it('refuses what it does not know', async () => {
    expect((await asBen('ps -o nothing')).err).toMatch(
      /^error: unknown user-defined format specifier "nothing"\n/,
    )
    expect((await asBen('ps -o constructor')).status).toBe(1)
  })

  it.runIf(hasRecordings)('has the recorded headers, widths and usage', async () => {
    expect((await lines('ps'))[0]).toBe(header('idle.ps'))
    expect((await lines('ps aux'))[0]).toBe(header('idle.ps-aux'))
    expect((await lines('ps -ef'))[0]).toBe(header('idle.ps-ef'))
    expect((await lines('ps -l'))[0]).toBe(header('idle.ps-l'))
    const format = 'pid,ppid,user,ni,vsz,rss,stat,comm'
    const own = await lines(`ps -eo ${format}`)
    expect(own[0]).toBe(header('idle.ps-eo'))
    const start = (text: string) => text.search(/\S+$/)
    expect(start(own[1])).toBe(start(form('idle.ps-eo').split('\n')[1]))
    expect((await asBen('ps -zz')).err).toBe(form('idle.ps-bad'))
    expect((await asBen('ps -p 99999')).out).toBe(form('idle.ps-f-none'))
  })

  it.runIf(hasRecordings)('aligns a row of ps aux as recorded', async () => {
    const init = (text: string) => text.split('\n').find((line) => / 1 .*init$/.test(line))!
    const ends = (line: string) =>
      [...line.matchAll(/\S+(?= |$)/g)].slice(0, 6).map(({ index, 0: word }) => index + word.length)
    const recorded = init(form('idle.ps-aux'))
    const ours = init((await asBen('ps aux')).out)
    expect(ends(ours)).toEqual(ends(recorded))
    expect(ours.search(/\?/)).toBe(recorded.search(/\?/))
    expect(ours.search(/\/sbin/)).toBe(recorded.search(/\/sbin/))
  })
})
