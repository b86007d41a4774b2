import { beforeAll, describe, expect, it } from 'vitest'
import { form, hasRecordings, shapes } from '../../../helpers/recorded.ts'
import { classroom, type Ran } from '../../../helpers/shellRoom.ts'

describe('free', () => {
  let asBen: (source: string) => Promise<Ran>
  beforeAll(async () => {
    ;({ asBen } = await classroom())
  })
  const numbers = async (source: string) => {
    const [, mem] = (await asBen(source)).out.split('\n')
    return mem.split(/ +/).slice(1)
  }

  it('says of memory what meminfo says', async () => {
    const [total, used, free, , , available] = (await numbers('free')).map(Number)
    const meminfo = (await asBen('cat /proc/meminfo')).out
    expect(meminfo).toContain(`MemTotal:       ${String(total).padStart(8)} kB`)
    expect(meminfo).toContain(`MemFree:        ${String(free).padStart(8)} kB`)
    expect(used).toBe(total - available)
  })

  it('counts in other units', async () => {
    const [kib] = (await numbers('free -k')).map(Number)
    const [bytes] = (await numbers('free -b')).map(Number)
    const [mib] = (await numbers('free -m')).map(Number)
    expect(bytes).toBe(kib * 1024)
    expect(mib).toBe(Math.floor(kib / 1024))
    expect((await numbers('free -h'))[0]).toBe(`${mib}Mi`)
  })

  it.runIf(hasRecordings)('has the recorded forms', async () => {
    const forms = [
      ['free', 'idle.free'],
      ['free -m', 'idle.free-m'],
      ['free -w', 'idle.free-w'],
      ['free -l', 'idle.free-l'],
      ['free -k -t', 'idle.free-k-s'],
    ]
    for (const [command, name] of forms) {
      const ours = (await asBen(command)).out
      expect(shapes(ours), command).toEqual(shapes(form(name)))
      const lengths = (text: string) => text.split('\n').map((line) => line.length)
      expect(lengths(ours), command).toEqual(lengths(form(name)))
    }
    const bad = await asBen('free -x')
    expect([bad.err, bad.status]).toEqual([form('idle.free-bad'), 1])
  })
})
