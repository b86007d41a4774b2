// The built-in programs: what their files look like when they are mapped, and which pages a start touches.
//
// A program's own segments are three file mappings as an older linker made them: text, a read-only data page (relro),
// data. Like those of the libraries (runtime.ts) they count in units of 4 KiB.

import type { Layout } from '../hw/layout.ts'
import { unitPages } from './runtime.ts'

const UNIT = 4096

/** A program linked with libc. */
export interface Image {
  path: string
  textUnits: number
  dataUnits: number // behind the relro page
  bssBytes: number // beyond the data's last unit
  heapUnits: number // what the start itself writes of the heap; 0: it has none
  stackWritten: number[] // units of the stack that a start uses, counted down from its top
}

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
