// The worker's answers: pure views of a room, as little as the panel that asked shows.

import { icIsWaiting } from '@shared/ic/program.ts'
import { nextVictim, oomScore } from '@shared/mm/oomKill.ts'
import { freeSwapPages, totalSwapPages } from '@shared/mm/swapfile.ts'
import { addressSpace } from '@shared/proc/addressSpace.ts'
import { oomRank, type OomFate, type OomStanding } from '@shared/proc/oomRank.ts'
import { pagemap } from '@shared/proc/pagemap.ts'
import { syslogBody, syslogHead } from '@shared/proc/syslog.ts'
import { frameInfo } from '@shared/proc/frameInfo.ts'
import type { FrameMap } from '@shared/proc/frames.ts'
import { rssPages } from '@shared/proc/status.ts'
import { hashRoom, type Room, type Seat } from '@shared/room/room.ts'
import { mayChangeRole } from '@shared/room/rules.ts'
import { KERNEL_ERAS, TICK_MS, type KernelEra } from '@shared/state/machine.ts'
import type { Task } from '@shared/state/task.ts'
import { countAges } from '../draw/age.ts'
import { countKinds } from '../draw/kind.ts'
import type { Chronicle } from './chronicle.ts'
import { callTable, completeLine, variablesOf } from './completion.ts'
import { byteAnswer, heapAnswer, heapBins, heapIndex, heapRows } from './heapAnswers.ts'
import type { HeapLook } from './heapLook.ts'
import type { History } from './history.ts'
import type { Viewer } from './masked.ts'
import { pressure } from './pressure.ts'
import { pressureTools } from './pressureTools.ts'
import type {
  FrameAnswer,
  OomAnswer,
  OomDetails,
  Overview,
  ProcessRow,
  Question,
  RoomState,
  SeatRow,
  SyslogRow,
} from './protocol.ts'

/** What there is to look at. */
export interface Scene {
  room: Room
  frames: FrameMap // scanned from this room
  chronicle: Chronicle
  history: History
  heaps: HeapLook
  at: number // ms of the recording
  viewer: Viewer
}

export function answer(scene: Scene, { topic, ask }: Question): unknown {
  const { room, heaps } = scene
  switch (topic) {
    case 'overview':
      return overview(scene)
    case 'seats':
      return seatRows(scene)
    case 'room':
      return roomState(room)
    case 'processes':
      return processRows(room, ask.seat)
    case 'syslog':
      return syslogRows(room, ask.last)
    case 'calls':
      return scene.chronicle.calls.told(room, ask.seat, ask.last)
    case 'transcript':
      return scene.chronicle.transcript(room, ask.seat, ask.language, scene.viewer)
    case 'frame':
      return frameAnswer(room, ask.pfn)
    case 'ages':
      return countAges(scene.frames)
    case 'oom':
      return oomAnswer(room)
    case 'oomDetails':
      return oomDetails(room, ask.pid)
    case 'pressure':
      return pressure(room.machine, scene.history)
    case 'pressureTools':
      return pressureTools(room.machine)
    case 'figures':
      return scene.history.figures(room.machine)
    case 'space': {
      const task = room.machine.handles.get(ask.task)
      return task === undefined ? [] : addressSpace(room.machine, task, ask.cells)
    }
    case 'pages': {
      const task = room.machine.handles.get(ask.task)
      return task === undefined ? [] : pagemap(room.machine, task, ask.va, ask.count)
    }
    case 'heap':
      return heapAnswer(heaps.see(room, ask.task))
    case 'heapRows':
      return heapRows(
        heaps,
        heaps.see(room, ask.task),
        ask,
        scene.chronicle.heap.marked(room, ask.task),
      )
    case 'heapIndex':
      return heapIndex(heaps.see(room, ask.task), ask.va)
    case 'heapBins':
      return heapBins(heaps.see(room, ask.task), ask.most)
    case 'heapStory':
      return scene.chronicle.heap.told(room, ask.task, ask.back)
    case 'heapByte':
      return byteAnswer(room, heaps.see(room, ask.task), ask.va)
    case 'complete':
      return completeLine(room, ask.task, ask.line)
    case 'callTable':
      return callTable()
    case 'variables':
      return variablesOf(room, ask.task)
    case 'hash':
      return hashRoom(room)
  }
}

function overview({ room, frames, at }: Scene): Overview {
  const m = room.machine
  return {
    seq: room.seq,
    at,
    uptimeMs: m.ticks * TICK_MS,
    aheadMs: room.ahead * TICK_MS,
    options: room.header.options,
    code: room.header.code,
    created: room.header.created,
    frames: m.ram.nrFrames,
    pageSize: m.pageSize,
    freePages: m.zone.freePages,
    kinds: countKinds(frames),
    tasks: m.tasks.size,
    oomKills: m.vmstat.oom_kill,
    faults: m.vmstat.pgfault,
    committed: m.committed,
    panic: m.panic,
    boots: m.boots,
    swapPages: totalSwapPages(m),
    swapUsed: totalSwapPages(m) - freeSwapPages(m),
  }
}

