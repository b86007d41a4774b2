// System calls on open files: open, close, read, write, lseek. What they move lies in the process's memory.

import {
  EACCES,
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  EISDIR,
  EMFILE,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  ENXIO,
  ESPIPE,
} from '../lib/errno.ts'
import { splitUtf8 } from '../lib/utf8.ts'
import type { Machine } from '../state/machine.ts'
import { S_IFMT, S_IFREG, type Inode } from '../state/inode.ts'
import { RLIM_INFINITY, type Task } from '../state/task.ts'
import { emptyFile, readFile, writeFile } from '../fs/file.ts'
import {
  MAY_READ,
  MAY_WRITE,
  createFile,
  isDir,
  namei,
  normalizePath,
  permission,
} from '../fs/tree.ts'
import { closeFile } from '../kernel/exit.ts'
import { streamWrite } from '../kernel/stream.ts'
import { waitForDisk } from '../mm/blockIo.ts'
import { kmemCacheAlloc } from '../mm/slab.ts'
import { fillBytes, loadBytes, loadCString, storeBytes } from '../mm/uaccess.ts'
import { syncInode, syncInodes } from '../mm/writeback.ts'
import { WAITING, defineSyscall } from './define.ts'
import {
  ACCESS_MODES,
  AT,
  AT_FDCWD,
  OPEN_FLAGS,
  O_ACCMODE,
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDONLY,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
  SEEK,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
  SEEK_SET,
} from './flags.ts'
import {
  arg,
  dataRead,
  dataWritten,
  hexRest,
  oneOf,
  showName,
  showOctal,
  takeNames,
} from './strace.ts'

const PATH_MAX = 4096
export const FIRST_FD = 3 // 0, 1, 2 are the terminal
/** What one call moves at most, so that a call's work is bounded. */
const RW_MAX = 0x1_0000

/** `O_RDWR|O_CREAT` */
const openFlags = arg(
  'int',
  (_t, value) => {
    const { found, rest } = takeNames((value & ~O_ACCMODE) >>> 0, OPEN_FLAGS)
    return [showName(value & O_ACCMODE, ACCESS_MODES, ''), ...found, ...hexRest(rest)].join('|')
  },
  { ...ACCESS_MODES, ...OPEN_FLAGS },
)

/** Means something only of a file that may be made. */
function openMode(flagsAt: number) {
  return arg('mode_t', (_t, mode, { args }) => {
    const flags = args[flagsAt]
    return (flags & O_CREAT) !== 0 || (flags & O_TMPFILE) === O_TMPFILE ? showOctal(mode) : null
  })
}

export const directoryFd = arg('int', (_t, fd) => (fd === AT_FDCWD ? 'AT_FDCWD' : String(fd)), AT)

export const open = defineSyscall({
  nr: 2,
  i386: 5,
  name: 'open',
  args: { pathname: 'const char *', flags: openFlags, mode: openMode(1) },
  run(m, task, pathname, flags, mode) {
    return openPath(m, task, loadCString(m, task, pathname, PATH_MAX), flags, mode)
  },
})

export const openat = defineSyscall({
  nr: 257,
  i386: 295,
  name: 'openat',
  args: { dirfd: directoryFd, pathname: 'const char *', flags: openFlags, mode: openMode(2) },
  run(m, task, dirfd, pathname, flags, mode) {
    const path = loadCString(m, task, pathname, PATH_MAX)
    if (dirfd === AT_FDCWD || path.startsWith('/')) return openPath(m, task, path, flags, mode)
    const dir = task.files[dirfd]?.inode
    if (dir === undefined) return -EBADF
    if (!isDir(dir)) return -ENOTDIR
    return openPath(m, task, `${dir.name}/${path}`, flags, mode)
  },
})

