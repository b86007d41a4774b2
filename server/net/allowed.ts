// What the host allows on this server. Every option has a default that suits a class on a laptop.

export interface Allowed {
  createPassword: string // for making rooms; '': anybody may
  rooms: number // open at a time
  seats: number // of a room, ever
  logBytes: number // of a room; then it takes nothing more and can be read
  retentionDays: number // a room that was not written to for so long is deleted; 0: never
}

export const DEFAULT_ALLOWED: Allowed = {
  createPassword: '',
  rooms: 64,
  seats: 2000,
  logBytes: 1024 * 2 ** 20,
  retentionDays: 0,
}
