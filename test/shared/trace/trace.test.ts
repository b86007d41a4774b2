import { describe, expect, it } from 'vitest'
import { emit, mkTrace, takeEvents, unwatch, watch, watchesCalls } from '@shared/trace/trace.ts'

const page = (pfn: number) => ({ pfn, order: 0 })

describe('a trace', () => {
  it('keeps nothing while nobody watches', () => {
    const trace = mkTrace()
    emit(trace, 1, 2, 'mm_page_free', page(3))
    expect([trace.ring, trace.on.mm_page_free]).toEqual([null, false])
  })

  it('gives each watcher what it wants and has not seen', () => {
    const trace = mkTrace()
    const frees = watch(trace, ['mm_page_free'])
    emit(trace, 1, 2, 'mm_page_free', page(3))
    emit(trace, 1, 2, 'mm_page_alloc', page(4))
    const all = watch(trace, ['mm_page_free', 'mm_page_alloc'])
    emit(trace, 2, 5, 'mm_page_alloc', page(6))
    emit(trace, 2, 5, 'mm_page_free', page(7))
    const taken = (watcher: typeof all) => takeEvents(watcher).map(({ args }) => args)
    expect(taken(frees)).toEqual([page(3), page(7)])
    expect(taken(all)).toEqual([page(6), page(7)])
    expect([taken(frees), taken(all)]).toEqual([[], []])
  })

  it('forgets what all have seen, and everything with the last watcher', () => {
    const trace = mkTrace()
    const [a, b] = [watch(trace, ['mm_page_free']), watch(trace, ['mm_page_free'])]
    for (let i = 0; i < 10; i++) emit(trace, 1, 2, 'mm_page_free', page(i))
    takeEvents(a)
    expect(trace.ring).toHaveLength(10)
    unwatch(b)
    expect(trace.ring).toHaveLength(0)
    unwatch(a)
    expect([trace.ring, trace.on.mm_page_free]).toEqual([null, false])
  })

  it('takes no more than there is room for, and says that something is missing', () => {
    const trace = mkTrace()
    const watcher = watch(trace, ['mm_page_free'], { room: 5 })
    for (let i = 0; i < 9; i++) emit(trace, 1, 2, 'mm_page_free', page(i))
    expect(takeEvents(watcher)).toHaveLength(5)
    expect(watcher.lost).toBe(true)
    emit(trace, 1, 2, 'mm_page_free', page(9))
    expect(takeEvents(watcher).map(({ args }) => args)).toEqual([page(9)])
  })

  it('asks for the system calls of one seat only, if nobody wants those of others', () => {
    const trace = mkTrace()
    watch(trace, ['sys_enter', 'sys_exit'], { seat: 3 })
    expect([watchesCalls(trace, 3), watchesCalls(trace, 4)]).toEqual([true, false])
    watch(trace, ['sys_enter', 'sys_exit'])
    expect(watchesCalls(trace, 4)).toBe(true)
  })
})
