import { describe, expect, it } from 'vitest'
import type { OomTask } from '@shared/mm/oomScore.ts'
import { oomVerdict, selectBadProcess, type OomContext } from '@shared/mm/oomVerdict.ts'
import { KERNEL_ERAS, type KernelEra } from '@shared/state/machine.ts'
import { oomContext, oomTask } from '../../helpers/oomTask.ts'

const decide = (era: KernelEra, tasks: OomTask[], more: Partial<OomContext> = {}) => {
  const verdict = oomVerdict(oomContext(era, tasks, more))
  const pids = (list: OomTask[]) => list.map(({ pid }) => pid)
  return {
    ...verdict,
    chosen: verdict.chosen?.pid,
    victim: verdict.victim?.tgid,
    killed: pids(verdict.killed),
    died: pids(verdict.died),
  }
}

/** 100 has children 101, 102 and 103, and is the worst of all in every era. */
function family(more: Partial<OomTask>[] = [{}, {}, {}]): OomTask[] {
  const children = more.map((one, i) => oomTask(101 + i, { totalVm: 10, rssAnon: 10 * i, ...one }))
  return [oomTask(100, { totalVm: 5000, rssAnon: 2000, children }), ...children]
}

describe('the choice', () => {
  it('of equals the first in 2.6, the last in 6.12', () => {
    const tasks = [1, 2, 3].map((i) => oomTask(100 + i))
    expect(decide('2.6.32', tasks).chosen).toBe(101)
    expect(decide('2.6.38', tasks).chosen).toBe(101)
    expect(decide('6.12', tasks).chosen).toBe(103)
  })

  it('the highest loses; init, kernel threads and the exempt are passed over', () => {
    for (const era of KERNEL_ERAS) {
      const big = { totalVm: 9000, rssAnon: 5000 }
      const tasks = [
        oomTask(1, big),
        oomTask(2, { ...big, mm: 0 }),
        oomTask(100, { ...big, oomAdj: -17, oomScoreAdj: -1000 }),
        oomTask(101, { totalVm: 1001, rssAnon: 101 }),
        oomTask(102),
      ]
      expect(decide(era, tasks).victim, era).toBe(101)
    }
  })

  it('2.6.32 may choose who scores nothing; 2.6.38 raises to 1; 6.12 goes below zero', () => {
    const nothing = { totalVm: 0, rssAnon: 0, oomScoreAdj: -900 }
    expect(selectBadProcess(oomContext('2.6.32', [oomTask(100, nothing)])).points).toBe(0)
    expect(selectBadProcess(oomContext('2.6.38', [oomTask(100, nothing)])).points).toBe(1)
    expect(selectBadProcess(oomContext('6.12', [oomTask(100, nothing)])).points).toBe(-9000)
  })

  it('one that was chosen before and is still dying stops the round', () => {
    for (const era of KERNEL_ERAS) {
      const tasks = [oomTask(100), oomTask(101, { victim: true })]
      expect(decide(era, tasks), era).toMatchObject({ wait: true, chosen: undefined, panic: '' })
    }
  })

  it('6.12 goes on when the victim has been reaped, and when SysRq f asks again', () => {
    const reaped = [oomTask(100), oomTask(101, { victim: true, reaped: true })]
    expect(decide('6.12', reaped).victim).toBe(100)
    const dying = [oomTask(100), oomTask(101, { victim: true, rssAnon: 900 })]
    expect(decide('6.12', dying, { sysrq: true, current: null }).victim).toBe(101)
  })

  it('2.6 waits for one that is on its way out, unless it is the one that asks: then it goes first', () => {
    for (const era of ['2.6.32', '2.6.38'] as const) {
      const tasks = [
        oomTask(100, { rssAnon: 5000, totalVm: 5000 }),
        oomTask(101, { exiting: true }),
      ]
      expect(decide(era, tasks).wait).toBe(true)
      expect(decide(era, tasks, { current: tasks[1] }).victim).toBe(101)
    }
  })

  it('swapoff() goes first: 6.12 takes the last of them, even if it is exempt', () => {
    const tasks = [
      oomTask(100, { rssAnon: 5000 }),
      oomTask(101, { origin: true }),
      oomTask(102, { origin: true, oomScoreAdj: -1000 }),
      oomTask(103, { rssAnon: 5000 }),
    ]
    expect(decide('2.6.32', tasks).chosen).toBe(101)
    expect(decide('2.6.38', tasks).chosen).toBe(101)
    expect(decide('6.12', tasks).chosen).toBe(102)
  })
})