/** open(2) by a path that is no pointer. */
export function openPath(
  m: Machine,
  task: Task,
  path: string,
  flags: number,
  mode: number,
): number {
  const full = normalizePath(path, task.cwdPath)
  const inode = findOrCreate(m, task, full, flags, mode)
  if (typeof inode === 'number') return inode
  const access = flags & O_ACCMODE
  if (access !== O_RDONLY && isDir(inode)) return -EISDIR
  if ((flags & O_DIRECTORY) !== 0 && !isDir(inode)) return -ENOTDIR
  const mask =
    access === O_RDONLY ? MAY_READ : access === O_WRONLY ? MAY_WRITE : MAY_READ | MAY_WRITE
  if (!permission(inode, task, mask)) return -EACCES
  const fd = installFile(m, task, inode, flags)
  if (fd < 0) return fd
  if ((flags & O_TRUNC) !== 0 && access !== O_RDONLY && (inode.mode & S_IFMT) === S_IFREG)
    emptyFile(m, inode)
  return fd
}

/** Room for a descriptor and more: a power of two of KiB of pointers (alloc_fdtable). */
function fdTableSize(m: Machine, fd: number): number {
  const step = 1024 / (m.layout.bits / 8)
  let blocks = 1
  while (blocks <= Math.floor(fd / step)) blocks *= 2
  return blocks * step
}

/** A descriptor for the inode, the lowest that is free; or -errno. */
export function installFile(m: Machine, task: Task, inode: Inode, flags: number): number {
  let fd = FIRST_FD
  while (task.files[fd]) fd++
  const { soft } = task.rlimits.nofile
  if (soft !== RLIM_INFINITY && fd >= soft) return -EMFILE
  if (!kmemCacheAlloc(m, 'filp')) return -ENOMEM
  while (task.files.length <= fd) task.files.push(null)
  if (fd >= task.fdSize) task.fdSize = fdTableSize(m, fd)
  task.files[fd] = { inode, flags, pos: 0, count: 1 }
  inode.users++
  return fd
}

function findOrCreate(
  m: Machine,
  task: Task,
  path: string,
  flags: number,
  mode: number,
): Inode | number {
  const found = namei(m, path)
  if (found !== null) return (flags & O_CREAT) !== 0 && (flags & O_EXCL) !== 0 ? -EEXIST : found
  return (flags & O_CREAT) === 0 ? -ENOENT : createFile(m, path, mode & 0o755, task)
}

export const close = defineSyscall({
  nr: 3,
  i386: 6,
  name: 'close',
  args: { fd: 'int' },
  run(m, task, fd) {
    if (!task.files[fd]) return -EBADF
    closeFile(m, task, fd)
    return 0
  },
})

export const read = defineSyscall({
  nr: 0,
  i386: 3,
  name: 'read',
  args: { fd: 'int', buf: dataRead, count: 'size_t' },
  result: 'ssize_t',
  run(m, task, fd, buf, count) {
    if (fd >= 0 && fd < FIRST_FD) return 0 // the terminal: nothing was typed ahead
    const file = task.files[fd] ?? null
    if (file === null || (file.flags & O_ACCMODE) === O_WRONLY) return -EBADF
    const { inode } = file
    if (isDir(inode)) return -EISDIR
    const length = Math.min(count, RW_MAX)
    if (inode.backing === 'null') return 0
    if (inode.backing === 'zero') {
      fillBytes(m, task, buf, 0, length)
      return length
    }
    const bytes = readFile(m, inode, file.pos, length, task.seat)
    if (bytes === null) return -ENOMEM
    storeBytes(m, task, buf, bytes)
    file.pos += bytes.length
    return bytes.length
  },
})

