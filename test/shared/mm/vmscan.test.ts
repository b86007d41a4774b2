import { describe, expect, it } from 'vitest'
import { checkMachine } from '@shared/machine/check.ts'
import { apply } from '@shared/machine/machine.ts'
import { PTE_ACCESSED } from '@shared/hw/mmu.ts'
import { followPte, setPte, ptepFind } from '@shared/mm/pgtable.ts'
import { dropPagecache, tryToFreePages } from '@shared/mm/vmscan.ts'
import { freeSwapPages, totalSwapPages } from '@shared/mm/swapfile.ts'
import type { Machine } from '@shared/state/machine.ts'
import {
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
} from '@shared/state/page.ts'
import type { Task } from '@shared/state/task.ts'
import {
  PAGE,
  addProcess,
  bootSmall,
  byteAt,
  call,
  forkTask,
  pageOf,
  store,
} from '../../sim/process.ts'

const H = 0x2000_0000_0000
const MADV_FREE = 8

/** A process with `pages` written, the n-th with the byte n. */
function fat(m: Machine, pages: number, base = H): Task {
  const task = addProcess(m, 0)
  grow(m, task, pages, base)
  return task
}

function grow(m: Machine, task: Task, pages: number, base = H): void {
  call(m, task, 'mmap', base, pages * PAGE, 3, 0x32, -1, 0)
  for (let i = 0; i < pages; i++) expect(store(m, task, base + i * PAGE, i)).toBe('ok')
}

/** Nobody has looked at it since: what the clock hand would leave behind. */
function forget(m: Machine, task: Task, pages: number, base = H): void {
  for (let va = base; va < base + pages * PAGE; va += PAGE) {
    const pte = followPte(m, task.mm!, va)
    if (pageOf(m, task, va) !== '-')
      setPte(m, task.mm!, va, ptepFind(m, task.mm!, va), pte & ~PTE_ACCESSED)
  }
}

function inSwap(m: Machine, task: Task, pages: number, base = H): number {
  let count = 0
  for (let i = 0; i < pages; i++) if (pageOf(m, task, base + i * PAGE) === '-') count++
  return count
}

describe('direct reclaim', () => {
  it('takes 32 pages that nobody has used lately, oldest first, and their content is in swap', () => {
    const m = bootSmall(16, 1, 16)
    m.sysctl.swappiness = 200
    const task = fat(m, 800)
    forget(m, task, 800)
    const free = m.zone.freePages
    expect(tryToFreePages(m, 0)).toBeGreaterThanOrEqual(32)
    expect(m.zone.freePages - free).toBeGreaterThanOrEqual(32)
    expect(inSwap(m, task, 800)).toBeGreaterThanOrEqual(30)
    expect(inSwap(m, task, 40), 'from the oldest on').toBeGreaterThanOrEqual(30)
    expect(task.mm!.swapEnts).toBe(inSwap(m, task, 800))
    expect(m.vmstat.pswpout).toBe(totalSwapPages(m) - freeSwapPages(m))
    for (let i = 0; i < 800; i++) expect(byteAt(m, task, H + i * PAGE)).toBe(i & 255)
    expect(task.majFlt).toBeGreaterThan(0)
    checkMachine(m)
  })

  it('gives a page that was used since a second chance', () => {
    const m = bootSmall(16, 1, 16)
    m.sysctl.swappiness = 200
    const task = fat(m, 400)
    forget(m, task, 400)
    for (let i = 0; i < 40; i++) byteAt(m, task, H + i * PAGE)
    tryToFreePages(m, 0)
    expect(inSwap(m, task, 40), 'the oldest, but used').toBe(0)
    expect(inSwap(m, task, 400)).toBeGreaterThan(0)
  })

  it('without swap takes only pages of files', () => {
    const m = bootSmall(16)
    const task = fat(m, 400)
    forget(m, task, 400)
    const files = m.pageCache
    expect(tryToFreePages(m, 0)).toBeGreaterThan(0)
    expect(m.pageCache).toBeLessThan(files)
    expect(inSwap(m, task, 400)).toBe(0)
  })

  it('leaves locked pages alone; they are on a list of their own', () => {
    const m = bootSmall(16, 1, 16)
    m.sysctl.swappiness = 200
    const task = fat(m, 300)
    call(m, task, 'mlock', H, 300 * PAGE)
    expect(m.zone.lruvec.size[LRU_UNEVICTABLE]).toBe(300)
    forget(m, task, 300)
    for (let i = 0; i < 20; i++) tryToFreePages(m, 0)
    expect(inSwap(m, task, 300)).toBe(0)
    call(m, task, 'munlock', H, 300 * PAGE)
    expect(m.zone.lruvec.size[LRU_UNEVICTABLE]).toBe(0)
    forget(m, task, 300)
    tryToFreePages(m, 0)
    expect(inSwap(m, task, 300)).toBeGreaterThan(0)
    checkMachine(m)
  })

  it('drops what was given up with MADV_FREE, without writing it, unless it was written to again', () => {
    const m = bootSmall(16, 1, 16)
    const task = fat(m, 100)
    expect(call(m, task, 'madvise', H, 100 * PAGE, MADV_FREE)).toBe(0)
    expect(m.vmstat.pglazyfree).toBe(100)
    store(m, task, H, 77)
    for (let i = 0; i < 10; i++) tryToFreePages(m, 0)
    expect(m.vmstat.pglazyfreed).toBeGreaterThan(50)
    expect(byteAt(m, task, H)).toBe(77)
    expect(byteAt(m, task, H + 50 * PAGE), 'reads as zero').toBe(0)
    checkMachine(m)
  })
})

