import { describe, expect, it } from 'vitest'
import { mkPrng, nextBelow } from '@shared/lib/prng.ts'
import { badness, shownScore, type OomStep, type OomTask } from '@shared/mm/oomScore.ts'
import { KERNEL_ERAS, type KernelEra } from '@shared/state/machine.ts'
import { oomContext, oomTask } from '../../helpers/oomTask.ts'

function points(era: KernelEra, more: Partial<OomTask>, uptime = 0): number | null {
  const task = oomTask(400, more)
  return badness(task, oomContext(era, [task], { uptime }))
}

describe('2.6.32: what is mapped counts', () => {
  const score = (more: Partial<OomTask>, uptime = 0) => points('2.6.32', more, uptime)

  it('the worked example of a hog: as a user, as root, nice, and its parents', () => {
    const totalVm = 136_919
    expect(score({ totalVm })).toBe(136_919)
    expect(score({ totalVm, root: true })).toBe(8557)
    expect(score({ totalVm, nice: 5 })).toBe(273_838)
    const hog = () => oomTask(500, { totalVm })
    expect(score({ totalVm: 1200, children: [hog()] })).toBe(69_660)
    expect(score({ totalVm: 1200, children: [hog(), hog(), hog()] })).toBe(206_580)
  })

  it('a child counts only with memory of its own', () => {
    const children = [oomTask(500, { mm: 400, totalVm: 900 }), oomTask(501, { mm: 0 })]
    expect(score({ totalVm: 100, children })).toBe(100)
  })

  it('CPU time divides by its root in units of 10.24 s, age by its fourth root in units of 1024 s', () => {
    expect(score({ totalVm: 1000, cpuTicks: 1023 })).toBe(1000)
    expect(score({ totalVm: 1000, cpuTicks: 10 * 1024 })).toBe(333)
    expect(score({ totalVm: 1000 }, 16 * 1024)).toBe(500)
    expect(score({ totalVm: 1000, startTime: 1024 }, 16 * 1024)).toBe(1000)
    expect(score({ totalVm: 1000, startTime: 99_999 }, 5)).toBe(1000)
  })

  it('oom_adj shifts, from at least 1 upward; -17 exempts', () => {
    expect(score({ totalVm: 100, oomAdj: 3 })).toBe(800)
    expect(score({ totalVm: 0, oomAdj: 3 })).toBe(8)
    expect(score({ totalVm: 100, oomAdj: -3 })).toBe(12)
    expect(score({ totalVm: 2 ** 35, oomAdj: 15 })).toBe(2 ** 50)
    expect(score({ oomAdj: -17 })).toBe(null)
    expect(score({ mm: 0 })).toBe(null)
  })

  it('who is in swapoff() is before all others; other nodes make an eighth', () => {
    expect(score({ origin: true })).toBe(2 ** 64)
    expect(score({ totalVm: 80, foreignNodes: true })).toBe(10)
  })

  it('what is resident, in swap or in page tables, and oom_score_adj, do not count', () => {
    expect(score({ rssAnon: 9999, swapEnts: 99, pgtablesBytes: 999_999, oomScoreAdj: 500 })).toBe(
      1000,
    )
  })
})

describe('2.6.38: thousandths', () => {
  const score = (more: Partial<OomTask>) => points('2.6.38', more)

  it('resident and swapped pages, page tables not yet', () => {
    expect(score({ rssAnon: 2000, rssFile: 300, rssShmem: 50, swapEnts: 1000 })).toBe(335)
    expect(score({ rssAnon: 2000, pgtablesBytes: 4096 * 500 })).toBe(200)
  })

  it('30 less for root, oom_score_adj more, from 1 to 1000', () => {
    expect(score({ rssAnon: 2000, root: true })).toBe(170)
    expect(score({ rssAnon: 2000, oomScoreAdj: -150 })).toBe(50)
    expect(score({ rssAnon: 2000, oomScoreAdj: -200 })).toBe(1)
    expect(score({ rssAnon: 2000, oomScoreAdj: 900 })).toBe(1000)
  })

  it('-1000 exempts all who share the memory; init is exempt', () => {
    const [one, two] = [oomTask(400, { oomScoreAdj: -1000 }), oomTask(401, { mm: 400 })]
    expect(badness(two, oomContext('2.6.38', [one, two]))).toBe(null)
    expect(points('2.6.38', { tgid: 1 })).toBe(null)
  })

  it('the size, the age, nice and children do not count', () => {
    const children = [oomTask(500)]
    expect(score({ totalVm: 9999, cpuTicks: 99_999, nice: 19, children, oomAdj: 15 })).toBe(10)
  })
})

