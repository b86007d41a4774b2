import { beforeAll, describe, expect, it } from 'vitest'
import { readProc } from '@shared/proc/root.ts'
import { TRACE_NAMES } from '@shared/trace/events.ts'
import { createShell, type Shell } from '../../../../shared/shell/shell.ts'
import { OwnRoom } from '../../../helpers/ownRoom.ts'
import { run, type Ran } from '../../../helpers/shellRoom.ts'

describe('perf stat', () => {
  let room: OwnRoom
  let ben: Shell
  let seat: number
  beforeAll(async () => {
    room = new OwnRoom()
    room.join('Ada', 'teacher')
    seat = room.join('Ben', 'student')
    ben = await createShell(room.port(seat))
  })
  const asBen = (source: string): Promise<Ran> => run(room, ben, source)

  it('has perf’s form on a machine without hardware counters', async () => {
    const { err, status } = await asBen('perf stat sleep 1')
    expect(status).toBe(0)
    const lines = err.split('\n')
    expect(lines.map((line) => line.replace(/\d/g, '9').replace(/^ +/, ''))).toEqual([
      '',
      "Performance counter stats for 'sleep 9':",
      '',
      expect.stringMatching(/^9+\.99 msec task-clock {23}# {4}9\.999 CPUs utilized {10}$/),
      expect.stringMatching(/^9 {6}context-switches {17}# {1,3}9+\.999 K?\/sec {18,19}$/),
      '9      cpu-migrations                   #    9.999 /sec                   ',
      expect.stringMatching(/^99 {6}page-faults {22}# {1,3}9+\.999 K\/sec {18}$/),
      '<not supported>      cycles                                                      ',
      '<not supported>      instructions                                                ',
      '<not supported>      branches                                                    ',
      '<not supported>      branch-misses                                               ',
      '',
      '9.999999999 seconds time elapsed',
      '',
      '9.999999999 seconds user',
      '9.999999999 seconds sys',
      '',
      '',
      '',
    ])
    expect(lines.slice(3, 7).map((line) => line.length)).toEqual([91, 91, 91, 91])
    expect(lines.slice(7, 11).map((line) => line.length)).toEqual([84, 84, 84, 84])
    expect(lines[12]).toHaveLength(39)
  })

  it('counts what is asked for, without rates if there is no clock', async () => {
    const { err } = await asBen('perf stat -e faults,cs,raw_syscalls:sys_enter sleep 0.2')
    expect(err).toMatch(/^ +\d\d {6}faults {61}$/m)
    expect(err).toMatch(/^ {17}\d {6}cs {65}$/m)
    expect(err).toMatch(/^ {17}3 {6}raw_syscalls:sys_enter {45}$/m)
  })

  it('counts the faults of a statement as getrusage and /proc do', async () => {
    const task = room.prompt(seat)
    const stat = () => {
      const shown = readProc(room.machine, `/proc/${task.pid}/stat`, 0)
      const fields = 'text' in shown ? shown.text.split(' ') : []
      return { minor: Number(fields[9]), major: Number(fields[11]) }
    }
    await asBen("ic -e 'char *p = malloc(400000)'")
    const before = stat()
    const { err } = await asBen(
      `perf stat -e page-faults,minor-faults,major-faults,exceptions:page_fault_user ic -e 'memset(p, 1, 400000)'`,
    )
    const after = stat()
    const counted = (name: string) => Number(new RegExp(`^ *(\\d+) +${name} `, 'm').exec(err)![1])
    expect(counted('minor-faults')).toBe(after.minor - before.minor)
    expect(counted('major-faults')).toBe(after.major - before.major)
    expect(counted('page-faults')).toBe(counted('minor-faults') + counted('major-faults'))
    expect(counted('exceptions:page_fault_user')).toBe(counted('page-faults'))
    expect(counted('minor-faults')).toBeGreaterThanOrEqual(97)
  })

  it('counts the switches that status shows', async () => {
    const { out, err } = await asBen(
      'hog 8M --rate 2M & perf stat -e context-switches -p $! sleep 1; grep ctxt /proc/$!/status',
    )
    const [voluntary, forced] = [...out.matchAll(/\t(\d+)/g)].map(([, n]) => Number(n))
    const counted = Number(/(\d+) +context-switches/.exec(err)![1])
    expect(counted).toBeGreaterThan(10)
    expect(counted).toBeLessThanOrEqual(voluntary + forced)
  })

  it('counts children, also those that have ended', async () => {
    const { err } = await asBen(
      `perf stat -e faults ic -e 'if (fork() == 0) { memset(malloc(200000), 1, 200000); exit(0); } wait(0)'`,
    )
    expect(Number(/(\d+) +faults/.exec(err)![1])).toBeGreaterThan(49)
  })

  it('does not count a process that did not run', async () => {
    const { err } = await asBen(
      `perf stat -e task-clock,faults -p ${room.prompt(seat).pid} sleep 0.1`,
    )
    expect(err).toContain(` Performance counter stats for process id '${room.prompt(seat).pid}':\n`)
    expect(err).toMatch(/^ {5}<not counted> msec task-clock {50}$/m)
    expect(err).toMatch(/^ {5}<not counted> {6}faults {54}$/m)
    expect(err).not.toContain('user')
  })

  it('leaves no watcher behind', () => {
    expect(room.machine.trace.ring).toBe(null)
  })

  it('lists what there is', async () => {
    const { out } = await asBen('perf list')
    expect(out).toContain('  page-faults                                        [Software event]\n')
    expect(out.match(/\[Tracepoint event\]/g)).toHaveLength(TRACE_NAMES.length)
  })

  it.each([
    ['perf stat -e foo sleep 1', "event syntax error: 'foo'\n", 129],
    [
      'perf stat -e page-faults,foo:bar sleep 1',
      "event syntax error: 'page-faults,foo:bar'\n",
      129,
    ],
    ['perf stat', '\n Usage: perf stat', 129],
    ['perf stat nosuch', 'Workload failed: No such file or directory\n', 255],
    ['perf stat -p 99999', 'Problems finding threads of monitor\n', 234],
    ['perf foo', "perf: 'foo' is not a perf-command. See 'perf --help'.\n", 1],
  ])('%s', async (source, problem, wanted) => {
    const { err, status } = await asBen(source)
    expect([err.startsWith(problem) ? problem : err, status]).toEqual([problem, wanted])
  })
})
