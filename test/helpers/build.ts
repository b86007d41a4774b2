// What tests start as `oomroom` is what users start: the server as it is built, made anew before the first of them.

import { execFileSync } from 'node:child_process'
import { topDirectory } from './top.ts'

export default function buildServer(): void {
  execFileSync('npm', ['run', '-s', 'build:server'], { cwd: topDirectory(), stdio: 'inherit' })
}