describe('kswapd', () => {
  it('sleeps until memory falls below the low watermark, then works up to the high one', () => {
    const m = bootSmall(16, 1, 32)
    const kswapd = m.kswapd!
    const task = addProcess(m, 0)
    const ample = m.zone.freePages - m.zone.watermarkLow - 20
    grow(m, task, ample)
    expect(kswapd.state).toBe('S')
    forget(m, task, ample)
    grow(m, task, 40, H + 0x1000_0000)
    expect(m.zone.freePages).toBeLessThan(m.zone.watermarkLow)
    expect(kswapd.state).toBe('R')
    for (let i = 0; i < 40 && (kswapd.state !== 'S' || i === 0); i++)
      apply(m, 0, { t: 'tick', fuel: 500_000 })
    expect(m.zone.freePages).toBeGreaterThanOrEqual(m.zone.watermarkHigh)
    expect(kswapd.wait).toEqual({ for: 'kswapd' })
    expect(m.vmstat.pgsteal_kswapd).toBeGreaterThan(0)
    expect(m.vmstat.allocstall_normal, 'nobody had to reclaim himself').toBe(0)
    checkMachine(m)
  })

  it('gives up when there is nothing to take, and cannot be killed', () => {
    const m = bootSmall(8)
    const task = addProcess(m, 0)
    const pages = m.zone.freePages - 40
    call(m, task, 'mmap', H, pages * PAGE, 3, 0x4032, -1, 0)
    for (let i = 0; i < pages && task.mm !== null && task.pending === 0; i++)
      store(m, task, H + i * PAGE, 1)
    for (let i = 0; i < 40; i++) apply(m, 0, { t: 'tick', fuel: 500_000 })
    apply(m, 1, { t: 'seat', name: 'root', role: 'teacher', from: '::1' })
    apply(m, 1, { t: 'kill', task: m.kswapd!.handle, sig: 9 })
    expect(m.kswapd!.state).not.toBe('Z')
    expect(m.tasks.get(m.kswapd!.pid)).toBe(m.kswapd)
  })
})

describe('the lists', () => {
  it('new anonymous pages start inactive; a file page read twice is active', () => {
    const m = bootSmall(16)
    const before = m.zone.lruvec.size.slice()
    const task = fat(m, 50)
    expect(m.zone.lruvec.size[LRU_INACTIVE_ANON] - before[LRU_INACTIVE_ANON], 'and the stack').toBe(
      51,
    )
    expect(task.mm!.rssAnon).toBe(51)
    apply(m, 1, { t: 'seat', name: 'root', role: 'teacher', from: '::1' })
    apply(m, 1, { t: 'write', path: '/mnt/f', text: 'x'.repeat(20_000), append: false })
    const written = m.zone.lruvec.size.slice()
    apply(m, 1, { t: 'write', path: '/mnt/f', text: 'y'.repeat(20_000), append: false })
    apply(m, 1, { t: 'write', path: '/mnt/f', text: 'y', append: true })
    apply(m, 1, { t: 'write', path: '/mnt/f', text: 'y', append: true })
    expect(m.zone.lruvec.size[LRU_ACTIVE_FILE]).toBeGreaterThan(written[LRU_ACTIVE_FILE])
  })

  it('drop_caches takes what is clean and not mapped', () => {
    const m = bootSmall(16)
    apply(m, 1, { t: 'seat', name: 'root', role: 'teacher', from: '::1' })
    apply(m, 1, { t: 'write', path: '/mnt/f', text: 'x'.repeat(60_000), append: false })
    const dirty = m.dirtyPages
    expect(dirty).toBe(15)
    dropPagecache(m)
    expect(m.dirtyPages).toBe(dirty)
    const file = m.zone.lruvec.size[LRU_INACTIVE_FILE] + m.zone.lruvec.size[LRU_ACTIVE_FILE]
    expect(dropPagecache(m)).toBe(0)
    expect(file).toBeGreaterThan(0)
    checkMachine(m)
  })
})

describe('a page in swap', () => {
  it('is shared by parent and child after a fork, and copied by who writes', () => {
    const m = bootSmall(16, 1, 16)
    m.sysctl.swappiness = 200
    const task = fat(m, 300)
    forget(m, task, 300)
    tryToFreePages(m, 0)
    const gone = Array.from({ length: 300 }, (_, i) => H + i * PAGE).filter(
      (va) => pageOf(m, task, va) === '-',
    )
    expect(gone.length).toBeGreaterThan(20)
    const child = forkTask(m, task)
    expect(child.mm!.swapEnts).toBe(task.mm!.swapEnts)
    const [va] = gone
    const byte = byteAt(m, task, va)
    expect(byteAt(m, child, va)).toBe(byte)
    expect(pageOf(m, child, va)).toBe(pageOf(m, task, va))
    store(m, child, va, byte + 1)
    expect(byteAt(m, task, va)).toBe(byte)
    expect(byteAt(m, child, va)).toBe((byte + 1) & 255)
    checkMachine(m)
  })

  it('that was only read goes again without being written', () => {
    const m = bootSmall(16, 1, 16)
    m.sysctl.swappiness = 200
    const task = fat(m, 100)
    forget(m, task, 100)
    for (let i = 0; i < 4; i++) tryToFreePages(m, 0)
    for (let i = 0; i < 100; i++) byteAt(m, task, H + i * PAGE)
    const written = m.vmstat.pswpout
    forget(m, task, 100)
    for (let i = 0; i < 8; i++) {
      forget(m, task, 100)
      tryToFreePages(m, 0)
    }
    expect(inSwap(m, task, 100)).toBeGreaterThan(50)
    expect(m.vmstat.pswpout - written).toBeLessThan(40)
    checkMachine(m)
  })
})
