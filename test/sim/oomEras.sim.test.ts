// A seeded class at work while root switches the OOM killer's era, reads the ranking and boots the machine anew.

import { describe, expect, it } from 'vitest'
import { mkPrng } from '@shared/lib/prng.ts'
import { checkMachine } from '@shared/machine/check.ts'
import { nextVictim } from '@shared/mm/oomKill.ts'
import { oomRank } from '@shared/proc/oomRank.ts'
import { KERNEL_ERAS, type Machine } from '@shared/state/machine.ts'
import { hashState } from '@shared/state/walk.ts'
import { bootSmall } from './process.ts'
import { Chooser, perform, type Step, type Tally } from './machineFuzz.ts'

const STEPS = 500

/** What root does now and then; the shells may be dead, then nothing comes of it. */
function rootStep(chooser: Chooser, m: Machine, at: number): Step | null {
  if (m.panic !== '') return { seat: 1, command: { t: 'reboot' } }
  if (at % 170 === 169) return { seat: 1, command: { t: 'reboot' } }
  if (at % 25 !== 24) return null
  const files: [path: string, text: string][] = [
    ['/proc/sys/kernel/oom_era', chooser.pick(KERNEL_ERAS)],
    ['/proc/sys/kernel/oom_era', chooser.pick(KERNEL_ERAS)],
    ['/proc/sys/vm/oom_kill_allocating_task', chooser.pick(['0', '1'])],
    ['/proc/sys/vm/panic_on_oom', chooser.pick(['0', '0', '0', '1'])],
    ['/proc/sysrq-trigger', chooser.pick(['f', 'f', 'm', 'h'])],
  ]
  const [path, text] = chooser.pick(files)
  return { seat: 1, command: { t: 'write', path, text, append: false } }
}

function work(seed: number, kills: Record<string, number>): { steps: Step[]; m: Machine } {
  const m = bootSmall(8, seed)
  const chooser = new Chooser(mkPrng(seed * 104729))
  const steps: Step[] = []
  const tally: Tally = {}
  for (let at = 0; at < STEPS; at++) {
    const step = rootStep(chooser, m, at) ?? chooser.next(m)
    const { era } = m
    const before = m.boots * 1e6 + m.vmstat.oom_kill
    steps.push(step)
    perform(m, step, tally)
    checkMachine(m)
    if (m.boots * 1e6 + m.vmstat.oom_kill > before) kills[era] = (kills[era] ?? 0) + 1
    const next = oomRank(m).rows.find(({ standings }) => standings[m.era].fate === 'next')
    expect(next?.pid, `seed ${seed}, step ${at}`).toBe(nextVictim(m)?.pid)
  }
  return { steps, m }
}

describe('a class under three killers', () => {
  const kills: Record<string, number> = {}

  for (const seed of [1, 2, 3, 4]) {
    it(`seed ${seed}: stays whole over switches and reboots, and a second machine becomes the same`, () => {
      const { steps, m } = work(seed, kills)
      expect(m.boots).toBeGreaterThan(1)
      const second = bootSmall(8, seed)
      for (const step of steps) perform(second, step, {})
      expect(hashState(second)).toBe(hashState(m))
    })
  }

  it('has reached what it is for', () => {
    for (const era of KERNEL_ERAS) expect(kills[era] ?? 0, era).toBeGreaterThan(2)
  })
})
