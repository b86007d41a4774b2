import { describe, expect, it } from 'vitest'
import { membersOf, findStruct, structNames, structSize } from '@shared/ic/struct.ts'
import { compileLine } from '@shared/ic/compile.ts'
import { scopeOf } from '@shared/ic/program.ts'
import { sitDown } from './prompt.ts'

/** What is wrong with a line, in English. */
function problem(line: string, before = ''): string {
  const { type, m, task } = sitDown()
  if (before !== '') type(before)
  const { diagnostics } = compileLine(line, scopeOf(m, task))
  return diagnostics.map(({ key }) => key).join(' ')
}

describe('the headers’ structures', () => {
  it('have the sizes and offsets that they have in C', () => {
    const sizes = (bits: 64 | 32) =>
      Object.fromEntries(structNames.map((name) => [name, structSize(findStruct(name)!, bits)]))
    const same = { mallinfo: 40 }
    expect(sizes(64)).toEqual({
      ...same,
      rlimit: 16,
      timespec: 16,
      timeval: 16,
      rusage: 144,
      mallinfo2: 80,
      sysinfo: 112,
    })
    expect(sizes(32)).toEqual({
      ...same,
      rlimit: 8,
      timespec: 8,
      timeval: 8,
      rusage: 72,
      mallinfo2: 40,
      sysinfo: 56,
    })
    const offsets = Object.fromEntries(
      membersOf(findStruct('sysinfo')!, 64).map(({ name, offset }) => [name, offset]),
    )
    expect(offsets).toMatchObject({
      loads: 8,
      totalram: 32,
      procs: 80,
      totalhigh: 88,
      mem_unit: 104,
    })
  })

  it('are declared, filled by a call and shown', () => {
    const { type } = sitDown()
    expect(type('struct rlimit r; getrlimit(RLIMIT_STACK, &r)')).toBe('0\n')
    expect(type('r')).toBe('{rlim_cur = 8388608, rlim_max = 18446744073709551615}\n')
    expect(type('r.rlim_cur / 1024; sizeof r; &r')).toMatch(
      /^8192\n16\n\(struct rlimit \*\) 0x[0-9a-f]+\n$/,
    )
    expect(type('r.rlim_max == RLIM_INFINITY')).toBe('1\n')
  })

  it('are initialised, changed, and reached through pointers', () => {
    const { type } = sitDown()
    expect(type('struct timespec t = { 1, 2 + 3 }; t')).toBe('{tv_sec = 1, tv_nsec = 5}\n')
    expect(type('t.tv_sec += 4; t.tv_nsec++; t')).toContain('{tv_sec = 5, tv_nsec = 6}')
    expect(type('struct timespec *p = &t; p->tv_nsec = 9; (*p).tv_sec; p[0].tv_nsec')).toMatch(
      /= 9\n5\n9\n$/,
    )
    expect(type('struct timespec u = { 7 }; u')).toBe('{tv_sec = 7, tv_nsec = 0}\n')
    expect(type('struct timespec a[2]; a[1].tv_sec = 3; a[1].tv_sec; sizeof a')).toContain('3\n32')
    expect(
      type('q = malloc(sizeof(struct rlimit)); ((struct rlimit *) q)->rlim_max = 4'),
    ).toContain('= 4')
  })

  it('hold structures and arrays', () => {
    const { type } = sitDown()
    type('struct rusage u; getrusage(RUSAGE_SELF, &u); struct sysinfo s; sysinfo(&s)')
    expect(type('u.ru_utime.tv_sec; s.loads[1]; s.mem_unit')).toBe('0\n0\n1\n')
    expect(type('s')).toMatch(/^\{uptime = \d+, loads = \{0, 0, 0\}, totalram = \d+, /)
    expect(type('&s.loads[2] - &s.loads[0]')).toBe('2\n')
  })

  it('survive a fork', () => {
    const { type } = sitDown()
    type('struct rlimit r = { 1, 2 }; if (fork() == 0) { r.rlim_cur = 5; exit(r.rlim_cur); }')
    expect(type('int s; wait(&s); WEXITSTATUS(s); r.rlim_cur')).toMatch(/\n5\n1\n$/)
  })

  it('are refused where C or this prompt does not have them', () => {
    expect(problem('struct nothing n')).toBe('unknownStruct')
    expect(problem('struct { int a; } s')).toBe('unknownStruct')
    expect(problem('r = 1', 'struct rlimit r')).toBe('badStruct')
    expect(problem('r += r', 'struct rlimit r')).toBe('structValue')
    expect(problem('r + 1', 'struct rlimit r')).toBe('structValue')
    expect(problem('r.rlim', 'struct rlimit r')).toBe('notAMember')
    expect(problem('r->rlim_cur', 'struct rlimit r')).toBe('structValue')
    expect(problem('p.rlim_cur', 'struct rlimit *p = malloc(16)')).toBe('useArrow')
    expect(problem('x.a', 'int x = 1')).toBe('notAStruct')
    expect(problem('struct rlimit r = { 1, 2, 3 }')).toBe('tooManyInitializers')
    expect(problem('(struct rlimit) 1')).toBe('badCast')
    expect(problem('getrlimit(1, &t)', 'struct timespec t')).toBe('otherPointer')
  })
})
