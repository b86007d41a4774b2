// System calls that wait for time to pass: nanosleep, clock_nanosleep (kernel/time/hrtimer.c).

import { EINTR, EINVAL } from '../lib/errno.ts'
import { TICKS_PER_SECOND, TICK_MS, type Machine } from '../state/machine.ts'
import type { Task } from '../state/task.ts'
import { loadPtr, storePtr } from '../mm/uaccess.ts'
import { WAITING, defineSyscall } from './define.ts'
import { CLOCK, TIMER, TIMER_ABSTIME } from './flags.ts'
import { flags as bits, oneOf, timespecArg, timespecLeft } from './strace.ts'

const TICK_NS = TICK_MS * 1_000_000

/** Sleeps until `ticks` after the call began. 0 when the time is over, -EINTR when a caught signal came first. */
function sleepTicks(m: Machine, task: Task, ticks: number): number {
  const until = task.call!.started + ticks
  if (m.ticks >= until) return 0
  if ((task.pending & task.caught) !== 0) return -EINTR
  task.state = 'S'
  task.wait = { for: 'timer', until }
  return WAITING
}

/** Sleeps for a struct timespec; what is left when a signal comes goes to `rem`. */
function sleepFor(m: Machine, task: Task, duration: number, rem: number): number {
  const ticks = loadTicks(m, task, duration)
  if (ticks < 0) return ticks
  const result = sleepTicks(m, task, ticks)
  if (result === -EINTR && rem !== 0) {
    const left = Math.max(0, task.call!.started + ticks - m.ticks)
    storePtr(m, task, rem, Math.floor(left / TICKS_PER_SECOND))
    storePtr(m, task, rem + m.layout.bits / 8, (left % TICKS_PER_SECOND) * TICK_NS)
  }
  return result
}

/** A struct timespec in ticks, rounded up; -EINVAL for one that is none. */
function loadTicks(m: Machine, task: Task, va: number): number {
  const seconds = loadPtr(m, task, va)
  const nanoseconds = loadPtr(m, task, va + m.layout.bits / 8)
  const negative = seconds >= 2 ** (m.layout.bits - 1)
  if (negative || nanoseconds > 999_999_999) return -EINVAL
  return Math.ceil(seconds * TICKS_PER_SECOND + nanoseconds / TICK_NS)
}

export const nanosleep = defineSyscall({
  nr: 35,
  i386: 162,
  name: 'nanosleep',
  args: { duration: timespecArg, rem: timespecLeft },
  run: (m, task, duration, rem) => sleepFor(m, task, duration, rem),
})

/** All clocks go alike; the real-time one begins in 1970, the others at boot. */
export const clockNanosleep = defineSyscall({
  nr: 230,
  i386: 407,
  name: 'clock_nanosleep',
  name32: 'clock_nanosleep_time64',
  args: {
    clockid: oneOf('clockid_t', CLOCK, 'CLOCK_???'),
    flags: bits('int', TIMER, 'TIMER_???'),
    request: timespecArg,
    remain: timespecLeft,
  },
  run(m, task, clock, flags, request, remain) {
    if (!Object.values(CLOCK).includes(clock)) return -EINVAL
    if ((flags & TIMER_ABSTIME) === 0) return sleepFor(m, task, request, remain)
    const until = loadTicks(m, task, request)
    if (until < 0) return until
    const epoch = clock === CLOCK.CLOCK_REALTIME ? Math.floor(m.bootTime / TICK_MS) : 0
    return sleepTicks(m, task, until - epoch - task.call!.started)
  },
})
