// Which malloc: its version and its machine word decide how large things are, where they lie and what is checked.
//
//   struct malloc_state (main_arena)        2.36 x86-64   2.36 i386   2.13 x86-64   2.13 i386
//     mutex, flags                          +0, +4        +0, +4      +0, +4        +0, +4
//     have_fastchunks                       +8            +8          bit of flags  bit of flags
//     fastbinsY                             +0x10         +0xc        +0x8          +0x8
//     top, last_remainder                   +0x60         +0x38       +0x58         +0x30
//     bins: fd and bk of bin 1, 2, …        +0x70         +0x40       +0x68         +0x38
//     binmap                                +0x860        +0x438      +0x858        +0x430
//     next … system_mem, max_system_mem     +0x870        +0x448      +0x868        +0x440
//
// struct malloc_par (mp_) and malloc's other static variables follow main_arena; all of it is what malloc owns in the
// library's data. It starts as zeros: ptmallocInit() fills it in.

import type { GlibcVersion } from '../../state/machine.ts'

export type { GlibcVersion } from '../../state/machine.ts'

/** Where the fields of an arena lie, from its start. */
export interface ArenaLayout {
  flags: number
  haveFastchunks: number // 2.13 keeps it as a bit of the flags
  fastbins: number
  top: number
  lastRemainder: number
  bins: number
  binmap: number
  next: number
  attachedThreads: number // not in 2.13
  systemMem: number
  maxSystemMem: number
  size: number
}

/** Where the fields of mp_ and malloc's own variables lie, from the start of main_arena. */
export interface ParLayout {
  trimThreshold: number
  topPad: number
  mmapThreshold: number
  arenaTest: number
  arenaMax: number
  nMmaps: number
  nMmapsMax: number
  maxNMmaps: number
  noDynThreshold: number
  mmappedMem: number
  maxMmappedMem: number
  sbrkBase: number
  tcacheBins: number
  tcacheMaxBytes: number
  tcacheCount: number
  tcacheUnsortedLimit: number
  initialized: number // __malloc_initialized, int
  perturbByte: number // int
  checkAction: number // 2.13, int
  debugging: number // DEBUG_*, int
  globalMaxFast: number
  tcache: number // the thread's, as there is one thread
  tcacheKey: number
  threadArena: number // 2.13: the arena this thread used last
  alignedHeapArea: number // 2.13
}

export interface MallocFlavour {
  version: GlibcVersion
  bits: 64 | 32
  word: number // SIZE_SZ
  header: number // CHUNK_HDR_SZ
  alignment: number // MALLOC_ALIGNMENT
  alignMask: number
  minChunkSize: number // MIN_CHUNK_SIZE
  minSize: number // MINSIZE
  smallbinShift: number // log2 of the step between small bins
  smallbinCorrection: number
  minLargeSize: number // chunks from here on go to large bins
  fastbinShift: number
  nFastbins: number
  maxFastSize: number // largest value for M_MXFAST
  defaultMxfast: number
  mmapThresholdMax: number // the dynamic threshold's limit
  heapMaxSize: number // of the heaps of other arenas
  tcache: boolean
  tcacheMaxBytes: number // largest request that the thread cache serves
  safeLinking: boolean // next of the thread cache and fd of fast chunks are mangled
  hardened: boolean // the consistency checks that came after 2.13
  sizeLimit: boolean // a request above PTRDIFF_MAX fails at once
  checkActions: boolean // check_action decides what a found error does; MALLOC_CHECK_ is built in
  secondArena: boolean // a request that failed is tried again in another arena
  quick: boolean // quick.ts and quickTop.ts know this one
  arena: ArenaLayout
  par: ParLayout
  dataSize: number // bytes of main_arena, mp_ and the variables
}

export const NBINS = 128
export const BINMAP_WORDS = NBINS / 32
export const TCACHE_MAX_BINS = 64

/** Lays fields one after the other, each at a multiple of its size. */
class Fields {
  private at: number
  private readonly word: number
  constructor(start: number, word: number) {
    this.at = start
    this.word = word
  }
  int(count = 1): number {
    return this.take(4, count)
  }
  pointer(count = 1): number {
    return this.take(this.word, count)
  }
  end(): number {
    return Math.ceil(this.at / this.word) * this.word
  }
  private take(size: number, count: number): number {
    const start = Math.ceil(this.at / size) * size
    this.at = start + size * count
    return start
  }
}

