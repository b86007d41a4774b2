// `npm run soak [MINUTES] [FRAMES]`: a page that looks at a busy room for ten minutes. Its heap, the
// memory of the process it shares with its worker, and the server's have to stay level: the last third is compared with the first third after a warm-up. Exit status 1 if not.

import { readFile } from 'node:fs/promises'
import type { CDPSession } from 'playwright-core'
import { launchBrowser } from '../helpers/browser.ts'
import { openBusyRoom } from './busyRoom.ts'

const MIB = 2 ** 20
const SEATS = 40
const WARM_UP_MINUTES = 1.5
const GROWTH_MOST = 1.1
const SLACK_MIB = 4

const minutes = Number(process.argv[2] ?? 10)
const frames = Number(process.argv[3] ?? 65_536)
const samples: Record<'page' | 'renderer' | 'server', number>[] = []

const browser = await launchBrowser(['--enable-precise-memory-info', '--js-flags=--expose-gc'])
const room = await openBusyRoom(browser, frames, SEATS)
try {
  const every = Math.max(5, (minutes * 60) / 40)
  const start = performance.now()
  const session = await browser.newBrowserCDPSession()
  console.log('  minute  page renderer server (MiB)')
  for (;;) {
    await room.page.waitForTimeout(every * 1000)
    const minute = (performance.now() - start) / 60_000
    if (minute > minutes) break
    const used = {
      page: await room.page.evaluate(heapUsed),
      renderer: await renderers(session),
      server: await residentOf(room.server.pid),
    }
    console.log(
      [minute, used.page, used.renderer, used.server]
        .map((n) => n.toFixed(1).padStart(8))
        .join(' '),
    )
    if (minute >= Math.min(WARM_UP_MINUTES, minutes / 4)) samples.push(used)
  }
  let level = true
  for (const what of ['page', 'renderer', 'server'] as const) {
    const third = Math.max(1, Math.floor(samples.length / 3))
    const mean = (list: typeof samples) =>
      list.reduce((sum, one) => sum + one[what], 0) / list.length
    const [first, last] = [mean(samples.slice(0, third)), mean(samples.slice(-third))]
    const ok = last <= first * GROWTH_MOST + SLACK_MIB
    level &&= ok
    console.log(
      `${what}: ${first.toFixed(1)} to ${last.toFixed(1)} MiB, ${ok ? 'level' : 'GROWING'}`,
    )
  }
  console.log(`${room.statements()} statements`)
  process.exitCode = level ? 0 : 1
} finally {
  await room.close()
  await browser.close()
}

/** In MiB, after a collection: arrays of bytes are counted as well. */
async function heapUsed(): Promise<number> {
  const { gc } = globalThis as { gc?: () => void }
  for (let i = 0; i < 2; i++) {
    gc?.()
    await new Promise((done) => setTimeout(done, 50))
  }
  const { memory } = performance as { memory?: { usedJSHeapSize: number } }
  return (memory?.usedJSHeapSize ?? 0) / 2 ** 20
}

/** A worker's heap cannot be asked for; its process can, and holds the replica's RAM as well. */
async function renderers(session: CDPSession): Promise<number> {
  await room.replica.evaluate(() => (globalThis as { gc?: () => void }).gc?.())
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  const pids = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
  const sizes = await Promise.all(pids.map(residentOf))
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function residentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return (Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024) / MIB
}
