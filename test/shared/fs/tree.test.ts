import { describe, expect, it } from 'vitest'
import { EACCES, EEXIST, EISDIR, ENOENT, EROFS } from '@shared/lib/errno.ts'
import { peekFile, writeFile } from '@shared/fs/file.ts'
import { encodeUtf8 } from '@shared/lib/utf8.ts'
import {
  ROOT,
  createFile,
  mkdir,
  namei,
  normalizePath,
  permission,
  unlink,
} from '@shared/fs/tree.ts'
import type { Inode } from '@shared/state/inode.ts'
import { bootSmall } from '../../sim/process.ts'

const anna = { uid: 1001, gid: 1001 }
const ben = { uid: 1002, gid: 1002 }

describe('paths', () => {
  it('are made absolute, without dots and doubled slashes', () => {
    expect(normalizePath('a/./b/../c', '/home/anna')).toBe('/home/anna/a/c')
    expect(normalizePath('//tmp///x/', '/')).toBe('/tmp/x')
    expect(normalizePath('../../..', '/home')).toBe('/')
    expect(normalizePath('', '/tmp')).toBe('/tmp')
  })

  it('lead to inodes', () => {
    const m = bootSmall(8)
    expect(namei(m, '/')).toBe(m.root)
    expect(namei(m, '/usr/bin/ic')!.image).toBe('/usr/bin/ic')
    expect(namei(m, 'ic', '/usr/bin')).toBe(namei(m, '/usr/bin/ic'))
    expect(namei(m, '/usr/bin/ic/x')).toBe(null)
    expect(namei(m, '/usr/bin/__proto__')).toBe(null)
  })
})

describe('making and removing', () => {
  it('needs the right to write the directory', () => {
    const m = bootSmall(8)
    expect(createFile(m, '/tmp/a', 0o644, anna)).toMatchObject({
      uid: 1001,
      nlink: 1,
      name: '/tmp/a',
    })
    expect(createFile(m, '/usr/a', 0o644, anna)).toBe(-EACCES)
    expect(createFile(m, '/tmp/a', 0o644, anna)).toBe(-EEXIST)
    expect(createFile(m, '/no/a', 0o644, anna)).toBe(-ENOENT)
    expect(unlink(m, '/usr/bin/ic', anna)).toBeLessThan(0)
    expect(unlink(m, '/usr/bin/ic', ROOT)).toBe(-EROFS)
  })

  it('a directory goes when it is empty', () => {
    const m = bootSmall(8)
    expect(mkdir(m, '/tmp/d', 0o755, anna)).toBe(0)
    expect(createFile(m, '/tmp/d/f', 0o644, anna)).toBeTypeOf('object')
    expect(unlink(m, '/tmp/d', anna)).toBe(-EISDIR)
    expect(createFile(m, '/tmp/d/g', 0o644, ben)).toBe(-EACCES)
    expect(unlink(m, '/tmp/d/f', anna)).toBe(0)
    expect(unlink(m, '/tmp/d', anna)).toBe(0)
    expect(unlink(m, '/tmp/d', anna)).toBe(-ENOENT)
  })

  it('the inode goes with the name, if nobody uses it', () => {
    const m = bootSmall(8)
    const inodes = m.inodes.size
    createFile(m, '/tmp/a', 0o644, anna)
    unlink(m, '/tmp/a', anna)
    expect(m.inodes.size).toBe(inodes)
  })
})

describe('permission', () => {
  it('asks owner, group or others, and root only for execution', () => {
    const m = bootSmall(8)
    const inode = createFile(m, '/tmp/a', 0o640, anna) as Inode
    const [x, w, r] = [1, 2, 4]
    expect([r, w, x].map((mask) => permission(inode, anna, mask))).toEqual([true, true, false])
    expect([r, w, x].map((mask) => permission(inode, { uid: 9, gid: 1001 }, mask))).toEqual([
      true,
      false,
      false,
    ])
    expect([r, w, x].map((mask) => permission(inode, ben, mask))).toEqual([false, false, false])
    expect([r, w, x].map((mask) => permission(inode, ROOT, mask))).toEqual([true, true, false])
  })
})

describe('a tmpfs file', () => {
  it('lies in frames, charged to who wrote it, and gives them back', () => {
    const m = bootSmall(8)
    const inode = createFile(m, '/tmp/a', 0o644, anna) as Inode
    const free = m.zone.freePages
    expect(writeFile(m, inode, 0, new Uint8Array(10_000).fill(5), 3)).toBe(10_000)
    expect([inode.size, inode.pages.size, m.shmem]).toEqual([10_000, 3, 3])
    expect(m.zone.freePages).toBe(free - 3)
    expect(m.zone.page.memcg[inode.pages.get(1)!]).toBe(3)
    unlink(m, '/tmp/a', anna)
    expect([m.zone.freePages, m.shmem]).toEqual([free, 0])
  })

  it('reads as zero where nothing was written', () => {
    const m = bootSmall(8)
    const inode = createFile(m, '/tmp/a', 0o644, anna) as Inode
    writeFile(m, inode, 9000, encodeUtf8('ende'), 0)
    const bytes = peekFile(m, inode)
    expect(bytes).toHaveLength(9004)
    expect(bytes.subarray(0, 9000).every((byte) => byte === 0)).toBe(true)
    expect([...bytes.subarray(9000)]).toEqual([...encodeUtf8('ende')])
    expect(inode.pages.size).toBe(1)
  })
})
