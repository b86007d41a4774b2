// What the main thread and a room's worker say to each other.

import type { Command, Entry, Header, Role, Settings } from '../../shared/room/entry.ts'
import type { Seat } from '../../shared/room/room.ts'
import type { Seats } from '../store/logStore.ts'

export interface SeatInfo {
  no: number
  name: string
  role: Role
  presence: Seat['presence']
}

/** What decides who may come in. */
export interface DoorInfo {
  settings: Settings
  closed: boolean
  full: boolean
}

/** Entries that go out together. */
export interface EntryBatch {
  first: number
  last: number
  json: string // of Entry[]
  packed: string | null // the same, for the event 'packed'; null: it would not be shorter
}

/** Requests carry an id; the answer names it. One with the key of the teacher's link uses it up. */
export type ToWorker =
  | { t: 'command'; id: number; seat: number; command: Command }
  | { t: 'join'; id: number; name: string; role: Role; tokenHash: string; keyHash?: string }
  /** Another device acts for the seat from now on, too. */
  | { t: 'token'; id: number; seat: number; tokenHash: string; keyHash?: string }
  /** Somebody who was sent away is back. */
  | { t: 'return'; id: number; seat: number }
  | { t: 'snapshot'; id: number }
  /** A part of the snapshot that was asked for under that id. */
  | { t: 'part'; id: number; index: number }
  | { t: 'release'; id: number }
  | { t: 'report'; report: object }
  | { t: 'close' }

export type Answer = { id: number; seq: number; seat?: SeatInfo } | { id: number; why: string }

export type FromWorker =
  | {
      t: 'ready'
      header: Header
      seq: number
      recent: Entry[]
      seats: SeatInfo[]
      door: DoorInfo
      tokens: Seats
    }
  | { t: 'unreadable'; field: string; why: string }
  /** Durable and applied; seats that are new or have changed. */
  | {
      t: 'batch'
      batch: EntryBatch
      answers: Answer[]
      seats: SeatInfo[]
      door: DoorInfo
    }
  | { t: 'refused'; answer: Answer }
  /** Done, and nothing of it stands in the log. */
  | { t: 'done'; answer: Answer }
  | { t: 'snapshot'; id: number; seq: number; of: number }
  /** gzip of a part (shared/room/snapshot.ts). */
  | { t: 'part'; id: number; index: number; gzip: Uint8Array }
  | { t: 'log'; level: 'info' | 'warn' | 'error'; text: string; data: object }
  | { t: 'closed' }

/** What the host allows a room. */
export interface RoomLimits {
  seats: number
  logBytes: number
}

export interface WorkerData {
  dir: string
  code: string
  engine: string
  limits: RoomLimits
  voids: number[] // entries that must not be tried again
  pulse: Int32Array // shared; see the indices below
}

/** Counts up while the worker lives. */
export const PULSE_BEAT = 0
/** The entry that is being applied, 0 if none. */
export const PULSE_APPLYING = 1
