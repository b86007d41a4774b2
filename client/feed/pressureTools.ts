// What presses on the machine at the moment, and how far it has got: hogs, storms, fork bombs, the balloon.

import { TICK_MS, type Machine } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import type { HogProgram } from '@shared/machine/hog.ts'
import type { StormProgram } from '@shared/machine/storm.ts'
import type { PressureTool, PressureTools } from './protocol.ts'

export function pressureTools(m: Machine): PressureTools {
  const running: PressureTool[] = []
  const bombs = new Map<number, PressureTool>() // by process group
  for (const task of m.tasks.values()) {
    if (task.state === 'Z') continue
    const { kind } = task.program
    if (kind === 'hog') running.push(hog(task, task.program as HogProgram))
    else if (kind === 'storm') running.push(storm(m, task, task.program as StormProgram))
    else if (kind === 'forkbomb') {
      const known = bombs.get(task.pgrp)
      if (known !== undefined) known.taken++
      else bombs.set(task.pgrp, forkbomb(task))
    }
  }
  const { balloon, pageSize, totalramPages } = m
  return {
    running: [...running, ...bombs.values()],
    balloon: { bytes: balloon.frames.length * pageSize, target: balloon.target * pageSize },
    ram: (totalramPages + balloon.frames.length) * pageSize,
  }
}

function common({ handle, pgrp, pid, comm, seat, oomScoreAdj }: Task) {
  return { handle, pgrp, pid, comm, seat, safe: oomScoreAdj === -1000 }
}

function hog(task: Task, { taken, target }: HogProgram): PressureTool {
  return { ...common(task), kind: 'hog', taken, target }
}

/** In milliseconds of the machine's time. */
function storm(m: Machine, task: Task, { started, duration }: StormProgram): PressureTool {
  const taken = (m.ticks - started) * TICK_MS
  return { ...common(task), kind: 'storm', taken, target: duration * TICK_MS }
}

/** In processes. */
function forkbomb(task: Task): PressureTool {
  return { ...common(task), kind: 'forkbomb', taken: 1, target: task.rlimits.nproc.soft }
}
