// The functions of unistd.h, sys/*.h and their kin, which do their work by system calls: those that glibc 2.36 makes.

import { EINVAL, ENOSYS, EPERM, strerror } from '../lib/errno.ts'
import { encodeUtf8, latin1Bytes } from '../lib/utf8.ts'
import { SIGCHLD } from '../state/task.ts'
import { PAGE_FUEL } from '../kernel/sched.ts'
import { load32, loadCString, store32, storeBytes, storePtr } from '../mm/uaccess.ts'
import { WAITING, type Syscall } from '../syscall/define.ts'
import {
  AT_FDCWD,
  CLOCK,
  CLONE,
  O_CLOEXEC,
  O_CREAT,
  O_NOFOLLOW,
  O_TRUNC,
  O_WRONLY,
} from '../syscall/flags.ts'
import { SYSCALLS, findSyscall } from '../syscall/table.ts'
import {
  BLOCKED,
  fail,
  finish,
  finishBySyscall,
  intArg,
  longArg,
  sizeArg,
  syscall,
  type Caller,
  type LibCall,
  type LibFunction,
  type Step,
} from './call.ts'
import { abort, moveBreak, raise, sbrk } from './process.ts'
import { errnoAddress, scratchAddress, setErrno, textAddress, threadAddress } from './state.ts'
import { drain, flushStdout } from './stdio.ts'
import { sysconf } from './sysconf.ts'

/** The child is a copy that stands in the same call with phase 1; it tells the kernel where its robust futexes are listed. */
const fork: LibFunction = (c, call) => {
  const thread = threadAddress(c.m, c.task)
  if (call.phase === 1) {
    syscall(c, 'set_robust_list', [thread + 16, (c.m.layout.bits / 8) * 3])
    return finish(call, 0)
  }
  if (!drain(c)) return BLOCKED
  call.phase = 1
  c.cost += PAGE_FUEL
  const { CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID } = CLONE
  const flags = CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD
  return finishBySyscall(c, call, 'clone', [flags, 0, 0, thread])
}

/** Ends the process; stdout's buffer is written first. */
const exit: LibFunction = (c, call) => {
  flushStdout(c)
  if (!drain(c)) return BLOCKED
  return finishBySyscall(c, call, 'exit_group', [intArg(call, 0)])
}

/** The time goes to the kernel by address. The seconds that are left, were it woken. */
function sleepFor(c: Caller, call: LibCall, seconds: number, nanoseconds: number): Step {
  const scratch = scratchAddress(c.m, c.task)
  storePtr(c.m, c.task, scratch, seconds)
  storePtr(c.m, c.task, scratch + c.m.layout.bits / 8, nanoseconds)
  const remain = call.name === 'sleep' ? scratch : 0
  const result = syscall(c, 'clock_nanosleep', [CLOCK.CLOCK_REALTIME, 0, scratch, remain])
  return result === WAITING ? BLOCKED : finish(call, 0)
}

const sbrkFunction: LibFunction = (c, call) => finish(call, sbrk(c, longArg(call, 0)))

const brk: LibFunction = (c, call) => finish(call, moveBreak(c, sizeArg(call, 0)) ? 0 : -1)

/** nice(2) by way of getpriority() and setpriority(), as glibc does. */
const nice: LibFunction = (c, call) => {
  const now = 20 - syscall(c, 'getpriority', [0, 0])
  const wanted = Math.max(-20, Math.min(19, now + intArg(call, 0)))
  const result = syscall(c, 'setpriority', [0, 0, wanted])
  // EPERM, where the system call says EACCES.
  if (result < 0) return fail(c, call, EPERM)
  return finish(call, 20 - syscall(c, 'getpriority', [0, 0]))
}

/** The system call answers 20 - nice, so that it is never negative. */
const getpriority: LibFunction = (c, call) => {
  const result = syscall(c, 'getpriority', [intArg(call, 0), intArg(call, 1)])
  return result < 0 ? fail(c, call, -result) : finish(call, 20 - result)
}

/** The text lies behind the scratch space. */
const strerrorFunction: LibFunction = (c, call) => {
  const at = textAddress(c.m, c.task)
  const text = latin1Bytes(strerror(intArg(call, 0)))
  storeBytes(c.m, c.task, at, Uint8Array.from([...text, 0]))
  return finish(call, at)
}

const FRAME = 4096

/** Bytes below the stack's start, where a caller's frame would lie. */
function frameAt(c: Caller, size: number): number {
  return Math.floor((c.task.mm!.argStart - size) / 16) * 16
}

