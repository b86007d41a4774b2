// What a crowd of bots has done and met with.

/** Round trips that are kept: of more, a fair sample. */
const SAMPLES = 50_000

export interface BotSummary {
  bots: number // that were asked for
  joins: number // seats taken
  rejoins: number // the seat taken again after the connection was lost
  statements: number // lines of C that were accepted
  interrupts: number // Ctrl-C at a statement that took too long
  deaths: number // processes at a prompt that were gone: killed, or ended by themselves
  refused: Record<string, number> // by reason; of joins and of commands
  lost: number // commands without an answer
  roundTripMs: { p50: number | null; p95: number | null } // from a command to its answer: durable, applied, sent to all
  left: { seats: number; processes: number } // seats that were logged out, and processes that stayed nevertheless
}

export class BotTally {
  joins = 0
  rejoins = 0
  statements = 0
  interrupts = 0
  deaths = 0
  lost = 0
  leftSeats = 0
  leftProcesses = 0
  readonly refused: Record<string, number> = {}
  private samples: number[] = []
  private seen = 0

  refuse(why: string): void {
    this.refused[why] = (this.refused[why] ?? 0) + 1
  }

  took(ms: number): void {
    this.seen++
    if (this.samples.length < SAMPLES) this.samples.push(ms)
    else {
      const at = Math.floor(Math.random() * this.seen)
      if (at < SAMPLES) this.samples[at] = ms
    }
  }

  summary(bots: number): BotSummary {
    const sorted = [...this.samples].sort((a, b) => a - b)
    const quantile = (share: number) =>
      sorted.length === 0
        ? null
        : Math.round(sorted[Math.ceil(sorted.length * share) - 1] * 10) / 10
    return {
      bots,
      joins: this.joins,
      rejoins: this.rejoins,
      statements: this.statements,
      interrupts: this.interrupts,
      deaths: this.deaths,
      refused: this.refused,
      lost: this.lost,
      roundTripMs: { p50: quantile(0.5), p95: quantile(0.95) },
      left: { seats: this.leftSeats, processes: this.leftProcesses },
    }
  }
}
