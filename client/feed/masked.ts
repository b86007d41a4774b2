// Names hidden by the teacher: those who are not a teacher see seats instead, their own name apart. The replica still
// has all names: this hides them from the projector and a glance, it is no secret.

import type { Entry } from '@shared/room/entry.ts'
import type { Marker } from '@shared/room/player.ts'
import type { Room } from '@shared/room/room.ts'
import type { Death, OwnSeat } from './protocol.ts'

/** Who looks: from a seat (0: nobody's), and whether the others' names are hidden from them. */
export interface Viewer {
  seat: number
  hidden: boolean
}

/** `#7`, in every language. */
export const seatLabel = (seat: number): string => `#${seat}`

/** Somebody in a room that is live. */
export function viewerIn({ settings, seats }: Room, seat: number): Viewer {
  return { seat, hidden: settings.namesHidden && seats.get(seat)?.role !== 'teacher' }
}

/** Somebody before a recording. The teacher's last word holds for all of it: else one would only go back to before. */
export function viewerOf(entries: readonly Entry[], own: OwnSeat | null): Viewer {
  const viewer: Viewer = { seat: 0, hidden: false }
  for (const { seat, c } of entries) {
    if (c.t === 'room') viewer.hidden = c.set.namesHidden ?? viewer.hidden
    else if (c.t === 'seat' && c.name === own?.name) viewer.seat = seat
    else if (c.t === 'rename' && c.name === own?.name) viewer.seat = c.who
  }
  return own?.teacher === true ? { ...viewer, hidden: false } : viewer
}

/** The room as they may see it: the same, or one with labels for names. For views, which change nothing. */
export function maskNames(room: Room, viewer: Viewer): Room {
  if (!viewer.hidden) return room
  const seats: Room['seats'] = new Map()
  const users = new Map(room.machine.users)
  for (const seat of room.seats.values()) {
    const own = seat.no === viewer.seat
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

export function maskDeath(death: Death, viewer: Viewer): Death {
  if (!viewer.hidden) return death
  const shown = (seat: number, name: string) =>
    seat === 0 || seat === viewer.seat ? name : seatLabel(seat)
  const name = shown(death.seat, death.name)
  return { ...death, name, byName: shown(death.bySeat, death.byName) }
}

export function maskMarkers(markers: Marker[], viewer: Viewer): Marker[] {
  if (!viewer.hidden) return markers
  return markers.map((marker) =>
    marker.kind === 'join' && marker.seat !== viewer.seat
      ? { ...marker, what: seatLabel(marker.seat) }
      : marker,
  )
}
