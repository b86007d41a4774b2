// A process's heap as the panel asks for it: real processes of a booted machine.

import { describe, expect, it } from 'vitest'
import { addSwapDevice } from '@shared/mm/swapfile.ts'
import { heapIs, pageStates, scanHeap, type Heap } from '@shared/proc/heap.ts'
import { PAGE_ANON, PAGE_SHARED, PAGE_SWAP, PAGE_UNTOUCHED } from '@shared/proc/addressSpace.ts'
import { heapByte, type ByteRole } from '@shared/proc/heapByte.ts'
import { CHUNK_STATES } from '@shared/libc/heapWalk.ts'
import { hashState } from '@shared/state/walk.ts'
import { sitDown, type Prompt } from '../ic/prompt.ts'

const heapOf = ({ m, task }: Prompt): Heap => scanHeap(m, task)
const HEAP = 0x1000000

function statesOf({ row: { chunks } }: Heap): string[] {
  return [...chunks.state.subarray(0, chunks.count)].map((n) => CHUNK_STATES[n])
}

describe('whether there is a heap', () => {
  it('is told: not before the first malloc, not of a kernel thread, not of the dead', () => {
    const prompt = sitDown()
    const { m, task } = prompt
    expect(heapIs(m, task)).toBe('unused')
    prompt.type('p = malloc(1)')
    expect(heapIs(m, task)).toBe('there')
    const kswapd = [...m.tasks.values()].find(({ comm }) => comm.startsWith('kswapd'))
    expect(heapIs(m, kswapd)).toBe('none')
    expect(heapIs(m, undefined)).toBe('gone')
    prompt.type('exit(0)')
    expect(heapIs(m, task)).toBe('gone')
  })
})

describe('a look at a heap', () => {
  it('leaves no trace in the machine', () => {
    const prompt = sitDown()
    prompt.type('p = malloc(100); q = malloc(300000); free(p)')
    const before = hashState(prompt.m)
    const heap = heapOf(prompt)
    for (let va = HEAP; va < HEAP + 0x500; va++) heapByte(heap, va)
    pageStates(heap, HEAP, HEAP + 0x21000)
    expect(hashState(prompt.m)).toBe(before)
  })

  it('finds chunks with mappings of their own, neighbours and aligned ones too', () => {
    const prompt = sitDown()
    prompt.type(
      'a = malloc(200000); b = malloc(300000); c = memalign(8192, 200000); d = malloc(10)',
    )
    prompt.type('m = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)')
    prompt.type('memset(m, 7, 1 << 20)')
    const { mapped, mappedCounted, reader } = heapOf(prompt)
    expect([mapped.count, mappedCounted]).toEqual([3, 3])
    const users = [...mapped.address.subarray(0, 3)].map((p) => p + reader.flavour.header)
    for (const name of ['a', 'b', 'c']) {
      const shown = /0x([0-9a-f]+)/.exec(prompt.type(`(void *) ${name}`))![1]
      expect(users).toContain(parseInt(shown, 16))
    }
  })

  it('reads what lies in swap, and says that it does', () => {
    const prompt = sitDown(8 << 20)
    addSwapDevice(prompt.m, '/dev/vdb', 16 << 20)
    prompt.type('p = malloc(20000); memset(p, 65, 20000); q = malloc(24)')
    prompt.type('r = mmap(0, 12 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)')
    prompt.type('memset(r, 1, 12 << 20); memset(r, 2, 12 << 20)', 50_000_000)
    const heap = heapOf(prompt)
    expect([...pageStates(heap, HEAP, HEAP + 0x6000)]).toContain(PAGE_SWAP)
    expect(statesOf(heap)).toEqual(['table', 'used', 'used', 'top'])
    expect(heapByte(heap, HEAP + 0x3000)).toMatchObject({ byte: 65, role: 'user' })
  })

  it('knows pages that are shared since a fork, and those that nobody has touched', () => {
    const prompt = sitDown()
    prompt.type('p = malloc(8000); memset(p, 1, 8000)')
    const pages = () => [...pageStates(heapOf(prompt), HEAP, HEAP + 0x4000)]
    expect(pages()).toEqual([PAGE_ANON, PAGE_ANON, PAGE_ANON, PAGE_UNTOUCHED].slice(0, 4))
    prompt.type('f = fork()')
    expect(pages().filter((state) => state === PAGE_SHARED).length).toBeGreaterThan(0)
  })

  it('goes by the flavour: 32 bits', () => {
    const prompt = sitDown(32 << 20, 32)
    prompt.type('p = malloc(20); q = malloc(500000); free(p)')
    const heap = heapOf(prompt)
    expect(heap.row.stop).toBe('top')
    expect(statesOf(heap)).toEqual(['table', 'tcache', 'top'])
    expect(heap.mapped.count).toBe(1)
    expect(heapByte(heap, heap.mapped.address[0])).toMatchObject({ role: 'mappedOffset', value: 8 })
  })
})

