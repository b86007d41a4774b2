// A room: the machine and who sits at it. applyEntry() is the only thing that changes it.

import { assert } from '../lib/assert.ts'
import { findShell } from '../machine/login.ts'
import { apply, createMachine, type Outcome } from '../machine/machine.ts'
import type { Machine } from '../state/machine.ts'
import { hashState, loadState, saveState } from '../state/walk.ts'
import {
  ADVANCE_MAX,
  type Command,
  type Entry,
  type Handle,
  type Header,
  type Role,
  type Settings,
} from './entry.ts'
import { loginName } from './names.ts'

export interface Seat {
  no: number // from 1, in order of joining
  name: string // as the person wrote it
  role: Role
  uid: number // on the machine: 0 for a teacher, 1000 + no for others
  user: string // login name: lower-case ASCII made from the name, unique; 'root' for a teacher
  shell: Handle // the login shell
  prompts: Handle[] // processes at a C prompt, newest last
  stream: number // id of the terminal's stream
  presence: 'in' | 'removed' | 'banned' // 'in': may be there, whether it is connected or not
  active: number // ms of the recording, when it last did something
}

/** Everything that the log determines. Saved, loaded and hashed as one (state/walk.ts). */
export interface Room {
  header: Header
  machine: Machine
  seq: number // of the last entry applied
  seats: Map<number, Seat>
  terminals: Map<number, string> // per seat, the end of what its terminal showed
  settings: Settings
  ahead: number // ticks that pass as fast as they can
  closed: boolean // nothing more comes
  full: boolean // nothing more can be written
}

export interface Applied extends Outcome {
  mismatch?: string // a hash entry's hash was not ours: ours
}

/** How much of a terminal is kept, in characters. */
export const TERMINAL_KEEP = 16 * 1024

export function createRoom(header: Header): Room {
  return {
    header,
    machine: createMachine(header.options, header.created),
    seq: 0,
    seats: new Map(),
    terminals: new Map(),
    settings: { lobby: false, locked: false, namesHidden: false, paused: false, speed: 1 },
    ahead: 0,
    closed: false,
    full: false,
  }
}

/** Entries come in order and without gaps. What throws here is our bug; the room is then no longer to be used. */
export function applyEntry(room: Room, entry: Entry): Applied {
  assert(entry.seq === room.seq + 1, 'entries come without gaps')
  const { boots } = room.machine
  const applied = applyCommand(room, entry.seat, entry.c)
  const seat = room.seats.get(entry.seat)
  if (seat !== undefined) seat.active = entry.at
  if (room.machine.boots !== boots) noteReboot(room)
  room.seq = entry.seq
  return applied
}

/** As applyEntry() for a hash entry of whose hash the caller has just made sure. */
export function passHash(room: Room, entry: Entry): void {
  assert(entry.seq === room.seq + 1 && entry.c.t === 'hash', 'a hash comes next')
  room.seq = entry.seq
}

function applyCommand(room: Room, no: number, command: Command): Applied {
  switch (command.t) {
    case 'void':
      return {}
    case 'hash': {
      const hash = hashRoom(room)
      return hash === command.hash ? {} : { mismatch: hash }
    }
    case 'note':
      showOnTerminal(
        room,
        no,
        (command.line === undefined ? '' : command.line + '\n') + (command.out ?? ''),
      )
      return {}
    case 'seat':
      return takeSeat(room, no, command)
    case 'rename':
    case 'remove':
    case 'ban':
    case 'readmit':
    case 'role':
      return changeSeat(room, no, command)
    case 'room':
      room.settings = { ...room.settings, ...command.set }
      if (command.set.paused) room.ahead = 0
      return {}
    case 'step':
      return {}
    case 'advance':
      room.ahead = Math.min(room.ahead + command.ticks, ADVANCE_MAX)
      return {}
    case 'tick':
      room.ahead = Math.max(room.ahead - 1, 0)
      return apply(room.machine, no, command)
    case 'close':
      room.closed = true
      return {}
    case 'full':
      room.full = command.full
      return {}
    case 'prompt': {
      const outcome = apply(room.machine, no, command)
      const seat = room.seats.get(no)
      if (seat !== undefined) noteProcesses(room, seat, outcome)
      return outcome
    }
    default:
      return apply(room.machine, no, command)
  }
}

