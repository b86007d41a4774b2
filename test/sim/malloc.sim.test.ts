// malloc in several processes of a small machine, with fork and swap between the calls: blocks do not overlap, are aligned
// and keep their contents, and the heap's bytes fit together after each call, as glibc's own checks (do_check_malloc_state)
// want it. SEED=7 tries that seed alone. What is looked at some hundred thousand times is asserted: expect() takes longer
// than what it looks at.

import { afterAll, describe, expect, it } from 'vitest'
import { ptePfn, ptePresent } from '../../shared/hw/mmu.ts'
import type { IcProgram } from '../../shared/ic/program.ts'
import { actOnSignals } from '../../shared/kernel/sched.ts'
import { sendSignal } from '../../shared/kernel/signal.ts'
import { assert } from '../../shared/lib/assert.ts'
import { mkPrng, nextBelow, type Prng } from '../../shared/lib/prng.ts'
import { heapLists, type FreeList, type HeapReader } from '../../shared/libc/heapLists.ts'
import {
  CHUNK_STATES,
  chunkIndexAt,
  walkHeap,
  type HeapChunks,
} from '../../shared/libc/heapWalk.ts'
import {
  calloc,
  free,
  malloc,
  mallocTrim,
  mallocUsableSize,
  memalign,
  realloc,
  type MallocEnv,
} from '../../shared/libc/malloc.ts'
import { binIndex, binmapOf, haveFastchunks } from '../../shared/libc/ptmalloc/bins.ts'
import { mkCaller } from '../../shared/libc/process.ts'
import { checkMachine } from '../../shared/machine/check.ts'
import { followPte } from '../../shared/mm/pgtable.ts'
import { fillBytes, load32, loadBytes } from '../../shared/mm/uaccess.ts'
import { vmaLookup } from '../../shared/mm/vma.ts'
import type { Machine, MachineOptions } from '../../shared/state/machine.ts'
import { SIGKILL, type Task } from '../../shared/state/task.ts'
import { doSyscall } from '../../shared/syscall/table.ts'
import { bootProcess, map, writeAll } from '../bench/process.ts'

const STEPS = 700
const MAX_PROCESSES = 4
const AREA = 1600 // pages, of 2048
const SQUEEZE_EVERY = 50
const CONTENTS_EVERY = 20
const SEEDS = process.env.SEED === undefined ? [1, 2, 3] : [Number(process.env.SEED)]
const KINDS: Partial<MachineOptions>[] = [{}, { bits: 32 }, { glibc: '2.13' }]

interface Block {
  mem: number
  size: number
  byte: number // what it is full of
}

interface Process {
  task: Task
  env: MallocEnv
  heapStart: number
  blocks: Block[]
}

interface World {
  m: Machine
  prng: Prng
  processes: Process[]
  bystander: Task // who wants so much memory that the others are swapped out
  area: number
  nextByte: number
  reached: Record<string, number>
}

const reached: Record<string, number> = {}

describe('malloc, random calls with fork and swap', () => {
  for (const seed of SEEDS) {
    it(`keeps every heap whole (seed ${seed})`, { timeout: 120_000 }, () => {
      const world = mkWorld(seed)
      let step = 0
      try {
        for (; step < STEPS; step++) {
          if (step % SQUEEZE_EVERY === 0) squeeze(world)
          const process = pick(world, world.processes)
          takeStep(world, process)
          checkHeap(world.m, process)
          if (step % CONTENTS_EVERY === 0)
            world.processes.forEach((one) => checkContents(world, one))
        }
        checkMachine(world.m)
      } catch (thrown) {
        throw new Error(`seed ${seed}, step ${step}`, { cause: thrown })
      }
      reach(world, 'pswpin', world.m.vmstat.pswpin)
    })
  }

  afterAll(() => console.log(Object.entries(reached).flat().join(' ')))

  it.skipIf(process.env.SEED !== undefined)('has reached what it is for', () => {
    const wanted = ['fork', 'exit', 'cow', 'pswpin', 'consolidation', 'mmapped', 'trim', 'moved']
    for (const name of wanted) expect(reached[name] ?? 0, name).toBeGreaterThan(0)
  })
})

function mkWorld(seed: number): World {
  const kind = KINDS[seed % KINDS.length]
  const { m, task } = bootProcess({ ...kind, ram: 8 << 20, swap: 64 << 20 })
  const bystander = m.tasks.get(doSyscall(m, task, 'fork', []))!
  const first = { task, env: mkEnv(m, task), heapStart: 0, blocks: [] }
  first.heapStart = doSyscall(m, task, 'brk', [0])
  return {
    m,
    prng: mkPrng(seed),
    processes: [first],
    bystander,
    area: map(m, bystander, AREA),
    nextByte: 0,
    reached,
  }
}

