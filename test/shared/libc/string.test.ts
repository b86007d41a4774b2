import { describe, expect, it } from 'vitest'
import { sitDown } from '../ic/prompt.ts'

/** Types each line; what the last one shows. */
function last(...lines: string[]): string {
  const { type } = sitDown()
  let text = ''
  for (const line of lines) text = type(line)
  return text
}

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
