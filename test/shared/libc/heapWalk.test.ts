// The heap as one who looks at it sees it.

import { describe, expect, it } from 'vitest'
import { heapLists } from '@shared/libc/heapLists.ts'
import {
  CHUNK_STATES,
  ODD_FOOT,
  ODD_INUSE,
  chunkIndexAt,
  walkHeap,
  type HeapRow,
} from '@shared/libc/heapWalk.ts'
import { free, malloc } from '@shared/libc/malloc.ts'
import {
  GLIBC_2_13_I386,
  GLIBC_2_13_X86_64,
  GLIBC_2_36_I386,
  GLIBC_2_36_X86_64,
} from '@shared/libc/ptmalloc/flavour.ts'
import { ProcessMemory } from './processMemory.ts'

const START = 0x1000000
const LIMIT = 1_000_000

function mkProcess(flavour = GLIBC_2_36_X86_64) {
  const process = new ProcessMemory(flavour, {}, START)
  const { env } = process
  const reader = {
    flavour,
    mainArena: env.mainArena,
    peek32: (va: number) => (process.isThere(va) ? env.load32(va) : null),
  }
  const lists = (limit = LIMIT) => heapLists(reader, limit)
  const walk = (limit = LIMIT): HeapRow =>
    walkHeap(reader, [{ start: START, end: process.sbrk(0), exact: true }], lists(limit))
  return { process, env, lists, walk }
}

const statesOf = ({ chunks: { count, state } }: HeapRow) =>
  [...state.subarray(0, count)].map((n) => CHUNK_STATES[n])
const sum = (values: Float64Array) => values.reduce((all, one) => all + one, 0)

describe('a walk over the heap', () => {
  it('sees every chunk once, with its state and its list', () => {
    const { env, walk, lists } = mkProcess()
    const [a, , c] = [malloc(env, 24), malloc(env, 24), malloc(env, 2000), malloc(env, 24)]
    free(env, a)
    free(env, c)
    expect(lists().map(({ kind, chunks }) => [kind, ...chunks])).toEqual([
      ['tcache', a - 16],
      ['unsorted', c - 16],
    ])
    const row = walk()
    expect(statesOf(row)).toEqual(['table', 'tcache', 'used', 'unsorted', 'used', 'top'])
    expect(row.stop).toBe('top')
    expect(sum(row.chunks.size)).toBe(0x21000)
    expect([...row.chunks.odd.subarray(0, 6)]).toEqual([0, 0, 0, 0, 0, 0])
    expect(chunkIndexAt(row.chunks, c + 100)).toBe(3)
    expect(chunkIndexAt(row.chunks, START - 1)).toBe(-1)
    expect(chunkIndexAt(row.chunks, START + 0x21000)).toBe(-1)
  })

  it.each([GLIBC_2_36_X86_64, GLIBC_2_36_I386, GLIBC_2_13_X86_64, GLIBC_2_13_I386])(
    'comes through to the top chunk with $version, $bits bits',
    (flavour) => {
      const { env, walk } = mkProcess(flavour)
      const blocks = Array.from({ length: 300 }, (_, i) => malloc(env, 1 + ((i * 37) % 1500)))
      for (let i = 0; i < 300; i += 2) free(env, blocks[i])
      malloc(env, 5000)
      const row = walk()
      expect(row.stop).toBe('top')
      const { count, odd } = row.chunks
      expect(odd.subarray(0, count).some((one) => one !== 0)).toBe(false)
      expect(new Set(statesOf(row))).toContain('large')
      expect(new Set(statesOf(row)).has('tcache')).toBe(flavour.tcache)
    },
  )

  it('has 100,000 chunks, and no limit makes a freed one look used', () => {
    const { env, walk } = mkProcess()
    const blocks = Array.from({ length: 100_000 }, () => malloc(env, 24))
    for (const block of blocks) free(env, block)
    const row = walk()
    expect(row.chunks.count).toBe(100_002)
    const states = statesOf(row)
    expect(states.filter((state) => state === 'used')).toEqual([])
    expect(states.filter((state) => state === 'fast')).toHaveLength(100_000 - 7)
  })

  it('stops where a size field holds no size, and says which and why', () => {
    const damage = (word: number) => {
      const { env, walk } = mkProcess()
      const [a] = [malloc(env, 24), malloc(env, 24)]
      env.store(a + 24, word)
      const { stop, stopAt, chunks } = walk()
      return { stop, stopAt: stopAt - a, count: chunks.count }
    }
    expect(damage(3)).toEqual({ stop: 'size', stopAt: 16, count: 2 })
    expect(damage(0x29)).toEqual({ stop: 'unaligned', stopAt: 16, count: 2 })
    expect(damage(0x100000)).toEqual({ stop: 'beyond', stopAt: 16, count: 2 })
    expect(damage(0x414141414141 * 0x10000)).toEqual({ stop: 'beyond', stopAt: 16, count: 2 })
  })

  it('notes a chunk about which the three places disagree', () => {
    const { env, walk } = mkProcess()
    const [a] = [malloc(env, 2000), malloc(env, 24)]
    free(env, a)
    env.store(a + 2000, 8)
    env.store(a + 2008, 0x21)
    const { odd } = walk().chunks
    expect(odd[1]).toBe(ODD_FOOT | ODD_INUSE)
  })

  it('goes on behind memory that somebody else took by sbrk', () => {
    const { process, env, walk } = mkProcess()
    malloc(env, 24)
    process.sbrk(5000)
    malloc(env, 120_000)
    malloc(env, 100_000)
    const row = walk()
    expect(row.stop).toBe('top')
    const states = statesOf(row)
    expect(states.slice(-5)).toEqual(['fence', 'fence', 'foreign', 'used', 'top'])
    expect(sum(row.chunks.size)).toBe(process.sbrk(0) - START)
  })
})

describe('a list of free chunks', () => {
  it('that goes round in a circle ends, and says so', () => {
    const { env, lists, walk } = mkProcess(GLIBC_2_13_X86_64)
    const [a, b] = [malloc(env, 24), malloc(env, 24)]
    for (const block of [a, b, a]) free(env, block)
    expect(lists()).toMatchObject([{ kind: 'fast', broken: 'circle', count: 2 }])
    expect(statesOf(walk()).slice(0, 2)).toEqual(['fast', 'fast'])
  })

  it('whose link is overwritten is broken there; the counter is told', () => {
    const { env, lists } = mkProcess()
    const blocks = [malloc(env, 24), malloc(env, 24), malloc(env, 24)]
    for (const block of blocks) free(env, block)
    env.store(blocks[2], 0)
    const [list] = lists()
    expect(list).toMatchObject({ kind: 'tcache', count: 3, broken: 'nowhere' })
    expect(list.chunks[0]).toBe(blocks[2] - 16)
  })

  it('whose link leads to where no chunk can begin is broken there', () => {
    const { env, lists } = mkProcess()
    const blocks = [malloc(env, 24), malloc(env, 24)]
    for (const block of blocks) free(env, block)
    for (const wrong of [blocks[0] + 4, 0x7000_0000]) {
      env.store(blocks[1], wrong ^ (blocks[1] >>> 12))
      const [list] = lists()
      expect(list).toMatchObject({ count: 2, broken: 'nowhere', chunks: [blocks[1] - 16] })
    }
  })

  it('that is longer than one wants to see is cut, and says so', () => {
    const { env, lists } = mkProcess(GLIBC_2_13_X86_64)
    const blocks = Array.from({ length: 20 }, () => malloc(env, 24))
    for (const block of blocks) free(env, block)
    expect(lists(5)).toMatchObject([{ broken: 'limit', count: 5 }])
  })
})
