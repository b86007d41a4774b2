// A crowd of bots in one room, and the one replica that they share: it watches without a seat and knows whose process
// waits, and whose is gone.

import { mkPrng, nextU32 } from '../../shared/lib/prng.ts'
import type { Handle } from '../../shared/room/entry.ts'
import { icIsWaiting } from '../../shared/ic/program.ts'
import { sigMask } from '../../shared/mm/oomKill.ts'
import { SIGKILL, type Task } from '../../shared/state/task.ts'
import { Replica } from '../replica.ts'
import { Bot, type Onlooker } from './bot.ts'
import { STYLES, type Style } from './styles.ts'
import { BotTally, type BotSummary } from './tally.ts'

export interface CrowdOptions {
  server: string // http://host:port
  code: string
  engine: string
  count: number
  styles: readonly Style[] // in turns
  paceMs: number // between two statements of one bot, on average
  seed: number
}

/** What is to be seen of a crowd at work. */
export interface CrowdState {
  seats: number[]
  here: number // bots with a connection
  joins: number
  statements: number
  deaths: number
  refused: number
}

/** Bots that ask for a seat at the same time. */
const JOINING_MAX = 20
/** So that it can be told who is a bot. */
export const BOT_NAME = /^Bot (\d+) \(\w+\)$/

export class Crowd {
  /** What went wrong for all of them. */
  onEnd: (error: Error) => void = () => {}
  readonly bots: Bot[] = []
  readonly tally = new BotTally()
  private readonly options: CrowdOptions
  private readonly replica: Replica
  private leaving: Promise<void> | null = null
  private lastNumber = 0

  constructor(options: CrowdOptions) {
    this.options = options
    const { server, code, engine } = options
    this.replica = new Replica({ server, code, engine, spectator: true })
    this.replica.onEnd = (error) => this.onEnd(error)
  }

  /** Everybody has asked for a seat. */
  async join(): Promise<void> {
    await this.replica.ready()
    for (const { name } of this.replica.room().seats.values()) {
      const number = Number(BOT_NAME.exec(name)?.[1] ?? 0)
      this.lastNumber = Math.max(this.lastNumber, number)
    }
    const { count } = this.options
    const next = async (): Promise<void> => {
      while (this.bots.length < count && this.leaving === null) await this.add().settled
    }
    await Promise.all(Array.from({ length: Math.min(JOINING_MAX, count) }, next))
  }

  state(): CrowdState {
    const { joins, statements, deaths, refused } = this.tally
    return {
      seats: this.bots.map(({ seat }) => seat).filter((seat) => seat > 0),
      here: this.bots.filter(({ connected }) => connected).length,
      joins,
      statements,
      deaths,
      refused: Object.values(refused).reduce((sum, times) => sum + times, 0),
    }
  }

  /** They go, unless told otherwise with all that they have started. */
  leave(logOut: boolean): Promise<void> {
    this.leaving ??= Promise.all(this.bots.map((bot) => bot.leave(logOut))).then(() =>
      this.replica.close(),
    )
    return this.leaving
  }

  summary(): BotSummary {
    return this.tally.summary(this.options.count)
  }

  /** Why some have no seat; '' if all have one. */
  missing(): string {
    const without = this.bots.filter(({ seat }) => seat === 0)
    if (without.length === 0) return ''
    const why = [...new Set(without.map(({ refused }) => refused || 'no answer'))].join(', ')
    return `${without.length} of ${this.options.count} bots have no seat: ${why}`
  }

  private add(): Bot {
    const { server, code, styles, paceMs, seed } = this.options
    const no = this.bots.length
    const prng = mkPrng(seed + no * 7919)
    nextU32(prng)
    const onlooker = this.onlooker()
    const style = styles[no % styles.length]
    const bot = new Bot({ server, code }, style, prng, paceMs, onlooker, this.tally)
    this.bots.push(bot)
    return bot
  }

  private onlooker(): Onlooker {
    const { replica } = this
    const machine = () => replica.room().machine
    return {
      ram: replica.header.options.ram,
      engine: replica.header.engine,
      seq: () => replica.room().seq,
      ticks: () => machine().ticks,
      prompt: (seat) => promptOf(replica, seat),
      processes: (seat) => processesOf(replica, seat),
      nextName: (style) => `Bot ${++this.lastNumber} (${style})`,
    }
  }
}

function promptOf(replica: Replica, seat: number): { handle: Handle; waits: boolean } | null {
  const room = replica.room()
  const { prompts } = room.seats.get(seat) ?? { prompts: [] }
  for (let i = prompts.length - 1; i >= 0; i--) {
    const task = room.machine.handles.get(prompts[i])
    if (task !== undefined && task.state !== 'Z')
      return { handle: task.handle, waits: icIsWaiting(task) }
  }
  return null
}

function processesOf(replica: Replica, seat: number): Handle[] {
  const own = [...replica.room().machine.tasks.values()].filter(
    (task) => task.seat === seat && task.state !== 'Z' && (task.pending & sigMask(SIGKILL)) === 0,
  )
  const isShell = ({ program }: Task) => program.kind === 'shell'
  return [...own.filter((task) => !isShell(task)), ...own.filter(isShell)].map(
    ({ handle }) => handle,
  )
}

export function isStyle(word: string): word is Style {
  return (STYLES as readonly string[]).includes(word)
}
