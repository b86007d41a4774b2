// /proc as a reader finds it.

import { listProc, readProc } from '../../proc/root.ts'
import { machineOf, seatOf, shellTask, type World } from '../world.ts'

export interface Proc {
  /** The text of a file below /proc; null where there is none, or none for this reader. */
  read(path: string): string | null
  /** Numbers of the processes, lowest first. */
  pids(): number[]
}

/** The machine's, as it is at each look, for the user of this shell. */
export function procOf(world: World): Proc {
  const reader = () => [seatOf(world).uid, shellTask(world)?.pid ?? 0] as const
  return {
    read(path) {
      const found = readProc(machineOf(world), `/proc/${path}`, ...reader())
      return 'text' in found ? found.text : null
    },
    pids() {
      const listed = listProc(machineOf(world), '/proc', ...reader())
      return 'names' in listed ? listed.names.filter((name) => /^\d+$/.test(name)).map(Number) : []
    },
  }
}
