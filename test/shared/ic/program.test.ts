import { describe, expect, it } from 'vitest'
import { completeIc, icIsWaiting } from '@shared/ic/program.ts'
import { apply } from '@shared/machine/machine.ts'
import { differingField, loadState, saveState } from '@shared/state/walk.ts'
import { SIGFPE, SIGINT, SIGKILL, SIGSEGV } from '@shared/state/task.ts'
import { sitDown } from './prompt.ts'

describe('one statement, one result line', () => {
  const cases: [line: string, shown: string][] = [
    ['p = malloc(2000)', 'p = (void *) 0x10002a0\n'],
    ['p = malloc(2000); memset(p, 1, 2000)', 'p = (void *) 0x10002a0\n(void *) 0x10002a0\n'],
    ['1 + 2 * 3', '7\n'],
    ["'a'", '97\n'],
    ["char c = 'a'", "c = 97 'a'\n"],
    ['char s[] = "Vier"; s', '(char *) 0x602005 "Vier"\n'],
    ['NULL', '(void *) 0x0\n'],
    ['free(NULL)', ''],
    ['int x = 5; x += 3; x', 'x = 5\nx = 8\n8\n'],
    ['char *p;', ''],
    ['getpagesize()', '4096\n'],
    ['sizeof(long), sizeof(int[10])', '40\n'],
    ['malloc(1000000000000)', '(void *) 0x0 (errno = 12, ENOMEM: Cannot allocate memory)\n'],
    ['kill(1, 9)', '-1 (errno = 1, EPERM: Operation not permitted)\n'],
    [
      'mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)',
      '(void *) 0xffffffffffffffff (errno = 22, EINVAL: Invalid argument)\n',
    ],
    ['close(77); errno', '-1 (errno = 9, EBADF: Bad file descriptor)\n9\n'],
    ['printf("page size: %d\\n", getpagesize())', 'page size: 4096\n'],
    ['printf("no newline")', 'no newline\n'],
    ['puts("Größe")', 'Größe\n'],
    ['for (i = 0; i < 100; i++) malloc(1000);', ''],
    ['i = 3; while (i > 0) { printf("%d ", i); i--; }', 'i = 3\n3 2 1 \n'],
    ['int n = 0; do { if (n == 3) break; n++; } while (1); n', 'n = 0\n3\n'],
    ['int a[3] = { 1, 2 }; a[0] + a[1] * 10 + a[2] * 100', '21\n'],
    ['#include <stdio.h>', ''],
    ['malloc?', 'void *malloc(size_t size);\n'],
    ['perror("malloc")', 'malloc: Success\n'],
  ]
  it.each(cases)('%s', (line, shown) => {
    expect(sitDown().type(line)).toBe(shown)
  })
})

describe('the lecture', () => {
  it('strncpy copies no NUL that does not fit', () => {
    const { type } = sitDown()
    type('char quelle[] = "Vier"; char ziel[] = "ZZZZZZZZ";')
    expect(type('strncpy (ziel, quelle, 4); printf ("1. Versuch: %s\\n", ziel);')).toContain(
      '1. Versuch: VierZZZZ\n',
    )
    expect(type('strncpy (ziel, quelle, 5); printf ("2. Versuch: %s\\n", ziel);')).toContain(
      '2. Versuch: Vier\n',
    )
  })

  it('a misaligned pointer reads what lies there', () => {
    const { type } = sitDown()
    type('char *str = "ABCDEFGHIJK"; char *c = str + 1; unsigned long *u1, *u2;')
    type('u1 = (unsigned long *) str; u2 = (unsigned long *) c;')
    expect(type('printf ("Inhalt u1: %lx\\n", *u1); printf ("Inhalt u2: %lx\\n", *u2);')).toBe(
      'Inhalt u1: 4847464544434241\nInhalt u2: 4948474645444342\n',
    )
  })

  it('what was freed is still there, but for what malloc writes into it', () => {
    const { type } = sitDown()
    type(
      'int SIZE = 200; char* p = malloc (SIZE); strcpy (p, "Ohm-HS"); free (p); p = malloc (SIZE);',
    )
    type('memset (p, 0, SIZE)')
    expect(type('printf ("%2x %2x -- %s\\n", p[0], p[1], p)')).toBe(' 0  0 -- \n')
  })

  it('blocks are aligned to 16 bytes, 32 apart', () => {
    expect(
      sitDown().type('printf("a: %p b: %p c: %p\\n", malloc(1), malloc(1), malloc(1))'),
    ).toMatch(/a: 0x10002a0 b: 0x10002c0 c: 0x10002e0/)
  })

  it('printf takes its buffer of 1024 bytes from the heap', () => {
    const { type } = sitDown()
    type('puts("")')
    expect(type('malloc(1)')).toBe('(void *) 0x10006b0\n')
  })

  it('a double free ends the process by SIGABRT', () => {
    const { type, task } = sitDown()
    expect(type('int *p = malloc(200); free(p); free(p);')).toContain(
      'free(): double free detected in tcache 2\n',
    )
    expect(task.exitCode & 0x7f).toBe(6)
  })
})

