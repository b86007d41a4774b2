// Lines as strace 6.1 prints them of programs that make these calls.

import { beforeAll, describe, expect, it } from 'vitest'
import { encodeUtf8 } from '@shared/lib/utf8.ts'
import { storeBytes } from '@shared/mm/uaccess.ts'
import { enterLine, exitLine, showResult, withResult } from '@shared/syscall/strace.ts'
import { SYSCALLS, findSyscall } from '@shared/syscall/table.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import { takeEvents, watch } from '@shared/trace/trace.ts'
import { hashState } from '@shared/state/walk.ts'
import { addProcess, asTask, bootSmall, call } from '../../sim/process.ts'

const VA = 0x1000_0000 // a page of the caller's, and one behind it that is never touched
const UNTOUCHED = VA + 4096
const WILD = 0x10 // an address without memory

let m: Machine
let task: Task

beforeAll(() => {
  m = bootSmall(8)
  task = addProcess(m)
  call(m, task, 'mmap', VA, 2 * 4096, 3, 0x32, -1, 0)
})

function put(offset: number, bytes: Uint8Array): number {
  asTask(m, task, () => storeBytes(m, task, VA + offset, bytes))
  return VA + offset
}

const text = (offset: number, string: string) => put(offset, encodeUtf8(`${string}\0`))
const words = (offset: number, values: (number | bigint)[]) =>
  put(offset, new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer))

/** The call's line, as if the kernel had answered so. */
function line(name: string, args: number[], result: number): string {
  const syscall = findSyscall(name)!
  const padded = [...args, 0, 0, 0, 0, 0, 0].slice(0, 6)
  const { line: head } = enterLine({ m, task }, syscall, padded)
  const tail = exitLine({ m, task }, syscall, padded, result)
  return withResult(`${head}${tail})`, showResult(syscall.result, result))
}

/** Without the blanks before the result. */
const short = (name: string, args: number[], result: number) =>
  line(name, args, result).replace(/ += /, ' = ')

const EINVAL = -22

describe('the strace line', () => {
  it('has its result in a column, as far as there is room', () => {
    expect(line('munmap', [1, 4096], EINVAL)).toBe(
      'munmap(0x1, 4096)                       = -1 EINVAL (Invalid argument)',
    )
    expect(line('mlock2', [VA, 4096, 2], EINVAL)).toBe(
      'mlock2(0x10000000, 4096, 0x2 /* MLOCK_??? */) = -1 EINVAL (Invalid argument)',
    )
  })

  it('of every call begins and ends, whatever the arguments', () => {
    for (const { name } of SYSCALLS) {
      for (const value of [0, 1, -1, VA, UNTOUCHED, WILD, 2 ** 31, 2 ** 47, 2 ** 64]) {
        for (const result of [0, 1, -14, 4096]) {
          const shown = line(name, [value, value, value, value, value, value], result)
          expect(shown).toMatch(new RegExp(`^${name}\\(.*\\) += -?\\d|^${name}\\(.*\\) += 0x`))
          expect(shown).not.toMatch(/undefined|NaN|object/)
        }
      }
    }
  })
})

