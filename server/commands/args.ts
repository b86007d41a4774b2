// Arguments of the commands.

import { parseArgs, type ParseArgsConfig } from 'node:util'
import { OPTION_NAMES, parseOptions } from '../../shared/room/options.ts'
import type { MachineOptions } from '../../shared/state/machine.ts'
import { UsageError } from './errors.ts'

/** MACHINE OPTIONS for parseArgs(). */
export const machineOptionArgs = Object.fromEntries(
  OPTION_NAMES.map((name) => [name, { type: 'string' as const }]),
)

/** parseArgs() with its complaints in one line. */
export function readArgs<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    const [first] = (error as Error).message.split(/\.\s/)
    const option = /^Option '([^']+)' argument is ambiguous/.exec(first)?.[1]
    if (option === undefined) throw new UsageError(first)
    throw new UsageError(`${option}: the value is missing; one with a dash is ${option}=-1`)
  }
}

/** What was given of MACHINE OPTIONS, as text. */
export function givenOptions(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    OPTION_NAMES.flatMap((name) => (name in values ? [[name, values[name]]] : [])),
  )
}

export function readMachineOptions(values: Record<string, unknown>): MachineOptions {
  const parsed = parseOptions(givenOptions(values))
  if ('problem' in parsed) throw new UsageError(parsed.problem)
  return parsed.options
}

export interface RoomAddress {
  server: string // http://host:port
  code: string
}

/** `http://host:3000/123456`; null if it is not of that kind. */
export function readRoomAddress(text: string): RoomAddress | null {
  const match = /^(https?:\/\/[^/]+)(?:\/[^?#]*)?\/(\d{6})\/?$/.exec(text)
  return match === null ? null : { server: match[1], code: match[2] }
}

/** `http://host:3000`, without a path. */
export function readServer(text: string): string {
  const match = /^(https?:\/\/[^/]+)\/?$/.exec(text)
  if (match === null)
    throw new UsageError(`'${text}' is not a server such as http://192.168.1.5:3000`)
  return match[1]
}
