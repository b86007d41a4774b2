// A log as a film: a cursor that goes to any entry. Keyframes make the way short; a scan ahead of the cursor places
// them, checks the recorded hashes and notes what happened where.

import type { Exit } from '../state/machine.ts'
import type { Entry, Header } from './entry.ts'
import { bytesOf, fromKeyframe, takeKeyframe, type Keyframe } from './keyframe.ts'
import { applyEntry, createRoom, type Applied, type Room } from './room.ts'

export interface Marker {
  seq: number
  at: number // ms, the entry's
  kind: 'join' | 'fork' | 'exit' | 'signal' | 'oomKill' | 'void'
  seat: number // whose process; 0 for the machine's own
  what: string // a person's name, or `comm[pid]`
}

export interface Mismatch {
  seq: number // of the hash entry
  recorded: string
  computed: string
}

export interface PlayerOptions {
  now?: () => number // a clock in ms: keyframes are then placed by the work between them
  keyframeBytes?: number // memory for keyframes; 0: none, for one way through
}

export interface Player {
  header: Header
  entries: Entry[]
  room: Room // at the cursor, room.seq
  ahead: Room // at `scanned`
  scanned: number // markers, mismatches and keyframes are complete up to here
  keyframes: Keyframe[] // by seq
  markers: Marker[] // by seq
  hashes: number // hash entries up to `scanned`
  mismatches: Mismatch[]
  now: (() => number) | null
  keyframeBytes: number
  spacingMs: number // work between keyframes; doubled when memory is short
  worked: number // ms of work, or entries, since the last keyframe
}

// Without a clock an entry counts as a millisecond of work.
const SPACING_MS = 60
const ENTRY_MS = 0.25
const KEYFRAME_BYTES = 192 * 2 ** 20

export function openPlayer(header: Header, entries: Entry[], options: PlayerOptions = {}): Player {
  return {
    header,
    entries,
    room: createRoom(header),
    ahead: createRoom(header),
    scanned: 0,
    keyframes: [],
    markers: [],
    hashes: 0,
    mismatches: [],
    now: options.now ?? null,
    keyframeBytes: options.keyframeBytes ?? KEYFRAME_BYTES,
    spacingMs: SPACING_MS,
    worked: 0,
  }
}

/** The running room has gone on. */
export function extend(player: Player, entries: readonly Entry[]): void {
  for (const entry of entries) {
    if (entry.seq === player.entries.length + 1) player.entries.push(entry)
  }
}

/** Looks at the next `count` entries ahead of the cursor. True when there are no more. */
export function scan(player: Player, count: number): boolean {
  const end = Math.min(player.entries.length, player.scanned + count)
  while (player.scanned < end) scanOne(player, player.entries[player.scanned])
  return player.scanned === player.entries.length
}

/** Applies one entry at the cursor; null at the end. */
export function step(player: Player): Applied | null {
  const entry = player.entries[player.room.seq]
  return entry === undefined ? null : applyEntry(player.room, entry)
}

/** Puts the cursor after entry `seq` (0: before all of them). */
export function seek(player: Player, seq: number): Room {
  const to = Math.max(0, Math.min(seq, player.entries.length))
  if (to > player.scanned) {
    scan(player, to - player.scanned)
    addKeyframe(player)
  }
  const keyframe = lastUpTo(player.keyframes, to)
  const start = keyframe?.seq ?? 0
  if (player.room.seq > to || player.room.seq < start) {
    player.room =
      keyframe === null
        ? createRoom(player.header)
        : fromKeyframe(keyframe, player.room.machine.ram)
  }
  while (player.room.seq < to) step(player)
  return player.room
}

/** The last entry at or before this time of the recording. */
export function seqAt(player: Player, ms: number): number {
  let low = 0
  let high = player.entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (player.entries[middle].at <= ms) low = middle + 1
    else high = middle
  }
  return low
}

/** When the entry was made, in ms of the recording. */
export function timeOf(player: Player, seq: number): number {
  return seq === 0 ? 0 : (player.entries[Math.min(seq, player.entries.length) - 1]?.at ?? 0)
}

