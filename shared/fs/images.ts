// The built-in programs: what their files look like when they are mapped, and which pages a start touches.
//
// Sizes and touched places of libc and loader are those of glibc 2.36 on Debian 12 (amd64 and i386), recorded; a program's
// own segments are three file mappings as an older linker made them: text, a read-only data page (relro), data.
//
// They count in units of 4 KiB, the recorded machines' page. A machine with larger pages gets what a linker would have
// made for it: each segment begins with a page, so that its rights can differ from those of the one before.

import type { Layout } from '../hw/layout.ts'

const UNIT = 4096

/** A part of a file as the loader maps it; `written` and `read` number units within it. */
export interface Segment {
  perms: 'r--' | 'r-x' | 'rw-'
  units: number
  written: number[] // units that a start writes
  read: number[] // units that a start reads; fault-around brings their neighbours
  relro?: boolean // written at start, then made read-only
  joined?: boolean // begins in the page of the file with which the segment before it ends
}

export interface Library {
  path: string
  segments: Segment[]
  bss: { units: number; written: number[] } // nameless memory right behind
}

/** A program linked with libc. */
export interface Image {
  path: string
  textUnits: number
  dataUnits: number // behind the relro page
  bssBytes: number // beyond the data's last unit
  heapUnits: number // what the start itself writes of the heap; 0: it has none
  stackWritten: number[] // units of the stack that a start uses, counted down from its top
}

/** The libraries of a machine with words of so many bits, and what lies beside them. */
export interface Runtime {
  folder: string
  libc: Library
  loader: Library
  tls: { units: number; written: number[] } // the thread block below libc, and what of it a start writes; 0: in libc's bss
}

const AMD64: Runtime = {
  folder: '/usr/lib/x86_64-linux-gnu',
  libc: {
    path: '/usr/lib/x86_64-linux-gnu/libc.so.6',
    segments: [
      { perms: 'r--', units: 38, written: [], read: [0, 16, 32] },
      {
        perms: 'r-x',
        units: 342,
        written: [],
        read: [0, 10, 26, 90, 106, 122, 147, 202, 218, 224, 282],
      },
      { perms: 'r--', units: 83, written: [], read: [20] },
      { perms: 'r--', units: 4, written: [0, 1, 2, 3], read: [], relro: true },
      { perms: 'rw-', units: 2, written: [0, 1], read: [] },
    ],
    bss: { units: 15, written: [0, 4, 5, 6, 12, 13] },
  },
  loader: {
    path: '/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
    segments: [
      { perms: 'r--', units: 1, written: [], read: [0] },
      { perms: 'r-x', units: 38, written: [], read: [0, 16, 32] },
      { perms: 'r--', units: 10, written: [], read: [0] },
      { perms: 'r--', units: 2, written: [0, 1], read: [], relro: true },
      { perms: 'rw-', units: 2, written: [0, 1], read: [] },
    ],
    bss: { units: 0, written: [] },
  },
  tls: { units: 3, written: [1, 2] },
}

const I386: Runtime = {
  folder: '/usr/lib/i386-linux-gnu',
  libc: {
    path: '/usr/lib/i386-linux-gnu/libc.so.6',
    segments: [
      { perms: 'r--', units: 34, written: [], read: [0, 16, 32] },
      {
        perms: 'r-x',
        units: 377,
        written: [],
        read: [0, 3, 19, 83, 99, 115, 147, 227, 243, 323],
      },
      { perms: 'r--', units: 128, written: [], read: [10, 26] },
      { perms: 'r--', units: 2, written: [0, 1], read: [], relro: true },
      { perms: 'rw-', units: 1, written: [0], read: [] },
    ],
    bss: { units: 12, written: [0, 2, 3, 9, 10, 11] },
  },
  loader: {
    path: '/usr/lib/i386-linux-gnu/ld-linux.so.2',
    segments: [
      { perms: 'r--', units: 1, written: [], read: [0] },
      { perms: 'r-x', units: 35, written: [], read: [0, 16, 32] },
      { perms: 'r--', units: 14, written: [], read: [0] },
      { perms: 'r--', units: 2, written: [0, 1], read: [], relro: true, joined: true },
      { perms: 'rw-', units: 1, written: [0], read: [] },
    ],
    bss: { units: 0, written: [] },
  },
  tls: { units: 0, written: [] },
}

export function findRuntime(bits: 64 | 32): Runtime {
  return bits === 64 ? AMD64 : I386
}

/** Units between libc's bss and the loader: [vvar], then [vdso]. */
export const VVAR_UNITS = 4
export const VDSO_UNITS = 2

const small: Omit<Image, 'path'> = {
  textUnits: 1,
  dataUnits: 1,
  bssBytes: 0,
  heapUnits: 0,
  stackWritten: [1, 0],
}

