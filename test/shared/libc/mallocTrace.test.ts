// The recordings of the real glibc, line by line. They lie beside the repository, where they are at all.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  GLIBC_2_13_I386,
  GLIBC_2_13_X86_64,
  GLIBC_2_36_I386,
  GLIBC_2_36_X86_64,
} from '../../../shared/libc/ptmalloc/flavour.ts'
import { runTrace } from './runTrace.ts'

const oracle = fileURLToPath(new URL('../../../../shared/oracle/malloc', import.meta.url))

const sets = {
  cases: GLIBC_2_36_X86_64,
  'cases-check': GLIBC_2_36_X86_64,
  'cases-i386': GLIBC_2_36_I386,
  'cases-2.13': GLIBC_2_13_X86_64,
  'cases-2.13-i386': GLIBC_2_13_I386,
}

const there = existsSync(oracle)

describe(there ? 'malloc as recorded' : 'malloc as recorded: the recordings are not here', () => {
  for (const [set, flavour] of Object.entries(sets)) {
    it.runIf(there)(`${set}: every trace is identical`, { timeout: 120000 }, () => {
      const files = readdirSync(`${oracle}/${set}`, { recursive: true }) as string[]
      const traces = files
        .filter((file) => file.endsWith('.trace'))
        .sort((a, b) => (a < b ? -1 : 1))
      expect(traces.length).toBeGreaterThan(20)
      const different = traces.filter((file) => {
        const path = `${oracle}/${set}/${file}`
        const expected = readFileSync(path.replace(/trace$/, 'expect'), 'utf8')
        return runTrace(readFileSync(path, 'utf8'), flavour).trimEnd() !== expected.trimEnd()
      })
      expect(different).toEqual([])
    })
  }
})