describe('who dies for the chosen one', () => {
  it('2.6.32: the first child with memory of its own; 2.6.38: the worst; 6.12: nobody', () => {
    expect(decide('2.6.32', family())).toMatchObject({ chosen: 100, victim: 101, killed: [101] })
    expect(decide('2.6.38', family())).toMatchObject({ chosen: 100, victim: 103, killed: [103] })
    expect(decide('6.12', family())).toMatchObject({ chosen: 100, victim: 100, killed: [100] })
  })

  it('2.6.32 passes over children that share the memory, have none or are exempt', () => {
    expect(decide('2.6.32', family([{ mm: 100 }, { mm: 0 }, { oomAdj: -17 }])).victim).toBe(100)
    expect(decide('2.6.32', family([{ oomAdj: -17 }, { oomAdj: -16 }, {}])).victim).toBe(102)
  })

  it('2.6.38 takes the first of equal children; one that shares the memory as well', () => {
    const equal = { rssAnon: 10 }
    expect(decide('2.6.38', family([equal, equal, equal])).victim).toBe(101)
    const verdict = decide('2.6.38', family([{}, { mm: 100, rssAnon: 2000 }, {}]))
    expect(verdict).toMatchObject({ chosen: 100, victim: 102, killed: [102], died: [100, 102] })
  })

  it('who shares the victim’s memory dies with it from 2.6.38 on', () => {
    const tasks = [oomTask(100, { rssAnon: 900, totalVm: 9000 }), oomTask(101, { mm: 100 })]
    expect(decide('2.6.32', tasks).died).toEqual([100])
    expect(decide('2.6.38', tasks).died).toEqual([100, 101])
    expect(decide('6.12', tasks).died).toEqual([100, 101])
  })
})

