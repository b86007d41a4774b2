// The balloon: memory that the host takes away from the machine, and gives back (drivers/virtio/virtio_balloon.c).
//
// A kernel thread asks for frames, one after the other, and leaves them to the host: they are in use (PG_OFFLINE), nobody
// here sees into them, and they no longer count as the machine's own (MemTotal). It must not harm: reclaim is tried, the
// OOM killer is never called. Where reclaim finds nothing the thread is "out of puff" and tries again a moment later.
//
// Left out: giving frames back when memory is out (VIRTIO_BALLOON_F_DEFLATE_ON_OOM, which hosts do not offer by default),
// free page hints, moving a frame for compaction.

import { assert } from '../lib/assert.ts'
import type { Machine } from '../state/machine.ts'
import { NO_PFN, PG_OFFLINE } from '../state/page.ts'
import { printk } from '../state/printk.ts'
import { ratelimit } from '../state/ratelimit.ts'
import { wakeUp } from '../state/runqueue.ts'
import { allocPage, putPage } from './pageAlloc.ts'
import { tryToFreePages, wakeupKswapd } from './vmscan.ts'

/** What handing over or taking back one frame costs, in instructions. */
const FRAME_FUEL = 500
/** The driver waits 0.2 s when it got nothing. */
const PUFF_TICKS = 4

/** How many frames the host wants from now on; the thread, which must be there, goes to work. */
export function setBalloonTarget(m: Machine, pages: number): void {
  const { balloon } = m
  assert(balloon.thread !== null, 'the balloon has its thread')
  balloon.target = pages
  if (balloon.frames.length === pages) return
  wakeUp(m, balloon.thread)
  balloon.thread.wait = { for: 'nothing' }
}

/** A slice of the thread: towards the target. Fuel used. */
export function runBalloon(m: Machine, fuel: number): number {
  const { balloon } = m
  const thread = balloon.thread!
  let used = 0
  while (used < fuel && thread.ioUntil === 0) {
    const size = balloon.frames.length
    if (size === balloon.target) {
      thread.state = 'S'
      thread.wait = { for: 'input' }
      return used + 1
    }
    if (size > balloon.target) deflate(m)
    else if (!inflate(m)) {
      if (ratelimit(m, balloon.puffs, 'fill_balloon'))
        printk(m, `virtio_balloon virtio0: Out of puff! Can't get 1 pages`, 'info')
      thread.state = 'S'
      thread.wait = { for: 'timer', until: m.ticks + PUFF_TICKS }
      return used + FRAME_FUEL
    }
    used += FRAME_FUEL
  }
  return used
}

function inflate(m: Machine): boolean {
  const pfn = allocHarmlessly(m)
  if (pfn === NO_PFN) return false
  m.balloon.frames.push(pfn)
  m.vmstat.balloon_inflate++
  adjustManagedPages(m, -1)
  return true
}

function deflate(m: Machine): void {
  putPage(m, m.balloon.frames.pop()!)
  m.vmstat.balloon_deflate++
  adjustManagedPages(m, 1)
}

/** A frame above the reserve (__GFP_NORETRY, __GFP_NOMEMALLOC): one round of reclaim may help, nobody is killed for it. */
function allocHarmlessly(m: Machine): number {
  const { zone } = m
  if (zone.freePages <= zone.watermarkLow) wakeupKswapd(m)
  if (zone.freePages <= zone.watermarkMin && tryToFreePages(m, 0) === 0) return NO_PFN
  return zone.freePages <= zone.watermarkMin ? NO_PFN : allocPage(m, PG_OFFLINE, 0)
}

/** Watermarks stay as they were set at boot. */
function adjustManagedPages(m: Machine, by: number): void {
  m.zone.managedPages += by
  m.totalramPages += by
}