export const IMAGES: Image[] = [
  { ...small, path: '/sbin/init', textUnits: 12, dataUnits: 2, stackWritten: [0] },
  { ...small, path: '/usr/sbin/syslogd', textUnits: 10, heapUnits: 2 },
  { ...small, path: '/usr/sbin/cron', textUnits: 12, heapUnits: 2 },
  { ...small, path: '/usr/sbin/sshd', textUnits: 64, dataUnits: 4, heapUnits: 4 },
  {
    ...small,
    path: '/bin/bash',
    textUnits: 48,
    dataUnits: 4,
    heapUnits: 6,
    stackWritten: [2, 1, 0],
  },
  { ...small, path: '/usr/bin/ic', textUnits: 16, dataUnits: 1, bssBytes: 0x1_0000 },
  { ...small, path: '/usr/bin/hog', textUnits: 1 },
  { ...small, path: '/usr/bin/sleep', textUnits: 2 },
  { ...small, path: '/usr/bin/free', textUnits: 3, heapUnits: 1 },
  { ...small, path: '/usr/bin/top', textUnits: 20, dataUnits: 2, heapUnits: 4 },
  { ...small, path: '/usr/bin/vmstat', textUnits: 5, heapUnits: 1 },
  { ...small, path: '/usr/bin/forkbomb', textUnits: 1 },
  { ...small, path: '/usr/bin/storm', textUnits: 2 },
]

/** A program of one page of code, linked with nothing: for looking at the kernel alone. */
export interface BareImage {
  dataPages: number // from file page 1 on
  bssPages: number
}

/** The name of a bare image in an inode: 'bare:DATA:BSS', in pages. */
export function findBareImage(name: string): BareImage | undefined {
  const match = /^bare:(\d{1,6}):(\d{1,6})$/.exec(name)
  return match === null ? undefined : { dataPages: Number(match[1]), bssPages: Number(match[2]) }
}

export function findImage(path: string): Image | undefined {
  return IMAGES.find((image) => image.path === path)
}

/** Pages that so many units fill. */
export function unitPages(units: number, pageSize: number): number {
  return Math.ceil((units * UNIT) / pageSize)
}

/** The pages in which those units lie, each once, in their order. */
export function pagesOfUnits(units: number[], pageSize: number): number[] {
  return [...new Set(units.map((unit) => Math.floor((unit * UNIT) / pageSize)))]
}

/** A library's parts in whole pages of the machine. */
export interface Loaded {
  segments: LoadedSegment[]
  pages: number // all of it
  fileBytes: number
}

export interface LoadedSegment {
  perms: string
  relro: boolean
  pages: number
  fileOffset: number // pages; the bss is in no file
  inFile: boolean
  written: number[] // pages within it
  read: number[]
}

/** How the loader maps the library. What of the bss still fits into the data's last page is no part of its own. */
export function loadLibrary({ segments, bss }: Library, pageSize: number): Loaded {
  const loaded: LoadedSegment[] = []
  let fileOffset = 0
  for (const segment of segments) {
    if (segment.joined === true) fileOffset--
    const pages = unitPages(segment.units, pageSize)
    loaded.push({
      perms: segment.perms,
      relro: segment.relro === true,
      pages,
      fileOffset,
      inFile: true,
      written: pagesOfUnits(segment.written, pageSize),
      read: pagesOfUnits(segment.read, pageSize),
    })
    fileOffset += pages
  }
  const data = loaded[loaded.length - 1]
  const dataUnits = segments[segments.length - 1].units
  const written = pagesOfUnits(
    bss.written.map((unit) => dataUnits + unit),
    pageSize,
  )
  const pages = unitPages(dataUnits + bss.units, pageSize) - data.pages
  data.written = [...new Set([...data.written, ...written.filter((page) => page < data.pages)])]
  if (pages > 0) {
    loaded.push({
      perms: 'rw-',
      relro: false,
      pages,
      fileOffset: 0,
      inFile: false,
      written: written.filter((page) => page >= data.pages).map((page) => page - data.pages),
      read: [],
    })
  }
  return {
    segments: loaded,
    pages: loaded.reduce((sum, segment) => sum + segment.pages, 0),
    fileBytes: data.fileOffset * pageSize + dataUnits * UNIT,
  }
}

/** Where a program's segments begin, how far they reach and what they are in its file. */
export interface LoadedImage {
  textPages: number
  relro: number // address of the page that becomes read-only
  data: number // address, a page behind
  dataEnd: number // exact: the bss follows
  bssEnd: number
}

export function loadImage(
  image: Image,
  { textStart, dataStart }: Layout,
  pageSize: number,
): LoadedImage {
  const textPages = unitPages(image.textUnits, pageSize)
  const relro = Math.max(dataStart, textStart + textPages * pageSize)
  const data = relro + pageSize
  const dataEnd = data + image.dataUnits * UNIT
  return { textPages, relro, data, dataEnd, bssEnd: dataEnd + image.bssBytes }
}

/** Bytes of the program's file: headers and text, relro page, data. */
export function imageFileSize(image: Image, pageSize: number): number {
  return (unitPages(image.textUnits, pageSize) + 1) * pageSize + image.dataUnits * UNIT
}
