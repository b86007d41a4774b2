import { describe, expect, it } from 'vitest'
import { emit, mkTrace } from '@shared/trace/trace.ts'

describe('a trace', () => {
  it('keeps nothing while nobody watches', () => {
    const trace = mkTrace()
    emit(trace, 1, 2, 'page_fault_user', {})
    expect(trace.ring).toBe(null)
  })

  it('keeps the last events, the oldest go first', () => {
    const trace = mkTrace()
    trace.ring = []
    for (let i = 0; i < 10_000; i++) emit(trace, i, 1, 'mm_page_alloc', { pfn: i })
    expect(trace.ring.length).toBeLessThanOrEqual(4096)
    expect(trace.ring.length).toBeGreaterThanOrEqual(2048)
    expect(trace.ring.at(-1)!.args.pfn).toBe(9999)
  })
})
