// System calls on processes: fork, execve, exit, wait4, kill, ids, and what the machine says of itself.

import { EFAULT, EINVAL, ENOENT, EPERM, ESRCH } from '../lib/errno.ts'
import { nextU32 } from '../lib/prng.ts'
import { TICKS_PER_SECOND, type Machine } from '../state/machine.ts'
import { NSIG, SIGCHLD, SI_TKILL, type Task } from '../state/task.ts'
import { doExecve } from '../kernel/exec.ts'
import { doExit, waitForChild } from '../kernel/exit.ts'
import { copyProcess } from '../kernel/fork.ts'
import { FSHIFT } from '../kernel/loadavg.ts'
import { killTask, mayKill } from '../kernel/signal.ts'
import { nrFreePages } from '../mm/pageAlloc.ts'
import { freeSwapPages, totalSwapPages } from '../mm/swapfile.ts'
import { USER_FAULT, loadCString, loadPtr, store32, storeBytes, storePtr } from '../mm/uaccess.ts'
import { WAITING, defineSyscall } from './define.ts'
import { CLONE, GRND, PR, WAIT, WCONTINUED, WNOHANG, WUNTRACED } from './flags.ts'
import { childRusage, storeChildRusage } from './resource.ts'
import {
  argvArg,
  envpArg,
  flags as bits,
  hexRest,
  oneOf,
  out,
  peek32,
  peekLongs,
  quoteHex,
  showAddress,
  showData,
  signalArg,
  signalName,
  takeNames,
  traceExit,
} from './strace.ts'

export const fork = defineSyscall({
  nr: 57,
  i386: 2,
  name: 'fork',
  args: {},
  result: 'pid_t',
  run(m, task) {
    const child = copyProcess(m, task)
    return typeof child === 'number' ? child : child.pid
  },
})

const CSIGNAL = 0xff
const FORK_FLAGS = CLONE.CLONE_CHILD_CLEARTID | CLONE.CLONE_CHILD_SETTID

/**
 * What glibc's fork() calls. Of the flags those of a process of its own; that the kernel writes the child's number into the
 * child's memory is left out.
 */
export const clone = defineSyscall({
  nr: 56,
  i386: 120,
  name: 'clone',
  args: {
    flags: 'unsigned long',
    child_stack: 'void *',
    parent_tidptr: 'int *',
    child_tidptr: 'int *',
    tls: 'unsigned long',
  },
  result: 'long',
  run(m, task, flags, stack) {
    if ((flags & ~FORK_FLAGS) !== SIGCHLD || stack !== 0) return -EINVAL
    const child = copyProcess(m, task)
    return typeof child === 'number' ? child : child.pid
  },
  line(_t, [flags, stack, , tidptr], after) {
    if (after) return (flags & FORK_FLAGS) === 0 ? '' : `, child_tidptr=${showAddress(tidptr)}`
    const { found, rest } = takeNames((flags & ~CSIGNAL) >>> 0, CLONE)
    const shown = [...found, ...hexRest(rest), signalName(flags & CSIGNAL)]
    return `child_stack=${showAddress(stack)}, flags=${shown.join('|')}`
  },
})

/** The strings that a list of pointers leads to, which ends with NULL; of many the first. */
function loadStrings(m: Machine, task: Task, list: number): string[] {
  const strings: string[] = []
  for (let at = list; list !== 0 && strings.length < STRINGS_MAX; at += m.layout.bits / 8) {
    const pointer = loadPtr(m, task, at)
    if (pointer === 0) break
    strings.push(loadCString(m, task, pointer, 4096))
  }
  return strings
}

const STRINGS_MAX = 128

export const execve = defineSyscall({
  nr: 59,
  i386: 11,
  name: 'execve',
  args: { pathname: 'const char *', argv: argvArg, envp: envpArg },
  run(m, task, pathname, argv, envp) {
    const path = loadCString(m, task, pathname, 4096)
    const args = loadStrings(m, task, argv)
    const environ = loadStrings(m, task, envp)
    if (path === '') return -ENOENT
    const error = doExecve(
      m,
      task,
      path,
      args.length > 0 ? args : [path],
      { kind: 'exec' },
      environ,
    )
    if (error < 0) return error
    traceExit(m, task, execve, [], 0)
    // What called is gone with its memory; the new program starts when the task runs next.
    throw USER_FAULT
  },
})

export const exitGroup = defineSyscall({
  nr: 231,
  i386: 252,
  name: 'exit_group',
  args: { status: 'int' },
  run(m, task, status) {
    doExit(m, task, (status & 0xff) << 8)
    throw USER_FAULT
  },
})

