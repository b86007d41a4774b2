import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { apply } from '@shared/machine/machine.ts'
import { checkMachine } from '@shared/machine/check.ts'
import { oomBadness, oomScore, outOfMemory, selectBadProcess } from '@shared/mm/oomKill.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import { oracle } from '../../helpers/oracle.ts'
import { PAGE, addProcess, bootSmall, call, store, takeSeats } from '../../sim/process.ts'

const H = 0x2000_0000_0000

/** A process that has written so many pages. */
function fat(m: Machine, pages: number, adj = 0): Task {
  const task = addProcess(m)
  call(m, task, 'mmap', H, pages * PAGE, 3, 0x32, -1, 0)
  for (let i = 0; i < pages; i++) store(m, task, H + i * PAGE, 1)
  task.oomScoreAdj = adj
  return task
}

describe('badness', () => {
  it('is resident pages and page tables, and a thousandth of memory for each point of adjustment', () => {
    const m = bootSmall(16)
    const task = fat(m, 100)
    const pages = 100 + 1 + task.mm!.pageTables
    expect(oomBadness(m, task)).toBe(pages)
    task.oomScoreAdj = 300
    expect(oomBadness(m, task)).toBe(pages + 300 * Math.floor(m.totalramPages / 1000))
    task.oomScoreAdj = -1000
    expect(oomBadness(m, task)).toBe(null)
    expect(oomBadness(m, m.tasks.get(1)!)).toBe(null)
  })

  it('shared pages count in full for everyone who maps them', () => {
    const m = bootSmall(16)
    const task = fat(m, 50)
    const pid = call(m, task, 'fork')
    expect(oomBadness(m, m.tasks.get(pid)!)).toBe(oomBadness(m, task))
  })
})

describe('the choice', () => {
  it('the highest loses, of equals the last', () => {
    const m = bootSmall(16)
    const [a, b, c] = [fat(m, 500), fat(m, 500), fat(m, 499)]
    expect(selectBadProcess(m)!.pid).toBe(b.pid)
    a.oomScoreAdj = 1
    expect(selectBadProcess(m)!.pid).toBe(a.pid)
    c.oomScoreAdj = 1000
    expect(selectBadProcess(m)!.pid).toBe(c.pid)
  })

  it('-1000 is never chosen, -999 only when nobody else is there', () => {
    const m = bootSmall(16)
    const [exempt, last] = [fat(m, 900, -1000), fat(m, 900, -999)]
    const order: number[] = []
    for (let i = 0; i < 20; i++) {
      const victim = selectBadProcess(m)
      if (victim === null) break
      order.push(victim.pid)
      victim.mm!.oomSkip = true
    }
    expect(order).not.toContain(exempt.pid)
    expect(order.at(-1)).toBe(last.pid)
  })

  it('neither owner nor age nor nice nor children matter', () => {
    const m = bootSmall(16)
    const [small, large] = [fat(m, 300), fat(m, 301)]
    Object.assign(large, { uid: 0, nice: -20, startTime: 0 })
    Object.assign(small, { uid: 1000, nice: 19 })
    expect(selectBadProcess(m)!.pid).toBe(large.pid)
  })
})

