import { expect, it } from 'vitest'
import { nextVictim, oomScore } from '@shared/mm/oomKill.ts'
import { oomRank } from '@shared/proc/oomRank.ts'
import { KERNEL_ERAS } from '@shared/state/machine.ts'
import { PAGE, addProcess, bootSmall, call, forkTask, store } from '../../sim/process.ts'

const H = 0x2000_0000_0000

function start() {
  const m = bootSmall(16)
  const parent = addProcess(m)
  call(m, parent, 'mmap', H, 400 * PAGE, 3, 0x32, -1, 0)
  for (let i = 0; i < 400; i++) store(m, parent, H + i * PAGE, 1)
  const child = forkTask(m, parent)
  call(m, child, 'munmap', H, 300 * PAGE)
  return { m, parent, child }
}

it('every process with its score under each era, as the machine has it when that is its era', () => {
  const { m } = start()
  const { rows } = oomRank(m)
  const withMemory = [...m.tasks.values()].filter(({ mm }) => mm !== null)
  expect(rows.map(({ pid }) => pid)).toEqual(withMemory.map(({ pid }) => pid))
  for (const era of KERNEL_ERAS) {
    m.era = era
    for (const { pid, standings } of rows)
      expect(standings[era].score, `${era} ${pid}`).toBe(oomScore(m, m.tasks.get(pid)!))
    const next = rows.filter(({ standings }) => standings[era].fate === 'next')
    expect(next.map(({ pid }) => pid)).toEqual([nextVictim(m)!.pid])
  }
})

it('a parent is spared where a child dies in its place', () => {
  const { m, parent, child } = start()
  const fates = (pid: number) =>
    KERNEL_ERAS.map((era) => oomRank(m).rows.find((row) => row.pid === pid)!.standings[era].fate)
  expect(fates(parent.pid)).toEqual(['spared', 'spared', 'next'])
  expect(fates(child.pid)).toEqual(['next', 'next', 'safe'])
  expect(fates(1)).toEqual(['exempt', 'exempt', 'exempt'])
})

it('the arithmetic, step by step', () => {
  const { m, parent } = start()
  parent.oomScoreAdj = 100
  const { totalpages, rows } = oomRank(m)
  const { standings, rss, tables } = rows.find(({ pid }) => pid === parent.pid)!
  const unit = Math.floor(totalpages / 1000)
  expect(standings['6.12'].steps).toEqual([
    { term: 'rss', value: rss, points: rss },
    { term: 'swap', value: 0, points: rss },
    { term: 'pgtables', value: tables, points: rss + tables },
    { term: 'oom_score_adj', value: 100, points: rss + tables + 100 * unit },
  ])
  expect(standings['2.6.32'].steps.map(({ term }) => term)).toEqual(['total_vm', 'children'])
})

it('looking changes nothing', () => {
  const { m } = start()
  const before = m.vmstat
  const copy = { ...before }
  oomRank(m)
  expect(before).toEqual(copy)
})
