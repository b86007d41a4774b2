// Who may do what, before it is numbered: the server asks this of every command, and a client that wants to know what to
// offer asks the same. What the machine itself refuses (EPERM, ESRCH) is not here: that is history like any other.

import type { Command } from './entry.ts'
import { nameKey, nameProblem, tidyName, type NameProblem } from './names.ts'
import type { Room, Seat } from './room.ts'

/**
 * Why a command is refused, as a word the client translates.
 *
 *   closed     the lesson is over              full       the log is full
 *   seat       there is no such seat (any more) in whose name this was sent
 *   teacher    only the teacher may            who        not of that seat
 *   lobby      the lesson has not begun        paused     the teacher has paused the machine
 *   running    a step wants a paused machine
 *   name-…     of a new name (names.ts)        name-taken
 */
export type RuleRefusal =
  | 'closed'
  | 'full'
  | 'seat'
  | 'teacher'
  | 'who'
  | 'lobby'
  | 'paused'
  | 'running'
  | 'name-taken'
  | NameProblem

/** Commands about the room, not the machine. */
const ofTheTeacher: ReadonlySet<Command['t']> = new Set<Command['t']>([
  'remove',
  'ban',
  'readmit',
  'role',
  'room',
  'step',
  'advance',
  'close',
])

/** What a student may do while the machine stands still: what does not need it. */
const harmless: ReadonlySet<Command['t']> = new Set<Command['t']>(['note', 'rename'])

/** Null: it may be done. */
export function refusalOf(room: Room, no: number, command: Command): RuleRefusal | null {
  if (room.closed) return 'closed'
  if (room.full && command.t !== 'close') return 'full'
  const seat = room.seats.get(no)
  if (seat === undefined || seat.presence !== 'in') return 'seat'
  const teacher = seat.role === 'teacher'
  if (!teacher && ofTheTeacher.has(command.t)) return 'teacher'
  switch (command.t) {
    case 'rename':
      return renameProblem(room, seat, command.who, command.name)
    case 'remove':
    case 'ban':
      return room.seats.get(command.who)?.role === 'student' ? null : 'who'
    case 'readmit':
      return (room.seats.get(command.who)?.presence ?? 'in') === 'in' ? 'who' : null
    case 'role':
      return mayChangeRole(room, command.who) ? null : 'who'
    case 'step':
      return room.settings.paused ? null : 'running'
  }
  if (teacher || harmless.has(command.t)) return null
  if (room.settings.lobby) return 'lobby'
  return room.settings.paused ? 'paused' : null
}

/** Who came with the teacher's key stays the teacher; who was made one may become a student again. */
export function mayChangeRole(room: Room, who: number): boolean {
  const seat = room.seats.get(who)
  return seat?.presence === 'in' && room.machine.users.has(1000 + who)
}

function renameProblem(room: Room, seat: Seat, who: number, name: string): RuleRefusal | null {
  if (who !== seat.no && seat.role !== 'teacher') return 'teacher'
  if (!room.seats.has(who)) return 'who'
  const tidy = tidyName(name)
  return nameProblem(tidy) ?? (isTaken(room, tidy, who) ? 'name-taken' : null)
}

/** Whether another seat than `except` has this name or one that looks the same. */
export function isTaken(room: Room, name: string, except = 0): boolean {
  const key = nameKey(name)
  for (const seat of room.seats.values()) {
    if (seat.no !== except && nameKey(seat.name) === key) return true
  }
  return false
}
