// What a room costs its server without its sockets: the log, a snapshot, a hash, the way back after a crash.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Command, Entry } from '../../../shared/room/entry.ts'
import { takeKeyframe } from '../../../shared/room/keyframe.ts'
import { entryLine, headerLine, LOG_FORMAT, parseLog } from '../../../shared/room/log.ts'
import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import {
  applyEntry,
  createRoom,
  hashRoom,
  loadRoom,
  saveRoom,
  type Room,
} from '../../../shared/room/room.ts'
import { fileStore } from '../../../server/store/fileStore.ts'

const SEATS = 40
const TICKS = 1000
const HASHES = 25

export async function measureCost() {
  const header = {
    format: LOG_FORMAT,
    engine: 'bench',
    code: '111111',
    created: 0,
    options: DEFAULT_OPTIONS,
  }
  const boot = timed(() => createRoom(header))
  const { room, entries, ms } = lesson(boot.value)
  const lines = entries.map(entryLine)
  const text = [headerLine(header), ...lines].join('\n') + '\n'

  const parse = timed(() => parseLog(text))
  const firstHash = timed(() => hashRoom(room))
  const nextHashes = Array.from({ length: HASHES }, () => {
    applyEntry(room, { seq: room.seq + 1, at: 0, seat: 0, c: { t: 'tick', fuel: 500_000 } })
    return timed(() => hashRoom(room)).ms
  }).sort((a, b) => a - b)
  const save = timed(() => saveRoom(room))
  const zip = timed(() => gzipSync(save.value, { level: 1 }))
  const load = timed(() => loadRoom(gunzipSync(zip.value)))
  const keyframe = timed(() => takeKeyframe(room, null))
  const nextKeyframe = timed(() => takeKeyframe(room, keyframe.value))
  return {
    boot: { ms: boot.ms },
    lesson: { seats: SEATS, entries: entries.length, msPerTick: round(ms / TICKS) },
    log: {
      bytesPerEntry: round(text.length / entries.length),
      parseMs: parse.ms,
      ...(await appendCost(lines)),
    },
    hash: { firstMs: firstHash.ms, afterATickMs: nextHashes[HASHES >> 1] },
    snapshot: {
      saveMs: save.ms,
      gzipMs: zip.ms,
      loadMs: load.ms,
      bytes: save.value.length,
      gzipBytes: zip.value.length,
    },
    keyframe: { firstMs: keyframe.ms, nextMs: nextKeyframe.ms },
  }
}

/** A class that has malloc'ed and touched, and a hog that presses. */
function lesson(room: Room): { room: Room; entries: Entry[]; ms: number } {
  const entries: Entry[] = []
  const enter = (seat: number, c: Command) => {
    const entry = { seq: room.seq + 1, at: entries.length * 25, seat, c }
    applyEntry(room, entry)
    entries.push(entry)
  }
  for (let seat = 1; seat <= SEATS; seat++)
    enter(seat, { t: 'seat', name: `Seat ${seat}`, role: 'student', from: '10.0.0.1' })
  const hog = ['hog', '30M', '--rate', '1M']
  enter(1, { t: 'spawn', path: '/usr/bin/hog', argv: hog, env: [], stdout: 'pipe' })
  const { ms } = timed(() => {
    for (let n = 0; n < TICKS; n++) {
      const seat = (n % SEATS) + 1
      const task = room.seats.get(seat)!.prompts[0]
      if (task !== undefined && n % 4 === 0)
        enter(seat, { t: 'ic', task, line: `p = malloc(${2000 + n}); memset(p, 1, 2000)` })
      enter(0, { t: 'tick', fuel: 500_000 })
    }
  })
  return { room, entries, ms }
}

async function appendCost(lines: string[]) {
  const dir = await mkdtemp(join(tmpdir(), 'oomroom-bench-'))
  try {
    const store = fileStore(dir, 'bench')
    const options = DEFAULT_OPTIONS
    await store.create(
      { format: LOG_FORMAT, engine: 'bench', code: '222222', created: 0, options },
      { teacher: '', seats: {} },
    )
    const room = store.room('222222')
    await room.open()
    const times: number[] = []
    for (let i = 0; i + 2 <= lines.length && i < 1000; i += 2) {
      const start = performance.now()
      await room.append(lines.slice(i, i + 2))
      times.push(performance.now() - start)
    }
    await room.close()
    times.sort((a, b) => a - b)
    return {
      appendP50Ms: round(times[times.length >> 1]),
      appendP99Ms: round(times[Math.floor(times.length * 0.99)]),
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

function timed<T>(work: () => T): { value: T; ms: number } {
  const start = performance.now()
  const value = work()
  return { value, ms: round(performance.now() - start) }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
