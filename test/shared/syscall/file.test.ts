import { describe, expect, it } from 'vitest'
import { EACCES, EBADF, EEXIST, EFAULT, EISDIR, EMFILE, ENOENT } from '@shared/lib/errno.ts'
import { loadBytes, storeBytes } from '@shared/mm/uaccess.ts'
import { attachStream, mkStream, refillStreams } from '@shared/kernel/stream.ts'
import { WAITING } from '@shared/syscall/define.ts'
import { addProcess, asTask, bootSmall, call, forkTask } from '../../sim/process.ts'

const O_WRONLY = 1
const O_RDWR = 2
const O_CREAT = 0o100
const O_EXCL = 0o200
const O_TRUNC = 0o1000
const O_APPEND = 0o2000

function scene(uid = 1001) {
  const m = bootSmall(8)
  const task = addProcess(m, uid)
  const buffer = m.layout.stackTop - 2048
  const put = (text: string): number => {
    asTask(m, task, () => {
      storeBytes(
        m,
        task,
        buffer,
        Uint8Array.from([...text, '\0'], (c) => c.charCodeAt(0)),
      )
    })
    return buffer
  }
  const got = (length: number): string => {
    let text = ''
    asTask(m, task, () => {
      text = String.fromCharCode(...loadBytes(m, task, buffer, length))
    })
    return text
  }
  const open = (path: string, flags: number, mode = 0o644): number =>
    call(m, task, 'open', put(path), flags, mode)
  const write = (fd: number, text: string): number =>
    call(m, task, 'write', fd, put(text), text.length)
  return { m, task, buffer, put, got, open, write }
}

describe('files', () => {
  it('what is written is read again, by position', () => {
    const s = scene()
    expect(s.open('/tmp/a', O_RDWR | O_CREAT)).toBe(3)
    expect(s.write(3, 'hello world')).toBe(11)
    expect(call(s.m, s.task, 'read', 3, s.buffer, 100)).toBe(0)
    expect(s.open('/tmp/a', 0)).toBe(4)
    expect(call(s.m, s.task, 'read', 4, s.buffer, 5)).toBe(5)
    expect(s.got(5)).toBe('hello')
    expect(call(s.m, s.task, 'read', 4, s.buffer, 100)).toBe(6)
    expect(s.got(6)).toBe(' world')
  })

  it('append, truncate, exclusive', () => {
    const s = scene()
    s.open('/tmp/a', O_WRONLY | O_CREAT)
    s.write(3, 'abc')
    s.open('/tmp/a', O_WRONLY | O_APPEND)
    s.write(4, 'def')
    expect(s.task.files[3]!.inode.size).toBe(6)
    expect(s.open('/tmp/a', O_WRONLY | O_CREAT | O_EXCL)).toBe(-EEXIST)
    s.open('/tmp/a', O_WRONLY | O_TRUNC)
    expect(s.task.files[3]!.inode.size).toBe(0)
  })

  it('errors', () => {
    const s = scene()
    expect(s.open('/no/such', 0)).toBe(-ENOENT)
    expect(s.open('/tmp', O_WRONLY)).toBe(-EISDIR)
    expect(s.open('/usr/bin/ic', O_WRONLY)).toBe(-EACCES)
    expect(s.open('/usr/x', O_CREAT | O_WRONLY)).toBe(-EACCES)
    expect(call(s.m, s.task, 'read', 9, s.buffer, 1)).toBe(-EBADF)
    expect(call(s.m, s.task, 'close', 9)).toBe(-EBADF)
    expect(call(s.m, s.task, 'write', 1, s.m.layout.taskSize - 1, 5)).toBe(-EFAULT)
    s.open('/tmp/a', O_WRONLY | O_CREAT)
    expect(call(s.m, s.task, 'read', 3, s.buffer, 1)).toBe(-EBADF)
    let fd = 0
    while (fd >= 0) fd = s.open('/dev/zero', 0)
    expect(fd).toBe(-EMFILE)
  })

  it('devices: zero reads zeros, null nothing', () => {
    const s = scene()
    s.put('xxxxxxxx')
    const zero = s.open('/dev/zero', 0)
    expect(call(s.m, s.task, 'read', zero, s.buffer, 4)).toBe(4)
    expect(s.got(4)).toBe('\0\0\0\0')
    expect(call(s.m, s.task, 'read', s.open('/dev/null', 0), s.buffer, 4)).toBe(0)
  })

  it('a descriptor is shared over fork, position and all', () => {
    const s = scene()
    s.open('/tmp/a', O_RDWR | O_CREAT)
    s.write(3, '0123456789')
    const fd = s.open('/tmp/a', 0)
    const child = forkTask(s.m, s.task)
    call(s.m, child, 'read', fd, s.buffer, 4)
    call(s.m, s.task, 'read', fd, s.buffer, 2)
    expect(s.got(2)).toBe('45')
  })

  it('the terminal takes what fits into the tick; then the writer waits', () => {
    const s = scene()
    const stream = mkStream(s.m, 1, true)
    attachStream(s.task, stream)
    expect(s.write(1, 'hello\n')).toBe(6)
    expect(stream.text).toBe('hello\n')
    for (let result = 0; result !== WAITING;) result = call(s.m, s.task, 'write', 2, s.buffer, 1000)
    expect([s.task.state, s.task.wait.for]).toEqual(['S', 'output'])
    refillStreams(s.m)
    expect(call(s.m, s.task, 'write', 2, s.buffer, 1000)).toBe(1000)
  })
})