function mkArenaLayout(version: GlibcVersion, word: number, nFastbins: number): ArenaLayout {
  const fields = new Fields(0, word)
  fields.int() // mutex
  const flags = fields.int()
  const haveFastchunks = version === '2.36' ? fields.int() : flags
  const fastbins = fields.pointer(nFastbins)
  const top = fields.pointer()
  const lastRemainder = fields.pointer()
  const bins = fields.pointer(NBINS * 2 - 2)
  const binmap = fields.int(BINMAP_WORDS)
  const next = fields.pointer()
  if (version === '2.36') fields.pointer() // next_free
  const attachedThreads = version === '2.36' ? fields.pointer() : -1
  const systemMem = fields.pointer()
  const maxSystemMem = fields.pointer()
  return {
    flags,
    haveFastchunks,
    fastbins,
    top,
    lastRemainder,
    bins,
    binmap,
    next,
    attachedThreads,
    systemMem,
    maxSystemMem,
    size: fields.end(),
  }
}

function mkParLayout(start: number, word: number): { par: ParLayout; end: number } {
  const fields = new Fields(Math.ceil(start / 16) * 16, word)
  const par: ParLayout = {
    trimThreshold: fields.pointer(),
    topPad: fields.pointer(),
    mmapThreshold: fields.pointer(),
    arenaTest: fields.pointer(),
    arenaMax: fields.pointer(),
    nMmaps: fields.int(),
    nMmapsMax: fields.int(),
    maxNMmaps: fields.int(),
    noDynThreshold: fields.int(),
    mmappedMem: fields.pointer(),
    maxMmappedMem: fields.pointer(),
    sbrkBase: fields.pointer(),
    tcacheBins: fields.pointer(),
    tcacheMaxBytes: fields.pointer(),
    tcacheCount: fields.pointer(),
    tcacheUnsortedLimit: fields.pointer(),
    initialized: fields.int(),
    perturbByte: fields.int(),
    checkAction: fields.int(),
    debugging: fields.int(),
    globalMaxFast: fields.pointer(),
    tcache: fields.pointer(),
    tcacheKey: fields.pointer(),
    threadArena: fields.pointer(),
    alignedHeapArea: fields.pointer(),
  }
  return { par, end: fields.end() }
}

function mkFlavour(version: GlibcVersion, bits: 64 | 32): MallocFlavour {
  const word = bits / 8
  const modern = version === '2.36'
  const alignment = modern ? 16 : 2 * word
  const alignMask = alignment - 1
  const minChunkSize = 4 * word
  const minSize = Math.ceil(minChunkSize / alignment) * alignment
  const smallbinCorrection = alignment > 2 * word ? 1 : 0
  const fastbinShift = bits === 64 ? 4 : 3
  const maxFastSize = 20 * word
  const largestFast = Math.floor((maxFastSize + word + alignMask) / alignment) * alignment
  const nFastbins = (largestFast >> fastbinShift) - 1
  const mmapThresholdMax = bits === 64 ? 32 * 1024 * 1024 : 512 * 1024
  const arena = mkArenaLayout(version, word, nFastbins)
  const { par, end } = mkParLayout(arena.size, word)
  return {
    version,
    bits,
    word,
    header: 2 * word,
    alignment,
    alignMask,
    minChunkSize,
    minSize,
    smallbinShift: alignment === 16 ? 4 : 3,
    smallbinCorrection,
    minLargeSize: (64 - smallbinCorrection) * alignment,
    fastbinShift,
    nFastbins,
    maxFastSize,
    defaultMxfast: 16 * word,
    mmapThresholdMax,
    heapMaxSize: 2 * mmapThresholdMax,
    tcache: modern,
    tcacheMaxBytes: (TCACHE_MAX_BINS - 1) * alignment + minSize - word,
    safeLinking: modern,
    hardened: modern,
    sizeLimit: modern,
    checkActions: !modern,
    secondArena: !modern,
    quick: modern && bits === 64,
    arena,
    par,
    dataSize: end,
  }
}

export const GLIBC_2_36_X86_64 = mkFlavour('2.36', 64)
export const GLIBC_2_36_I386 = mkFlavour('2.36', 32)
export const GLIBC_2_13_X86_64 = mkFlavour('2.13', 64)
export const GLIBC_2_13_I386 = mkFlavour('2.13', 32)

export function findFlavour(version: GlibcVersion, bits: 64 | 32): MallocFlavour {
  if (version === '2.36') return bits === 64 ? GLIBC_2_36_X86_64 : GLIBC_2_36_I386
  return bits === 64 ? GLIBC_2_13_X86_64 : GLIBC_2_13_I386
}
