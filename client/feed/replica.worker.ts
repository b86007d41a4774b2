// The worker: it holds the replica of the room or the recording, draws the map, answers the page's questions.

import { parseLog } from '@shared/room/log.ts'
import type { Room } from '@shared/room/room.ts'
import { answer, type Scene } from './answers.ts'
import type { Chronicle } from './chronicle.ts'
import { Film } from './film.ts'
import { HeapLook } from './heapLook.ts'
import { HeapPainter } from './heapPainter.ts'
import { History } from './history.ts'
import { Live } from './live.ts'
import { commandProblem } from '@shared/wire/schema.ts'
import { MapPainter } from './mapPainter.ts'
import { maskDeath, maskMarkers, maskNames, viewerIn, viewerOf, type Viewer } from './masked.ts'
import type { FromWorker, OwnSeat, PlayerAction, Question, ToWorker, Topic } from './protocol.ts'

declare const OOMROOM_ENGINE: string // put in by the build

const painter = new MapPainter()
const history = new History()
const heaps = new HeapLook()
const heapPainter = new HeapPainter()
const marks = new Map<string, { text: string; mark: number }>() // the last answers by question
let live: Live | null = null
let film: Film | null = null
let filmViewer: Viewer | null = null
let early: PlayerAction[] = [] // asked for while the recording was on its way
let room: Room | null = null
let version = 0
let stale = false // the frames are to be scanned again
let due = false // a picture is on its way
let nextMark = 1
let heapTimer: ReturnType<typeof setTimeout> | null = null
let heapCostMs = 0 // of the last picture
const HEAP_MS = 100

const withNames: ReadonlySet<Topic> = new Set<Topic>([
  'seats',
  'processes',
  'syslog',
  'frame',
  'oom',
  'oomDetails',
  'transcript',
])

const say = (message: FromWorker) => postMessage(message)

onmessage = ({ data }: MessageEvent<ToWorker>) => void receive(data)

async function receive(message: ToWorker): Promise<void> {
  switch (message.t) {
    case 'join':
      live = new Live(message, {
        link: (link) => say({ t: 'link', link }),
        me: (me) => say({ t: 'me', me }),
        presence: (presence) => say({ t: 'presence', presence }),
        bots: (bots) => say({ t: 'bots', bots }),
        death: (death) => say({ t: 'death', death: maskDeath(death, viewer(room!)) }),
        resynced: (seq) => say({ t: 'resynced', seq }),
        room: show,
        changed,
      })
      return
    case 'replay':
      openFilm(message.text, message.own)
      return
    case 'replayRoom':
      await fetchFilm(`${message.url}/api/rooms/${message.code}/log`, message.own)
      return
    case 'canvas':
      painter.attach(message.canvas)
      return
    case 'view': {
      const grid = painter.look(message.view)
      if (grid !== null) say({ t: 'grid', grid })
      changed()
      return
    }
    case 'heapCanvas':
      heapPainter.attach(message.canvas)
      drawHeap()
      return
    case 'heapView':
      heapPainter.look(message.view)
      drawHeap()
      return
    case 'ask':
      reply(message.id, message.question, message.known)
      return
    case 'submit':
      if (live === null) say({ t: 'done', id: message.id, ok: false, why: 'replay' })
      else {
        live.submit(message.command, (ok, why) => say({ t: 'done', id: message.id, ok, why }))
      }
      return
    case 'askBots': {
      const reply = await (live?.askBots(message.ask) ?? { ok: false, why: 'replay' })
      say({ t: 'done', id: message.id, ok: reply.ok, why: 'why' in reply ? reply.why : '' })
      return
    }
    case 'pair': {
      const { id, who } = message
      const offline = { ok: false, why: 'offline' } as const
      const reply = await (live?.pair(who) ?? offline)
      say({ t: 'pair', id, reply })
      return
    }
    case 'act':
      live?.act()
      return
    case 'player':
      if (film === null) early.push(message.do)
      else film.act(message.do)
      return
    case 'retry':
      live?.retry()
      return
    case 'close':
      live?.close()
      film?.close()
      close()
  }
}

function show(next: Room): void {
  room = next
  const grid = painter.show(next)
  if (grid !== null) say({ t: 'grid', grid })
  changed()
}

/** Tells the page and draws, at most once a frame. */
function changed(): void {
  stale = true
  if (due) return
  due = true
  requestAnimationFrame(flush)
}

function flush(now: number): void {
  due = false
  if (room === null) return
  if (stale) {
    stale = false
    painter.refresh()
    history.observe(room.machine)
    version++
    say({ t: 'version', version, seq: room.seq })
    heapSoon()
  }
  if (painter.draw(now) && !due) {
    due = true
    requestAnimationFrame(flush)
  }
}

function heapSoon(): void {
  if (heapPainter.idle) return
  heapTimer ??= setTimeout(drawHeap, Math.max(HEAP_MS, 8 * heapCostMs))
}

function drawHeap(): void {
  if (heapTimer !== null) clearTimeout(heapTimer)
  heapTimer = null
  if (room === null || heapPainter.idle) return
  const shown = room
  const began = performance.now()
  const grid = heapPainter.draw(shown, heaps, (handle) => chronicle().heap.marked(shown, handle))
  heapCostMs = performance.now() - began
  if (grid !== null) say({ t: 'heapGrid', grid })
}

function reply(id: number, question: Question, known: number): void {
  if (room === null) {
    say({ t: 'answer', id, text: null, mark: 0 })
    return
  }
  // What shows names goes by what the teacher lets one see.
  const looking = viewer(room)
  const scene: Scene = {
    room: withNames.has(question.topic) ? maskNames(room, looking) : room,
    frames: painter.frames,
    chronicle: chronicle(),
    history,
    heaps,
    at: now(),
    viewer: looking,
  }
  const text = JSON.stringify(answer(scene, question))
  const key = JSON.stringify(question)
  const last = marks.get(key)
  if (last?.text === text) {
    say({ t: 'answer', id, text: last.mark === known ? null : text, mark: last.mark })
    return
  }
  const mark = nextMark++
  if (marks.size > 200) marks.clear()
  marks.set(key, { text, mark })
  say({ t: 'answer', id, text, mark })
}

function viewer(room: Room): Viewer {
  return filmViewer ?? viewerIn(room, live?.seat ?? 0)
}

function chronicle(): Chronicle {
  return film !== null ? film.chronicle : live!.chronicle
}

function now(): number {
  return film === null ? 0 : (film.player.entries[film.player.room.seq - 1]?.at ?? 0)
}

async function fetchFilm(url: string, own: OwnSeat[]): Promise<void> {
  try {
    const response = await fetch(url)
    if (response.ok) openFilm(await response.text(), own)
    else say({ t: 'problem', problem: response.status === 404 ? 'room' : 'network' })
  } catch {
    say({ t: 'problem', problem: 'network' })
  }
}

function openFilm(text: string, own: OwnSeat[]): void {
  const parsed = parseLog(text, { engine: OOMROOM_ENGINE, check: commandProblem })
  if (parsed.log === undefined) {
    say({ t: 'problem', problem: parsed.problem })
    return
  }
  const { header, entries } = parsed.log
  const looking = viewerOf(entries, own.find(({ code }) => code === header.code) ?? null)
  filmViewer = looking
  film = new Film(header, entries, {
    room: show,
    changed,
    state: (player) => say({ t: 'player', player }),
    markers: (markers) => say({ t: 'markers', markers: maskMarkers(markers, looking) }),
  })
  for (const action of early) film.act(action)
  early = []
}
