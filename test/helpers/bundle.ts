// Code as it is built, for tests that do a lot with it: vitest's own modules look up every import anew at each use, which
// costs several times as much.

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { topDirectory } from './top.ts'

export interface Bundle {
  /** The file that a module has become. */
  path(name: string): string
  load<Exports>(name: string): Promise<Exports>
  remove(): Promise<void>
}

/** Bundles modules, given by their paths in the repository, each under a name. Packages are found as always. */
export async function bundle(modules: Record<string, string>): Promise<Bundle> {
  const top = topDirectory()
  const cache = join(top, 'node_modules/.cache/oomroom')
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'bundle-'))
  const path = (name: string) => join(folder, `${name}.mjs`)
  await build({
    entryPoints: Object.fromEntries(
      Object.entries(modules).map(([name, module]) => [name, join(top, module)]),
    ),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    alias: { '@shared': join(top, 'shared') },
    define: { OOMROOM_ENGINE: '"bundle"' },
    minifySyntax: true,
    logLevel: 'warning',
  })
  return {
    path,
    load: async <Exports>(name: string) =>
      (await import(/* @vite-ignore */ pathToFileURL(path(name)).href)) as Exports,
    remove: () => rm(folder, { recursive: true }),
  }
}
