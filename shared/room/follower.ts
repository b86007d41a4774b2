// A copy of a room at the far end of a line. It takes what a server sends, all entries or a snapshot and what came
// after it, applies it in order, and notices when something is missing or when its machine is not the room's.

import { differingField } from '../state/walk.ts'
import type { Entry, Header } from './entry.ts'
import { applyEntry, createRoom, hashRoom, type Applied, type Room } from './room.ts'
import { addPart, BadPart, roomOfState } from './snapshot.ts'

/** Our machine after entry `seq`: its hash, and the first field that differs from the room's as soon as that is known. */
export interface Difference {
  seq: number
  hash: string
  field?: string
}

export interface FollowerEvents {
  /** The room is another object from now on. */
  room: (room: Room) => void
  /** A snapshot has begun to come: the room without the contents of its memory. */
  picture: (room: Room) => void
  applied: (room: Room, entry: Entry, applied: Applied) => void
  /** The machine stands still until a snapshot comes. Then the first differing field may follow. */
  differs: (difference: Difference) => void
}

export class Follower {
  room: Room | null = null
  private readonly on: FollowerEvents
  private queue: Entry[] = [] // without gaps, unless a snapshot is on its way
  private restoring = false // a snapshot is on its way
  private coming: { room: Room; done: number; all: number } | null = null // of which parts are missing
  private differed = false

  constructor(on: FollowerEvents) {
    this.on = on
  }

  /** The last entry that need not be sent again; null if there is nothing to build on. */
  get have(): number | null {
    return this.room === null || this.differed ? null : this.lastKnown()
  }

  /** Entries that wait. */
  get behind(): number {
    return this.queue.length
  }

  /** How much of a snapshot is there; null if none is on its way. */
  get progress(): { done: number; all: number } | null {
    if (!this.restoring) return null
    const { done, all } = this.coming ?? { done: 0, all: 1 }
    return { done, all }
  }

  /** Whether step() has something to do. A machine that differs waits, so that the difference can be named. */
  get isDue(): boolean {
    return this.room !== null && !this.differed && this.queue[0]?.seq === this.room.seq + 1
  }

  /** A server has taken us in: what we have not comes as entries, or as a snapshot first. */
  begin(header: Header, resume: 'entries' | 'snapshot'): void {
    this.coming = null
    this.restoring = resume === 'snapshot'
    if (this.restoring || this.have !== null) return
    this.queue = []
    this.differed = false
    this.replace(createRoom(header))
  }

  /** False: something is missing. Come back and say what is there. */
  take(entries: readonly Entry[]): boolean {
    for (const entry of entries) {
      const last = this.lastKnown()
      if (entry.seq <= last) continue
      if (!this.restoring && entry.seq > last + 1) {
        this.queue = []
        return false
      }
      this.queue.push(entry)
    }
    return true
  }

  /** Applies entries that are next, until `late` says so or none is. Returns how many. */
  work(late: () => boolean = () => false): number {
    let done = 0
    const { room, queue } = this
    if (room === null) return 0
    while (!this.differed && queue[done]?.seq === room.seq + 1 && !late())
      this.apply(room, queue[done++])
    queue.splice(0, done)
    return done
  }

  /** A part of a snapshot is there, though perhaps not unpacked yet: entries wait from here on. */
  expectSnapshot(): void {
    this.restoring = true
  }

  /** Takes the next part of a snapshot; true if it was the last one. Throws BadPart. */
  takePart(index: number, of: number, bytes: Uint8Array): boolean {
    this.restoring = true
    if (index === 0) {
      this.coming = { room: roomOfState(bytes), done: 1, all: of }
      this.on.picture(this.coming.room)
    } else {
      if (this.coming?.done !== index) throw new BadPart('not the next one')
      addPart(this.coming.room, bytes)
      this.coming.done++
    }
    if (this.coming.done < this.coming.all) return false
    this.restore(this.coming.room)
    return true
  }

  /** The line is gone. What only waited for the rest of a snapshot is of no use any more. */
  lose(): void {
    this.coming = null
    if (this.restoring) this.queue = []
    this.restoring = false
  }

  private lastKnown(): number {
    return this.queue[this.queue.length - 1]?.seq ?? this.room?.seq ?? 0
  }

  private apply(room: Room, entry: Entry): void {
    const applied = applyEntry(room, entry)
    const { mismatch } = applied
    this.on.applied(room, entry, applied)
    if (mismatch === undefined) return
    this.differed = true
    this.on.differs({ seq: entry.seq, hash: mismatch })
  }

  private restore(room: Room): void {
    if (this.differed && this.room !== null) this.nameField(this.room, room)
    this.coming = null
    this.restoring = false
    this.differed = false
    this.queue = this.queue.filter(({ seq }) => seq > room.seq)
    // An old snapshot: what lies between comes again, after it.
    if (this.queue.length > 0 && this.queue[0].seq > room.seq + 1) this.queue = []
    this.replace(room)
  }

  /** Brings our machine to the snapshot's entry and names the first difference. */
  private nameField(ours: Room, theirs: Room): void {
    for (const entry of this.queue)
      if (entry.seq === ours.seq + 1 && entry.seq <= theirs.seq) applyEntry(ours, entry)
    if (ours.seq !== theirs.seq) return
    const field = differingField(ours, theirs)
    if (field !== null) this.on.differs({ seq: theirs.seq, hash: hashRoom(ours), field })
  }

  private replace(room: Room): void {
    this.room = room
    this.on.room(room)
  }
}
