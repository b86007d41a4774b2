// What page and worker say to each other. The machine stays in the worker: the page asks questions about what it
// shows and is answered in JSON text, or with 'same' when the answer has not changed.

import type { Grid, Space } from '../draw/grid.ts'
import type { Mode } from '../draw/look.ts'
import type { Command, Role, Settings } from '@shared/room/entry.ts'
import type { MachineOptions, KernelEra } from '@shared/state/machine.ts'
import type { TaskState } from '@shared/state/task.ts'
import type { Candidate } from '@shared/ic/complete.ts'
import type { Language } from '@shared/ic/diagnostics.ts'
import type { FreeList } from '@shared/libc/heapLists.ts'
import type { ChunkState, WalkStop } from '@shared/libc/heapWalk.ts'
import type { GlibcVersion } from '@shared/libc/ptmalloc/flavour.ts'
import type { HeapIs } from '@shared/proc/heap.ts'
import type { ChunkRow, HeapByte } from '@shared/proc/heapByte.ts'
import type { Region } from '@shared/proc/addressSpace.ts'
import type { FrameInfo } from '@shared/proc/frameInfo.ts'
import type { OomFate, OomRow } from '@shared/proc/oomRank.ts'
import type { PageRow } from '@shared/proc/pagemap.ts'
import type { LogProblem } from '@shared/room/log.ts'
import type { Marker } from '@shared/room/player.ts'
import type { Seat } from '@shared/room/room.ts'
import type { BotsAsk, BotsState } from '@shared/wire/bots.ts'
import type { Paired, Presence, Refusal } from '@shared/wire/events.ts'
import type { ChunkOrder } from './heapLook.ts'
import type { CounterName } from './pressure.ts'

export interface Overview {
  seq: number
  at: number // ms of the recording, of the last entry
  uptimeMs: number // of the machine
  aheadMs: number // that shall pass as fast as it can
  options: MachineOptions
  code: string
  created: number
  frames: number
  pageSize: number
  freePages: number
  kinds: number[] // frames by kind, in the order of draw/kind.ts
  tasks: number
  oomKills: number
  faults: number
  committed: number // pages
  panic: string
  boots: number
  swapPages: number // 0: no swap is on
  swapUsed: number
}

export interface SeatRow {
  no: number // from 1, ever
  name: string
  role: Role
  user: string
  frames: number // charged to the seat
  tasks: number
  presence: Seat['presence']
  active: number // ms of the recording, when it last did something
  prompt: 'waiting' | 'running' | 'stopped' | 'dead' // its newest process at a C prompt
  promoted: boolean // a student whom the teacher has made one: may be a student again
}

/** How the teacher has set the room, and what it has come to. */
export interface RoomState extends Settings {
  closed: boolean
  full: boolean
  seats: number // that may be here
  teachers: number[] // seats
}

export interface ProcessRow {
  handle: string
  pid: number
  ppid: number
  depth: number // in the tree of those shown
  comm: string
  cmdline: string
  seat: number
  name: string // of the person, '' for the machine's own
  user: string
  state: TaskState
  rss: number // bytes
  swap: number // bytes
  vsz: number // bytes
  oomScore: number
  oomScoreAdj: number
  next: boolean // the OOM killer would choose it now
  atPrompt: boolean // runs C for its seat
  waiting: boolean // for a line of C
}

export interface SyslogRow {
  no: number // from 1, ever
  head: string // date, host, who says it
  text: string
}

/** A system call of a process, or what else strace tells of it. */
export interface CallRow {
  no: number // from 1, ever
  ms: number // of the machine's time, when it began
  pid: number
  comm: string
  statement: string // the line of C that it belongs to, '' for a program's
  text: string // the strace line; without a result while the call is being made
  kind: 'call' | 'failed' | 'note' | 'lost' // note: a signal, an end; lost: more happened than is kept
  done: boolean
}

/** A thing that happened at the prompt, in order. */
export interface Block {
  seq: number // of the entry
  kind: 'earlier' | 'ic' | 'shell' | 'output' | 'death' | 'boot'
  pid: number
  line: string
  out: string
  running: boolean
  death: Death | null
}

/** A seat that this browser has had, for a recording of its room. */
export interface OwnSeat {
  code: string
  name: string
  teacher: boolean
}

/** How a process ended that did not end by itself. */
export interface Death {
  seq: number
  handle: string
  pid: number
  comm: string
  seat: number
  name: string // of the person
  signal: number
  by: 'oom' | 'person' | 'self'
  bySeat: number // of the person; 0 otherwise
  byName: string // of the person, or the process that asked for memory; '' when root told the killer to choose
  rss: number // bytes it had, for the OOM killer's victims; 0 if not known
  sum: KillSum | null // what it was chosen for, as the kernel log has it
}

