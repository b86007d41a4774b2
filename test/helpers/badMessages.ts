// Messages that a server must refuse, by a seed: of a wrong shape, of a wrong size, or of somebody who may not. Made from
// good ones, so that they get past the first look.

import { nextBelow, type Prng } from '../../shared/lib/prng.ts'

/** Who sends it, in a room that waits in its lobby. */
export interface Sender {
  as: 'teacher' | 'student' | 'spectator' | 'elsewhere' // the last: another connection has the seat
  seat: number // 0 for a spectator
  others: number[] // seats of students that are not this one
  names: string[] // of others
}

export interface BadMessage {
  event: string
  args: unknown[]
  answered: boolean // whether it gives a way to answer it
}

type Template = Record<string, unknown>

const OF_THE_SERVER = ['tick', 'seat', 'hash', 'full', 'void']
const WORDS = ['', '__proto__', 'constructor', 'toString', 'IC', ' ic', 'ic\0', '💥', 'x'.repeat(300)] // prettier-ignore
const UNKNOWN_EVENTS = [
  'entries',
  'packed',
  'welcome',
  'bye',
  'Command',
  'eval',
  '__proto__',
  'admin',
  '',
  '*',
]

/** A command that a student may give when the lesson has begun, with every field there is. */
function goodCommand(random: Random, seat: number): Template {
  const task = `${seat}.${1 + random(3)}`
  const path = `/tmp/f${random(9)}`
  return random.of<Template>([
    { t: 'prompt', env: ['A=1'] },
    { t: 'ic', task, line: 'p = malloc(2000)' },
    { t: 'spawn', path: '/usr/bin/hog', argv: ['hog', '1M'], env: [], stdout: 'pipe', nice: 1, oomScoreAdj: 5, rlimits: [] }, // prettier-ignore
    { t: 'kill', task, sig: 9 },
    { t: 'write', path, text: 'hello', append: true },
    { t: 'balloon', bytes: 4096 },
    { t: 'reboot' },
    { t: 'unlink', path },
    { t: 'mkdir', path, mode: 0o755 },
    { t: 'truncate', path, length: 10 },
    { t: 'swapon', path },
    { t: 'swapoff', path },
    { t: 'rlimit', task, resource: 'AS', soft: 1, hard: 2 },
    { t: 'nice', task, nice: 5 },
    { t: 'call', task, call: 'getpid', args: [1, 2] },
    { t: 'access', task, op: 'write', va: 0x1000, byte: 7 },
  ])
}

/** One that only the teacher may give. */
function teachersCommand(random: Random, who: number): Template {
  return random.of<Template>([
    { t: 'remove', who },
    { t: 'ban', who },
    { t: 'readmit', who },
    { t: 'role', who, role: 'teacher' },
    { t: 'room', set: { lobby: false, speed: 2 } },
    { t: 'step', ticks: 5 },
    { t: 'close' },
    { t: 'rename', who, name: 'Mallory' },
  ])
}

/** What even the teacher may not. */
function pointless(random: Random, { seat, others, names }: Sender): Template {
  return random.of<Template>([
    { t: 'remove', who: 900 + random(99) },
    { t: 'ban', who: seat },
    { t: 'readmit', who: random.of(others) },
    { t: 'role', who: 1e9, role: 'student' },
    { t: 'step', ticks: 1 + random(20) },
    { t: 'rename', who: seat, name: random.of(names) },
    { t: 'rename', who: seat, name: 'x'.repeat(100) },
    { t: 'rename', who: seat, name: '\u202e\u0007' },
    { t: 'rename', who: seat, name: '   ' },
    { t: 'rename', who: 5000, name: 'Nobody' },
  ])
}

interface Random {
  (below: number): number
  of<T>(list: readonly T[]): T
}

export function mkRandom(prng: Prng): Random {
  const random = (below: number) => nextBelow(prng, below)
  return Object.assign(random, { of: <T>(list: readonly T[]) => list[random(list.length)] })
}

export function badMessage(random: Random, sender: Sender): BadMessage {
  const { seat, others } = sender
  const bad = (args: unknown[], event = 'command', answered = true) => ({ event, args, answered })
  const whole = () => {
    const command = goodCommand(random, seat || 1)
    return random(4) > 0 ? command : teachersCommand(random, random.of(others))
  }
  switch (random(12)) {
    case 0:
      return bad([whole()], random.of(UNKNOWN_EVENTS), random(2) === 0)
    case 1:
      return bad([whole()], 'command', false) // no way to answer
    case 2:
      return bad(random.of([[], [whole(), whole()], [whole(), null]]))
    case 3:
      return random.of([
        bad([{ who: [nonsense(random)] }], 'pair', sender.as !== 'spectator' && random(2) === 0),
        bad([badOrder(random, sender)], 'bots', random(2) === 0),
        bad([whole()], 'act'),
        bad([whole()], 'beat'),
        bad([], 'beat', false),
        bad([{ seq: [nonsense(random)] }], 'differs', false),
        bad([{ seq: 5, hash: 'no hash' }], 'differs', true),
        bad([], 'differs', true),
      ])
    case 4:
      return bad([nonsense(random)])
    case 5:
    case 6:
      if (sender.as === 'teacher') return bad([pointless(random, sender)])
      if (random(3) > 0) return bad([teachersCommand(random, random.of(others))])
      return bad([{ t: 'ic', task: `${random.of(others)}.2`, line: 'x = 1' }])
    case 7:
      if (sender.as === 'teacher') return bad([pointless(random, sender)])
      return bad([goodCommand(random, seat || 1)])
    default:
      return bad([broken(random, whole())])
  }
}

