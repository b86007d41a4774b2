// The system calls that people's processes make, as strace tells them, each with the statement it belongs to. They are
// watched while entries are applied; afterwards any moment up to there can be shown.

import type { Entry } from '@shared/room/entry.ts'
import type { Room } from '@shared/room/room.ts'
import { TICK_MS, type Machine } from '@shared/state/machine.ts'
import { STRACE_EVENTS, StraceLog, doneLine, type StraceItem } from '@shared/syscall/straceLog.ts'
import { takeEvents, unwatch, watch, type Watcher } from '@shared/trace/trace.ts'
import type { CallRow } from './protocol.ts'

interface Told {
  no: number // from 1, ever
  seq: number // of the entry
  ticks: number
  pid: number
  comm: string
  statement: string
  begun: string // what could be told when the call began; '' for what is no call
  text: string // all of it
  doneSeq: number // entry since which `text` is known, Infinity while the call is being made
  kind: CallRow['kind']
}

/** Events that one entry may bring before the rest is left out: each one costs time wherever it is watched. */
const EVENTS_PER_ENTRY = 2000
const ROWS_KEPT = 4000 // per seat

export class CallStory {
  private watcher: Watcher | null = null
  private log = new StraceLog(true)
  private seat: number | null = 0 // whose calls; null: everyone's
  private rows = new Map<number, Told[]>() // by seat
  private seats = new Map<number, number>() // by pid
  private comms = new Map<number, string>() // by pid
  private statements = new Map<number, string>() // by pid: the line typed last
  private open = new Map<number, Told>() // calls that are being made, by their number
  private count = 0

  /** Whose calls are kept from the next begin() on; null: everyone's. */
  follow(seat: number | null): void {
    this.seat = seat
  }

  /** The room is another one, or is seen from another seat. */
  begin({ machine }: Room): void {
    this.rows.clear()
    this.attach(machine)
  }

  /** From now on that machine is watched. */
  private attach(machine: Machine): void {
    if (this.watcher !== null) unwatch(this.watcher)
    const { seat } = this
    this.watcher =
      seat === 0 ? null : watch(machine.trace, STRACE_EVENTS, { seat, room: EVENTS_PER_ENTRY })
    this.log = new StraceLog(true)
    this.open.clear()
    for (const { pid } of machine.tasks.values()) this.meet(machine, pid)
  }

  /** After each entry. */
  observe({ machine }: Room, { seq, c }: Entry): void {
    if (c.t === 'ic') {
      const task = machine.handles.get(c.task)
      if (task !== undefined) this.statements.set(task.pid, c.line)
    }
    if (this.watcher === null) return
    if (this.watcher.trace !== machine.trace) this.attach(machine) // it was booted anew
    for (const event of takeEvents(this.watcher)) {
      this.meet(machine, event.pid)
      if (event.name === 'sched_process_fork') this.inherit(event.args.child_pid, event.pid)
      for (const item of this.log.take(event)) this.tell(item, seq)
    }
    if (this.watcher.lost) this.noteLoss(machine, seq)
  }

  /** A process that is seen for the first time, or executes something else since. */
  private meet(machine: Machine, pid: number): void {
    const task = machine.tasks.get(pid)
    if (task === undefined) return
    this.comms.set(pid, task.comm)
    this.seats.set(pid, task.seat)
    const mine = task.seat > 0 && (this.seat === null || this.seat === task.seat)
    if (mine && !this.log.has(pid)) this.log.attach(pid)
  }

  private inherit(child: number, parent: number): void {
    this.seats.set(child, this.seats.get(parent) ?? 0)
    this.comms.set(child, this.comms.get(parent) ?? '')
    this.statements.set(child, this.statements.get(parent) ?? '')
  }

  private tell(item: StraceItem, seq: number): void {
    if (item.kind === 'begun') this.open.set(item.id, this.add(item, seq, 'call', item.head))
    else if (item.kind === 'note') this.finish(this.add(item, seq, 'note', ''), item.text, seq)
    else {
      const row = this.open.get(item.id) ?? this.add(item, seq, 'call', item.head)
      this.open.delete(item.id)
      this.finish(row, doneLine(item), seq)
      if (item.failed) row.kind = 'failed'
    }
  }

  private finish(row: Told, text: string, seq: number): void {
    row.text = text
    row.doneSeq = seq
  }

  private add(
    { ticks, pid }: { ticks: number; pid: number },
    seq: number,
    kind: CallRow['kind'],
    begun: string,
  ): Told {
    const row: Told = {
      no: ++this.count,
      seq,
      ticks,
      pid,
      comm: this.comms.get(pid) ?? '',
      statement: this.statements.get(pid) ?? '',
      begun,
      text: begun,
      doneSeq: Infinity,
      kind,
    }
    const seat = this.seats.get(pid) ?? 0
    const list = this.rows.get(seat)
    if (list === undefined) this.rows.set(seat, [row])
    else {
      list.push(row)
      if (list.length > ROWS_KEPT) list.splice(0, ROWS_KEPT / 4)
    }
    return row
  }

  /** There were more events in one entry than are kept. */
  private noteLoss({ ticks }: Machine, seq: number): void {
    this.watcher!.lost = false
    for (const seat of this.rows.keys()) {
      if (seat === 0) continue
      const last = this.rows.get(seat)!.at(-1)
      if (last?.seq !== seq) continue
      this.finish(this.add({ ticks, pid: last.pid }, seq, 'lost', ''), '', seq)
    }
  }

  /** The last calls of a seat's processes at the room's moment. */
  told({ seq: now }: Room, seat: number, last: number): CallRow[] {
    const rows = (this.rows.get(seat) ?? []).filter(({ seq }) => seq <= now).slice(-last)
    return rows.map(({ no, ticks, pid, comm, statement, begun, text, doneSeq, kind }) => {
      const done = doneSeq <= now
      return {
        no,
        ms: ticks * TICK_MS,
        pid,
        comm,
        statement,
        text: done ? text : begun,
        kind: kind === 'failed' && !done ? 'call' : kind,
        done,
      }
    })
  }
}
