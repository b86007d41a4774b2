import { expect, it } from 'vitest'
import { civil, ctime, hms } from '../../../shared/lib/clock.ts'

it('dates are those of the calendar', () => {
  const names = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
  for (let day = 0; day < 40_000; day += 13) {
    const ms = day * 86_400_000 + 12_345_678
    const real = new Date(ms)
    const date = civil(ms)
    expect([date.year, date.day, date.weekday]).toEqual([
      real.getUTCFullYear(),
      real.getUTCDate(),
      names[real.getUTCDay()],
    ])
    expect(date.time).toBe(real.toISOString().slice(11, 19))
  }
  expect(civil(Date.UTC(2024, 1, 29)).month).toBe('Feb')
  expect(civil(Date.UTC(2024, 2, 1)).month).toBe('Mar')
  expect(civil(Date.UTC(2023, 11, 31)).year).toBe(2023)
})

it('times are printed as ctime and ps print them', () => {
  expect(ctime(1_795_385_154_000)).toBe('Sun Nov 22 22:05:54 2026')
  expect(ctime(Date.UTC(2026, 10, 2))).toBe('Mon Nov  2 00:00:00 2026')
  expect(hms(3661)).toBe('01:01:01')
})
