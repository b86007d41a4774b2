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

it('keeps ten minutes', () => {
  const { machine: m } = new OwnRoom()
  const history = new History()
  for (m.ticks = 0; m.ticks < 20 * 800; m.ticks += 20) history.observe(m)
  expect(history.free()).toHaveLength(601)
})

it('tells figures as columns of the same length, in bytes and per second', () => {
  const { machine: m } = new OwnRoom()
  const history = new History()
  expect(history.figures(m)).toMatchObject({ seconds: [], used: [], faults: [] })
  const { managedPages, freePages } = m.zone
  for (let second = 0; second < 3; second++) {
    m.ticks = second * 20
    m.vmstat.pgfault = 100 * second
    history.observe(m)
  }
  const used = (managedPages - freePages) * m.pageSize
  expect(history.figures(m)).toEqual({
    seconds: [0, 1, 2],
    used: [used, used, used],
    all: managedPages * m.pageSize,
    swap: [0, 0, 0],
    lost: [0, 0, 0],
    faults: [0, 100, 100],
    major: [0, 0, 0],
  })
})

it('ends with what is so now, also where no time passes, and leaves the past as it was', () => {
  const { machine: m } = new OwnRoom()
  const history = new History()
  const { managedPages, freePages } = m.zone
  for (m.ticks = 0; m.ticks <= 40; m.ticks += 20) {
    m.vmstat.pgfault = 5 * m.ticks
    history.observe(m)
  }
  m.ticks = 40
  const used = (managedPages - freePages) * m.pageSize
  // The balloon takes a hundred pages, all of them free ones.
  m.zone.managedPages -= 100
  m.zone.freePages -= 100
  expect(history.figures(m)).toMatchObject({ used: [used, used, used], all: (managedPages - 100) * m.pageSize }) // prettier-ignore
  // Somebody who waited was killed, and had fifty.
  m.zone.freePages += 50
  history.observe(m)
  expect(history.figures(m).used).toEqual([used, used, used - 50 * m.pageSize])
  m.ticks = 41
  m.vmstat.pgfault = 205
  expect(history.figures(m)).toMatchObject({
    seconds: [0, 1, 2, 2.05],
    used: [used, used, used, used - 50 * m.pageSize],
    faults: [0, 100, 100, 100],
  })
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
