// The same log on every kind of machine: what is in memory and in files does not depend on the size of a page or of a
// word. A plain model of the processes' bytes says what must come out.

import { describe, expect, it } from 'vitest'
import { mkPrng, nextBelow, type Prng } from '@shared/lib/prng.ts'
import { peekFile } from '@shared/fs/file.ts'
import { namei } from '@shared/fs/tree.ts'
import { checkMachine } from '@shared/machine/check.ts'
import type { MachineCommand } from '@shared/machine/command.ts'
import { apply, createMachine } from '@shared/machine/machine.ts'
import { DEFAULT_OPTIONS, defaultRam } from '@shared/room/options.ts'
import type { Machine } from '@shared/state/machine.ts'
import { BOOT_TIME, KINDS, kindName, type Kind } from './process.ts'

const LINES = 120
const SEATS = 2
const FUEL = 4_000_000
const FILE = '/tmp/shared'
const FILE_BYTES = 150_000

/** What one process has: buffers by the name of the pointer to them, and a mapping of the file. */
interface Model {
  handle: string
  seat: number
  buffers: Map<string, Uint8Array>
}

interface Lesson {
  log: { seat: number; command: MachineCommand }[]
  processes: Model[]
  expected: Map<number, string[]> // per seat: lines that its processes print
  file: Uint8Array
}

/** A log and what must come of it. Lines whose output counts begin with #. */
class Writer {
  readonly log: Lesson['log'] = []
  readonly expected = new Map<number, string[]>()
  readonly file = new Uint8Array(FILE_BYTES)
  readonly processes: Model[] = []
  private readonly births = new Map<number, number>()
  private readonly random: Prng

  constructor(seed: number) {
    this.random = mkPrng(seed)
    for (let seat = 1; seat <= SEATS; seat++) {
      this.log.push({
        seat,
        command: { t: 'seat', name: `Person ${seat}`, role: 'student', from: '::1' },
      })
      this.births.set(seat, 2) // the shell and the prompt
      this.expected.set(seat, [])
      this.processes.push({ handle: `${seat}.2`, seat, buffers: new Map() })
    }
    const text = 'x'.repeat(FILE_BYTES)
    this.log.push({ seat: 1, command: { t: 'write', path: FILE, text, append: false } })
    this.file.fill(0x78)
    for (const model of this.processes) this.start(model)
    for (let i = 0; i < LINES; i++) this.step(this.pick(this.processes))
  }

  private below(bound: number): number {
    return nextBelow(this.random, bound)
  }

