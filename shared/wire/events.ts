// The socket's events. Everything a client sends is checked (schema.ts); entries travel as JSON text, packed or not.

import type { Command, Entry, Header, Role } from '../room/entry.ts'
import type { BotsAsk, BotsState } from './bots.ts'

/** Counted up when an event or the log's format changes. */
export const PROTOCOL = 3

/** What the client gives in `auth` when it connects to the namespace `/`. */
export interface Hello {
  protocol: number
  code: string // six digits
  /**
   * 32 hex digits. Of a seat it had, or the teacher's; or one the client has just made up for a new seat: then joining
   * again after a lost answer finds the seat, not the name taken. Without one the server makes it.
   */
  token?: string
  name?: string // for a new seat; the teacher's token with another name is another seat of a teacher
  /** A code that another device of the seat, or the teacher, was shown: from now on `token` is one of that seat's, too. */
  pair?: string
  /**
   * From the teacher's link, and good for one use: from now on `token` is one of the teacher's seat. A lasting token will
   * do, too: the teacher's, or one of a seat, for that seat.
   */
  key?: string
  have?: { engine: string; seq: number } // the entries it has applied already
  spectator?: boolean // watch without a seat
  watch?: boolean // the seat acts elsewhere: do not take it over
}

/**
 * Why a connection is refused: `message` and `data.why` of socket.io's connect_error; for 'busy' `data.waitMs` says how
 * long it will be so.
 *
 *   hello      not understood            protocol   another version: reload the page
 *   room       no such room              engine     the room was made by another version
 *   name       no name for a new seat    name-empty, name-long, name-characters   (room/names.ts)
 *   name-taken somebody has it           seats      no more seats
 *   token      of no seat of this room   pair       the pairing code is wrong, used or too old
 *   key        the teacher's link was used already, or is wrong
 *   locked     nobody new may come in    removed    sent away, and the room is locked
 *   banned     this seat may not return  closed     the lesson is over; the recording can be read
 *   full       the log is full           rooms      this server has as many rooms open as it may
 *   busy       too many tries: later     broken     the room's log cannot be read
 */
export type Refused =
  | 'hello'
  | 'protocol'
  | 'room'
  | 'engine'
  | 'name'
  | 'name-empty'
  | 'name-long'
  | 'name-characters'
  | 'name-taken'
  | 'seats'
  | 'token'
  | 'pair'
  | 'key'
  | 'locked'
  | 'removed'
  | 'banned'
  | 'closed'
  | 'full'
  | 'rooms'
  | 'busy'
  | 'broken'

export interface Welcome {
  header: Header
  seat: number // 0 for a spectator
  role: Role | 'spectator'
  name: string // the seat's, '' for a spectator
  token: string
  acts: boolean // false for a spectator, and while another connection acts for the seat
  seq: number // the last entry of the room
  /** What follows: the missing entries (events 'entries' and 'packed'), or a snapshot first (events 'snapshot'). */
  resume: 'entries' | 'snapshot'
  /** Entries since `have.seq` or since the snapshot come as 'entries' events right after this. */
}

/**
 * `why` of a refused message: 'malformed' (with `detail`), 'event' (there is no such message), 'answer' (it wants an
 * answer and says no way for it), 'seat' (a spectator), 'elsewhere' (another connection of the seat acts now), 'task'
 * (not a process of this seat), 'rate' (too many), 'bots' (there are some already, or none), 'restarting', 'disk', and
 * those of room/rules.ts.
 */
export type Refusal = { ok: false; why: string; detail?: string }
export type Accepted = { ok: true; seq: number }

/** What another device types to act for the seat. Good for one use, until `ms` have passed. */
export type Paired = { ok: true; code: string; ms: number }

/** Who is connected. Not part of the log. */
export interface Presence {
  here: number[] // seats that somebody acts for
  spectators: number
}

/** A part of the snapshot of entry `seq` (room/snapshot.ts), in order: 0 is the room with empty memories. */
export interface SnapshotPiece {
  seq: number
  index: number
  of: number
  data: string // base64 of gzip
}

export interface PresenceChange {
  came: number[] // seats
  gone: number[]
  spectators: number // now
}

export interface ServerToClient {
  welcome: (welcome: Welcome) => void
  /** Comes after the welcome, and whenever the client is too far behind or differs: replaces the replica. */
  snapshot: (piece: SnapshotPiece) => void
  /** JSON text of Entry[], without gaps. */
  entries: (text: string) => void
  /** The same as base64 of raw deflate, where that is shorter; `first` is the number of the first entry. */
  packed: (first: number, data: string) => void
  /** Who is connected: comes when the entries begin; then only what changes. */
  presence: (presence: Presence) => void
  presenceChange: (change: PresenceChange) => void
  /** The connection ends: 'restarting', 'removed', 'banned', 'closed', 'flood' (far too many messages). */
  bye: (why: string) => void
  /** Whether this connection acts for its seat from now on, or watches while another one does. */
  acts: (acts: boolean) => void
  /** To teachers: how the bots in their room are doing. */
  bots: (state: BotsState) => void
  /** A message that gave no way to answer it was not taken. */
  refused: (message: { event: string; why: string; detail?: string }) => void
}

export interface ClientToServer {
  /** Refused, or accepted under a number; what it does is seen when the entry comes back. */
  command: (command: Command, answer: (reply: Accepted | Refusal) => void) => void
  /**
   * The client's machine differs at `seq`: asks for a snapshot. When that is there, and the client's own room has
   * reached its number, the first differing field may follow in a second report.
   */
  differs: (report: { seq: number; hash?: string; field?: string }) => void
  /** From now on this connection acts for its seat, and the other one watches. */
  act: (answer: (reply: { ok: true } | Refusal) => void) => void
  /** A pairing code for one's own seat; the teacher may ask for one of any seat. */
  pair: (ask: { who?: number }, answer: (reply: Paired | Refusal) => void) => void
  /** The teacher sends bots into the room, or calls them back. */
  bots: (ask: BotsAsk, answer: (reply: { ok: true } | Refusal) => void) => void
  /** Round trip time; the server answers at once. */
  beat: (answer: () => void) => void
}

export type { Command, Entry }
