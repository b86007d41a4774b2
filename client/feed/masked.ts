// Names hidden by the teacher: those who are not a teacher see seats instead, their own name apart. The replica still
// has all names: this hides them from the projector and a glance, it is no secret.

import type { Room } from '@shared/room/room.ts'

/** `#7`, in every language. */
export const seatLabel = (seat: number): string => `#${seat}`

/** Whether somebody who looks from this seat (0: nobody's) may see names. */
export function seesNames({ settings, seats }: Room, viewer: number): boolean {
  return !settings.namesHidden || seats.get(viewer)?.role === 'teacher'
}

/** The room as that seat may see it: the same, or one with labels for names. For views, which change nothing. */
export function maskNames(room: Room, viewer: number): Room {
  if (seesNames(room, viewer)) return room
  const seats: Room['seats'] = new Map()
  const users = new Map(room.machine.users)
  for (const seat of room.seats.values()) {
    const own = seat.no === viewer
    const user = `user${seat.no}`
    seats.set(seat.no, own ? seat : { ...seat, name: seatLabel(seat.no), user })
    if (!own && users.has(1000 + seat.no)) users.set(1000 + seat.no, user)
  }
  const logins = new Map<string, string>()
  for (const [uid, name] of room.machine.users) {
    const shown = users.get(uid)!
    if (shown !== name) logins.set(name, shown)
  }
  const syslog = room.machine.syslog.map((line) => ({
    ...line,
    text: line.text.replace(/\bfor (?:user )?(\w+)/g, (whole, user: string) =>
      logins.has(user) ? whole.replace(user, logins.get(user)!) : whole,
    ),
  }))
  return { ...room, seats, machine: { ...room.machine, users, syslog } }
}
