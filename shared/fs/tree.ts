// The directory tree: one tmpfs, with the built-in programs as files of a disk and the devices (fs/namei.c, fs/libfs.c).

import { EACCES, EEXIST, EISDIR, ENOENT, ENOMEM, ENOTDIR, EROFS } from '../lib/errno.ts'
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  type Backing,
  type Inode,
} from '../state/inode.ts'
import { TICK_MS, type Machine } from '../state/machine.ts'
import { putInode } from '../mm/shmem.ts'
import { kmemCacheAlloc } from '../mm/slab.ts'

/** Who asks, for permission checks. */
export interface Cred {
  uid: number
  gid: number
}

export const ROOT: Cred = { uid: 0, gid: 0 }

export const MAY_EXEC = 1
export const MAY_WRITE = 2
export const MAY_READ = 4

const NAME_MAX = 255

/** As /proc/PID/maps shows it: devtmpfs, tmpfs, the disk. */
function deviceNumber(backing: Backing): string {
  if (backing === 'zero' || backing === 'null') return '00:06'
  return backing === 'tmpfs' ? '00:19' : '08:01'
}

/** An inode with no name yet; null when there is no memory for it. */
export function newInode(m: Machine, mode: number, backing: Backing, owner: Cred): Inode | null {
  if (!kmemCacheAlloc(m, 'inode_cache')) return null
  const inode: Inode = {
    ino: m.nextId++,
    dev: deviceNumber(backing),
    mode,
    uid: owner.uid,
    gid: owner.gid,
    nlink: 0,
    size: 0,
    mtime: m.ticks * TICK_MS,
    backing,
    name: '',
    image: '',
    pages: new Map(),
    mappings: new Map(),
    blocks: new Map(),
    swapped: new Map(),
    shadows: new Map(),
    dirtiedWhen: 0,
    entries: new Map(),
    accounted: 0,
    users: 0,
  }
  m.inodes.set(inode.ino, inode)
  return inode
}

export function isDir(inode: Inode): boolean {
  return (inode.mode & S_IFMT) === S_IFDIR
}

/** Absolute and without '.', '..' and doubled slashes. */
export function normalizePath(path: string, cwd: string): string {
  const parts: string[] = []
  for (const part of (path.startsWith('/') ? path : `${cwd}/${path}`).split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return '/' + parts.join('/')
}

/** The inode of a path; null if there is none. Permissions of the directories on the way are not looked at. */
export function namei(m: Machine, path: string, cwd = '/'): Inode | null {
  let inode: Inode | undefined = m.root
  for (const part of normalizePath(path, cwd).split('/')) {
    if (part === '') continue
    inode = inode.entries.get(part)
    if (inode === undefined) return null
  }
  return inode
}

/** Whether the mode bits grant it (generic_permission); root may do all but execute what nobody may. */
export function permission(inode: Inode, cred: Cred, mask: number): boolean {
  if (cred.uid === 0) return (mask & MAY_EXEC) === 0 || isDir(inode) || (inode.mode & 0o111) !== 0
  const shift = inode.uid === cred.uid ? 6 : inode.gid === cred.gid ? 3 : 0
  return ((inode.mode >> shift) & mask) === mask
}

/** Makes a file or directory at the path: its inode, or -errno. */
export function create(
  m: Machine,
  path: string,
  mode: number,
  backing: Backing,
  cred: Cred,
): Inode | number {
  const full = normalizePath(path, '/')
  const slash = full.lastIndexOf('/')
  const name = full.slice(slash + 1)
  const dir = namei(m, full.slice(0, slash))
  if (dir === null) return -ENOENT
  if (!isDir(dir)) return -ENOTDIR
  if (name === '' || dir.entries.has(name)) return -EEXIST
  if (name.length > NAME_MAX) return -ENOENT
  if (!permission(dir, cred, MAY_WRITE | MAY_EXEC)) return -EACCES
  const inode = newInode(m, mode, backing, cred)
  if (inode === null) return -ENOMEM
  inode.name = full
  inode.nlink = isDir(inode) ? 2 : 1
  dir.entries.set(name, inode)
  dir.mtime = m.ticks * TICK_MS
  return inode
}

export function mkdir(m: Machine, path: string, mode: number, cred: Cred): number {
  const made = create(m, path, S_IFDIR | (mode & 0o7777), 'dir', cred)
  return typeof made === 'number' ? made : 0
}

/** unlink(2), and rmdir(2) of an empty directory. */
export function unlink(m: Machine, path: string, cred: Cred): number {
  const full = normalizePath(path, '/')
  const slash = full.lastIndexOf('/')
  const dir = namei(m, full.slice(0, slash))
  const inode = dir?.entries.get(full.slice(slash + 1))
  if (!dir || !inode) return -ENOENT
  if (inode.entries.size > 0) return -EISDIR
  if (inode.backing === 'image') return -EROFS
  if (!permission(dir, cred, MAY_WRITE | MAY_EXEC)) return -EACCES
  dir.entries.delete(full.slice(slash + 1))
  inode.nlink = 0
  putInode(m, inode)
  return 0
}

/** The mounts that have no disk behind them. */
const TMPFS_MOUNTS = ['/dev/shm/', '/run/', '/tmp/']

function isTmpfs(path: string): boolean {
  return TMPFS_MOUNTS.some((mount) => path.startsWith(mount))
}

/** A regular file of bytes, on the disk but for those below a tmpfs; see fs/file.ts for reading and writing. */
export function createFile(m: Machine, path: string, mode: number, cred: Cred): Inode | number {
  return create(m, path, S_IFREG | (mode & 0o7777), isTmpfs(path) ? 'tmpfs' : 'disk', cred)
}

export function createDevice(m: Machine, path: string, backing: 'zero' | 'null'): Inode | number {
  return create(m, path, S_IFCHR | 0o666, backing, ROOT)
}

/** A partition. What is on it is the kernel's: for programs it is empty. */
export function createPartition(m: Machine, path: string): Inode | number {
  return create(m, path, S_IFBLK | 0o660, 'null', ROOT)
}
