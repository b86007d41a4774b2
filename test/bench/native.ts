// The real one beside ours: a C program of the bench's, compiled where gcc is.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

export interface Native {
  /** Runs it with these arguments: what it prints. Null where it cannot be had. */
  run: ((args: (string | number)[]) => string) | null
  why: string // why it cannot be had
  remove: () => void
}

export function notHad(why: string): Native {
  return { run: null, why, remove: () => undefined }
}

export function compile(source: string, flags: string[]): Native {
  if (spawnSync('gcc', ['--version']).status !== 0)
    return notHad('there is no gcc on the PATH, so the real one is not measured')
  const folder = mkdtempSync(join(tmpdir(), 'oomroom-bench-'))
  const remove = () => rmSync(folder, { recursive: true })
  const binary = join(folder, basename(source, '.c'))
  const { status, stderr } = spawnSync('gcc', [...flags, '-o', binary, source], {
    encoding: 'utf8',
  })
  if (status !== 0) {
    remove()
    const [said] = stderr.split('\n')
    return notHad(`gcc does not compile it, so the real one is not measured: ${said}`)
  }
  return {
    run: (args) => execFileSync(binary, args.map(String), { encoding: 'utf8' }),
    why: '',
    remove,
  }
}
