// storm PROFILE [SECONDS]: pressure by a script. It takes memory and gives it back along a curve, in shares of the RAM
// that is free when it starts, and is gone when its time is over. So it presses as much on a full class as on an empty
// room; it does not make way for what others take meanwhile.
//
//   gentle                steep                 oscillating
//   85 %      ____       105 %    ______        85 %  /\    /\    /\
//           _/    |              /      |            /  \  /  \  /  \
//        _/       |             /       |           /    \/    \/    \
//
//   climbs for 3/4        climbs for 1/3        three times up, down to 10 %

import type { Program, Task } from '../state/task.ts'
import { TICKS_PER_SECOND, type Machine } from '../state/machine.ts'
import { nrFreePages } from '../mm/pageAlloc.ts'
import { PAGE_FUEL, bytesFuel, mustYield } from '../kernel/sched.ts'
import { fillBytes } from '../mm/uaccess.ts'
import { doSyscall } from '../syscall/table.ts'
import { mapMemory } from './hog.ts'
import { usage, waitForTicks } from './userProgram.ts'

/** Points of a curve: thousandths of the time, thousandths of what was free. Between two it is a straight line. */
type Curve = readonly (readonly [time: number, ram: number])[]

interface Profile {
  curve: Curve
  seconds: number // unless others are asked for
}

export const STORMS: Readonly<Record<string, Profile>> = {
  gentle: {
    seconds: 60,
    curve: [
      [0, 0],
      [750, 850],
      [1000, 850],
    ],
  },
  steep: {
    seconds: 20,
    curve: [
      [0, 0],
      [333, 1050],
      [1000, 1050],
    ],
  },
  oscillating: {
    seconds: 60,
    curve: [
      [0, 0],
      [167, 850],
      [333, 100],
      [500, 850],
      [667, 100],
      [833, 850],
      [1000, 100],
    ],
  },
}

export const STORM_SECONDS_MAX = 3600

export interface StormProgram extends Program {
  kind: 'storm'
  profile: string
  free: number // bytes of the machine when it started
  started: number // ticks
  duration: number // ticks
  chunks: number[] // addresses of what it has, oldest first
  filled: number // bytes of the newest that have been touched
}

const STORM_CHUNK = 1 << 18
const STORM_BYTE = 0x53

export function startStorm(m: Machine, task: Task): void {
  const [name = '', time, ...more] = task.cmdline.slice(1)
  const profile = Object.hasOwn(STORMS, name) ? STORMS[name] : undefined
  const seconds = time === undefined ? profile?.seconds : /^\d{1,4}$/.test(time) ? Number(time) : 0
  if (profile === undefined || !seconds || seconds > STORM_SECONDS_MAX || more.length > 0) {
    const names = Object.keys(STORMS).join('|')
    return usage(m, task, `usage: storm ${names} [SECONDS]   up to ${STORM_SECONDS_MAX} seconds`)
  }
  const program: StormProgram = {
    kind: 'storm',
    profile: name,
    free: nrFreePages(m.zone) * m.pageSize,
    started: m.ticks,
    duration: seconds * TICKS_PER_SECOND,
    chunks: [],
    filled: 0,
  }
  task.program = program
}

export function runStorm(m: Machine, task: Task, storm: StormProgram, fuel: number): number {
  const { duration, started } = storm
  const elapsed = m.ticks - started
  if (elapsed >= duration) {
    doSyscall(m, task, 'exit_group', [0])
    return 1
  }
  const share = valueAt(STORMS[storm.profile].curve, Math.floor((elapsed * 1000) / duration))
  const wanted = Math.floor((storm.free / 1000) * share)
  let used = 0
  while (used < fuel && !mustYield(m, task)) {
    const spare = STORM_CHUNK - storm.filled
    const taken = storm.chunks.length * STORM_CHUNK - (storm.chunks.length > 0 ? spare : 0)
    if (taken > wanted + STORM_CHUNK) used += giveBack(m, task, storm)
    else if (taken >= wanted) return used + waitForTicks(m, task, 1)
    else if (storm.chunks.length === 0 || spare === 0) {
      const va = mapMemory(m, task, STORM_CHUNK)
      used += PAGE_FUEL
      if (va < 0) return used + waitForTicks(m, task, TICKS_PER_SECOND) // promised to others; perhaps later
      storm.chunks.push(va)
      storm.filled = 0
    } else {
      const count = Math.min(m.pageSize, spare)
      fillBytes(m, task, storm.chunks[storm.chunks.length - 1] + storm.filled, STORM_BYTE, count)
      storm.filled += count
      used += bytesFuel(count)
    }
  }
  return used
}

function giveBack(m: Machine, task: Task, storm: StormProgram): number {
  doSyscall(m, task, 'munmap', [storm.chunks.pop()!, STORM_CHUNK])
  storm.filled = STORM_CHUNK
  return PAGE_FUEL
}

/** Whole thousandths. */
function valueAt(curve: Curve, time: number): number {
  const next = curve.findIndex(([at]) => at > time)
  if (next <= 0) return curve[next === 0 ? 0 : curve.length - 1][1]
  const [fromTime, from] = curve[next - 1]
  const [toTime, to] = curve[next]
  return Math.floor(from + ((to - from) * (time - fromTime)) / (toTime - fromTime))
}
