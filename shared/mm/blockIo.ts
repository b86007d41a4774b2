// What the disk costs: time (block/blk-core.c, much simplified). It has one head. A request waits for those before it,
// for the head unless it goes on where the last one ended, and for the transfer. Data is moved at once; who needs it
// sleeps until the disk would have brought it.

import { assert } from '../lib/assert.ts'
import { mkDiskRam } from '../hw/ram.ts'
import { machineUs } from '../state/clock.ts'
import type { Machine } from '../state/machine.ts'
import type { Disk } from '../state/swap.ts'

/** Moving the head, and the transfer of 4 KiB at 100 MB/s. */
const SEEK_US = 4000
const TRANSFER_US_PER_KB = 10

/** The file system's share of the disk. */
const DISK_BYTES = 128 * 2 ** 20

/** Blocks from here on are swap devices', from there on the built-in programs'. */
const SWAP_POSITION = 2 ** 24
const IMAGE_POSITION = 2 ** 28

export function mkDisk(pageShift: number): Disk {
  const ram = mkDiskRam(DISK_BYTES, pageShift)
  return {
    busyUntil: 0,
    position: 0,
    ram,
    free: ram.nrFrames,
    used: new Uint8Array(ram.nrFrames),
    next: 0,
  }
}

export function swapPosition(type: number, slot: number): number {
  return SWAP_POSITION + type * 2 ** 20 + slot
}

export function imagePosition(ino: number, index: number): number {
  return IMAGE_POSITION + ino * 2 ** 20 + index
}

/** Brings `pages` from that place on; the running task sleeps until they are there. */
export function readBlocks(m: Machine, position: number, pages: number): void {
  m.vmstat.pgpgin += (pages * m.pageSize) / 1024
  const done = request(m, position, pages)
  if (m.current !== null) m.current.ioUntil = Math.max(m.current.ioUntil, done)
}

/** Writes `pages`; nobody waits for it. */
export function writeBlocks(m: Machine, position: number, pages: number): void {
  m.vmstat.pgpgout += (pages * m.pageSize) / 1024
  request(m, position, pages)
}

/** The running task sleeps until the disk has done everything that it was asked (throttling). */
export function waitForDisk(m: Machine): void {
  if (m.current === null || m.disk.busyUntil <= machineUs(m)) return
  m.current.ioUntil = Math.max(m.current.ioUntil, m.disk.busyUntil)
}

/** µs of work that the disk has before it. */
export function diskBacklog(m: Machine): number {
  return Math.max(0, m.disk.busyUntil - machineUs(m))
}

function request(m: Machine, position: number, pages: number): number {
  const { disk } = m
  const seek = position === disk.position ? 0 : SEEK_US
  const transfer = ((pages * m.pageSize) / 1024) * TRANSFER_US_PER_KB
  disk.busyUntil = Math.max(disk.busyUntil, machineUs(m)) + seek + transfer
  disk.position = position + pages
  return disk.busyUntil
}

/** A free block of the file system, -1 when the disk is full. */
export function allocBlock({ disk }: Machine): number {
  if (disk.free === 0) return -1
  const found = disk.used.indexOf(0, disk.next)
  const block = found >= 0 ? found : disk.used.indexOf(0)
  disk.used[block] = 1
  disk.next = (block + 1) % disk.used.length
  disk.free--
  return block
}

export function freeBlock({ disk }: Machine, block: number): void {
  assert(disk.used[block] === 1, 'a block is freed that is in use')
  disk.used[block] = 0
  disk.free++
}
