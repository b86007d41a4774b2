import { beforeAll, describe, expect, it } from 'vitest'
import { form, hasRecordings } from '../../../helpers/recorded.ts'
import { classroom, type Ran } from '../../../helpers/shellRoom.ts'

describe('kill', () => {
  let asBen: (source: string) => Promise<Ran>
  let asRoot: typeof asBen
  beforeAll(async () => {
    ;({ asBen, asRoot } = await classroom())
  })

  it('ends one’s own process by name, number or default', async () => {
    for (const signal of ['', '-9', '-KILL', '-SIGTERM', '-s TERM', '-n 15']) {
      const { out, status } = await asBen(`hog 1M & kill ${signal} $!; sleep 0.2; ps -p $! | wc -l`)
      expect([out, status], signal).toEqual(['1\n', 0])
    }
  })

  it('tells whether a process is there with signal 0', async () => {
    expect((await asBen('kill -0 $$')).status).toBe(0)
    expect((await asBen('kill -0 99999')).status).toBe(1)
  })

  it.runIf(hasRecordings)('says what bash says', async () => {
    const cases: [command: string, name: string][] = [
      ['kill 99999', 'idle.kill-none'],
      ['kill word', 'idle.kill-word'],
      ['kill -99 1', 'idle.kill-sig'],
      ['kill -9 1', 'idle.user-kill-1'],
    ]
    for (const [command, name] of cases) {
      expect((await asBen(command)).err, command).toBe(form(name))
    }
    expect((await asRoot('kill -l')).out).toBe(form('idle.kill-l'))
    expect((await asRoot('kill -l 9')).out).toBe(form('idle.kill-l9'))
  })
})
