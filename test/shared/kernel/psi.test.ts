import { describe, expect, it } from 'vitest'
import { calcLoad } from '@shared/kernel/loadavg.ts'
import { psiAccount, psiTick } from '@shared/kernel/psi.ts'
import { bootSmall, takeSeats } from '../../sim/process.ts'

describe('pressure', () => {
  it('is some while anybody waits for memory, full while nobody else works', () => {
    const m = bootSmall(16)
    const [a, b] = takeSeats(m, 2)
    psiAccount(m, 1000, a)
    expect(m.psi.some.total).toBe(0)
    b.state = 'D'
    b.memstall = true
    psiAccount(m, 1000, a)
    expect([m.psi.some.total, m.psi.full.total]).toEqual([1000, 0])
    a.state = 'S'
    psiAccount(m, 500, null)
    expect([m.psi.some.total, m.psi.full.total]).toEqual([1500, 500])
    psiAccount(m, 200, m.kswapd)
    expect([m.psi.some.total, m.psi.full.total]).toEqual([1700, 700])
    b.memstall = false
    psiAccount(m, 1000, null)
    expect(m.psi.some.total).toBe(1700)
  })

  it('has averages that follow in ten seconds, a minute, five minutes', () => {
    const m = bootSmall(16)
    for (let second = 0; second < 60; second += 2) {
      m.psi.some.period = 1_000_000
      m.ticks += 40
      psiTick(m)
    }
    const { avg10, avg60, avg300 } = m.psi.some
    const percent = [avg10, avg60, avg300].map((value) => value / 2048)
    expect(percent[0]).toBeGreaterThan(49)
    expect(percent[0]).toBeLessThanOrEqual(51)
    expect(percent[1]).toBeGreaterThan(28)
    expect(percent[1]).toBeLessThan(36)
    expect(percent[2]).toBeGreaterThan(7)
    expect(percent[2]).toBeLessThan(12)
    expect(m.psi.full.avg10).toBe(0)
  })

  it('averages round up while they rise, so that they get there', () => {
    let load = 0
    for (let i = 0; i < 200; i++) load = calcLoad(load, 1884, 2048)
    expect(load).toBe(2048)
    for (let i = 0; i < 200; i++) load = calcLoad(load, 1884, 0)
    expect(load).toBe(0)
  })
})
