// A machine of one's own, without a server: entries are applied where they are made. Time passes only while somebody
// waits for it, and then as fast as it can.

import { wantsTicks } from '../shared/kernel/sched.ts'
import type { Command, Entry, Role } from '../shared/room/entry.ts'
import { LOG_FORMAT } from '../shared/room/log.ts'
import { applyEntry, createRoom, type Applied, type Room } from '../shared/room/room.ts'
import type { MachinePort } from '../shared/shell/port.ts'
import { TICK_MS, TICKS_PER_SECOND, type MachineOptions } from '../shared/state/machine.ts'

type Listener = (entry: Entry, applied: Applied) => void

export class OwnMachine implements MachinePort {
  readonly seat = 1
  readonly readOnly = false
  private readonly current: Room
  private readonly listeners = new Set<Listener>()
  private running = false

  constructor(options: MachineOptions, engine: string, created: number) {
    this.current = createRoom({ format: LOG_FORMAT, engine, code: '000000', created, options })
  }

  room(): Room {
    return this.current
  }

  /** Takes the next seat; the first one is the shell's. */
  login(name: string, role: Role): number {
    const seat = this.current.seats.size + 1
    this.enter(seat, { t: 'seat', name, role, from: '10.0.0.11' })
    return seat
  }

  submit(command: Command): Promise<Applied> {
    return Promise.resolve(this.enter(this.seat, command))
  }

  onApplied(listener: Listener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Lets time pass until the promise is settled. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.running = true
    const stop = () => (this.running = false)
    work.then(stop, stop)
    void this.pass()
    return work
  }

  /** A tick whenever the shell has nothing left to do but to wait. */
  private async pass(): Promise<void> {
    const fuel = Math.round(this.current.machine.options.speed / TICKS_PER_SECOND)
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      if (!this.running) return
      if (wantsTicks(this.current.machine)) this.enter(0, { t: 'tick', fuel })
      else await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  /** Applies a command of that seat at once. */
  enter(seat: number, command: Command): Applied {
    const room = this.current
    const entry: Entry = { seq: room.seq + 1, at: room.machine.ticks * TICK_MS, seat, c: command }
    const applied = applyEntry(room, entry)
    for (const listener of [...this.listeners]) listener(entry, applied)
    return applied
  }
}
