// Starts worker.ts from its source: bundled first, since a thread does not inherit the loader that reads TypeScript, and
// reading some two hundred files by one of its own costs it two seconds. The build has no need of this file.

const { join } = require('node:path')
const { build } = require('esbuild')

void build({
  entryPoints: [join(__dirname, 'worker.ts')],
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  alias: { '@shared': join(__dirname, '../../shared') },
  minifySyntax: true,
  write: false,
}).then(({ outputFiles: [{ contents }] }) => {
  return import(`data:text/javascript;base64,${Buffer.from(contents).toString('base64')}`)
})
