import { describe, expect, it } from 'vitest'
import type { TraceEvent } from '@shared/trace/events.ts'
import {
  STRACE_EVENTS,
  StraceLog,
  StraceWriter,
  doneLine,
  type StraceItem,
} from '@shared/syscall/straceLog.ts'
import { takeEvents, watch } from '@shared/trace/trace.ts'
import { SIGINT, SIGKILL, SIGTERM } from '@shared/state/task.ts'
import { apply } from '@shared/machine/machine.ts'
import { sitDown } from '../ic/prompt.ts'

/** A person at a C prompt and what strace -f -p prints of the process. */
function traced(follow = true) {
  const prompt = sitDown()
  const { m, task } = prompt
  const watcher = watch(m.trace, STRACE_EVENTS)
  const log = new StraceLog(follow)
  log.attach(task.pid)
  const names = new Map<number, string>()
  const nameOf = (pid: number) => {
    if (!names.has(pid)) names.set(pid, String.fromCharCode(65 + names.size))
    return names.get(pid)!
  }
  nameOf(task.pid)
  const writer = new StraceWriter(({ pid }) => `${nameOf(pid)} `)
  const items = (): StraceItem[] => takeEvents(watcher).flatMap((event) => log.take(event))
  const pids = (line: string) => {
    let text = line.replace(/0x7f[0-9a-f]+/g, 'ADDR').replace(/ +/g, ' ')
    for (const [pid, name] of names) text = text.replaceAll(new RegExp(`\\b${pid}\\b`, 'g'), name)
    return text
  }
  return {
    ...prompt,
    items,
    /** The lines since, with letters for processes. */
    lines: () => {
      const text = items()
        .map((item) => writer.write(item))
        .join('')
      return text === '' ? [] : text.replace(/\n$/, '').split('\n').map(pids)
    },
    detach: () => writer.detach(),
  }
}

