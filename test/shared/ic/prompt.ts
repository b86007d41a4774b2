// A booted machine with one person at a C prompt.

import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import type { IcProgram } from '@shared/ic/program.ts'
import { apply, createMachine } from '@shared/machine/machine.ts'
import type { Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'

export interface Prompt {
  m: Machine
  task: Task
  /** Types a line and lets time pass until nobody runs or sleeps any more; returns what was printed. */
  type: (line: string, fuel?: number) => string
  /** Types a line; no time passes. */
  start: (line: string) => void
  tick: (fuel?: number, count?: number) => void
  /** What was printed since it was last asked. */
  output: () => string
  program: () => IcProgram
}

const FUEL = 500_000
const MOST_TICKS = 2000

export function sitDown(ram = 32 << 20, bits: 64 | 32 = 64): Prompt {
  const m = createMachine({ ...DEFAULT_OPTIONS, ram, bits, hostname: 'amd64', speed: 1e8 }, 0)
  const { task: handle } = apply(m, 1, { t: 'seat', name: 'Ada', role: 'student', from: '::1' })
  const task = m.handles.get(handle!)!
  const stream = task.stdout!
  let seen = stream.written
  let text = ''
  const look = (): void => {
    const added = stream.written - seen
    text += stream.text.slice(stream.text.length - Math.min(added, stream.text.length))
    seen = stream.written
  }
  const start = (line: string): void => {
    apply(m, 1, { t: 'ic', task: handle!, line })
    look()
  }
  const tick = (fuel = FUEL, count = 1): void => {
    for (let i = 0; i < count; i++) {
      apply(m, 0, { t: 'tick', fuel })
      look()
    }
  }
  const output = (): string => {
    const all = text
    text = ''
    return all
  }
  const busy = (): boolean =>
    [...m.tasks.values()].some(
      ({ state, wait }) =>
        state === 'R' ||
        state === 'D' ||
        (state === 'S' && (wait.for === 'timer' || wait.for === 'output')),
    )
  return {
    m,
    task,
    start,
    tick,
    output,
    program: () => task.program as IcProgram,
    type: (line, fuel = FUEL) => {
      start(line)
      for (let ticks = 0; busy() && ticks < MOST_TICKS; ticks++) tick(fuel)
      return output()
    },
  }
}
