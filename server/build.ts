// Bundles the command line and the room's thread into dist/. What a command does not need it does not load:
// dynamic imports become chunks, packages stay in node_modules.

import { readdir, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { engineOfSources } from './engine.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// Chunks of an earlier build have other names and would stay for ever.
const dist = await readdir(at('../dist')).catch((): string[] => [])
for (const file of dist.filter((name) => /\.js(\.map)?$/.test(name)))
  await rm(at(`../dist/${file}`))

await build({
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
  sourcemap: true,
  logLevel: 'warning',
})