/** Pages of a victim; null where the kernel of that time does not say. */
export interface KillSum {
  totalVm: number
  rss: number
  swap: number | null
  tables: number | null
  adj: number // oom_score_adj; oom_adj on 2.6.32
  moved: number | null // pages that adj stands for on 6.12
  points: number | null // pages, without adj
  score: number | null // that the kernel names itself
}

export interface FrameAnswer extends FrameInfo {
  name: string // of the person who is charged
  people: Record<number, string> // names of the sharers' seats
}

/** Who stands where with the killers of all eras. */
export interface OomAnswer {
  era: KernelEra // whose killer is at work
  pageSize: number // bytes
  totalpages: number // RAM and swap
  killAllocatingTask: boolean
  panicOnOom: number
  rows: OomEntry[]
}

export interface OomEntry extends Omit<OomRow, 'standings'> {
  handle: string
  seat: number
  name: string // of the person, '' for the machine's own
  standings: Record<KernelEra, { score: number; fate: OomFate }>
}

/** A process's arithmetic, with what it is measured against. */
export interface OomDetails {
  row: OomRow
  totalpages: number
}

export interface PsiShare {
  avg10: number // per cent of the time
  avg60: number
  avg300: number
}

export interface Pressure {
  pageSize: number // bytes
  managed: number // pages, from here on
  free: number
  min: number
  low: number
  high: number
  kswapd: 'asleep' | 'working'
  lru: number[] // by LRU_*
  swapDevice: string // that the machine has, whether it is on or not; '' none
  swaps: { path: string; pages: number; inUse: number }[] // that are on
  swappiness: number
  some: PsiShare
  full: PsiShare
  lostMs: number // in which somebody waited for memory, since boot
  uptimeMs: number
  counters: { name: CounterName; total: number; rate: number }[] // since boot, and per second now
  history: {
    free: number[] // pages, a value per second of the last minute
    faults: number[] // major, per second
    lost: number[] // share of the second, 0 to 1
  }
}

/** A program that takes memory on purpose; a fork bomb is one, however many processes it has. */
export interface PressureTool {
  kind: 'hog' | 'storm' | 'forkbomb'
  handle: string // of its first process that lives
  pgrp: number
  pid: number
  comm: string
  seat: number
  safe: boolean // from the OOM killer
  taken: number // bytes of a hog, ms of a storm, processes of a fork bomb
  target: number // of the same; 0: without end
}

export interface PressureTools {
  running: PressureTool[]
  balloon: { bytes: number; target: number }
  ram: number // bytes, what is in the balloon included
}

/** The last minutes, a value a second of the machine's time. */
export interface Figures {
  seconds: number[] // since boot
  used: number[] // bytes of RAM
  all: number // bytes of RAM
  swap: number[] // bytes
  lost: number[] // share of the second in which somebody waited for memory, 0 to 1
  faults: number[] // per second, as the next
  major: number[]
}

/** A heap in figures. */
export interface HeapAnswer {
  is: HeapIs
  heap: {
    version: GlibcVersion
    bits: 64 | 32
    word: number // bytes of a pointer
    pageSize: number
    start: number // 0: there is no heap, perhaps mapped chunks
    end: number // the break
    chunks: number
    mapped: number // chunks with a mapping of their own that were found
    mappedCounted: number // … that malloc counts
    states: { state: ChunkState; count: number; bytes: number }[]
    top: number
    topSize: number
    lastRemainder: number // 0: none yet; it is never reset, so it may be stale
    lastRemainderState: ChunkState | null // of the chunk that is there now
    systemMem: number
    stop: WalkStop
    stopAt: number
    stopWord: string // what stands there for a size
    odd: number // chunks about which not everything fits together
    firstOdd: number
    brokenLists: number
    otherArenas: number
    pages: Record<HeapPageState, number>
  } | null
}

export interface HeapChunkRow extends ChunkRow {
  bytes: number[] // the first of the user's
  marked: boolean // the last statement changed it
}

export interface HeapRows {
  all: number
  first: number
  rows: HeapChunkRow[]
}

/** A chunk in a list of free ones. */
export interface HeapLinkRow {
  address: number
  size: number // 0: it is no chunk of the row
  stored: string // the link as it stands there
  next: number | null // where it leads: to a chunk, for the thread cache to the user's bytes
  nextIsBin: boolean
  mangled: boolean
  back: number | null // null: the list has no way back
  backIsBin: boolean
}

export interface HeapBin extends Omit<FreeList, 'chunks'> {
  chunks: HeapLinkRow[]
  more: number // left out
}

export interface HeapByteAnswer extends HeapByte {
  page: PageRow | null
}

/** What has become of a page under a heap. */
export type HeapPageState = 'anon' | 'shared' | 'zero' | 'swap' | 'untouched'

