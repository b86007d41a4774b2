// What a hash costs while a room runs: a tick changes few pages, whatever is in use. Printed, not judged.

import { expect, it } from 'vitest'
import { apply } from '@shared/machine/machine.ts'
import { hashState, saveState } from '@shared/state/walk.ts'
import { bootSmall, takeSeats } from './process.ts'

it('with 256 MiB in use, after small changes', { timeout: 120_000 }, () => {
  const m = bootSmall(384)
  takeSeats(m, 40)
  const argv = ['hog', '256M']
  apply(m, 1, { t: 'spawn', path: '/usr/bin/hog', argv, env: [], stdout: 'tty' })
  for (let i = 0; i < 80; i++) apply(m, 0, { t: 'tick', fuel: 500_000 })
  const used = ((m.zone.managedPages - m.zone.freePages) * m.pageSize) / 2 ** 20
  expect(used).toBeGreaterThan(256)
  const timed = (what: () => unknown): number => {
    const start = process.cpuUsage()
    what()
    return process.cpuUsage(start).user / 1000
  }
  const first = timed(() => hashState(m))
  const times: number[] = []
  for (let i = 0; i < 10; i++) {
    const path = `/tmp/${i}`
    apply(m, 2, { t: 'write', path, text: 'x'.repeat(20_000), append: false })
    apply(m, 2, {
      t: 'spawn',
      path: '/usr/bin/sleep',
      argv: ['sleep', '9'],
      env: [],
      stdout: 'tty',
    })
    apply(m, 0, { t: 'tick', fuel: 50_000 })
    times.push(timed(() => hashState(m)))
  }
  times.sort((a, b) => a - b)
  const save = timed(() => saveState(m))
  console.log(
    `${Math.round(used)} MiB in use, CPU time: first hash ${first.toFixed(0)} ms, then ${times[5].toFixed(1)} ms ` +
      `(${times[0].toFixed(1)} to ${times[9].toFixed(1)}), save ${save.toFixed(0)} ms`,
  )
})