describe('what strace tells of a process', () => {
  it('its calls, one after the other', () => {
    const { type, lines } = traced()
    type('p = malloc(200)')
    expect(lines().map((line) => line.replace(/"(\\x..)+"/, 'KEY'))).toEqual([
      'A getrandom(KEY, 8, GRND_NONBLOCK) = 8',
      'A brk(NULL) = 0x1000000',
      'A brk(0x1021000) = 0x1021000',
    ])
    type('p = malloc(100000)')
    expect(lines()).toEqual([])
    type('munmap((void *) 1, 4096)')
    expect(lines()).toEqual(['A munmap(0x1, 4096) = -1 EINVAL (Invalid argument)'])
  })

  it('a fork, the wait that another’s lines break off, the child’s end', () => {
    const { type, lines } = traced()
    type('int s; if (fork() == 0) { sleep(1); exit(3); } wait(&s)')
    expect(lines()).toEqual([
      'A clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=ADDR) = B',
      'B set_robust_list(ADDR, 24) = 0',
      'B clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=1, tv_nsec=0}, <unfinished ...>',
      'A wait4(-1, <unfinished ...>',
      'B <... clock_nanosleep resumed>ADDR) = 0',
      'B exit_group(3) = ?',
      'B +++ exited with 3 +++',
      'A <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 3}], 0, NULL) = B',
      'A --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=B, si_uid=1001, si_status=3, si_utime=0, si_stime=0} ---',
    ])
  })

  it('leaves children out unless it is to follow them', () => {
    const { type, lines } = traced(false)
    type('if (fork() == 0) exit(0); wait(0)')
    expect(lines()).toEqual([
      expect.stringContaining('A clone('),
      expect.stringContaining('A --- SIGCHLD'),
      expect.stringMatching(/^A wait4\(-1, NULL, 0, NULL\) = \d+$/),
    ])
  })

  it('a wild pointer, with the address', () => {
    const { type, lines } = traced()
    type('if (fork() == 0) *(int *) 16 = 1; wait(0)')
    expect(lines().slice(2)).toEqual([
      'B --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10} ---',
      'B +++ killed by SIGSEGV (core dumped) +++',
      'A --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_DUMPED, si_pid=B, si_uid=1001, si_status=SIGSEGV, si_utime=0, si_stime=0} ---',
      'A wait4(-1, NULL, 0, NULL) = B',
    ])
  })

  it.each([
    '*(char *) -1 = 1',
    '*(char *) -1',
    'memset((void *) -1, 1, 9)',
    'strlen((char *) -1)',
    'strcpy((char *) -1, "x")',
    'memmove((void *) -2, (void *) -6, 2)',
    'printf("%s", (char *) -1)',
    'snprintf((char *) -1, 9, "xy")',
    'puts((char *) -1)',
    'free((void *) -1)',
  ])('what mmap() has failed with is no address to the last bit: %s', (statement) => {
    const { type, lines } = traced()
    type(`if (fork() == 0) ${statement}; wait(0)`)
    const [line] = lines().filter((text) => text.includes('SIGSEGV {'))
    const others: Record<string, string> = {
      'memmove((void *) -2, (void *) -6, 2)': '0xfffffffffffffffa',
      'free((void *) -1)': '0xfffffffffffffff7', // the chunk's size
    }
    const at = others[statement]
    expect(line).toBe(
      `B --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=${at ?? '0xffffffffffffffff'}} ---`,
    )
  })

  it('a division by zero and an abort, as the C library raises it', () => {
    const { type, lines } = traced()
    type('if (fork() == 0) 1 / (s = 0); wait(0)')
    expect(lines().slice(2, 4)).toEqual([
      'B --- SIGFPE {si_signo=SIGFPE, si_code=FPE_INTDIV} ---',
      'B +++ killed by SIGFPE (core dumped) +++',
    ])
    type('if (fork() == 0) { p = malloc(9); free(p); free(p); }')
    expect(lines().slice(-6)).toEqual([
      'C gettid() = C',
      'C getpid() = C',
      'C tgkill(C, C, SIGABRT) = 0',
      'C --- SIGABRT {si_signo=SIGABRT, si_code=SI_TKILL, si_pid=C, si_uid=1001} ---',
      'C +++ killed by SIGABRT (core dumped) +++',
      expect.stringContaining('A --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_DUMPED, si_pid=C'),
    ])
  })

  it('a call that a signal interrupts, and one that SIGKILL does not let return', () => {
    const { start, tick, lines, m, task } = traced()
    start('sleep(100)')
    tick()
    apply(m, 1, { t: 'kill', task: task.handle, sig: SIGINT })
    tick(500_000, 2)
    expect(lines()).toEqual([
      'A clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=100, tv_nsec=0}, {tv_sec=99, tv_nsec=950000000}) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)',
      expect.stringMatching(
        /^A --- SIGINT \{si_signo=SIGINT, si_code=SI_USER, si_pid=\d+, si_uid=1001\} ---$/,
      ),
    ])
    start('sleep(100)')
    tick()
    apply(m, 1, { t: 'kill', task: task.handle, sig: SIGKILL })
    expect(lines()).toEqual([
      'A clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=100, tv_nsec=0}, <unfinished ...>) = ?',
      'A +++ killed by SIGKILL +++',
    ])
  })

  it('a signal that ends the process, and who sent it', () => {
    const { lines, m, task } = traced()
    apply(m, 1, { t: 'kill', task: task.handle, sig: SIGTERM })
    expect(lines()).toEqual([
      expect.stringMatching(/^A --- SIGTERM \{si_signo=SIGTERM, si_code=SI_USER, si_pid=\d+, /),
      'A +++ killed by SIGTERM +++',
    ])
  })

  it('output as the C library writes it: a line at once, a rest when the statement ends', () => {
    const { type, lines } = traced()
    type('printf("a\\nb")')
    expect(lines().slice(-2)).toEqual(['A write(1, "a\\n", 2) = 2', 'A write(1, "b", 1) = 1'])
    type('fprintf(stderr, "%d%s\\n", 1, "x")')
    expect(lines()).toEqual(['A write(2, "1x\\n", 3) = 3'])
  })

  it('a call that is being made when the tracing ends', () => {
    const { start, tick, lines, detach } = traced()
    start('sleep(1)')
    tick()
    expect(lines()).toEqual(['A clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=1, tv_nsec=0}, '])
    expect(detach()).toBe(' <detached ...>\n')
  })

  it('begins in the middle of a call with its end', () => {
    const log = new StraceLog(false)
    log.attach(7)
    const event: TraceEvent = {
      name: 'sys_exit',
      ticks: 1,
      pid: 7,
      args: { id: 61, ret: 9, name: 'wait4', line: 'NULL, 0, NULL', value: '9' },
    }
    const [item] = log.take(event)
    expect(item.kind === 'done' && doneLine(item)).toBe(
      '<... wait4 resumed>NULL, 0, NULL)       = 9',
    )
  })
})