function mkEnv(m: Machine, task: Task): MallocEnv {
  return mkCaller(m, task, (task.program as IcProgram).libc, () => '').env
}

function reach(world: World, name: string, count = 1): void {
  world.reached[name] = (world.reached[name] ?? 0) + count
}

function pick<T>(world: World, list: T[]): T {
  return list[nextBelow(world.prng, list.length)]
}

function chance(world: World, percent: number): boolean {
  return nextBelow(world.prng, 100) < percent
}

function squeeze({ m, bystander, area }: World): void {
  m.current = bystander
  writeAll(m, bystander, area, AREA)
}

function takeStep(world: World, process: Process): void {
  world.m.current = process.task
  const { env, blocks } = process
  const fast = haveFastchunks(env, env.mainArena)
  const brk = process.task.mm!.brk
  const what = nextBelow(world.prng, 100)
  if (what < 2 && world.processes.length < MAX_PROCESSES) fork(world, process)
  else if (what < 3 && world.processes.length > 1) return exit(world, process)
  else if (what < 4) mallocTrim(env, 0)
  else if (what < 45 || blocks.length === 0) allocate(world, process)
  else if (what < 60) resize(world, process, pick(world, blocks))
  else if (what < 66) rewrite(world, process, pick(world, blocks))
  else release(world, process, nextBelow(world.prng, blocks.length))
  if (fast && !haveFastchunks(env, env.mainArena)) reach(world, 'consolidation')
  if (process.task.mm!.brk < brk) reach(world, 'trim')
}

function drawSize(world: World): number {
  const kind = nextBelow(world.prng, 100)
  if (kind < 45) return nextBelow(world.prng, 200)
  if (kind < 75) return nextBelow(world.prng, 3000)
  if (kind < 95) return nextBelow(world.prng, 60_000)
  return 100_000 + nextBelow(world.prng, 600_000)
}

function allocate(world: World, process: Process): void {
  const { env } = process
  const size = drawSize(world)
  if (chance(world, 20)) {
    const mem = calloc(env, 1, size)
    const bytes = loadBytes(world.m, process.task, mem, size)
    expect(bytes.every((byte) => byte === 0)).toBe(true)
    own(world, process, mem, size)
  } else if (chance(world, 15)) {
    const alignment = 2 ** (5 + nextBelow(world.prng, 8))
    const mem = memalign(env, alignment, size)
    expect(mem % alignment).toBe(0)
    own(world, process, mem, size)
  } else own(world, process, malloc(env, size), size)
}

/** A block is the process's now: it is filled. */
function own(world: World, process: Process, mem: number, size: number): void {
  const { env, blocks } = process
  expect(mem).not.toBe(0)
  expect(mem % env.flavour.alignment).toBe(0)
  expect(mallocUsableSize(env, mem)).toBeGreaterThanOrEqual(size)
  for (const other of blocks)
    assert(mem + size <= other.mem || other.mem + other.size <= mem, 'blocks do not overlap')
  if (isMmapped(process, mem)) reach(world, 'mmapped')
  const block = { mem, size, byte: 0 }
  blocks.push(block)
  refill(world, process, block)
}

function isMmapped({ env }: Process, mem: number): boolean {
  return (env.load32(mem - env.flavour.word) & 2) !== 0
}

function refill(world: World, { task }: Process, block: Block): void {
  block.byte = (world.nextByte++ % 255) + 1
  const before = sharedFrame(world.m, task, block.mem)
  fillBytes(world.m, task, block.mem, block.byte, block.size)
  const after = followPte(world.m, task.mm!, block.mem)
  if (block.size > 0 && before > 0 && ptePresent(after) && ptePfn(after) !== before)
    reach(world, 'cow')
}

/** The frame of an address that others have mapped, too; 0 if none. */
function sharedFrame(m: Machine, task: Task, va: number): number {
  const pte = followPte(m, task.mm!, va)
  if (!ptePresent(pte) || ptePfn(pte) === m.zeroPfn) return 0
  return m.zone.page.mapcount[ptePfn(pte)] > 1 ? ptePfn(pte) : 0
}

function checkBlock(m: Machine, task: Task, mem: number, size: number, byte: number): void {
  const wrong = loadBytes(m, task, mem, size).findIndex((found) => found !== byte)
  if (wrong >= 0) expect.fail(`byte ${wrong} of ${size} at ${mem.toString(16)} is not ${byte}`)
}

function checkContents({ m }: World, { task, blocks }: Process): void {
  m.current = task
  for (const { mem, size, byte } of blocks) checkBlock(m, task, mem, size, byte)
}

