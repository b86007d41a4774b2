// What people saw: who typed what, what came out, how processes ended. Kept while entries are applied in order,
// each once; afterwards any moment up to there can be shown.

import { showDiagnostic, type Diagnostic, type Language } from '@shared/ic/diagnostics.ts'
import { icIsWaiting, type IcProgram } from '@shared/ic/program.ts'
import type { Entry } from '@shared/room/entry.ts'
import type { Room } from '@shared/room/room.ts'
import type { Exit, LogLine } from '@shared/state/machine.ts'
import { SIGKILL, type Task } from '@shared/state/task.ts'
import { CallStory } from './callStory.ts'
import { HeapStory } from './heapStory.ts'
import { maskDeath, type Viewer } from './masked.ts'
import { OomTable } from './oomTable.ts'
import type { Block, Death, KillSum } from './protocol.ts'

interface Piece {
  seq: number
  text: string
}

interface Passage {
  seq: number
  kind: Block['kind']
  handle: string
  pid: number
  line: string
  stream: number // where its output comes from
  pieces: Piece[]
  diagnostics: Diagnostic[] // what was wrong with the line
  death: Death | null
}

interface Victim {
  rss: number // bytes
  asker: string // comm of who asked for memory; '' for SysRq f
  sum: KillSum | null
}

const PASSAGES_KEPT = 2000 // per seat
const PASSAGES_TOLD = 120
const OUT_TOLD = 16 * 1024
const NEAR = 20 // passages back to which late output is still put

export class Chronicle {
  deaths: Death[] = []
  readonly calls = new CallStory()
  readonly heap = new HeapStory()
  private passages = new Map<number, Passage[]>()
  private written = new Map<number, number>() // by stream, what had been written to it
  private prompts = new Set<number>() // streams of processes at a C prompt; other pipes are read by a shell
  private lastExit: Exit | null = null
  private syslogLines = 0
  private asker = ''
  private table = new OomTable()
  private bySysrq = false // the next kill is one that root asked for
  private victims = new Map<number, Victim>() // by pid
  private senders = new Map<string, { seat: number; signal: number }>() // by handle
  private boots = 0
  private started = false

  /** Whose calls and statements are told from the next begin() on; null: everyone's. */
  follow(seat: number | null): void {
    this.calls.follow(seat)
    this.heap.follow(seat)
  }

  /** The first room that is seen, if it has a past: what its terminals still show comes first. */
  begin(room: Room): void {
    const { machine } = room
    this.passages.clear()
    this.deaths = []
    this.written.clear()
    for (const seat of room.seats.values()) {
      for (const handle of seat.prompts) this.notePrompt(machine.handles.get(handle))
    }
    for (const [seat, text] of room.terminals) this.note(seat, room.seq, text)
    for (const { id, seat, terminal, text, written } of machine.streams.values()) {
      this.written.set(id, written)
      if (terminal || this.prompts.has(id)) this.note(seat, room.seq, text)
    }
    this.lastExit = machine.exits[machine.exits.length - 1] ?? null
    this.syslogLines = machine.syslogLines
    this.boots = machine.boots
    this.calls.begin(room)
    this.heap.begin()
    this.started = true
  }

  /** What is written there is shown to the seat. */
  private notePrompt(task: Task | undefined): number {
    const id = task?.stdout?.id ?? 0
    this.prompts.add(id)
    return id
  }

  private note(seat: number, seq: number, text: string): void {
    if (text !== '') this.append(seat, seq, 'earlier').pieces.push({ seq, text })
  }

  /** After each entry. Returns the deaths it brought. */
  observe(room: Room, entry: Entry): Death[] {
    if (!this.started) this.begin(room)
    if (room.machine.boots !== this.boots) this.noteReboot(room, entry.seq)
    this.noteCommand(room, entry)
    this.calls.observe(room, entry)
    this.readSyslog(room)
    this.readTerminals(room, entry.seq)
    const deaths = this.readExits(room, entry)
    this.heap.observe(room, entry, deaths)
    return deaths
  }