describe('calls on memory', () => {
  it.each<[string, number[], number, string]>([
    [
      'mmap',
      [0, 4096, 3, 0x22, -1, 0],
      0x7ffff7fc3000,
      'mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7fc3000',
    ],
    [
      'mmap',
      [0, 8192, 0, 0xe001, 3, 4096],
      0x7ffff7fc3000,
      'mmap(NULL, 8192, PROT_NONE, MAP_SHARED|MAP_NORESERVE|MAP_POPULATE|MAP_LOCKED, 3, 0x1000) = 0x7ffff7fc3000',
    ],
    [
      'mmap',
      [0x10000000, 8192, 7, 0x100022, -1, 0],
      -17,
      'mmap(0x10000000, 8192, PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE, -1, 0) = -1 EEXIST (File exists)',
    ],
    [
      'mmap',
      [0, 8192, 1, 0x2c101, 3, 4096],
      EINVAL,
      'mmap(NULL, 8192, PROT_READ, MAP_SHARED|MAP_NORESERVE|MAP_POPULATE|MAP_GROWSDOWN|MAP_STACK, 3, 0x1000) = -1 EINVAL (Invalid argument)',
    ],
    [
      'mmap',
      [0, 8192, 1, 0x20, -1, 0],
      EINVAL,
      'mmap(NULL, 8192, PROT_READ, MAP_FILE|MAP_ANONYMOUS, -1, 0) = -1 EINVAL (Invalid argument)',
    ],
    [
      'mmap',
      [0, 8192, 0x43, 0x80000022, -1, 0],
      0x7f324270f000,
      'mmap(NULL, 8192, PROT_READ|PROT_WRITE|0x40, MAP_PRIVATE|MAP_ANONYMOUS|32<<MAP_HUGE_SHIFT, -1, 0) = 0x7f324270f000',
    ],
    [
      'mmap',
      [1, 0, 0xffffffff, 0x03fffff0, -1, 0],
      EINVAL,
      'mmap(0x1, 0, PROT_READ|PROT_WRITE|PROT_EXEC|PROT_SEM|PROT_GROWSDOWN|PROT_GROWSUP|0xfcfffff0, MAP_FILE|MAP_FIXED|MAP_ANONYMOUS|MAP_32BIT|MAP_NORESERVE|MAP_POPULATE|MAP_NONBLOCK|MAP_GROWSDOWN|MAP_DENYWRITE|MAP_EXECUTABLE|MAP_LOCKED|MAP_STACK|MAP_HUGETLB|MAP_SYNC|MAP_FIXED_NOREPLACE|0x3e00680, -1, 0) = -1 EINVAL (Invalid argument)',
    ],
    [
      'mmap',
      [0, 4096, 3, 0xc, -1, -4096],
      -9,
      'mmap(NULL, 4096, PROT_READ|PROT_WRITE, 0xc /* MAP_??? */, -1, 0xfffffffffffff000) = -1 EBADF (Bad file descriptor)',
    ],
    ['brk', [0], 0x1000000, 'brk(NULL) = 0x1000000'],
    ['brk', [0x1021000], 0x1021000, 'brk(0x1021000) = 0x1021000'],
    [
      'mremap',
      [0x10000000, 8192, 16384, 1],
      0x10000000,
      'mremap(0x10000000, 8192, 16384, MREMAP_MAYMOVE) = 0x10000000',
    ],
    [
      'mremap',
      [0x10000000, 16384, 8192, 3, 0x20000000],
      0x20000000,
      'mremap(0x10000000, 16384, 8192, MREMAP_MAYMOVE|MREMAP_FIXED, 0x20000000) = 0x20000000',
    ],
    [
      'mremap',
      [1, 1, 1, 2, 5],
      EINVAL,
      'mremap(0x1, 1, 1, MREMAP_FIXED) = -1 EINVAL (Invalid argument)',
    ],
    [
      'mremap',
      [1, 1, 1, 0xff, 5],
      EINVAL,
      'mremap(0x1, 1, 1, MREMAP_MAYMOVE|MREMAP_FIXED|MREMAP_DONTUNMAP|0xf8, 0x5) = -1 EINVAL (Invalid argument)',
    ],
    ['mprotect', [0x20000000, 4096, 0], 0, 'mprotect(0x20000000, 4096, PROT_NONE) = 0'],
    [
      'mprotect',
      [8, 8, 0xff000fff],
      EINVAL,
      'mprotect(0x8, 8, PROT_READ|PROT_WRITE|PROT_EXEC|PROT_SEM|PROT_GROWSDOWN|PROT_GROWSUP|0xfc000ff0) = -1 EINVAL (Invalid argument)',
    ],
    ['madvise', [0x20000000, 4096, 4], 0, 'madvise(0x20000000, 4096, MADV_DONTNEED) = 0'],
    [
      'madvise',
      [0x20000000, 4096, 23],
      EINVAL,
      'madvise(0x20000000, 4096, MADV_POPULATE_WRITE) = -1 EINVAL (Invalid argument)',
    ],
    ['madvise', [0, 0, 25], 0, 'madvise(NULL, 0, MADV_COLLAPSE) = 0'],
    [
      'madvise',
      [0x20000000, 4096, 99],
      EINVAL,
      'madvise(0x20000000, 4096, 0x63 /* MADV_??? */) = -1 EINVAL (Invalid argument)',
    ],
    [
      'mlock',
      [0x20000000, 4096],
      -12,
      'mlock(0x20000000, 4096) = -1 ENOMEM (Cannot allocate memory)',
    ],
    ['mlock2', [0, 0, 0], 0, 'mlock2(NULL, 0, 0) = 0'],
    [
      'mlock2',
      [0, 0, -1],
      EINVAL,
      'mlock2(NULL, 0, MLOCK_ONFAULT|0xfffffffe) = -1 EINVAL (Invalid argument)',
    ],
    ['mlockall', [3], 0, 'mlockall(MCL_CURRENT|MCL_FUTURE) = 0'],
    [
      'mlockall',
      [15],
      EINVAL,
      'mlockall(MCL_CURRENT|MCL_FUTURE|MCL_ONFAULT|0x8) = -1 EINVAL (Invalid argument)',
    ],
    ['munlockall', [], 0, 'munlockall() = 0'],
    ['msync', [0x20000000, 4096, 4], 0, 'msync(0x20000000, 4096, MS_SYNC) = 0'],
    ['msync', [0x20000000, 4096, 3], 0, 'msync(0x20000000, 4096, MS_ASYNC|MS_INVALIDATE) = 0'],
    [
      'msync',
      [0x20000000, 4096, 9],
      EINVAL,
      'msync(0x20000000, 4096, MS_ASYNC|0x8) = -1 EINVAL (Invalid argument)',
    ],
    [
      'mincore',
      [1, 8192, 0x7ffd69a391bc],
      EINVAL,
      'mincore(0x1, 8192, 0x7ffd69a391bc) = -1 EINVAL (Invalid argument)',
    ],
    ['mincore', [0, 0, 0], 0, 'mincore(NULL, 0, NULL) = 0'],
  ])('%s %j', (name, args, result, expected) => expect(short(name, args, result)).toBe(expected))

  it('mincore shows which pages there are, 32 at most', () => {
    const vec = put(0, Uint8Array.of(0, 1, ...new Array<number>(38).fill(1)))
    expect(short('mincore', [UNTOUCHED, 8192, vec], 0)).toBe(
      'mincore(0x10001000, 8192, [0, 1]) = 0',
    )
    const ones = `[0, 1${', 1'.repeat(30)}`
    expect(short('mincore', [0x7000, 32 * 4096, vec], 0)).toContain(`${ones}]) = 0`)
    expect(short('mincore', [0x7000, 33 * 4096, vec], 0)).toContain(`${ones}, ...]) = 0`)
  })
})

