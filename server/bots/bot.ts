// One bot: a seat with a real connection, which types at its C prompt as slowly as a person does. It has no replica: what
// its processes are it asks the crowd's.

import { randomBytes } from 'node:crypto'
import { io, type Socket } from 'socket.io-client'
import { nextBelow, type Prng } from '../../shared/lib/prng.ts'
import type { Command, Handle } from '../../shared/room/entry.ts'
import {
  PROTOCOL,
  type Accepted,
  type ClientToServer,
  type Hello,
  type Refusal,
  type ServerToClient,
  type Welcome,
} from '../../shared/wire/events.ts'
import { SIGINT, SIGKILL } from '../../shared/state/task.ts'
import { Typist, type Style } from './styles.ts'
import type { BotTally } from './tally.ts'

/** What the crowd knows of the room for all its bots. */
export interface Onlooker {
  ram: number // bytes
  engine: string
  seq: () => number // the last entry that is known
  ticks: () => number // of the machine's time
  /** The newest living process of the seat at a prompt, and whether it waits for a line. */
  prompt: (seat: number) => { handle: Handle; waits: boolean } | null
  /** Living processes of the seat that nothing is about to kill: its login shell last. */
  processes: (seat: number) => Handle[]
  nextName: (style: Style) => string
}

const ANSWER_MS = 15_000
const BUSY_MS = 1000
/** Machine time after which a statement is interrupted, in ticks: 15 s. */
const PATIENCE_TICKS = 300
const LEAVE_TRIES = 8
const LEAVE_MS = 500
const SEEN_MS = 50

export class Bot {
  seat = 0 // 0: it has none yet
  /** Why it has no seat and will not get one. */
  refused = ''

  private readonly crowd: Onlooker
  private readonly tally: BotTally
  private readonly style: Style
  private readonly prng: Prng
  private readonly typist: Typist
  private readonly paceMs: number
  private readonly token = randomBytes(16).toString('hex')
  private readonly socket: Socket<ServerToClient, ClientToServer>
  private name: string
  private timer: NodeJS.Timeout | null = null
  private ended = false
  private handle = '' // of the process it types at
  private typedAt = 0 // ticks
  private acting: Promise<void> = Promise.resolve()
  private accepted = 0 // the last entry of its own
  private settle: () => void = () => {}
  /** Fulfilled when it has a seat, or never will. */
  readonly settled = new Promise<void>((resolve) => (this.settle = resolve))

  constructor(
    address: { server: string; code: string },
    style: Style,
    prng: Prng,
    paceMs: number,
    crowd: Onlooker,
    tally: BotTally,
  ) {
    this.crowd = crowd
    this.tally = tally
    this.style = style
    this.prng = prng
    this.paceMs = paceMs
    this.typist = new Typist(style, prng, crowd.ram)
    this.name = crowd.nextName(style)
    this.socket = io(address.server, {
      auth: (give) => give(this.hello(address.code)),
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      reconnectionDelay: 300,
      reconnectionDelayMax: 3000,
      forceNew: true,
    })
    const { socket } = this
    socket.on('welcome', (welcome) => this.welcome(welcome))
    socket.on('disconnect', (reason) => {
      if (reason === 'io server disconnect') this.again()
    })
    socket.on('connect_error', (error) => this.notIn(error))
    socket.on('bye', (why) => {
      if (why !== 'restarting') this.end(why)
    })
  }

  get connected(): boolean {
    return this.socket.connected && this.seat > 0
  }

  /** Breaks the line as a network does; the bot comes back. */
  drop(): void {
    this.socket.io.engine.close()
  }

  /** Types no more. With `logOut` its processes end first; those that are left nevertheless are counted. */
  async leave(logOut: boolean): Promise<void> {
    this.ended = true
    if (this.timer !== null) clearTimeout(this.timer)
    await this.acting // what it is asking for may be a process
    if (logOut && this.seat > 0) await this.logOut()
    this.socket.disconnect()
    this.settle()
  }