/** `[{WIFEXITED(s) && WEXITSTATUS(s) == 3}]` */
const statusArg = out('int *', (t, va, { result }) => {
  const status = result === 0 ? null : peek32(t, va)
  return status === null ? showAddress(va) : `[{${showStatus(status)}}]`
})

function showStatus(status: number): string {
  const signal = status & 0x7f
  if (signal === 0) return `WIFEXITED(s) && WEXITSTATUS(s) == ${(status >> 8) & 0xff}`
  const dumped = (status & 0x80) !== 0 ? ' && WCOREDUMP(s)' : ''
  return `WIFSIGNALED(s) && WTERMSIG(s) == ${signalName(signal)}${dumped}`
}

const WAIT_THREADS = WAIT.__WCLONE | WAIT.__WALL | WAIT.__WNOTHREAD // of no meaning here
const WAIT_OPTIONS = WNOHANG | WUNTRACED | WCONTINUED | WAIT_THREADS

/** Children that were stopped or go on are not told of. */
export const wait4 = defineSyscall({
  nr: 61,
  i386: 114,
  name: 'wait4',
  args: {
    pid: 'pid_t',
    wstatus: statusArg,
    options: bits('int', WAIT, 'W???'),
    rusage: childRusage,
  },
  result: 'pid_t',
  run(m, task, pid, wstatus, options, rusage) {
    if ((options & ~WAIT_OPTIONS) !== 0) return -EINVAL
    const zombie = waitForChild(m, task, pid)
    if (typeof zombie === 'number') return zombie
    if (zombie === null) {
      if ((options & WNOHANG) !== 0) return 0
      task.state = 'S'
      task.wait = { for: 'child', pid }
      return WAITING
    }
    if (wstatus !== 0) store32(m, task, wstatus, zombie.exitCode)
    if (rusage !== 0) storeChildRusage(m, task, rusage, zombie)
    return zombie.pid
  },
})

export const kill = defineSyscall({
  nr: 62,
  i386: 37,
  name: 'kill',
  args: { pid: 'pid_t', sig: signalArg },
  run(m, task, pid, sig) {
    if (sig < 0 || sig > NSIG) return -EINVAL
    if (pid > 0) return killTask(m, task, m.tasks.get(pid), sig)
    // -1: everybody the caller may signal; 0 and below: the process group.
    let error = -ESRCH
    for (const other of [...m.tasks.values()]) {
      const meant =
        pid === -1
          ? other.pid !== 1 && other !== task
          : other.pgrp === (pid === 0 ? task.pgrp : -pid)
      if (!meant) continue
      if (mayKill(task, other)) error = killTask(m, task, other, sig)
      else if (error === -ESRCH) error = -EPERM
    }
    return error
  },
})

export const getpid = defineSyscall({
  nr: 39,
  i386: 20,
  name: 'getpid',
  args: {},
  result: 'pid_t',
  run: (_m, task) => task.pid,
})
export const getppid = defineSyscall({
  nr: 110,
  i386: 64,
  name: 'getppid',
  args: {},
  result: 'pid_t',
  run: (_m, task) => task.parent?.pid ?? 0,
})
export const getuid = defineSyscall({
  nr: 102,
  i386: 199,
  name: 'getuid',
  name32: 'getuid32',
  args: {},
  result: 'uid_t',
  run: (_m, task) => task.uid,
})
export const geteuid = defineSyscall({
  nr: 107,
  i386: 201,
  name: 'geteuid',
  name32: 'geteuid32',
  args: {},
  result: 'uid_t',
  run: (_m, task) => task.uid,
})
export const getgid = defineSyscall({
  nr: 104,
  i386: 200,
  name: 'getgid',
  name32: 'getgid32',
  args: {},
  result: 'gid_t',
  run: (_m, task) => task.gid,
})

export const schedYield = defineSyscall({
  nr: 24,
  i386: 158,
  name: 'sched_yield',
  args: {},
  run: () => 0,
})

/** A process is its one thread here. */
export const gettid = defineSyscall({
  nr: 186,
  i386: 224,
  name: 'gettid',
  args: {},
  result: 'pid_t',
  run: (_m, task) => task.pid,
})

/** How glibc's raise() sends a signal. */
export const tgkill = defineSyscall({
  nr: 234,
  i386: 270,
  name: 'tgkill',
  args: { tgid: 'pid_t', tid: 'pid_t', sig: signalArg },
  run(m, task, tgid, tid, sig) {
    if (tgid <= 0 || tid <= 0 || sig < 0 || sig > NSIG) return -EINVAL
    return tgid === tid ? killTask(m, task, m.tasks.get(tid), sig, SI_TKILL) : -ESRCH
  },
})

