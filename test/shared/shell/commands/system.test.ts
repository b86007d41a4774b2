import { beforeAll, describe, expect, it } from 'vitest'
import type { OwnRoom } from '../../../helpers/ownRoom.ts'
import { form, hasRecordings } from '../../../helpers/recorded.ts'
import { classroom, type Ran } from '../../../helpers/shellRoom.ts'

describe('the machine and its user', () => {
  let asBen: (source: string) => Promise<Ran>
  let room: OwnRoom
  beforeAll(async () => {
    ;({ asBen, room } = await classroom())
  })
  const out = async (source: string) => (await asBen(source)).out

  it('are told by uname, id, whoami, hostname, getconf and machine', async () => {
    expect(await out('uname; uname -n; uname -sm')).toBe('Linux\nramlab\nLinux x86_64\n')
    expect(await out('id -u; id -un; whoami; hostname')).toBe('1002\nben\nben\nramlab\n')
    expect(await out('getconf PAGESIZE; getconf LONG_BIT')).toBe('4096\n64\n')
    expect(await out('machine')).toBe(
      '--ram 64M --swap 0 --page-size 4K --bits 64 --kernel 6.12 --glibc 2.36 ' +
        '--speed 20000000 --seed 1 --hostname ramlab\n',
    )
    expect((await asBen('getconf NOTHING')).status).toBe(2)
    expect((await asBen('id nobodyhere')).err).toBe("id: 'nobodyhere': no such user\n")
  })

  it('date tells the machine’s time', async () => {
    const { machine } = room
    const now = new Date(machine.bootTime + machine.ticks * 50)
    expect(await out('date +%s')).toBe(`${Math.floor(now.getTime() / 1000)}\n`)
    expect(await out("date '+%F %T %Z'")).toBe(
      `${now.toISOString().slice(0, 19).replace('T', ' ')} UTC\n`,
    )
    expect(await out('date')).toMatch(/^Sun Nov 22 22:05:5\d UTC 2026\n$/)
  })

  it('pidof finds the newest first', async () => {
    const pids = (await out('pidof ic')).trim().split(' ').map(Number)
    expect(pids).toHaveLength(2)
    expect(pids[0]).toBeGreaterThan(pids[1])
    expect(await out('pidof -s ic')).toBe(`${pids[0]}\n`)
    expect((await asBen('pidof nothere')).status).toBe(1)
  })

  it.runIf(hasRecordings)('have the recorded forms', async () => {
    expect(await out('uname -m')).toBe(form('idle.uname-m'))
    expect(await out('getconf PAGESIZE')).toBe(form('idle.getconf'))
    expect(await out('pidof nothere')).toBe(form('idle.pidof-none'))
    const digits = (text: string) => text.replace(/\d/g, '0').replace('users', 'user')
    expect(digits(await out('uptime'))).toBe(digits(form('idle.uptime')))
  })
})
