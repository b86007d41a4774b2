// A room's log as text: a header line, then an entry a line, all of it JSON.
//
//   {"format":2,"engine":"…","code":"123456","created":…,"options":{…},"sum":"…"}
//   {"seq":1,"at":0,"seat":1,"c":{"t":"seat",…},"sum":"…"}
//   {"seq":2,"at":50,"seat":0,"c":{"t":"tick","fuel":500000},"sum":"…"}
//   {"void":2,"sum":"…"}
//
// `sum` is a hash of the line before it, so a byte that changed on a disk is found and the entry named. A void line
// says that applying the entry failed. Only the last line may be incomplete: the writer died over it, and nobody had
// been told of it.

import { hashString, hashText, mkHash } from '../lib/hash.ts'
import type { Entry, Header } from './entry.ts'
import { parseOptions } from './options.ts'

/** Counted up when a line's form or an entry's meaning changes. */
export const LOG_FORMAT = 2

export interface Log {
  header: Header
  entries: Entry[] // voided ones already replaced by { t: 'void' }
  voided: number[]
  length: number // characters of `text` that are whole lines; the rest was cut
  openEnd: boolean // the last line is whole and only its newline is missing
  notice: string | null // what was cut
}

/** Why a text is no log that we replay. */
export interface LogProblem {
  line: number // from 1
  seq: number | null // the entry, if it is one
  field: string // what of the line is wrong: 'format', 'engine', 'sum', 'seq', …
  why: string // a sentence
}

export type ParsedLog = { log: Log; problem?: undefined } | { problem: LogProblem; log?: undefined }

export interface ParseOptions {
  /** Refuse the log of another engine. */
  engine?: string
  /** Says what is wrong with an entry's command, null if nothing (shared/wire checks them). */
  check?: (command: unknown) => string | null
}

export function headerLine(header: Header): string {
  return withSum(JSON.stringify(header))
}

export function entryLine(entry: Entry): string {
  const { seq, at, seat, c } = entry
  return withSum(JSON.stringify({ seq, at, seat, c }))
}

export function voidLine(seq: number): string {
  return withSum(`{"void":${seq}}`)
}

/** The whole log as text. */
export function logText(header: Header, entries: readonly Entry[]): string {
  let text = headerLine(header) + '\n'
  for (const entry of entries) text += entryLine(entry) + '\n'
  return text
}

function withSum(json: string): string {
  const body = json.slice(0, -1)
  return `${body},"sum":"${lineSum(body)}"}`
}

function lineSum(body: string): string {
  const h = mkHash()
  hashString(h, body)
  return hashText(h).slice(0, 8)
}

export function parseLog(text: string, options: ParseOptions = {}): ParsedLog {
  const { lines, length, openEnd, torn } = splitLines(text)
  if (lines.length === 0) return problem(1, null, 'header', 'the log has no header')

  const first = parseHeader(lines[0], options)
  if ('problem' in first) return first
  const entries: Entry[] = []
  const voided: number[] = []
  for (let i = 1; i < lines.length; i++) {
    const wrong = takeLine(lines[i], i + 1, entries, voided, options)
    if (wrong !== null) return { problem: wrong }
  }
  const notice = torn
    ? `the last line (after entry ${entries.length}) is incomplete and was cut`
    : null
  return { log: { header: first.header, entries, voided, length, openEnd, notice } }
}

/** Whole lines; what follows the last newline counts if it is a whole line by its sum. */
function splitLines(text: string) {
  const lines = text.split('\n')
  const rest = lines.pop()!
  if (rest === '') return { lines, length: text.length, openEnd: false, torn: false }
  if (readLine(rest) !== null) {
    lines.push(rest)
    return { lines, length: text.length, openEnd: true, torn: false }
  }
  return { lines, length: text.length - rest.length, openEnd: false, torn: true }
}

type Fields = Record<string, unknown>

/** The line's object if its sum is right. */
function readLine(line: string): Fields | null {
  const match = /^(\{[^]*),"sum":"([0-9a-f]{8})"\}$/.exec(line)
  if (match === null || lineSum(match[1]) !== match[2]) return null
  try {
    const value: unknown = JSON.parse(match[1] + '}')
    return typeof value === 'object' && value !== null ? (value as Fields) : null
  } catch {
    return null
  }
}

function parseHeader(
  line: string,
  options: ParseOptions,
): { header: Header } | { problem: LogProblem } {
  const fields = readLine(line)
  if (fields === null) {
    // An old log, or one of another program, is told from a damaged one.
    const format = /^\{"format":(\d+),/.exec(line)?.[1]
    if (format === undefined) return problem(1, null, 'header', 'this is no log of a room')
    if (Number(format) !== LOG_FORMAT) return wrongFormat(Number(format))
    return problem(1, null, 'sum', 'the header is damaged: its checksum does not fit')
  }
  if (fields.format !== LOG_FORMAT) return wrongFormat(Number(fields.format))
  const header = fields as unknown as Header
  if (!isHeader(header))
    return problem(1, null, 'header', 'the header lacks a field or describes no machine')
  if (options.engine !== undefined && header.engine !== options.engine) {
    const why = `written by engine ${header.engine}, this is engine ${options.engine}: it would not replay the same`
    return problem(1, null, 'engine', why)
  }
  return { header }
}

function wrongFormat(format: number): { problem: LogProblem } {
  return problem(1, null, 'format', `log format ${format}, this program reads format ${LOG_FORMAT}`)
}

function isHeader(header: Header): boolean {
  const { engine, code, created, options } = header
  if (typeof engine !== 'string' || typeof code !== 'string' || !isWhole(created)) return false
  if (typeof options !== 'object' || options === null) return false
  const numbers = [options.ram, options.bits, options.pageSize, options.seed, options.speed]
  if (!numbers.every(isWhole) || typeof options.hostname !== 'string') return false
  return 'options' in parseOptions({ ...options }) // a machine that there can be
}

function takeLine(
  line: string,
  no: number,
  entries: Entry[],
  voided: number[],
  options: ParseOptions,
): LogProblem | null {
  const next = entries.length + 1
  const wrong = (field: string, why: string) => problem(no, next, field, why).problem
  const fields = readLine(line)
  if (fields === null)
    return wrong('sum', `line ${no} (entry ${next}) is damaged: its checksum does not fit`)

  if ('void' in fields) {
    const seq = fields.void
    if (!isWhole(seq) || seq < 1 || seq >= next)
      return wrong('void', `line ${no} voids entry ${String(seq)}`)
    entries[seq - 1].c = { t: 'void' }
    voided.push(seq)
    return null
  }
  const { seq, at, seat, c } = fields
  if (seq !== next) return wrong('seq', `line ${no} has entry ${String(seq)} where ${next} belongs`)
  if (!isWhole(at) || !isWhole(seat))
    return wrong('at', `line ${no} (entry ${next}) lacks its time or seat`)
  if (typeof c !== 'object' || c === null)
    return wrong('c', `line ${no} (entry ${next}) has no command`)
  const unfit = options.check?.(c) ?? null
  if (unfit !== null) return wrong('c', `line ${no} (entry ${next}): ${unfit}`)
  entries.push({ seq: next, at, seat, c: c as Entry['c'] })
  return null
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function problem(line: number, seq: number | null, field: string, why: string) {
  return { problem: { line, seq, field, why } }
}
