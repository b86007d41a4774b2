import { describe, expect, it } from 'vitest'
import { EHOSTDOWN } from '@shared/lib/errno.ts'
import { apply } from '@shared/machine/machine.ts'
import { checkMachine } from '@shared/machine/check.ts'
import { nextVictim, oomBadness, oomScore, outOfMemory } from '@shared/mm/oomKill.ts'
import { KERNEL_ERAS, type KernelEra, type Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import { PAGE, addProcess, bootSmall, call, forkTask, store, takeSeats } from '../../sim/process.ts'

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
    expect(nextVictim(m)!.pid).toBe(b.pid)
    a.oomScoreAdj = 1
    expect(nextVictim(m)!.pid).toBe(a.pid)
    c.oomScoreAdj = 1000
    expect(nextVictim(m)!.pid).toBe(c.pid)
  })

  it('-1000 is never chosen, -999 only when nobody else is there', () => {
    const m = bootSmall(16)
    const [exempt, last] = [fat(m, 900, -1000), fat(m, 900, -999)]
    const order: number[] = []
    for (let i = 0; i < 20; i++) {
      const victim = nextVictim(m)
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
    expect(nextVictim(m)!.pid).toBe(large.pid)
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
    expect(apply(m, 0, { t: 'prompt' })).toEqual({ errno: EHOSTDOWN })
  })

  it('nobody left to kill: the kernel says so and panics', () => {
    const m = bootSmall(8)
    for (const task of m.tasks.values()) task.oomScoreAdj = -1000
    const task = fat(m, 10, -1000)
    call(m, task, 'mmap', H, 1900 * PAGE, 3, 0x4032, -1, 0)
    for (let i = 0; i < 1900 && m.panic === ''; i++) store(m, task, H + i * PAGE, 1)
    expect(m.panic).toBe('System is deadlocked on memory')
    expect(m.syslog.slice(-3).map(({ text }) => text)).toEqual([
      'Out of memory and no killable processes...',
      'Kernel panic - not syncing: System is deadlocked on memory',
      '---[ end Kernel panic - not syncing: System is deadlocked on memory ]---',
    ])
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

/** A machine of that era; what its killer has said, without Mem-Info. */
function bootEra(era: KernelEra): { m: Machine; said: () => string[] } {
  const m = bootSmall(16)
  m.era = era
  m.syslog = []
  const said = () => {
    const lines = m.syslog.map(({ text }) => text)
    const [start, end] = [
      lines.indexOf('Mem-Info:'),
      lines.findIndex((l) => / hwpoisoned$/.test(l)),
    ]
    return start < 0 ? lines : [...lines.slice(0, start), ...lines.slice(end + 1)]
  }
  return { m, said }
}

/** A parent with more pages than each of its two children. */
function familyOf(m: Machine): Task[] {
  const parent = fat(m, 300)
  const children = [100, 200].map((pages) => {
    const child = forkTask(m, parent)
    call(m, child, 'munmap', H, 300 * PAGE)
    call(m, child, 'mmap', H, pages * PAGE, 3, 0x32, -1, 0)
    for (let i = 0; i < pages; i++) store(m, child, H + i * PAGE, 1)
    return child
  })
  return [parent, ...children]
}

describe('the eras', () => {
  it('2.6.32 kills the first child of the one that has mapped most, and says so', () => {
    const { m, said } = bootEra('2.6.32')
    m.sysctl.oomDumpTasks = 0
    const [parent, first] = familyOf(m)
    const score = oomScore(m, parent)
    expect(score).toBe(333 + Math.floor(133 / 2) + 1 + Math.floor(233 / 2) + 1)
    expect(nextVictim(m)).toBe(first)
    outOfMemory(m, 0)
    expect(said()).toEqual([
      'init invoked oom-killer: gfp_mask=0x280da, order=0, oom_adj=0',
      'init cpuset=/ mems_allowed=0',
      'Pid: 1, comm: init Not tainted 6.12.0-oomroom #1',
      `Out of memory: kill process ${parent.pid} (init) score ${score} or a child`,
      `Killed process ${first.pid} (init)`,
    ])
    checkMachine(m)
  })

  it('2.6.38 kills the worst child', () => {
    const { m, said } = bootEra('2.6.38')
    const [parent, , second] = familyOf(m)
    const score = oomScore(m, parent)
    outOfMemory(m, 0)
    const lines = said()
    expect(lines[0]).toBe(
      'init invoked oom-killer: gfp_mask=0x280da, order=0, oom_adj=0, oom_score_adj=0',
    )
    expect(lines[3]).toBe('[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name')
    expect(lines).toContain(
      `[${String(parent.pid).padStart(5)}] 65534 ${String(parent.pid).padStart(5)}      333      301   0       0             0 init`,
    )
    expect(lines.slice(-2)).toEqual([
      `Out of memory: Kill process ${parent.pid} (init) score ${score} or sacrifice child`,
      `Killed process ${second.pid} (init) total-vm:932kB, anon-rss:804kB, file-rss:0kB`,
    ])
  })

  it('SysRq f is done by a thread of the kernel', () => {
    const askers = KERNEL_ERAS.map((era) => {
      const { m, said } = bootEra(era)
      m.current = fat(m, 100)
      m.sysctl.oomKillAllocatingTask = 1
      outOfMemory(m, -1)
      return said()[0]
    })
    expect(askers).toEqual([
      'events/0 invoked oom-killer: gfp_mask=0xd0, order=0, oom_adj=0',
      'kworker/0:0 invoked oom-killer: gfp_mask=0xd0, order=0, oom_adj=0, oom_score_adj=0',
      'kworker/0:0 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=-1, oom_score_adj=0',
    ])
  })

  it('a switch of the era changes no memory and no process, only who would be next', () => {
    const m = bootSmall(16)
    const [parent, first, second] = familyOf(m)
    const memory = () => [m.zone.freePages, m.committed, m.tasks.size, parent.mm!.rssAnon]
    const before = memory()
    const next = KERNEL_ERAS.map((era) => {
      m.era = era
      checkMachine(m)
      expect(memory()).toEqual(before)
      return nextVictim(m)
    })
    expect(next).toEqual([first, second, parent])
  })
})

describe('one that is still dying', () => {
  it('is let die before another one is chosen', () => {
    for (const era of KERNEL_ERAS) {
      const { m } = bootEra(era)
      const [other, dying] = [fat(m, 300), fat(m, 400)]
      m.current = dying
      outOfMemory(m, 0)
      expect([dying.oomVictim, dying.mm!.oomSkip], era).toEqual([true, false])
      m.current = null
      expect(outOfMemory(m, 0)).toBe(true)
      expect([dying.mm!.oomSkip, other.oomVictim], era).toEqual([true, false])
      expect(outOfMemory(m, 0)).toBe(true)
      expect(other.oomVictim, era).toBe(true)
    }
  })
})

describe('the report', () => {
  it('has no table with oom_dump_tasks 0', () => {
    const m = bootSmall(16)
    m.sysctl.oomDumpTasks = 0
    fat(m, 100)
    outOfMemory(m, 0)
    const lines = m.syslog.map(({ text }) => text)
    expect(lines.some((line) => line.includes('oom_score_adj name'))).toBe(false)
    expect(lines.at(-2)).toMatch(/^oom-kill:/)
  })

  it('comes ten times in five seconds at most; the dead are always named', () => {
    const m = bootSmall(16)
    for (let i = 0; i < 13; i++) {
      fat(m, 100)
      outOfMemory(m, 0)
    }
    const count = (what: string) => m.syslog.filter(({ text }) => text.includes(what)).length
    expect([count('invoked oom-killer'), count('Killed process')]).toEqual([10, 13])
    m.ticks += 101
    fat(m, 100)
    outOfMemory(m, 0)
    expect(count('oom_kill_process: 3 callbacks suppressed')).toBe(1)
    expect(count('invoked oom-killer')).toBe(11)
  })
})