function resize(world: World, process: Process, block: Block): void {
  const { task, env, blocks } = process
  const size = 1 + drawSize(world)
  const mem = realloc(env, block.mem, size)
  if (mem !== block.mem) reach(world, 'moved')
  checkBlock(world.m, task, mem, Math.min(size, block.size), block.byte)
  blocks.splice(blocks.indexOf(block), 1)
  own(world, process, mem, size)
}

function rewrite(world: World, process: Process, block: Block): void {
  checkBlock(world.m, process.task, block.mem, block.size, block.byte)
  refill(world, process, block)
}

function release(world: World, { task, env, blocks }: Process, index: number): void {
  const [{ mem, size, byte }] = blocks.splice(index, 1)
  checkBlock(world.m, task, mem, size, byte)
  free(env, mem)
}

function fork(world: World, process: Process): void {
  const { m, processes } = world
  const pid = doSyscall(m, process.task, 'fork', [])
  expect(pid).toBeGreaterThan(0)
  const task = m.tasks.get(pid)!
  const blocks = process.blocks.map((block) => ({ ...block }))
  processes.push({ task, env: mkEnv(m, task), heapStart: process.heapStart, blocks })
  reach(world, 'fork')
}

function exit(world: World, process: Process): void {
  const { m, processes } = world
  sendSignal(m, process.task, SIGKILL)
  actOnSignals(m)
  processes.splice(processes.indexOf(process), 1)
  process.blocks = []
  reach(world, 'exit')
}

// --- the heap's bytes

/** Reads as the process itself does: what was swapped out comes back. */
function readerOf({ env, task }: Process, m: Machine): HeapReader {
  const { flavour, mainArena } = env
  const there = (va: number) => vmaLookup(task.mm!, va) !== undefined
  return { flavour, mainArena, peek32: (va) => (there(va) ? load32(m, task, va) : null) }
}

function checkHeap(m: Machine, process: Process): void {
  const { task, env, heapStart } = process
  if (task.mm === null) return
  const reader = readerOf(process, m)
  const lists = heapLists(reader, 100_000)
  const range = { start: heapStart, end: task.mm.brk, exact: true }
  if (range.end === range.start) return
  const { chunks, stop } = walkHeap(reader, [range], lists)
  expect(stop).toBe('top')
  for (const list of lists) checkList(env, list)
  checkChunks(process, chunks)
  const system = env.load(env.mainArena + env.flavour.arena.systemMem)
  expect(system).toBe(range.end - range.start)
}

function checkList(env: MallocEnv, { kind, bin, size, chunks, broken, count }: FreeList): void {
  const { flavour } = env
  assert(broken === '', `${kind} ${bin}: ${broken}`)
  const sizes = chunks.map((p) => env.load(p + flavour.word) & ~7)
  assert(kind !== 'tcache' || count <= 7, 'a list of the tcache is short')
  assert(size === 0 || sizes.every((one) => one === size), 'a list has one size')
  if (kind === 'large') {
    assert(
      sizes.every((one, i) => i === 0 || one <= sizes[i - 1]),
      'a large bin is sorted',
    )
    assert(
      sizes.every((one) => binIndex(env, one) === bin),
      'a chunk is in its bin',
    )
  }
  if (kind === 'small' || kind === 'large') {
    const map = binmapOf(env, env.mainArena, bin >> 5)
    assert(((map >> (bin & 31)) & 1) === 1, 'the binmap knows of the bin')
  }
}

const FREE = ['unsorted', 'small', 'large'].map((name) => CHUNK_STATES.indexOf(name as 'small'))
const USED = CHUNK_STATES.indexOf('used')
const TOP = CHUNK_STATES.indexOf('top')

function checkChunks({ env, blocks }: Process, chunks: HeapChunks): void {
  const { flavour } = env
  const { count, state, odd } = chunks
  for (let i = 0; i < count; i++) {
    assert(odd[i] === 0, 'lists, flag and footer agree')
    if (i + 1 === count || !FREE.includes(state[i])) continue
    assert(!FREE.includes(state[i + 1]) && state[i + 1] !== TOP, 'no free neighbours')
  }
  for (const { mem, size } of blocks) {
    const i = chunkIndexAt(chunks, mem)
    if (i < 0) continue // a mapping of its own
    assert(chunks.address[i] === mem - flavour.header, 'a block is where its chunk is')
    assert(state[i] === USED, 'a block’s chunk is in use')
    assert(chunks.size[i] - flavour.word >= size, 'a chunk is as large as its block')
  }
  // What is in use and nobody's is leaked: only the library's own blocks may be.
  const inHeap = blocks.filter(({ mem }) => chunkIndexAt(chunks, mem) >= 0).length
  const used = state.subarray(0, count).filter((one) => one === USED).length
  expect(used).toBe(inHeap)
}
