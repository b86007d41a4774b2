// System calls at the prompt, by their C names and constants.

import { describe, expect, it } from 'vitest'
import { constantNames, findConstant, findPrototype, functionNames } from '@shared/libc/headers.ts'
import { parsePrototype } from '@shared/ic/declaration.ts'
import { takeEvents, watch } from '@shared/trace/trace.ts'
import { sitDown } from '../ic/prompt.ts'

describe('the headers', () => {
  it('have a prototype that can be read for every function', () => {
    for (const name of functionNames()) {
      const prototype = parsePrototype(findPrototype(name)!, 64)
      expect(prototype.name, name).toBe(name)
    }
  })

  it('have a value for every constant, on both machines', () => {
    for (const name of constantNames())
      for (const bits of [64, 32] as const) expect(findConstant(name, bits), name).not.toBe(null)
  })

  it('name what programs about memory use', () => {
    const functions =
      'mmap munmap mremap mprotect madvise msync mincore mlock mlock2 munlock mlockall munlockall ' +
      'brk sbrk getrlimit setrlimit prlimit getrusage open openat creat close read write lseek ' +
      'truncate ftruncate unlink mkdir rmdir fsync memfd_create shm_open shm_unlink fork wait ' +
      'waitpid wait4 getpid getppid kill raise sysconf sysinfo perror strerror nanosleep syscall'
    expect(functionNames()).toEqual(expect.arrayContaining(functions.split(' ')))
    const constants =
      'MAP_FIXED_NOREPLACE MAP_POPULATE MAP_LOCKED MAP_GROWSDOWN MAP_STACK MAP_NORESERVE MAP_ANON ' +
      'MREMAP_MAYMOVE MREMAP_FIXED MREMAP_DONTUNMAP MLOCK_ONFAULT MCL_CURRENT MCL_FUTURE ' +
      'MCL_ONFAULT MS_SYNC MS_ASYNC MS_INVALIDATE MADV_DONTNEED MADV_FREE MADV_REMOVE ' +
      'MADV_WIPEONFORK MADV_POPULATE_WRITE MADV_COLD MADV_PAGEOUT RLIMIT_AS RLIMIT_DATA ' +
      'RLIMIT_STACK RLIMIT_MEMLOCK RLIM_INFINITY RUSAGE_SELF SEEK_END MFD_CLOEXEC O_EXCL ' +
      '_SC_PAGESIZE _SC_PHYS_PAGES WNOHANG PROT_NONE SYS_mmap'
    expect(constantNames()).toEqual(expect.arrayContaining(constants.split(' ')))
  })

  it('are listed by help, with the constants that an argument takes', () => {
    const { type } = sitDown()
    expect(type('help')).toMatch(/\bmremap\b[^]*\bshm_open\b/)
    expect(type('help mincore')).toBe(
      'int mincore(void *addr, size_t length, unsigned char *vec);\n',
    )
    const text = type('help msync')
    expect(text).toContain('int msync(void *addr, size_t length, int flags);\n')
    expect(text).toContain('flags:  MS_SYNC  MS_ASYNC  MS_INVALIDATE\n')
  })
})

