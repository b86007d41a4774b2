// Contents survive: processes write, read, fork, unmap and exit while memory is far too small for them. A model of plain
// arrays says what each must read; swap, tmpfs and a file on the disk are in play.

import { expect, it } from 'vitest'
import { mkPrng, nextBelow, type Prng } from '@shared/lib/prng.ts'
import { checkMachine } from '@shared/machine/check.ts'
import { apply } from '@shared/machine/machine.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import { differingField, hashState, loadState, saveState } from '@shared/state/walk.ts'
import { storeBytes } from '@shared/mm/uaccess.ts'
import { tryToFreePages } from '@shared/mm/vmscan.ts'
import {
  PAGE,
  addProcess,
  asTask,
  bootSmall,
  byteAt,
  call,
  exitTask,
  forkTask,
  store,
} from './process.ts'

const H = 0x2000_0000_0000
const PRIVATE = 900 // pages of each process's own
const SHARED = 200 // of one shared mapping
const FILE = 150 // of a file on the disk, mapped shared
const SHARED_AT = H + 0x1000_0000
const FILE_AT = H + 0x2000_0000

/** What a process should see: a byte a page. */
interface Model {
  task: Task
  own: Uint8Array
}

function begin(m: Machine): Model {
  const task = addProcess(m, 0)
  task.rlimits.memlock.soft = -1
  call(m, task, 'mmap', H, PRIVATE * PAGE, 3, 0x32, -1, 0)
  call(m, task, 'mmap', SHARED_AT, SHARED * PAGE, 3, 0x31, -1, 0)
  asTask(m, task, () => {
    call(m, task, 'mmap', H - PAGE, PAGE, 3, 0x32, -1, 0)
    m.current = task
    storeBytes(m, task, H - PAGE, new TextEncoder().encode('/mnt/file\0'))
  })
  const fd = call(m, task, 'open', H - PAGE, 0o102, 0o644)
  for (let i = 0; i < FILE; i++) call(m, task, 'write', fd, H, PAGE)
  call(m, task, 'mmap', FILE_AT, FILE * PAGE, 3, 0x11, fd, 0)
  return { task, own: new Uint8Array(PRIVATE) }
}

class Run {
  readonly m = bootSmall(8, 1, 24)
  readonly random: Prng
  readonly shared = new Uint8Array(SHARED)
  readonly file = new Uint8Array(FILE)
  readonly models: Model[] = []
  checked = 0
  forks = 0

  constructor(seed: number) {
    this.random = mkPrng(seed)
    this.models.push(begin(this.m))
  }

  below(bound: number): number {
    return nextBelow(this.random, bound)
  }

  step(): void {
    const { m } = this
    const model = this.models[this.below(this.models.length)]
    const { task, own } = model
    const dice = this.below(100)
    if (dice < 40) this.run(model, (page) => this.write(task, H, own, page))
    else if (dice < 60) this.run(model, (page) => this.read(task, H, own, page))
    else if (dice < 68) this.write(task, SHARED_AT, this.shared, this.below(SHARED))
    else if (dice < 74) this.read(task, SHARED_AT, this.shared, this.below(SHARED))
    else if (dice < 80) this.write(task, FILE_AT, this.file, this.below(FILE))
    else if (dice < 86) this.read(task, FILE_AT, this.file, this.below(FILE))
    else if (dice < 89 && this.models.length < 5) this.fork(model)
    else if (dice < 91 && this.models.length > 1) {
      this.models.splice(this.models.indexOf(model), 1)
      exitTask(m, task)
    } else if (dice < 93) this.drop(model)
    else if (dice < 95) this.lock(model)
    else if (dice < 97) call(m, task, 'msync', FILE_AT, FILE * PAGE, 4)
    else if (dice < 98) apply(m, 0, { t: 'tick', fuel: 300_000 })
    else call(m, task, 'munlockall')
  }

  /** A stretch of pages, as programs go over them. */
  private run({ own }: Model, act: (page: number) => void): void {
    const first = this.below(own.length)
    const end = Math.min(own.length, first + this.below(120))
    for (let page = first; page < end; page++) act(page)
  }