/** Where the thread keeps its list of robust futexes; nobody here has one. */
/** All three ids at once; who is not root may only keep its own (kernel/sys.c). */
export const setuid = defineSyscall({
  nr: 105,
  i386: 213,
  name: 'setuid',
  name32: 'setuid32',
  args: { uid: 'uid_t' },
  run(_m, task, uid) {
    if (uid < 0 || uid > 0xffff_fffe) return -EINVAL
    if (task.uid !== 0 && uid !== task.uid) return -EPERM
    task.uid = uid
    return 0
  },
})

const TASK_COMM_LEN = 16

/** Of prctl's many options the one that names the process, as ps and the OOM killer show it (kernel/sys.c). */
export const prctl = defineSyscall({
  nr: 157,
  i386: 172,
  name: 'prctl',
  args: { option: oneOf('int', PR, 'PR_???'), name: 'const char *' },
  run(m, task, option, name) {
    if (option !== PR.PR_SET_NAME) return -EINVAL
    task.comm = loadCString(m, task, name, TASK_COMM_LEN - 1)
    return 0
  },
})

export const setRobustList = defineSyscall({
  nr: 273,
  i386: 311,
  name: 'set_robust_list',
  args: { head: 'void *', len: 'size_t' },
  result: 'long',
  run: (m, _task, _head, len) => (len === (m.layout.bits / 8) * 3 ? 0 : -EINVAL),
})

/** What one call gives at most. */
const RANDOM_MAX = 256

export const getrandom = defineSyscall({
  nr: 318,
  i386: 355,
  name: 'getrandom',
  args: {
    buf: out('void *', (t, va, { result }) => showData(t, va, result!, quoteHex)),
    buflen: 'size_t',
    flags: bits('unsigned int', GRND, 'GRND_???'),
  },
  result: 'ssize_t',
  run(m, task, buf, buflen, flags) {
    const { GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE } = GRND
    if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) !== 0) return -EINVAL
    if ((flags & GRND_RANDOM) !== 0 && (flags & GRND_INSECURE) !== 0) return -EINVAL
    const words = Math.ceil(Math.min(buflen, RANDOM_MAX) / 4)
    const random = Uint32Array.from({ length: words }, () => nextU32(m.prng))
    const bytes = new Uint8Array(random.buffer, 0, Math.min(buflen, RANDOM_MAX))
    storeBytes(m, task, buf, bytes)
    return bytes.length
  },
})

const SI_LOAD_SHIFT = 16

/** struct sysinfo in words, then the number of processes, two words for high memory and the unit of it all. */
const SYSINFO_WORDS = [
  'uptime',
  'loads',
  '',
  '',
  'totalram',
  'freeram',
  'sharedram',
  'bufferram',
  'totalswap',
  'freeswap',
]

const sysinfoArg = out('struct sysinfo *', (t, va) => {
  const word = t.m.layout.bits / 8
  const values = peekLongs(t, va, SYSINFO_WORDS.length)
  const procs = peek32(t, va + SYSINFO_WORDS.length * word)
  if (values === null || procs === null) return showAddress(va)
  const [uptime, load1, load5, load15, ...sizes] = values
  const shown = sizes.map((size, i) => `${SYSINFO_WORDS[4 + i]}=${size}`)
  return (
    `{uptime=${uptime}, loads=[${load1}, ${load5}, ${load15}], ${shown.join(', ')}, ` +
    `procs=${procs & 0xffff}, totalhigh=0, freehigh=0, mem_unit=1}`
  )
})

export const sysinfo = defineSyscall({
  nr: 99,
  i386: 116,
  name: 'sysinfo',
  args: { info: sysinfoArg },
  run(m, task, info) {
    if (info === 0) return -EFAULT
    const word = m.layout.bits / 8
    const pages = [
      m.totalramPages,
      nrFreePages(m.zone),
      m.shmem,
      0,
      totalSwapPages(m),
      freeSwapPages(m),
    ]
    const words = [
      Math.floor(m.ticks / TICKS_PER_SECOND),
      ...m.loadavg.map((load) => load << (SI_LOAD_SHIFT - FSHIFT)),
      ...pages.map((count) => count * m.pageSize),
      m.tasks.size,
      0,
      0,
      1,
    ]
    words.forEach((value, i) => storePtr(m, task, info + i * word, value))
    return 0
  },
})
