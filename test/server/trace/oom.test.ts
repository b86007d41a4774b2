import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import { runCases } from '../../../server/trace/oom.ts'
import { oracle } from '../../helpers/oracle.ts'

type Record_ = Record<string, unknown>

const ask = (...cases: Record_[]): Record_[] =>
  runCases(cases.map((one) => JSON.stringify(one)).join('\n'), DEFAULT_OPTIONS).map(
    (line) => JSON.parse(line) as Record_,
  )

describe('trace oom', () => {
  it('answers by the rules of the case’s kernel, of the machine’s if it names none', () => {
    const one = { id: 'a', kind: 'score', rss: 500, totalpages: 2000, oom_score_adj: 10, uid: 1000 }
    expect(ask({ ...one, kernel: '6.12.117+deb12-cloud-amd64' })).toEqual([
      { id: 'a', oom_score: 840 },
    ])
    expect(ask({ ...one, kernel: '2.6.38' })[0].oom_score).toBe(260)
    expect(ask({ ...one, kernel: '2.6.32.71', total_vm: 900, nice: 3 })[0].oom_score).toBe(1800)
    expect(ask(one)[0].oom_score).toBe(840)
  })

  it('2.6: parents by ppid, and the child that dies', () => {
    const tasks = [
      { pid: 10, tgid: 10, uid: 1000, total_vm: 100, rss: 900 },
      { pid: 11, tgid: 11, ppid: 10, uid: 1000, total_vm: 90, rss: 10 },
      { pid: 12, tgid: 12, ppid: 10, uid: 1000, total_vm: 90, rss: 20 },
    ]
    const one = { id: 'a', kind: 'victim', totalpages: 2000, tasks }
    expect(ask({ ...one, kernel: '2.6.32' })[0]).toMatchObject({ victim: 11, killed: [11] })
    expect(ask({ ...one, kernel: '2.6.38' })[0]).toMatchObject({ victim: 12, killed: [12] })
  })

  it('2.6 guesses what could be freed', () => {
    const one = {
      id: 'a',
      kind: 'overcommit',
      kernel: '2.6.32',
      overcommit_memory: 0,
      overcommit_ratio: 50,
      totalram_pages: 20_000,
      total_swap_pages: 5000,
      committed_pages: 100,
      total_vm_pages: 320,
      cap_sys_admin: 1,
      free_pages: 9000,
      file_pages: 3000,
      free_swap_pages: 4000,
      totalreserve_pages: 1000,
    }
    const [root, user, strict] = ask(
      one,
      { ...one, cap_sys_admin: 0 },
      { ...one, cap_sys_admin: 0, overcommit_memory: 2 },
    )
    expect(root).toMatchObject({ private_rw: 3000 + 4000 + 8000 - 1, private_ro: null })
    expect(user.private_rw).toBe(7000 - 218 + (8000 - 250) - 1)
    expect(strict.private_rw).toBe(10_000 - 312 + 5000 - 10 - 100 - 1)
    expect(strict.commit_limit_kB).toBe(15_000 * 4)
  })

  it('memory shared in a circle is one address space', () => {
    const tasks = [
      { pid: 10, tgid: 10, rss: 5, shares_mm_with: 11 },
      { pid: 11, tgid: 11, rss: 5, shares_mm_with: 10 },
    ]
    const one = { id: 'a', kind: 'victim', kernel: '6.1', totalpages: 2000, tasks }
    expect(ask(one)[0].victim).toBe(11)
  })

  it('who was killed and reaped is passed over, even in swapoff()', () => {
    const tasks = [
      { pid: 10, tgid: 10, rss: 5 },
      { pid: 11, tgid: 11, rss: 5, oom_origin: 1 },
      { pid: 12, tgid: 12, rss: 5, oom_origin: 1, oom_skip: 1 },
    ]
    const one = { id: 'a', kind: 'victim', kernel: '6.1', totalpages: 2000, tasks }
    expect(ask(one)[0].victim).toBe(11)
  })

  it('in the table of a memory cgroup everybody belongs to it', () => {
    const tasks = [
      { pid: 10, tgid: 10, rss: 5, memcg: '/team' },
      { pid: 11, tgid: 11, rss: 9 },
    ]
    const one = { id: 'a', kind: 'victim', kernel: '6.1', totalpages: 2000, tasks }
    const [answer] = ask({ ...one, constraint: 'CONSTRAINT_MEMCG', oom_groups: ['/team'] })
    expect(answer).toMatchObject({ victim: 11, group: '/team', killed: [11, 10, 11] })
    expect(ask({ ...one, oom_groups: ['/team'] })[0]).toMatchObject({ group: null, killed: [11] })
  })

  it('says which line it cannot read, and why', () => {
    const problems: [text: string, problem: string][] = [
      ['{', 'line 1: this is no JSON'],
      ['\n\n7', 'line 3: this is no record'],
      ['{"kind":"score"}', "line 1: the case has no 'id'"],
      ['{"id":1,"kind":"x"}', "line 1: unknown kind 'x'"],
      ['{"id":1,"kind":"score","kernel":"6.1","rss":"2"}', "line 1: 'rss' is no number"],
      ['{"id":1,"kind":"score","kernel":"6.1","rss":1.5}', "line 1: 'rss' is no whole number"],
      [
        '{"id":1,"kind":"score","kernel":"6.1","rss":2,"totalpages":0}',
        "'totalpages' is not above 0",
      ],
      ['{"id":1,"kind":"oomadj","written":16}', "'written' is not from -17 to 15"],
      ['{"id":1,"kind":"score","kernel":"4.4","rss":2,"totalpages":1}', "no rules of kernel '4.4'"],
      ['{"id":1,"kind":"line","kernel":"6.1","line":"x"}', "line 1: unknown line 'x'"],
      ['{"id":1,"kind":"victim","kernel":"6.1","totalpages":1,"tasks":{}}', "'tasks' is no list"],
    ]
    for (const [text, problem] of problems)
      expect(() => runCases(text, DEFAULT_OPTIONS), text).toThrow(problem)
    expect(runCases('\n', DEFAULT_OPTIONS)).toEqual([])
  })

  const folder = oracle('oom')

  it.skipIf(folder === null)(
    'answers as the real kernels did, case by case, in every field',
    () => {
      const cases = ['victims', 'scores', 'overcommit', 'lines'].flatMap((name) =>
        readFileSync(join(folder!, `${name}.jsonl`), 'utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as Record_ & { answer: Record_ }),
      )
      const questions = cases.map(({ answer: _, ...question }) => question)
      const answers = ask(...questions)
      expect(cases.length).toBeGreaterThan(1900)
      for (const [i, { id, kind, slack, answer }] of cases.entries()) {
        const got = answers[i]
        expect(got.id).toBe(id)
        for (const [field, wanted] of Object.entries(answer)) {
          // The kernel's own counter lags a little where many are granted.
          if (kind === 'many') {
            const off = Math.abs((got[field] as number) - (wanted as number))
            expect(off, String(id)).toBeLessThanOrEqual(slack as number)
          } else expect(got[field], `${String(id)} ${field}`).toEqual(wanted)
        }
      }
    },
  )
})