  /** Pids start from the beginning, and everybody has a new process at a prompt. */
  private noteReboot({ machine, seats }: Room, seq: number): void {
    this.boots = machine.boots
    this.victims.clear()
    this.senders.clear()
    for (const { no, prompts } of seats.values()) {
      this.append(no, seq, 'boot')
      for (const handle of prompts) this.notePrompt(machine.handles.get(handle))
    }
  }

  private noteCommand(room: Room, { seq, seat, c }: Entry): void {
    if (c.t === 'ic') {
      const passage = this.append(seat, seq, 'ic')
      passage.line = c.line
      passage.handle = c.task
      const task = room.machine.handles.get(c.task)
      passage.pid = task?.pid ?? 0
      passage.stream = this.notePrompt(task)
      if (task?.program.kind === 'ic') {
        passage.diagnostics = (task.program as IcProgram).diagnostics
      }
    }
    if (c.t === 'note') {
      const list = this.passages.get(seat) ?? []
      const last = list[list.length - 1]
      const passage =
        c.line === undefined && last?.kind === 'shell' ? last : this.append(seat, seq, 'shell')
      if (c.line !== undefined) passage.line = c.line
      if (c.out !== undefined) passage.pieces.push({ seq, text: c.out })
    }
    if (c.t === 'kill') this.senders.set(c.task, { seat, signal: c.sig })
  }

  private readSyslog({ machine }: Room): void {
    const fresh = Math.min(machine.syslogLines - this.syslogLines, machine.syslog.length)
    this.syslogLines = machine.syslogLines
    if (fresh > 0)
      for (const line of machine.syslog.slice(-fresh)) this.readLine(line, machine.pageSize)
  }

