import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ENOMEM } from '@shared/lib/errno.ts'
import { checkMachine } from '@shared/machine/check.ts'
import { vmCommitLimit } from '@shared/mm/overcommit.ts'
import { shmemZeroSetup, putInode } from '@shared/mm/shmem.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import { oracle } from '../../helpers/oracle.ts'
import { PAGE, addProcess, bootSmall, call, store } from '../../sim/process.ts'

const PRIVATE = 0x22
const NORESERVE = 0x4000

const request = (m: Machine, task: Task, pages: number, prot = 3, flags = PRIVATE): number =>
  call(m, task, 'mmap', 0, pages * PAGE, prot, flags, -1, 0)

describe('overcommit', () => {
  it('mode 0: one request may not exceed all memory; many together may', () => {
    const m = bootSmall(16)
    const task = addProcess(m)
    expect(request(m, task, m.totalramPages + 1)).toBe(-ENOMEM)
    for (let i = 0; i < 5; i++) expect(request(m, task, m.totalramPages)).toBeGreaterThan(0)
    expect(request(m, task, m.totalramPages + 1, 3, PRIVATE | NORESERVE)).toBeGreaterThan(0)
    expect(request(m, task, m.totalramPages + 1, 1)).toBeGreaterThan(0)
  })

  it('mode 1: always', () => {
    const m = bootSmall(16)
    m.sysctl.overcommitMemory = 1
    expect(request(m, addProcess(m), 2 ** 30)).toBeGreaterThan(0)
  })

  it('mode 2: all together up to the limit, less the reserves, noreserve or not', () => {
    const m = bootSmall(16)
    const task = addProcess(m)
    m.sysctl.overcommitMemory = 2
    let granted = 0
    for (const flags of [PRIVATE, PRIVATE | NORESERVE]) {
      while (request(m, task, 50, 3, flags) > 0) granted += 50
    }
    expect(m.committed).toBeLessThan(vmCommitLimit(m))
    expect(granted).toBeGreaterThan(vmCommitLimit(m) / 3)
    expect(request(m, task, 50, 1)).toBeGreaterThan(0)
  })

  it('what is refused leaves no promise behind', () => {
    const m = bootSmall(16)
    const task = addProcess(m)
    const { committed } = m
    request(m, task, m.totalramPages + 1)
    request(m, task, m.totalramPages + 1, 3, 0x21)
    expect(m.committed).toBe(committed)
  })

  it('making memory writable is a promise, too; taking it back from untouched memory ends it', () => {
    const m = bootSmall(16)
    const task = addProcess(m)
    const { committed } = m
    const va = request(m, task, 100, 1)
    expect(m.committed).toBe(committed)
    call(m, task, 'mprotect', va, 60 * PAGE, 3)
    expect(m.committed).toBe(committed + 60)
    call(m, task, 'mprotect', va, 100 * PAGE, 1)
    expect(m.committed).toBe(committed)
  })
})

describe('a fork is a promise', () => {
  const H = 0x2000_0000_0000

  it('mode 2: it fails with ENOMEM while RAM is free, and leaves nothing behind', () => {
    const m = bootSmall(32)
    const task = addProcess(m)
    m.sysctl.overcommitMemory = 2
    const pages = Math.floor(vmCommitLimit(m) * 0.6)
    expect(call(m, task, 'mmap', H, pages * PAGE, 3, 0x32, -1, 0)).toBe(H)
    const { committed } = m
    expect(call(m, task, 'fork')).toBe(-ENOMEM) // and the slab caches have grown
    const free = m.zone.freePages
    expect(free).toBeGreaterThan(m.totalramPages / 2)
    expect(call(m, task, 'fork')).toBe(-ENOMEM)
    expect([m.committed, m.zone.freePages, m.vmstat.oom_kill]).toEqual([committed, free, 0])
    m.sysctl.overcommitMemory = 0
    expect(call(m, task, 'fork')).toBeGreaterThan(0)
    checkMachine(m)
  })

  it('mode 1: it is granted whatever is promised already', () => {
    const m = bootSmall(16)
    const task = addProcess(m)
    m.sysctl.overcommitMemory = 1
    expect(request(m, task, 2 ** 30)).toBeGreaterThan(0)
    expect(call(m, task, 'fork')).toBeGreaterThan(0)
    expect(m.committed).toBeGreaterThan(2 ** 31)
  })
})

