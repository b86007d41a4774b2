// The TLB: the last translations of the running address space, direct-mapped, and beside it the page table that was
// walked last. A pure cache: neither saved nor hashed; whatever would make an entry stale empties it.
//
// It is emptied often, and has many entries: so each bears the number of the generation in which it was made, in the bits
// of its tag that the address of a page leaves free, and a new generation makes all earlier entries worthless.

export const TLB_ENTRIES = 4096
// Addresses of pages have 12 bits free. Generations are 8 apart, so that an address with a bit below that equals no tag.
const GENERATION = 8
const GENERATIONS = 4096
// Up to so many pages are flushed one by one (tlb_single_page_flush_ceiling, 33 there): what free() gives back at the heap's
// end must not cost the translations of the whole heap.
const SINGLE_PAGE_FLUSH_CEILING = 256

export interface Tlb {
  mm: number // id of the address space it belongs to
  generation: number
  changes: number // how often translations were taken back: while it stays the same, so does what was looked up
  readTag: Float64Array // address of the page + generation; NaN for none, which equals no number
  writeTag: Float64Array // set only while the frame counts as written and the PTE is writable
  base: Int32Array // index of the frame's first word in RAM
  region: number // which lowest-level table was walked last: address / what one table covers; -1 for none
  table: number // its frame
  vma: number // where in the list of VMAs the last fault's one stood; may be another's by now
}

export function mkTlb(): Tlb {
  return {
    mm: 0,
    generation: 0,
    changes: 0,
    readTag: new Float64Array(TLB_ENTRIES).fill(NaN),
    writeTag: new Float64Array(TLB_ENTRIES).fill(NaN),
    base: new Int32Array(TLB_ENTRIES),
    region: -1,
    table: 0,
    vma: 0,
  }
}

export function flushTlb(tlb: Tlb): void {
  tlb.changes++
  tlb.generation += GENERATION
  if (tlb.generation === GENERATIONS) {
    tlb.readTag.fill(NaN)
    tlb.writeTag.fill(NaN)
    tlb.generation = 0
  }
  tlb.region = -1
}

/** Which entry an address's page may be in. */
export function tlbSlot(va: number, pageShift: number): number {
  return (va >>> pageShift) & (TLB_ENTRIES - 1)
}

/** Forgets the translations of [start, end): page by page where those are few, as the kernel does it (flush_tlb_mm_range). */
export function flushTlbRange(tlb: Tlb, start: number, end: number, pageShift: number): void {
  const pageSize = 2 ** pageShift
  if (end - start > SINGLE_PAGE_FLUSH_CEILING * pageSize) flushTlb(tlb)
  else for (let va = start; va < end; va += pageSize) flushTlbPage(tlb, va, pageShift)
}

export function flushTlbPage(tlb: Tlb, va: number, pageShift: number): void {
  const slot = tlbSlot(va, pageShift)
  tlb.changes++
  tlb.readTag[slot] = NaN
  tlb.writeTag[slot] = NaN
}

/** The address space that the CPU runs in (writing CR3). */
export function switchMm(tlb: Tlb, mm: number): void {
  if (tlb.mm === mm) return
  flushTlb(tlb)
  tlb.mm = mm
}
