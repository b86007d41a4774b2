// A recording that plays: the player's cursor with a clock. Ahead of it a scan, in slices, finds the markers and
// keeps what people saw.

import type { Entry, Header } from '@shared/room/entry.ts'
import {
  extend,
  nextMarker,
  openPlayer,
  scan,
  seek,
  seqAt,
  step,
  timeOf,
  type Marker,
  type Player,
} from '@shared/room/player.ts'
import type { Room } from '@shared/room/room.ts'
import { Chronicle } from './chronicle.ts'
import type { PlayerAction, PlayerState } from './protocol.ts'

export interface FilmEvents {
  /** The cursor is in another room object. */
  room: (room: Room) => void
  changed: () => void
  state: (state: PlayerState) => void
  markers: (markers: Marker[]) => void
}

const SLICE_MS = 10
const FRAME_MS = 33
const PAUSE_MS = 2000 // a longer silence in the recording is cut short

export class Film {
  readonly chronicle = new Chronicle()
  readonly player: Player
  live = false
  private readonly on: FilmEvents
  private playing = false
  private speed = 1
  private clock = 0 // ms of the recording
  private lastMs = 0
  private goal: number | null = null // where the cursor shall be once the scan is there
  private killWanted = false // 'next kill' was asked for and the scan has found none yet
  private toldMarkers = 0
  private timer: ReturnType<typeof setTimeout> | null = null
  private closed = false

  constructor(header: Header, entries: Entry[], on: FilmEvents) {
    this.on = on
    this.player = openPlayer(header, entries, { now: () => performance.now() })
    this.chronicle.follow(null)
    this.chronicle.begin(this.player.ahead)
    on.room(this.player.room)
    this.scanOn()
    this.tell()
  }

  close(): void {
    this.closed = true
    if (this.timer !== null) clearTimeout(this.timer)
  }

  /** The room that is recorded has gone on. */
  add(entries: readonly Entry[]): void {
    const idle = this.player.scanned === this.player.entries.length
    extend(this.player, entries)
    if (idle) this.scanOn()
    this.tell()
  }

  act(action: PlayerAction): void {
    switch (action.act) {
      case 'play':
        if (this.player.room.seq >= this.player.entries.length) this.moveTo(0)
        this.playing = true
        this.clock = timeOf(this.player, this.player.room.seq)
        this.lastMs = performance.now()
        this.run()
        break
      case 'pause':
        this.playing = false
        break
      case 'step':
        this.playing = false
        this.stepOver()
        break
      case 'back':
        this.playing = false
        this.moveTo(this.before(this.player.room.seq))
        break
      case 'nextKill':
        this.playing = false
        this.toNextKill()
        break
      case 'marker':
        this.playing = false
        this.toMarker(action.step)
        break
      case 'seek':
        this.moveTo(action.seq)
        break
      case 'seekTime':
        this.moveTo(seqAt(this.player, action.ms))
        break
      case 'speed':
        this.speed = Math.max(0.25, Math.min(64, action.speed))
        break
    }
    this.tell()
  }

  /** To the next entry that somebody caused; ticks on the way are passed over. */
  private stepOver(): void {
    const { player } = this
    let entry: Entry | undefined
    do {
      entry = player.entries[player.room.seq]
      if (entry === undefined || step(player) === null) break
    } while (entry.c.t === 'tick' || entry.c.t === 'hash')
    this.on.changed()
  }

  private before(seq: number): number {
    const { entries } = this.player
    let to = seq - 1
    while (to > 0 && (entries[to - 1].c.t === 'tick' || entries[to - 1].c.t === 'hash')) to--
    return Math.max(0, to)
  }

  private toNextKill(): void {
    const { player } = this
    const seq = player.room.seq
    const kills = (['oomKill', 'signal'] as const).map((kind) => nextMarker(player, seq, kind)?.seq)
    const next = Math.min(...kills.map((at) => at ?? Infinity))
    this.killWanted = next === Infinity && player.scanned < player.entries.length
    if (next !== Infinity) this.moveTo(next)
    else if (!this.killWanted) this.moveTo(player.entries.length)
  }

  private toMarker(step: 1 | -1): void {
    const { room, markers, entries } = this.player
    const shown = markers.filter(({ kind }) => kind !== 'exit' && kind !== 'void')
    const marker =
      step > 0
        ? shown.find(({ seq }) => seq > room.seq)
        : shown.findLast(({ seq }) => seq < room.seq)
    this.moveTo(marker?.seq ?? (step > 0 ? entries.length : 0))
  }

  private moveTo(seq: number): void {
    const { player } = this
    this.killWanted = false
    const to = Math.max(0, Math.min(seq, player.entries.length))
    if (to > player.scanned) {
      this.goal = to
      return
    }
    this.goal = null
    const before = player.room
    seek(player, to)
    this.clock = timeOf(player, to)
    if (player.room === before) this.on.changed()
    else this.on.room(player.room)
  }

  private run(): void {
    if (!this.playing || this.closed) return
    const { player } = this
    const now = performance.now()
    this.clock += (now - this.lastMs) * this.speed
    this.lastMs = now
    const end = now + SLICE_MS
    let moved = false
    while (performance.now() < end) {
      const entry = player.entries[player.room.seq]
      if (entry === undefined) {
        this.playing = this.live
        break
      }
      if (entry.at > this.clock + PAUSE_MS * this.speed) this.clock = entry.at - PAUSE_MS
      if (entry.at > this.clock) break
      if (player.room.seq >= player.scanned) break
      step(player)
      moved = true
    }
    // What could not be done in time is not made up for: the film slows down.
    const next = player.entries[player.room.seq]
    if (next !== undefined && next.at < this.clock) this.clock = next.at
    if (moved) this.on.changed()
    this.tell()
    setTimeout(() => this.run(), FRAME_MS)
  }

  private scanOn(): void {
    if (this.closed) return
    const { player } = this
    const end = performance.now() + SLICE_MS
    while (player.scanned < player.entries.length && performance.now() < end) {
      const entry = player.entries[player.scanned]
      scan(player, 1)
      this.chronicle.observe(player.ahead, entry)
    }
    if (this.goal !== null && this.goal <= player.scanned) this.moveTo(this.goal)
    if (this.killWanted) this.toNextKill()
    const done = player.scanned === player.entries.length
    if (!done) this.timer = setTimeout(() => this.scanOn())
    this.tell()
  }

  private tell(): void {
    const { player } = this
    const { entries, hashes, mismatches, markers } = player
    this.on.state({
      seq: player.room.seq,
      all: entries.length,
      at: timeOf(player, player.room.seq),
      length: timeOf(player, entries.length),
      scanned: player.scanned,
      playing: this.playing,
      speed: this.speed,
      hashes,
      mismatches,
      live: this.live,
    })
    if (markers.length === this.toldMarkers) return
    this.toldMarkers = markers.length
    this.on.markers(markers)
  }
}
