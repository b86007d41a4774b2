// malloc as a student meets it, in a process of its own.

import { describe, expect, it } from 'vitest'
import { heapLists } from '../../../shared/libc/heapLists.ts'
import {
  calloc,
  callocPrepare,
  free,
  mallinfo2,
  malloc,
  mallocStats,
  mallocTrim,
  mallocUsableSize,
  mallopt,
  memalign,
  mkClearing,
  mkMove,
  posixMemalign,
  realloc,
  reallocFinish,
  reallocPrepare,
} from '../../../shared/libc/malloc.ts'
import {
  GLIBC_2_13_I386,
  GLIBC_2_13_X86_64,
  GLIBC_2_36_I386,
  GLIBC_2_36_X86_64,
} from '../../../shared/libc/ptmalloc/flavour.ts'
import * as quickLayout from '../../../shared/libc/ptmalloc/quickLayout.ts'
import { largebinIndex } from '../../../shared/libc/ptmalloc/bins.ts'
import { FIRST_TCACHE_ENTRY, tcacheTableBytes } from '../../../shared/libc/ptmalloc/tcache.ts'
import type { MallocEnv } from '../../../shared/libc/ptmalloc/env.ts'
import { mkPrng, nextBelow, type Prng } from '../../../shared/lib/prng.ts'
import { Killed, ProcessMemory } from './processMemory.ts'

const flavours = [GLIBC_2_36_X86_64, GLIBC_2_36_I386, GLIBC_2_13_X86_64, GLIBC_2_13_I386]

function mkProcess(flavour = GLIBC_2_36_X86_64, environment = {}): ProcessMemory {
  return new ProcessMemory(flavour, environment, 0x1000000)
}

/** What the process says when it is killed. */
function lastWords(process: ProcessMemory, run: () => void): string {
  try {
    run()
  } catch (unwound) {
    if (unwound instanceof Killed)
      return `${unwound.signal} ${process.messages.join('').trim()}`.trim()
    throw unwound
  }
  return 'lives'
}

describe('where blocks lie', () => {
  it('main_arena has the size that this glibc gives it', () => {
    expect(flavours.map((flavour) => flavour.arena.size)).toEqual([2200, 1116, 2176, 1100])
  })

  it('the quick ways look where the flavour says that the fields lie', () => {
    const { arena, par, minLargeSize } = GLIBC_2_36_X86_64
    const behind = (offset: number): number => (offset - quickLayout.BINMAP_OFFSET) / 4
    expect(quickLayout).toMatchObject({
      ARENA_FLAGS: arena.flags / 4,
      HAVE_FASTCHUNKS: arena.haveFastchunks / 4,
      FASTBINS: arena.fastbins / 4,
      TOP: arena.top / 4,
      LAST_REMAINDER: arena.lastRemainder / 4,
      UNSORTED_FD: arena.bins / 4,
      UNSORTED_BK: arena.bins / 4 + 2,
      BINMAP_OFFSET: arena.binmap,
      SYSTEM_MEM: behind(arena.systemMem),
      TOP_PAD: behind(par.topPad),
      TCACHE_BINS: behind(par.tcacheBins),
      TCACHE_COUNT: behind(par.tcacheCount),
      INITIALIZED: behind(par.initialized),
      DEBUGGING: behind(par.debugging),
      PERTURB_BYTE: behind(par.perturbByte),
      GLOBAL_MAX_FAST: behind(par.globalMaxFast),
      TCACHE: behind(par.tcache),
      TCACHE_KEY: behind(par.tcacheKey),
      ENTRIES: FIRST_TCACHE_ENTRY / 4,
      TABLE_BYTES: tcacheTableBytes(GLIBC_2_36_X86_64),
      MIN_LARGE_SIZE: minLargeSize,
    })
  })

  it('the first block comes behind the thread cache’s table, or at the start if there is none', () => {
    const first = flavours.map((flavour) => malloc(mkProcess(flavour).env, 1) - 0x1000000)
    expect(first).toEqual([0x2a0, 0x1a0, 0x10, 0x8])
  })

  it('three blocks of one byte are a smallest chunk apart', () => {
    const { env } = mkProcess()
    const [a, b, c] = [malloc(env, 1), malloc(env, 1), malloc(env, 1)]
    expect([b - a, c - b]).toEqual([0x20, 0x20])
  })

  it('40 MiB get a mapping of their own: 40 MiB and a page', () => {
    const process = mkProcess()
    const mem = malloc(process.env, 40 * 1024 * 1024)
    expect(process.env.load(mem - 8)).toBe(0x2801002)
    expect(mallocUsableSize(process.env, mem)).toBe(0x2801000 - 16)
  })

  it('malloc(0) is a block; a size above PTRDIFF_MAX is none', () => {
    const process = mkProcess()
    expect(mallocUsableSize(process.env, malloc(process.env, 0))).toBe(24)
    expect(malloc(process.env, -1)).toBe(0)
    expect(malloc(process.env, 2n ** 64n - 1n)).toBe(0)
    expect(malloc(process.env, 2n ** 63n - 1n)).toBe(0)
    expect(process.errno).toBe(12)
  })

  it('a freed block comes back first, with stale bytes behind two spoilt words', () => {
    const { env } = mkProcess()
    const a = malloc(env, 200)
    env.fill(a, 0x41, 200)
    free(env, a)
    expect(malloc(env, 200)).toBe(a)
    expect(env.load(a + 8)).toBe(0)
    expect(env.load32(a + 16)).toBe(0x41414141)
  })
})