/** What a statement did to its process's memory, a layer after the other. */
export type StoryStep =
  | {
      kind: 'taken' | 'table' // the thread cache's table
      user: number // what malloc() has returned
      size: number // of the chunk
      from: ChunkState | 'new' // new: the break was moved for it
      split: boolean // a part of what was there
    }
  | { kind: 'resized'; user: number; from: number; size: number }
  | {
      kind: 'freed'
      user: number
      size: number
      to: ChunkState | 'gone' // gone: the break is below it
      merged: number // bytes of the chunk that it is a part of now; 0: it is one for itself
    }
  | { kind: 'mapped' | 'unmapped'; user: number; size: number } // of the mapping
  | { kind: 'moreTaken' | 'moreFreed' | 'moreWritten'; count: number }
  | {
      kind: 'written' // other bytes than before stand in the block
      user: number
      first: number // of the block's bytes
      last: number
      count: number // that are others: between the two some may be as they were
      cleared: boolean // all of them are zero now
    }
  | { kind: 'damaged'; at: number } // a size field was overwritten
  | { kind: 'astray' } // a list of free chunks: a link was overwritten
  | { kind: 'brk'; from: number; to: number }
  | {
      kind: 'mapping'
      what: 'new' | 'grown' | 'shrunk' | 'split' | 'gone' | 'protected'
      name: string
      start: number // of the mapping as it is now, of one that has gone as it was
      end: number
      bytes: number // by which it changed
      permissions: string
    }
  | {
      kind: 'pages'
      what: PageChange
      name: string // of the mapping
      va: number // the first
      count: number
      frames: number[] // the first few
    }
  | { kind: 'tables'; count: number } // frames of page tables; below 0: given back
  | { kind: 'resident'; from: number; to: number } // frames that the process maps
  | { kind: 'replaced' } // by execve()
  | {
      kind: 'ended'
      by: 'exit' | 'signal' | 'oom'
      status: number // with which it has exited, or the signal's number
      frames: number // that it mapped when that was last seen
    }
  | { kind: 'nothing'; layer: StoryLayer; why: 'plain' | 'enough' | 'kept' | 'promise' }

export type StoryLayer = 'malloc' | 'kernel' | 'frames'

export type PageChange =
  | 'touched' // there was nothing, there is a frame
  | 'zero' // read before anybody has written: the zero page
  | 'filled' // the zero page was there, a frame is
  | 'copied' // another frame than before
  | 'kept' // might be shared, and is not: written without a copy
  | 'shared' // with a child: the first write copies
  | 'moved' // the frame was at another address
  | 'swappedIn'
  | 'swappedOut'
  | 'returned' // the frame goes back
  | 'left' // the same, but others still map the frame
  | 'slots' // the page's slot in swap was given back

export interface HeapStoryAnswer {
  statement: string
  pid: number
  pageSize: number
  done: boolean
  steps: StoryStep[]
  earlier: number // statements before it that can be told
}

/** Where the bytes of a heap are on its canvas: rows from the top, each as high as draw/heapPaint.ts says. */
export interface HeapGrid {
  bytesPerRow: number
  rows: number // of the whole heap
  first: number // shown first
  va: number[] // by row shown
  span: number[] // bytes that the row stands for
}

/** How a heap is looked at. */
export interface HeapView {
  task: string
  width: number // device pixels
  height: number
  scale: number
  bytesPerRow: number // 0: as many as it takes to see all
  first: number // row
  reveal: number // address that shall be in sight, 0: none
  chunk: number // the selected one, 0: none
}

/** Questions and their answers. */
export interface Questions {
  heap: { ask: { task: string }; answer: HeapAnswer }
  heapRows: {
    ask: { task: string; first: number; count: number; order: ChunkOrder }
    answer: HeapRows
  }
  heapIndex: { ask: { task: string; va: number }; answer: number }
  heapBins: { ask: { task: string; most: number }; answer: HeapBin[] }
  heapStory: { ask: { task: string; back: number }; answer: HeapStoryAnswer | null }
  heapByte: { ask: { task: string; va: number }; answer: HeapByteAnswer | null }
  overview: { ask: object; answer: Overview }
  seats: { ask: object; answer: SeatRow[] }
  room: { ask: object; answer: RoomState }
  processes: { ask: { seat: number | null }; answer: ProcessRow[] }
  syslog: { ask: { last: number }; answer: SyslogRow[] }
  calls: { ask: { seat: number; last: number }; answer: CallRow[] }
  transcript: { ask: { seat: number; language: Language }; answer: Block[] }
  frame: { ask: { pfn: number }; answer: FrameAnswer | null }
  ages: { ask: object; answer: number[] } // frames, in the order of draw/age.ts
  oom: { ask: object; answer: OomAnswer }
  oomDetails: { ask: { pid: number }; answer: OomDetails | null }
  pressure: { ask: object; answer: Pressure }
  pressureTools: { ask: object; answer: PressureTools }
  figures: { ask: object; answer: Figures }
  space: { ask: { task: string; cells: number }; answer: Region[] }
  pages: { ask: { task: string; va: number; count: number }; answer: (PageRow | null)[] }
  complete: { ask: { seat: number; task: string; line: string }; answer: Completion }
  callTable: { ask: object; answer: CallForm[] }
  variables: { ask: { task: string }; answer: VariableRow[] }
  hash: { ask: { seq: number }; answer: string }
}