  private pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]
  }

  /** A line at the process's prompt, and time to execute it. */
  private type({ seat, handle }: Model, line: string): void {
    this.log.push({ seat, command: { t: 'ic', task: handle, line } })
    this.log.push({ seat: 0, command: { t: 'tick', fuel: FUEL } })
  }

  private expect({ seat }: Model, line: string): void {
    this.expected.get(seat)!.push(line)
  }

  private start(model: Model): void {
    const names = ['a', 'b', 'c', 'd', 'e']
    this.type(model, `int i, fd; unsigned s; char ${names.map((name) => `*${name}`).join(', ')}`)
    for (const name of names) this.allocate(model, name)
    const [mode, how] = model.seat === 1 ? ['O_RDWR', 'MAP_SHARED'] : ['O_RDONLY', 'MAP_PRIVATE']
    this.type(model, `fd = open("${FILE}", ${mode})`)
    this.type(model, `char *f = mmap(0, ${FILE_BYTES}, PROT_READ | PROT_WRITE, ${how}, fd, 0)`)
    // Who maps it privately gets the file's bytes as they are at the first write; so it writes to all pages now.
    this.type(model, `for (i = 0; i < ${FILE_BYTES}; i += 4096) f[i] = f[i]`)
    model.buffers.set('f', model.seat === 1 ? this.file : this.file.slice())
  }

  private allocate(model: Model, name: string): void {
    const size = 1 + this.below(this.pick([40, 2000, 9000, 70_000, 400_000]))
    const flags = this.pick(['MAP_PRIVATE', 'MAP_SHARED'])
    const how = this.pick([
      `calloc(${size}, 1)`,
      `mmap(0, ${size}, PROT_READ | PROT_WRITE, ${flags} | MAP_ANONYMOUS, -1, 0)`,
      `memset(malloc(${size}), 0, ${size})`,
    ])
    this.type(model, `${name} = ${how}`)
    const bytes = new Uint8Array(size)
    model.buffers.set(name, how.includes('MAP_SHARED') ? shared(bytes) : bytes)
  }

  private step(model: Model): void {
    const [name, bytes] = this.pick([...model.buffers])
    const at = this.below(bytes.length)
    const dice = this.below(100)
    if (dice < 20) {
      const value = this.below(128)
      this.type(model, `${name}[${at}] = ${value}`)
      bytes[at] = value
    } else if (dice < 35) {
      const count = this.below(bytes.length - at + 1)
      const value = this.below(256)
      this.type(model, `memset(${name} + ${at}, ${value}, ${count})`)
      bytes.fill(value, at, at + count)
    } else if (dice < 55) this.copy(model, name, bytes, at)
    else if (dice < 60 && this.processes.length < 6) this.fork(model)
    else if (dice < 64) {
      this.type(model, `strcpy(${name}, "")`)
      bytes[0] = 0
    } else if (dice < 72) {
      const [other, others] = this.pick([...model.buffers])
      const count = this.below(Math.min(bytes.length, others.length) + 1)
      this.type(
        model,
        `i = memcmp(${name}, ${other}, ${count}); printf("#%d\\n", i < 0 ? -1 : i > 0)`,
      )
      this.expect(model, `#${compare(bytes, others, count)}`)
    } else this.sum(model, name, bytes)
  }

  private copy(model: Model, name: string, bytes: Uint8Array, at: number): void {
    const [other, others] = this.pick([...model.buffers])
    const from = this.below(others.length)
    const count = this.below(Math.min(bytes.length - at, others.length - from) + 1)
    this.type(model, `memmove(${name} + ${at}, ${other} + ${from}, ${count})`)
    bytes.set(others.slice(from, from + count), at)
  }

  private fork(model: Model): void {
    const birth = this.births.get(model.seat)! + 1
    this.births.set(model.seat, birth)
    this.type(model, 'fork()')
    const buffers = new Map(
      [...model.buffers].map(([name, bytes]) => [
        name,
        isShared(bytes) || bytes === this.file ? bytes : bytes.slice(),
      ]),
    )
    this.processes.push({ ...model, handle: `${model.seat}.${birth}`, buffers })
  }

  private sum(model: Model, name: string, bytes: Uint8Array): void {
    const step = 1 + (bytes.length >> 10)
    this.type(
      model,
      `s = 0; for (i = 0; i < ${bytes.length}; i += ${step}) s = s * 33 + (${name}[i] & 255); printf("#%u\\n", s)`,
    )
    let sum = 0
    for (let i = 0; i < bytes.length; i += step) sum = (Math.imul(sum, 33) + bytes[i]) >>> 0
    this.expect(model, `#${sum}`)
  }
}

const sharedBytes = new WeakSet<Uint8Array>()

/** Memory that a fork does not copy. */
function shared(bytes: Uint8Array): Uint8Array {
  sharedBytes.add(bytes)
  return bytes
}

function isShared(bytes: Uint8Array): boolean {
  return sharedBytes.has(bytes)
}

function compare(a: Uint8Array, b: Uint8Array, count: number): number {
  for (let i = 0; i < count; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1
  return 0
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function play({ log }: Lesson, kind: Kind): Machine {
  const ram = defaultRam(kind.pageSize)
  const m = createMachine({ ...DEFAULT_OPTIONS, ...kind, ram, hostname: 'lab' }, BOOT_TIME)
  for (const { seat, command } of log) apply(m, seat, command)
  return m
}

/** The lines with #, in the order in which they were printed. */
function printed(m: Machine, seat: number): string[] {
  const lines: string[] = []
  for (const stream of m.streams.values()) {
    if (stream.seat !== seat) continue
    for (const line of stream.text.split('\n')) if (line.startsWith('#')) lines.push(line)
  }
  return lines
}

describe('the same log on every kind of machine', () => {
  for (const seed of [1, 2]) {
    const lesson = new Writer(seed)

    it(`seed ${seed} forks, and has more than zeros to add up`, () => {
      const sums = [...lesson.expected.values()].flat().filter((line) => line.length > 3)
      expect(sums.length).toBeGreaterThan(5)
      expect(lesson.processes.length).toBeGreaterThan(SEATS)
    })

    for (const kind of KINDS) {
      it(`${kindName(kind)}, seed ${seed}: the same bytes`, { timeout: 60_000 }, () => {
        const m = play(lesson, kind)
        checkMachine(m)
        expect(m.vmstat.oom_kill).toBe(0)
        for (const [seat, lines] of lesson.expected) {
          expect(printed(m, seat), `seat ${seat}`).toEqual(lines)
        }
        // As text: toEqual() looks at each number by itself.
        expect(hex(peekFile(m, namei(m, FILE)!))).toBe(hex(lesson.file))
      })
    }
  }
})
