import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { CrowdPost } from '../../server/net/crowdPost.ts'
import type { EntryBatch } from '../../server/room/messages.ts'
import { entryBatch, unpackEntries } from '../../server/room/packing.ts'
import type { Entry } from '../../shared/room/entry.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const entry = (seq: number): Entry => ({ seq, at: 0, seat: 1, c: { t: 'note', out: `${seq}` } })
const batch = (...seqs: number[]) => entryBatch(seqs.map(entry))
const seqsOf = ({ json, packed }: EntryBatch) => {
  const entries = JSON.parse(json) as Entry[]
  if (packed !== null) expect(unpackEntries(packed)).toEqual(entries)
  return entries.map(({ seq }) => seq)
}

it('a class gets each batch at once', () => {
  const sent: EntryBatch[] = []
  const post = new CrowdPost((batch) => sent.push(batch))
  for (let seq = 1; seq <= 5; seq++) post.take(batch(seq), 300)
  expect(sent.map(seqsOf)).toEqual([[1], [2], [3], [4], [5]])
})

it('a crowd gets fewer and longer ones, nothing is held for long, and all come in order', () => {
  const sent: EntryBatch[] = []
  const post = new CrowdPost((batch) => sent.push(batch))
  for (let tick = 0; tick < 30; tick++) {
    post.take(batch(tick * 10 + 1, tick * 10 + 2), 1000)
    vi.advanceTimersByTime(50)
  }
  vi.advanceTimersByTime(75)
  expect(sent.flatMap(seqsOf)).toEqual(
    Array.from({ length: 30 }, (_, tick) => [tick * 10 + 1, tick * 10 + 2]).flat(),
  )
  expect(sent.length).toBeGreaterThanOrEqual(19)
  expect(sent.length).toBeLessThanOrEqual(22)
  for (const one of sent)
    expect([one.first, one.last]).toEqual([seqsOf(one)[0], seqsOf(one).at(-1)])
})

it('what is held goes out before anybody is sent away', () => {
  const sent: EntryBatch[] = []
  const post = new CrowdPost((batch) => sent.push(batch))
  post.take(batch(1), 1000)
  post.take(batch(2), 1000)
  expect(sent.map(seqsOf)).toEqual([[1]])
  post.flush()
  post.flush()
  expect(sent.map(seqsOf)).toEqual([[1], [2]])
})
