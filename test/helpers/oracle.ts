// Recordings of the real Linux and glibc. They lie beside a developer's clone, in
// ../shared/oracle, and not in the repository: tests that need them are skipped
// where they are missing, and say so.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The folder of one recording set (`malloc`, `mm`, `oom`, `proc`), or null. */
export function oracle(set: string): string | null {
  const path = fileURLToPath(new URL(`../../../shared/oracle/${set}`, import.meta.url))
  if (existsSync(path)) return path
  console.warn(`no recordings in ../shared/oracle/${set}: tests against them are skipped`)
  return null
}
