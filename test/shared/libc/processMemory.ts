// A process's memory for tests of malloc that need no machine: data, a heap that grows by brk, mappings.

import type { MallocFlavour } from '../../../shared/libc/ptmalloc/flavour.ts'
import { BINMAP_OFFSET } from '../../../shared/libc/ptmalloc/quickLayout.ts'
import { highHalf, joinHalves, type MallocEnv } from '../../../shared/libc/ptmalloc/env.ts'

const PAGE = 4096
const HOST_PAGES = 8192 // how many different pages a test may touch
const CACHE = 4096
const DATA_OFFSET = 0xd2000 // of the library's data from where mappings begin
const BELOW_HEAP = 0x10000 // the break was moved up to where the heap starts

/** Unwinds out of malloc: the process is dead. */
export class Killed extends Error {
  readonly signal: 'SIGSEGV' | 'SIGABRT' | 'SIGALRM'
  constructor(signal: 'SIGSEGV' | 'SIGABRT' | 'SIGALRM') {
    super(signal)
    this.signal = signal
  }
}

interface Range {
  start: number
  end: number
}

export interface ProcessOptions {
  heapStart: number
  mmapTop: number
  limit: number // bytes of address space that can be had
  environment: Record<string, string>
}

const OPTIONS: Record<64 | 32, Omit<ProcessOptions, 'environment'>> = {
  64: { heapStart: 0x555556000000, mmapTop: 0x7ffff7000000, limit: 2 ** 35 },
  32: { heapStart: 0x59000000, mmapTop: 0xf7000000, limit: 0x3f000000 },
}

export class ProcessMemory {
  readonly env: MallocEnv
  readonly heapStart: number
  readonly messages: string[] = []
  errno = 0
  calls = { sbrk: 0, mmap: 0, munmap: 0, mremap: 0, madvise: 0 }
  private readonly words = new Int32Array((HOST_PAGES * PAGE) / 4)
  private readonly bytes = new Uint8Array(this.words.buffer)
  private readonly pages = new Map<number, number>() // index of the page's first word
  private readonly tags = new Float64Array(CACHE).fill(-1)
  private readonly cached = new Int32Array(CACHE)
  private readonly spare: number[] = [] // pages that were dropped
  private touched = 0
  private ranges: Range[] = []
  private readonly data: Range
  private brk: number
  private mmapNext: number
  private used = 0

