import { expect, it } from 'vitest'
import { History } from '../../../client/feed/history.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

const faults = ({ pgmajfault }: { pgmajfault: number }) => pgmajfault

it('a sample a second: rates are of machine time, whatever the clock on the wall says', () => {
  const { machine: m } = new OwnRoom()
  const history = new History()
  for (let tick = 0; tick <= 200; tick++) {
    m.ticks = tick
    m.vmstat.pgmajfault = tick * 2
    history.observe(m)
  }
  expect(history.growth(faults)).toEqual(Array(10).fill(40))
  expect(history.rate(m, faults)).toBe(40)
  expect(history.free()).toHaveLength(11)
})

it('keeps a minute', () => {
  const { machine: m } = new OwnRoom()
  const history = new History()
  for (m.ticks = 0; m.ticks < 20 * 200; m.ticks += 20) history.observe(m)
  expect(history.free()).toHaveLength(61)
})

it('begins anew after a reboot, and when a recording goes back', () => {
  const { machine: m } = new OwnRoom()
  const history = new History()
  for (m.ticks = 0; m.ticks < 100; m.ticks += 20) history.observe(m)
  m.boots++
  history.observe(m)
  expect(history.free()).toHaveLength(1)
  m.ticks = 40
  history.observe(m)
  expect(history.free()).toHaveLength(1)
  expect(history.rate(m, faults)).toBe(0)
})
