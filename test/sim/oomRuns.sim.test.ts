// The recorded scenarios, played on our machine: who dies, in which order, and where and why it is not the same.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { oracle } from '../helpers/oracle.ts'
import { obstacle, playRun, type Deaths, type Run } from './oomRuns.ts'

/** Real kernels count resident pages for each CPU and add them up now and then: 6.1 after 64 events, later ones in 32s. */
const BATCHES = 'who was worse differs by less than what the real kernel had not yet counted'
const batchOf = ({ kernel }: Run): number => (kernel.startsWith('6.1.') ? 64 : 32)

/** Where ours goes another way. All are runs in which sizes were chosen to differ by a few pages. */
const DIFFERS: Record<string, string> = {
  's11-013-rounding': BATCHES,
  's11-019-sysrq': BATCHES,
  's11-027-sysrq': BATCHES,
  's11-042-rounding': BATCHES,
  's11-051-rounding': BATCHES,
  's11-053-sysrq': BATCHES,
}

interface Victim {
  id: string
  answer: { victim: number | null }
}

const folder = oracle('oom')

function lines<T>(name: string): T[] {
  if (folder === null) return []
  return readFileSync(join(folder, name), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}

const runs = lines<Run>('runs.jsonl')
const victims = new Map(lines<Victim>('victims.jsonl').map(({ id, answer }) => [id, answer.victim]))

/** Who died in the recording. Who was dead before the snapshot is known by being missing there. */
function recordedDeaths({ scenario, steps, snapshot }: Run): Deaths {
  const names = [...scenario.matchAll(/^proc (\S+)/gm)].map(([, name]) => name)
  const before = snapshot.filter(({ when }) => when === 'before')
  const missing = names.filter((one) => !before.some(({ name }) => name === one))
  const nameOf = (pid: number) => before.find((one) => one.pid === pid)?.name ?? missing.shift()!
  return steps.flatMap(({ events, unreported = [] }) =>
    [...events.map((id) => victims.get(id)!), ...unreported].map((pid) =>
      pid === null ? ('panic' as const) : names.indexOf(nameOf(pid)),
    ),
  )
}

describe.skipIf(folder === null)('the recorded scenarios', () => {
  const playable = runs.filter((run) => obstacle(run) === null)
  let identical = 0

  it.each(playable.map((run) => [run.id, run] as const))('%s', (id, run) => {
    const recorded = recordedDeaths(run)
    const { deaths, margin } = playRun(run, recorded)
    expect(recorded.length).toBeGreaterThan(0)
    if (DIFFERS[id] === undefined) {
      expect(deaths).toEqual(recorded)
      identical++
    } else {
      expect(deaths, 'no longer different').not.toEqual(recorded)
      expect(margin).toBeGreaterThan(0)
      expect(margin).toBeLessThan(batchOf(run))
    }
  })

  afterAll(() => {
    const reasons: Record<string, number> = {}
    for (const run of runs) {
      const why = obstacle(run) ?? DIFFERS[run.id]
      if (why !== undefined) reasons[why] = (reasons[why] ?? 0) + 1
    }
    console.log(
      `${runs.length} recorded scenarios, ${playable.length} played, ${identical} identical\n` +
        Object.entries(reasons)
          .map(([why, count]) => `  ${count}: ${why}`)
          .join('\n'),
    )
  })

  it('are mostly playable, and mostly identical', () => {
    const differing = playable.filter(({ id }) => DIFFERS[id] !== undefined)
    expect(playable.length).toBeGreaterThan(runs.length / 2)
    expect(differing.length).toBeLessThan(playable.length / 5)
  })
})