describe('a byte', () => {
  const prompt = sitDown()
  prompt.type('a = malloc(24); b = malloc(24); c = malloc(2000); d = malloc(2000); e = malloc(24)')
  prompt.type('memset(c, 66, 2000)')
  prompt.type('free(a); free(b); free(c)')
  const heap = heapOf(prompt)
  const [a, b, c, d] = [HEAP + 0x2a0, HEAP + 0x2c0, HEAP + 0x2e0, HEAP + 0xac0]
  const role = (va: number): ByteRole => heapByte(heap, va)!.role

  it('of the header is a size, or the last bytes of the user before', () => {
    expect(heapByte(heap, a - 8)).toMatchObject({ role: 'size', word: '0x21', value: 0x21 })
    expect(role(a - 16)).toBe('prevUser')
    expect(role(HEAP)).toBe('prevNone')
    expect(heapByte(heap, d - 16)).toMatchObject({ role: 'prevSize', value: 2016 })
    expect(role(d + 1999)).toBe('user')
  })

  it('of a cached block is a mangled link, the key, or nobody’s', () => {
    const next = heapByte(heap, b + 3)!
    expect(next).toMatchObject({ role: 'tcacheNext', from: b, link: a, plain: false })
    expect(parseInt(next.word, 16)).toBe(a ^ (b >>> 12))
    expect(heapByte(heap, a)).toMatchObject({ role: 'tcacheNext', link: 0 })
    expect(heapByte(heap, b + 8)!.word).toBe(heapByte(heap, a + 8)!.word)
    expect(role(a + 8)).toBe('tcacheKey')
  })

  it('of the cache’s table is a counter or a head', () => {
    expect(heapByte(heap, HEAP + 0x10)).toMatchObject({ role: 'tcacheCount', value: 2, bin: 0 })
    expect(heapByte(heap, HEAP + 0x90)).toMatchObject({ role: 'tcacheEntry', link: b, bin: 0 })
    expect(heapByte(heap, HEAP + 0x98)).toMatchObject({ bin: 1, listSize: 48, link: 0 })
    expect(heapByte(heap, HEAP + 0x12)).toMatchObject({ bin: 1, listSize: 48, value: 0 })
  })

  it('of a chunk in a bin is a link, or what its last user left', () => {
    expect(heapByte(heap, c)).toMatchObject({ role: 'fd', linkIsBin: true, plain: true })
    expect(heapByte(heap, c + 16)).toMatchObject({ role: 'fdNextsize', link: 0 })
    expect(heapByte(heap, c + 32)).toMatchObject({
      role: 'stale',
      byte: 66,
      length: 2016 - 16 - 32,
    })
  })

  it('of the top chunk may lie on a page that nobody has touched', () => {
    expect(role(HEAP + 0x2800)).toBe('untouched')
    expect(heapByte(heap, HEAP + 0x21000)).toBe(null)
  })

  it('knows the chunks beside its own', () => {
    expect(heapByte(heap, b)).toMatchObject({ before: a - 16, behind: c - 16 })
    expect(heapByte(heap, HEAP)).toMatchObject({ before: 0, behind: a - 16 })
  })
})
