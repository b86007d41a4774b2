import { beforeAll, describe, expect, it } from 'vitest'
import { createShell, type Shell } from '../../../../shared/shell/shell.ts'
import { OwnRoom } from '../../../helpers/ownRoom.ts'
import { run, type Ran } from '../../../helpers/shellRoom.ts'

describe('strace', () => {
  let room: OwnRoom
  let ben: Shell
  let prompt: number
  beforeAll(async () => {
    room = new OwnRoom()
    room.join('Ada', 'teacher')
    const seat = room.join('Ben', 'student')
    ben = await createShell(room.port(seat))
    prompt = room.prompt(seat).pid
  })
  const asBen = (source: string): Promise<Ran> => run(room, ben, source)
  const short = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/ +=/, ' ='))

  it('shows the calls of a program on standard error, from execve to its end', async () => {
    const { out, err, status } = await asBen('strace sleep 0.1')
    expect([out, status]).toEqual(['', 0])
    expect(short(err)).toEqual([
      expect.stringMatching(
        /^execve\("\/usr\/bin\/sleep", \["sleep", "0\.1"\], 0x7f[0-9a-f]+ \/\* 0 vars \*\/\) = 0$/,
      ),
      expect.stringMatching(
        /^clock_nanosleep\(CLOCK_REALTIME, 0, \{tv_sec=0, tv_nsec=100000000\}, 0x7f[0-9a-f]+\) = 0$/,
      ),
      'exit_group(0) = ?',
      '+++ exited with 0 +++',
    ])
  })

  it('shows those of a statement at the C prompt', async () => {
    const { out, err } = await asBen(`strace -e brk ic -e 'p = malloc(100)'`)
    expect(out).toBe('p = (void *) 0x10002a0\n')
    expect(err).toBe(
      'brk(NULL)                               = 0x1000000\n' +
        'brk(0x1021000)                          = 0x1021000\n',
    )
    expect((await asBen(`strace -e 'trace=!%memory' ic -e 'getpid(); malloc(200000)'`)).err).toBe(
      `getpid()                                = ${prompt}\n`,
    )
  })

  it('follows children, with pids while there are several', async () => {
    const { err } = await asBen(`strace -f ic -e 'if (fork() == 0) exit(3); wait(0)'`)
    const child = /Process (\d+) attached/.exec(err)![1]
    const pid = `[pid ${child.padStart(5)}]`
    const lines = short(err)
    expect(lines[0]).toBe(
      `clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLDstrace: Process ${child} attached`,
    )
    expect(lines[1]).toMatch(/^, child_tidptr=0x[0-9a-f]+\) = \d+$/)
    expect(lines).toContain(`${pid} exit_group(3) = ?`)
    expect(lines).toContain(`${pid} +++ exited with 3 +++`)
    const last = lines.slice(lines.indexOf(`${pid} +++ exited with 3 +++`) + 1).join('\n')
    expect(last).toMatch(/^--- SIGCHLD .*si_status=3/m)
    expect(last).toMatch(
      new RegExp(`^(<... wait4 resumed>|wait4\\(-1, )NULL, 0, NULL\\) = ${child}$`, 'm'),
    )
    expect(err).toMatch(/^\[pid +\d+\] exit_group\(3\) {15}= \?$/m)
  })

  it('counts', async () => {
    const { err } = await asBen(
      `strace -c ic -e 'getpid(); getpid(); munmap((void *) 1, 1); brk(0)'`,
    )
    expect(err).toBe(
      `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
  0.00    0.000000           0         1         1 munmap
  0.00    0.000000           0         1           brk
  0.00    0.000000           0         2           getpid
------ ----------- ----------- --------- --------- ----------------
100.00    0.000000           0         4         1 total
`,
    )
  })

  it('writes to a file or into a pipe', async () => {
    const { err, out } = await asBen('strace -o /tmp/log -f sleep 0.1; cat /tmp/log')
    expect(err).toBe('')
    expect(out).toMatch(/^\d+ {2,}execve\(.*\n\d+ {2,}clock_nanosleep/)
    expect((await asBen('strace sleep 0.1 2>&1 | grep -c "="')).out).toBe('3\n')
    expect((await asBen('strace sleep 0.1 2> /tmp/err; wc -l < /tmp/err')).out.trim()).toBe('4')
  })

  it('tells the time', async () => {
    expect((await asBen('strace -t sleep 0')).err).toMatch(/^\d\d:\d\d:\d\d execve/)
    expect((await asBen('strace -tt sleep 0')).err).toMatch(/^\d\d:\d\d:\d\d\.\d{6} execve/)
    expect((await asBen('strace -ttt -q sleep 0')).err).toMatch(/^\d{10}\.\d{6} execve/)
    expect((await asBen('strace -q sleep 0')).err).not.toContain('+++')
  })

  it('joins a process that runs, until it ends', async () => {
    const { err } = await asBen('sleep 2 & strace -p $!')
    const [attached, ...lines] = err.split('\n')
    expect(attached).toMatch(/^strace: Process \d+ attached$/)
    expect(lines.join('\n')).toMatch(
      /^clock_nanosleep\(CLOCK_REALTIME, 0, \{tv_sec=2, tv_nsec=0\}, 0x\w+\) = 0\nexit_group\(0\) +=/,
    )
  })

  it('leaves it again on Ctrl-C', async () => {
    const started = await asBen('sleep 100 & echo $!')
    const pid = started.out.trim()
    const stop = new AbortController()
    let err = ''
    const ran = room.during(
      ben.exec(`strace -p ${pid}`, {
        signal: stop.signal,
        stdout: () => undefined,
        stderr: (text) => (err += text),
      }),
    )
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    stop.abort()
    await ran
    expect(err).toMatch(
      /^strace: Process \d+ attached\nclock_nanosleep\(CLOCK_REALTIME, 0, \{tv_sec=100, tv_nsec=0\}, strace: Process \d+ detached\n <detached \.\.\.>\n/,
    )
    expect(room.machine.tasks.has(Number(pid))).toBe(true)
    expect(room.machine.trace.ring).toBe(null)
  })

  it.each([
    ['strace', 'strace: must have PROG [ARGS] or -p PID\n'],
    ['strace -p', "strace: option requires an argument -- 'p'\n"],
    ['strace -Z x', "strace: invalid option -- 'Z'\n"],
    ['strace -p x', "strace: Invalid process id: 'x'\n"],
    ['strace -p 99999', 'strace: attach: ptrace(PTRACE_SEIZE, 99999): No such process\n'],
    ['strace -p 1', 'strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted\n'],
    ['strace -e trace=foo sleep 1', "strace: invalid system call 'foo'\n"],
    ['strace nosuch', "strace: Can't stat 'nosuch': No such file or directory\n"],
  ])('%s', async (source, problem) => {
    const { err, status } = await asBen(source)
    expect([err.startsWith(problem) ? problem : err, status]).toEqual([problem, 1])
  })

  it('says of a command without a process that there is nothing to see', async () => {
    const { err, out } = await asBen('strace ps')
    expect(err).toBe("strace: 'ps' is no process on the machine: it makes no system calls there\n")
    expect(out).toContain('bash')
  })
})
