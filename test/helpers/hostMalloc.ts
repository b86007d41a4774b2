// Is the C library of this host the one that ours is to be like, and are there tools to try it?

import { spawnSync } from 'node:child_process'

/** Why the host's malloc cannot be compared with; '' if it can. */
export function whyNoHostMalloc(tools: string[]): string {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  const { glibcVersionRuntime: version = 'another library' } = header
  if (version !== '2.36') return `this host's C library is ${version}, not glibc 2.36`
  for (const tool of tools)
    if (spawnSync(tool, ['--version']).status !== 0) return `there is no ${tool}`
  return ''
}
