// What the C prompt knows: names that may be meant, functions with their prototypes, the variables of the process.

import { typeName } from '@shared/ic/ctype.ts'
import { completeIc, type IcProgram } from '@shared/ic/program.ts'
import { constantsOf, findPrototype, functionNames } from '@shared/libc/headers.ts'
import type { Room } from '@shared/room/room.ts'
import type { CallForm, Completion, VariableRow } from './protocol.ts'

const CANDIDATES_TOLD = 40

/** What the word at the end of the line could become. */
export function completeLine({ machine }: Room, handle: string, line: string): Completion {
  const task = machine.handles.get(handle)
  if (task === undefined || task.program.kind !== 'ic') return { from: line.length, candidates: [] }
  const { from, candidates } = completeIc(task, line, line.length)
  return { from, candidates: candidates.slice(0, CANDIDATES_TOLD) }
}

export function callTable(): CallForm[] {
  return functionNames().map((name) => ({
    name,
    prototype: findPrototype(name)!,
    constants: constantsOf(name),
  }))
}

export function variablesOf({ machine }: Room, handle: string): VariableRow[] {
  const task = machine.handles.get(handle)
  if (task === undefined || task.program.kind !== 'ic') return []
  const { symbols } = task.program as IcProgram
  return [...symbols.values()].map(({ name, type }) => ({ name, type: typeName(type) }))
}
