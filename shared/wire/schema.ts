// What a message must look like to be looked at. Nothing that comes from a socket, a request or a file is believed.

import * as v from 'valibot'
import {
  ADVANCE_MAX,
  SPEEDS,
  STEP_MAX,
  type Command,
  type Entry,
  type Handle,
} from '../room/entry.ts'
import { RLIMITS } from '../state/task.ts'
import { BOT_STYLES, ROOM_BOTS_MAX, ROOM_BOTS_SECONDS_MAX } from './bots.ts'
import type { Hello } from './events.ts'

export const IC_LINE_MAX = 4096
export const PATH_MAX = 4096
export const TEXT_MAX = 64 * 1024
export const OUT_MAX = 16 * 1024
export const LINE_MAX = 8192
export const ARGV_MAX = 256
export const ARGV_BYTES = 32 * 1024
export const ENV_MAX = 128

const whole = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max))
const oneTo = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max))
const text = (max: number) => v.pipe(v.string(), v.maxLength(max))

/** A string that a system call would take: it ends at a NUL, so none may stand in it. */
const cString = (max: number) =>
  v.pipe(
    text(max),
    v.check((s) => !s.includes('\0'), 'has a NUL'),
  )

/** A path; no control characters, since names are shown in terminals and in the syslog. */
const path = v.pipe(
  text(PATH_MAX),
  v.minLength(1),
  v.regex(
    /^[^\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]*$/,
    'has a control character',
  ),
)

const handle = v.pipe(
  v.string(),
  v.maxLength(24),
  v.regex(/^\d{1,9}\.\d{1,12}$/, 'is no SEAT.BIRTH'),
)

/** argv and environ share the limit, as on a stack. */
const strings = (count: number) =>
  v.pipe(
    v.array(cString(ARGV_BYTES)),
    v.maxLength(count),
    v.check((list) => list.reduce((sum, s) => sum + s.length + 1, 0) <= ARGV_BYTES, 'is too long'),
  )

const ic = v.strictObject({
  t: v.literal('ic'),
  task: handle,
  line: v.pipe(text(IC_LINE_MAX), v.regex(/^[^\u0000\r\n]*$/, 'is more than a line')),
})
const niceValue = v.pipe(v.number(), v.integer(), v.minValue(-1000), v.maxValue(1000))
const resource = v.picklist(RLIMITS)
/** RLIM_INFINITY is -1. */
const limit = v.pipe(v.number(), v.integer(), v.minValue(-1), v.maxValue(Number.MAX_SAFE_INTEGER))
const spawn = v.strictObject({
  t: v.literal('spawn'),
  path,
  argv: v.pipe(strings(ARGV_MAX), v.minLength(1)),
  env: strings(ENV_MAX),
  stdout: v.picklist(['tty', 'pipe']),
  nice: v.optional(niceValue),
  oomScoreAdj: v.optional(v.pipe(v.number(), v.integer(), v.minValue(-1000), v.maxValue(1000))),
  rlimits: v.optional(
    v.pipe(
      v.array(v.strictObject({ resource, soft: limit, hard: limit })),
      v.maxLength(RLIMITS.length),
    ),
  ),
})
const kill = v.strictObject({ t: v.literal('kill'), task: handle, sig: whole(64) })
const write = v.strictObject({
  t: v.literal('write'),
  path,
  text: text(TEXT_MAX),
  append: v.boolean(),
})
const balloon = v.strictObject({ t: v.literal('balloon'), bytes: whole(Number.MAX_SAFE_INTEGER) })
const reboot = v.strictObject({ t: v.literal('reboot') })
const unlink = v.strictObject({ t: v.literal('unlink'), path })
const mkdir = v.strictObject({ t: v.literal('mkdir'), path, mode: whole(0o7777) })
const truncate = v.strictObject({ t: v.literal('truncate'), path, length: whole(2 ** 40) })
const swapon = v.strictObject({ t: v.literal('swapon'), path })
const swapoff = v.strictObject({ t: v.literal('swapoff'), path })
const rlimit = v.strictObject({
  t: v.literal('rlimit'),
  task: handle,
  resource,
  soft: limit,
  hard: v.optional(limit),
})
const nice = v.strictObject({ t: v.literal('nice'), task: handle, nice: niceValue })
const argument = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(-(2 ** 31)),
  v.maxValue(Number.MAX_SAFE_INTEGER),
)
const call = v.strictObject({
  t: v.literal('call'),
  task: handle,
  call: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_]{0,31}$/, 'is no name')),
  args: v.pipe(v.array(argument), v.maxLength(6)),
})
const access = v.strictObject({
  t: v.literal('access'),
  task: handle,
  op: v.picklist(['read', 'write', 'exec']),
  va: whole(Number.MAX_SAFE_INTEGER),
  byte: whole(255),
})
const prompt = v.strictObject({ t: v.literal('prompt'), env: v.optional(strings(ENV_MAX)) })
const note = v.strictObject({
  t: v.literal('note'),
  line: v.optional(text(LINE_MAX)),
  out: v.optional(text(OUT_MAX)),
})

const who = oneTo(1e9)
const role = v.picklist(['teacher', 'student'])
/** Longer than a name may be, so that a name that is too long is told from a message that is none. */
const name = v.pipe(text(200), v.minLength(1))