describe('what a damaged heap says', () => {
  it('a double free is found in the thread cache', () => {
    const process = mkProcess()
    const a = malloc(process.env, 20)
    free(process.env, a)
    expect(lastWords(process, () => free(process.env, a))).toBe(
      'SIGABRT free(): double free detected in tcache 2',
    )
  })

  it('text over the next chunk’s size is found when that one is freed', () => {
    const process = mkProcess()
    const a = malloc(process.env, 24)
    const b = malloc(process.env, 24)
    process.env.fill(a, 0x48, 32) // a size that is no multiple of 16
    expect(lastWords(process, () => free(process.env, b))).toBe('SIGABRT free(): invalid size')
  })

  it('a wild write into main_arena is found, too', () => {
    const process = mkProcess()
    malloc(process.env, 24)
    const top = process.env.load(process.env.mainArena + GLIBC_2_36_X86_64.arena.top)
    process.env.store(top + 8, -7)
    expect(lastWords(process, () => malloc(process.env, 200000))).toBe(
      'SIGABRT malloc(): corrupted top size',
    )
  })

  // What the real one does was seen with glibc 2.36: traces that get at main_arena by way of a forged cache entry.
  const { arena } = GLIBC_2_36_X86_64
  const headOfBin = (env: MallocEnv, bin: number): number =>
    env.mainArena + arena.bins + (bin - 2) * 16

  it('mp_ says how many lists the thread cache has and how long they may be, whoever wrote there', () => {
    const { env } = mkProcess()
    const { par } = env.flavour
    const blocks = Array.from({ length: 20 }, () => malloc(env, 24))
    env.store(env.mainArena + par.tcacheCount, 2 ** 32)
    for (const mem of blocks) free(env, mem)
    expect(malloc(env, 24)).toBe(blocks[19])
    expect(env.load16(env.load(env.mainArena + par.tcache))).toBe(19)
    env.store(env.mainArena + par.tcacheBins, 0)
    expect(malloc(env, 24)).toBeGreaterThan(blocks[19])
    env.store(env.mainArena + par.tcacheBins, -1)
    expect(malloc(env, 24)).toBe(blocks[18])
  })

  it('an empty large bin’s bk is not looked at, and is set right with the first that comes', () => {
    const { env } = mkProcess()
    const a = malloc(env, 9300)
    malloc(env, 24)
    const bin = headOfBin(env, largebinIndex(env, 9312))
    env.store(bin + 24, 0x4141414141410000)
    free(env, a)
    malloc(env, 20000) // sorts a into its bin
    expect(env.load(bin + 24)).toBe(a - 16)
    expect(malloc(env, 9300)).toBe(a)
  })

  it('a small bin is looked at whatever the binmap says of it', () => {
    const process = mkProcess()
    const { env } = process
    const mem = malloc(env, 100)
    const bin = headOfBin(env, 0x140 / 16)
    env.store(bin + 24, mem)
    env.store(mem + 24, mem)
    expect(lastWords(process, () => malloc(env, 0x138))).toBe(
      'SIGABRT malloc(): smallbin double linked list corrupted',
    )
    env.store(bin + 24, 0x4141414141410000)
    expect(lastWords(process, () => malloc(env, 0x138))).toContain('SIGSEGV')
  })

  it('freeing looks at the top chunk’s size, wherever the block lies', () => {
    const process = mkProcess()
    const { env } = process
    const blocks = Array.from({ length: 4 }, () => malloc(env, 2000))
    const top = env.load(env.mainArena + arena.top)
    const size = env.load(top + 8)
    env.store(top + 8, -0xffff)
    expect(lastWords(process, () => free(env, blocks[0]))).toBe(
      'SIGABRT double free or corruption (out)',
    )
    env.store(top + 8, size)
    env.store(env.mainArena + arena.top, 0x4141414141410000)
    expect(lastWords(process, () => free(env, blocks[1]))).toContain('SIGSEGV')
  })

  it('a pointer from nowhere is a segmentation fault', () => {
    const process = mkProcess()
    malloc(process.env, 1)
    expect(lastWords(process, () => free(process.env, 0x4141414141410000))).toBe('SIGSEGV')
  })

  it('a list that goes round in a circle ends the process, not the machine', () => {
    const process = mkProcess(GLIBC_2_13_X86_64)
    const [a, b] = [malloc(process.env, 20), malloc(process.env, 20)]
    for (const mem of [a, b, a]) free(process.env, mem)
    expect(lastWords(process, () => mallinfo2(process.env))).toBe('SIGALRM')
  })

  it('2.13 names the program and the address', () => {
    const process = mkProcess(GLIBC_2_13_X86_64)
    const a = malloc(process.env, 20)
    free(process.env, a)
    expect(lastWords(process, () => free(process.env, a))).toBe(
      'SIGABRT *** glibc detected *** ./program: double free or corruption (fasttop): 0x0000000001000010 ***',
    )
  })

  it('2.13 goes on after the message with MALLOC_CHECK_=1', () => {
    const process = mkProcess(GLIBC_2_13_X86_64, { MALLOC_CHECK_: '1' })
    const a = malloc(process.env, 20)
    free(process.env, a)
    expect(lastWords(process, () => free(process.env, a))).toBe('lives')
    expect(process.messages.join('')).toContain('free(): invalid pointer')
  })
})

