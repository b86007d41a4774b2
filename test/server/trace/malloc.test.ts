// `oomroom trace malloc` beside the recordings of the real malloc. They lie beside the repository, where they are at all.

import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runTrace, runTraceOn } from '../../../server/trace/malloc.ts'
import { bootTraceMachine } from '../../../server/trace/mallocProcess.ts'
import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import type { MachineOptions } from '../../../shared/state/machine.ts'
import { oracle } from '../../helpers/oracle.ts'

const options: MachineOptions = { ...DEFAULT_OPTIONS, ram: 2 ** 30 }

const sets: Record<string, Partial<MachineOptions>> = {
  cases: {},
  'cases-check': {},
  'cases-i386': { bits: 32 },
  'cases-2.13': { glibc: '2.13' },
  'cases-2.13-i386': { glibc: '2.13', bits: 32 },
}

describe('trace malloc', () => {
  it('says which line it cannot read', () => {
    const bad = (text: string) => () => runTrace(text, options)
    expect(bad('mode default\nmalloc 0 x')).toThrow("line 2: 'x' is no number")
    expect(bad('# heap\n\nmode default\nfly 0')).toThrow("line 4: unknown operation 'fly'")
    expect(bad('mode fast')).toThrow("there is no mode 'fast' with glibc 2.36")
    expect(bad('mode default\nmalloc 70000 1')).toThrow("line 2: '70000' is no slot")
    expect(bad('mode default\nfree x')).toThrow("line 2: 'x' is no address")
    expect(bad('mode default\ncalloc 0 1')).toThrow("line 2: 'calloc' takes 3 arguments")
  })

  it('a trace without operations has no results', () => {
    expect(runTrace('# nothing\n', options)).toEqual([])
  })

  it('a call that kills ends the results with what the process has said', () => {
    const text = 'mode default\nmalloc 0 24\nfree 0\nfree 0\nmalloc 1 24'
    expect(runTrace(text, options)).toEqual([
      'mode default',
      'H+0x2a0 brk=H+0x21000',
      'ok',
      'killed SIGABRT "free(): double free detected in tcache 2"',
    ])
  })

  const folder = oracle('malloc')

  for (const [set, more] of Object.entries(sets)) {
    it.skipIf(folder === null)(
      `${set}: every trace is identical, line by line`,
      { timeout: 300_000 },
      () => {
        const files = readdirSync(join(folder!, set), { recursive: true }) as string[]
        const traces = files.filter((file) => file.endsWith('.trace')).sort(byName)
        expect(traces.length).toBeGreaterThan(20)
        const m = bootTraceMachine({ ...options, ...more })
        for (const name of traces) {
          const file = join(folder!, set, name)
          const want = readFileSync(file.replace(/trace$/, 'expect'), 'utf8')
            .trimEnd()
            .split('\n')
          expect(runTraceOn(m, readFileSync(file, 'utf8')), name).toEqual(want)
        }
      },
    )
  }

  it.skipIf(folder === null)(
    'the recordings’ own verifier finds the command identical',
    { timeout: 300_000 },
    async () => {
      const command = 'npx tsx server/cli.ts trace malloc'
      const { status, text } = await verify(folder!, command, '^corner/first')
      expect(text).toMatch(/(\d+) of \1 traces identical/)
      expect(status).toBe(0)
    },
  )
})

function byName(a: string, b: string): number {
  return a < b ? -1 : 1
}

function verify(
  folder: string,
  command: string,
  filter: string,
): Promise<{ status: number | null; text: string }> {
  const args = [join(folder, 'verify.mjs'), '--impl', command, '--filter', filter]
  const child = spawn(process.execPath, args)
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, text })))
}
