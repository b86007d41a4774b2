// hog SIZE: allocates in chunks and touches every page, then keeps what it has. For pressure on demand.

import { TICKS_PER_SECOND, type Machine } from '../state/machine.ts'
import type { Program, Task } from '../state/task.ts'
import { PAGE_FUEL, bytesFuel, mustYield } from '../kernel/sched.ts'
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../mm/mmap.ts'
import { fillBytes } from '../mm/uaccess.ts'
import { doSyscall } from '../syscall/table.ts'
import {
  PROCESS_NAME,
  parseSize,
  setName,
  usage,
  waitForEvents,
  waitForTicks,
} from './userProgram.ts'

export interface HogProgram extends Program {
  kind: 'hog'
  target: number // bytes; 0: without end
  rate: number // bytes a second; 0: as fast as it gets to run
  taken: number // bytes touched
  chunk: number // address of the chunk at work, 0 before there is one
  chunkDone: number // bytes of it
  started: number // ticks
}

const HOG_CHUNK = 1 << 20
const HOG_BYTE = 0x48
const HOG_USAGE =
  'usage: hog SIZE|forever [--rate BYTES_A_SECOND] [--name NAME]   sizes as 512K, 20M, 1G; ' +
  'names of up to 15 letters, digits and . _ + -'

export function startHog(m: Machine, task: Task): void {
  const read = readArguments(task.cmdline.slice(1))
  if (read === null) return usage(m, task, HOG_USAGE)
  if (read.name !== '') setName(m, task, read.name)
  const { target, rate } = read
  const program: HogProgram = {
    kind: 'hog',
    target,
    rate,
    taken: 0,
    chunk: 0,
    chunkDone: 0,
    started: m.ticks,
  }
  task.program = program
}

/** Null if they are not understood. */
function readArguments(args: string[]): { target: number; rate: number; name: string } | null {
  const [size = '', ...options] = args
  const target = size === 'forever' ? 0 : parseSize(size)
  let rate: number | null = 0
  let name = ''
  for (let i = 0; i < options.length; i += 2) {
    const value = options[i + 1] ?? ''
    if (options[i] === '--rate') rate = parseSize(value)
    else if (options[i] === '--name' && PROCESS_NAME.test(value)) name = value
    else return null
  }
  return target === null || rate === null ? null : { target, rate, name }
}

export function runHog(m: Machine, task: Task, hog: HogProgram, fuel: number): number {
  let used = 0
  while (used < fuel && !mustYield(m, task)) {
    if (hog.target > 0 && hog.taken >= hog.target) return used + waitForEvents(task)
    if (hog.rate > 0 && hog.taken >= (hog.rate * (m.ticks - hog.started + 1)) / TICKS_PER_SECOND)
      return used + waitForTicks(m, task, 1)
    if (hog.chunk === 0) {
      const want = hog.target === 0 ? HOG_CHUNK : Math.min(HOG_CHUNK, hog.target - hog.taken)
      const va = mapMemory(m, task, want)
      used += PAGE_FUEL
      if (va < 0) {
        const kib = Math.floor(hog.taken / 1024)
        usage(m, task, `hog: mmap: Cannot allocate memory after ${kib} KiB`)
        return used
      }
      hog.chunk = va
      hog.chunkDone = 0
    }
    const chunkSize =
      hog.target === 0 ? HOG_CHUNK : Math.min(HOG_CHUNK, hog.target - (hog.taken - hog.chunkDone))
    const count = Math.min(m.pageSize, chunkSize - hog.chunkDone)
    fillBytes(m, task, hog.chunk + hog.chunkDone, HOG_BYTE, count)
    used += bytesFuel(count)
    hog.chunkDone += count
    hog.taken += count
    if (hog.chunkDone >= chunkSize) hog.chunk = 0
  }
  return used
}

/** Nameless memory of the process's own: its address, or -errno. */
export function mapMemory(m: Machine, task: Task, bytes: number): number {
  const prot = PROT_READ | PROT_WRITE
  return doSyscall(m, task, 'mmap', [0, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0])
}
