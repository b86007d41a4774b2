// What the C headers say: prototypes and constants. System calls without a line here have the prototype of their
// description (syscall/).

import * as errnos from '../lib/errno.ts'
import * as signals from '../state/task.ts'
import * as flags from '../syscall/flags.ts'
import * as mallopts from './ptmalloc/mallinfo.ts'
import * as confnames from './sysconf.ts'
import { findSyscall, SYSCALLS } from '../syscall/table.ts'
import { libFunctionNames } from './functions.ts'

const prototypes = [
  // stdlib.h, malloc.h
  'void *malloc(size_t size)',
  'void *calloc(size_t nmemb, size_t size)',
  'void *realloc(void *ptr, size_t size)',
  'void *reallocarray(void *ptr, size_t nmemb, size_t size)',
  'void free(void *ptr)',
  'void *memalign(size_t alignment, size_t size)',
  'void *aligned_alloc(size_t alignment, size_t size)',
  'int posix_memalign(void **memptr, size_t alignment, size_t size)',
  'void *valloc(size_t size)',
  'void *pvalloc(size_t size)',
  'size_t malloc_usable_size(void *ptr)',
  'int malloc_trim(size_t pad)',
  'int mallopt(int param, int value)',
  'struct mallinfo2 mallinfo2(void)',
  'struct mallinfo mallinfo(void)',
  'void malloc_stats(void)',
  'void exit(int status)',
  'void _exit(int status)',
  'void abort(void)',
  'int atoi(const char *nptr)',
  'long atol(const char *nptr)',
  'int abs(int j)',
  // string.h
  'void *memset(void *s, int c, size_t n)',
  'void *memcpy(void *dest, const void *src, size_t n)',
  'void *memmove(void *dest, const void *src, size_t n)',
  'int memcmp(const void *s1, const void *s2, size_t n)',
  'void *memchr(const void *s, int c, size_t n)',
  'void bzero(void *s, size_t n)',
  'size_t strlen(const char *s)',
  'size_t strnlen(const char *s, size_t maxlen)',
  'char *strcpy(char *dest, const char *src)',
  'char *strncpy(char *dest, const char *src, size_t n)',
  'char *strcat(char *dest, const char *src)',
  'char *strncat(char *dest, const char *src, size_t n)',
  'int strcmp(const char *s1, const char *s2)',
  'int strncmp(const char *s1, const char *s2, size_t n)',
  'char *strchr(const char *s, int c)',
  'char *strrchr(const char *s, int c)',
  'char *strdup(const char *s)',
  'char *strerror(int errnum)',
  // stdio.h
  'int printf(const char *format, ...)',
  'int fprintf(FILE *stream, const char *format, ...)',
  'int sprintf(char *str, const char *format, ...)',
  'int snprintf(char *str, size_t size, const char *format, ...)',
  'int puts(const char *s)',
  'int fputs(const char *s, FILE *stream)',
  'int putchar(int c)',
  'int putc(int c, FILE *stream)',
  'int fputc(int c, FILE *stream)',
  'int fflush(FILE *stream)',
  'void perror(const char *s)',
  // unistd.h, sys/*.h
  'int brk(void *addr)',
  'void *sbrk(intptr_t increment)',
  'int getpagesize(void)',
  'long sysconf(int name)',
  'unsigned int sleep(unsigned int seconds)',
  'int usleep(useconds_t usec)',
  'pid_t wait(int *wstatus)',
  'pid_t waitpid(pid_t pid, int *wstatus, int options)',
  'int raise(int sig)',
  'int nice(int inc)',
  'int execl(const char *pathname, const char *arg, ...)',
  'int execv(const char *pathname, void *argv)',
  'int open(const char *pathname, int flags, ...)',
  'int creat(const char *pathname, mode_t mode)',
  'int openat(int dirfd, const char *pathname, int flags, ...)',
  'void *mremap(void *old_address, size_t old_size, size_t new_size, int flags, ...)',
  'int shm_open(const char *name, int oflag, mode_t mode)',
  'int shm_unlink(const char *name)',
  'int nanosleep(const struct timespec *duration, struct timespec *rem)',
  'int getrlimit(int resource, struct rlimit *rlim)',
  'int setrlimit(int resource, const struct rlimit *rlim)',
  'int prlimit(pid_t pid, int resource, const struct rlimit *new_limit, struct rlimit *old_limit)',
  'long syscall(long number, ...)',
  'int WIFEXITED(int wstatus)',
  'int WEXITSTATUS(int wstatus)',
  'int WIFSIGNALED(int wstatus)',
  'int WTERMSIG(int wstatus)',
  'int WCOREDUMP(int wstatus)',
  'int *__errno_location(void)',
]

