import { beforeAll, describe, expect, it } from 'vitest'
import { nextVictim } from '../../../../shared/mm/oomKill.ts'
import { oomRank } from '../../../../shared/proc/oomRank.ts'
import type { OwnRoom } from '../../../helpers/ownRoom.ts'
import { classroom, type Ran } from '../../../helpers/shellRoom.ts'

describe('oomscore', () => {
  let room: OwnRoom
  let asRoot: (source: string) => Promise<Ran>
  let asBen: typeof asRoot

  beforeAll(async () => {
    ;({ room, asRoot, asBen } = await classroom())
    await asBen('echo 300 > /proc/self/oom_score_adj; hog 4M & sleep 1')
  })

  it('lists every process with its score under all three eras, as /proc shows it in each', async () => {
    const { out, status } = await asBen('oomscore')
    const [head, ...lines] = out.split('\n')
    expect(status).toBe(0)
    expect(head).toMatch(
      /^ +PID USER +RSS +SWAP TABLES TOTAL_VM ADJ SCORE_ADJ +2\.6\.32 +2\.6\.38 +\[6\.12\] COMMAND$/,
    )
    const rows = lines.slice(0, lines.indexOf(''))
    const withMemory = [...room.machine.tasks.values()].filter(({ mm }) => mm !== null)
    expect(rows).toHaveLength(withMemory.length)
    const { pid } = nextVictim(room.machine)!
    expect(rows.find((row) => row.trim().startsWith(`${pid} `))).toMatch(/ \d+\* \w+$/)
    for (const [i, era] of ['2.6.32', '2.6.38', '6.12'].entries()) {
      const { out: shown } = await asRoot(
        `echo ${era} > /proc/sys/kernel/oom_era; for p in 300 301; do cat /proc/$p/oom_score; done`,
      )
      const scores = rows
        .filter((row) => /^ +30[01] /.test(row))
        .map((row) => parseInt(row.trim().split(/\s+/)[8 + i]))
      expect(shown, era).toBe(scores.map((score) => `${score}\n`).join(''))
    }
  })

  it('spells out the arithmetic of one', async () => {
    await asRoot('echo 6.12 > /proc/sys/kernel/oom_era')
    const { rows, totalpages } = oomRank(room.machine)
    const hog = rows.find(({ comm }) => comm === 'hog')!
    const { out } = await asBen(`oomscore -p ${hog.pid}`)
    const lines = out.split('\n').map((line) => line.trim().replace(/\s+/g, ' '))
    const unit = Math.floor(totalpages / 1000)
    const points = hog.rss + hog.tables
    expect(lines[0]).toBe(`${hog.pid} (hog) of ben; RAM and swap are ${totalpages} pages of 4 KiB`)
    expect(lines).toEqual(
      expect.arrayContaining([
        '2.6.32: another process would die now',
        `all that is mapped ${hog.totalVm}`,
        `<< 4 oom_adj ${hog.totalVm * 16}`,
        `* 1000 / ${totalpages} thousandths of RAM and swap ${Math.floor((hog.rss * 1000) / totalpages)}`,
        '6.12, at work: would die now',
        `+ ${hog.tables} page tables ${points}`,
        `+ 300 * ${unit} oom_score_adj * (RAM and swap / 1000) ${points + 300 * unit}`,
        `(1000 + score * 1000 / (RAM and swap)) * 2 / 3 ${hog.standings['6.12'].score}`,
      ]),
    )
    expect((await asBen('oomscore -p 1')).out).toContain('6.12, at work: may not be chosen\n')
  })

  it('explains itself, and has status 1 for what it cannot do', async () => {
    expect((await asBen('oomscore --help')).out).toContain('Usage:\n oomscore [-p PID]')
    for (const [args, problem] of [
      ['-x', "invalid option -- 'x'"],
      ['--all', "unrecognized option '--all'"],
      ['12', "extra operand '12'"],
      ['-p', "option '-p' needs a PID"],
      ['-p 1 2', "extra operand '2'"],
      ['-p abc', "invalid process id: 'abc'"],
      ['-p 99999', '99999: No such process'],
    ]) {
      const { err, status } = await asBen(`oomscore ${args}`)
      expect([err.split('\n')[0], status]).toEqual([`oomscore: ${problem}`, 1])
    }
  })
})