  constructor(
    flavour: MallocFlavour,
    environment: Record<string, string> = {},
    heapStart = OPTIONS[flavour.bits].heapStart,
  ) {
    const options = OPTIONS[flavour.bits]
    this.heapStart = heapStart
    this.brk = heapStart
    this.mmapNext = options.mmapTop
    const dataStart = options.mmapTop + DATA_OFFSET
    this.data = { start: dataStart, end: dataStart + 2 * PAGE }
    const limit = options.limit
    const wide = flavour.bits === 64
    const fail = (): never => {
      throw new Killed('SIGSEGV')
    }
    const { tags, cached, words } = this
    const page = (va: number): number => {
      const slot = (va >>> 12) & (CACHE - 1)
      if (tags[slot] === va - (va & (PAGE - 1))) return cached[slot]
      const found = this.pageIn(Math.floor(va / PAGE))
      return found < 0 ? fail() : found
    }
    const load32 = (va: number): number => {
      if ((va & 3) !== 0) return this.load32Unaligned(va)
      return words[page(va) + ((va & (PAGE - 1)) >> 2)]
    }
    const store32 = (va: number, value: number): void => {
      if ((va & 3) !== 0) this.store32Unaligned(va, value)
      else words[page(va) + ((va & (PAGE - 1)) >> 2)] = value
    }
    const locate = (va: number): number => {
      const slot = (va >>> 12) & (CACHE - 1)
      if (tags[slot] !== va - (va & (PAGE - 1)) || (va & 3) !== 0) return -1
      return cached[slot] + ((va & (PAGE - 1)) >> 2)
    }
    const load8 = (va: number): number =>
      (words[page(va) + ((va & (PAGE - 1)) >> 2)] >>> ((va & 3) * 8)) & 0xff
    const store8 = (va: number, byte: number): void => {
      const index = page(va) + ((va & (PAGE - 1)) >> 2)
      const shift = (va & 3) * 8
      words[index] = (words[index] & ~(0xff << shift)) | ((byte & 0xff) << shift)
    }
    const load = (va: number): number => {
      if (!wide) return load32(va) >>> 0
      if ((va & 7) !== 0) return joinHalves(load32(va), load32(va + 4))
      const index = page(va) + ((va & (PAGE - 1)) >> 2)
      return joinHalves(words[index], words[index + 1])
    }
    const store = (va: number, value: number): void => {
      if (!wide || (va & 7) !== 0) {
        store32(va, value | 0)
        if (wide) store32(va + 4, highHalf(value))
        return
      }
      const index = page(va) + ((va & (PAGE - 1)) >> 2)
      words[index] = value | 0
      words[index + 1] = highHalf(value)
    }
    const mainArena = this.data.start + 0xc60
    this.env = {
      flavour,
      pageSize: PAGE,
      mainArena,
      programName: './program',
      load8,
      store8,
      load16: (va) => load8(va) | (load8(va + 1) << 8),
      store16: (va, half) => {
        store8(va, half)
        store8(va + 1, half >> 8)
      },
      load32,
      store32,
      load,
      store,
      copyWord: (to, from, lowKey, highKey) => {
        const low = load32(from) ^ lowKey
        const high = wide ? load32(from + 4) ^ highKey : 0
        store32(to, low)
        if (wide) store32(to + 4, high)
      },
      loadOwn: (offset) => load(mainArena + offset),
      storeOwn: (offset, value) => store(mainArena + offset, value),
      loadOwn32: (offset) => load32(mainArena + offset),
      storeOwn32: (offset, half) => store32(mainArena + offset, half),
      locate,
      locateWritable: locate,
      words,
      locateLists: () => locate(mainArena),
      locateVariables: () => locate(mainArena + BINMAP_OFFSET),
      locateTcache: (low, high) => locate(joinHalves(low, high)),
      fill: (va, byte, length) => {
        if (!this.fill(va, byte, length)) fail()
      },
      copy: (to, from, length) => {
        const bytes = this.read(from, length) ?? fail()
        if (!this.write(to, bytes)) fail()
      },
      sbrk: (increment) => this.sbrk(increment),
      mmap: (hint, length) => this.mmap(hint, length, limit),
      munmap: (va, length) => this.munmap(va, length),
      mremap: (va, oldLength, newLength) => this.mremap(va, oldLength, newLength, limit),
      mprotect: () => 0,
      madviseDontneed: (va, length) => {
        this.calls.madvise++
        this.drop(va, va + length)
        return 0
      },
      setErrno: (errno) => {
        this.errno = errno
      },
      getenv: (name) => environment[name] ?? null,
      randomWord: (half) => (half === 0 ? 0x5eed1234 : 0x7a3b9c1d),
      message: (text) => {
        this.messages.push(text)
      },
      abort: () => {
        throw new Killed('SIGABRT')
      },
      endless: () => {
        throw new Killed('SIGALRM')
      },
    }
    this.limit = limit
  }

  private readonly limit: number

  sbrk(increment: number): number {
    this.calls.sbrk++
    const old = this.brk
    if (increment === 0) return old
    const brk = old + increment
    if (brk < this.heapStart || this.used + increment > this.limit) return -1
    this.brk = brk
    this.used += increment
    if (increment < 0) this.drop(Math.ceil(brk / PAGE) * PAGE, Math.ceil(old / PAGE) * PAGE)
    return old
  }

  isThere(va: number): boolean {
    return this.pageAt(va) >= 0
  }

  read(va: number, length: number): Uint8Array | null {
    const bytes = new Uint8Array(length)
    for (let done = 0; done < length;) {
      const page = this.pageAt(va + done)
      if (page < 0) return null
      const offset = (va + done) & (PAGE - 1)
      const at = page * 4 + offset
      const n = Math.min(PAGE - offset, length - done)
      bytes.set(this.bytes.subarray(at, at + n), done)
      done += n
    }
    return bytes
  }

  write(va: number, bytes: Uint8Array): boolean {
    for (let done = 0; done < bytes.length;) {
      const page = this.pageAt(va + done)
      if (page < 0) return false
      const offset = (va + done) & (PAGE - 1)
      const at = page * 4 + offset
      const n = Math.min(PAGE - offset, bytes.length - done)
      this.bytes.set(bytes.subarray(done, done + n), at)
      done += n
    }
    return true
  }

