// Bots that a teacher has sent into a room: `oomroom bots` in a process of its own, so that the server only has more
// guests. When they go, by themselves or called back, their processes end and the teacher's hand removes their seats.

import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { BotsAsk, BotsState } from '../../shared/wire/bots.ts'
import type { CrowdState } from './crowd.ts'

export type BotsOrder = Extract<BotsAsk, { do: 'start' }>

/** How long leaving may take. */
const LEAVE_MS = 20_000

export interface RehearsalEvents {
  state: (state: BotsState) => void
  /** They are gone; these seats they had. */
  gone: (seats: number[]) => void
}

export class Rehearsal {
  private readonly child: ChildProcess
  private readonly on: RehearsalEvents
  private readonly endsAt: number // ms since 1970
  private readonly wanted: number
  private phase: BotsState['phase'] = 'running'
  private last: Omit<CrowdState, 'seats'> = {
    here: 0,
    joins: 0,
    statements: 0,
    deaths: 0,
    refused: 0,
  }
  private seats: number[] = []
  private problem = ''
  private patience: NodeJS.Timeout | null = null

  /** `room` is the address that a class would type. */
  constructor(room: string, { count, styles, seconds }: BotsOrder, on: RehearsalEvents) {
    this.on = on
    this.wanted = count
    this.endsAt = Date.now() + seconds * 1000
    const source = import.meta.url.endsWith('.ts')
    const cli = fileURLToPath(new URL(source ? '../cli.ts' : './cli.js', import.meta.url))
    const args = [room, '-n', `${count}`, '--style', styles.join(','), '--seconds', `${seconds}`]
    this.child = fork(cli, ['bots', ...args], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: source ? ['--import', 'tsx'] : [],
    })
    const { child } = this
    child.on('message', (message: { t: string } & CrowdState) => {
      if (message.t === 'state') this.take(message)
    })
    child.stderr!.on('data', (text: Buffer) => {
      this.problem = text.toString().trimEnd().split('\n').at(-1)!.slice(0, 200)
    })
    child.on('error', (error) => this.end(error.message))
    child.on('close', () => this.end('')) // what it has said last has been read
  }

  get over(): boolean {
    return this.phase === 'gone'
  }

  state(): BotsState {
    const { here, statements, deaths, refused } = this.last
    const leftMs = this.phase === 'running' ? Math.max(0, this.endsAt - Date.now()) : 0
    const { phase, wanted, problem } = this
    return { phase, wanted, here, statements, deaths, refused, leftMs, problem }
  }

  /** Calls them back. */
  stop(): void {
    if (this.phase !== 'running') return
    this.phase = 'leaving'
    this.child.kill('SIGTERM')
    this.patience = setTimeout(() => this.child.kill('SIGKILL'), LEAVE_MS)
    this.on.state(this.state())
  }

  /** The server ends: there is nobody to say goodbye to. */
  kill(): void {
    this.child.kill('SIGKILL')
  }

  private take({ seats, ...state }: CrowdState): void {
    this.seats = seats
    this.last = state
    if (this.phase === 'running' && Date.now() >= this.endsAt) this.phase = 'leaving'
    this.on.state(this.state())
  }

  private end(problem: string): void {
    if (this.phase === 'gone') return
    this.phase = 'gone'
    if (this.patience !== null) clearTimeout(this.patience)
    if (problem !== '') this.problem = problem
    this.last.here = 0
    this.on.gone(this.seats)
    this.on.state(this.state())
  }
}
