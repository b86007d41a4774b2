import { describe, expect, it } from 'vitest'
import { checkMachine } from '@shared/machine/check.ts'
import { apply } from '@shared/machine/machine.ts'
import { dropPagecache } from '@shared/mm/vmscan.ts'
import { namei } from '@shared/fs/tree.ts'
import { peekFile } from '@shared/fs/file.ts'
import type { Machine } from '@shared/state/machine.ts'
import { bootSmall } from '../../sim/process.ts'

const PAGES = 20

function scene(): Machine {
  const m = bootSmall(16)
  apply(m, 1, { t: 'seat', name: 'root', role: 'teacher', from: '::1' })
  write(m, '/mnt/f', 'abcd'.repeat(1024 * PAGES))
  return m
}

function write(m: Machine, path: string, text: string): number | undefined {
  return apply(m, 1, { t: 'write', path, text, append: false }).errno
}

function ticks(m: Machine, count: number): void {
  for (let i = 0; i < count; i++) apply(m, 0, { t: 'tick', fuel: 1000 })
}

const text = (m: Machine, path: string): string =>
  new TextDecoder().decode(peekFile(m, namei(m, path)!))

describe('dirty pages of a file', () => {
  it('wait for half a minute, then they go to the disk; without that drop_caches cannot take them', () => {
    const m = scene()
    expect(m.dirtyPages).toBe(PAGES)
    ticks(m, 29 * 20)
    expect(m.dirtyPages).toBe(PAGES)
    ticks(m, 7 * 20)
    expect(m.dirtyPages).toBe(0)
    expect(m.vmstat.nr_written).toBe(PAGES)
    expect(dropPagecache(m)).toBeGreaterThanOrEqual(PAGES)
    expect(namei(m, '/mnt/f')!.pages.size).toBe(0)
    expect(text(m, '/mnt/f')).toBe('abcd'.repeat(1024 * PAGES))
    checkMachine(m)
  })

  it('on tmpfs stay where they are', () => {
    const m = scene()
    write(m, '/tmp/f', 'x'.repeat(40_000))
    const { dirtyPages } = m
    ticks(m, 40 * 20)
    dropPagecache(m)
    expect(dirtyPages).toBe(PAGES)
    expect(namei(m, '/tmp/f')!.pages.size).toBe(10)
  })

  it('when there are too many of them, whoever writes waits for the disk', () => {
    const m = bootSmall(16)
    apply(m, 1, { t: 'seat', name: 'root', role: 'teacher', from: '::1' })
    apply(m, 1, { t: 'write', path: '/proc/sys/vm/dirty_ratio', text: '1', append: false })
    for (let i = 0; i < 4; i++) write(m, `/mnt/${i}`, 'x'.repeat(60_000))
    expect(m.vmstat.nr_written).toBeGreaterThan(10)
    expect(m.disk.busyUntil).toBeGreaterThan(0)
    checkMachine(m)
  })

  it('a full disk is an error, and nothing is lost', () => {
    const m = scene()
    m.disk.free = 0
    m.disk.used.fill(1)
    expect(write(m, '/mnt/g', 'x')).not.toBe(undefined)
    expect(text(m, '/mnt/f')).toBe('abcd'.repeat(1024 * PAGES))
  })

  it('blocks of a file that is unlinked are free again', () => {
    const m = scene()
    const { free } = m.disk
    apply(m, 1, { t: 'unlink', path: '/mnt/f' })
    expect(m.disk.free).toBe(free + PAGES)
    expect(m.dirtyPages).toBe(0)
    checkMachine(m)
  })
})
