// /proc/swaps: the swap devices and how full they are (swap_show, mm/swapfile.c).

import type { Machine } from '../state/machine.ts'

export function procSwaps(m: Machine): string {
  const pageKb = m.pageSize / 1024
  const short = (kb: number) => `${kb}\t${kb < 10_000_000 ? '\t' : ''}`
  let text = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'
  for (const { path, pages, inUse, priority } of m.swaps) {
    const name = path + ' '.repeat(Math.max(40 - path.length, 1))
    const type = path.startsWith('/dev/') ? 'partition' : 'file\t'
    text += `${name}${type}\t${short(pages * pageKb)}${short(inUse * pageKb)}${priority}\n`
  }
  return text
}