export interface Completion {
  from: number // where the word begins
  candidates: { text: string; kind: Candidate['kind']; detail: string }[]
}

/** A function that can be called at the C prompt. */
export interface CallForm {
  name: string
  prototype: string
  constants: [argument: string, names: string[]][] // that its arguments take
}

/** A variable of a process at a C prompt. */
export interface VariableRow {
  name: string
  type: string
}

export type Topic = keyof Questions
export type Question = { [T in Topic]: { topic: T; ask: Questions[T]['ask'] } }[Topic]

/** Who someone is in a live room. */
export interface Me {
  seat: number
  role: Role | 'spectator'
  name: string
  token: string
  acts: boolean // false for a spectator, and while another tab or device acts for the seat
}

export type Link =
  | { state: 'idle' }
  | { state: 'connecting' }
  | { state: 'syncing'; done: number; all: number } // entries or pieces
  | { state: 'live'; rttMs: number | null }
  | { state: 'lost'; since: number } // ms since 1970; it tries again
  | { state: 'busy'; until: number } // ms since 1970; then it tries again
  | { state: 'refused'; why: string } // it does not
  | { state: 'ended'; why: string }

export interface PlayerState {
  seq: number
  all: number // entries
  at: number // ms of the recording at the cursor
  length: number // ms
  scanned: number // entries up to which markers are known
  playing: boolean
  speed: number
  hashes: number
  mismatches: { seq: number; recorded: string; computed: string }[]
  live: boolean // the room goes on
}

/** Why a recording does not play. */
export type Problem = 'room' | 'network' | LogProblem

export interface View {
  space: Space
  mode: Mode
  seat: number // for 'mine'
  only: string | null // handle of a process whose frames are brought out
  calm: boolean // no glow
}

/** How one comes to a room. */
export interface Ticket {
  code: string
  token: string
  name: string
  spectator: boolean
  pair?: string // the code that another device was shown
  key?: string // of the teacher's link
}

export type ToWorker =
  | ({ t: 'join'; url: string } & Ticket)
  | { t: 'replay'; text: string; own: OwnSeat[] }
  | { t: 'replayRoom'; url: string; code: string; own: OwnSeat[] }
  | { t: 'canvas'; canvas: OffscreenCanvas }
  | { t: 'view'; view: View }
  | { t: 'heapCanvas'; canvas: OffscreenCanvas | null }
  | { t: 'heapView'; view: HeapView }
  | { t: 'ask'; id: number; question: Question; known: number }
  | { t: 'submit'; id: number; command: Command }
  | { t: 'pair'; id: number; who?: number }
  | { t: 'askBots'; id: number; ask: BotsAsk }
  | { t: 'act' } // this tab acts for the seat from now on
  | { t: 'player'; do: PlayerAction }
  | { t: 'retry' }
  | { t: 'close' }

export type PlayerAction =
  | { act: 'play' | 'pause' | 'step' | 'back' | 'nextKill' }
  | { act: 'seek'; seq: number }
  | { act: 'marker'; step: 1 | -1 } // to the next or previous join, fork or kill
  | { act: 'seekTime'; ms: number }
  | { act: 'speed'; speed: number }

export type FromWorker =
  | { t: 'version'; version: number; seq: number }
  /** `text` null: the same as answer `known`. */
  | { t: 'answer'; id: number; text: string | null; mark: number }
  | { t: 'done'; id: number; ok: boolean; why: string }
  | { t: 'me'; me: Me }
  | { t: 'link'; link: Link }
  | { t: 'pair'; id: number; reply: Paired | Refusal }
  | { t: 'presence'; presence: Presence }
  | { t: 'bots'; bots: BotsState }
  | { t: 'grid'; grid: Grid }
  | { t: 'heapGrid'; grid: HeapGrid }
  | { t: 'death'; death: Death }
  | { t: 'resynced'; seq: number }
  | { t: 'player'; player: PlayerState }
  | { t: 'markers'; markers: Marker[] }
  | { t: 'problem'; problem: Problem }

export type { BotsAsk, BotsState, Grid, Marker, Paired, Presence, Refusal }
