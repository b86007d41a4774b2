// Shared anonymous memory: a nameless tmpfs file (shmem_zero_setup, mm/shmem.c).

import type { Machine } from '../state/machine.ts'
import { S_IFREG, type Inode } from '../state/inode.ts'
import { VM_NORESERVE, VM_SHARED } from '../state/mm.ts'
import { isPromised, vmEnoughMemory, vmUnacctMemory } from './overcommit.ts'
import { dropPages } from './filemap.ts'
import { kmemCacheAlloc, kmemCacheFree } from './slab.ts'

/** The object behind a new shared anonymous mapping, promised in full unless MAP_NORESERVE is given and heard; null: refused. */
export function shmemZeroSetup(
  m: Machine,
  bytes: number,
  owner: Pick<Inode, 'uid' | 'gid'>,
  totalVm: number,
  noreserve: boolean,
): Inode | null {
  const pages = Math.ceil(bytes / m.pageSize)
  const flags = VM_SHARED | (noreserve ? VM_NORESERVE : 0)
  const promised = isPromised(m.sysctl.overcommitMemory, flags) ? pages : 0
  if (promised > 0 && !vmEnoughMemory(m, promised, owner.uid === 0, totalVm)) return null
  if (!kmemCacheAlloc(m, 'inode_cache')) {
    vmUnacctMemory(m, promised)
    return null
  }
  const inode: Inode = {
    ino: m.nextId++,
    dev: '00:01',
    mode: S_IFREG | 0o777,
    uid: owner.uid,
    gid: owner.gid,
    nlink: 0,
    size: pages * m.pageSize,
    mtime: 0,
    backing: 'tmpfs',
    name: '/dev/zero',
    image: '',
    pages: new Map(),
    mappings: new Map(),
    blocks: new Map(),
    swapped: new Map(),
    shadows: new Map(),
    dirtiedWhen: 0,
    entries: new Map(),
    accounted: promised,
    users: 0,
  }
  m.inodes.set(inode.ino, inode)
  return inode
}

/** Drops what nobody has a name, a descriptor or a mapping for any more (iput). */
export function putInode(m: Machine, inode: Inode): void {
  if (inode.nlink > 0 || inode.users > 0 || inode.mappings.size > 0) return
  dropPages(m, inode, 0, Infinity)
  if (inode.accounted > 0) vmUnacctMemory(m, inode.accounted)
  m.inodes.delete(inode.ino)
  kmemCacheFree(m, 'inode_cache')
}