describe('calls on files', () => {
  it('show paths whole, and the mode where it means something', () => {
    const path = text(0, 'hello.txt')
    expect(short('openat', [-100, path, 0o1102, 0o644], 3)).toBe(
      'openat(AT_FDCWD, "hello.txt", O_RDWR|O_CREAT|O_TRUNC, 0644) = 3',
    )
    expect(short('open', [path, 0o206201, 0o777], -2)).toBe(
      'open("hello.txt", O_WRONLY|O_EXCL|O_APPEND|O_NONBLOCK|O_DIRECTORY) = -1 ENOENT (No such file or directory)',
    )
    expect(short('open', [path, 3, 0], -2)).toContain('open("hello.txt", O_ACCMODE) = -1')
    expect(short('openat', [5, path, 0o20200002, 0o600], -9)).toContain(
      'openat(5, "hello.txt", O_RDWR|O_TMPFILE, 0600) = -1 EBADF',
    )
    expect(short('openat', [-1, path, 0o10000000], -9)).toContain('O_RDONLY|O_PATH) = -1')
    expect(short('open', [path, ~0o20000100, 0], -2)).toContain(
      'O_ACCMODE|O_EXCL|O_NOCTTY|O_TRUNC|O_APPEND|O_NONBLOCK|O_SYNC|O_DIRECT|O_LARGEFILE|',
    )
    expect(short('openat', [-100, WILD, 0], -14)).toBe(
      'openat(AT_FDCWD, 0x10, O_RDONLY) = -1 EFAULT (Bad address)',
    )
    expect(short('truncate', [path, 5000], 0)).toBe('truncate("hello.txt", 5000) = 0')
    expect(short('mkdir', [path, 0o755], 0)).toBe('mkdir("hello.txt", 0755) = 0')
    expect(short('memfd_create', [path, 1], 4)).toBe('memfd_create("hello.txt", MFD_CLOEXEC) = 4')
    expect(short('swapon', [path, 0x18005], -2)).toContain(
      'swapon("hello.txt", SWAP_FLAG_PREFER|SWAP_FLAG_DISCARD|5) = -1',
    )
    expect(short('swapon', [path, 0], -2)).toContain('swapon("hello.txt", 0) = -1')
  })

  it('show the beginning of data, with escapes', () => {
    const data = (bytes: string) =>
      put(
        0,
        Uint8Array.from(bytes, (character) => character.charCodeAt(0)),
      )
    const written = (bytes: string) => short('write', [-1, data(bytes), bytes.length], -9)
    const failed = ' = -1 EBADF (Bad file descriptor)'
    expect(written('\t\r\n\v\f\x1b\x07"\\\x001\0\x7f9')).toBe(
      String.raw`write(-1, "\t\r\n\v\f\33\7\"\\\0001\0\1779", 14)` + failed,
    )
    expect(written('')).toBe(`write(-1, "", 0)${failed}`)
    expect(written('\0\0\0')).toBe(String.raw`write(-1, "\0\0\0", 3)` + failed)
    expect(written('\xc3\xa4')).toBe(String.raw`write(-1, "\303\244", 2)` + failed)
    const digits = '12345678901234567890123456789012'
    expect(written(digits)).toBe(`write(-1, "${digits}", 32)${failed}`)
    expect(written(`${digits}3`)).toBe(`write(-1, "${digits}"..., 33)${failed}`)
    expect(short('write', [-1, 0, 2], -9)).toBe(`write(-1, NULL, 2)${failed}`)
    expect(short('write', [3, WILD, 10], -14)).toBe('write(3, 0x10, 10) = -1 EFAULT (Bad address)')
  })

  it('show what was read when it was, else where it should go', () => {
    const at = text(0, 'h"el\nlo')
    expect(short('read', [3, at, 100], 7)).toBe(String.raw`read(3, "h\"el\nlo", 100) = 7`)
    expect(short('read', [3, at, 100], 0)).toBe('read(3, "", 100) = 0')
    expect(short('read', [99, at, 10], -9)).toBe(
      'read(99, 0x10000000, 10) = -1 EBADF (Bad file descriptor)',
    )
    const random = put(0, Uint8Array.of(0xd6, 0x11, 0xc1, 0x41))
    expect(short('getrandom', [random, 4, 1], 4)).toBe(
      String.raw`getrandom("\xd6\x11\xc1\x41", 4, GRND_NONBLOCK) = 4`,
    )
  })

  it('know where a position goes', () => {
    expect(short('lseek', [3, -1, 0], EINVAL)).toBe(
      'lseek(3, -1, SEEK_SET) = -1 EINVAL (Invalid argument)',
    )
    expect(short('lseek', [3, 10, 2], 5010)).toBe('lseek(3, 10, SEEK_END) = 5010')
    expect(short('lseek', [3, 10, 9], EINVAL)).toContain('lseek(3, 10, 0x9 /* SEEK_??? */) = -1')
  })
})