/** An order for bots that is none; of a student, also a good one. */
function badOrder(random: Random, { as }: Sender): unknown {
  const order = { do: 'start', count: 3, styles: ['calm'], seconds: 5 }
  return random.of<unknown>([
    as === 'teacher' ? { do: 'stop' } : order,
    { ...order, count: random.of([0, -1, 0.5, 101, '3', null]) },
    { ...order, styles: random.of<unknown>([[], ['wild'], 'calm', ['--stay']]) },
    { ...order, seconds: random.of([0, 3601, NaN]) },
    { ...order, url: 'http://example.org' },
    nonsense(random),
  ])
}

/** A command with something about it that no command has. */
function broken(random: Random, command: Template): unknown {
  const keys = Object.keys(command).filter((key) => !OPTIONAL.has(key))
  const key = random.of(keys)
  const copy: Template = { ...command }
  switch (random(6)) {
    case 0:
      delete copy[key]
      return copy
    case 1:
      copy[random.of(WORDS) + '!'] = nonsense(random)
      return copy
    case 2:
      copy.t = random.of<unknown>([...OF_THE_SERVER.map((t) => `${t}`), ...WORDS, 5, null, true])
      return copy
    case 3:
      return random.of([
        { t: 'tick', fuel: 500_000 },
        { t: 'seat', name: 'Eve', role: 'teacher', from: '10.0.0.1' },
        { t: 'hash', hash: '0123456789abcdef' },
        { t: 'full', full: true },
        { t: 'void' },
      ])
    case 4:
      return tooMuch(random, `${1}.2`)
    default:
      copy[key] = random.of<unknown>([null, {}, [[]], NaN, 1.5e300, { toString: 1 }, [command]])
      return copy
  }
}

const OPTIONAL = new Set(['env', 'nice', 'oomScoreAdj', 'rlimits', 'hard'])

/** Beyond a limit: now and then far beyond. */
function tooMuch(random: Random, task: string): Template {
  const far = random(50) === 0 ? 20 : 1
  return random.of<() => Template>([
    () => ({ t: 'ic', task, line: 'x'.repeat(4097 * far) }),
    () => ({ t: 'ic', task, line: 'x = 1\ny = 2' }),
    () => ({ t: 'ic', task: '99999999999.1', line: '' }),
    () => ({ t: 'unlink', path: '/x'.repeat(2049 * far) }),
    () => ({ t: 'unlink', path: '/tmp/\u001b[2J' }),
    () => ({ t: 'kill', task, sig: 65 }),
    () => ({ t: 'kill', task, sig: -1 }),
    () => ({ t: 'nice', task, nice: 0.5 }),
    () => ({ t: 'call', task, call: 'getpid', args: [1, 2, 3, 4, 5, 6, 7] }),
    () => ({ t: 'call', task, call: 'rm -rf', args: [] }),
    () => ({ t: 'spawn', path: '/x', argv: [], env: [], stdout: 'tty' }),
    () => ({ t: 'spawn', path: '/x', argv: ['a\0b'], env: [], stdout: 'tty' }),
    () => ({ t: 'spawn', path: '/x', argv: Array<string>(257).fill('a'), env: [], stdout: 'tty' }),
    () => ({ t: 'step', ticks: 1e6 }),
    () => ({ t: 'room', set: {} }),
    () => ({ t: 'room', set: { speed: 1000 } }),
    () => ({ t: 'role', who: 1, role: 'root' }),
    () => ({ t: 'access', task, op: 'jump', va: 0, byte: 0 }),
  ])()
}

/** No command, whatever else it may be. */
function nonsense(random: Random): unknown {
  switch (random(10)) {
    case 0:
      return null
    case 1:
      return random(1e9)
    case 2:
      return random.of(WORDS)
    case 3:
      return [random(9), [null]]
    case 4:
      return {}
    case 5:
      return { t: random.of(WORDS) }
    case 6:
      return JSON.parse('{"__proto__":{"t":"close"},"t":"x"}')
    case 7: {
      let deep: unknown = 1
      for (let i = random(200); i >= 0; i--) deep = random(2) === 0 ? [deep] : { a: deep }
      return [deep]
    }
    case 8:
      return Buffer.from('{"t":"close"}')
    default:
      return true
  }
}