/** The next marker of this kind after `seq`, null if none is known. */
export function nextMarker(player: Player, seq: number, kind: Marker['kind']): Marker | null {
  return player.markers.find((marker) => marker.seq > seq && marker.kind === kind) ?? null
}

function lastUpTo(keyframes: readonly Keyframe[], seq: number): Keyframe | null {
  let found: Keyframe | null = null
  for (const keyframe of keyframes) if (keyframe.seq <= seq) found = keyframe
  return found
}

function scanOne(player: Player, entry: Entry): void {
  const room = player.ahead
  const start = player.now?.() ?? 0
  const before = whatIs(room)
  const applied = applyEntry(room, entry)
  player.scanned = entry.seq
  if (entry.c.t === 'hash') {
    player.hashes++
    if (applied.mismatch !== undefined) {
      player.mismatches.push({ seq: entry.seq, recorded: entry.c.hash, computed: applied.mismatch })
    }
  }
  noteWhatHappened(player, entry, before)
  player.worked += player.now === null ? ENTRY_MS : player.now() - start
  if (player.worked >= player.spacingMs && player.keyframeBytes > 0) addKeyframe(player)
}

function addKeyframe(player: Player): void {
  const { keyframes, ahead } = player
  const last = keyframes[keyframes.length - 1] ?? null
  if (last?.seq === ahead.seq) return
  keyframes.push(takeKeyframe(ahead, last))
  player.worked = 0
  let bytes = 0
  for (const keyframe of keyframes) bytes += keyframe.bytes
  if (bytes > player.keyframeBytes) thinOut(player)
}

/** Every second keyframe goes. What the others shared with them stays alive, and is counted as theirs. */
function thinOut(player: Player): void {
  const counted = new Set<Int32Array>()
  player.keyframes = player.keyframes.filter((_, i) => i % 2 === 0)
  for (const keyframe of player.keyframes) keyframe.bytes = bytesOf(keyframe, counted)
  player.spacingMs *= 2
}

interface Before {
  births: Map<number, number>
  lastExit: Exit | null
  syslogLines: number
}

function whatIs({ machine }: Room): Before {
  const { births, exits, syslogLines } = machine
  return { births: new Map(births), lastExit: exits[exits.length - 1] ?? null, syslogLines }
}

function noteWhatHappened(player: Player, entry: Entry, before: Before): void {
  const { machine } = player.ahead
  const note = (kind: Marker['kind'], seat: number, what: string) =>
    player.markers.push({ seq: entry.seq, at: entry.at, kind, seat, what })

  if (entry.c.t === 'seat') note('join', entry.seat, entry.c.name)
  if (entry.c.t === 'void') note('void', entry.seat, '')
  // Programs run in ticks only: a process born in one is a fork.
  if (entry.c.t === 'tick') {
    for (const [seat, births] of machine.births) {
      for (let n = (before.births.get(seat) ?? 0) + 1; n <= births; n++) {
        const task = machine.handles.get(`${seat}.${n}`)
        note('fork', seat, task === undefined ? '' : `${task.comm}[${task.pid}]`)
      }
    }
  }
  const lines = Math.min(machine.syslogLines - before.syslogLines, machine.syslog.length)
  for (const line of machine.syslog.slice(machine.syslog.length - lines)) {
    const killed = /Killed process (\d+) \(([^)]*)\)/.exec(line.text)
    if (killed === null) continue
    const pid = Number(killed[1])
    note('oomKill', machine.tasks.get(pid)?.seat ?? 0, `${killed[2]}[${pid}]`)
  }
  const { exits } = machine
  const first = before.lastExit === null ? 0 : exits.indexOf(before.lastExit) + 1
  for (const { handle, pid, comm, status } of exits.slice(first)) {
    const seat = Number(handle.split('.')[0])
    note((status & 0x7f) === 0 ? 'exit' : 'signal', seat, `${comm}[${pid}]`)
  }
}
