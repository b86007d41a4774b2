// What a student's browser makes of a busy room: pictures a second and the longest task, in the page and in the
// worker that holds the machine and draws the map. In Chromium, on two machine sizes.

import type { Browser } from 'playwright-core'
import { launchBrowser } from '../helpers/browser.ts'
import { openBusyRoom } from './busyRoom.ts'

const SIZES = [65_536, 262_144]
const SEATS = 40
const WARM_UP_MS = 8000
const MEASURED_MS = 15_000
const LONG_MS = 50

export async function measure() {
  let browser: Browser
  try {
    browser = await launchBrowser()
  } catch (error) {
    const why = `there is no browser here: ${String(error).split('\n')[0]}`
    return { ...Object.fromEntries(SIZES.map((frames) => [String(frames), null])), why }
  }
  try {
    const results: Record<string, unknown> = {}
    for (const frames of SIZES) results[frames] = await measureOne(browser, frames)
    return results
  } finally {
    await browser.close()
  }
}

async function measureOne(browser: Browser, frames: number) {
  const room = await openBusyRoom(browser, frames, SEATS)
  try {
    await room.page.waitForTimeout(WARM_UP_MS)
    const before = room.statements()
    // What the same browser makes of an empty page meanwhile: more than a few ms there are the host's doing.
    const blank = await browser.newPage()
    const [page, worker, idle] = await Promise.all([
      room.page.evaluate(watch, { ms: MEASURED_MS, long: LONG_MS }),
      room.replica.evaluate(watch, { ms: MEASURED_MS, long: LONG_MS }),
      blank.evaluate(watch, { ms: MEASURED_MS, long: LONG_MS }),
    ])
    await blank.close()
    return {
      seats: SEATS,
      statementsPerSecond: round(((room.statements() - before) * 1000) / MEASURED_MS),
      framesPerSecond: page.perSecond,
      longestTaskMs: page.longest,
      tasksOver50Ms: page.tooLong,
      workerFramesPerSecond: worker.perSecond,
      workerLongestMs: worker.longest,
      emptyPageLongestMs: idle.longest,
    }
  } finally {
    await room.close()
  }
}

/** What a browser has and Node has not. */
interface Browsing {
  requestAnimationFrame(step: () => void): void
  MessageChannel: new () => {
    port1: { onmessage: (() => void) | null }
    port2: { postMessage(message: null): void }
  }
  PerformanceObserver: {
    supportedEntryTypes: string[]
    new (tell: (list: { getEntries(): { duration: number }[] }) => void): {
      observe(what: { entryTypes: string[] }): void
      disconnect(): void
    }
  }
}

/** Runs in a page or a worker: how often it comes to draw, and the longest time in which it came to nothing else. */
async function watch({ ms, long }: { ms: number; long: number }) {
  const scope = globalThis as unknown as Browsing
  const end = performance.now() + ms
  const gaps: number[] = []
  let pictures = 0
  let open = true
  // A message to oneself waits for the task that is running.
  const { port1, port2 } = new scope.MessageChannel()
  let last = performance.now()
  port1.onmessage = () => {
    const now = performance.now()
    gaps.push(now - last)
    if (!open) return
    setTimeout(() => {
      last = performance.now()
      port2.postMessage(null)
    }, 4)
  }
  port2.postMessage(null)
  const tasks: number[] = []
  const observer = new scope.PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) tasks.push(duration)
  })
  const supported = scope.PerformanceObserver.supportedEntryTypes.includes('longtask')
  if (supported) observer.observe({ entryTypes: ['longtask'] })
  await new Promise<void>((done) => {
    const step = () => {
      pictures++
      if (performance.now() < end) scope.requestAnimationFrame(step)
      else done()
    }
    scope.requestAnimationFrame(step)
  })
  open = false
  observer.disconnect()
  const longest = tasks.length > 0 ? Math.max(...tasks) : Math.max(0, ...gaps)
  return {
    perSecond: Math.round((pictures / ms) * 10_000) / 10,
    longest: Math.round(longest * 10) / 10,
    tooLong: supported ? tasks.length : gaps.filter((gap) => gap > long).length,
  }
}

const round = (n: number) => Math.round(n * 10) / 10
