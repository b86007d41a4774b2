import type { Pfn } from '../hw/ram.ts'
import type { Vma } from './mm.ts'
import type { Shadow, SwapEntry } from './swap.ts'

// File types, as in st_mode (include/uapi/linux/stat.h).
export const S_IFMT = 0o170000
export const S_IFDIR = 0o040000
export const S_IFCHR = 0o020000
export const S_IFBLK = 0o060000
export const S_IFREG = 0o100000

/** What stands behind a file's pages. */
export type Backing =
  | 'tmpfs' // nothing: the page cache is the file
  | 'image' // a disk; the content of a built-in program is computed from its name
  | 'disk' // a disk; writes go to the page cache and are written back
  | 'zero' // /dev/zero
  | 'null' // /dev/null
  | 'dir'

export interface Inode {
  ino: number
  dev: string // as /proc/PID/maps shows it: '08:01', '00:05'
  mode: number // type and permissions
  uid: number
  gid: number
  nlink: number
  size: number // bytes
  mtime: number // ms of machine time
  backing: Backing
  name: string // the path it was made under; maps shows it
  image: string // name of the built-in image (fs/images.ts), '' for other files
  pages: Map<number, Pfn> // i_pages: page offset to frame, what is in the page cache
  blocks: Map<number, number> // page offset to block of the disk, for what was ever written
  swapped: Map<number, SwapEntry> // page offset to slot, for what of tmpfs is in swap
  shadows: Map<number, Shadow> // page offset to trace, for what reclaim has taken lately
  dirtiedWhen: number // ticks; when the first of its dirty pages was written, 0 if none is dirty
  mappings: Map<number, Vma> // i_mmap: the VMAs that map the file, by VMA id
  entries: Map<string, Inode> // a directory's names
  accounted: number // pages that a shared mapping of this object has been promised
  users: number // open files that refer to it
}

/** An open file (struct file). */
export interface File {
  inode: Inode
  flags: number // O_RDONLY, …
  pos: number
  count: number // descriptors that refer to it
}