describe('2.6 guesses by what could be freed', () => {
  const H = 0x2000_0000_0000

  it('mode 0: what is in use is no longer granted; root gets the last 3 %', () => {
    const m = bootSmall(16)
    m.era = '2.6.32'
    const [user, root] = [addProcess(m), addProcess(m, 0)]
    const spare = () => m.zone.freePages - m.zone.watermarkHigh
    expect(request(m, user, m.totalramPages)).toBe(-ENOMEM)
    const cache = m.pageCache
    expect(request(m, root, cache + spare())).toBe(-ENOMEM)
    expect(request(m, root, cache + spare() - 1)).toBeGreaterThan(0)
    const most = cache - Math.floor(cache / 32) + spare() - Math.floor(spare() / 32) - 1
    expect(request(m, user, most + 1)).toBe(-ENOMEM)
    call(m, user, 'mmap', H, 500 * PAGE, 3, 0x32, -1, 0)
    for (let i = 0; i < 500; i++) store(m, user, H + i * PAGE, 1)
    expect(request(m, user, most)).toBe(-ENOMEM)
    m.era = '6.12'
    expect(request(m, user, most)).toBeGreaterThan(0)
  })

  it('mode 2: a share for root, no reserves in kB', () => {
    const m = bootSmall(16)
    m.era = '2.6.38'
    m.sysctl.overcommitMemory = 2
    m.sysctl.adminReserveKbytes = 2 ** 20
    const user = addProcess(m)
    const share = vmCommitLimit(m)
    const allowed = share - Math.floor(share / 32) - Math.floor(user.mm!.totalVm / 32)
    const left = allowed - m.committed
    expect(request(m, user, left)).toBe(-ENOMEM)
    expect(request(m, user, left - 1)).toBeGreaterThan(0)
  })
})

const recordings = oracle('oom')

describe.skipIf(recordings === null)('the recordings of real kernels', () => {
  interface Case {
    kind: string
    overcommit_memory: number
    overcommit_ratio: number
    overcommit_kbytes: number
    totalram_pages: number
    total_swap_pages: number
    hugetlb_pages: number
    committed_pages: number
    total_vm_pages: number
    cap_sys_admin: number
    admin_reserve_kbytes: number
    user_reserve_kbytes: number
    answer: Record<string, number | null>
  }

  it('the largest single mapping is what the kernel granted', () => {
    const text = readFileSync(`${recordings}/overcommit.jsonl`, 'utf8')
    const cases = text.split('\n').filter((line) => line.includes('"kind":"overcommit"'))
    let checked = 0
    for (const line of cases) {
      const one = JSON.parse(line) as Case
      if (one.total_swap_pages > 0 || one.hugetlb_pages > 0 || one.overcommit_kbytes > 0) continue
      const m = bootSmall(8)
      const task = addProcess(m, one.cap_sys_admin === 1 ? 0 : 1000)
      Object.assign(m.sysctl, {
        overcommitMemory: one.overcommit_memory,
        overcommitRatio: one.overcommit_ratio,
        adminReserveKbytes: one.admin_reserve_kbytes,
        userReserveKbytes: one.user_reserve_kbytes,
      })
      m.totalramPages = one.totalram_pages
      m.committed = one.committed_pages
      task.mm!.totalVm = one.total_vm_pages
      expect(vmCommitLimit(m) * 4).toBe(one.answer.commit_limit_kB)
      const kinds: [name: string, prot: number, flags: number][] = [
        ['private_rw', 3, 0x22],
        ['private_rw_noreserve', 3, 0x4022],
        ['private_ro', 1, 0x22],
      ]
      for (const [name, prot, flags] of kinds) {
        const wanted = one.answer[name]
        const grants = (pages: number): boolean => {
          const va = request(m, task, pages, prot, flags)
          if (va > 0) call(m, task, 'munmap', va, pages * PAGE)
          return va > 0
        }
        const tried = wanted === null ? [2 ** 33, true] : [wanted + 1, false]
        expect(grants(tried[0] as number), `${name} ${line}`).toBe(tried[1])
        if (wanted !== null && wanted > 0) expect(grants(wanted), `${name} ${line}`).toBe(true)
      }
      const shared = one.answer.shared_rw
      const object = (pages: number): boolean => {
        const inode = shmemZeroSetup(m, pages * PAGE, task, task.mm!.totalVm, false)
        if (inode !== null) putInode(m, inode)
        return inode !== null
      }
      if (shared !== null) expect([object(shared), object(shared + 1)], line).toEqual([true, false])
      checked++
    }
    expect(checked).toBeGreaterThan(20)
  })
})
