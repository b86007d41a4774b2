// One server to a data directory: two would write the same logs. `server.lock` in it says who.
//
// On one computer the process tells whether it is alive; of another one that shares the directory only the file's age can be
// seen, so the owner renews it. What a killed server left behind is taken over.

import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'

const RENEW_MS = 10_000
/** From another computer nothing was heard for so long: it is gone. */
const STALE_MS = 60_000

interface Owner {
  host: string
  pid: number
  born: string // what tells the process from a later one with its number
}

/** Locks the directory; the result unlocks it. Throws if another server has it. */
export function lockDir(dir: string): () => void {
  mkdirSync(dir, { recursive: true })
  const path = join(dir, 'server.lock')
  const text = JSON.stringify({ host: hostname(), pid: process.pid, born: bornOf(process.pid) })
  while (!create(path, text)) {
    const found = read(path)
    if (found === null) continue // just now given back
    if (isAlive(found.owner, found.age)) throw new Error(inUse(dir, found.owner))
    takeAway(path, found.text)
  }
  const renewal = setInterval(() => renew(path, text), RENEW_MS)
  renewal.unref()
  const unlock = () => {
    clearInterval(renewal)
    process.off('exit', unlock)
    if (read(path)?.text === text) rmSync(path, { force: true })
  }
  process.on('exit', unlock)
  return unlock
}

function create(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Who has the lock, null if nobody; an owner of null has not told its name yet. */
function read(path: string): { text: string; owner: Owner | null; age: number } | null {
  try {
    const text = readFileSync(path, 'utf8')
    return { text, owner: parse(text), age: Date.now() - statSync(path).mtimeMs }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function parse(text: string): Owner | null {
  try {
    const owner = JSON.parse(text) as Owner
    return typeof owner.pid === 'number' ? owner : null
  } catch {
    return null
  }
}

function isAlive(owner: Owner | null, age: number): boolean {
  if (owner?.host !== hostname()) return age < STALE_MS
  return isRunning(owner.pid) && bornOf(owner.pid) === owner.born
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // somebody else's
  }
}

/** When the process began, as Linux counts it; elsewhere only its number is known. */
function bornOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return ''
  }
}

/** Removes a lock that nobody has any more; one that somebody took in the meantime is put back. */
function takeAway(path: string, text: string): void {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return // somebody else was faster
  }
  try {
    if (readFileSync(aside, 'utf8') !== text) linkSync(aside, path)
  } finally {
    rmSync(aside, { force: true })
  }
}

function renew(path: string, text: string): void {
  try {
    if (readFileSync(path, 'utf8') === text) utimesSync(path, new Date(), new Date())
  } catch {
    // The directory is gone, and with it what was to be kept.
  }
}

function inUse(dir: string, owner: Owner | null): string {
  const who = owner === null ? '' : ` (process ${owner.pid} on ${owner.host})`
  return `the data directory ${resolve(dir)} is in use by another server${who}`
}