describe('long work in slices', () => {
  it('calloc tells what is to be cleared; fresh memory isn’t', () => {
    const { env } = mkProcess()
    const clearing = mkClearing()
    malloc(env, 100000)
    callocPrepare(env, 1, 100000, clearing) // begins in the old end of the heap
    expect(clearing.length).toBe(0x21000 - 0x290 - 100016 - 8)
    const a = malloc(env, 2000)
    malloc(env, 1)
    free(env, a)
    expect(callocPrepare(env, 500, 4, clearing)).toBe(a)
    expect(clearing).toEqual({ from: a, length: 2008 })
  })

  it('realloc tells what is to be copied and frees the old block afterwards', () => {
    const { env } = mkProcess()
    const move = mkMove()
    const a = malloc(env, 24)
    malloc(env, 24)
    const b = reallocPrepare(env, a, 1000, move)
    expect(move).toMatchObject({ to: b, from: a, length: 24 })
    env.copy(move.to, move.from, move.length)
    reallocFinish(env, move)
    expect(malloc(env, 24)).toBe(a)
  })

  it('realloc in place has nothing to copy', () => {
    const { env } = mkProcess()
    const move = mkMove()
    const a = malloc(env, 2000)
    expect(reallocPrepare(env, a, 5000, move)).toBe(a)
    expect(move.length).toBe(0)
  })
})

