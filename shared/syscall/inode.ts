// System calls on files by name, and on what a file is: truncate, unlink, mkdir, memfd_create.

import {
  EACCES,
  EBADF,
  EFBIG,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  ENOTEMPTY,
} from '../lib/errno.ts'
import type { Machine } from '../state/machine.ts'
import { S_IFMT, S_IFREG, type Inode } from '../state/inode.ts'
import type { Task } from '../state/task.ts'
import {
  MAY_WRITE,
  isDir,
  mkdir as makeDirectory,
  namei,
  newInode,
  normalizePath,
  permission,
  unlink as removeName,
} from '../fs/tree.ts'
import { putInode } from '../mm/shmem.ts'
import { truncateInode } from '../mm/truncate.ts'
import { loadCString } from '../mm/uaccess.ts'
import { defineSyscall } from './define.ts'
import { installFile } from './file.ts'
import { MFD, MFD_ALLOW_SEALING, MFD_CLOEXEC, O_ACCMODE, O_RDONLY, O_RDWR } from './flags.ts'
import { flags as bits, octalMode } from './strace.ts'

const PATH_MAX = 4096
/** The longest file that this machine's disk could hold a map of. */
const MAX_BYTES = 2 ** 44

function loadPath(m: Machine, task: Task, va: number): string {
  return normalizePath(loadCString(m, task, va, PATH_MAX), task.cwdPath)
}

export const truncate = defineSyscall({
  nr: 76,
  i386: 193,
  name: 'truncate',
  name32: 'truncate64',
  args: { path: 'const char *', length: 'off_t' },
  run(m, task, path, length) {
    return truncatePath(m, task, loadPath(m, task, path), length)
  },
})

/** truncate(2) by a path that is no pointer. */
export function truncatePath(m: Machine, task: Task, path: string, length: number): number {
  if (length < 0) return -EINVAL
  const inode = namei(m, path)
  if (inode === null) return -ENOENT
  if (isDir(inode)) return -EISDIR
  if (!permission(inode, task, MAY_WRITE) || inode.backing === 'image') return -EACCES
  return setLength(m, inode, length)
}

export const ftruncate = defineSyscall({
  nr: 77,
  i386: 194,
  name: 'ftruncate',
  name32: 'ftruncate64',
  args: { fd: 'int', length: 'off_t' },
  run(m, task, fd, length) {
    if (length < 0) return -EINVAL
    const file = task.files[fd] ?? null
    if (file === null) return -EBADF
    if ((file.flags & O_ACCMODE) === O_RDONLY) return -EINVAL
    return setLength(m, file.inode, length)
  },
})

function setLength(m: Machine, inode: Inode, length: number): number {
  if ((inode.mode & S_IFMT) !== S_IFREG) return -EINVAL
  if (length > MAX_BYTES) return -EFBIG
  truncateInode(m, inode, length)
  return 0
}

export const unlink = defineSyscall({
  nr: 87,
  i386: 10,
  name: 'unlink',
  args: { pathname: 'const char *' },
  run(m, task, pathname) {
    const path = loadPath(m, task, pathname)
    const inode = namei(m, path)
    return inode !== null && isDir(inode) ? -EISDIR : removeName(m, path, task)
  },
})

export const mkdir = defineSyscall({
  nr: 83,
  i386: 39,
  name: 'mkdir',
  args: { pathname: 'const char *', mode: octalMode },
  run: (m, task, pathname, mode) =>
    makeDirectory(m, loadPath(m, task, pathname), mode & 0o755, task),
})

export const rmdir = defineSyscall({
  nr: 84,
  i386: 40,
  name: 'rmdir',
  args: { pathname: 'const char *' },
  run(m, task, pathname) {
    const path = loadPath(m, task, pathname)
    const inode = namei(m, path)
    if (inode !== null && !isDir(inode)) return -ENOTDIR
    if (inode !== null && inode.entries.size > 0) return -ENOTEMPTY
    return removeName(m, path, task)
  },
})

const MFD_NAME_MAX = 249

/** A file in memory that no directory has: it goes with its last descriptor and mapping. */
export const memfdCreate = defineSyscall({
  nr: 319,
  i386: 356,
  name: 'memfd_create',
  args: { name: 'const char *', flags: bits('unsigned int', MFD, 'MFD_???') },
  run(m, task, name, flags) {
    if ((flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING)) !== 0) return -EINVAL
    const text = loadCString(m, task, name, MFD_NAME_MAX + 1)
    if (text.length > MFD_NAME_MAX) return -EINVAL
    const inode = newInode(m, S_IFREG | 0o777, 'tmpfs', task)
    if (inode === null) return -ENOMEM
    inode.dev = '00:01'
    inode.name = `/memfd:${text}`
    const fd = installFile(m, task, inode, O_RDWR)
    if (fd < 0) putInode(m, inode)
    return fd
  },
})