export const write = defineSyscall({
  nr: 1,
  i386: 4,
  name: 'write',
  args: { fd: 'int', buf: dataWritten(2), count: 'size_t' },
  result: 'ssize_t',
  run(m, task, fd, buf, count) {
    if (!(count >= 0)) return -EINVAL
    if (buf + count > m.layout.taskSize) return -EFAULT
    const bytes = loadBytes(m, task, buf, Math.min(count, RW_MAX))
    if (fd === 1 || fd === 2) return writeTerminal(task, bytes)
    const file = task.files[fd] ?? null
    if (file === null || (file.flags & O_ACCMODE) === O_RDONLY) return -EBADF
    const pos = (file.flags & O_APPEND) !== 0 ? file.inode.size : file.pos
    const written = writeFile(m, file.inode, pos, bytes, task.seat)
    if (written > 0) file.pos = pos + written
    return written
  },
})

/** As many whole characters as the stream takes in this tick; what is no UTF-8 shows as U+FFFD. */
function writeTerminal(task: Task, bytes: Uint8Array): number {
  const stream = task.stdout
  if (stream === null || bytes.length === 0) return bytes.length
  const some = [...bytes.subarray(0, stream.room)]
  const { text, rest } = splitUtf8(some)
  if (text === '' && some.length === bytes.length) {
    streamWrite(stream, '\ufffd')
    return bytes.length
  }
  if (text !== '') {
    streamWrite(stream, text)
    return some.length - rest.length
  }
  task.state = 'S'
  task.wait = { for: 'output' }
  return WAITING
}

export const lseek = defineSyscall({
  nr: 8,
  i386: 19,
  name: 'lseek',
  args: { fd: 'int', offset: 'off_t', whence: oneOf('int', SEEK, 'SEEK_???') },
  result: 'off_t',
  run(m, task, fd, offset, whence) {
    if (fd >= 0 && fd < FIRST_FD) return -ESPIPE
    const file = task.files[fd] ?? null
    if (file === null) return -EBADF
    const { inode } = file
    if (inode.backing === 'zero' || inode.backing === 'null') return 0
    const to = seekTarget(m, inode, file.pos, offset, whence)
    if (to < 0) return to
    file.pos = to
    return to
  },
})

/** Where the position goes, or -errno. Pages that were never written are a hole. */
function seekTarget(m: Machine, inode: Inode, pos: number, offset: number, whence: number): number {
  if (whence === SEEK_DATA || whence === SEEK_HOLE) {
    if (offset < 0 || offset >= inode.size) return -ENXIO
    return seekData(m, inode, offset, whence === SEEK_HOLE)
  }
  const base = { [SEEK_SET]: 0, [SEEK_CUR]: pos, [SEEK_END]: inode.size }[whence]
  if (base === undefined || !(base + offset >= 0)) return -EINVAL
  return base + offset
}

/** The first place from `offset` on that holds data, or does not; the file's end counts as a hole. */
function seekData(m: Machine, inode: Inode, offset: number, hole: boolean): number {
  const pages = [...inode.pages.keys(), ...inode.blocks.keys(), ...inode.swapped.keys()]
  const stored = new Set(pages)
  const isData = (index: number) => inode.backing === 'image' || stored.has(index)
  let index = Math.floor(offset / m.pageSize)
  if (hole) {
    while (isData(index) && index * m.pageSize < inode.size) index++
    return Math.min(Math.max(offset, index * m.pageSize), inode.size)
  }
  if (isData(index)) return offset
  const next = pages.reduce((least, at) => (at > index ? Math.min(least, at) : least), Infinity)
  return next * m.pageSize < inode.size ? next * m.pageSize : -ENXIO
}

export const fsync = defineSyscall({
  nr: 74,
  i386: 118,
  name: 'fsync',
  args: { fd: 'int' },
  run(m, task, fd) {
    const file = task.files[fd] ?? null
    if (file === null) return -EBADF
    syncInode(m, file.inode)
    waitForDisk(m)
    return 0
  },
})

export const sync = defineSyscall({
  nr: 162,
  i386: 36,
  name: 'sync',
  args: {},
  run(m) {
    syncInodes(m)
    waitForDisk(m)
    return 0
  },
})
