import { describe, expect, it } from 'vitest'
import { peek8 } from '../../../shared/mm/uaccess.ts'
import { SEGV_ACCERR, SIGSEGV } from '../../../shared/state/task.ts'
import type { TraceFields } from '../../../shared/trace/events.ts'
import { takeEvents, watch } from '../../../shared/trace/trace.ts'
import { sitDown } from '../ic/prompt.ts'

/** Types each line; what the last one shows. */
function last(...lines: string[]): string {
  const { type } = sitDown()
  let text = ''
  for (const line of lines) text = type(line)
  return text
}

// Shared with a child that may die of it: a page to write, one to read, then nothing.
const SCENE = 'char *p = mmap((void *) 0x20000000, 12288, 3, 0x21, -1, 0), *q = p + 8000'
const FILL = 'memset(p, 65, 8192)'
const PROTECT = 'mprotect(p + 4096, 4096, 1); munmap(p + 8192, 4096)'
const READ_ONLY = 'SEGV_ACCERR at p + 4096'
const NOTHING = 'SEGV_MAPERR at p + 8192'

/** Has a child of a person at a prompt do it: what kills it, and which of the bytes are no A any more. */
function inChild(statement: string): { end: string; changed: string } {
  const { type, m, task } = sitDown()
  const watcher = watch(m.trace, ['signal_generate'])
  type(SCENE)
  type(FILL)
  type(`if (fork() == 0) { ${PROTECT}; ${statement}; exit(0); } wait(0)`)
  const end = takeEvents(watcher)
    .map(({ args }) => args as TraceFields['signal_generate'])
    .filter(({ sig }) => sig === SIGSEGV)
    .map(({ info: { code, address } }) => {
      const name = code === SEGV_ACCERR ? 'SEGV_ACCERR' : 'SEGV_MAPERR'
      return `${name} at p + ${address - 0x20000000}`
    })
  const bytes = Array.from({ length: 8192 }, (_, i) => peek8(m, task, 0x20000000 + i)!)
  const others = bytes.flatMap((byte, i) => (byte === 65 ? [] : [i]))
  return { end: end.join(), changed: others.map((i) => `${i}:${bytes[i]}`).join(' ') }
}

describe('at the end of what they may touch', () => {
  it.each([
    // statement, how the child ends, which bytes are no A any more
    ['memset(p + 4090, 66, 200)', READ_ONLY, '4090:66 4091:66 4092:66 4093:66 4094:66 4095:66'],
    ['memset(p + 8192, 66, 0)', '', ''],
    ['bzero(p + 4090, 10)', READ_ONLY, '4090:0 4091:0 4092:0 4093:0 4094:0 4095:0'],
    ['memcpy(p, q, 300)', NOTHING, ''],
    ['memcpy(p + 8192, p + 9000, 0)', '', ''],
    ['p[10] = 66; memcpy(p + 4000, p, 300)', READ_ONLY, '10:66 4010:66'],
    ['memcmp(q, p, 192)', '', ''],
    ['memcmp(q, p, 193)', NOTHING, ''],
    ['p[5] = 66; memcmp(q, p, 300)', '', '5:66'],
    ['memchr(q, 65, 1000)', '', ''],
    ['memchr(q, 66, 1000)', NOTHING, ''],
    ['strlen(q)', NOTHING, ''],
    ['strnlen(q, 192)', '', ''],
    ['strchr(q, 66)', NOTHING, ''],
    ['strcmp(q, p)', NOTHING, ''],
    ['strncmp(q, p, 192)', '', ''],
    ['p[100] = 0; strcpy(p + 4096, p)', READ_ONLY, '100:0'],
    ['strcpy(p, q)', NOTHING, ''],
    ['p[95] = 66; strncpy(p + 4000, p, 200)', READ_ONLY, '95:66 4095:66'],
    ['strncpy(p, q, 192)', '', ''],
    ['strncpy(p, q, 193)', NOTHING, ''],
    ['strcat(p, "x")', NOTHING, ''],
    ['strdup(q)', NOTHING, ''],
    ['*(long *) (p + 4090) = 0', READ_ONLY, ''],
    ['*(long *) (p + 8186)', NOTHING, ''],
    ['*(long *) (p + 4084) = 0', '', '4084:0 4085:0 4086:0 4087:0 4088:0 4089:0 4090:0 4091:0'],
  ])('%s', (statement, end, changed) => {
    expect(inChild(statement)).toEqual({ end, changed })
  })
})

describe('string.h', () => {
  it.each([
    ['strlen("Ohm-HS")', '6\n'],
    ['strcmp("abc", "abd"), strcmp("abc", "abc")', '0\n'],
    ['strcmp("abd", "abc") > 0', '1\n'],
    ['strncmp("abcX", "abcY", 3)', '0\n'],
    ['strchr("hello", \'l\')', '(char *) 0x602002 "llo"\n'],
    ['strrchr("hello", \'l\')', '(char *) 0x602003 "lo"\n'],
    ['strchr("hello", \'x\')', '(char *) 0x0\n'],
    ['memchr("hello", \'o\', 5) - (void *) "hello"', '4\n'],
    ['memcmp("abc", "abd", 2)', '0\n'],
  ])('%s', (line, shown) => {
    expect(last(line)).toBe(shown)
  })

  it('over page boundaries', () => {
    const fill = 'char *p = malloc(20000); memset(p, 65, 20000); p[19999] = 0'
    expect(last(fill, 'strlen(p)')).toBe('19999\n')
    expect(last(fill, 'char *q = strdup(p); strcmp(p, q)')).toMatch(/\n0\n$/)
    expect(
      last(fill, 'q = malloc(20000); memcpy(q, p, 20000); q[15000]++; memcmp(q, p, 20000)'),
    ).toMatch(/\n1\n$/)
    expect(last(fill, 'strcat(p + 10000, "xyz"); strchr(p, 120) - p')).toMatch(/faulted|\n19999\n$/)
  })

  it('memmove keeps overlapping ranges right in both directions', () => {
    const setup = 'int *a = malloc(40000); for (i = 0; i < 10000; i++) a[i] = i'
    expect(last(setup, 'memmove(a + 1, a, 39996)', 'a[1] + a[5000] + a[9999]')).toBe('14997\n')
    expect(last(setup, 'memmove(a, a + 1, 39996)', 'a[0] + a[5000] + a[9998]')).toBe('15001\n')
  })

  it('strncpy fills with zeros', () => {
    expect(last('char b[8] = "XXXXXXX"; strncpy(b, "ab", 6)', "b[5] == 0 && b[6] == 'X'")).toBe(
      '1\n',
    )
  })

  it('calloc and realloc clear and copy', () => {
    expect(
      last(
        'char *p = malloc(50000); memset(p, 7, 50000); free(p); p = calloc(50, 1000)',
        'p[0] + p[25000] + p[49999]',
      ),
    ).toBe('0\n')
    expect(
      last(
        'char *p = malloc(50000); memset(p, 7, 50000); malloc(1); p = realloc(p, 90000)',
        'p[0] + p[49999]',
      ),
    ).toBe('14\n')
  })
})
