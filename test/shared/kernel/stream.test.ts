import { describe, expect, it } from 'vitest'
import {
  STREAM_KEEP,
  attachStream,
  detachStream,
  mkStream,
  refillStreams,
  streamPut,
  streamWrite,
  sweepStreams,
} from '@shared/kernel/stream.ts'
import { addProcess, bootSmall } from '../../sim/process.ts'

describe('a stream', () => {
  it('keeps the end of what was written and counts all of it', () => {
    const m = bootSmall(8)
    const stream = mkStream(m, 1, true)
    for (let i = 0; i < 10; i++) {
      streamWrite(stream, String(i).repeat(1500))
      refillStreams(m)
    }
    expect(stream.written).toBe(15_000)
    expect(stream.text).toHaveLength(STREAM_KEEP)
    expect(stream.text.endsWith('9'.repeat(1500))).toBe(true)
  })

  it('takes only so much in a tick, so that who looks after each command misses nothing', () => {
    const m = bootSmall(8)
    const stream = mkStream(m, 1, true)
    let seen = 0
    for (let tick = 0; tick < 5; tick++) {
      while (streamWrite(stream, 'x'.repeat(1000)) === 1000);
      streamPut(stream, 'kernel line\n')
      expect(stream.written - seen).toBeLessThanOrEqual(STREAM_KEEP)
      seen = stream.written
      refillStreams(m)
    }
    expect(streamWrite(stream, 'x'.repeat(10_000))).toBe(4096)
    expect(streamWrite(stream, 'x')).toBe(0)
  })

  it('a pipe goes when its last writer has gone, a terminal stays', () => {
    const m = bootSmall(8)
    const [pipe, terminal] = [mkStream(m, 1, false), mkStream(m, 1, true)]
    const task = addProcess(m)
    attachStream(task, pipe)
    sweepStreams(m)
    expect(m.streams.has(pipe.id)).toBe(true)
    attachStream(task, terminal)
    expect([pipe.users, terminal.users]).toEqual([0, 1])
    sweepStreams(m)
    expect(m.streams.has(pipe.id)).toBe(false)
    detachStream(task)
    sweepStreams(m)
    expect(m.streams.has(terminal.id)).toBe(true)
  })
})