/** The environment as a list of pointers, what it leads to behind it: `environ`, for the program that is executed. */
function storeEnviron(c: Caller): number {
  const { environ } = c.task
  if (environ.length === 0) return 0
  const word = c.m.layout.bits / 8
  const texts = environ.map((entry) => [...encodeUtf8(entry), 0])
  const length = (environ.length + 1) * word + texts.reduce((sum, text) => sum + text.length, 0)
  const list = frameAt(c, FRAME + length)
  let next = list + (environ.length + 1) * word
  texts.forEach((text, i) => {
    storePtr(c.m, c.task, list + i * word, next)
    storeBytes(c.m, c.task, next, Uint8Array.from(text))
    next += text.length
  })
  storePtr(c.m, c.task, list + environ.length * word, 0)
  return list
}

/** The argument vector is built where a caller's frame would lie. */
const execl: LibFunction = (c, call) => {
  const word = c.m.layout.bits / 8
  const at = frameAt(c, FRAME)
  for (let i = 1; 2 * i < call.args.length; i++)
    storePtr(c.m, c.task, at + (i - 1) * word, sizeArg(call, i))
  storePtr(c.m, c.task, at + (call.args.length / 2 - 1) * word, 0)
  return finishBySyscall(c, call, 'execve', [sizeArg(call, 0), at, storeEnviron(c)])
}

const atoi: LibFunction = (c, call) => {
  const text = loadCString(c.m, c.task, sizeArg(call, 0), 64)
  const match = /^\s*([+-]?\d+)/.exec(text)
  return finish(
    call,
    match === null ? 0 : Number(BigInt.asIntN(call.name === 'atoi' ? 32 : 53, BigInt(match[1]))),
  )
}

const raiseFunction: LibFunction = (c, call) => {
  const result = raise(c, intArg(call, 0))
  return result < 0 ? fail(c, call, -result) : finish(call, 0)
}

/** open(2), which is openat(2) from the current directory. */
const open: LibFunction = (c, call) => {
  const mode = call.args.length > 4 ? call.args[4] >>> 0 : 0
  return openAtCwd(c, call, sizeArg(call, 0), intArg(call, 1), mode)
}

function openAtCwd(c: Caller, call: LibCall, path: number, flags: number, mode: number): Step {
  return finishBySyscall(c, call, 'openat', [AT_FDCWD, path, flags, mode])
}

const SHM_DIR = '/dev/shm/'
const SHM_NAME_MAX = 255

/** The path of a POSIX shared memory object, behind the scratch space; 0 and EINVAL for a name that is none. */
function shmPath(c: Caller, call: LibCall): number {
  const name = loadCString(c.m, c.task, sizeArg(call, 0), SHM_NAME_MAX + 1).replace(/^\/+/, '')
  if (name === '' || name.includes('/') || name.length > SHM_NAME_MAX - SHM_DIR.length) {
    setErrno(c, EINVAL)
    return 0
  }
  const at = textAddress(c.m, c.task)
  storeBytes(c.m, c.task, at, Uint8Array.from([...latin1Bytes(SHM_DIR + name), 0]))
  return at
}

const shm_open: LibFunction = (c, call) => {
  const path = shmPath(c, call)
  const flags = intArg(call, 1) | O_NOFOLLOW | O_CLOEXEC
  return path === 0 ? finish(call, -1) : openAtCwd(c, call, path, flags, call.args[4] >>> 0)
}

const shm_unlink: LibFunction = (c, call) => {
  const path = shmPath(c, call)
  return path === 0 ? finish(call, -1) : finishBySyscall(c, call, 'unlink', [path])
}

/** Its result is the error number, errno stays. */
const clock_nanosleep: LibFunction = (c, call) => {
  const args = [intArg(call, 0), intArg(call, 1), sizeArg(call, 2), sizeArg(call, 3)]
  const result = syscall(c, 'clock_nanosleep', args)
  return result === WAITING ? BLOCKED : finish(call, -result)
}

const nanosleep: LibFunction = (c, call) => {
  const { CLOCK_REALTIME } = CLOCK
  const args = [CLOCK_REALTIME, 0, sizeArg(call, 0), sizeArg(call, 1)]
  return finishBySyscall(c, call, 'clock_nanosleep', args)
}

/** prlimit(2) and its halves. The kernel's limits have 64 bits; those of an i386 program are converted on the way. */
function limit(c: Caller, call: LibCall, pid: number, resource: number, to: number, from: number) {
  if (c.m.layout.bits === 64)
    return finishBySyscall(c, call, 'prlimit64', [pid, resource, to, from])
  const scratch = scratchAddress(c.m, c.task)
  if (to !== 0) for (let i = 0; i < 2; i++) widen(c, to + i * 4, scratch + i * 8)
  const old = from === 0 ? 0 : scratch + 16
  const result = syscall(c, 'prlimit64', [pid, resource, to === 0 ? 0 : scratch, old])
  if (result < 0) return fail(c, call, -result)
  if (from !== 0) for (let i = 0; i < 2; i++) narrow(c, old + i * 8, from + i * 4)
  return finish(call, 0)
}

