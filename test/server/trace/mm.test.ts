import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runTrace } from '../../../server/trace/mm.ts'
import { oracle } from '../../helpers/oracle.ts'

const options = { ...DEFAULT_OPTIONS, ram: 256 << 20 }

/** Lines that start with ~ are information. */
function compared(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('~'))
}

describe('trace mm', () => {
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

  it.skipIf(folder === null)('answers as the real kernel did, case by case', () => {
    expect(cases.length).toBeGreaterThan(100)
    for (const name of cases) {
      const file = join(folder!, 'cases', name)
      const want = compared(readFileSync(file.replace(/trace$/, 'expect'), 'utf8'))
      expect(runTrace(readFileSync(file, 'utf8'), options), name).toEqual(want)
    }
  })
})
