// Golden logs: the same end as when they were recorded, here and in another engine (QuickJS).

import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { getQuickJS } from 'quickjs-emscripten'
import { describe, expect, it } from 'vitest'
import { parseGolden, playGolden } from './golden.ts'

const folder = fileURLToPath(new URL('../golden/', import.meta.url))
const names = readdirSync(folder).filter((name) => name.endsWith('.ndjson'))
const read = (name: string): string => readFileSync(folder + name, 'utf8')

describe('golden logs', () => {
  it('are there', () => {
    expect(names.length).toBeGreaterThanOrEqual(3)
  })

  for (const name of names) {
    it(`${name} ends as it was recorded`, () => {
      const golden = parseGolden(read(name))
      const { hash, text } = playGolden(read(name))
      if (process.env.GOLDEN === 'write') {
        const lines = [
          { options: golden.options, bootTime: golden.bootTime },
          ...golden.entries,
          { hash, text },
        ]
        writeFileSync(folder + name, lines.map((line) => JSON.stringify(line) + '\n').join(''))
        return
      }
      expect(text).toEqual(golden.text)
      expect(hash).toBe(golden.hash)
    })
  }
})

describe('in QuickJS', () => {
  it('every golden log ends in the same hash', { timeout: 300_000 }, async () => {
    const bundle = await build({
      entryPoints: [fileURLToPath(new URL('./golden.ts', import.meta.url))],
      alias: { '@shared': fileURLToPath(new URL('../../shared', import.meta.url)) },
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'golden',
      target: 'es2022',
      minifySyntax: true, // constants as numbers, as in what is built
    })
    const QuickJS = await getQuickJS()
    const context = QuickJS.newContext()
    const evaluate = (code: string): unknown => {
      const handle = context.unwrapResult(context.evalCode(code))
      const value: unknown = context.dump(handle)
      handle.dispose()
      return value
    }
    evaluate(bundle.outputFiles[0].text + '\n;0')
    for (const name of names) {
      const text = read(name)
      const end = evaluate(`golden.playGolden(${JSON.stringify(text)})`)
      expect(end, name).toEqual(playGolden(text))
    }
    context.dispose()
  })
})