describe('memory', () => {
  it('is mapped, moved, given back; addresses are kept where asked', () => {
    const { type } = sitDown()
    type('p = mmap(0, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_POPULATE, -1, 0)')
    type('p[0] = 7; p[8191] = 9')
    expect(type('q = mremap(p, 8192, 65536, MREMAP_MAYMOVE); q[0]; q[8191]')).toMatch(/\n7 .*\n9 /)
    expect(
      type('mmap(q, 4096, PROT_READ, MAP_PRIVATE|MAP_ANON|MAP_FIXED_NOREPLACE, -1, 0)'),
    ).toMatch(/EEXIST/)
    expect(type('mremap(q, 65536, 8192, 0) == q; munmap(q, 8192)')).toBe('1\n0\n')
    expect(type('mmap(0, 4096, PROT_READ, MAP_PRIVATE|MAP_ANON|MAP_HUGETLB, -1, 0)')).toMatch(
      /ENOMEM/,
    )
  })

  it('is locked within the limit, which can be lowered and read', () => {
    const { type } = sitDown()
    type('p = mmap(0, 65536, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)')
    type('struct rlimit r = { 8192, 65536 }')
    expect(type('setrlimit(RLIMIT_MEMLOCK, &r); mlock(p, 65536)')).toMatch(/^0\n.*ENOMEM/)
    expect(type('mlock2(p, 8192, MLOCK_ONFAULT); munlock(p, 8192); munlockall()')).toBe('0\n0\n0\n')
    expect(type('mlockall(MCL_CURRENT|MCL_FUTURE)')).toMatch(/ENOMEM/)
    expect(type('r.rlim_max = 1 << 20; setrlimit(RLIMIT_MEMLOCK, &r)')).toMatch(/EPERM/)
    expect(type('r.rlim_cur = 99999; r.rlim_max = 9; setrlimit(RLIMIT_MEMLOCK, &r)')).toMatch(
      /EINVAL/,
    )
    expect(type('prlimit(getpid(), RLIMIT_MEMLOCK, 0, &r); r')).toContain(
      '{rlim_cur = 8192, rlim_max = 65536}',
    )
    expect(type('prlimit(1, RLIMIT_AS, 0, &r); prlimit(99999, RLIMIT_AS, 0, &r)')).toMatch(
      /EPERM[^]*ESRCH/,
    )
    expect(type('getrlimit(77, &r)')).toMatch(/EINVAL/)
  })

  it('takes advice, is protected and looked at', () => {
    const { type } = sitDown()
    type('p = mmap(0, 16384, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)')
    type('unsigned char v[4]; p[4096] = 1')
    expect(type('mincore(p, 16384, v); v[0]; v[1]; v[3]')).toMatch(/^0\n0 .*\n1 .*\n0 /)
    expect(type('madvise(p, 16384, MADV_DONTNEED); mincore(p, 8192, v); v[1]')).toMatch(/0\n0\n0 /)
    expect(type('mprotect(p, 4096, PROT_NONE); msync(p, 4096, MS_SYNC|MS_ASYNC)')).toMatch(
      /^0\n.*EINVAL/,
    )
    expect(type('mincore(p + 1, 4096, v)')).toMatch(/EINVAL/)
    expect(type('mincore(p, 1 << 30, v)')).toMatch(/ENOMEM|EFAULT/)
  })

  it('of the heap is the break’s, which the library remembers', () => {
    const { type, m } = sitDown()
    const watcher = watch(m.trace, ['sys_enter'])
    expect(type('p = sbrk(4096); sbrk(0) - p')).toMatch(/\n4096\n$/)
    expect(type('brk(p); sbrk(0) == p')).toBe('0\n1\n')
    expect(type('sbrk(1L << 46)')).toMatch(/ENOMEM/)
    const calls = takeEvents(watcher).map((event) => event.name === 'sys_enter' && event.args.line)
    expect(calls.map((line) => String(line).replace(/0x\w+/, 'ADDR'))).toEqual([
      'brk(NULL',
      'brk(ADDR',
      'brk(ADDR',
      'brk(ADDR',
    ])
  })
})

describe('files', () => {
  it('are written, read, positioned, cut and mapped', () => {
    const { type } = sitDown()
    type('int fd = open("/tmp/a", O_RDWR|O_CREAT|O_EXCL, 0600); char b[16]')
    expect(type('write(fd, "hello", 5); lseek(fd, 1, SEEK_SET); read(fd, b, 16)')).toBe('5\n1\n4\n')
    expect(
      type('lseek(fd, -2, SEEK_END); lseek(fd, 1, SEEK_CUR); lseek(fd, -9, SEEK_CUR)'),
    ).toMatch(/^3\n4\n.*EINVAL/)
    expect(type('ftruncate(fd, 10000); lseek(fd, 0, SEEK_END)')).toBe('0\n10000\n')
    type('p = (char *) mmap(0, 10000, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0)')
    expect(type('p[1]; p[9999]; p[0] = 74; lseek(fd, 0, SEEK_SET); read(fd, b, 5); b[0]')).toMatch(
      /^101 .*\n0 .*\n.*\n0\n5\n74 /,
    )
    expect(type('open("/tmp/a", O_CREAT|O_EXCL, 0600)')).toMatch(/EEXIST/)
    expect(type('truncate("/tmp/a", 3); lseek(fd, 0, SEEK_END); close(fd); close(fd)')).toMatch(
      /^0\n3\n0\n.*EBADF/,
    )
    expect(type('p[1]; unlink("/tmp/a"); open("/tmp/a", O_RDONLY)')).toMatch(/ENOENT/)
  })

  it('know their holes', () => {
    const { type } = sitDown()
    type('int fd = open("/tmp/h", O_RDWR|O_CREAT, 0600); ftruncate(fd, 20000)')
    type('lseek(fd, 8192, SEEK_SET); write(fd, "x", 1)')
    expect(
      type('lseek(fd, 0, SEEK_DATA); lseek(fd, 8195, SEEK_HOLE); lseek(fd, 5, SEEK_HOLE)'),
    ).toBe('8192\n12288\n5\n')
    expect(type('lseek(fd, 12288, SEEK_DATA)')).toMatch(/ENXIO/)
    expect(type('lseek(1, 0, SEEK_SET)')).toMatch(/ESPIPE/)
  })

  it('without a name share memory', () => {
    const { type } = sitDown()
    type('int fd = memfd_create("box", MFD_CLOEXEC); ftruncate(fd, 4096)')
    type('int *p = mmap(0, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0); close(fd)')
    expect(type('if (fork() == 0) { *p = 42; exit(0); } wait(0); *p')).toMatch(/\n42\n$/)
    expect(type('memfd_create("box", 64)')).toMatch(/EINVAL/)
  })

  it('with a name below /dev/shm do so, too', () => {
    const { type } = sitDown()
    type('int fd = shm_open("/box", O_RDWR|O_CREAT, 0600)')
    expect(type('ftruncate(fd, 4096); shm_open("/box", O_RDWR, 0)')).toMatch(/^0\n\d\n$/)
    expect(type('shm_unlink("/box"); shm_open("/box", O_RDWR, 0)')).toMatch(/^0\n.*ENOENT/)
    expect(type('shm_open("/a/b", O_RDWR|O_CREAT, 0600)')).toMatch(/EINVAL/)
  })

  it('lie in directories', () => {
    const { type } = sitDown()
    expect(type('mkdir("/tmp/d", 0755); int d = open("/tmp/d", O_RDONLY|O_DIRECTORY)')).toMatch(
      /^0\nd = \d\n$/,
    )
    expect(type('int f = openat(d, "x", O_CREAT|O_WRONLY, 0644); rmdir("/tmp/d")')).toMatch(
      /ENOTEMPTY/,
    )
    expect(
      type('unlink("/tmp/d"); rmdir("/tmp/d/x"); unlink("/tmp/d/x"); rmdir("/tmp/d")'),
    ).toMatch(/EISDIR[^]*ENOTDIR[^]*\n0\n0\n$/)
    expect(type('openat(99, "x", O_RDONLY)')).toMatch(/EBADF/)
    expect(type('openat(f, "x", O_RDONLY)')).toMatch(/ENOTDIR/)
  })
})

