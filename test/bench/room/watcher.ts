// A student with a machine: a real replica in a thread of its own, which notes when it has applied what.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Replica, type Ticket } from '../../../server/replica.ts'
import { now } from './rawClient.ts'

export interface Seen {
  seqs: Float64Array
  appliedMs: Float64Array // by now()
  failed: number // entries of students that the machine did not do
  snapshots: number
  startMs: number
  pictureMs: number // when the map could be drawn first
  liveMs: number // when everything was there
}

/** How long it may be behind. */
const PATIENCE_MS = 60_000

interface WatcherData {
  bench: 'watcher'
  ticket: Ticket
}

export class Watcher {
  /** Fulfilled when the replica is there. */
  readonly ready: Promise<void>
  private readonly thread: Worker

  constructor(ticket: Ticket) {
    const data: WatcherData = { bench: 'watcher', ticket }
    this.thread = new Worker(new URL(import.meta.url), { workerData: data })
    this.ready = new Promise((resolve, reject) => {
      this.thread.once('message', () => resolve())
      this.thread.once('error', reject)
    })
  }

  /** What it has seen up to entry `seq`, as late as that may be; it ends then. */
  async end(seq: number): Promise<Seen> {
    const seen = new Promise<Seen>((resolve) => this.thread.once('message', resolve))
    this.thread.postMessage(seq)
    const result = await seen
    await this.thread.terminate()
    return result
  }
}

function watch({ ticket }: WatcherData): void {
  const seqs: number[] = []
  const times: number[] = []
  let failed = 0
  const startMs = now()
  let pictureMs = 0
  let liveMs = 0
  const replica = new Replica(ticket)
  replica.onEnd = (error) => {
    throw error
  }
  replica.onPicture = () => (pictureMs ||= now())
  replica.onApplied((entry, applied) => {
    seqs.push(entry.seq)
    times.push(now())
    if (entry.seat > 0 && applied.errno !== undefined) failed++
  })
  void replica.ready().then(() => {
    liveMs = now()
    pictureMs ||= liveMs
    parentPort!.postMessage('ready')
  })
  const end = () => {
    const seen: Seen = {
      seqs: Float64Array.from(seqs),
      appliedMs: Float64Array.from(times),
      failed,
      snapshots: replica.snapshots,
      startMs,
      pictureMs,
      liveMs,
    }
    parentPort!.postMessage(seen)
  }
  parentPort!.once('message', (last: number) => {
    const until = now() + PATIENCE_MS
    const timer = setInterval(() => {
      if (replica.room().seq < last && now() < until) return
      clearInterval(timer)
      end()
    }, 20)
  })
}

const data = workerData as Partial<WatcherData> | null
if (!isMainThread && data?.bench === 'watcher') watch(data as WatcherData)
