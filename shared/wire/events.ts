// The socket's events. Everything a client sends is checked (schema.ts); entries travel as JSON text.

import type { Command, Entry, Header, Role } from '../room/entry.ts'

/** Counted up when an event or the log's format changes. */
export const PROTOCOL = 2

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
  have?: { engine: string; seq: number } // the entries it has applied already
  spectator?: boolean // watch without a seat
}

/**
 * Why a connection is refused: `message` and `data.why` of socket.io's connect_error.
 *
 *   hello      not understood            protocol   another version: reload the page
 *   room       no such room              engine     the room was made by another version
 *   name       no name for a new seat    name-empty, name-long, name-characters   (room/names.ts)
 *   name-taken somebody has it           full       no more seats
 *   token      of no seat of this room   busy       too many tries: later
 *   broken     the room's log cannot be read
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
  | 'full'
  | 'token'
  | 'busy'
  | 'broken'

export interface Welcome {
  header: Header
  seat: number // 0 for a spectator
  role: Role | 'spectator'
  name: string // the seat's, '' for a spectator
  token: string
  seq: number // the last entry of the room
  /** What follows: the missing entries (event 'entries'), or a snapshot first (events 'snapshot'). */
  resume: 'entries' | 'snapshot'
  /** Entries since `have.seq` or since the snapshot come as 'entries' events right after this. */
}

/**
 * `why` of a refused command: 'malformed' (with `detail`), 'seat' (a spectator, or another connection of the seat
 * acts now), 'task' (not a process of this seat), 'rate' (too many), 'restarting'.
 */
export type Refusal = { ok: false; why: string; detail?: string }
export type Accepted = { ok: true; seq: number }

/** A part of the snapshot of entry `seq` (room/snapshot.ts), in order: 0 is the room with empty memories. */
export interface SnapshotPiece {
  seq: number
  index: number
  of: number
  data: string // base64 of gzip
}

export interface PresenceChange {
  came: number[]
  gone: number[]
}

export interface ServerToClient {
  welcome: (welcome: Welcome) => void
  /** Comes after the welcome, and whenever the client is too far behind or differs: replaces the replica. */
  snapshot: (piece: SnapshotPiece) => void
  /** JSON text of Entry[], without gaps. */
  entries: (text: string) => void
  /** Who is connected: seat numbers. Not part of the log. Comes when the entries begin; then only what changes. */
  presence: (seats: number[]) => void
  presenceChange: (change: PresenceChange) => void
  /** 'restarting', 'closed': the connection ends. 'elsewhere': another connection acts for the seat; this one watches. */
  bye: (why: string) => void
}

export interface ClientToServer {
  /** Refused, or accepted under a number; what it does is seen when the entry comes back. */
  command: (command: Command, answer: (reply: Accepted | Refusal) => void) => void
  /**
   * The client's machine differs at `seq`: asks for a snapshot. When that is there, and the client's own room has
   * reached its number, the first differing field may follow in a second report.
   */
  differs: (report: { seq: number; hash?: string; field?: string }) => void
  /** Round trip time; the server answers at once. */
  beat: (answer: () => void) => void
}

export type { Command, Entry }
