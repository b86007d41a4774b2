// A task (struct task_struct, include/linux/sched.h). One thread per process.

import type { Pfn } from '../hw/ram.ts'
import type { File, Inode } from './inode.ts'
import type { Mm } from './mm.ts'

export type TaskState =
  | 'R' // runnable
  | 'S' // interruptible sleep
  | 'D' // uninterruptible sleep
  | 'T' // stopped
  | 'Z' // zombie: exited, not yet waited for

// arch/x86/include/uapi/asm/signal.h
export const SIGHUP = 1
export const SIGINT = 2
export const SIGQUIT = 3
export const SIGILL = 4
export const SIGTRAP = 5
export const SIGABRT = 6
export const SIGBUS = 7
export const SIGFPE = 8
export const SIGKILL = 9
export const SIGUSR1 = 10
export const SIGSEGV = 11
export const SIGUSR2 = 12
export const SIGPIPE = 13
export const SIGALRM = 14
export const SIGTERM = 15
export const SIGSTKFLT = 16
export const SIGCHLD = 17
export const SIGCONT = 18
export const SIGSTOP = 19
export const SIGTSTP = 20
export const SIGTTIN = 21
export const SIGTTOU = 22
export const SIGURG = 23
export const SIGXCPU = 24
export const SIGXFSZ = 25
export const SIGVTALRM = 26
export const SIGPROF = 27
export const SIGWINCH = 28
export const SIGIO = 29
export const SIGPWR = 30
export const SIGSYS = 31
export const NSIG = 31

// Codes that say why (include/uapi/asm-generic/siginfo.h).
export const SI_USER = 0
export const SI_KERNEL = 0x80
export const SI_TKILL = -6
export const SEGV_MAPERR = 1
export const SEGV_ACCERR = 2
export const BUS_ADRERR = 2
export const FPE_INTDIV = 1
export const CLD_EXITED = 1
export const CLD_KILLED = 2
export const CLD_DUMPED = 3

/** Resource limits by name, in the kernel's order; RLIM_INFINITY for none. This kernel obeys stack, memlock, as, data and nproc. */
export const RLIMITS = [
  'cpu', // seconds
  'fsize', // bytes, where nothing is said
  'data',
  'stack',
  'core',
  'rss',
  'nproc', // processes
  'nofile', // descriptors
  'memlock',
  'as',
  'locks',
  'sigpending', // signals
  'msgqueue',
  'nice',
  'rtprio',
  'rttime', // microseconds
] as const
export type RlimitName = (typeof RLIMITS)[number]
export type Rlimits = Record<RlimitName, Rlimit>

export interface Rlimit {
  soft: number
  hard: number
}

export const RLIM_INFINITY = -1

/** Flag of a task: forked, and has not executed a program since. */
export const PF_FORKNOEXEC = 0x40

/** What a task executes; the runner of that kind is in machine/programs.ts. Plain data: fork copies it. */
export interface Program {
  kind: string
}

/** Where a task's output goes, and what was written last. A watcher looks after each entry. */
export interface Stream {
  id: number
  seat: number
  text: string // the last characters, STREAM_KEEP at most
  written: number // characters ever written
  room: number // characters that may still be written in this tick
  users: number // tasks that write to it
  terminal: boolean // a seat's; stays when nobody writes
}

/** What a sleeping task waits for. */
export type Wait =
  | { for: 'nothing' }
  | { for: 'timer'; until: number } // ticks
  | { for: 'child'; pid: number } // as wait4's: -1 any
  | { for: 'input' } // a line at its prompt, an event that never comes
  | { for: 'output' } // its stream is full for this tick
  | { for: 'disk'; until: number } // µs of machine time
  | { for: 'kswapd' } // memory falls short

export interface Task {
  pid: number
  handle: string // 'SEAT.BIRTH', see room/entry.ts
  seat: number // 0: the machine's own
  comm: string // 15 characters
  cmdline: string[]
  environ: string[] // NAME=value
  state: TaskState
  wait: Wait
  parent: Task | null // null only for init
  children: Task[] // oldest first
  pgrp: number
  session: number
  exitCode: number // as wait4's status, for a zombie
  uid: number
  gid: number
  nice: number
  flags: number // PF_*
  pending: number // bit n - 1: signal n
  caught: number // signals that the program handles itself
  ignored: number
  faultAddress: number // of the last SIGSEGV or SIGBUS
  faultCode: number // SEGV_MAPERR, …
  mm: Mm | null
  program: Program
  stdout: Stream | null
  cwd: Inode
  cwdPath: string
  fdSize: number // descriptors that its table has room for
  files: (File | null)[]
  rlimits: Rlimits
  oomAdj: number // 2.6's, -17 to 15
  oomScoreAdj: number
  oomScoreAdjMin: number // the lowest value that root has set
  oomOrigin: boolean // in swapoff(2): chosen before anybody else
  oomVictim: boolean // TIF_MEMDIE: chosen by the OOM killer, may use the last reserves
  kernelStack: Pfn[] // its frames
  startTime: number // ticks
  utime: number // fuel spent
  stime: number // of it in the kernel
  cutime: number // utime of the children that have been waited for, and their children's
  cstime: number
  onRq: boolean // on the run queue
  vruntime: number // fuel weighted by nice; the scheduler runs the lowest
  debt: number // fuel spent beyond the slice, taken from the next ones
  ioUntil: number // µs of machine time at which the disk has what this task asked for; 0: it waits for nothing
  memstall: boolean // it waits because memory is short (PSI)
  minFlt: number
  majFlt: number
  cminFlt: number // of the children that have been waited for
  cmajFlt: number
  cnvcsw: number
  cnivcsw: number
  nvcsw: number // times it left the processor of its own will
  nivcsw: number // times it had to
  call: PendingCall | null // the system call that it sleeps in
}

/** A system call that has to wait: called again with the same arguments. */
export interface PendingCall {
  nr: number
  args: number[]
  started: number // ticks
}
