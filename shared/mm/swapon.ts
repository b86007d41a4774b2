// swapon(2) and swapoff(2): a swap device is put to use, or its pages are fetched back (mm/swapfile.c).

import { EBUSY, EINVAL, ENOENT, ENOMEM } from '../lib/errno.ts'
import { NO_PTE, pteSwap, swapDevice } from '../hw/mmu.ts'
import type { Machine } from '../state/machine.ts'
import { VM_FAULT_OOM, type Mm } from '../state/mm.ts'
import { NO_PFN } from '../state/page.ts'
import { printk } from '../state/printk.ts'
import type { SwapDevice } from '../state/swap.ts'
import { readPage } from './filemap.ts'
import { faultIn, forEachPte } from './memory.ts'
import { vmEnoughMemory, vmUnacctMemory } from './overcommit.ts'
import { freeSwapOf } from './swapState.ts'
import { addSwapDevice } from './swapfile.ts'
import { vmasOf } from './vma.ts'

/** The machine's swap partition; its size is that of the options. */
export const SWAP_DEVICE = '/dev/vdb'

/** The device's slots are used from now on. 0 or -errno. */
export function swapon(m: Machine, path: string): number {
  if (path !== SWAP_DEVICE || m.options.swap === 0) return -ENOENT
  if (m.swaps.some((device) => device.path === path)) return -EBUSY
  addSwapDevice(m, path, m.options.swap)
  const { pages, priority } = m.swaps[m.swaps.length - 1]
  const kb = (pages * m.pageSize) / 1024
  const text = `Adding ${kb}k swap on ${path}.  Priority:${priority} extents:1 across:${kb}k `
  printk(m, text, 'info')
  return 0
}

/** Brings back what is on the device and takes it out of use. 0 or -errno; -ENOMEM leaves it on. */
export function swapoff(m: Machine, path: string): number {
  const device = m.swaps.find((other) => other.path === path)
  if (device === undefined) return -EINVAL
  // What is promised must fit without the device.
  if (!vmEnoughMemory(m, device.pages, true, 0)) return -ENOMEM
  vmUnacctMemory(m, device.pages)
  // Whoever switches swap off and makes memory short by it is the first to be killed.
  const caller = m.current
  if (caller !== null) caller.oomOrigin = true
  const fetched = unuse(m, device)
  if (caller !== null) caller.oomOrigin = false
  if (!fetched) return -ENOMEM
  m.swaps.splice(m.swaps.indexOf(device), 1)
  return 0
}

/** Every page of the device comes back to memory (try_to_unuse). False: there is not enough. */
function unuse(m: Machine, device: SwapDevice): boolean {
  for (const task of m.tasks.values()) {
    if (task.mm !== null && !unuseMm(m, task.mm, device)) return false
  }
  for (const inode of m.inodes.values()) {
    for (const [index, entry] of [...inode.swapped]) {
      if (swapDevice(entry) !== device.type) continue
      if (readPage(m, inode, index, 0) === NO_PFN) return false
    }
  }
  for (let slot = 1; slot <= device.pages; slot++) {
    const pfn = device.cache[slot]
    if (pfn !== NO_PFN) freeSwapOf(m, pfn)
  }
  return device.inUse === 0
}

function unuseMm(m: Machine, mm: Mm, device: SwapDevice): boolean {
  for (const vma of vmasOf(mm)) {
    const there: number[] = []
    forEachPte(m, mm, vma.start, vma.end, (va, _ptep, pte) => {
      if (pteSwap(pte) && swapDevice(pte) === device.type) there.push(va)
    })
    for (const va of there)
      if ((faultIn(m, vma, va, false, NO_PTE) & VM_FAULT_OOM) !== 0) return false
  }
  return true
}
