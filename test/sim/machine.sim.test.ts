// A seeded class at work on small machines: whatever it does, the machine stays whole, nothing is lost, and every
// machine to which the same is done becomes the same.
//
// SOAK=600 goes on for so many seconds; SEED=7 tries that seed alone.

import { describe, expect, it } from 'vitest'
import { assert } from '@shared/lib/assert.ts'
import { mkPrng } from '@shared/lib/prng.ts'
import { checkMachine } from '@shared/machine/check.ts'
import type { Machine } from '@shared/state/machine.ts'
import {
  TRACE_NAMES,
  X86_PF_PROT,
  X86_PF_WRITE,
  showEvent,
  type TraceEvent,
} from '@shared/trace/events.ts'
import { takeEvents, unwatch, watch as watchTrace } from '@shared/trace/trace.ts'
import { differingField, hashState, loadState, saveState } from '@shared/state/walk.ts'
import { KINDS, PAGE, bootSmall, kindName, type Kind } from './process.ts'
import { Chooser, count, endAll, perform, type Step, type Tally } from './machineFuzz.ts'

const HASH_EVERY = 25
const CHECK_EVERY = 5 // where pages are large: their tables take long to look through
const quick = [1, 3, 4, 6]

/** Small enough that memory is short: 8 MiB or 16 of small pages, of larger ones fewer. Every other one has swap. */
function boot(seed: number, kind: Kind): Machine {
  const frames = { 4096: 2048, 16384: 1024, 65536: 512, 262144: 384 }[kind.pageSize]!
  const megabytes = (frames * kind.pageSize) / 2 ** 20
  const swap = Math.round(megabytes * 0.75)
  return bootSmall(
    seed % 3 === 0 ? 2 * megabytes : megabytes,
    seed,
    seed % 2 === 0 ? swap : 0,
    kind,
  )
}

interface Run {
  steps: Step[]
  hashes: string[]
  saved: Uint8Array
  savedAt: number
  last: Machine
}

/** Lets the class work; throws with seed, position and command when the machine is no longer whole. */
function work(seed: number, kind: Kind, steps: number, tally: Tally): Run {
  const m = boot(seed, kind)
  const stackAtStart = 1 + Math.ceil(131072 / m.pageSize)
  const chooser = new Chooser(mkPrng(seed * 7919))
  const run: Run = { steps: [], hashes: [], saved: new Uint8Array(), savedAt: -1, last: m }
  const before = { ...m.vmstat }
  for (let at = 0; at < steps && m.panic === ''; at++) {
    const step = chooser.next(m)
    run.steps.push(step)
    doStep(m, seed, at, step, tally)
    const caller = 'handle' in step ? m.handles.get(step.handle) : undefined
    if (caller !== undefined && caller.mm !== null && caller.mm.stackVm > stackAtStart)
      count(tally, 'stack grown')
    for (const name of counted) tally[name] = (tally[name] ?? 0) + m.vmstat[name] - before[name]
    Object.assign(before, m.vmstat)
    if (at === steps >> 1) {
      run.saved = saveState(m)
      run.savedAt = at
    }
    if (at % HASH_EVERY === 0) run.hashes.push(hashState(m))
  }
  return run
}

function doStep(m: Machine, seed: number, at: number, step: Step, tally: Tally): void {
  try {
    // Everything is watched here and nothing when the steps are done again: that must not matter.
    const watcher = watchTrace(m.trace, TRACE_NAMES)
    perform(m, step, tally)
    for (const event of takeEvents(watcher)) {
      count(tally, event.name)
      if (isProtectionFault(event)) count(tally, 'protection fault')
      assert(!showEvent(event).includes('undefined'), event.name)
    }
    unwatch(watcher)
    if (m.pageSize === PAGE || at % CHECK_EVERY === 0) checkMachine(m)
    for (const { state } of m.tasks.values()) if (state === 'Z') count(tally, 'zombie seen')
  } catch (thrown) {
    const where = `seed ${seed}, step ${at}: ${JSON.stringify(step)}`
    throw new Error(`${where}: ${String(thrown)}`, { cause: thrown })
  }
}

const counted = [
  'pswpin',
  'pswpout',
  'pgsteal_file',
  'pgactivate',
  'nr_written',
  'drop_pagecache',
] as const

/** A write to a page that is there and may not be written: mostly one that is to be copied. */
function isProtectionFault(event: TraceEvent): boolean {
  const wanted = X86_PF_PROT | X86_PF_WRITE
  return event.name === 'page_fault_user' && (event.args.error_code & wanted) === wanted
}

/** The same steps on a machine: the position of the first other hash, -1 if there is none. */
function repeat(m: Machine, run: Run, from: number, end = run.steps.length): number {
  for (let at = from; at < Math.min(end, run.steps.length); at++) {
    perform(m, run.steps[at], {})
    if (at % HASH_EVERY === 0 && hashState(m) !== run.hashes[at / HASH_EVERY]) return at
  }
  return -1
}

function seeds(some: number[]): number[] {
  return process.env.SEED === undefined ? some : [Number(process.env.SEED)]
}