describe('calls on processes', () => {
  it('fork as the C library makes it, and as it was', () => {
    expect(line('clone', [0x1200011, 0, 0, 0x7f3242525a10], 6842)).toBe(
      'clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f3242525a10) = 6842',
    )
    expect(line('fork', [], 6880)).toBe('fork()                                  = 6880')
    expect(short('clone', [17, 0, 0, 0], 7)).toBe('clone(child_stack=NULL, flags=SIGCHLD) = 7')
  })

  it('wait4 says how the child has ended', () => {
    const status = (value: number) => words(0, [value])
    const shown = (value: number) => short('wait4', [-1, status(value), 0, 0], 312)
    expect(shown(0x300)).toBe('wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], 0, NULL) = 312')
    expect(shown(9)).toBe('wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}], 0, NULL) = 312')
    expect(shown(11 | 0x80)).toBe(
      'wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], 0, NULL) = 312',
    )
    expect(short('wait4', [-1, VA, 1, 0], 0)).toBe('wait4(-1, 0x10000000, WNOHANG, NULL) = 0')
    expect(short('wait4', [5, 0, 3, 0], 5)).toBe('wait4(5, NULL, WNOHANG|WSTOPPED, NULL) = 5')
    expect(short('wait4', [-1, VA, 0, VA + 64], -10)).toBe(
      'wait4(-1, 0x10000000, 0, 0x10000040) = -1 ECHILD (No child processes)',
    )
    words(64, [0, 304, 0, 0])
    expect(short('wait4', [-1, status(15), 0, VA + 64], 312)).toContain(
      ', 0, {ru_utime={tv_sec=0, tv_usec=304}, ru_stime={tv_sec=0, tv_usec=0}, ...}) = 312',
    )
    expect(short('wait4', [-1, VA, -1, 0], EINVAL)).toContain(
      'WNOHANG|WEXITED|WSTOPPED|WCONTINUED|WNOWAIT|__WCLONE|__WALL|__WNOTHREAD|0x1efffff0, NULL',
    )
  })

  it('a call that waits is told in two halves', () => {
    const args = [-1, VA, 0, 0, 0, 0]
    expect(enterLine({ m, task }, findSyscall('wait4')!, args)).toEqual({
      line: 'wait4(-1, ',
      open: true,
    })
    expect(enterLine({ m, task }, findSyscall('kill')!, [7, 0, 0, 0, 0, 0])).toEqual({
      line: 'kill(7, 0',
      open: false,
    })
  })

  it.each<[string, number[], number, string]>([
    ['kill', [7, 9], -3, 'kill(7, SIGKILL) = -1 ESRCH (No such process)'],
    ['kill', [-1, 0], 0, 'kill(-1, 0) = 0'],
    ['kill', [7, 32], -3, 'kill(7, SIGRTMIN) = -1 ESRCH (No such process)'],
    ['kill', [7, 64], -3, 'kill(7, SIGRT_32) = -1 ESRCH (No such process)'],
    ['kill', [7, 65], EINVAL, 'kill(7, 65) = -1 EINVAL (Invalid argument)'],
    ['kill', [7, 30], 0, 'kill(7, SIGPWR) = 0'],
    ['tgkill', [7, 7, 6], 0, 'tgkill(7, 7, SIGABRT) = 0'],
    ['getpid', [], 6753, 'getpid() = 6753'],
    ['sched_yield', [], 0, 'sched_yield() = 0'],
    ['setpriority', [0, 0, 5], 0, 'setpriority(PRIO_PROCESS, 0, 5) = 0'],
    [
      'getpriority',
      [3, 7],
      EINVAL,
      'getpriority(0x3 /* PRIO_??? */, 7) = -1 EINVAL (Invalid argument)',
    ],
    ['set_robust_list', [0x7f3242525a20, 24], 0, 'set_robust_list(0x7f3242525a20, 24) = 0'],
    [
      'getrusage',
      [7, 0x7ffd69a39110],
      EINVAL,
      'getrusage(0x7 /* RUSAGE_??? */, 0x7ffd69a39110) = -1 EINVAL (Invalid argument)',
    ],
    ['getrusage', [-1, WILD], -14, 'getrusage(RUSAGE_CHILDREN, 0x10) = -1 EFAULT (Bad address)'],
    ['sysinfo', [8], -14, 'sysinfo(0x8) = -1 EFAULT (Bad address)'],
    [
      'clock_nanosleep',
      [0, 0, 8, 0],
      -14,
      'clock_nanosleep(CLOCK_REALTIME, 0, 0x8, NULL) = -1 EFAULT (Bad address)',
    ],
  ])('%s %j', (name, args, result, expected) => expect(short(name, args, result)).toBe(expected))

  it('execve shows its arguments and counts the environment', () => {
    const path = text(0, '/usr/bin/hog')
    const long = text(64, 'a'.repeat(33))
    const argv = words(128, [path, long, 0])
    const envp = words(192, [path, 0])
    expect(short('execve', [path, argv, envp], -2)).toBe(
      `execve("/usr/bin/hog", ["/usr/bin/hog", "${'a'.repeat(32)}"...], 0x100000c0 /* 1 var */)` +
        ' = -1 ENOENT (No such file or directory)',
    )
    expect(short('execve', [path, argv + 16, envp + 8], -2)).toContain(
      '[], 0x100000c8 /* 0 vars */)',
    )
    expect(short('execve', [path, 0, 0], -2)).toContain(', NULL, NULL)')
    expect(short('execve', [path, WILD, WILD], -2)).toContain(', 0x10, 0x10)')
    const many = words(256, [...new Array<number>(33).fill(path), 0])
    expect(short('execve', [path, many, 0], -2)).toMatch(/"\/usr\/bin\/hog", \.\.\.\], NULL/)
  })

  it('shows limits in units of 1024 where they are whole', () => {
    const shown = (soft: number | bigint, hard: number | bigint) =>
      short('prlimit64', [0, 3, words(0, [soft, hard]), 0], 0)
    expect(shown(8 << 20, -1)).toBe(
      'prlimit64(0, RLIMIT_STACK, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}, NULL) = 0',
    )
    expect(shown(1024, 1536)).toContain('{rlim_cur=1024, rlim_max=1536}')
    expect(shown(12345, -2)).toContain('{rlim_cur=12345, rlim_max=18446744073709551614}')
    words(0, [1 << 30, 0])
    expect(short('prlimit64', [0, 9, 0, VA], 0)).toBe(
      'prlimit64(0, RLIMIT_AS, NULL, {rlim_cur=1048576*1024, rlim_max=0}) = 0',
    )
    expect(short('prlimit64', [0, 0x4d, 0, VA], EINVAL)).toContain(
      'prlimit64(0, 0x4d /* RLIMIT_??? */, NULL, 0x10000000) = -1 EINVAL',
    )
  })

  it('shows times, and what was left of a sleep only when a signal came', () => {
    const at = words(0, [1, 500])
    expect(short('nanosleep', [at, at], 0)).toBe(
      'nanosleep({tv_sec=1, tv_nsec=500}, 0x10000000) = 0',
    )
    expect(short('clock_nanosleep', [1, 1, at, at], -516)).toBe(
      'clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, {tv_sec=1, tv_nsec=500}, {tv_sec=1, tv_nsec=500}) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)',
    )
    expect(short('wait4', [-1, 0, 0, 0], -512)).toBe(
      'wait4(-1, NULL, 0, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)',
    )
  })

  it('sysinfo tells what the machine has', () => {
    words(0, [1210, 0, 5888, 11264, 25276502016, 24963284992, 9084928, 2498560, 0, 0, 92])
    expect(short('sysinfo', [VA], 0)).toBe(
      'sysinfo({uptime=1210, loads=[0, 5888, 11264], totalram=25276502016, freeram=24963284992, sharedram=9084928, bufferram=2498560, totalswap=0, freeswap=0, procs=92, totalhigh=0, freehigh=0, mem_unit=1}) = 0',
    )
  })
})

describe('looking', () => {
  it('reads what is untouched as zeros and changes nothing', () => {
    const fresh = bootSmall(8)
    const process = addProcess(fresh)
    const va = call(fresh, process, 'mmap', 0, 4096, 3, 0x22, -1, 0)
    const before = hashState(fresh)
    const { line: shown } = enterLine({ m: fresh, task: process }, findSyscall('write')!, [
      1,
      va,
      3,
      0,
      0,
      0,
    ])
    expect(shown).toBe(String.raw`write(1, "\0\0\0", 3`)
    expect(hashState(fresh)).toBe(before)
  })

  it('tells the same calls by the names and numbers of i386 there', () => {
    const small = bootSmall(8, 1, 0, { bits: 32, pageSize: 4096 })
    const process = addProcess(small)
    const watcher = watch(small.trace, ['sys_enter', 'sys_exit'])
    call(small, process, 'mmap', 0, 4096, 3, 0x22, -1, 0)
    call(small, process, 'getuid')
    const seen = takeEvents(watcher).map(({ args }) => args)
    expect(seen[0]).toMatchObject({ id: 192, name: 'mmap2' })
    expect(seen[2]).toMatchObject({ id: 199, name: 'getuid32', line: 'getuid32(' })
  })
})
