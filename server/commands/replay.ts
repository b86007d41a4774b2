// `oomroom replay`: a recorded room, at any of its moments.

import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { engineId } from '../engine.ts'
import { unpackAll } from '../room/packing.ts'
import { readSnapshotFile } from '../store/fileStore.ts'
import { parseLog, type Log, type LogProblem } from '../../shared/room/log.ts'
import { extend, openPlayer, scan, seek, seqAt, type Player } from '../../shared/room/player.ts'
import { applyEntry, createRoom, hashRoom, type Room } from '../../shared/room/room.ts'
import type { MachinePort } from '../../shared/shell/port.ts'
import { differingField } from '../../shared/state/walk.ts'
import { commandProblem } from '../../shared/wire/schema.ts'
import { readArgs, readRoomAddress } from './args.ts'
import { causeOf } from './create.ts'
import { Failure, UsageError } from './errors.ts'
import { runCommands, runTerminal } from './terminal.ts'
import { writeTo } from './terminalText.ts'

const usage = 'replay FILE|URL/CODE [--at SEQ|mm:ss] [-c CMDS] [--verify]'

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArgs({
    args,
    options: {
      at: { type: 'string' },
      command: { type: 'string', short: 'c' },
      verify: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  if (positionals.length !== 1) throw new UsageError(usage)
  const [source] = positionals
  const { log, problem } = parseLog(await readSource(source), {
    engine: engineId(),
    check: commandProblem,
  })
  if (problem) return refuse(source, problem, values.verify)
  if (log.notice !== null) writeTo(process.stderr, `oomroom: ${source}: ${log.notice}\n`)
  if (values.verify) return verify(source, log)

  const player = openPlayer(log.header, log.entries, { now: () => performance.now() })
  seek(player, values.at === undefined ? log.entries.length : readMoment(values.at, player))
  const port = readOnlyPort(player.room)
  return values.command === undefined ? runTerminal(port) : runCommands(port, values.command)
}

async function readSource(source: string): Promise<string> {
  const address = readRoomAddress(source)
  if (address === null) {
    const bytes = await readFile(source).catch((error: NodeJS.ErrnoException) => {
      throw new Failure(`${source}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`)
    })
    const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b
    return (gzipped ? gunzipSync(bytes) : bytes).toString('utf8')
  }
  const { server, code } = address
  const response = await fetch(`${server}/api/rooms/${code}/log`).catch((error: Error) => {
    throw new Failure(`${server} cannot be reached: ${causeOf(error)}`)
  })
  if (response.status === 404) throw new Failure(`there is no room ${code} at ${server}`)
  if (!response.ok) throw new Failure(`${server} refuses: ${response.status}`)
  return response.text()
}

/** `1234`, or `mm:ss` (`h:mm:ss`) of the recording. */
function readMoment(text: string, player: Player): number {
  if (/^\d{1,12}$/.test(text)) {
    const seq = Number(text)
    if (seq > player.entries.length)
      throw new Failure(`--at ${text}: the log ends with entry ${player.entries.length}`)
    return seq
  }
  const match = /^(?:(\d{1,3}):)?(\d{1,4}):([0-5]\d)$/.exec(text)
  if (match === null) throw new UsageError(`--at: '${text}' is neither an entry nor mm:ss`)
  const seconds = Number(match[1] ?? 0) * 3600 + Number(match[2]) * 60 + Number(match[3])
  return seqAt(player, seconds * 1000)
}

/** The shell of the teacher, or of who sat down first. */
function readOnlyPort(room: Room): MachinePort {
  const seats = [...room.seats.values()]
  const seat = seats.find(({ role }) => role === 'teacher') ?? seats[0]
  if (seat === undefined)
    throw new Failure('nobody has a seat yet at this moment: there is no shell to look from')
  return {
    room: () => room,
    seat: seat.no,
    submit: () => Promise.reject(new Error('this is a recording')),
    onApplied: () => () => {},
    readOnly: true,
  }
}

interface Verdict {
  entries: number
  hashes: number
  mismatch: null | { seq: number | null; field: string; [detail: string]: unknown }
  notice?: string
}

/** A log that is damaged or not ours. */
function refuse(source: string, { seq, line, field, why }: LogProblem, verifying: boolean): number {
  if (verifying && seq !== null) {
    print({ entries: seq - 1, hashes: 0, mismatch: { seq, field, line, why } })
  }
  writeTo(process.stderr, `oomroom: ${source}: ${why}\n`)
  return 1
}

async function verify(source: string, log: Log): Promise<number> {
  const player = openPlayer(log.header, [], { keyframeBytes: 0 })
  const snapshot = await snapshotBeside(source, log)
  const verdict: Verdict = { entries: log.entries.length, hashes: 0, mismatch: null }
  if (log.notice !== null) verdict.notice = log.notice

  for (const entry of log.entries) {
    extend(player, [entry])
    try {
      scan(player, 1)
    } catch (error) {
      verdict.mismatch ??= { seq: entry.seq, field: 'apply', why: (error as Error).message }
      break
    }
    if (snapshot?.seq === entry.seq) verdict.mismatch ??= compare(player.ahead, snapshot)
    const [first] = player.mismatches
    if (first !== undefined && verdict.mismatch === null) {
      const { seq, recorded, computed } = first
      const field = fieldAt(log, snapshot, seq) ?? 'hash'
      verdict.mismatch = { seq, field, recorded, computed }
    }
  }
  verdict.hashes = player.hashes
  print(verdict)
  if (verdict.mismatch === null) return 0
  writeTo(
    process.stderr,
    `oomroom: ${source}: entry ${verdict.mismatch.seq} does not replay: ${verdict.mismatch.field}\n`,
  )
  return 1
}

/** The server's own machine at some entry, if its file lies beside the log. */
async function snapshotBeside(source: string, log: Log): Promise<Room | null> {
  if (!source.endsWith('.ndjson')) return null
  const stored = await readSnapshotFile(source.replace(/ndjson$/, 'snapshot'), log.header.engine)
  if (stored === null) return null
  try {
    const room = unpackAll(stored.parts)
    return room.header.created === log.header.created ? room : null
  } catch {
    return null // a cache that cannot be read says nothing
  }
}

function compare(ours: Room, theirs: Room): Verdict['mismatch'] {
  if (hashRoom(ours) === hashRoom(theirs)) return null
  return { seq: ours.seq, field: differingField(ours, theirs) ?? 'hash' }
}

/** What differs, seen from a machine that was saved at or after the mismatch. */
function fieldAt(log: Log, theirs: Room | null, seq: number): string | null {
  if (theirs === null || theirs.seq < seq || theirs.seq > log.entries.length) return null
  const ours = createRoom(log.header)
  for (const entry of log.entries.slice(0, theirs.seq)) applyEntry(ours, entry)
  return differingField(ours, theirs)
}

function print(verdict: Verdict): void {
  process.stdout.write(JSON.stringify(verdict) + '\n')
}