describe('the administrator’s wishes', () => {
  it('oom_kill_allocating_task: who asks, or its child in 2.6; not for the exempt', () => {
    const tasks = [...family(), oomTask(200, { rssAnon: 9000, totalVm: 9000 })]
    const more = { oomKillAllocatingTask: 1, current: tasks[0] }
    expect(decide('2.6.32', tasks, more)).toMatchObject({ chosen: 100, victim: 101, score: 0 })
    expect(decide('2.6.38', tasks, more)).toMatchObject({ chosen: 100, victim: 103, score: 0 })
    expect(decide('6.12', tasks, more)).toMatchObject({
      victim: 100,
      message: 'Out of memory (oom_kill_allocating_task)',
    })
    Object.assign(tasks[0], { oomScoreAdj: -1000, oomAdj: -17, children: [] })
    for (const era of KERNEL_ERAS) expect(decide(era, tasks, more).victim, era).toBe(200)
  })

  it('panic_on_oom: 1 for the whole machine, 2 always; with a report, but not in 2.6.32', () => {
    const words: Record<KernelEra, string[]> = {
      '2.6.32': [
        'out of memory. panic_on_oom is selected',
        'out of memory. Compulsory panic_on_oom is selected.',
      ],
      '2.6.38': [
        'Out of memory: system-wide panic_on_oom is enabled',
        'Out of memory: compulsory panic_on_oom is enabled',
      ],
      '6.12': [
        'Out of memory: system-wide panic_on_oom is enabled',
        'Out of memory: compulsory panic_on_oom is enabled',
      ],
    }
    for (const era of KERNEL_ERAS) {
      for (const panicOnOom of [1, 2]) {
        const verdict = decide(era, [oomTask(100)], { panicOnOom })
        expect(verdict).toMatchObject({
          panic: words[era][panicOnOom - 1],
          report: era !== '2.6.32',
          killed: [],
        })
      }
      const policy = { panicOnOom: 1, constraint: 'CONSTRAINT_MEMORY_POLICY' } as const
      expect(decide(era, [oomTask(100)], policy).victim, era).toBe(100)
    }
  })

  it('SysRq f is no shortage: only 6.12 knows', () => {
    const more = { sysrq: true, current: null, panicOnOom: 1 }
    expect(decide('6.12', [oomTask(100)], more).victim).toBe(100)
    expect(decide('2.6.38', [oomTask(100)], more).panic).toContain('system-wide')
    expect(decide('2.6.32', [oomTask(100)], more).panic).toContain('is selected')
  })

  it('a memory cgroup that is short: 2.6.32 never panics over it, the others for 2', () => {
    const memcg = { constraint: 'CONSTRAINT_MEMCG', memcg: '/lab', panicOnOom: 2 } as const
    const outcomes = KERNEL_ERAS.map((era) => decide(era, [oomTask(100)], memcg))
    expect(outcomes.map(({ victim }) => victim)).toEqual([100, undefined, undefined])
    expect(outcomes.map(({ panic }) => panic !== '')).toEqual([false, true, true])
  })

  it('init is never killed, though it be the one that asks', () => {
    const init = oomTask(1, { totalVm: 9000, rssAnon: 9000 })
    for (const era of KERNEL_ERAS) {
      const more = { current: init, oomKillAllocatingTask: 1 }
      expect(decide(era, [init, oomTask(100)], more).victim, era).toBe(100)
    }
  })

  it('nobody left: panic; a memory cgroup just fails', () => {
    const exempt = [oomTask(100, { oomScoreAdj: -1000, oomAdj: -17 })]
    const lone = 'Out of memory and no killable processes...'
    expect(decide('2.6.32', exempt)).toMatchObject({ panic: lone, report: false })
    expect(decide('2.6.38', exempt)).toMatchObject({ panic: lone, report: true })
    expect(decide('6.12', exempt)).toMatchObject({
      panic: 'System is deadlocked on memory',
      remark: lone,
    })
    const memcg = { constraint: 'CONSTRAINT_MEMCG', memcg: '/lab' } as const
    expect(decide('6.12', exempt, memcg)).toMatchObject({ panic: '', remark: lone })
    expect(decide('6.12', exempt, { sysrq: true }).panic).toBe('')
  })
})

describe('memory cgroups (6.12)', () => {
  const inGroups = () => [
    oomTask(100, { memcg: '/team/a' }),
    oomTask(101, { memcg: '/team/b', rssAnon: 500 }),
    oomTask(102, { memcg: '/team/b', oomScoreAdj: -1000 }),
    oomTask(103, { memcg: '/other' }),
  ]
  const short = (memcg: string, oomGroups: string[]) =>
    decide('6.12', inGroups(), { constraint: 'CONSTRAINT_MEMCG', memcg, oomGroups })

  it('memory.oom.group: all of the group but the exempt, the victim’s line first and again in its place', () => {
    expect(short('/team', ['/team/b'])).toMatchObject({ group: '/team/b', killed: [101, 101] })
    expect(short('/team', ['/team', '/team/b'])).toMatchObject({
      group: '/team',
      killed: [101, 100, 101],
      died: [100, 101],
    })
  })

  it('groups above the cgroup that is short, and names that only begin alike, do not count', () => {
    expect(short('/team/b', ['/team'])).toMatchObject({ group: '', killed: [101] })
    expect(short('/team', ['/tea', '/team/bb', '/other']).group).toBe('')
    expect(short('/', ['/team']).group).toBe('/team')
  })
})
