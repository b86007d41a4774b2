// How addresses are laid out: page size, page-table levels, where user space ends.
//
//   x86-64, 4 KiB pages            PGD      PUD      PMD      PTE     byte
//   47 bits of user address        47..39   38..30   29..21   20..12  11..0
//
// With larger pages a table of one page holds more entries, so there are fewer levels or a small top.

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
}

export function mkLayout(bits: 64 | 32, pageSize: number): Layout {
  const pageShift = 31 - Math.clz32(pageSize)
  const pteShift = bits === 64 ? 3 : 2
  const tableShift = pageShift - pteShift
  const addressBits = bits === 64 ? 47 : 32
  const levels = Math.ceil((addressBits - pageShift) / tableShift)
  const entrySpan = Array.from(
    { length: levels },
    (_, level) => 2 ** (pageShift + level * tableShift),
  )
  const entryFraction = entrySpan.map((span) => 1 / span)
  return bits === 64
    ? {
        bits,
        pageShift,
        pteShift,
        levels,
        tableShift,
        entrySpan,
        entryFraction,
        taskSize: 0x7fff_ffff_f000 - (0x7fff_ffff_f000 % pageSize),
        stackTop: 0x7fff_ffff_f000 - (0x7fff_ffff_f000 % pageSize),
        mmapBase: 0x7fff_f7ff_f000 - (0x7fff_f7ff_f000 % pageSize),
      }
    : {
        bits,
        pageShift,
        pteShift,
        levels,
        tableShift,
        entrySpan,
        entryFraction,
        taskSize: 0xc000_0000,
        stackTop: 0xc000_0000,
        mmapBase: 0xb800_0000,
      }
}