describe('the killer', () => {
  it('takes the victim’s memory at once; the report is the kernel’s', () => {
    const m = bootSmall(16)
    const victim = fat(m, 800)
    const tables = victim.mm!.pageTables * 4
    const free = m.zone.freePages
    outOfMemory(m, 0)
    expect(m.zone.freePages).toBeGreaterThan(free + 800)
    const report = m.syslog.map(({ text }) => text)
    const start = report.findIndex((line) => line.includes('invoked oom-killer'))
    const tail = report.slice(start)
    expect(tail[0]).toMatch(
      /^init invoked oom-killer: gfp_mask=0x140dca\(.*\), order=0, oom_score_adj=0$/,
    )
    expect(tail.some((line) => line === 'Mem-Info:')).toBe(true)
    const row = tail.find((line) => line.startsWith(`[${String(victim.pid).padStart(7)}]`))!
    expect(row).toMatch(/^\[ +\d+\] 65534 +\d+ +833 +801 +801 +0 +0 +\d+ +0 +0 init$/)
    expect(tail.at(-1)).toBe(
      `Out of memory: Killed process ${victim.pid} (init) total-vm:3332kB, anon-rss:3204kB, file-rss:0kB, shmem-rss:0kB, UID:65534 pgtables:${tables}kB oom_score_adj:0`,
    )
    checkMachine(m)
  })

  it('a killed process dies of SIGKILL when its turn comes', () => {
    const m = bootSmall(16)
    const victim = fat(m, 800)
    outOfMemory(m, 0)
    apply(m, 0, { t: 'tick', fuel: 1000 })
    expect(m.exits.at(-1)).toMatchObject({ pid: victim.pid, status: 9 })
  })

  it('oom_kill_allocating_task: who asks pays', () => {
    const m = bootSmall(16)
    const [large, asker] = [fat(m, 900), fat(m, 10)]
    m.sysctl.oomKillAllocatingTask = 1
    m.current = asker
    outOfMemory(m, 0)
    expect([large.oomVictim, asker.oomVictim]).toEqual([false, true])
    expect(m.syslog.at(-1)!.text).toMatch(
      /^Out of memory \(oom_kill_allocating_task\): Killed process/,
    )
  })

  it('panic_on_oom: the kernel panics instead', () => {
    const m = bootSmall(16)
    m.sysctl.panicOnOom = 1
    expect(outOfMemory(m, 0)).toBe(false)
    expect(m.panic).toBe('Out of memory: system-wide panic_on_oom is enabled')
    expect(apply(m, 0, { t: 'tick', fuel: 1000 }).errno).toBeGreaterThan(0)
  })

  it('nobody left to kill: the kernel says so and panics', () => {
    const m = bootSmall(8)
    for (const task of m.tasks.values()) task.oomScoreAdj = -1000
    const task = fat(m, 10, -1000)
    call(m, task, 'mmap', H, 1900 * PAGE, 3, 0x4032, -1, 0)
    for (let i = 0; i < 1900 && m.panic === ''; i++) store(m, task, H + i * PAGE, 1)
    expect(m.panic).toBe('System is deadlocked on memory')
    expect(m.syslog.at(-2)!.text).toBe('Out of memory and no killable processes...')
  })

  it('a hog without end is killed again and again; daemons that are exempt and small ones live', () => {
    const m = bootSmall(16)
    takeSeats(m, 2)
    for (let i = 0; i < 3; i++) {
      apply(m, 2, {
        t: 'spawn',
        path: '/usr/bin/hog',
        argv: ['hog', 'forever'],
        env: [],
        stdout: 'tty',
      })
      for (let k = 0; k < 20; k++) apply(m, 0, { t: 'tick', fuel: 500_000 })
      checkMachine(m)
    }
    expect(m.vmstat.oom_kill).toBe(3)
    expect(m.exits.filter(({ comm, status }) => comm === 'hog' && status === 9)).toHaveLength(3)
    expect([...m.tasks.values()].map(({ comm }) => comm)).toEqual(
      expect.arrayContaining(['init', 'syslogd', 'cron', 'sshd']),
    )
  })
})

const recordings = oracle('oom')

describe.skipIf(recordings === null)('the recordings of real kernels', () => {
  interface Score {
    rss: number
    swapents: number
    pgtables_bytes: number
    oom_score_adj: number
    totalpages: number
    in_vfork?: number
    answer: { oom_score: number }
  }
  interface Victim {
    constraint: string
    trigger: string
    totalpages: number
    sysctl: { oom_kill_allocating_task: number; panic_on_oom: number }
    tasks: {
      tgid: number
      pid: number
      rss: number
      swapents: number
      pgtables_bytes: number
      oom_score_adj: number
      [more: string]: unknown
    }[]
    answer: { victim: number | null }
  }
  const lines = <T>(name: string): T[] =>
    readFileSync(`${recordings}/${name}`, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T)

  /** Puts the numbers of a recorded process into a task. */
  function set(m: Machine, task: Task, rss: number, tableBytes: number, adj: number): void {
    Object.assign(task.mm!, {
      rssAnon: rss,
      rssFile: 0,
      rssShmem: 0,
      swapEnts: 0,
      pageTables: tableBytes / PAGE,
    })
    task.oomScoreAdj = adj
  }

  it('oom_score is what /proc showed', () => {
    const m = bootSmall(8)
    const task = addProcess(m)
    let checked = 0
    for (const one of lines<Score>('scores.jsonl')) {
      if (one.in_vfork === 1) continue
      m.totalramPages = one.totalpages
      set(m, task, one.rss + one.swapents, one.pgtables_bytes, one.oom_score_adj)
      expect(oomScore(m, task), JSON.stringify(one)).toBe(one.answer.oom_score)
      checked++
    }
    expect(checked).toBeGreaterThan(300)
  })

  it('the victim is the one that the kernel chose', () => {
    const m = bootSmall(32)
    for (const task of m.tasks.values()) task.oomScoreAdj = -1000
    const pool = Array.from({ length: 60 }, () => addProcess(m))
    let checked = 0
    for (const one of lines<Victim>('victims.jsonl')) {
      const plain = one.sysctl.oom_kill_allocating_task === 0 && one.sysctl.panic_on_oom === 0
      const special = one.tasks.some(
        (row) => row.in_vfork === 1 || row.oom_skip === 1 || row.oom_origin === 1,
      )
      if (
        !plain ||
        special ||
        one.constraint !== 'CONSTRAINT_NONE' ||
        one.tasks.length > pool.length
      )
        continue
      m.totalramPages = one.totalpages
      for (const [i, task] of pool.entries()) {
        const row = one.tasks.at(i)
        if (i >= one.tasks.length || row === undefined) set(m, task, 0, 0, -1000)
        else set(m, task, row.rss + row.swapents, row.pgtables_bytes, row.oom_score_adj)
      }
      const chosen = selectBadProcess(m)
      const at = chosen === null ? -1 : pool.indexOf(chosen)
      expect(at < 0 ? null : one.tasks[at].tgid, JSON.stringify(one).slice(0, 200)).toBe(
        one.answer.victim,
      )
      checked++
    }
    expect(checked).toBeGreaterThan(100)
  })
})
