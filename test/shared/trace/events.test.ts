// The text of tracepoints, beside what the kernel writes of them.

import { describe, expect, it } from 'vitest'
import { apply } from '@shared/machine/machine.ts'
import { writeProc } from '@shared/proc/write.ts'
import {
  TRACEPOINTS,
  TRACE_NAMES,
  showEvent,
  type TraceEvent,
  type TraceFields,
  type TraceName,
} from '@shared/trace/events.ts'
import { takeEvents, watch } from '@shared/trace/trace.ts'
import type { Machine } from '@shared/state/machine.ts'
import { PAGE, addProcess, bootSmall, call, store, takeSeats } from '../../sim/process.ts'

function show<Name extends TraceName>(name: Name, args: TraceFields[Name]): string {
  return showEvent({ name, ticks: 0, pid: 1, args } as TraceEvent)
}

describe('a tracepoint', () => {
  it.each<[string, string]>([
    [show('mm_page_alloc', { pfn: 0x19afa0, order: 1 }), 'mm_page_alloc: pfn=0x19afa0 order=1'],
    [
      show('page_fault_user', { address: 0x56024efec738, error_code: 7 }),
      'page_fault_user: address=0x56024efec738 error_code=0x7',
    ],
    [
      show('sched_switch', {
        prev_comm: 'bash',
        prev_pid: 8379,
        prev_prio: 120,
        prev_state: 'R+',
        next_comm: 'swapper/0',
        next_pid: 0,
        next_prio: 120,
      }),
      'sched_switch: prev_comm=bash prev_pid=8379 prev_prio=120 prev_state=R+ ==> next_comm=swapper/0 next_pid=0 next_prio=120',
    ],
    [
      show('sched_process_fork', {
        parent_comm: 'bash',
        parent_pid: 8376,
        child_comm: 'bash',
        child_pid: 8379,
      }),
      'sched_process_fork: comm=bash pid=8376 child_comm=bash child_pid=8379',
    ],
    [
      show('sched_process_exec', { filename: '/usr/bin/cat', pid: 8379, old_pid: 8379 }),
      'sched_process_exec: filename=/usr/bin/cat pid=8379 old_pid=8379',
    ],
    [
      show('sched_process_exit', { comm: 'cat', pid: 8379, prio: 120, status: 0 }),
      'sched_process_exit: comm=cat pid=8379 prio=120',
    ],
    [
      show('signal_generate', {
        sig: 17,
        info: { code: 1, pid: 8383, uid: 0, address: 0, status: 0, utime: 0 },
        comm: 'b',
        pid: 8382,
        result: 1,
      }),
      'signal_generate: sig=17 errno=0 code=1 comm=b pid=8382 grp=1 res=1',
    ],
    [show('signal_deliver', { sig: 9, code: 0 }), 'signal_deliver: sig=9 errno=0 code=0'],
    [
      show('sys_enter', {
        id: 33,
        args: [0xb, 1, 0x56022af579bc, 0, 7, -1],
        line: '',
        open: false,
        name: 'dup2',
      }),
      'sys_enter: NR 33 (b, 1, 56022af579bc, 0, 7, ffffffffffffffff)',
    ],
    [
      show('sys_exit', { id: 1, ret: -22, line: '', value: '', name: 'write' }),
      'sys_exit: NR 1 = -22',
    ],
    [
      show('mm_filemap_add_to_page_cache', {
        dev: '08:01',
        ino: 0xfe,
        pfn: 0x1603f0,
        ofs: 4096,
      }),
      'mm_filemap_add_to_page_cache: dev 8:1 ino fe pfn=0x1603f0 ofs=4096 order=0',
    ],
    [
      show('vm_unmapped_area', {
        addr: 0x7ffa7b6b1000,
        total_vm: 0x2d,
        length: 0x35000,
        low_limit: 0x1000,
        high_limit: 0x7ffa7b6e6000,
      }),
      'vm_unmapped_area: addr=0x7ffa7b6b1000 err=0 total_vm=0x2d len=0x35000 lo=0x1000 hi=0x7ffa7b6e6000',
    ],
    [
      show('vm_unmapped_area', {
        addr: -12,
        total_vm: 1,
        length: 1,
        low_limit: 0,
        high_limit: 0,
      }),
      'vm_unmapped_area: addr=0x0 err=-12 total_vm=0x1 len=0x1 lo=0x0 hi=0x0',
    ],
    [
      show('oom_score_adj_update', { pid: 8380, comm: 'bash', oom_score_adj: 5 }),
      'oom_score_adj_update: pid=8380 comm=bash oom_score_adj=5',
    ],
    [
      show('mark_victim', {
        pid: 312,
        comm: 'hog',
        total_vm: 4096,
        anon_rss: 2048,
        file_rss: 8,
        shmem_rss: 0,
        uid: 1000,
        pgtables: 40,
        oom_score_adj: -5,
      }),
      'mark_victim: pid=312 comm=hog total-vm=4096kB anon-rss=2048kB file-rss:8kB shmem-rss:0kB uid=1000 pgtables=40kB oom_score_adj=-5',
    ],
    [
      show('mm_vmscan_write_folio', { pfn: 5, reclaim_flags: 9 }),
      'mm_vmscan_write_folio: pfn=0x5 flags=RECLAIM_WB_ANON|RECLAIM_WB_ASYNC',
    ],
    [
      show('mm_vmscan_lru_shrink_inactive', {
        nid: 0,
        nr_scanned: 32,
        nr_reclaimed: 30,
        priority: 12,
        reclaim_flags: 0,
      }),
      'mm_vmscan_lru_shrink_inactive: nid=0 nr_scanned=32 nr_reclaimed=30 priority=12 flags=RECLAIM_WB_NONE',
    ],
  ])('%s', (shown, expected) => expect(shown).toBe(expected))

  it('has a system and a text, and is there once', () => {
    expect(new Set(TRACE_NAMES).size).toBe(TRACE_NAMES.length)
    for (const name of TRACE_NAMES) expect(TRACEPOINTS[name].system).toMatch(/^[a-z_]+$/)
  })
})