const prototypeOf = new Map(
  prototypes.map((text) => [/(\w+)\(/.exec(text)![1], text] as [string, string]),
)

// Kernel calls that the C library wraps, or offers under another name.
const withoutWrapper = ['exit_group', 'brk', 'clone', 'set_robust_list', 'prlimit64']

/** The C prototype, or null if there is no such function. */
export function findPrototype(name: string): string | null {
  const known = prototypeOf.get(name)
  if (known !== undefined) return known
  const call = withoutWrapper.includes(name) ? undefined : findSyscall(name)
  if (call === undefined) return null
  const args = Object.entries(call.args).map(([arg, { type }]) =>
    type.endsWith('*') ? `${type}${arg}` : `${type} ${arg}`,
  )
  const result = call.result.endsWith('*') ? call.result : `${call.result} `
  return `${result}${call.name}(${args.length === 0 ? 'void' : args.join(', ')})`
}

/** The constants that a system call's arguments take, by argument. */
export function constantsOf(name: string): [argument: string, names: string[]][] {
  const call = findSyscall(C_NAMES[name] ?? name)
  return Object.entries(call?.args ?? {})
    .map(([argument, { names }]): [string, string[]] => [argument, Object.keys(names)])
    .filter(([, names]) => names.length > 0)
}

/** Functions that stand for a system call of another name. */
const C_NAMES: Record<string, string> = {
  getrlimit: 'prlimit64',
  prlimit: 'prlimit64',
  setrlimit: 'prlimit64',
  shm_open: 'open',
  waitpid: 'wait4',
}

/** All functions that can be called, in the order of their names. */
export function functionNames(): string[] {
  const names = new Set([...libFunctionNames(), ...SYSCALLS.map(({ name }) => name)])
  return [...names]
    .filter((name) => !name.startsWith('__') && findPrototype(name) !== null)
    .sort((a, b) => (a < b ? -1 : 1))
}

/** A constant's value and the name of its type; 'word' values depend on the machine. */
export interface Constant {
  value: bigint
  type: string
}

function numbersOf(module: object, pattern: RegExp): [string, Constant][] {
  return Object.entries(module)
    .filter(([name, value]) => pattern.test(name) && typeof value === 'number')
    .map(([name, value]) => [name, { value: BigInt(value as number), type: 'int' }])
}

const int = (value: number): Constant => ({ value: BigInt(value), type: 'int' })

const constants = new Map<string, Constant>([
  ...numbersOf(errnos, /^E[A-Z0-9]+$/),
  ...numbersOf(signals, /^SIG[A-Z0-9]+$/),
  ...numbersOf(flags, /^[A-Z][A-Z0-9_]*$/),
  ...Object.values(flags).flatMap((names) =>
    typeof names === 'object' ? numbersOf(names, /^\w+$/) : [],
  ),
  ...numbersOf(mallopts, /^M_/),
  ...numbersOf(confnames, /^_SC_/),
  ['MAP_ANON', int(0x20)],
  ['MAP_FAILED', { value: -1n, type: 'void *' }],
  ['NULL', { value: 0n, type: 'void *' }],
  ['EXIT_SUCCESS', int(0)],
  ['EXIT_FAILURE', int(1)],
  ['BUFSIZ', int(8192)],
  ['EOF', int(-1)],
  ['STDIN_FILENO', int(0)],
  ['STDOUT_FILENO', int(1)],
  ['STDERR_FILENO', int(2)],
  ['RLIM_INFINITY', { value: -1n, type: 'unsigned long' }],
  ['true', int(1)],
  ['false', int(0)],
  ['CHAR_BIT', int(8)],
  ['CHAR_MIN', int(-128)],
  ['CHAR_MAX', int(127)],
  ['UCHAR_MAX', int(255)],
  ['SHRT_MIN', int(-32768)],
  ['SHRT_MAX', int(32767)],
  ['USHRT_MAX', int(65535)],
  ['INT_MIN', int(-2147483648)],
  ['INT_MAX', int(2147483647)],
  ['UINT_MAX', { value: 0xffff_ffffn, type: 'unsigned int' }],
  ['LLONG_MIN', { value: -(1n << 63n), type: 'long long' }],
  ['LLONG_MAX', { value: (1n << 63n) - 1n, type: 'long long' }],
  ['ULLONG_MAX', { value: (1n << 64n) - 1n, type: 'unsigned long long' }],
])

/** The constant of that name on a machine with words of so many bits. */
export function findConstant(name: string, bits: 64 | 32): Constant | null {
  const wordTop = 1n << BigInt(bits)
  switch (name) {
    case 'LONG_MIN':
      return { value: -wordTop / 2n, type: 'long' }
    case 'LONG_MAX':
    case 'SSIZE_MAX':
    case 'PTRDIFF_MAX':
      return { value: wordTop / 2n - 1n, type: 'long' }
    case 'ULONG_MAX':
    case 'SIZE_MAX':
    case 'UINTPTR_MAX':
      return { value: wordTop - 1n, type: 'unsigned long' }
    default:
      return constants.get(name) ?? callNumber(name, bits)
  }
}

/** SYS_NAME: the number of a system call, for syscall(). */
function callNumber(name: string, bits: 64 | 32): Constant | null {
  const call = name.startsWith('SYS_') ? findSyscall(name.slice('SYS_'.length)) : undefined
  return call === undefined ? null : int(bits === 64 ? call.nr : call.i386)
}

const wordConstants = [
  'LONG_MIN',
  'LONG_MAX',
  'SSIZE_MAX',
  'PTRDIFF_MAX',
  'ULONG_MAX',
  'SIZE_MAX',
  'UINTPTR_MAX',
]

export function constantNames(): string[] {
  const numbers = SYSCALLS.map(({ name }) => `SYS_${name}`)
  return [...constants.keys(), ...wordConstants, ...numbers].sort((a, b) => (a < b ? -1 : 1))
}