/** What nobody of the class may keep: frames in use by other than kernel, daemons, page cache and kernel objects. */
function leftOver(m: Machine): Record<string, number> {
  const owners: Record<string, number> = {}
  for (const task of m.tasks.values())
    if (task.seat > 0) count(owners, `task ${task.comm} ${task.state}`)
  for (const inode of m.inodes.values()) {
    if (inode.nlink === 0) count(owners, `nameless inode, ${inode.pages.size} pages`)
    if (inode.backing === 'tmpfs' && inode.mappings.size > 0)
      count(owners, 'mapping of a dead process')
  }
  return owners
}

/** The class works, and everything that must come out of it is looked at. */
function lesson(seed: number, kind: Kind, steps: number, tally: Tally): void {
  const run = work(seed, kind, steps, tally)
  const second = boot(seed, kind)
  expect(repeat(second, run, 0), 'second machine').toBe(-1)
  expect(differingField(run.last, second)).toBe(null)
  if (run.savedAt >= 0) {
    const loaded = loadState(run.saved) as Machine
    expect(repeat(loaded, run, run.savedAt + 1), 'loaded machine').toBe(-1)
  }
  const forgetful = boot(seed, kind)
  forgetTranslations(forgetful)
  // It walks the tables at each access: half of the way is enough.
  expect(repeat(forgetful, run, 0, steps >> 1), 'machine without a TLB').toBe(-1)

  endAll(run.last)
  for (let i = 0; i < 3; i++) {
    doStep(run.last, seed, 0, { seat: 0, command: { t: 'tick', fuel: 1e6 } }, {})
  }
  if (run.last.panic === '') expect(leftOver(run.last)).toEqual({})
  count(tally, run.last.panic === '' ? 'ended' : 'panicked')
}

const [usual, ...others] = KINDS

describe('a class at work', () => {
  const tally: Tally = {}

  for (const seed of seeds(quick)) {
    it(
      `seed ${seed}: stays whole, and a second machine, a loaded one and one without a TLB become the same`,
      { timeout: 120_000 },
      () => lesson(seed, usual, 600, tally),
    )
  }

  it('has reached what it is for', () => {
    if (process.env.SEED !== undefined) return
    const rows = Object.entries(tally).sort(([a], [b]) => (a < b ? -1 : 1))
    console.log(rows.map(([name, times]) => `${name} ${times}`).join('  '))
    const atLeast = (name: string, least: number): void => {
      expect(tally[name] ?? 0, name).toBeGreaterThanOrEqual(least)
    }
    atLeast('protection fault', 50)
    for (const name of TRACE_NAMES) atLeast(name, 1)
    atLeast('=1', 10)
    atLeast('z1', 20)
    atLeast('n1', 50)
    atLeast('mark_victim', 20)
    atLeast('sched_process_fork', 100)
    atLeast('zombie seen', 50)
    atLeast('munmap split', 5)
    atLeast('mprotect merge', 1)
    atLeast('mmap done', 80)
    atLeast('stack grown', 5)
    atLeast('SIGSEGV:MAPERR', 5)
    atLeast('SIGSEGV:ACCERR', 5)
    atLeast('ended', 3)
    atLeast('pswpout', 1000)
    atLeast('pswpin', 300)
    atLeast('pgsteal_file', 300)
    atLeast('pgactivate', 300)
    atLeast('nr_written', 1)
    atLeast('drop_pagecache', 1)
    expect(tally.alive / (tally.alive + (tally.dead ?? 0))).toBeGreaterThan(0.8)
  })
})

describe('a class at work on every other kind of machine', () => {
  const wanted = ['protection fault', 'mark_victim', 'sched_process_fork', 'mmap done', 'pswpout']
  for (const kind of others) {
    it(`${kindName(kind)}: the same without swap and with it`, { timeout: 120_000 }, () => {
      const tally: Tally = {}
      for (const seed of seeds([5, 8])) lesson(seed, kind, 300, tally)
      if (process.env.SEED !== undefined) return
      for (const name of wanted) expect(tally[name] ?? 0, name).toBeGreaterThan(0)
    })
  }
})

/** A TLB that finds nothing and keeps nothing. */
function forgetTranslations(m: Machine): void {
  const empty = <T extends object>(array: T): T =>
    new Proxy(array, {
      get: (target, key) => (key === 'fill' ? () => target : NaN),
      set: () => true,
    })
  m.tlb.readTag = empty(m.tlb.readTag)
  m.tlb.writeTag = empty(m.tlb.writeTag)
  Object.defineProperty(m.tlb, 'region', { get: () => -1, set() {}, enumerable: true })
}

describe('soak', () => {
  const seconds = Number(process.env.SOAK ?? 0)

  it('goes on with new seeds while there is time', { timeout: seconds * 1000 + 60_000 }, () => {
    const end = performance.now() + seconds * 1000
    for (let seed = 1000; performance.now() < end; seed++) {
      const kind = KINDS[seed % KINDS.length]
      const run = work(seed, kind, 600, {})
      expect(repeat(boot(seed, kind), run, 0), `seed ${seed}`).toBe(-1)
    }
  })
})