describe('what is told', () => {
  const eventsOf = (m: Machine, names: TraceName[], act: () => void): string[] => {
    const watcher = watch(m.trace, names)
    act()
    return takeEvents(watcher).map(showEvent)
  }

  it('of faults: who touched what, and whether the page was there', () => {
    const m = bootSmall(8)
    const task = addProcess(m)
    const va = call(m, task, 'mmap', 0, 2 * PAGE, 3, 0x22, -1, 0)
    const shown = eventsOf(m, ['page_fault_user', 'page_fault_kernel'], () => {
      store(m, task, va, 1)
      store(m, task, va, 2)
      call(m, task, 'fork')
      store(m, task, va, 3)
      call(m, task, 'getrandom', va + PAGE, 8, 0)
      store(m, task, 16, 1)
    })
    const at = (offset: number) => (va + offset).toString(16)
    expect(shown).toEqual([
      `page_fault_user: address=0x${at(0)} error_code=0x6`,
      `page_fault_user: address=0x${at(0)} error_code=0x7`,
      `page_fault_kernel: address=0x${at(PAGE)} error_code=0x2`,
      'page_fault_user: address=0x10 error_code=0x6',
    ])
  })

  it('of processes: their birth, their program, their end', () => {
    const m = bootSmall(16)
    takeSeats(m, 1)
    const names: TraceName[] = ['sched_process_fork', 'sched_process_exec', 'sched_process_exit']
    const shown = eventsOf(m, names, () => {
      apply(m, 1, { t: 'spawn', path: '/usr/bin/hog', argv: ['hog'], env: [], stdout: 'tty' })
      for (let i = 0; i < 3; i++) apply(m, 0, { t: 'tick', fuel: 100_000 })
    }).map((line) => line.replace(/pid=\d+/g, 'pid=N'))
    expect(shown).toEqual([
      'sched_process_fork: comm=bash pid=N child_comm=bash child_pid=N',
      'sched_process_exec: filename=/usr/bin/hog pid=N old_pid=N',
      'sched_process_exit: comm=hog pid=N prio=120',
    ])
  })

  it('of the processor: who gets it, and whether the other one could have gone on', () => {
    const m = bootSmall(32)
    takeSeats(m, 1)
    const spawn = (size: string) =>
      apply(m, 1, { t: 'spawn', path: '/usr/bin/hog', argv: ['hog', size], env: [], stdout: 'tty' })
    const count = (key: 'nvcsw' | 'nivcsw') =>
      [...m.tasks.values()].reduce((sum, task) => sum + task[key], 0)
    const before = [count('nivcsw'), count('nvcsw')]
    spawn('4M')
    spawn('6M')
    const shown = eventsOf(m, ['sched_switch'], () => {
      for (let i = 0; i < 6; i++) apply(m, 0, { t: 'tick', fuel: 20_000 })
    }).map((line) =>
      /prev_comm=(\S+).*prev_state=(\S+) ==> next_comm=(\S+)/.exec(line)!.slice(1, 4),
    )
    const states = shown.map(([, state]) => state)
    expect(shown[0]).toEqual(['swapper/0', 'R', 'hog'])
    expect(shown.at(-1)).toEqual(['hog', 'R+', 'hog'])
    expect(states).toContain('D')
    expect(count('nivcsw') - before[0]).toBe(states.filter((state) => state === 'R+').length)
    expect(count('nvcsw') - before[1]).toBe(states.filter((state) => state === 'D').length)
  })

  it('of oom_score_adj: the value that was set, none that was refused', () => {
    const m = bootSmall(8)
    const task = addProcess(m)
    const shown = eventsOf(m, ['oom_score_adj_update'], () => {
      writeProc(m, task, `/proc/${task.pid}/oom_score_adj`, '300\n')
      writeProc(m, task, `/proc/${task.pid}/oom_score_adj`, '5000\n')
    })
    expect(shown).toEqual([
      `oom_score_adj_update: pid=${task.pid} comm=${task.comm} oom_score_adj=300`,
    ])
  })
})