describe('what malloc tells', () => {
  it('mallinfo2 counts what lies in the heap and in mappings', () => {
    const { env } = mkProcess()
    malloc(env, 2000)
    malloc(env, 1000000)
    expect(mallinfo2(env)).toMatchObject({ arena: 135168, hblks: 1, hblkhd: 1003520, ordblks: 1 })
  })

  it('malloc_stats writes the lines of glibc', () => {
    const { env } = mkProcess()
    malloc(env, 1)
    expect(mallocStats(env)).toBe(
      'Arena 0:\nsystem bytes     =     135168\nin use bytes     =        688\nTotal (incl. mmap):\n' +
        'system bytes     =     135168\nin use bytes     =        688\nmax mmap regions =          0\n' +
        'max mmap bytes   =          0\n',
    )
  })

  it('malloc_trim gives back what lies at the end', () => {
    const process = mkProcess()
    free(process.env, malloc(process.env, 100000))
    expect(mallocTrim(process.env, 0)).toBe(1)
    expect(process.sbrk(0)).toBe(0x1001000)
  })

  it('posix_memalign wants a power of two', () => {
    const { env } = mkProcess()
    expect(posixMemalign(env, 24, 1)).toBe(-22)
    expect(posixMemalign(env, 4096, 1) % 4096).toBe(0)
  })
})

