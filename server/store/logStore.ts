// Where rooms are kept. The file store is the one we have; a store for several nodes would implement the same.

import type { Entry, Header } from '../../shared/room/entry.ts'

/** Beside the log, never in it: sha256 of the tokens. */
export interface Seats {
  teacher: string
  key?: string // of the teacher's link, until somebody comes in with it
  seats: Record<number, string[]> // by seat number: of each device that may act for it
}

export interface OpenedRoom {
  header: Header
  entries: Entry[]
  seats: Seats
  notice: string | null // what was cut from the end of the log
}

export interface StoredSnapshot {
  seq: number
  parts: Uint8Array[] // gzip of shared/room/snapshot.ts
}

/** One room, opened by its one owner. */
export interface RoomStore {
  /** Bytes of the log. */
  readonly size: number
  /** What is there. Cuts a torn last line. */
  open(): Promise<OpenedRoom>
  /** Whole lines; durable when it fulfils. */
  append(lines: readonly string[]): Promise<void>
  /** Durable when it fulfils. */
  writeSeats(seats: Seats): Promise<void>
  /** A cache: may be lost, or gone stale. */
  writeSnapshot(snapshot: StoredSnapshot): Promise<void>
  readSnapshot(): Promise<StoredSnapshot | null>
  /** For the developers: something went wrong that should not have. */
  writeReport(report: object): Promise<void>
  close(): Promise<void>
}

export interface LogStore {
  list(): Promise<string[]> // codes
  exists(code: string): Promise<boolean>
  /** Rooms written to since then (ms since 1970). */
  recent(since: number): Promise<string[]>
  /** Makes a room with its first entries; durable when it fulfils. Rejects if the code is in use. */
  create(header: Header, seats: Seats, entries?: readonly Entry[]): Promise<void>
  room(code: string): RoomStore
  /** The log so far, for a download. */
  read(code: string): Promise<Uint8Array>
  delete(code: string): Promise<void>
}

/** The log cannot be used: damaged in the middle, of another format or engine. */
export class UnreadableLog extends Error {
  override name = 'UnreadableLog'
  field: string

  constructor(field: string, why: string) {
    super(why)
    this.field = field
  }
}
