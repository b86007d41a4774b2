import { describe, expect, it } from 'vitest'
import { giveLesson, header } from './lesson.ts'
import {
  extend,
  nextMarker,
  openPlayer,
  scan,
  seek,
  seqAt,
  step,
  timeOf,
} from '../../../shared/room/player.ts'
import { hashRoom } from '../../../shared/room/room.ts'

const hashes = new Map<number, string>([])
const { entries, room } = giveLesson(5, 300, (entry, now) => {
  if (entry.seq % 40 === 0) hashes.set(entry.seq, hashRoom(now))
})

describe('a player', () => {
  it('comes to the end, by one look or in slices', () => {
    const player = openPlayer(header, entries)
    expect(hashRoom(seek(player, entries.length))).toBe(hashRoom(room))
    const sliced = openPlayer(header, entries)
    let slices = 1
    while (!scan(sliced, 37)) slices++
    expect(slices).toBe(Math.ceil(entries.length / 37))
    expect(sliced.markers).toEqual(player.markers)
    expect(sliced).toMatchObject({ hashes: 6, mismatches: [] })
  })

  it('is at any entry what the room was, in any order', () => {
    const player = openPlayer(header, entries)
    const seqs = [...hashes.keys()]
    for (const seq of [...seqs.slice(3), ...seqs.reverse(), 0, seqs[0]]) {
      seek(player, seq)
      expect(player.room.seq).toBe(seq)
      if (seq > 0) expect(hashRoom(player.room)).toBe(hashes.get(seq))
    }
    expect(player.keyframes.length).toBeGreaterThan(1)
  })

  it('steps, and ends at the end', () => {
    const player = openPlayer(header, entries)
    seek(player, entries.length - 1)
    expect(step(player)).not.toBeNull()
    expect(step(player)).toBeNull()
    expect(hashRoom(player.room)).toBe(hashRoom(room))
  })

  it('goes anywhere without replaying it all, once it has looked through', () => {
    let ms = 0
    const player = openPlayer(header, entries, { now: () => (ms += 5) }) // 5 ms of work for an entry
    scan(player, Infinity)
    for (const seq of [entries.length, 10, 300, 150]) {
      const before = player.keyframes.filter((keyframe) => keyframe.seq <= seq).at(-1)?.seq ?? 0
      expect(seq - before).toBeLessThan(60)
      expect(seek(player, seq).seq).toBe(seq)
    }
  })

  it('stays within its memory', () => {
    const player = openPlayer(header, entries, { keyframeBytes: 32 * 2 ** 20 })
    scan(player, Infinity)
    expect(player.keyframes.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(36 * 2 ** 20)
    expect(hashRoom(seek(player, 80))).toBe(hashes.get(80))
  })

  it('notes who joined, what was forked, ended and killed', () => {
    const player = openPlayer(header, entries)
    scan(player, Infinity)
    const kinds = new Map<string, number>()
    for (const { kind } of player.markers) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    expect(kinds.get('join')).toBe(5)
    expect(kinds.get('oomKill')).toBe(room.machine.vmstat.oom_kill)
    expect(kinds.get('oomKill')).toBeGreaterThan(0)
    expect(kinds.get('exit')).toBeGreaterThan(0)
    expect(kinds.get('fork')).toBeGreaterThan(0)
    const kill = nextMarker(player, 0, 'oomKill')!
    expect(kill.what).toMatch(/^\S+\[\d+\]$/)
    expect(nextMarker(player, kill.seq, 'oomKill')?.seq ?? Infinity).toBeGreaterThan(kill.seq)
  })

  it('knows when an entry was, and which was last at a time', () => {
    const player = openPlayer(header, entries)
    expect(seqAt(player, 0)).toBe(1)
    expect(seqAt(player, 124)).toBe(3)
    expect(seqAt(player, -1)).toBe(0)
    expect(timeOf(player, 3)).toBe(100)
    expect(timeOf(player, 0)).toBe(0)
  })

  it('follows a room that goes on', () => {
    const player = openPlayer(header, entries.slice(0, 100))
    seek(player, 100)
    extend(player, entries.slice(50, 300))
    expect(player.entries).toHaveLength(300)
    expect(hashRoom(seek(player, 280))).toBe(hashes.get(280))
  })

  it('names the first hash that is not the recorded one', () => {
    const changed = entries.map((entry) =>
      entry.seq === 60 ? { ...entry, c: { t: 'void' as const } } : entry,
    )
    const player = openPlayer(header, changed)
    scan(player, Infinity)
    const first = entries.find(({ seq, c }) => seq > 60 && c.t === 'hash')!
    expect(player.mismatches[0]).toMatchObject({
      seq: first.seq,
      recorded: (first.c as { hash: string }).hash,
    })
  })
})
