// What the benches do where the real one cannot be had.

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { show } from './malloc.ts'
import { compile } from './native.ts'

const hasGcc = spawnSync('gcc', ['--version']).status === 0

describe('the real one beside ours', () => {
  const path = process.env.PATH
  let folder: string
  let source: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'oomroom-native-'))
    source = join(folder, 'add.c')
    writeFileSync(
      source,
      '#include <stdio.h>\n#include <stdlib.h>\nint main (int n, char **a)\n{\n  printf ("%d", atoi (a[1]) + n);\n}\n',
    )
  })
  afterEach(() => {
    process.env.PATH = path
    rmSync(folder, { recursive: true })
  })

  it('is not measured where there is no gcc, and the table says so', () => {
    process.env.PATH = folder
    const { run, why } = compile(source, [])
    expect(run).toBeNull()
    expect(why).toBe('there is no gcc on the PATH, so the real one is not measured')
    expect(show({ pair24: { ns: 120.5, realNs: null, ratio: null, why } })).toBe(
      [
        'ns                        ours        real       ratio',
        'pair24                   120.5           -           -',
        'no real figures: there is no gcc on the PATH, so the real one is not measured',
        '',
      ].join('\n'),
    )
  })

  it('is not measured where gcc does not get it compiled: what it says is told', () => {
    const gcc = join(folder, 'gcc')
    const says = 'case "$1" in --version) exit 0;; esac; echo "gcc: no stdio.h" >&2; exit 1'
    writeFileSync(gcc, `#!/bin/sh\n${says}\n`)
    chmodSync(gcc, 0o755)
    process.env.PATH = `${folder}:${path}`
    const { run, why } = compile(source, [])
    expect(run).toBeNull()
    expect(why).toBe('gcc does not compile it, so the real one is not measured: gcc: no stdio.h')
  })

  it.skipIf(!hasGcc)('is compiled and run with its arguments where there is one', () => {
    const { run, remove } = compile(source, ['-O1'])
    expect(run?.([40])).toBe('42')
    remove()
  })
})