describe('random work against a list of live ranges', () => {
  interface Live {
    mem: number
    bytes: number
    seed: number
  }

  /** xorshift32: the same everywhere. */
  function mkRandom(seed: number): (below: number) => number {
    let x = seed
    return (below) => {
      x ^= x << 13
      x ^= x >>> 17
      x ^= x << 5
      return (x >>> 0) % below
    }
  }

  function fillLive(process: ProcessMemory, { mem, bytes, seed }: Live, from: number): void {
    for (let i = from; i < bytes; i += 197) process.env.store8(mem + i, (seed + i) & 0xff)
  }

  function checkLive(process: ProcessMemory, { mem, bytes, seed }: Live, upTo: number): void {
    for (let i = 0; i < Math.min(bytes, upTo); i += 197) {
      if (process.env.load8(mem + i) !== ((seed + i) & 0xff)) {
        throw new Error(`block at ${mem.toString(16)} has lost byte ${i}`)
      }
    }
  }

  function checkZero(process: ProcessMemory, mem: number, bytes: number): void {
    for (let i = 0; i < bytes; i += 61) {
      if (process.env.load8(mem + i) !== 0) throw new Error(`calloc left byte ${i}`)
    }
  }

  function checkRanges(process: ProcessMemory, live: Live[]): void {
    const sorted = [...live].sort((a, b) => a.mem - b.mem)
    for (let i = 0; i < sorted.length; i++) {
      const block = sorted[i]
      expect(block.mem % process.env.flavour.alignment).toBe(0)
      expect(mallocUsableSize(process.env, block.mem)).toBeGreaterThanOrEqual(block.bytes)
      if (i > 0) expect(sorted[i - 1].mem + sorted[i - 1].bytes).toBeLessThanOrEqual(block.mem)
    }
  }

  for (const flavour of flavours) {
    for (const notcache of flavour.tcache ? [false, true] : [false]) {
      const name = `${flavour.version}, ${flavour.bits} bits${notcache ? ', no thread cache' : ''}`
      it(`no block overlaps another and none loses its contents: ${name}`, () => {
        const tunables = { GLIBC_TUNABLES: 'glibc.malloc.tcache_count=0' }
        const process = mkProcess(flavour, notcache ? tunables : {})
        const { env } = process
        const random = mkRandom(20110117)
        const live: Live[] = []
        const met = new Set<string>()
        const peek32 = (va: number): number => env.load32(va)
        const reader = { flavour, mainArena: env.mainArena, peek32 }
        const bytesOf = (): number =>
          [random(100), random(100), random(1200), random(20000), random(400000)][random(5)]
        for (let step = 0; step < 3000; step++) {
          const action = live.length < 20 ? 0 : live.length > 200 ? 3 : random(6)
          const bytes = bytesOf()
          if (action <= 1) {
            const align = 2 ** random(13)
            const kind = random(3)
            const mem =
              kind === 0
                ? malloc(env, bytes)
                : kind === 1
                  ? calloc(env, 1, bytes)
                  : memalign(env, align, bytes)
            if (kind === 1) checkZero(process, mem, bytes)
            if (kind === 2) expect(mem % align).toBe(0)
            live.push({ mem, bytes, seed: random(256) })
            fillLive(process, live.at(-1)!, 0)
          } else {
            const i = random(live.length)
            const block = live[i]
            checkLive(process, block, Infinity)
            if (action === 2) {
              const mem = realloc(env, block.mem, bytes)
              met.add(bytes === 0 ? 'freed' : mem === block.mem ? 'in place' : 'moved')
              live[i] = { ...block, mem, bytes }
              if (bytes === 0) live.splice(i, 1)
              else checkLive(process, { ...live[i], bytes: Math.min(bytes, block.bytes) }, Infinity)
              if (bytes !== 0) fillLive(process, live[i], 0)
            } else {
              free(env, block.mem)
              live.splice(i, 1)
            }
          }
          if (step % 100 === 0) {
            checkRanges(process, live)
            for (const { kind } of heapLists(reader, 1000)) met.add(kind)
          }
          if (step % 500 === 0) mallocTrim(env, 0)
        }
        expect(process.messages).toEqual([])
        expect(process.calls.mmap * process.calls.mremap * process.calls.madvise).toBeGreaterThan(0)
        const expected = ['fast', 'in place', 'large', 'moved', 'small', 'unsorted']
        if (flavour.tcache && !notcache) expected.push('tcache')
        expect([...met]).toEqual(expect.arrayContaining(expected))

        for (const block of live) free(env, block.mem)
        mallopt(env, -100, 0)
        const info = mallinfo2(env)
        expect(info.hblks).toBe(0)
        const cached = heapLists(reader, 1000).filter(({ kind }) => kind === 'tcache')
        const inCache = cached.reduce((sum, { size, count }) => sum + size * count, 0)
        const table = flavour.tcache ? (flavour.bits === 64 ? 0x290 : 0x190) : 0
        const skipped = flavour.alignment > flavour.header ? 8 : 0
        expect(info.uordblks).toBe(inCache + table + skipped)
      })
    }
  }
})