  private async logOut(): Promise<void> {
    const signalled = new Set<Handle>()
    for (let tries = 0; tries < LEAVE_TRIES; tries++) {
      await this.seen()
      const living = this.crowd.processes(this.seat)
      if (living.length === 0) break
      // There was no login shell to send the signal: it has gone first, or the OOM killer has taken it.
      if (living.some((task) => signalled.has(task))) {
        await this.send({ t: 'prompt' })
        signalled.clear()
        continue
      }
      if (await this.killAll(living)) for (const task of living) signalled.add(task)
      else await pause(LEAVE_MS)
    }
    const left = this.crowd.processes(this.seat).length
    this.tally.leftProcesses += left
    if (left === 0) this.tally.leftSeats++
  }

  /** The crowd's replica, which may be behind, has seen what was accepted. */
  private async seen(): Promise<void> {
    const end = performance.now() + ANSWER_MS
    while (this.crowd.seq() < this.accepted && performance.now() < end) await pause(SEEN_MS)
  }

  /** False: a signal was refused, perhaps because there were too many commands. */
  private async killAll(living: Handle[]): Promise<boolean> {
    for (const task of living) {
      const reply = await this.send({ t: 'kill', task, sig: SIGKILL })
      if (reply === null || !reply.ok) return false
    }
    return true
  }

  private hello(code: string): Hello {
    const { engine, seq } = this.crowd
    const { token, name } = this
    // It keeps no machine, so it needs nothing of the past.
    return { protocol: PROTOCOL, code, token, name, have: { engine, seq: seq() } }
  }

  private welcome({ seat }: Welcome): void {
    if (this.seat > 0) {
      this.tally.rejoins++
      return
    }
    this.tally.joins++
    this.seat = seat
    this.settle()
    if (!this.ended) this.plan()
  }

  private notIn(error: Error & { data?: { why?: string } }): void {
    const why = error.data?.why
    if (why === undefined) return // the network: socket.io tries again
    if (why === 'busy') return this.again()
    if (why === 'name-taken') {
      this.name = this.crowd.nextName(this.style)
      this.socket.connect()
      return
    }
    this.tally.refuse(why)
    this.end(why)
  }

  private again(): void {
    setTimeout(() => {
      if (!this.ended) this.socket.connect()
    }, BUSY_MS)
  }

  private end(why: string): void {
    this.ended = true
    this.refused = why
    if (this.timer !== null) clearTimeout(this.timer)
    this.socket.disconnect()
    this.settle()
  }

  /** People are not evenly quick: from under a half to one and a half times the pace. */
  private plan(): void {
    const share = 400 + nextBelow(this.prng, 601) + nextBelow(this.prng, 601)
    this.timer = setTimeout(
      () => {
        this.acting = this.act().finally(() => {
          if (!this.ended) this.plan()
        })
      },
      (this.paceMs * share) / 1000,
    )
  }

  private async act(): Promise<void> {
    if (!this.socket.connected) return
    const prompt = this.crowd.prompt(this.seat)
    if (prompt === null) {
      if (this.handle !== '') this.tally.deaths++
      this.handle = ''
      await this.send({ t: 'prompt' })
      return
    }
    if (prompt.handle !== this.handle) {
      this.handle = prompt.handle
      this.typist.forget()
      this.typedAt = this.crowd.ticks()
    }
    const { handle } = prompt
    if (!prompt.waits) {
      if (this.crowd.ticks() - this.typedAt < PATIENCE_TICKS) return
      this.typedAt = this.crowd.ticks()
      this.tally.interrupts++
      await this.send({ t: 'kill', task: handle, sig: SIGINT })
      return
    }
    this.typedAt = this.crowd.ticks()
    const reply = await this.send({ t: 'ic', task: handle, line: this.typist.line() })
    if (reply?.ok === true) this.tally.statements++
  }

  /** Null: no answer came. */
  private async send(command: Command): Promise<Accepted | Refusal | null> {
    const start = performance.now()
    try {
      const socket = this.socket.timeout(ANSWER_MS)
      const reply = (await socket.emitWithAck('command', command)) as Accepted | Refusal
      if (reply.ok) {
        this.accepted = Math.max(this.accepted, reply.seq)
        this.tally.took(performance.now() - start)
      } else this.tally.refuse(reply.why)
      return reply
    } catch {
      this.tally.lost++
      return null
    }
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
