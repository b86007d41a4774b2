// Bots that the teacher sends into the room: what can be asked for, and how they are doing.

/** What they type: server/bots/styles.ts. */
export const BOT_STYLES = ['calm', 'greedy', 'leaky', 'forky'] as const
export type BotStyle = (typeof BOT_STYLES)[number]

/** From a room. The command line may start more: they are for load. */
export const ROOM_BOTS_MAX = 100
export const ROOM_BOTS_SECONDS_MAX = 3600

export type BotsAsk =
  /** `styles` in turns. */
  { do: 'start'; count: number; styles: BotStyle[]; seconds: number } | { do: 'stop' }

/** Told to the room's teachers while there are bots, and once when they have gone. */
export interface BotsState {
  phase: 'running' | 'leaving' | 'gone'
  wanted: number
  here: number // that have a seat and a connection
  statements: number // lines of C that were accepted
  deaths: number // processes at a prompt that were gone
  refused: number // joins and commands
  leftMs: number // until they go by themselves
  problem: string // why they ended, if not as planned: a line of English
}
