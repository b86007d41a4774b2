import { expect, it } from 'vitest'
import { EACCES, EISDIR, ENOENT, ENOTDIR } from '../../../shared/lib/errno.ts'
import { MachineFs } from '../../../shared/shell/fs.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'

function fileSystem() {
  const room = new OwnRoom()
  const seat = room.join('Ben', 'student')
  const fs = new MachineFs({
    port: room.port(seat),
    uid: () => 1001,
    pid: () => room.prompt(seat).parent!.pid,
    commands: () => new Set(['ps', '__open']),
    when: (ms) => new Date(ms),
    stdout: () => {},
    stderr: () => {},
  })
  return { room, fs }
}

it('shows /proc and the tree as one file system', async () => {
  const { fs } = fileSystem()
  expect(await fs.readdir('/')).toContain('proc')
  expect((await fs.stat('/proc/self')).isDirectory).toBe(true)
  expect((await fs.lstat('/proc/self')).isSymbolicLink).toBe(true)
  expect(await fs.readFile('/proc/self/comm')).toBe('bash\n')
  expect(await fs.readdir('/usr/bin')).toContain('ps')
  expect(await fs.readdir('/usr/bin')).not.toContain('__open')
})

it('says why a file cannot be written before anything is sent', () => {
  const { room, fs } = fileSystem()
  const before = room.entries.length
  const cases: [path: string, errno: number][] = [
    ['/home/ben/f', 0],
    ['/tmp/f', 0],
    ['/etc', EACCES],
    ['/tmp', EISDIR],
    ['/nothing/f', ENOENT],
    ['/usr/bin/hog/f', ENOTDIR],
    ['/proc/1/oom_score_adj', EACCES],
    ['/proc/self/oom_score_adj', 0],
    ['/proc/nothing', ENOENT],
    ['/dev/null', 0],
  ]
  for (const [path, errno] of cases) expect(fs.openError(path), path).toBe(errno)
  expect(room.entries).toHaveLength(before)
})

it('writes long texts in pieces', async () => {
  const { room, fs } = fileSystem()
  const text = 'x'.repeat(40_000)
  await fs.writeFile('/tmp/long', text)
  expect(await fs.readFile('/tmp/long')).toBe(text)
  expect(room.entries.filter(({ c }) => c.t === 'write')).toHaveLength(3)
})

it('keeps the error of a write until it is asked for', async () => {
  const { fs } = fileSystem()
  await fs.writeFile('/proc/self/oom_score_adj', 'x')
  expect(await fs.takeWriteError()).not.toBe(0)
  expect(await fs.takeWriteError()).toBe(0)
})
