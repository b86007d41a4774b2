import { describe, expect, it } from 'vitest'
import { Past } from '../../server/room/past.ts'

const numbers = (text: string): number[] => JSON.parse(text) as number[]

const batch = (first: number, numbers: number[]) => ({
  first,
  last: first + numbers.length - 1,
  json: JSON.stringify(numbers),
})

/** Batches of 1, 2, 3 … entries; an entry is its number. */
function pastOf(batches: number, now = 0): Past {
  const past = new Past()
  for (let n = 1, first = 1; n <= batches; first += n++)
    past.add(
      batch(
        first,
        Array.from({ length: n }, (_, i) => first + i),
      ),
      now + n,
    )
  return past
}

describe('the last entries of a room', () => {
  it('come back in whole batches from the one that holds the next entry', () => {
    const past = pastOf(4) // 1 | 2 3 | 4 5 6 | 7 8 9 10
    expect(numbers(past.after(0)!.text)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(numbers(past.after(2)!.text)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(numbers(past.after(3)!.text)).toEqual([4, 5, 6, 7, 8, 9, 10])
    expect(past.after(10)).toEqual({ text: '[]', last: 10 })
    expect(past.after(11)).toBeNull()
  })

  it('come in pieces of about the size that is asked for', () => {
    const past = pastOf(4)
    const first = past.after(0, 4)!
    expect(first).toEqual({ text: '[1,2,3]', last: 3 })
    expect(past.after(first.last, 1)).toEqual({ text: '[4,5,6]', last: 6 })
  })

  it('know how long ago they were', () => {
    const past = pastOf(4)
    expect(past.ageOf(0, 100)).toBe(99)
    expect(past.ageOf(6, 100)).toBe(96)
    expect(past.ageOf(10, 100)).toBe(0)
  })

  it('are forgotten after a while, and when they are too much', () => {
    const past = pastOf(4)
    past.add(batch(11, [11]), 90_003.5)
    expect(past.after(5)).toBeNull()
    expect(numbers(past.after(6)!.text)).toEqual([7, 8, 9, 10, 11])
    const json = `[${'1'.repeat(5 * 2 ** 20)}]`
    for (const seq of [12, 13, 14, 15]) past.add({ first: seq, last: seq, json }, 90_004)
    expect(past.has(11)).toBe(false)
    expect(past.has(12)).toBe(true)
  })

  it('have no hole', () => {
    const past = pastOf(3)
    past.add(batch(9, [9]))
    expect(past.has(6)).toBe(false)
    expect(past.after(8)).toEqual({ text: '[9]', last: 9 })
    expect(new Past(60).has(0)).toBe(false)
    expect(new Past(60).has(60)).toBe(true)
  })
})
