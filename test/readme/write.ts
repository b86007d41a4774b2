// `npm run readme`: writes the README's list of what is modelled anew.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { withList } from './modelled.ts'

const path = fileURLToPath(new URL('../../README.md', import.meta.url))
writeFileSync(path, withList(readFileSync(path, 'utf8')))
