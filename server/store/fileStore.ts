// Rooms as files of one directory.
//
//   CODE.ndjson         the log (shared/room/log.ts), only ever appended to
//   CODE.seats.json     hashes of the tokens
//   CODE.snapshot       a cache of the room at some entry: JSON line with the parts' lengths, then the parts
//   CODE.report-N.json  what went wrong, for developers
//
// An append is one write and one fdatasync. They block the calling thread, which is a room's own worker: measured,
// that is twice as fast as the asynchronous calls.

import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { access, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { headerLine, parseLog } from '../../shared/room/log.ts'
import { commandProblem } from '../../shared/wire/schema.ts'
import {
  UnreadableLog,
  type LogStore,
  type OpenedRoom,
  type RoomStore,
  type Seats,
  type StoredSnapshot,
} from './logStore.ts'

const REPORTS_MAX = 20

export function fileStore(dir: string, engine: string): LogStore {
  mkdirSync(dir, { recursive: true })
  const path = (code: string, rest: string) => join(dir, `${code}.${rest}`)
  return {
    async list() {
      const names = await readdir(dir)
      return names.flatMap((name) => /^(\d{6})\.ndjson$/.exec(name)?.[1] ?? []).sort()
    },

    async exists(code) {
      return access(path(code, 'ndjson')).then(
        () => true,
        () => false,
      )
    },

    async recent(since) {
      const codes: string[] = []
      for (const code of await this.list()) {
        if ((await stat(path(code, 'ndjson'))).mtimeMs >= since) codes.push(code)
      }
      return codes
    },

    create: (header, seats) =>
      done(() => {
        // The log comes last: with it the room exists.
        const log = path(header.code, 'ndjson')
        if (existsSync(log)) throw new Error(`room ${header.code} is there already`)
        writeDurably(path(header.code, 'seats.json'), JSON.stringify(seats))
        writeDurably(log, headerLine(header) + '\n')
      }),

    room: (code) => new FileRoom(dir, code, engine),

    read: (code) => readFile(path(code, 'ndjson')),

    async delete(code) {
      for (const name of await readdir(dir)) {
        if (name.startsWith(`${code}.`)) await rm(join(dir, name), { force: true })
      }
    },
  }
}

class FileRoom implements RoomStore {
  private fd = -1
  private length = 0 // bytes of whole lines
  private readonly dir: string
  private readonly code: string
  private readonly engine: string

  constructor(dir: string, code: string, engine: string) {
    this.dir = dir
    this.code = code
    this.engine = engine
  }

  open(): Promise<OpenedRoom> {
    return done(() => this.openNow())
  }

  append(lines: readonly string[]): Promise<void> {
    return done(() => this.appendNow(Buffer.from(lines.join('\n') + '\n')))
  }

  writeSeats(seats: Seats): Promise<void> {
    return done(() => writeDurably(this.path('seats.json'), JSON.stringify(seats)))
  }

  async writeSnapshot({ seq, parts }: StoredSnapshot): Promise<void> {
    const fresh = this.path('snapshot.new')
    const head = { seq, engine: this.engine, parts: parts.map(({ length }) => length) }
    await writeFile(fresh, [Buffer.from(JSON.stringify(head) + '\n'), ...parts])
    await rename(fresh, this.path('snapshot'))
  }

  async readSnapshot(): Promise<StoredSnapshot | null> {
    return readSnapshotFile(this.path('snapshot'), this.engine)
  }

  async writeReport(report: object): Promise<void> {
    const names = await readdir(this.dir)
    const count = names.filter((name) => name.startsWith(`${this.code}.report-`)).length
    if (count >= REPORTS_MAX) return
    await writeFile(this.path(`report-${count + 1}.json`), JSON.stringify(report, null, 1))
  }

  close(): Promise<void> {
    return done(() => {
      if (this.fd >= 0) closeSync(this.fd)
      this.fd = -1
    })
  }

  private openNow(): OpenedRoom {
    const text = readFileSync(this.path('ndjson'), 'utf8')
    const { log, problem } = parseLog(text, { engine: this.engine, check: commandProblem })
    if (problem) throw new UnreadableLog(problem.field, problem.why)

    this.length = Buffer.byteLength(text.slice(0, log.length))
    truncateSync(this.path('ndjson'), this.length)
    this.fd = openSync(this.path('ndjson'), 'a')
    if (log.openEnd) this.length += writeAll(this.fd, Buffer.from('\n'))
    fdatasyncSync(this.fd)
    const { header, entries, notice } = log
    return { header, entries, seats: this.readSeats(), notice }
  }

  private appendNow(bytes: Uint8Array): void {
    try {
      writeAll(this.fd, bytes)
      fdatasyncSync(this.fd)
    } catch (error) {
      // Part of it may be there, on a full disk: what comes next must begin on a line of its own.
      if (this.fd >= 0) truncateSync(this.path('ndjson'), this.length)
      throw error
    }
    this.length += bytes.length
  }

  private readSeats(): Seats {
    return JSON.parse(readFileSync(this.path('seats.json'), 'utf8')) as Seats
  }

  private path(rest: string): string {
    return join(this.dir, `${this.code}.${rest}`)
  }
}

interface SnapshotHead {
  seq: number
  engine: string
  parts: number[] // bytes
}

/** A snapshot that a server has left beside a log; null if there is none that this engine can use. */
export async function readSnapshotFile(
  path: string,
  engine: string,
): Promise<StoredSnapshot | null> {
  try {
    const bytes = await readFile(path)
    const end = bytes.indexOf(10)
    const head = JSON.parse(bytes.subarray(0, end).toString()) as SnapshotHead
    if (head.engine !== engine) return null
    let at = end + 1
    const parts = head.parts.map((length) => bytes.subarray(at, (at += length)))
    return at === bytes.length ? { seq: head.seq, parts } : null
  } catch {
    return null
  }
}

/** What was done at once, or thrown, as a promise. */
function done<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()))
}

function writeAll(fd: number, bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
  return bytes.length
}

/** The file is the old one or the new one, whenever the power goes. */
function writeDurably(path: string, text: string): void {
  const fd = openSync(`${path}.new`, 'w', 0o600)
  writeAll(fd, Buffer.from(text))
  fsyncSync(fd)
  closeSync(fd)
  renameSync(`${path}.new`, path)
  syncDir(join(path, '..'))
}

function syncDir(dir: string): void {
  const fd = openSync(dir, 'r')
  fsyncSync(fd)
  closeSync(fd)
}
