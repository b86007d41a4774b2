import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lockDir } from '../../server/store/dirLock.ts'

let dir: string
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'oomroom-lock-'))))
afterEach(() => rmSync(dir, { recursive: true }))

const path = () => join(dir, 'server.lock')
const owner = () => JSON.parse(readFileSync(path(), 'utf8')) as { host: string; pid: number }

describe('the lock of the data directory', () => {
  it('is one server’s, which is named to the other one', () => {
    const unlock = lockDir(dir)
    const { pid } = process
    expect(() => lockDir(dir)).toThrow(
      `the data directory ${dir} is in use by another server (process ${pid} on ${hostname()})`,
    )
    unlock()
    expect(readdirSync(dir)).toEqual([])
    lockDir(dir)()
  })

  it('of a killed server is taken over, and so is that of a process whose number was given again', () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid
    writeFileSync(path(), JSON.stringify({ host: hostname(), pid: dead, born: '1' }))
    const unlock = lockDir(dir)
    expect(owner().pid).toBe(process.pid)
    expect(readdirSync(dir)).toEqual(['server.lock'])
    unlock()
    writeFileSync(path(), JSON.stringify({ host: hostname(), pid: process.ppid, born: '1' }))
    lockDir(dir)()
  })

  it('of another computer counts while it is renewed, and so does one that is just being written', () => {
    for (const text of [JSON.stringify({ host: 'elsewhere', pid: 1, born: '' }), '']) {
      writeFileSync(path(), text)
      expect(() => lockDir(dir)).toThrow('is in use by another server')
      const before = Date.now() / 1000 - 120
      utimesSync(path(), before, before)
      lockDir(dir)()
    }
  })

  it('that somebody else has taken is left to them', () => {
    const unlock = lockDir(dir)
    const theirs = JSON.stringify({ host: 'elsewhere', pid: 1, born: '' })
    writeFileSync(path(), theirs)
    unlock()
    expect(readFileSync(path(), 'utf8')).toBe(theirs)
  })
})