describe('variables are bytes of the process', () => {
  it('a pointer to a variable changes it', () => {
    const { type } = sitDown()
    expect(type('int x = 1; int *p = &x; *p = 5; x')).toMatch(/\*p = 5\n5\n$/)
  })

  it('fork copies them, and each side goes its own way', () => {
    const { type, m } = sitDown()
    const text = type('int x = 1; int pid = fork(); x = pid ? 10 : 20; wait(NULL)')
    expect(text).toContain('x = 10\n')
    expect(text).toContain('x = 20\n')
    expect([...m.tasks.values()].filter(({ program }) => program.kind === 'ic')).toHaveLength(2)
  })

  it('a child that exits is waited for', () => {
    const { type } = sitDown()
    expect(type('int s; if (fork() == 0) { sleep(1); exit(3); } wait(&s); s >> 8')).toMatch(
      /\n3\n$/,
    )
  })

  it('a name without a declaration takes the type of its value', () => {
    const { type } = sitDown()
    expect(type('p = 0; p = malloc(10); p = strdup("abc"); p = 0; p')).toMatch(/\(char \*\) 0x0\n$/)
  })

  it('equal string literals are stored once', () => {
    const { type } = sitDown()
    expect(type('"abc" == "abc"')).toBe('1\n')
  })

  it('looking at a pointer touches no page', () => {
    const { type, task } = sitDown()
    type('char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)')
    const before = task.minFlt
    expect(type('p')).toMatch(/^\(char \*\) 0x7[0-9a-f]+\n$/)
    expect(task.minFlt).toBe(before)
  })
})

describe('a process that did wrong', () => {
  it.each([
    ['*(int *) 0 = 5', SIGSEGV],
    ['*"abc" = 1; *(char *) 0x400000 = 1', SIGSEGV],
    ['1 / 0', SIGFPE],
    ['INT_MIN / -1', SIGFPE],
    ['raise(SIGKILL)', SIGKILL],
    ['memset(malloc(10), 0, 1 << 30)', SIGSEGV],
  ])('%s', (line, signal) => {
    const { type, task } = sitDown()
    type(line)
    expect(task.state).toBe('Z')
    expect(task.exitCode & 0x7f).toBe(signal)
  })

  it('says nothing more', () => {
    expect(sitDown().type('x = 1; *(int *) 0 = 5; x = 2')).toBe('x = 1\n')
  })
})

describe('statements take time', () => {
  it('Ctrl-C ends a loop without end; definitions stay', () => {
    const { type, start, tick, output, m, task } = sitDown()
    type('x = 5')
    start('while (1) x++;')
    tick(10_000, 3)
    expect(icIsWaiting(task)).toBe(false)
    apply(m, 1, { t: 'kill', task: task.handle, sig: SIGINT })
    tick()
    expect(output()).toBe('^C\n')
    expect(icIsWaiting(task)).toBe(true)
    expect(Number(type('x'))).toBeGreaterThan(1000)
  })

  it('Ctrl-C ends sleep', () => {
    const { start, tick, output, m, task } = sitDown()
    start('sleep(1000)')
    tick(10_000, 3)
    apply(m, 1, { t: 'kill', task: task.handle, sig: SIGINT })
    tick(10_000, 2)
    expect(output()).toBe('^C\n')
    expect(icIsWaiting(task)).toBe(true)
  })

  it('a long memset spans ticks', () => {
    const { start, tick, task, output } = sitDown()
    start('memset(malloc(4 << 20), 1, 4 << 20)')
    tick(100_000, 2)
    expect(output()).toBe('')
    expect(task.mm!.rssAnon).toBeGreaterThan(100)
    tick(100_000, 20)
    expect(output()).toMatch(/^\(void \*\) 0x7/)
  })

  it('sleep(1) lasts 20 ticks', () => {
    const { type, m } = sitDown()
    const before = m.ticks
    expect(type('sleep(1)')).toBe('0\n')
    expect(m.ticks - before).toBeGreaterThanOrEqual(20)
    expect(m.ticks - before).toBeLessThan(24)
  })

  it('more output than the terminal takes in a tick waits', () => {
    const { type } = sitDown()
    const text = type('for (i = 0; i < 2000; i++) printf("%06d\\n", i);')
    expect(text).toBe(
      Array.from({ length: 2000 }, (_, i) => `${String(i).padStart(6, '0')}\n`).join(''),
    )
  })

  it('lines typed ahead wait their turn', () => {
    const { start, type } = sitDown()
    start('for (i = 0; i < 1000; i++) ;')
    expect(type('i')).toBe('1000\n')
  })

  it('stopped after every instruction, the machine ends in the same state', () => {
    const lines = [
      'p = malloc(100); strcpy(p, "Ohm"); long s = 0; for (i = 0; i < 5; i++) s += i * 3L;',
      'printf("%s|%5d|%-6s|%lx\\n", p, 42, "ab", s); q = calloc(3, 2000); q = realloc(q, 9000)',
      'int a[4] = { 1, 2, 3, 4 }; a[2]++; memmove(a + 1, a, 12); memcmp(a, a + 1, 4); p ? a[1] : 0',
    ]
    const run = (fuel: number) => {
      const { type, m, task } = sitDown()
      const text = lines.map((line) => type(line, fuel)).join('')
      // What only counts time differs.
      task.utime = task.stime = task.vruntime = task.debt = task.nvcsw = 0
      m.stat = { ...m.stat, user: 0, system: 0, idle: 0, iowait: 0, ctxt: 0 }
      m.loadavg = [0, 0, 0]
      m.minVruntime = m.ticks = m.entries = m.disk.busyUntil = 0
      for (const stream of m.streams.values()) stream.room = 0
      return { text, m }
    }
    const slow = run(1)
    const fast = run(1_000_000)
    expect(slow.text).toBe(fast.text)
    expect(differingField(slow.m, fast.m)).toBe(null)
  })
})

