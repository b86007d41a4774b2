// The page's end of the worker: what it was told last, as shallow refs, and questions as promises.

import {
  inject,
  onScopeDispose,
  ref,
  shallowRef,
  watch,
  type InjectionKey,
  type ShallowRef,
} from 'vue'
import type { Command } from '@shared/room/entry.ts'
import type {
  BotsAsk,
  BotsState,
  Death,
  FromWorker,
  Grid,
  HeapGrid,
  HeapView,
  Link,
  Marker,
  Me,
  OwnSeat,
  PlayerAction,
  Paired,
  PlayerState,
  Presence,
  Problem,
  Questions,
  Refusal,
  Ticket,
  ToWorker,
  Topic,
  View,
} from './protocol.ts'

/** What a Feed needs of a worker; tests give another. */
export interface Port {
  postMessage(message: ToWorker, transfer?: Transferable[]): void
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null
  terminate(): void
}

export interface Submitted {
  ok: boolean
  why: string
}

export class Feed {
  readonly version = ref(0)
  readonly seq = ref(0)
  readonly link = shallowRef<Link>({ state: 'idle' })
  readonly me = shallowRef<Me | null>(null)
  readonly presence = shallowRef<Presence>({ here: [], spectators: 0 })
  readonly bots = shallowRef<BotsState | null>(null) // told to teachers
  readonly grid = shallowRef<Grid | null>(null)
  readonly heapGrid = shallowRef<HeapGrid | null>(null)
  readonly player = shallowRef<PlayerState | null>(null)
  readonly markers = shallowRef<Marker[]>([])
  readonly death = shallowRef<Death | null>(null) // the last one
  readonly resynced = ref(0) // entry of the last snapshot after a difference
  readonly problem = shallowRef<Problem | null>(null) // of a recording
  readonly changedAt = ref(0) // ms since 1970, when the last version came
  private readonly port: Port
  private readonly open = new Map<number, (message: FromWorker) => void>()
  private nextId = 1

  constructor(port: Port) {
    this.port = port
    port.onmessage = ({ data }) => this.receive(data)
  }

  join(ticket: Ticket): void {
    this.port.postMessage({ t: 'join', url: location.origin, ...ticket })
  }

  replay(text: string, own: OwnSeat[]): void {
    this.port.postMessage({ t: 'replay', text, own })
  }

  replayRoom(code: string, own: OwnSeat[]): void {
    this.port.postMessage({ t: 'replayRoom', url: location.origin, code, own })
  }

  canvas(canvas: OffscreenCanvas): void {
    this.port.postMessage({ t: 'canvas', canvas }, [canvas])
  }

  look(view: View): void {
    this.port.postMessage({ t: 'view', view })
  }

  /** A canvas for the heap; null gives up the one before. */
  heapCanvas(canvas: OffscreenCanvas | null): void {
    this.port.postMessage({ t: 'heapCanvas', canvas }, canvas === null ? [] : [canvas])
    this.heapGrid.value = null
  }

  lookAtHeap(view: HeapView): void {
    this.port.postMessage({ t: 'heapView', view })
  }

  control(action: PlayerAction): void {
    this.port.postMessage({ t: 'player', do: action })
  }

  retry(): void {
    this.port.postMessage({ t: 'retry' })
  }

  submit(command: Command): Promise<Submitted> {
    return this.request((id) => ({ t: 'submit', id, command })).then(submitted)
  }

  /** Sends bots into the room, or calls them back. */
  askBots(ask: BotsAsk): Promise<Submitted> {
    return this.request((id) => ({ t: 'askBots', id, ask })).then(submitted)
  }

  /** A code for another device to act for this seat; the teacher may ask for one of any seat. */
  async pair(who?: number): Promise<Paired | Refusal> {
    const message = await this.request((id) => ({ t: 'pair', id, who }))
    return message.t === 'pair' ? message.reply : { ok: false, why: 'offline' }
  }

  /** This tab acts for the seat from now on, another one watches. */
  act(): void {
    this.port.postMessage({ t: 'act' })
  }