/** 32 bits to 64; the highest value stands for no limit in both. */
function widen(c: Caller, from: number, to: number): void {
  const low = load32(c.m, c.task, from)
  store32(c.m, c.task, to, low)
  store32(c.m, c.task, to + 4, low === -1 ? -1 : 0)
}

function narrow(c: Caller, from: number, to: number): void {
  const high = load32(c.m, c.task, from + 4)
  store32(c.m, c.task, to, high === 0 ? load32(c.m, c.task, from) : -1)
}

/** Any system call by its name; its arguments are converted as its description says. */
export function systemCall(c: Caller, call: LibCall): Step {
  const description = findSyscall(call.name)
  if (description === undefined) return fail(c, call, ENOSYS)
  return finishBySyscall(c, call, call.name, argumentsOf(description, call, 0))
}

/** The call's arguments from `first` on, as numbers of the kinds that the system call takes. */
function argumentsOf({ args }: Syscall, call: LibCall, first: number): number[] {
  return Object.values(args)
    .slice(0, call.args.length / 2 - first)
    .map(({ type }, i) => {
      if (type === 'int' || type === 'pid_t' || type === 'clockid_t') return intArg(call, first + i)
      return type === 'long' || type === 'off_t'
        ? longArg(call, first + i)
        : sizeArg(call, first + i)
    })
}

/** syscall(2): any call by its number. */
function syscallFunction(c: Caller, call: LibCall): Step {
  const number = longArg(call, 0)
  const description = SYSCALLS.find(
    ({ nr, i386 }) => number === (c.m.layout.bits === 32 ? i386 : nr),
  )
  if (description === undefined) return fail(c, call, ENOSYS)
  return finishBySyscall(c, call, description.name, argumentsOf(description, call, 1))
}

/** The macros of sys/wait.h. */
function ofStatus(tell: (status: number) => number): LibFunction {
  return (_c, call) => finish(call, tell(intArg(call, 0)))
}

export const unistdFunctions: Record<string, LibFunction> = {
  fork,
  exit,
  _exit: (c, call) => finishBySyscall(c, call, 'exit_group', [intArg(call, 0)]),
  abort,
  raise: raiseFunction,
  sleep: (c, call) => sleepFor(c, call, call.args[0] >>> 0, 0),
  usleep: (c, call) => {
    const micros = call.args[0] >>> 0
    return sleepFor(c, call, Math.floor(micros / 1_000_000), (micros % 1_000_000) * 1000)
  },
  wait: (c, call) => finishBySyscall(c, call, 'wait4', [-1, sizeArg(call, 0), 0, 0]),
  waitpid: (c, call) =>
    finishBySyscall(c, call, 'wait4', [intArg(call, 0), sizeArg(call, 1), intArg(call, 2), 0]),
  sbrk: sbrkFunction,
  brk,
  nice,
  getpriority,
  getpagesize: (c, call) => finish(call, c.m.pageSize),
  sysconf,
  open,
  creat: (c, call) =>
    openAtCwd(c, call, sizeArg(call, 0), O_CREAT | O_WRONLY | O_TRUNC, call.args[2] >>> 0),
  shm_open,
  shm_unlink,
  nanosleep,
  clock_nanosleep,
  getrlimit: (c, call) => limit(c, call, 0, intArg(call, 0), 0, sizeArg(call, 1)),
  setrlimit: (c, call) => limit(c, call, 0, intArg(call, 0), sizeArg(call, 1), 0),
  prlimit: (c, call) =>
    limit(c, call, intArg(call, 0), intArg(call, 1), sizeArg(call, 2), sizeArg(call, 3)),
  syscall: syscallFunction,
  WIFEXITED: ofStatus((status) => ((status & 0x7f) === 0 ? 1 : 0)),
  WEXITSTATUS: ofStatus((status) => (status >> 8) & 0xff),
  WIFSIGNALED: ofStatus((status) => ((status & 0x7f) === 0 ? 0 : 1)),
  WTERMSIG: ofStatus((status) => status & 0x7f),
  WCOREDUMP: ofStatus((status) => status & 0x80),
  strerror: strerrorFunction,
  execl,
  execv: (c, call) =>
    finishBySyscall(c, call, 'execve', [sizeArg(call, 0), sizeArg(call, 1), storeEnviron(c)]),
  atoi,
  atol: atoi,
  abs: (_c, call) => finish(call, Math.abs(intArg(call, 0)) | 0),
  __errno_location: (c, call) => finish(call, errnoAddress(c.m, c.task)),
}
