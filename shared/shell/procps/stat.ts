// What procps makes of /proc/stat and /proc/vmstat.

/** Hundredths of a second since boot. */
export interface CpuTicks {
  user: number
  nice: number
  system: number
  idle: number
  iowait: number
  irq: number
  softirq: number
  steal: number
  guest: number
  guestNice: number
}

export interface SystemStat {
  cpu: CpuTicks
  interrupts: number
  switches: number
  bootTime: number // s since 1970
  forks: number
  running: number
  blocked: number
}

export function parseStat(text: string): SystemStat {
  const lines = new Map<string, number[]>()
  for (const line of text.split('\n')) {
    const [name, ...values] = line.split(/\s+/)
    if (!lines.has(name)) lines.set(name, values.map(Number))
  }
  const first = (name: string) => lines.get(name)?.[0] ?? 0
  const cpu = lines.get('cpu') ?? []
  const at = (i: number) => cpu[i] ?? 0
  return {
    cpu: {
      user: at(0),
      nice: at(1),
      system: at(2),
      idle: at(3),
      iowait: at(4),
      irq: at(5),
      softirq: at(6),
      steal: at(7),
      guest: at(8),
      guestNice: at(9),
    },
    interrupts: first('intr'),
    switches: first('ctxt'),
    bootTime: first('btime'),
    forks: first('processes'),
    running: first('procs_running'),
    blocked: first('procs_blocked'),
  }
}

/** What was added since `before`. */
export function cpuDelta(now: CpuTicks, before: CpuTicks): CpuTicks {
  const delta = { ...now }
  for (const key of Object.keys(before) as (keyof CpuTicks)[]) delta[key] -= before[key]
  return delta
}

/** Counters by name. */
export function parseVmstat(text: string): Map<string, number> {
  const counters = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [name, value] = line.split(' ')
    if (value !== undefined) counters.set(name, Number(value))
  }
  return counters
}
