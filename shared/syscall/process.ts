// System calls on processes: fork, execve, exit, wait4, kill, priorities, ids, sleeping, sysinfo.

import { EFAULT, EINTR, EINVAL, ENOENT, EPERM, ESRCH } from '../lib/errno.ts'
import { TICKS_PER_SECOND, TICK_MS, type Machine } from '../state/machine.ts'
import { NSIG, type Task } from '../state/task.ts'
import { doExecve } from '../kernel/exec.ts'
import { doExit, waitForChild } from '../kernel/exit.ts'
import { copyProcess } from '../kernel/fork.ts'
import { FSHIFT } from '../kernel/loadavg.ts'
import { setNice } from '../kernel/nice.ts'
import { killTask, mayKill } from '../kernel/signal.ts'
import { freeSwapPages, totalSwapPages } from '../mm/swapfile.ts'
import { USER_FAULT, loadCString, loadPtr, store32, storePtr } from '../mm/uaccess.ts'
import { WAITING, defineSyscall } from './define.ts'

const WNOHANG = 1

export const fork = defineSyscall({
  nr: 57,
  name: 'fork',
  args: {},
  result: 'pid_t',
  run(m, task) {
    const child = copyProcess(m, task)
    return typeof child === 'number' ? child : child.pid
  },
})

export const execve = defineSyscall({
  nr: 59,
  name: 'execve',
  args: { pathname: 'const char *', argv: 'void *', envp: 'void *' },
  run(m, task, pathname, argv) {
    const path = loadCString(m, task, pathname, 4096)
    const args: string[] = []
    for (let at = argv; argv !== 0 && args.length < 64; at += m.layout.bits / 8) {
      const pointer = loadPtr(m, task, at)
      if (pointer === 0) break
      args.push(loadCString(m, task, pointer, 4096))
    }
    if (path === '') return -ENOENT
    const error = doExecve(m, task, path, args.length > 0 ? args : [path], { kind: 'exec' })
    if (error < 0) return error
    // What called is gone with its memory; the new program starts when the task runs next.
    throw USER_FAULT
  },
})

export const exitGroup = defineSyscall({
  nr: 231,
  name: 'exit_group',
  args: { status: 'int' },
  run(m, task, status) {
    doExit(m, task, (status & 0xff) << 8)
    throw USER_FAULT
  },
})

export const wait4 = defineSyscall({
  nr: 61,
  name: 'wait4',
  args: { pid: 'pid_t', wstatus: 'int *', options: 'int', rusage: 'void *' },
  result: 'pid_t',
  run(m, task, pid, wstatus, options) {
    if ((options & ~0x3) !== 0) return -EINVAL
    const zombie = waitForChild(m, task, pid)
    if (typeof zombie === 'number') return zombie
    if (zombie === null) {
      if ((options & WNOHANG) !== 0) return 0
      task.state = 'S'
      task.wait = { for: 'child', pid }
      return WAITING
    }
    if (wstatus !== 0) store32(m, task, wstatus, zombie.status)
    return zombie.pid
  },
})

export const kill = defineSyscall({
  nr: 62,
  name: 'kill',
  args: { pid: 'pid_t', sig: 'int' },
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

const PRIO_PROCESS = 0

export const setpriority = defineSyscall({
  nr: 141,
  name: 'setpriority',
  args: { which: 'int', who: 'int', prio: 'int' },
  run(m, task, which, who, prio) {
    if (which !== PRIO_PROCESS) return -EINVAL
    const target = who === 0 ? task : m.tasks.get(who)
    if (target === undefined) return -ESRCH
    return setNice(task, target, prio)
  },
})

export const getpriority = defineSyscall({
  nr: 140,
  name: 'getpriority',
  args: { which: 'int', who: 'int' },
  run(m, task, which, who) {
    if (which !== PRIO_PROCESS) return -EINVAL
    const target = who === 0 ? task : m.tasks.get(who)
    // The system call answers 20 - nice, so that it is never negative; the C library turns it round.
    return target === undefined ? -ESRCH : 20 - target.nice
  },
})

export const getpid = defineSyscall({
  nr: 39,
  name: 'getpid',
  args: {},
  result: 'pid_t',
  run: (_m, task) => task.pid,
})
export const getppid = defineSyscall({
  nr: 110,
  name: 'getppid',
  args: {},
  result: 'pid_t',
  run: (_m, task) => task.parent?.pid ?? 0,
})
export const getuid = defineSyscall({
  nr: 102,
  name: 'getuid',
  args: {},
  run: (_m, task) => task.uid,
})
export const geteuid = defineSyscall({
  nr: 107,
  name: 'geteuid',
  args: {},
  run: (_m, task) => task.uid,
})
export const getgid = defineSyscall({
  nr: 104,
  name: 'getgid',
  args: {},
  run: (_m, task) => task.gid,
})

export const schedYield = defineSyscall({ nr: 24, name: 'sched_yield', args: {}, run: () => 0 })

/** Sleeps until `ticks` after the call began. 0 when the time is over, -EINTR when a caught signal came first. */
export function sleepTicks(m: Machine, task: Task, ticks: number): number {
  const until = task.call!.started + ticks
  if (m.ticks >= until) return 0
  if ((task.pending & task.caught) !== 0) return -EINTR
  task.state = 'S'
  task.wait = { for: 'timer', until }
  return WAITING
}

export const nanosleep = defineSyscall({
  nr: 35,
  name: 'nanosleep',
  args: { duration: 'void *', rem: 'void *' },
  run(m, task, duration, rem) {
    const word = m.layout.bits / 8
    const seconds = loadPtr(m, task, duration)
    const nanoseconds = loadPtr(m, task, duration + word)
    const negative = seconds >= 2 ** (m.layout.bits - 1)
    if (negative || nanoseconds > 999_999_999) return -EINVAL
    const ticks = Math.ceil(seconds * TICKS_PER_SECOND + nanoseconds / (TICK_MS * 1_000_000))
    const result = sleepTicks(m, task, ticks)
    if (result === -EINTR && rem !== 0) {
      const left = Math.max(0, task.call!.started + ticks - m.ticks)
      storePtr(m, task, rem, Math.floor(left / TICKS_PER_SECOND))
      storePtr(m, task, rem + word, (left % TICKS_PER_SECOND) * TICK_MS * 1_000_000)
    }
    return result
  },
})

const SI_LOAD_SHIFT = 16

/** struct sysinfo of x86-64: uptime, loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap, procs, … */
export const sysinfo = defineSyscall({
  nr: 99,
  name: 'sysinfo',
  args: { info: 'void *' },
  run(m, task, info) {
    if (info === 0) return -EFAULT
    const word = m.layout.bits / 8
    const longs = [
      Math.floor(m.ticks / TICKS_PER_SECOND),
      ...m.loadavg.map((load) => load << (SI_LOAD_SHIFT - FSHIFT)),
      m.totalramPages * m.pageSize,
      m.zone.freePages * m.pageSize,
      m.shmem * m.pageSize,
      0,
      totalSwapPages(m) * m.pageSize,
      freeSwapPages(m) * m.pageSize,
    ]
    longs.forEach((value, i) => storePtr(m, task, info + i * word, value))
    store32(m, task, info + longs.length * word, m.tasks.size)
    return 0
  },
})
