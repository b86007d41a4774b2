// What stands in a room's log, and what travels: commands with a number. Results never do.

import type { MachineOptions } from '../state/machine.ts'
import type { Handle, MachineCommand, Role } from '../machine/command.ts'
export type { Handle, MachineCommand, Role }

/** What may change the room. The server makes 'tick', 'seat', 'hash' and 'void'; people make the others. */
export type Command =
  | MachineCommand
  /** The terminal: what was typed, what the shell printed. Changes nothing on the machine. */
  | { t: 'note'; line?: string; out?: string }
  /** The machine's hash at this point; who differs says so. */
  | { t: 'hash'; hash: string }
  /** Stands for an entry whose application failed (our bug): it changes nothing. */
  | { t: 'void' }

export interface Entry {
  seq: number // from 1, without gaps
  at: number // ms since the room was made, wall clock; for display only
  seat: number // who; 0 is the server
  c: Command
}

/** First line of a log: everything that the machine at entry 0 depends on. */
export interface Header {
  format: number // LOG_FORMAT
  engine: string // hash of the build that wrote it
  code: string // six digits
  created: number // ms since 1970, wall clock of the server; also the machine's clock at boot
  options: MachineOptions
}