describe('processes', () => {
  it('tell what they have used, and what their children had', () => {
    const { type, task } = sitDown()
    type('char *p = malloc(100000); memset(p, 1, 100000); struct rusage u')
    expect(type('getrusage(RUSAGE_SELF, &u); u.ru_minflt')).toBe(`0\n${task.minFlt}\n`)
    type('if (fork() == 0) { memset(p, 2, 100000); exit(0); }')
    expect(type('wait4(-1, 0, 0, &u); u.ru_minflt > 20')).toMatch(/\n1\n$/)
    expect(type('long f = u.ru_minflt; getrusage(RUSAGE_CHILDREN, &u); u.ru_minflt == f')).toMatch(
      /\n1\n$/,
    )
    expect(type('getrusage(7, &u)')).toMatch(/EINVAL/)
  })

  it('say how a child has ended', () => {
    const { type } = sitDown()
    type('int s; if (fork() == 0) exit(7); wait(&s)')
    expect(type('WIFEXITED(s); WEXITSTATUS(s); WIFSIGNALED(s)')).toBe('1\n7\n0\n')
    type('if (fork() == 0) raise(SIGKILL); wait(&s)')
    expect(type('WIFEXITED(s); WIFSIGNALED(s); WTERMSIG(s) == SIGKILL')).toBe('0\n1\n1\n')
  })

  it('sleep for a time', () => {
    const { type, m } = sitDown()
    type('struct timespec t = { 0, 500000000 }')
    const before = m.ticks
    expect(type('nanosleep(&t, 0)')).toBe('0\n')
    expect(m.ticks - before).toBeGreaterThanOrEqual(10)
    expect(type('t.tv_nsec = -1; nanosleep(&t, 0)')).toMatch(/EINVAL/)
    expect(type('clock_nanosleep(9, 0, &t, 0)')).toBe('22\n')
  })

  it('make any call by its number', () => {
    const { type, task } = sitDown()
    expect(type('syscall(SYS_getpid); syscall(SYS_lseek, 99, 0L, SEEK_SET)')).toMatch(
      new RegExp(`^${task.pid}\\n-1 .*EBADF`),
    )
    expect(type('syscall(9999)')).toMatch(/ENOSYS/)
  })

  it('on a machine of 32 bits have limits and times of 32 bits', () => {
    const { type } = sitDown(32 << 20, 32)
    type('struct rlimit r; struct timespec t = { 0, 100 }')
    expect(type('getrlimit(RLIMIT_STACK, &r); r')).toBe(
      '0\n{rlim_cur = 8388608, rlim_max = 4294967295}\n',
    )
    expect(
      type('r.rlim_cur = 4096; setrlimit(RLIMIT_STACK, &r); prlimit(0, RLIMIT_STACK, 0, &r); r'),
    ).toMatch(/\{rlim_cur = 4096, rlim_max = 4294967295\}\n$/)
    expect(type('nanosleep(&t, 0); syscall(SYS_getpid) == getpid()')).toBe('0\n1\n')
  })
})