const rename = v.strictObject({ t: v.literal('rename'), who, name })
const remove = v.strictObject({ t: v.literal('remove'), who })
const ban = v.strictObject({ t: v.literal('ban'), who })
const readmit = v.strictObject({ t: v.literal('readmit'), who })
const changeRole = v.strictObject({ t: v.literal('role'), who, role })
const settings = v.strictObject({
  t: v.literal('room'),
  set: v.pipe(
    v.partial(
      v.strictObject({
        lobby: v.boolean(),
        locked: v.boolean(),
        namesHidden: v.boolean(),
        paused: v.boolean(),
        speed: v.picklist(SPEEDS),
      }),
    ),
    v.check((set) => Object.keys(set).length > 0, 'sets nothing'),
  ),
})
const step = v.strictObject({
  t: v.literal('step'),
  ticks: oneTo(STEP_MAX),
})
const advance = v.strictObject({
  t: v.literal('advance'),
  ticks: oneTo(ADVANCE_MAX),
})
const close = v.strictObject({ t: v.literal('close') })

const byPeople = [
  prompt,
  ic,
  spawn,
  kill,
  write,
  balloon,
  reboot,
  unlink,
  mkdir,
  truncate,
  rlimit,
  nice,
  swapon,
  swapoff,
  call,
  access,
  note,
  rename,
  remove,
  ban,
  readmit,
  changeRole,
  settings,
  step,
  advance,
  close,
] as const

const tick = v.strictObject({ t: v.literal('tick'), fuel: whole(2 ** 31) })
const seat = v.strictObject({
  t: v.literal('seat'),
  name: v.pipe(text(64), v.minLength(1)),
  role,
  from: cString(64),
})
const hash = v.strictObject({
  t: v.literal('hash'),
  hash: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
})
const full = v.strictObject({ t: v.literal('full'), full: v.boolean() })
const voided = v.strictObject({ t: v.literal('void') })

/** What people may ask for. */
export const PersonCommand = v.variant('t', [...byPeople])

/** Everything that may stand in a log. */
export const AnyCommand = v.variant('t', [...byPeople, tick, seat, hash, full, voided])

// A command that is added to the type and not here, or the other way round, does not compile.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
export const schemaIsExhaustive: Same<v.InferOutput<typeof AnyCommand>, Command> = true

export type PersonCommand = v.InferOutput<typeof PersonCommand>

export const EntrySchema = v.strictObject({
  seq: v.pipe(v.number(), v.integer(), v.minValue(1)),
  at: whole(Number.MAX_SAFE_INTEGER),
  seat: whole(1e9),
  c: AnyCommand,
})

const code = v.pipe(v.string(), v.regex(/^\d{6}$/))
export const TOKEN = /^[0-9a-f]{32}$/

export const HelloSchema = v.object({
  protocol: whole(1e6),
  code,
  token: v.optional(v.pipe(v.string(), v.regex(TOKEN))),
  name: v.optional(text(200)),
  pair: v.optional(text(16)),
  key: v.optional(v.pipe(v.string(), v.regex(TOKEN))),
  have: v.optional(v.object({ engine: text(64), seq: whole(Number.MAX_SAFE_INTEGER) })),
  spectator: v.optional(v.boolean()),
  watch: v.optional(v.boolean()),
})

export const DiffersSchema = v.object({
  seq: whole(Number.MAX_SAFE_INTEGER),
  hash: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/))),
  field: v.optional(text(200)),
})

export const PairSchema = v.strictObject({ who: v.optional(who) })

export const BotsSchema = v.variant('do', [
  v.strictObject({
    do: v.literal('start'),
    count: oneTo(ROOM_BOTS_MAX),
    styles: v.pipe(v.array(v.picklist(BOT_STYLES)), v.minLength(1), v.maxLength(BOT_STYLES.length)),
    seconds: oneTo(ROOM_BOTS_SECONDS_MAX),
  }),
  v.strictObject({ do: v.literal('stop') }),
])

/** The command, or why it is none. */
export function readCommand(value: unknown): { command: PersonCommand } | { why: string } {
  const read = v.safeParse(PersonCommand, value)
  return read.success ? { command: read.output } : { why: issueText(read.issues) }
}

export function readHello(value: unknown): Hello | null {
  const read = v.safeParse(HelloSchema, value)
  return read.success ? read.output : null
}

/** Entries as they travel; null if that is not what the text is. */
export function readEntries(json: string): Entry[] | null {
  try {
    const read = v.safeParse(v.array(EntrySchema), JSON.parse(json))
    return read.success ? read.output : null
  } catch {
    return null
  }
}

/** For parseLog(): what is wrong with a command in a file. */
export function commandProblem(value: unknown): string | null {
  const read = v.safeParse(AnyCommand, value)
  return read.success ? null : issueText(read.issues)
}

/** 'SEAT' of 'SEAT.BIRTH'. */
export function seatOf(task: Handle): number {
  return Number(task.slice(0, task.indexOf('.')))
}

function issueText(issues: readonly v.BaseIssue<unknown>[]): string {
  const issue = issues[0]
  const where = v.getDotPath(issue)
  return where === null ? issue.message : `${where}: ${issue.message}`
}
