// Bundles the command line and the room's thread into dist/. What a command does not need it does not load:
// dynamic imports become chunks, packages stay in node_modules.
//
// A server may be running from there, and another build may be under way: a file that stays the same is not touched,
// any other is replaced in one step.

import { chmod, readdir, readFile, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { engineOfSources } from './engine.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const { outputFiles } = await build({
  entryPoints: { cli: at('./cli.ts'), roomWorker: at('./room/worker.ts') },
  outdir: at('../dist'),
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  alias: { '@shared': at('../shared') },
  define: { OOMROOM_ENGINE: JSON.stringify(engineOfSources()) },
  minifySyntax: true, // constants as numbers: V8 looks up a bundle's variables anew at each use
  sourcemap: true,
  logLevel: 'warning',
  write: false,
})

await mkdir(at('../dist'), { recursive: true })
for (const { path, contents } of outputFiles) {
  const before = await readFile(path).catch(() => null)
  if (before?.equals(contents)) continue
  const fresh = `${path}.${process.pid}`
  await writeFile(fresh, contents)
  await rename(fresh, path)
}
await chmod(at('../dist/cli.js'), 0o755)

// Chunks of an earlier build have other names and would stay for ever.
const names = new Set(outputFiles.map(({ path }) => basename(path)))
for (const name of await readdir(at('../dist'))) {
  if (/\.js(\.map)?$/.test(name) && !names.has(name))
    await rm(at(`../dist/${name}`), { force: true })
}
