// System calls on files: open, close, read, write. What they move lies in the process's memory.

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
} from '../lib/errno.ts'
import { splitUtf8 } from '../lib/utf8.ts'
import type { Machine } from '../state/machine.ts'
import { S_IFMT, S_IFREG, type Inode } from '../state/inode.ts'
import type { Task } from '../state/task.ts'
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

// include/uapi/asm-generic/fcntl.h
export const O_RDONLY = 0
export const O_WRONLY = 1
export const O_RDWR = 2
export const O_ACCMODE = 3
export const O_CREAT = 0o100
export const O_EXCL = 0o200
export const O_TRUNC = 0o1000
export const O_APPEND = 0o2000

const OPEN_MAX = 256
const PATH_MAX = 4096
const FIRST_FD = 3 // 0, 1, 2 are the terminal
/** What one call moves at most, so that a call's work is bounded. */
const RW_MAX = 0x1_0000

export const open = defineSyscall({
  nr: 2,
  name: 'open',
  args: { pathname: 'const char *', flags: 'int', mode: 'unsigned' },
  run(m, task, pathname, flags, mode) {
    return openPath(m, task, loadCString(m, task, pathname, PATH_MAX), flags, mode)
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
  const mask =
    access === O_RDONLY ? MAY_READ : access === O_WRONLY ? MAY_WRITE : MAY_READ | MAY_WRITE
  if (!permission(inode, task, mask)) return -EACCES
  let fd = FIRST_FD
  while (task.files[fd]) fd++
  if (fd >= OPEN_MAX) return -EMFILE
  if (!kmemCacheAlloc(m, 'filp')) return -ENOMEM
  while (task.files.length <= fd) task.files.push(null)
  task.files[fd] = { inode, flags, pos: 0, count: 1 }
  inode.users++
  if ((flags & O_TRUNC) !== 0 && access !== O_RDONLY && (inode.mode & S_IFMT) === S_IFREG)
    emptyFile(m, inode)
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
  name: 'read',
  args: { fd: 'int', buf: 'void *', count: 'size_t' },
  result: 'long',
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
  name: 'write',
  args: { fd: 'int', buf: 'void *', count: 'size_t' },
  result: 'long',
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

export const fsync = defineSyscall({
  nr: 74,
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
  name: 'sync',
  args: {},
  run(m) {
    syncInodes(m)
    waitForDisk(m)
    return 0
  },
})