function takeSeat(room: Room, no: number, command: Command & { t: 'seat' }): Applied {
  assert(no === room.seats.size + 1, 'seats are numbered in order of joining')
  const { machine } = room
  const { name, role, from } = command
  const uid = role === 'teacher' ? 0 : 1000 + no
  const login = role === 'teacher' ? 'root' : loginName(name, new Set(machine.users.values()))
  const outcome = apply(machine, no, { t: 'seat', name: login, role, from })
  const user = machine.users.get(uid) ?? login
  const seat: Seat = {
    no,
    name,
    role,
    uid,
    user,
    shell: `${no}.1`,
    prompts: [],
    stream: terminalOf(machine, no),
    presence: 'in',
    active: 0,
  }
  noteProcesses(room, seat, outcome)
  room.seats.set(no, seat)
  room.terminals.set(no, '')
  return outcome
}

type SeatCommand = Command & { t: 'rename' | 'remove' | 'ban' | 'readmit' | 'role' }

function changeSeat(room: Room, no: number, command: SeatCommand): Applied {
  const seat = room.seats.get(command.who)
  if (seat === undefined) return {}
  switch (command.t) {
    case 'rename':
      seat.name = command.name
      return {}
    case 'remove':
      seat.presence = 'removed'
      return {}
    case 'ban':
      seat.presence = 'banned'
      return apply(room.machine, no, command)
    case 'readmit': {
      seat.presence = 'in'
      const outcome = apply(room.machine, no, command)
      noteProcesses(room, seat, outcome)
      return outcome
    }
    case 'role': {
      const outcome = apply(room.machine, no, command)
      if (outcome.errno !== undefined) return outcome
      seat.role = command.role
      seat.uid = command.role === 'teacher' ? 0 : 1000 + seat.no
      return outcome
    }
  }
}

/** A seat's shell may be a new one, and has a new process at a prompt. */
function noteProcesses({ machine }: Room, seat: Seat, { task }: Outcome): void {
  seat.shell = findShell(machine, seat.no)?.handle ?? seat.shell
  seat.prompts = seat.prompts.filter((handle) => isAlive(machine, handle))
  if (task !== undefined) seat.prompts.push(task)
}

/** After a reboot everybody has a new shell, a new process at a prompt and a new terminal. */
function noteReboot({ machine, seats }: Room): void {
  for (const seat of seats.values()) {
    seat.shell = findShell(machine, seat.no)?.handle ?? seat.shell
    seat.stream = terminalOf(machine, seat.no)
    const own = [...machine.tasks.values()].filter((task) => task.seat === seat.no)
    seat.prompts = own.filter(({ program }) => program.kind === 'ic').map(({ handle }) => handle)
  }
}

function isAlive(m: Machine, handle: Handle): boolean {
  const task = m.handles.get(handle)
  return task !== undefined && task.state !== 'Z'
}

function terminalOf(m: Machine, no: number): number {
  for (const stream of m.streams.values())
    if (stream.seat === no && stream.terminal) return stream.id
  return 0
}

function showOnTerminal(room: Room, no: number, text: string): void {
  const shown = (room.terminals.get(no) ?? '') + text
  room.terminals.set(no, shown.length > TERMINAL_KEEP ? shown.slice(-TERMINAL_KEEP) : shown)
}

/** What a hash entry holds: over the machine, the seats and the terminals. */
export function hashRoom(room: Room): string {
  return hashState(room)
}

export function saveRoom(room: Room): Uint8Array {
  return saveState(room)
}

export function loadRoom(bytes: Uint8Array): Room {
  // Node's Buffer is an Uint8Array whose slice() does not copy.
  return loadState(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as Room
}
