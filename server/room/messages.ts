// What the main thread and a room's worker say to each other.

import type { Command, Header, Role } from '../../shared/room/entry.ts'
import type { Seats } from '../store/logStore.ts'

export interface SeatInfo {
  no: number
  name: string
  role: Role
}

/** Requests carry an id; the answer names it. */
export type ToWorker =
  | { t: 'command'; id: number; seat: number; command: Command }
  | { t: 'join'; id: number; name: string; role: Role; tokenHash: string }
  | { t: 'snapshot'; id: number }
  /** A part of the snapshot that was asked for under that id. */
  | { t: 'part'; id: number; index: number }
  | { t: 'release'; id: number }
  | { t: 'report'; report: object }
  | { t: 'close' }

export type Answer = { id: number; seq: number; seat?: SeatInfo } | { id: number; why: string }

export type FromWorker =
  | { t: 'ready'; header: Header; seq: number; recent: string[]; seats: SeatInfo[]; tokens: Seats }
  | { t: 'unreadable'; field: string; why: string }
  /** Durable and applied: entries from `first`, each as JSON. */
  | { t: 'batch'; first: number; entries: string[]; answers: Answer[] }
  | { t: 'refused'; answer: Answer }
  | { t: 'snapshot'; id: number; seq: number; of: number }
  /** gzip of a part (shared/room/snapshot.ts). */
  | { t: 'part'; id: number; index: number; gzip: Uint8Array }
  | { t: 'log'; level: 'info' | 'warn' | 'error'; text: string; data: object }
  | { t: 'closed' }

export interface WorkerData {
  dir: string
  code: string
  engine: string
  voids: number[] // entries that must not be tried again
  pulse: Int32Array // shared; see the indices below
}

/** Counts up while the worker lives. */
export const PULSE_BEAT = 0
/** The entry that is being applied, 0 if none. */
export const PULSE_APPLYING = 1
