// The built-in programs: what their files look like when they are mapped, and which pages a start touches.
//
// Sizes and touched pages of libc and loader are those of glibc 2.36 on Debian 12 (amd64), recorded; a program's own
// segments are three file mappings as an older linker made them: text, a read-only data page (relro), data.

/** A part of a file as the loader maps it; `touched` are page numbers within it, written where the segment was writable at start. */
export interface Segment {
  perms: 'r--' | 'r-x' | 'rw-'
  pages: number
  fileOffset: number // pages
  written: number[] // pages that a start writes
  read: number[] // pages that a start reads; fault-around brings their neighbours
  relro?: boolean // written at start, then made read-only
}

export interface Library {
  path: string
  segments: Segment[]
  bss: { pages: number; written: number[] } // nameless memory right behind
}

/** A program linked with libc. */
export interface Image {
  path: string
  textPages: number
  dataPages: number // behind the relro page
  bssBytes: number // beyond the data's last page
  heapStart: number // pages the start itself takes from the heap; 0: none
  stackWritten: number[] // pages of the stack that a start uses, from its low end
}

export const LIBC: Library = {
  path: '/usr/lib/x86_64-linux-gnu/libc.so.6',
  segments: [
    { perms: 'r--', pages: 38, fileOffset: 0, written: [], read: [0, 16, 32] },
    {
      perms: 'r-x',
      pages: 342,
      fileOffset: 38,
      written: [],
      read: [0, 10, 26, 90, 106, 122, 147, 202, 218, 224, 282],
    },
    { perms: 'r--', pages: 83, fileOffset: 380, written: [], read: [20] },
    { perms: 'r--', pages: 4, fileOffset: 463, written: [0, 1, 2, 3], read: [], relro: true },
    { perms: 'rw-', pages: 2, fileOffset: 467, written: [0, 1], read: [] },
  ],
  bss: { pages: 15, written: [0, 4, 5, 6, 12, 13] },
}

export const LOADER: Library = {
  path: '/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
  segments: [
    { perms: 'r--', pages: 1, fileOffset: 0, written: [], read: [0] },
    { perms: 'r-x', pages: 38, fileOffset: 1, written: [], read: [0, 16, 32] },
    { perms: 'r--', pages: 10, fileOffset: 39, written: [], read: [0] },
    { perms: 'r--', pages: 2, fileOffset: 49, written: [0, 1], read: [], relro: true },
    { perms: 'rw-', pages: 2, fileOffset: 51, written: [0, 1], read: [] },
  ],
  bss: { pages: 0, written: [] },
}

/** Pages between libc's bss and the loader: [vvar], then [vdso]. */
export const VVAR_PAGES = 4
export const VDSO_PAGES = 2
/** The thread block (TLS) below libc, and what of it a start writes. */
export const TLS = { pages: 3, written: [1, 2] }
export const STACK_PAGES = 33

const small: Omit<Image, 'path'> = {
  textPages: 1,
  dataPages: 1,
  bssBytes: 0,
  heapStart: 0,
  stackWritten: [31, 32],
}

export const IMAGES: Image[] = [
  { ...small, path: '/sbin/init', textPages: 12, dataPages: 2, stackWritten: [32] },
  { ...small, path: '/usr/sbin/syslogd', textPages: 10, heapStart: 2 },
  { ...small, path: '/usr/sbin/cron', textPages: 12, heapStart: 2 },
  { ...small, path: '/usr/sbin/sshd', textPages: 64, dataPages: 4, heapStart: 4 },
  {
    ...small,
    path: '/bin/bash',
    textPages: 48,
    dataPages: 4,
    heapStart: 6,
    stackWritten: [30, 31, 32],
  },
  { ...small, path: '/usr/bin/ic', textPages: 16, dataPages: 1, bssBytes: 0x1_0000 },
  { ...small, path: '/usr/bin/hog', textPages: 1 },
  { ...small, path: '/usr/bin/sleep', textPages: 2 },
  { ...small, path: '/usr/bin/free', textPages: 3, heapStart: 1 },
  { ...small, path: '/usr/bin/top', textPages: 20, dataPages: 2, heapStart: 4 },
  { ...small, path: '/usr/bin/vmstat', textPages: 5, heapStart: 1 },
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

/** Bytes of the program's file: headers and text, relro page, data. */
export function imageFileSize(image: Image, pageSize: number): number {
  return (image.textPages + 1 + image.dataPages) * pageSize
}

export function librarySize(library: Library, pageSize: number): number {
  const last = library.segments[library.segments.length - 1]
  return (last.fileOffset + last.pages) * pageSize
}
