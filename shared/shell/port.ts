// What the shell needs of the world around it: a replica to look at, and a way to have commands done.
// The browser's worker, the CLI's connection and a machine of one's own each give one.

import type { Applied, Room } from '../room/room.ts'
import type { Command, Entry } from '../room/entry.ts'

export interface MachinePort {
  /** The replica. Look, never change. */
  room(): Room
  /** The seat whose shell this is. */
  seat: number
  /** Sends a command; fulfilled when its entry has been applied here. Rejects with an Error whose message is the refusal. */
  submit(command: Command): Promise<Applied>
  /** Called after each applied entry, whoever made it; returns the way to stop. */
  onApplied(listener: (entry: Entry, applied: Applied) => void): () => void
  /** True for a replay: submit() always rejects. */
  readOnly: boolean
}
