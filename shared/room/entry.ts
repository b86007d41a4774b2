// What stands in a room's log, and what travels: commands with a number. Results never do.

import type { MachineOptions } from '../state/machine.ts'
import type { Handle, MachineCommand, Role } from '../machine/command.ts'
export type { Handle, MachineCommand, Role }

/** What may change the room. The server makes 'tick', 'seat', 'hash', 'void' and 'full'; people make the others. */
export type Command =
  | MachineCommand
  /** A seat has another name. Its user on the machine keeps the old one. */
  | { t: 'rename'; who: number; name: string }
  /** A seat is sent away. Its processes live on, and it may come back ('readmit'). */
  | { t: 'remove'; who: number }
  /** What the teacher has set; fields that are not there stay. */
  | { t: 'room'; set: Partial<Settings> }
  /** A paused machine goes on by so many ticks, which are the next entries. */
  | { t: 'step'; ticks: number }
  /** So much of the machine's time passes as fast as it can, paused or not; to pause ends it. */
  | { t: 'advance'; ticks: number }
  /** The lesson is over, for good. */
  | { t: 'close' }
  /** The log has reached the host's limit, or the host has raised it. */
  | { t: 'full'; full: boolean }
  /** The terminal: what was typed, what the shell printed. Changes nothing on the machine. */
  | { t: 'note'; line?: string; out?: string }
  /** The machine's hash at this point; who differs says so. */
  | { t: 'hash'; hash: string }
  /** Stands for an entry whose application failed (our bug): it changes nothing. */
  | { t: 'void' }

/** How the teacher has set the room. */
export interface Settings {
  lobby: boolean // who has come waits for the teacher to begin
  locked: boolean // nobody new comes in
  namesHidden: boolean // others see seats, not names
  paused: boolean // the machine's time stands still
  speed: Speed // of the machine's time
}

export const SPEEDS = [0.25, 0.5, 1, 2, 4] as const
export type Speed = (typeof SPEEDS)[number]
export const STEP_MAX = 20 // ticks at once: a second
export const ADVANCE_MAX = 6000 // ticks ahead of the clock: five minutes

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