function seatRows({ room, frames }: Scene): SeatRow[] {
  const charged = new Map<number, number>()
  for (const seat of frames.seat) charged.set(seat, (charged.get(seat) ?? 0) + 1)
  const tasks = new Map<number, number>()
  for (const { seat } of room.machine.tasks.values()) tasks.set(seat, (tasks.get(seat) ?? 0) + 1)
  return [...room.seats.values()].map((seat) => ({
    no: seat.no,
    name: seat.name,
    role: seat.role,
    user: seat.user,
    frames: charged.get(seat.no) ?? 0,
    tasks: tasks.get(seat.no) ?? 0,
    presence: seat.presence,
    active: seat.active,
    prompt: promptState(room, seat),
    promoted: seat.role === 'teacher' && mayChangeRole(room, seat.no),
  }))
}

function promptState({ machine }: Room, { prompts }: Seat): SeatRow['prompt'] {
  const task = machine.handles.get(prompts[prompts.length - 1] ?? '')
  if (task === undefined || task.state === 'Z') return 'dead'
  if (task.state === 'T') return 'stopped'
  return icIsWaiting(task) ? 'waiting' : 'running'
}

function roomState({ settings, closed, full, seats }: Room): RoomState {
  const all = [...seats.values()].filter(({ presence }) => presence === 'in')
  const teachers = all.filter(({ role }) => role === 'teacher').map(({ no }) => no)
  return { ...settings, closed, full, seats: all.length, teachers }
}

/** The seat's processes (everyone's for null) as a tree: children below their parent, oldest first. */
function processRows(room: Room, seat: number | null): ProcessRow[] {
  const shown = [...room.machine.tasks.values()].filter(
    (task) => seat === null || task.seat === seat,
  )
  const known = new Set(shown)
  const below = new Map<Task | null, Task[]>()
  for (const task of shown) {
    const parent = task.parent !== null && known.has(task.parent) ? task.parent : null
    const siblings = below.get(parent)
    if (siblings === undefined) below.set(parent, [task])
    else siblings.push(task)
  }
  const victim = nextVictim(room.machine)
  const rows: ProcessRow[] = []
  const open: { task: Task; depth: number }[] = []
  const push = (parent: Task | null, depth: number) => {
    for (const task of [...(below.get(parent) ?? [])].reverse()) open.push({ task, depth })
  }
  push(null, 0)
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    rows.push(processRow(room, next.task, next.depth, victim))
    push(next.task, next.depth + 1)
  }
  return rows
}

function processRow(room: Room, task: Task, depth: number, victim: Task | null): ProcessRow {
  const m = room.machine
  const owner = room.seats.get(task.seat)
  const isIc = task.program.kind === 'ic'
  return {
    handle: task.handle,
    pid: task.pid,
    ppid: task.parent?.pid ?? 0,
    depth,
    comm: task.comm,
    cmdline: task.cmdline.join(' '),
    seat: task.seat,
    name: owner?.name ?? '',
    user: m.users.get(task.uid) ?? String(task.uid),
    state: task.state,
    rss: task.mm === null ? 0 : rssPages(task.mm) * m.pageSize,
    swap: (task.mm?.swapEnts ?? 0) * m.pageSize,
    vsz: task.mm === null ? 0 : task.mm.totalVm * m.pageSize,
    oomScore: oomScore(m, task),
    oomScoreAdj: task.oomScoreAdj,
    next: task === victim,
    atPrompt: isIc && task.state !== 'Z',
    waiting: icIsWaiting(task),
  }
}

function syslogRows({ machine }: Room, last: number): SyslogRow[] {
  const { syslog, syslogLines } = machine
  const first = Math.max(0, syslog.length - last)
  return syslog.slice(first).map((line, i) => ({
    no: syslogLines - syslog.length + first + i + 1,
    head: syslogHead(machine, line),
    text: syslogBody(line),
  }))
}

function frameAnswer(room: Room, pfn: number): FrameAnswer | null {
  if (pfn < 0 || pfn >= room.machine.ram.nrFrames) return null
  const info = frameInfo(room.machine, pfn)
  const people: Record<number, string> = {}
  for (const { seat } of info.sharers) people[seat] = room.seats.get(seat)?.name ?? ''
  return { ...info, name: room.seats.get(info.seat)?.name ?? '', people }
}

function oomAnswer({ machine, seats }: Room): OomAnswer {
  const { era, pageSize, totalpages, rows } = oomRank(machine)
  const { oomKillAllocatingTask, panicOnOom } = machine.sysctl
  return {
    era,
    pageSize,
    totalpages,
    killAllocatingTask: oomKillAllocatingTask !== 0,
    panicOnOom,
    rows: rows.map((row) => {
      const { handle, seat } = machine.tasks.get(row.pid)!
      const { standings } = row
      const name = seats.get(seat)?.name ?? ''
      return { ...row, handle, seat, name, standings: mapEras((era) => brief(standings[era])) }
    }),
  }
}

/** The steps are asked for one process at a time. */
function brief({ score, fate }: OomStanding): { score: number; fate: OomFate } {
  return { score, fate }
}

function mapEras<T>(value: (era: KernelEra) => T): Record<KernelEra, T> {
  return Object.fromEntries(KERNEL_ERAS.map((era) => [era, value(era)])) as Record<KernelEra, T>
}

function oomDetails({ machine }: Room, pid: number): OomDetails | null {
  const { totalpages, rows } = oomRank(machine)
  const row = rows.find((one) => one.pid === pid)
  return row === undefined ? null : { row, totalpages }
}
