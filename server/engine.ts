// Which engine this is: a hash of the sources that decide what an entry does. A log names it, and another engine
// refuses to replay the log.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

declare const OOMROOM_ENGINE: string | undefined // put in by the build

// Watching, checking and the shell do not change a machine.
const withoutEffect = ['trace', 'wire', 'shell']

let known: string | undefined

export function engineId(): string {
  // Tests name one, so that an edit while they run does not part server and clients.
  known ??= process.env.OOMROOM_TEST_ENGINE
  known ??= typeof OOMROOM_ENGINE === 'string' ? OOMROOM_ENGINE : engineOfSources()
  return known
}

/** From the sources, for the build and for runs without one. */
export function engineOfSources(): string {
  const shared = fileURLToPath(new URL('../shared', import.meta.url))
  const hash = createHash('sha256')
  for (const path of readdirSync(shared, { recursive: true, encoding: 'utf8' }).sort()) {
    const parts = path.split(/[/\\]/)
    if (!path.endsWith('.ts') || withoutEffect.includes(parts[0])) continue
    hash
      .update(parts.join('/'))
      .update('\0')
      .update(readFileSync(join(shared, path)))
      .update('\0')
  }
  return hash.digest('hex').slice(0, 12)
}
