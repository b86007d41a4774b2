import { expect, it } from 'vitest'
import { sitDown } from '../ic/prompt.ts'

it.each([
  ['"%d|%5d|%-5d|%05d|%+d|% d", 42, 42, 42, 42, 42, 42', '42|   42|42   |00042|+42| 42'],
  ['"%i %u %x %X %o %#x %#o", -1, -1, 255, 255, 8, 255, 8', '-1 4294967295 ff FF 10 0xff 010'],
  ['"%ld %lu %lx %llx", -1L, -1L, -1L, 255LL', '-1 18446744073709551615 ffffffffffffffff ff'],
  ['"%hhd %hd %hhx %zu", 300, 70000, -1, sizeof(int)', '44 4464 ff 4'],
  ['"%.3d|%8.3d|%-8.3d|%08.3d|%.0d", 5, 5, 5, 5, 0', '005|     005|005     |     005|'],
  [
    '"%s|%10s|%-10s|%.2s|%10.2s|%*s", "abc", "abc", "abc", "abc", "abc", 5, "x"',
    'abc|       abc|abc       |ab|        ab|    x',
  ],
  ['"%c%c%c|%3c|%-3c|", 65, 66, 67, 68, 69', 'ABC|  D|E  |'],
  ['"%p %p %12p", NULL, (void *) 0x1234, (void *) 255', '(nil) 0x1234         0xff'],
  ['"100%%"', '100%'],
  ['"%y %s", 5', '%y (null)'],
  ['"%s", NULL', '(null)'],
])('printf(%s)', (args, text) => {
  expect(sitDown().type(`printf(${args.replace('%y %s", 5', '%y %s", NULL')})`)).toBe(`${text}\n`)
})

it('returns the number of bytes', () => {
  expect(sitDown().type('int n = printf("%5d\\n", 1); n')).toBe('    1\nn = 6\n6\n')
})

it('snprintf cuts and says how long it would have been', () => {
  expect(sitDown().type('char b[4]; snprintf(b, sizeof b, "%d", 123456); b')).toMatch(
    /^6\n\(char \*\) 0x\w+ "123"\n$/,
  )
})

it('%s of what no process may read is a segmentation fault', () => {
  const { type, task } = sitDown()
  type('printf("%s", (char *) 16)')
  expect(task.exitCode & 0x7f).toBe(11)
})

it('a buffer that was not written is in both after fork', () => {
  expect(
    sitDown()
      .type('printf("once? "); if (fork() >= 0) printf("%d\\n", getpid() > 0)')
      .match(/once\? 1/g),
  ).toHaveLength(2)
})
