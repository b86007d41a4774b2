// `oomroom bots URL/CODE`: a rehearsal without people, and load. Each bot has a seat and a connection of its own.

import { randomInt } from 'node:crypto'
import { Crowd, isStyle } from '../bots/crowd.ts'
import { STYLES, type Style } from '../bots/styles.ts'
import { engineId } from '../engine.ts'
import { readArgs, readRoomAddress } from './args.ts'
import { Failure, UsageError } from './errors.ts'

export const BOTS_MAX = 1000
const SECONDS_MAX = 86_400
const TELL_MS = 1000
const USAGE =
  'bots URL/CODE [-n 30] [--style calm|greedy|leaky|forky,…] [--seconds 60] [--pace 3] [--seed N] [--stay]'

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArgs({
    args,
    options: {
      n: { type: 'string', short: 'n', default: '30' },
      style: { type: 'string', default: STYLES.join(',') },
      seconds: { type: 'string', default: '60' },
      pace: { type: 'string', default: '3' },
      seed: { type: 'string' },
      stay: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  const address = positionals.length === 1 ? readRoomAddress(positionals[0]) : null
  if (address === null) throw new UsageError(USAGE)
  const count = readNumber('-n', values.n, 1, BOTS_MAX)
  const seconds = readNumber('--seconds', values.seconds, 1, SECONDS_MAX)
  const paceMs = readNumber('--pace', values.pace, 0.1, 600) * 1000
  const seed =
    values.seed === undefined ? randomInt(2 ** 31) : readNumber('--seed', values.seed, 0, 2 ** 31)
  const styles = readStyles(values.style)

  const crowd = new Crowd({ ...address, engine: engineId(), count, styles, paceMs, seed })
  const { stopped, release } = listenForStop()
  const ended = new Promise<never>((_, reject) => {
    crowd.onEnd = (error) => reject(new Failure(error.message))
  })
  ended.catch(() => {}) // told below, or nobody waits any more
  // The server that has started us shows how they are doing.
  const tell = () => process.send?.({ t: 'state', ...crowd.state() })
  const telling = setInterval(tell, TELL_MS)
  try {
    await Promise.race([crowd.join(), stopped, ended])
    await Promise.race([pause(seconds * 1000), stopped, ended])
    const missing = crowd.missing()
    await Promise.race([crowd.leave(!values.stay), ended])
    tell()
    const summary = crowd.summary()
    process.stdout.write(`${JSON.stringify({ ...summary, seed })}\n`)
    if (missing !== '') throw new Failure(missing)
    if (summary.left.processes > 0)
      throw new Failure(`${summary.left.processes} processes of bots are still there`)
    return 0
  } finally {
    clearInterval(telling)
    release()
    void crowd.leave(false)
  }
}

function readNumber(option: string, text: string, min: number, max: number): number {
  const value = Number(text)
  const whole = min % 1 === 0
  if (!(whole ? /^\d+$/ : /^\d+(\.\d+)?$/).test(text) || value < min || value > max)
    throw new UsageError(
      `${option}: ${whole ? 'a whole number' : 'a number'} from ${min} to ${max}`,
    )
  return value
}

function readStyles(text: string): Style[] {
  const words = text.split(',')
  const unknown = words.find((word) => !isStyle(word))
  if (unknown !== undefined)
    throw new UsageError(`--style: '${unknown}' is none of ${STYLES.join(', ')}`)
  return words.filter(isStyle)
}

/** Ctrl-C, SIGTERM, or the server that has started us: says so, or is gone. */
function listenForStop(): { stopped: Promise<void>; release: () => void } {
  let stop: () => void = () => {}
  const stopped = new Promise<void>((resolve) => (stop = resolve))
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  process.once('disconnect', stop)
  const release = () => {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
    process.off('disconnect', stop)
  }
  return { stopped, release }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms).unref())
