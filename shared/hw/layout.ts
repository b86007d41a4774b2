// How addresses are laid out: page size, page-table levels, where user space ends and what begins where in it.
//
//   x86-64, 4 KiB pages            PGD      PUD      PMD      PTE     byte
//   47 bits of user address        47..39   38..30   29..21   20..12  11..0
//   i386, 4 KiB pages                                PGD      PTE     byte
//   32 bits of address                               31..22   21..12  11..0
//
// A table fills one page, entries have 8 bytes or 4: larger pages hold more of them, so there are fewer levels.
//
//            levels x bits of each, and of the byte in the page
//            64 bits                            32 bits
//    4 KiB   4 x 9, 12   x86-64                 2 x 10, 12   i386, PPC32
//   16 KiB   3 x 11, 14  arm64 with 47 bits     2 x 12, 14   PPC32
//   64 KiB   3 x 13, 16  arm64, but for 48 bits 2 x 14, 16   PPC32
//  256 KiB   2 x 15, 18  no machine has them    2 x 16, 18   PPC32
//
// With 32 bits and large pages the top table is hardly used: at 256 KiB one entry of it covers all. PPC32 then makes
// tables of PTEs of a quarter of a page; here they fill one all the same. Addresses are x86's in every case.

import { log2, roundDown, roundUp } from '../lib/bits.ts'

export interface Layout {
  bits: 64 | 32
  pageShift: number
  pteShift: number // log2 of the bytes of one entry: 3, or 2 on i386
  levels: number // page-table levels, the top one included
  tableShift: number // log2 of the entries of one table
  entrySpan: number[] // per level: bytes of address space that one entry stands for; level 0 holds the PTEs of pages
  entryFraction: number[] // 1 / entrySpan, exact: dividing an address is a multiplication
  taskSize: number // first address beyond user space
  stackTop: number // end of the stack, no randomization
  mmapBase: number // mmap() places downward from here
  textStart: number // a program's first segment
  dataStart: number // its writable one; 0: right behind the text
  heapStart: number // unless the program reaches further
}

export const PAGE_SIZES = [4096, 16384, 65536, 262144]

/** Where the parts of a process lie; what is not a multiple of large pages is rounded, as a linker does. */
const places = {
  64: {
    addressBits: 47,
    taskSize: 0x7fff_ffff_f000,
    mmapBase: 0x7fff_f7ff_f000,
    textStart: 0x40_0000,
    dataStart: 0x60_0000,
    heapStart: 0x100_0000,
  },
  32: {
    addressBits: 32,
    taskSize: 0xc000_0000,
    mmapBase: 0xb800_0000,
    textStart: 0x804_8000,
    dataStart: 0,
    heapStart: 0x900_0000,
  },
} as const

/**
 * Whether an address has the form of one, be it the kernel's: x86-64 wants the bits above the 47th to be all alike, and says
 * of others that they violate protection, not that nothing is there. Those of the kernel's half may be given as negative.
 */
export function isCanonical({ bits }: Layout, va: number): boolean {
  return bits === 32 || (va >= -(2 ** 47) && va < 2 ** 47) || va >= 2 ** 64 - 2 ** 47
}

export function mkLayout(bits: 64 | 32, pageSize: number): Layout {
  const pageShift = log2(pageSize)
  const pteShift = bits === 64 ? 3 : 2
  const tableShift = pageShift - pteShift
  const { addressBits, taskSize, mmapBase, textStart, dataStart, heapStart } = places[bits]
  const levels = Math.max(2, Math.ceil((addressBits - pageShift) / tableShift))
  const entrySpan = Array.from(
    { length: levels },
    (_, level) => 2 ** (pageShift + level * tableShift),
  )
  const end = roundDown(taskSize, pageSize)
  return {
    bits,
    pageShift,
    pteShift,
    levels,
    tableShift,
    entrySpan,
    entryFraction: entrySpan.map((span) => 1 / span),
    taskSize: end,
    stackTop: end,
    mmapBase: roundDown(mmapBase, pageSize),
    textStart: roundUp(textStart, pageSize),
    dataStart,
    heapStart,
  }
}
