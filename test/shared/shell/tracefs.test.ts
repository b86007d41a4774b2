import { beforeAll, describe, expect, it } from 'vitest'
import { TRACE_NAMES } from '@shared/trace/events.ts'
import { traceLine } from '../../../shared/shell/tracefs.ts'
import { classroom, type Ran } from '../../helpers/shellRoom.ts'
import type { OwnRoom } from '../../helpers/ownRoom.ts'

describe('/sys/kernel/tracing', () => {
  let room: OwnRoom
  let asRoot: (source: string) => Promise<Ran>
  let asBen: (source: string) => Promise<Ran>
  beforeAll(async () => {
    ;({ room, asRoot, asBen } = await classroom())
  })
  const out = async (source: string) => (await asRoot(source)).out
  const T = '/sys/kernel/tracing'

  it('lists what can be traced', async () => {
    const names = (await out(`cat ${T}/available_events`)).trim().split('\n')
    expect(names).toHaveLength(TRACE_NAMES.length)
    expect(names).toContain('kmem:mm_page_alloc')
    expect(names).toContain('exceptions:page_fault_user')
    expect(await out('ls /sys/kernel /sys')).toContain('tracing')
    expect(await out(`ls ${T}/events/oom`)).toBe('enable\nmark_victim\noom_score_adj_update\n')
    expect(await out(`ls /sys/kernel/debug/tracing`)).toContain('trace_pipe')
  })

  it('is root’s', async () => {
    expect((await asBen(`cat ${T}/trace`)).err).toContain('Permission denied')
    expect((await asBen(`echo 1 > ${T}/events/enable`)).err).toContain('Permission denied')
    expect((await asBen(`ls ${T}`)).err).toContain('Permission denied')
    expect((await asRoot(`cat ${T}/nothing`)).err).toContain('No such file')
  })

  it('shows what happened, with the fields of the kernel', async () => {
    await asRoot(`echo 1 > ${T}/events/sched/sched_process_exec/enable`)
    await asRoot(`echo oom:* >> ${T}/set_event`)
    expect(await out(`cat ${T}/set_event`)).toBe(
      'sched:sched_process_exec\noom:mark_victim\noom:oom_score_adj_update\n',
    )
    expect(await out(`cat ${T}/events/sched/enable ${T}/events/oom/enable`)).toBe('X\n1\n')
    await asRoot('echo 300 > /proc/self/oom_score_adj; sleep 0.1')
    const shown = await out(`cat ${T}/trace`)
    expect(shown).toMatch(/^# tracer: nop\n#\n# entries-in-buffer\/entries-written: 2\/2 {3}#P:1\n/)
    const lines = shown.trimEnd().split('\n').slice(-2)
    expect(lines[0]).toMatch(
      /^ {12}bash-\d+ {4} \[000\] \.{5} {4,}\d+\.\d{6}: oom_score_adj_update: pid=\d+ comm=bash oom_score_adj=300$/,
    )
    expect(lines[1]).toMatch(
      /: sched_process_exec: filename=\/usr\/bin\/sleep pid=(\d+) old_pid=\1$/,
    )
    expect(await out(`cat ${T}/trace_pipe; cat ${T}/trace_pipe`)).toBe(`${lines.join('\n')}\n`)
  })

  it('can be silenced, emptied and switched off', async () => {
    await asRoot(`echo kmem:mm_page_alloc > ${T}/set_event; echo 0 > ${T}/tracing_on; sleep 0.1`)
    expect(await out(`cat ${T}/tracing_on; cat ${T}/trace | grep -c mm_page_alloc`)).toBe('0\n0\n')
    await asRoot(`echo 1 > ${T}/tracing_on; sleep 0.1`)
    expect(Number(await out(`cat ${T}/trace | grep -c mm_page_alloc`))).toBeGreaterThan(10)
    await asRoot(`echo > ${T}/trace; echo '!kmem:mm_page_alloc' >> ${T}/set_event`)
    expect(await out(`cat ${T}/set_event; cat ${T}/trace_pipe`)).toBe('')
    expect(room.machine.trace.ring).toBe(null)
    expect((await asRoot(`echo no:such > ${T}/set_event`)).err).toContain('Invalid argument')
    expect((await asRoot(`echo 2 > ${T}/events/enable`)).err).toContain('Invalid argument')
  })

  it('a line is as the kernel writes it', () => {
    expect(
      traceLine(
        { name: 'mm_page_free', ticks: 247, pid: 8379, args: { pfn: 0x1086a2, order: 0 } },
        'cat',
      ),
    ).toBe(
      '             cat-8379    [000] .....    12.350000: mm_page_free: pfn=0x1086a2 order=0\n',
    )
  })
})
