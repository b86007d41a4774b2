// A room of one's own for tests: entries are applied at once, ticks come when a test asks for them or waits for a shell.

import { LOG_FORMAT } from '../../shared/room/log.ts'
import { DEFAULT_OPTIONS } from '../../shared/room/options.ts'
import { wantsTicks } from '../../shared/kernel/sched.ts'
import type { Command, Entry, Role } from '../../shared/room/entry.ts'
import { applyEntry, createRoom, type Applied, type Room } from '../../shared/room/room.ts'
import type { MachinePort } from '../../shared/shell/port.ts'
import { TICKS_PER_SECOND, type Machine, type MachineOptions } from '../../shared/state/machine.ts'
import type { Task } from '../../shared/state/task.ts'

export const OPTIONS: MachineOptions = {
  ...DEFAULT_OPTIONS,
  hostname: 'ramlab',
  speed: 20_000_000,
}

type Listener = (entry: Entry, applied: Applied) => void

export class OwnRoom {
  readonly room: Room
  readonly entries: Entry[] = []
  private readonly listeners = new Set<Listener>()

  constructor(options: Partial<MachineOptions> = {}) {
    this.room = createRoom({
      format: LOG_FORMAT,
      engine: 'test',
      code: '000000',
      created: 1_795_385_154_000,
      options: { ...OPTIONS, ...options },
    })
  }

  get machine(): Machine {
    return this.room.machine
  }

  enter(seat: number, c: Command): Applied {
    const entry: Entry = { seq: this.room.seq + 1, at: this.room.seq, seat, c }
    const applied = applyEntry(this.room, entry)
    this.entries.push(entry)
    for (const listener of [...this.listeners]) listener(entry, applied)
    return applied
  }

  /** Somebody takes a seat; its number. */
  join(name: string, role: Role): number {
    const seat = this.room.seats.size + 1
    this.enter(seat, { t: 'seat', name, role, from: '10.0.0.11' })
    return seat
  }

  tick(count = 1): void {
    const fuel = Math.round(this.machine.options.speed / TICKS_PER_SECOND)
    for (let i = 0; i < count; i++) this.enter(0, { t: 'tick', fuel })
  }

  /** The newest process at a C prompt of the seat. */
  prompt(seat: number): Task {
    return this.machine.handles.get(this.room.seats.get(seat)!.prompts.at(-1)!)!
  }

  port(seat: number, readOnly = false): MachinePort {
    return {
      seat,
      readOnly,
      room: () => this.room,
      submit: (command) =>
        readOnly
          ? Promise.reject(new Error('this is a recording'))
          : Promise.resolve(this.enter(seat, command)),
      onApplied: (listener) => {
        this.listeners.add(listener)
        return () => this.listeners.delete(listener)
      },
    }
  }

  /** Lets machine time pass until the promise is settled. */
  async during<T>(work: Promise<T>): Promise<T> {
    let running = true
    const stop = () => (running = false)
    work.then(stop, stop)
    while (running) {
      await new Promise((resolve) => setImmediate(resolve))
      if (running && wantsTicks(this.machine)) this.tick()
    }
    return work
  }
}
