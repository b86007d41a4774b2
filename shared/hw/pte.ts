// Page-table entries as the MMU reads them (arch/x86/include/asm/pgtable_types.h).
//
//   31            12 11      9  6 5     2 1 0        bit 63 (in the second word; not on i386)
//   [ frame number  |  ...  | D A |   |U W P ]       NX
//
// Here an entry is its low word; NX is kept in a software bit of it.

import type { Pfn } from './ram.ts'

export const PTE_PRESENT = 0x1
export const PTE_WRITE = 0x2
export const PTE_USER = 0x4
export const PTE_ACCESSED = 0x20
export const PTE_DIRTY = 0x40
export const PTE_PROTNONE = 0x100 // memory without any access right: not present for the MMU, present for the kernel
export const PTE_NX = 0x200

// An entry that is not present may say where in swap the page is: slot, device, and whether nobody else has it.
//
//   31            12 11 10     6   2
//   [     slot      | E  1 | device |
export const PTE_SWAP = 0x400
export const PTE_SWP_EXCLUSIVE = 0x800

export type Pte = number
export type Ptep = number // the place of an entry: number of the frame that holds the table, then the index in it
export const NO_PTE = -1

const PFN_SHIFT = 12

export function mkPte(pfn: Pfn, flags: number): Pte {
  return (pfn << PFN_SHIFT) | flags
}

export function ptePfn(pte: Pte): Pfn {
  return pte >>> PFN_SHIFT
}

export function pteNone(pte: Pte): boolean {
  return pte === 0
}

export function ptePresent(pte: Pte): boolean {
  return (pte & (PTE_PRESENT | PTE_PROTNONE)) !== 0
}

export function pteSwap(pte: Pte): boolean {
  return (pte & (PTE_PRESENT | PTE_PROTNONE | PTE_SWAP)) === PTE_SWAP
}

export function mkSwapEntry(device: number, slot: number): Pte {
  return (slot << PFN_SHIFT) | (device << 2) | PTE_SWAP
}

export function swapDevice(entry: Pte): number {
  return (entry >> 2) & 0x1f
}

export function swapSlot(entry: Pte): number {
  return entry >>> PFN_SHIFT
}

export function pteWrite(pte: Pte): boolean {
  return (pte & PTE_WRITE) !== 0
}

export function pteDirty(pte: Pte): boolean {
  return (pte & PTE_DIRTY) !== 0
}