describe('garbage', () => {
  it('never throws, and the prompt comes back or the process is gone', () => {
    const parts = [
      'p',
      'x',
      '=',
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      ';',
      ',',
      '*',
      '&',
      '+',
      '++',
      '-',
      '/',
      '%',
      '<<',
      '==',
      '?',
      ':',
      '&&',
      'malloc',
      'free',
      'memset',
      'printf',
      '"a%s%d"',
      "'x'",
      '0x10',
      '7',
      '4096UL',
      'int',
      'char',
      'unsigned',
      'sizeof',
      'if',
      'else',
      'for',
      'while',
      'break',
      'return',
      'fork',
      'NULL',
      'errno',
      '@',
      '"',
      '1.5',
      'const',
      'void',
    ]
    let seed = 7
    const next = (bound: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return (seed >>> 8) % bound
    }
    const lines = [
      'p = malloc(100); memset(p, 1, 100); free(p)',
      'for (i = 0; i < 10; i++) p = realloc(p, i * 100)',
      'int a[5]; a[2] = 7; a[a[2] - 5]++; *(a + 1) = a[2]',
      'x = fork(); if (x == 0) exit(1); wait(&x)',
      'char s[20]; strcpy(s, "garbage"); printf("%s %d\\n", s, strlen(s))',
      'sbrk(4096); brk(sbrk(0)); getpid()',
      'q = mmap(NULL, 8192, 3, 34, -1, 0); q[4096] = 1; munmap(q, 8192)',
      'errno = 5; perror("x"); errno',
    ]
    /** One or two characters changed, dropped or doubled. */
    const damage = (line: string): string => {
      for (let times = next(3); times > 0; times--) {
        const at = next(line.length)
        line =
          line.slice(0, at) +
          ['', '9', '*', ')', line[at].repeat(2), '('][next(6)] +
          line.slice(at + 1)
      }
      return line
    }
    let executed = 0
    let prompt = sitDown()
    for (let round = 0; round < 1200; round++) {
      if (prompt.task.state === 'Z' || prompt.m.tasks.size > 20) prompt = sitDown()
      const line =
        next(2) === 0
          ? Array.from({ length: 1 + next(8) }, () => parts[next(parts.length)]).join(' ')
          : damage(lines[next(lines.length)])
      prompt.start(line)
      if (!icIsWaiting(prompt.task)) executed++
      prompt.tick(3000)
      apply(prompt.m, 1, { t: 'kill', task: prompt.task.handle, sig: SIGINT })
      prompt.tick(3000)
      expect(prompt.task.state === 'Z' || icIsWaiting(prompt.task), line).toBe(true)
    }
    expect(executed).toBeGreaterThan(200)
  })
})

describe('completion', () => {
  it('knows functions with their prototypes, variables with their types', () => {
    const { type, task } = sitDown()
    type('char *mallard = "duck"')
    const { from, candidates } = completeIc(task, 'p = mall', 8)
    expect(from).toBe(4)
    expect(candidates).toContainEqual({
      text: 'malloc',
      kind: 'function',
      detail: 'void *malloc(size_t size)',
    })
    expect(candidates[0]).toEqual({ text: 'mallard', kind: 'variable', detail: 'char *' })
    expect(completeIc(task, 'puts("mall', 10).candidates).toEqual([])
  })
})

describe('saved in the middle of a line', () => {
  it('the loaded machine goes on to the same state', () => {
    const { m, start, tick } = sitDown()
    start(
      'p = calloc(40, 1000); for (i = 0; i < 2000; i++) p[i] = i; printf("%s %d\\n", "done", i)',
    )
    tick(3000, 2)
    const loaded = loadState(saveState(m)) as typeof m
    for (const machine of [m, loaded]) {
      for (let i = 0; i < 40; i++) apply(machine, 0, { t: 'tick', fuel: 5000 })
    }
    expect(differingField(m, loaded)).toBe(null)
    expect([...loaded.streams.values()].some(({ text }) => text.endsWith('done 2000\n'))).toBe(true)
  })
})

it('a void in memory is looked at as a byte, read as well as written', () => {
  const { type } = sitDown()
  type('p = malloc(8192); memset(p, 65, 8192)')
  expect(type('p[4096]')).toBe("65 'A'\n")
  expect(type('*p')).toBe("65 'A'\n")
  expect(type('free(p)')).toBe('')
})
