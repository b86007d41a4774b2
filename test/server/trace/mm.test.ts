import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type * as Mm from '../../../server/trace/mm.ts'
import { bundle, type Bundle } from '../../helpers/bundle.ts'
import { oracle } from '../../helpers/oracle.ts'
import { KINDS, kindName } from '../../sim/process.ts'

const options = { ...DEFAULT_OPTIONS, ram: 256 << 20 }

/** Lines that start with ~ are information. */
function compared(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('~'))
}

describe('trace mm', () => {
  let built: Bundle
  let runTrace: typeof Mm.runTrace
  beforeAll(async () => {
    built = await bundle({ mm: 'server/trace/mm.ts' })
    ;({ runTrace } = await built.load<typeof Mm>('mm'))
  })
  afterAll(() => built.remove())

  it('says which line it cannot read', () => {
    expect(() => runTrace('p1 mmap a 1 rw anon\np1 mmap b x rw anon', options)).toThrow(
      "line 2: 'x' is no length",
    )
    expect(() => runTrace('p1 fly', options)).toThrow("line 1: unknown operation 'fly'")
  })

  it('a process that is not there and a name that was never defined have their answers', () => {
    const trace =
      'p9 munmap M-1 1\np1 munmap a 1\np1 mmap a 2 rw anon # two pages\np1 write a 2 0x41\np1 read a 2'
    expect(runTrace(trace, options)).toEqual([
      '1 noproc',
      '2 undefined',
      '3 ok M-2 f=0',
      '4 ok f=2 n1x2',
      '5 ok f=0 =0x2 | 41x2',
    ])
  })

  const folder = oracle('mm')
  const cases =
    folder === null
      ? []
      : readdirSync(join(folder, 'cases')).filter((name) => name.endsWith('.trace'))

  it.skipIf(folder === null)(
    'answers as the real kernel did, case by case',
    { timeout: 60_000 },
    () => {
      expect(cases.length).toBeGreaterThan(100)
      for (const name of cases) {
        const file = join(folder!, 'cases', name)
        const want = compared(readFileSync(file.replace(/trace$/, 'expect'), 'utf8'))
        expect(runTrace(readFileSync(file, 'utf8'), options), name).toEqual(want)
      }
    },
  )

  // What counts in bytes (fault-around, the stack at the start, lengths given in KiB) is not the same with other pages.
  const inPages = /^(fork|merge|mlock|mremap|prot|unmap)-00[1-3]/
  for (const kind of KINDS.slice(1)) {
    it.skipIf(folder === null)(
      `${kindName(kind)}: counted in pages the answers are the same`,
      { timeout: 60_000 },
      () => {
        const some = cases.filter((name) => inPages.test(name))
        expect(some.length).toBeGreaterThan(15)
        for (const name of some) {
          const file = join(folder!, 'cases', name)
          const want = compared(readFileSync(file.replace(/trace$/, 'expect'), 'utf8'))
          const got = runTrace(readFileSync(file, 'utf8'), { ...options, ...kind, ram: 2 ** 30 })
          const pages = (lines: string[], size: number) => lines.map((line) => counted(line, size))
          expect(pages(got, kind.pageSize), name).toEqual(pages(want, 4096))
        }
      },
    )
  }
})

/** The line with its KiB as pages, without what depends on more than their number. */
function counted(line: string, pageSize: number): string {
  if (/^ {2}S-\d+ \d+ rw-p stack /.test(line)) return ''
  const pages = (kib: string) => String((Number(kib) * 1024) / pageSize)
  return line
    .replace(/ (VmPTE|VmStk|pss|locked)=\d+/g, '')
    .replace(/(?<= (?:Vm\w+|Rss\w+|size|rss|[sp][cd]|anon)=)\d+/g, pages)
}
