// The C library's files: libc and its loader, and what may be loaded beside them, as they look when they are mapped and
// with the pages that a start touches.
//
// Sizes and touched places of 2.36 are recorded (Debian 12, amd64 and i386, libc_malloc_debug on amd64). 2.13: the sizes on i386 are those
// that a listing of a running one shows, on amd64 those of Debian 7; which pages a start touches is a guess there.
//
// They count in units of 4 KiB, the recorded machines' page. A machine with larger pages gets what a linker would have
// made for it: each segment begins with a page, so that its rights can differ from those of the one before.

import type { GlibcVersion } from '../state/machine.ts'

const UNIT = 4096

/** A part of a file as the loader maps it; `written` and `read` number units within it. */
export interface Segment {
  perms: 'r--' | 'r-x' | 'rw-' | '---'
  units: number
  written: number[] // units that a start writes
  read: number[] // units that a start reads; fault-around brings their neighbours
  relro?: boolean // written at start, then made read-only
  hole?: boolean // address space between two parts of the file, of which it holds nothing
  joined?: boolean // begins in the page of the file with which the segment before it ends
}

export interface Library {
  path: string
  segments: Segment[]
  bss: { units: number; written: number[] } // nameless memory right behind
}

/** The libraries of a machine with words of so many bits, and what lies beside them. */
export interface Runtime {
  folder: string
  soname: string // under which the loader has opened libc; its file's name where there is no link to it
  libc: Library
  libcOwn: number // units from the start of libc's data to where its own variables begin (libc/state.ts)
  debug: Library | null // libc_malloc_debug, for those who preload it
  loader: Library
  tls: { units: number; written: number[] } // the thread block below libc, and what of it a start writes; 0: in libc's bss
}

const AMD64: Runtime = {
  folder: '/usr/lib/x86_64-linux-gnu',
  soname: '/lib/x86_64-linux-gnu/libc.so.6',
  libcOwn: 6,
  debug: mallocDebug('/usr/lib/x86_64-linux-gnu'),
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
  soname: '/lib/i386-linux-gnu/libc.so.6',
  libcOwn: 3,
  debug: mallocDebug('/usr/lib/i386-linux-gnu'),
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

/** A gap of 2 MiB between text and data, as segments then were aligned. */
const OLD_AMD64: Runtime = {
  folder: '/lib/x86_64-linux-gnu',
  soname: '/lib/x86_64-linux-gnu/libc.so.6',
  libcOwn: 2,
  debug: null,
  libc: {
    path: '/lib/x86_64-linux-gnu/libc-2.13.so',
    segments: [
      { perms: 'r-x', units: 384, written: [], read: [0, 16, 32, 48, 96, 128, 224, 240] },
      { perms: '---', units: 512, written: [], read: [], hole: true },
      { perms: 'r--', units: 4, written: [0, 1, 2, 3], read: [], relro: true },
      { perms: 'rw-', units: 1, written: [0], read: [] },
    ],
    bss: { units: 5, written: [0, 1, 2, 4] },
  },
  loader: {
    path: '/lib/x86_64-linux-gnu/ld-2.13.so',
    segments: [
      { perms: 'r-x', units: 32, written: [], read: [0, 16] },
      { perms: 'r--', units: 1, written: [0], read: [], relro: true, joined: true },
      { perms: 'rw-', units: 1, written: [0], read: [] },
    ],
    bss: { units: 1, written: [0] },
  },
  tls: { units: 0, written: [] },
}

const OLD_I386: Runtime = {
  folder: '/lib/i386-linux-gnu',
  soname: '/lib/i386-linux-gnu/libc.so.6',
  libcOwn: 2,
  debug: null,
  libc: {
    path: '/lib/i386-linux-gnu/libc-2.13.so',
    segments: [
      { perms: 'r-x', units: 374, written: [], read: [0, 16, 32, 48, 96, 128, 224, 240] },
      { perms: 'r--', units: 2, written: [0, 1], read: [], relro: true },
      { perms: 'rw-', units: 1, written: [0], read: [] },
    ],
    bss: { units: 3, written: [0, 1, 2] },
  },
  loader: {
    path: '/lib/i386-linux-gnu/ld-2.13.so',
    segments: [
      { perms: 'r-x', units: 30, written: [], read: [0, 16] },
      { perms: 'r--', units: 1, written: [0], read: [], relro: true, joined: true },
      { perms: 'rw-', units: 1, written: [0], read: [] },
    ],
    bss: { units: 0, written: [] },
  },
  tls: { units: 1, written: [0] },
}

function mallocDebug(folder: string): Library {
  return {
    path: `${folder}/libc_malloc_debug.so.0`,
    segments: [
      { perms: 'r--', units: 2, written: [], read: [0] },
      { perms: 'r-x', units: 6, written: [], read: [0] },
      { perms: 'r--', units: 3, written: [], read: [0] },
      { perms: 'r--', units: 1, written: [0], read: [], relro: true },
      { perms: 'rw-', units: 1, written: [0], read: [] },
    ],
    bss: { units: 0, written: [] },
  }
}

export function findRuntime({ bits, glibc }: { bits: 64 | 32; glibc: GlibcVersion }): Runtime {
  if (glibc === '2.13') return bits === 64 ? OLD_AMD64 : OLD_I386
  return bits === 64 ? AMD64 : I386
}

/** The libraries of a runtime, each a file. */
export function librariesOf({ libc, loader, debug }: Runtime): Library[] {
  return debug === null ? [libc, loader] : [libc, loader, debug]
}

/** What LD_PRELOAD names, in order: the library, null if there is none of that name. */
export function preloaded(
  runtime: Runtime,
  environ: string[],
): { name: string; library: Library | null }[] {
  const setting = environ.find((entry) => entry.startsWith('LD_PRELOAD='))
  const names = (setting ?? '').slice('LD_PRELOAD='.length).split(/[\s:]+/)
  return names
    .filter((name) => name !== '')
    .map((name) => {
      const library = librariesOf(runtime).find(
        ({ path }) => path === name || path.endsWith(`/${name}`),
      )
      return { name, library: library ?? null }
    })
}

/** Units between libc's bss and the loader: [vvar], then [vdso]. */
export const VVAR_UNITS = 4
export const VDSO_UNITS = 2

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
    if (segment.hole !== true) fileOffset += pages
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
