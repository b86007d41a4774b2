// The same room as games do it: the server sends what has changed in its state, by @colyseus/schema. The state is what
// the map and the list of processes show: four columns of every frame in one word, and five figures of every process.
// It has no contents of memory, no page tables and no heap; with those it would be larger.

import { Encoder, schema, t, type SchemaType } from '@colyseus/schema'
import { mkFrameMap, scanFrames, type FrameMap } from '../../../shared/proc/frames.ts'
import type { Machine } from '../../../shared/state/machine.ts'
import { lesson } from './lesson.ts'

const Process = schema(
  {
    comm: t.string(),
    state: t.string(),
    seat: t.uint16(),
    rss: t.uint32(),
    utime: t.uint32(),
  },
  'Process',
)

const Picture = schema({ frames: t.array('uint32'), processes: t.map(Process) }, 'Picture')
type Picture = SchemaType<typeof Picture>

export interface PatchFigures {
  kibPerClientSecond: number
  bytesPerStatement: number
  fullStateKiB: number
  encodeMsPerTick: number
}

const BUFFER_BYTES = 32 * 2 ** 20

export function measurePatches(seats: number, ramMiB: number, ticks: number): PatchFigures {
  Encoder.BUFFER_SIZE = BUFFER_BYTES
  const room = lesson(seats, ramMiB)
  const { machine } = room.room
  const map = mkFrameMap(machine.ram.nrFrames)
  const picture = new Picture()
  scanFrames(machine, map)
  for (let pfn = 0; pfn < map.kind.length; pfn++) picture.frames.push(wordOf(map, pfn))
  const encoder = new Encoder(picture)
  copyProcesses(machine, picture)
  const fullState = encoder.encodeAll().length
  encoder.discardChanges()
  let bytes = 0
  let ms = 0
  let statements = 0
  for (let n = 0; n < ticks; n++) {
    statements += room.tick()
    const start = performance.now()
    scanFrames(machine, map)
    for (let pfn = 0; pfn < map.kind.length; pfn++) {
      const word = wordOf(map, pfn)
      if (picture.frames[pfn] !== word) picture.frames[pfn] = word
    }
    copyProcesses(machine, picture)
    bytes += encoder.encode().length
    encoder.discardChanges()
    ms += performance.now() - start
  }
  return {
    kibPerClientSecond: round(((bytes / ticks) * 20) / 1024),
    bytesPerStatement: round(bytes / statements),
    fullStateKiB: round(fullState / 1024),
    encodeMsPerTick: round(ms / ticks),
  }
}

function wordOf({ kind, seat, sharers, age }: FrameMap, pfn: number): number {
  return ((seat[pfn] & 0xfff) << 20) | (sharers[pfn] << 12) | (kind[pfn] << 8) | age[pfn]
}

function copyProcesses(machine: Machine, { processes }: Picture): void {
  for (const { pid, comm, state, seat, mm, utime } of machine.tasks.values()) {
    let process = processes.get(String(pid))
    if (process === undefined) processes.set(String(pid), (process = new Process()))
    const rss = mm === null ? 0 : mm.rssAnon + mm.rssFile + mm.rssShmem
    process.comm = comm
    process.state = state
    process.seat = seat
    process.rss = rss
    process.utime = utime
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
