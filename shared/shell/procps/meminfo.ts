// What procps makes of /proc/meminfo.

/** kB. */
export interface Meminfo {
  total: number
  free: number
  available: number
  used: number // what is not available
  shared: number
  buffers: number
  cached: number // page cache and the kernel's reclaimable objects
  active: number
  inactive: number
  lowTotal: number
  lowFree: number
  highTotal: number
  highFree: number
  swapTotal: number
  swapFree: number
  commitLimit: number
  committed: number
}

export function parseMeminfo(text: string): Meminfo {
  const values = new Map<string, number>()
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) values.set(line.slice(0, colon), parseInt(line.slice(colon + 1), 10))
  }
  const kb = (name: string) => values.get(name) ?? 0
  const total = kb('MemTotal')
  const free = kb('MemFree')
  const wanted = kb('MemAvailable')
  const available = wanted === 0 || wanted > total ? free : wanted
  const split = kb('LowTotal') > 0
  return {
    total,
    free,
    available,
    used: total - available,
    shared: kb('Shmem'),
    buffers: kb('Buffers'),
    cached: kb('Cached') + kb('SReclaimable'),
    active: kb('Active'),
    inactive: kb('Inactive'),
    lowTotal: split ? kb('LowTotal') : total,
    lowFree: split ? kb('LowFree') : free,
    highTotal: kb('HighTotal'),
    highFree: kb('HighFree'),
    swapTotal: kb('SwapTotal'),
    swapFree: kb('SwapFree'),
    commitLimit: kb('CommitLimit'),
    committed: kb('Committed_AS'),
  }
}
