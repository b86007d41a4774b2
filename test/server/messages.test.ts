// What the server makes of messages that it must not take. A million of them: `npm run fuzz`.

import { expect, it } from 'vitest'
import { fuzz } from '../helpers/fuzzRoom.ts'

it.each([7, 8])(
  'seed %i: refuses each bad message with a reason; the machine stays as it is',
  { timeout: 120_000 },
  async (seed) => {
    const { before, after, reasons, ...result } = await fuzz(3000, seed)
    expect(after).toBe(before)
    expect(result).toMatchObject({ accepted: 0, first: '', silent: 0, firstSilent: '', entries: 0 })
    const answers = Object.values(reasons).reduce((sum, times) => sum + times, 0)
    expect(answers).toBe(result.messages)
    // It got as far as the checks, and to each of them.
    expect(reasons.rate).toBeUndefined()
    const known = ['malformed', 'elsewhere', 'seat', 'answer', 'event', 'teacher', 'lobby', 'task', 'who', 'running', 'name-taken', 'name-long'] // prettier-ignore
    expect(Object.keys(reasons)).toEqual(expect.arrayContaining(known))
  },
)
