// Lessons that were recorded once: machine options, then a command a line, and what they must end in.
//
//   {"options":{…},"bootTime":…}
//   {"seat":1,"command":{"t":"seat",…}}
//   …
//   {"hash":"…","text":["…","…"]}
//
// GOLDEN=write writes the last line anew, for a rule that has changed on purpose: the difference is the review.

import { DEFAULT_OPTIONS } from '@shared/room/options.ts'
import { apply, createMachine } from '@shared/machine/machine.ts'
import type { MachineCommand } from '@shared/machine/command.ts'
import type { Machine, MachineOptions } from '@shared/state/machine.ts'
import { hashState } from '@shared/state/walk.ts'

export interface Golden {
  options: MachineOptions
  bootTime: number
  entries: { seat: number; command: MachineCommand }[]
  hash: string
  text: string[]
}

export function parseGolden(ndjson: string): Golden {
  const lines = ndjson.split('\n').filter((line) => line !== '')
  const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  const end = parsed.at(-1)!
  const entries = parsed.slice(1, 'hash' in end ? -1 : undefined)
  const options = { ...DEFAULT_OPTIONS, ...(parsed[0].options as object) }
  return {
    ...parsed[0],
    options,
    entries,
    hash: end.hash ?? '',
    text: end.text ?? [],
  } as unknown as Golden
}

/** Plays the lesson: hash and text of its end. A plain function of the text, so that any engine can call it. */
export function playGolden(ndjson: string): { hash: string; text: string[] } {
  const { options, bootTime, entries } = parseGolden(ndjson)
  const m = createMachine(options, bootTime)
  for (const { seat, command } of entries) apply(m, seat, command)
  return { hash: hashState(m), text: describeMachine(m) }
}

/** What a reader can review: memory, processes, the end of the system log. */
function describeMachine(m: Machine): string[] {
  const kb = (pages: number): string => `${(pages * m.pageSize) / 1024} kB`
  const lines = [
    `MemTotal: ${kb(m.totalramPages)}`,
    `MemFree: ${kb(m.zone.freePages)}`,
    `Cached: ${kb(m.pageCache)}`,
    `Shmem: ${kb(m.shmem)}`,
    `Committed_AS: ${kb(m.committed)}`,
    `pgfault ${m.vmstat.pgfault} oom_kill ${m.vmstat.oom_kill}`,
  ]
  for (const task of m.tasks.values()) {
    const { mm } = task
    const memory =
      mm === null
        ? `exit ${task.exitCode}`
        : `VmSize ${kb(mm.totalVm)} RssAnon ${kb(mm.rssAnon)} RssFile ${kb(mm.rssFile)} VmPTE ${kb(mm.pageTables)}`
    lines.push(
      `${task.pid} ${task.comm} ${task.state} ${task.handle} minflt ${task.minFlt} ${memory}`,
    )
  }
  for (const { seat, text } of m.streams.values()) {
    if (text !== '') lines.push(`stream of seat ${seat}: ${text.slice(-400)}`)
  }
  for (const { ident, text } of m.syslog.slice(-3)) lines.push(`${ident}: ${text}`)
  return lines
}