  /** `text` null: the answer is the one that had the mark `known`. */
  async ask<T extends Topic>(
    topic: T,
    ask: Questions[T]['ask'],
    known = 0,
  ): Promise<{ text: string | null; mark: number }> {
    const question = { topic, ask } as Extract<ToWorker, { t: 'ask' }>['question']
    const message = await this.request((id) => ({ t: 'ask', id, question, known }))
    return message.t === 'answer' ? message : { text: null, mark: known }
  }

  /** One answer, parsed; null while there is no room. */
  async askOnce<T extends Topic>(
    topic: T,
    ask: Questions[T]['ask'],
  ): Promise<Questions[T]['answer'] | null> {
    const { text } = await this.ask(topic, ask)
    return text === null ? null : (JSON.parse(text) as Questions[T]['answer'])
  }

  close(): void {
    this.port.postMessage({ t: 'close' })
    setTimeout(() => this.port.terminate(), 500)
  }

  private request(make: (id: number) => ToWorker): Promise<FromWorker> {
    const id = this.nextId++
    return new Promise((resolve) => {
      this.open.set(id, resolve)
      this.port.postMessage(make(id))
    })
  }

  private receive(message: FromWorker): void {
    switch (message.t) {
      case 'answer':
      case 'done':
      case 'pair':
        this.open.get(message.id)?.(message)
        this.open.delete(message.id)
        return
      case 'version':
        this.version.value = message.version
        this.seq.value = message.seq
        this.changedAt.value = Date.now()
        return
      case 'link':
        this.link.value = message.link
        return
      case 'me':
        this.me.value = message.me
        return
      case 'presence':
        this.presence.value = message.presence
        return
      case 'bots':
        this.bots.value = message.bots
        return
      case 'grid':
        this.grid.value = message.grid
        return
      case 'heapGrid':
        this.heapGrid.value = message.grid
        return
      case 'player':
        this.player.value = message.player
        return
      case 'markers':
        this.markers.value = message.markers
        return
      case 'death':
        this.death.value = message.death
        return
      case 'resynced':
        this.resynced.value = message.seq
        return
      case 'problem':
        this.problem.value = message.problem
    }
  }
}

function submitted(message: FromWorker): Submitted {
  return message.t === 'done' ? { ok: message.ok, why: message.why } : { ok: false, why: 'offline' }
}

export function openFeed(): Feed {
  const worker = new Worker(new URL('./replica.worker.ts', import.meta.url), { type: 'module' })
  return new Feed(worker)
}

export const FEED: InjectionKey<Feed> = Symbol('feed')

export function useFeed(): Feed {
  const feed = inject(FEED)
  if (feed === undefined) throw new Error('there is no feed here')
  return feed
}

/**
 * The answer to a question, asked again when the machine has gone on: at most every `every` ms, and never twice at a
 * time. null until there is one. A hidden page does not ask.
 */
export function useAnswer<T extends Topic>(
  topic: T,
  ask: () => Questions[T]['ask'] | null,
  every = 60,
): Readonly<ShallowRef<Questions[T]['answer'] | null>> {
  const feed = useFeed()
  const answer = shallowRef<Questions[T]['answer'] | null>(null)
  let mark = 0
  let asked = '' // the question that `mark` belongs to
  let busy = false
  let again = false
  let timer: ReturnType<typeof setTimeout> | null = null

  async function refresh(): Promise<void> {
    timer = null
    const question = ask()
    if (question === null || document.hidden) return
    if (busy) {
      again = true
      return
    }
    busy = true
    const key = JSON.stringify(question)
    const reply = await feed.ask(topic, question, key === asked ? mark : 0)
    busy = false
    if (reply.text !== null) {
      answer.value = JSON.parse(reply.text) as Questions[T]['answer']
      mark = reply.mark
      asked = key
    }
    if (again) soon()
    again = false
  }

  function soon(): void {
    timer ??= setTimeout(() => void refresh(), every)
  }

  const stopVersion = watch(feed.version, soon)
  const stopAsk = watch(
    () => JSON.stringify(ask()),
    () => void refresh(),
    { immediate: true },
  )
  const onVisible = () => void refresh()
  document.addEventListener('visibilitychange', onVisible)
  onScopeDispose(() => {
    stopVersion()
    stopAsk()
    document.removeEventListener('visibilitychange', onVisible)
    if (timer !== null) clearTimeout(timer)
  })
  return answer
}
