// The repository's own directory, from the sources as from a bundle.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export function topDirectory(): string {
  let path = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(path, 'package.json'))) {
    const above = dirname(path)
    if (above === path) throw new Error('this is not run from the repository')
    path = above
  }
  return path
}