describe('6.12: pages', () => {
  const score = (more: Partial<OomTask>) => points('6.12', more)

  it('resident, swapped, page tables, and whole thousandths of all for oom_score_adj', () => {
    expect(
      score({ rssAnon: 100, rssFile: 20, rssShmem: 3, swapEnts: 40, pgtablesBytes: 8192 }),
    ).toBe(165)
    const task = oomTask(400, { oomScoreAdj: 300 })
    const context = oomContext('6.12', [task], { totalpages: 10_999 })
    expect(badness(task, context)).toBe(100 + 300 * 10)
    expect(score({ oomScoreAdj: -999 })).toBe(100 - 9990)
  })

  it('exempt: -1000, init, the reaped, who is in vfork(), who has no memory', () => {
    const exempt: Partial<OomTask>[] = [
      { oomScoreAdj: -1000 },
      { tgid: 1 },
      { reaped: true },
      { inVfork: true },
      { mm: 0 },
    ]
    for (const more of exempt) expect(score(more), JSON.stringify(more)).toBe(null)
  })

  it('oom_score is 666 for nothing, 2000 at the top, 0 for the exempt', () => {
    const scale = oomContext('6.12', [])
    expect(shownScore(0, scale)).toBe(666)
    expect(shownScore(10_000 + 1000 * 10, scale)).toBe(2000)
    expect(shownScore(-9990, scale)).toBe(0)
    expect(shownScore(null, scale)).toBe(0)
  })
})

describe('every era', () => {
  const random = (more: Partial<OomTask>, prng: ReturnType<typeof mkPrng>): OomTask =>
    oomTask(400, {
      totalVm: nextBelow(prng, 20_000),
      rssAnon: nextBelow(prng, 4000),
      rssShmem: nextBelow(prng, 500),
      swapEnts: nextBelow(prng, 3000),
      pgtablesBytes: 4096 * nextBelow(prng, 50),
      nice: nextBelow(prng, 40) - 20,
      root: nextBelow(prng, 3) === 0,
      cpuTicks: nextBelow(prng, 100_000),
      oomAdj: nextBelow(prng, 32) - 16,
      oomScoreAdj: nextBelow(prng, 1999) - 999,
      ...more,
    })

  it('who has more of what counts never has a lower score; who is adjusted upward neither', () => {
    const prng = mkPrng(7)
    const more: Record<KernelEra, (keyof OomTask)[]> = {
      '2.6.32': ['totalVm', 'oomAdj'],
      '2.6.38': ['rssAnon', 'rssFile', 'rssShmem', 'swapEnts', 'oomScoreAdj'],
      '6.12': ['rssAnon', 'rssFile', 'rssShmem', 'swapEnts', 'pgtablesBytes', 'oomScoreAdj'],
    }
    let higher = 0
    for (let i = 0; i < 3000; i++) {
      const era = KERNEL_ERAS[i % 3]
      const task = random({}, prng)
      const field = more[era][nextBelow(prng, more[era].length)]
      const by = field === 'oomAdj' || field === 'oomScoreAdj' ? 1 : 1 + nextBelow(prng, 5000)
      const other = { ...task, [field]: (task[field] as number) + by }
      if (other.oomAdj > 15 || other.oomScoreAdj > 1000) continue
      const scale = oomContext(era, [], { uptime: nextBelow(prng, 100_000) })
      const [before, after] = [badness(task, scale)!, badness(other, scale)!]
      expect(after, `${era} ${field} ${JSON.stringify(task)}`).toBeGreaterThanOrEqual(before)
      if (after > before) higher++
    }
    expect(higher).toBeGreaterThan(1500)
  })

  it('the steps end in the points', () => {
    const prng = mkPrng(8)
    for (let i = 0; i < 300; i++) {
      const task = random({}, prng)
      const steps: OomStep[] = []
      const score = badness(task, oomContext(KERNEL_ERAS[i % 3], [task]), steps)
      expect(steps.at(-1)!.points).toBe(score)
    }
  })
})