  private write(task: Task, base: number, model: Uint8Array, page: number): void {
    const byte = this.below(256)
    expect(store(this.m, task, base + page * PAGE + 77, byte)).toBe('ok')
    model[page] = byte
  }

  read(task: Task, base: number, model: Uint8Array, page: number): void {
    this.checked++
    expect(byteAt(this.m, task, base + page * PAGE + 77), `page ${page}`).toBe(model[page])
  }

  private fork({ task, own }: Model): void {
    this.models.push({ task: forkTask(this.m, task), own: own.slice() })
    this.forks++
  }

  private drop({ task, own }: Model): void {
    const first = this.below(PRIVATE - 20)
    for (let page = first; page < first + 20; page++)
      if (call(this.m, task, 'madvise', H + page * PAGE, PAGE, 4) === 0) own[page] = 0
  }

  private lock({ task }: Model): void {
    call(this.m, task, 'mlock', H + this.below(PRIVATE - 40) * PAGE, 40 * PAGE)
  }

  readAll(): void {
    for (const { task, own } of this.models) {
      for (let page = 0; page < PRIVATE; page++) this.read(task, H, own, page)
      for (let page = 0; page < SHARED; page++) this.read(task, SHARED_AT, this.shared, page)
      for (let page = 0; page < FILE; page++) this.read(task, FILE_AT, this.file, page)
    }
  }
}

it.each([1, 2, 3])('seed %i: every byte is what was written last', { timeout: 60_000 }, (seed) => {
  const run = new Run(seed)
  const { m } = run
  for (let at = 0; at < 700; at++) {
    run.step()
    if (at % 10 === 0) checkMachine(m)
  }
  run.readAll()
  checkMachine(m)
  expect(m.vmstat.oom_kill).toBe(0)
  expect(run.forks).toBeGreaterThan(3)
  expect(run.checked).toBeGreaterThan(3000)
  expect(m.vmstat.pswpout).toBeGreaterThan(1000)
  expect(m.vmstat.pswpin).toBeGreaterThan(500)
  expect(m.vmstat.nr_written).toBeGreaterThan(50)
  expect(m.vmstat.pgpgin).toBeGreaterThan(0)
  const loaded = loadState(saveState(m)) as Machine
  expect(differingField(m, loaded)).toBe(null)
  expect(hashState(loaded)).toBe(hashState(m))
  apply(m, 0, { t: 'tick', fuel: 100_000 })
  apply(loaded, 0, { t: 'tick', fuel: 100_000 })
  expect(hashState(loaded)).toBe(hashState(m))
  for (const { task } of run.models) exitTask(m, task)
  const [device] = m.swaps
  for (let slot = 1; slot <= device.pages; slot++) {
    const pfn = device.cache[slot]
    if (device.map[slot] > 0 || pfn < 0) continue
    expect(
      m.zone.page.mapcount[pfn],
      'a slot that only the cache needs is of a mapped page',
    ).toBeGreaterThan(0)
  }
  expect(device.inUse, 'what is left is the daemons’').toBeLessThan(150)
})

it('swapoff brings everything back, or refuses', { timeout: 60_000 }, () => {
  const run = new Run(9)
  const { m } = run
  for (let at = 0; at < 200; at++) run.step()
  apply(m, 1, { t: 'seat', name: 'root', role: 'teacher', from: '::1' })
  while (run.models.length > 1) exitTask(m, run.models.pop()!.task)
  m.sysctl.swappiness = 200
  for (let round = 0; round < 12; round++) tryToFreePages(m, 0)
  expect(m.swaps[0].inUse).toBeGreaterThan(50)
  expect(apply(m, 1, { t: 'swapoff', path: '/dev/vdb' }).errno).toBe(undefined)
  expect(m.swaps).toEqual([])
  checkMachine(m)
  run.readAll()
  expect(apply(m, 1, { t: 'swapon', path: '/dev/vdb' }).errno).toBe(undefined)
  expect(apply(m, 1, { t: 'swapon', path: '/dev/vdb' }).errno).toBe(16)
})