  fill(va: number, byte: number, length: number): boolean {
    for (let done = 0; done < length;) {
      const page = this.pageAt(va + done)
      if (page < 0) return false
      const offset = (va + done) & (PAGE - 1)
      const at = page * 4 + offset
      const n = Math.min(PAGE - offset, length - done)
      this.bytes.fill(byte, at, at + n)
      done += n
    }
    return true
  }

  /** Index of the first word of the address's page, -1 if nothing is mapped there. */
  private pageAt(va: number): number {
    const slot = (va >>> 12) & (CACHE - 1)
    if (this.tags[slot] === va - (va & (PAGE - 1))) return this.cached[slot]
    return this.pageIn(Math.floor(va / PAGE))
  }

  private pageIn(vpn: number): number {
    let page = this.pages.get(vpn)
    if (page === undefined) {
      if (!this.mapped(vpn * PAGE)) return -1
      page = this.spare.pop() ?? (this.touched++ * PAGE) / 4
      if (page >= this.words.length) throw new RangeError('the test touches too many pages')
      this.words.fill(0, page, page + PAGE / 4)
      this.pages.set(vpn, page)
    }
    this.tags[vpn & (CACHE - 1)] = vpn * PAGE
    this.cached[vpn & (CACHE - 1)] = page
    return page
  }

  private mapped(va: number): boolean {
    if (va >= this.heapStart - BELOW_HEAP && va < this.brk) return true
    if (va >= this.data.start && va < this.data.end) return true
    return this.ranges.some((range) => va >= range.start && va < range.end)
  }

  private load32Unaligned(va: number): number {
    let value = 0
    for (let i = 3; i >= 0; i--) value = (value << 8) | this.env.load8(va + i)
    return value
  }

  private store32Unaligned(va: number, value: number): void {
    for (let i = 0; i < 4; i++) this.env.store8(va + i, (value | 0) >> (8 * i))
  }

  private drop(start: number, end: number): void {
    const many = (end - start) / PAGE > this.pages.size
    const first = Math.floor(start / PAGE)
    const last = Math.ceil(end / PAGE)
    if (many) {
      for (const vpn of [...this.pages.keys()]) {
        if (vpn >= first && vpn < last) this.forget(vpn)
      }
      this.tags.fill(-1)
      return
    }
    for (let vpn = first; vpn < last; vpn++) {
      this.forget(vpn)
      if (this.tags[vpn & (CACHE - 1)] === vpn * PAGE) this.tags[vpn & (CACHE - 1)] = -1
    }
  }

  private forget(vpn: number): void {
    const page = this.pages.get(vpn)
    if (page !== undefined) this.spare.push(page)
    this.pages.delete(vpn)
  }

  private mmap(hint: number, length: number, limit: number): number {
    this.calls.mmap++
    const bytes = Math.ceil(length / PAGE) * PAGE
    if (this.used + bytes > limit) return -1
    const free = this.ranges.every((r) => hint >= r.end || hint + bytes <= r.start)
    const start = hint !== 0 && free ? hint : this.mmapNext - bytes
    if (start !== hint) this.mmapNext = start
    this.ranges.push({ start, end: start + bytes })
    this.used += bytes
    return start
  }

  private munmap(va: number, length: number): number {
    this.calls.munmap++
    if (va % PAGE !== 0 || length <= 0 || va < 0 || va + length > 2 ** 47) return -1
    const end = va + Math.ceil(length / PAGE) * PAGE
    const rest: Range[] = []
    for (const range of this.ranges) {
      if (range.end <= va || range.start >= end) {
        rest.push(range)
        continue
      }
      this.used -= Math.min(range.end, end) - Math.max(range.start, va)
      if (range.start < va) rest.push({ start: range.start, end: va })
      if (range.end > end) rest.push({ start: end, end: range.end })
    }
    this.ranges = rest
    this.drop(va, end)
    return 0
  }

  private mremap(va: number, oldLength: number, newLength: number, limit: number): number {
    this.calls.mremap++
    if (newLength <= oldLength) {
      if (newLength < oldLength) this.munmap(va + newLength, oldLength - newLength)
      return va
    }
    const start = this.mmap(0, newLength, limit)
    if (start === -1) return -1
    for (let offset = 0; offset < oldLength; offset += PAGE) {
      const page = this.pages.get((va + offset) / PAGE)
      if (page === undefined) continue
      this.pages.set((start + offset) / PAGE, page)
      this.pages.delete((va + offset) / PAGE)
    }
    this.munmap(va, oldLength)
    return start
  }
}
