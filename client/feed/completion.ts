// Tab at the C prompt: names of functions and constants, and the variables of the process.

import { completeIc } from '@shared/ic/program.ts'
import type { Room } from '@shared/room/room.ts'
import type { Completion } from './protocol.ts'

const WORDS_TOLD = 40

/** What the word at the end of the line could become. */
export function completeLine({ machine }: Room, handle: string, line: string): Completion {
  const task = machine.handles.get(handle)
  if (task === undefined || task.program.kind !== 'ic') return { from: line.length, words: [] }
  const { from, candidates } = completeIc(task, line, line.length)
  return { from, words: candidates.slice(0, WORDS_TOLD).map(({ text }) => text) }
}
