// Swap devices and their slots (mm/swapfile.c). A slot is in use while PTEs (or a tmpfs file) say that a page is there,
// or while a frame in the swap cache holds the same content.

import { assert } from '../lib/assert.ts'
import { mkSwapEntry, swapDevice, swapSlot } from '../hw/mmu.ts'
import { mkDiskRam } from '../hw/ram.ts'
import type { Machine } from '../state/machine.ts'
import { NO_PFN } from '../state/page.ts'
import type { SwapDevice, SwapEntry } from '../state/swap.ts'

const MAX_SWAPFILES = 32

/** A device of that size, switched on: the newest has the lowest priority. Its first page is the header. */
export function addSwapDevice(m: Machine, path: string, bytes: number): void {
  const nrSlots = Math.floor(bytes / m.pageSize)
  let type = 0
  while (m.swaps.some((device) => device.type === type)) type++
  assert(type < MAX_SWAPFILES && nrSlots > 1, 'there is a number for one more swap device')
  m.swaps.push({
    type,
    path,
    priority: m.swaps.reduce((lowest, { priority }) => Math.min(lowest, priority), -1) - 1,
    pages: nrSlots - 1,
    inUse: 0,
    next: 1,
    map: new Int32Array(nrSlots),
    cache: new Int32Array(nrSlots).fill(NO_PFN),
    shadows: new Float64Array(nrSlots),
    ram: mkDiskRam(nrSlots * m.pageSize, m.layout.pageShift),
  })
}

/** All slots, in pages (SwapTotal). */
export function totalSwapPages(m: Machine): number {
  let pages = 0
  for (const device of m.swaps) pages += device.pages
  return pages
}

/** Slots that are free, in pages (SwapFree). */
export function freeSwapPages(m: Machine): number {
  let pages = 0
  for (const device of m.swaps) pages += device.pages - device.inUse
  return pages
}

/** More than half of swap is used: slots of pages that are in memory as well are given back (vm_swap_full). */
export function vmSwapFull(m: Machine): boolean {
  return freeSwapPages(m) * 2 < totalSwapPages(m)
}

export function deviceOf(m: Machine, entry: SwapEntry): SwapDevice {
  const type = swapDevice(entry)
  for (const device of m.swaps) if (device.type === type) return device
  assert(false, 'a swap entry names a device that is on')
}

/**
 * A free slot on the device with the highest priority, behind the last one given if possible: pages that leave together
 * lie together. 0: swap is full. The slot is in use once something refers to it.
 */
export function getSwapPage(m: Machine): SwapEntry {
  for (const device of m.swaps) {
    if (device.inUse === device.pages) continue
    let slot = device.next
    while (!isFreeSlot(device, slot)) slot = slot === device.pages ? 1 : slot + 1
    device.next = slot === device.pages ? 1 : slot + 1
    device.inUse++
    return mkSwapEntry(device.type, slot)
  }
  return 0
}

function isFreeSlot(device: SwapDevice, slot: number): boolean {
  return device.map[slot] === 0 && device.cache[slot] === NO_PFN
}

/** One PTE more says that the page is there. */
export function swapDuplicate(m: Machine, entry: SwapEntry): void {
  deviceOf(m, entry).map[swapSlot(entry)]++
}

/** One PTE fewer. What is only in the swap cache stays in use. */
export function swapFree(m: Machine, entry: SwapEntry): void {
  const device = deviceOf(m, entry)
  const slot = swapSlot(entry)
  assert(device.map[slot] > 0, 'a swap slot is dropped that nobody has')
  device.map[slot]--
  putSlot(device, slot)
}

/** The slot is free if neither a PTE nor the swap cache needs it. */
export function putSlot(device: SwapDevice, slot: number): void {
  if (!isFreeSlot(device, slot)) return
  device.shadows[slot] = 0
  device.inUse--
}

/** PTEs that say that the page is there. */
export function swapCount(m: Machine, entry: SwapEntry): number {
  return deviceOf(m, entry).map[swapSlot(entry)]
}