  private readLine({ ident, text }: LogLine, pageSize: number): void {
    if (ident !== 'kernel') return
    this.table.read(text)
    if (text.endsWith('Manual OOM execution')) {
      this.bySysrq = true
      this.asker = ''
    }
    const asker = /^(.{1,15}) invoked oom-killer/.exec(text)
    if (asker !== null && !this.bySysrq) this.asker = asker[1]
    const killed = /Killed process (\d+) \(/.exec(text)
    if (killed === null) return
    let rss = 0
    for (const part of text.matchAll(/(?:anon|file|shmem)-rss:(\d+)kB/g))
      rss += Number(part[1]) * 1024
    const pid = Number(killed[1])
    this.victims.set(pid, { rss, asker: this.asker, sum: this.table.sumOf(pid, pageSize) })
    this.bySysrq = false
  }

  private readTerminals({ machine }: Room, seq: number): void {
    for (const { id, seat, terminal, text, written } of machine.streams.values()) {
      const before = this.written.get(id) ?? 0
      if (written === before) continue
      this.written.set(id, written)
      if (!terminal && !this.prompts.has(id)) continue
      const fresh = text.slice(-Math.min(written - before, text.length))
      this.passageOf(seat, seq, id).pieces.push({ seq, text: copyOf(fresh) })
    }
  }

  /** What comes out belongs to the last line that was typed for the process. */
  private passageOf(seat: number, seq: number, stream: number): Passage {
    const list = this.passages.get(seat) ?? []
    for (let i = list.length - 1; i >= Math.max(0, list.length - NEAR); i--) {
      if (list[i].stream === stream) return list[i]
    }
    const passage = this.append(seat, seq, 'output')
    passage.stream = stream
    return passage
  }

  private readExits(room: Room, entry: Entry): Death[] {
    const { exits } = room.machine
    const at = this.lastExit === null ? -1 : exits.lastIndexOf(this.lastExit)
    const fresh = exits.slice(at + 1)
    this.lastExit = exits[exits.length - 1] ?? null
    const deaths: Death[] = []
    for (const exit of fresh) {
      const death = this.deathOf(room, entry.seq, exit)
      if (death === null) continue
      deaths.push(death)
      this.deaths.push(death)
      if (death.seat === 0) continue
      const passage = this.append(death.seat, entry.seq, 'death')
      passage.pid = death.pid
      passage.death = death
    }
    return deaths
  }

  private deathOf(room: Room, seq: number, { handle, pid, comm, status }: Exit): Death | null {
    const sender = this.senders.get(handle)
    const victim = this.victims.get(pid)
    this.senders.delete(handle)
    this.victims.delete(pid)
    const signal = status & 0x7f
    if (signal === 0) return null
    const seat = Number(handle.split('.')[0])
    const byOom = victim !== undefined && signal === SIGKILL
    const byPerson = !byOom && sender !== undefined && sender.signal === signal
    return {
      seq,
      handle,
      pid,
      comm,
      seat,
      name: room.seats.get(seat)?.name ?? '',
      signal,
      by: byOom ? 'oom' : byPerson ? 'person' : 'self',
      bySeat: byPerson ? sender.seat : 0,
      byName: byOom ? victim.asker : byPerson ? (room.seats.get(sender.seat)?.name ?? '') : '',
      rss: byOom ? victim.rss : 0,
      sum: byOom ? victim.sum : null,
    }
  }

  private append(seat: number, seq: number, kind: Block['kind']): Passage {
    const passage: Passage = {
      seq,
      kind,
      handle: '',
      pid: 0,
      line: '',
      stream: 0,
      pieces: [],
      diagnostics: [],
      death: null,
    }
    const list = this.passages.get(seat)
    if (list === undefined) this.passages.set(seat, [passage])
    else {
      list.push(passage)
      if (list.length > PASSAGES_KEPT) list.splice(0, PASSAGES_KEPT / 4)
    }
    return passage
  }

  /** What the seat's terminal shows at the room's moment, and to whom. */
  transcript(room: Room, seat: number, language: Language, viewer: Viewer): Block[] {
    const list = (this.passages.get(seat) ?? []).filter(({ seq }) => seq <= room.seq)
    const told = list.slice(-PASSAGES_TOLD)
    const lastOf = new Map<string, Passage>()
    for (const passage of told) if (passage.kind === 'ic') lastOf.set(passage.handle, passage)
    return told.map((passage) => ({
      seq: passage.seq,
      kind: passage.kind,
      pid: passage.pid,
      line: passage.line,
      out: inLanguage(passage, outUpTo(passage, room.seq), language),
      running: lastOf.get(passage.handle) === passage && isRunning(room, passage.handle),
      death: passage.death === null ? null : maskDeath(passage.death, viewer),
    }))
  }
}

function outUpTo({ pieces }: Passage, seq: number): string {
  let out = ''
  for (const piece of pieces) if (piece.seq <= seq) out += piece.text
  return out.length > OUT_TOLD ? '…' + out.slice(-OUT_TOLD) : out
}

/** The machine says in English what is wrong with a line; the reader may have it otherwise. */
function inLanguage({ line, diagnostics }: Passage, out: string, language: Language): string {
  if (language === 'en' || diagnostics.length === 0) return out
  const say = (to: Language) => diagnostics.map((one) => showDiagnostic(line, one, to)).join('')
  const said = say('en')
  return out.startsWith(said) ? say(language) + out.slice(said.length) : out
}

/** True while a statement is at work; a process at its prompt waits for input, and nothing runs after a panic. */
function isRunning({ machine }: Room, handle: string): boolean {
  const task = machine.handles.get(handle)
  if (machine.panic !== '') return false
  if (task === undefined || task.state === 'Z') return false
  return task.program.kind === 'ic' && !icIsWaiting(task)
}

/** V8's slices keep alive what they were cut from: here all that a stream holds, for each line of output. */
function copyOf(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string
}