describe('the quick way', () => {
  const flavour = GLIBC_2_36_X86_64
  const mkBoth = (): ProcessMemory[] => [
    mkProcess(flavour),
    mkProcess({ ...flavour, quick: false }),
  ]

  /** Each step frees one of 300 blocks and takes another; the same is done in both. */
  function replaceBlocks(both: ProcessMemory[], live: number[], seed: number, count: number): void {
    let x = seed
    for (let step = 0; step < count; step++) {
      x ^= x << 13
      x ^= x >>> 17
      x ^= x << 5
      const k = (x >>> 3) % 300
      const bytes = 1 + ((x >>> 9) % [60, 200, 1200, 9000][(x >>> 1) & 3])
      const results = both.map((process) => {
        const mem: { now: number } = { now: -1 }
        const words = lastWords(process, () => {
          free(process.env, live[k] ?? 0)
          mem.now = malloc(process.env, bytes)
        })
        return words === 'lives' ? mem.now : words
      })
      if (results[0] !== results[1])
        throw new Error(`step ${step}: ${results[0]}, plain: ${results[1]}`)
      if (typeof results[0] === 'string') return
      live[k] = results[0]
    }
  }

  function bytesOf(process: ProcessMemory): Buffer {
    const data = process.read(process.env.mainArena, flavour.dataSize)!
    const length = Math.min(process.sbrk(0) - process.heapStart, 2 ** 22) // M_TOP_PAD may be anything
    const heap = process.read(process.heapStart, length)!
    return Buffer.concat([data, heap])
  }

  it('leaves the same bytes as the plain one', () => {
    const both = mkBoth()
    const live: number[] = []
    for (let part = 1; part <= 10; part++) {
      replaceBlocks(both, live, 20220801 * part, 1000)
      expect(bytesOf(both[0]).equals(bytesOf(both[1]))).toBe(true)
    }
  })

  const values = [0, 1, 2, 7, 64, 100, 0x90, 0xc0, 3000, 2 ** 20, 2 ** 31, 2 ** 32, 2 ** 32 + 7]
  values.push(-1, -16, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 62)

  /** Works for a while, writes the words that `damage` says into both, and works on: they have to go the same way. */
  function compareDamaged(
    rounds: number,
    damage: (prng: Prng, process: ProcessMemory, live: number[]) => [va: number, value: number][],
  ): void {
    const seed = Number(process.env.SEED ?? 1)
    const prng = mkPrng(seed)
    let deaths = 0
    for (let round = 0; round < rounds; round++) {
      const both = mkBoth()
      const live: number[] = []
      replaceBlocks(both, live, 1 + nextBelow(prng, 2 ** 31 - 1), 400)
      const written = damage(prng, both[0], live)
      for (const { env } of both) for (const [va, value] of written) env.store(va, value)
      try {
        replaceBlocks(both, live, 1 + nextBelow(prng, 2 ** 31 - 1), 300)
        if (both.some(({ messages }) => messages.length > 0)) deaths++
        if (!bytesOf(both[0]).equals(bytesOf(both[1]))) throw new Error('the bytes differ')
      } catch (cause) {
        const where = written.map(([va, value]) => `0x${va.toString(16)} = ${value}`).join(', ')
        throw new Error(`SEED=${seed}, round ${round}: ${where}`, { cause })
      }
    }
    expect(deaths).toBeGreaterThan(0)
    expect(deaths).toBeLessThan(rounds)
  }

  it('also if somebody has written into malloc’s own data', () => {
    compareDamaged(80, (prng, { env: { mainArena } }, live) => {
      const rest = flavour.arena.binmap
      const offset =
        nextBelow(prng, 2) === 0
          ? 8 * nextBelow(prng, flavour.dataSize / 8)
          : rest + 8 * nextBelow(prng, (flavour.dataSize - rest) / 8)
      const block = live.find((mem) => mem > 0)!
      const value = [block, block - 16, ...values][nextBelow(prng, values.length + 2)]
      return [[mainArena + offset, value]]
    })
  })

  it('also if somebody has written into chunks', () => {
    compareDamaged(80, (prng, process, live) => {
      const { mainArena } = process.env
      const peek32 = (va: number): number => process.env.load32(va)
      const reader = { flavour, mainArena, peek32 }
      const free = heapLists(reader, 1000).flatMap(({ kind, chunks }) =>
        kind === 'tcache' ? [] : chunks,
      )
      const chunks = [...free, ...live.filter((mem) => mem > 0).map((mem) => mem - 16)]
      const pick = (): number => chunks[nextBelow(prng, chunks.length)]
      const target = nextBelow(prng, 3) > 0 && free.length > 0 ? free : chunks
      const va = target[nextBelow(prng, target.length)] + 8 * nextBelow(prng, 6)
      const before = process.env.load(va)
      const near = [
        pick(),
        pick() + 16,
        pick() - 16,
        before + 16,
        before - 16,
        before + 8,
        before + 1,
      ]
      const value = [...near, ...near, ...values][nextBelow(prng, 2 * near.length + values.length)]
      return [[va, value]]
    })
  })
})
