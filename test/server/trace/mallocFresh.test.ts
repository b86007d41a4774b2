// `oomroom trace malloc` beside the real malloc of this very host, on traces that nobody has seen before. The recordings' own
// tools make them, from a seed that is printed, and record what the C library does. Needs those tools, gcc, python3
// and glibc 2.36.
//
// What is not compared is what record.mjs takes out of a trace: a look at memory (peek, peekb, cstr) whose result is not
// the same in five runs, two at fixed addresses and three at random ones, or shows what is left of an address that other
// bytes cover in part. It says how many. Every other line has to be identical.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'
import { bundle } from '../../helpers/bundle.ts'
import { whyNoHostMalloc } from '../../helpers/hostMalloc.ts'
import { oracle } from '../../helpers/oracle.ts'

type Runner = typeof import('../../../server/trace/malloc.ts')

const folder = oracle('malloc')
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)

/** Of each category two traces with the thread cache and one without, and each kind of damage. */
const GENERATE = `
import sys
sys.path.insert(0, sys.argv[1])
import generate
generate.write_plan(sys.argv[2], [(name, make, 2, 1) for name, make, *_ in generate.PLAN], int(sys.argv[3]))
generate.write_errors(sys.argv[2], int(sys.argv[3]), 20)
`

const missing =
  folder === null ? 'the recordings’ tools are not there' : whyNoHostMalloc(['gcc', 'python3'])
if (missing !== '') console.warn(`no fresh traces of malloc: ${missing}`)

it.skipIf(missing !== '')(
  `fresh traces are what this host's glibc makes of them (SEED=${seed})`,
  { timeout: 120_000 },
  async () => {
    const work = mkdtempSync(join(tmpdir(), 'oomroom-traces-'))
    const built = await bundle({ malloc: 'server/trace/malloc.ts' })
    try {
      const said = record(work)
      const traces = tracesIn(work)
      expect(traces.length).toBeGreaterThan(80)
      const { bootTraceMachine, runTraceOn } = await built.load<Runner>('malloc')
      const m = bootTraceMachine({ ...DEFAULT_OPTIONS, ram: 2 ** 30 })
      let [lines, deaths] = [0, 0]
      for (const trace of traces) {
        const want = readFileSync(trace.replace(/trace$/, 'expect'), 'utf8').trimEnd()
        const got = runTraceOn(m, readFileSync(trace, 'utf8'))
        if (got.join('\n') !== want) expect(got, trace.slice(work.length)).toEqual(want.split('\n'))
        lines += got.length
        if (got.at(-1)!.startsWith('killed')) deaths++
      }
      console.log(
        `SEED=${seed}: ${traces.length} traces, ${lines} lines, ${deaths} deaths; ${said}`,
      )
      expect(lines).toBeGreaterThan(5000)
      expect(deaths).toBeGreaterThan(30)
    } finally {
      rmSync(work, { recursive: true })
      await built.remove()
    }
  },
)

/** Has traces made and the real malloc recorded: what the recorder says last. */
function record(work: string): string {
  const program = join(work, 'malloc-oracle')
  const source = join(folder!, 'malloc-oracle.c')
  execFileSync('gcc', ['-O1', '-fno-builtin', '-o', program, source])
  execFileSync('python3', ['-B', '-c', GENERATE, folder!, work, String(seed)])
  const recorder = [join(folder!, 'record.mjs'), '--oracle', program, '--cases', work]
  return spawnSync(process.execPath, recorder, { encoding: 'utf8' }).stdout.trim()
}

/** Those that could be recorded: what they do doesn't depend on where things lie. */
function tracesIn(work: string): string[] {
  return (readdirSync(work, { recursive: true }) as string[])
    .filter((name) => name.endsWith('.expect'))
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => join(work, name.replace(/expect$/, 'trace')))
}
