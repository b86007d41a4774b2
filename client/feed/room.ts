// The room as panels see it: how the teacher has set it, who is in it and who is connected, what one may do here.

import { computed, type ComputedRef } from 'vue'
import type { Settings } from '@shared/room/entry.ts'
import { useAnswer, useFeed } from './feed.ts'
import type { SeatRow } from './protocol.ts'

/** Someone in the room, with what is known of the connection. */
export interface Person extends SeatRow {
  here: boolean // somebody acts for the seat now
  me: boolean
}

/** Why one cannot act here now; '' if one can. */
export type Hindrance =
  | ''
  | 'offline'
  | 'spectator'
  | 'elsewhere' // another tab or device acts
  | 'ended'
  | 'closed'
  | 'full'
  | 'lobby'
  | 'paused'

/** How the room is. Cheap: any panel may ask. */
export function useRoom() {
  const feed = useFeed()
  const state = useAnswer('room', () => ({}), 60)
  const me = computed(() => feed.me.value)
  const isTeacher = computed(() => me.value?.role === 'teacher')
  const set = (key: keyof Settings) => computed(() => state.value?.[key] === true)

  /** A room has a teacher who is not connected. A moment's absence while one comes back oneself is none. */
  const teacherAway = computed(() => {
    const teachers = state.value?.teachers ?? []
    const { here } = feed.presence.value
    return teachers.length > 0 && here.length > 0 && !teachers.some((no) => here.includes(no))
  })

  const hindrance: ComputedRef<Hindrance> = computed(() => {
    const link = feed.link.value.state
    if (link === 'ended' || link === 'refused') return 'ended'
    if (link !== 'live' && link !== 'syncing') return 'offline'
    if (me.value === null || me.value.seat === 0) return 'spectator'
    if (!me.value.acts) return 'elsewhere'
    if (state.value === null) return ''
    if (state.value.closed) return 'closed'
    if (state.value.full) return 'full'
    if (isTeacher.value) return ''
    if (state.value.lobby) return 'lobby'
    return state.value.paused ? 'paused' : ''
  })

  return {
    state,
    me,
    isTeacher,
    teacherAway,
    hindrance,
    lobby: set('lobby'),
    locked: set('locked'),
    namesHidden: set('namesHidden'),
    paused: set('paused'),
    full: computed(() => state.value?.full === true),
    speed: computed(() => state.value?.speed ?? 1),
    spectators: computed(() => feed.presence.value.spectators),
  }
}

/** Everybody who has ever had a seat, in order of coming. */
export function usePeople(): ComputedRef<Person[]> {
  const feed = useFeed()
  const rows = useAnswer('seats', () => ({}), 250)
  return computed(() => {
    const here = new Set(feed.presence.value.here)
    const mine = feed.me.value?.seat ?? 0
    return (rows.value ?? []).map((row) => ({
      ...row,
      here: here.has(row.no),
      me: row.no === mine,
    }))
  })
}
