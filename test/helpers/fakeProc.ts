// A /proc of text alone, and processes in it that are what a line of a reader's output says of them.

import type { Proc } from '../../shared/shell/procps/proc.ts'
import { Process } from '../../shared/shell/procps/process.ts'

export class FakeProc implements Proc {
  readonly files = new Map<string, string>()

  read(path: string): string | null {
    return this.files.get(path) ?? null
  }

  pids(): number[] {
    const names = [...this.files.keys()].filter((name) => name.endsWith('/stat'))
    return names.map((name) => parseInt(name, 10)).sort((a, b) => a - b)
  }

  processes(): Process[] {
    return Process.all(this)
  }

  add(facts: Facts): void {
    const { pid } = facts
    for (const [name, text] of Object.entries(filesOf(facts)))
      this.files.set(`${pid}/${name}`, text)
  }
}

/** What is known of a process; the rest is as most have it. */
export interface Facts {
  pid: number
  comm: string
  cmdline?: string // arguments with blanks between them; none for a kernel thread
  state?: string
  ppid?: number
  session?: number
  flags?: number
  priority?: number
  nice?: number
  policy?: number
  ticks?: number // of processor time
  starttime?: number
  uid?: number
  vszKb?: number
  rssKb?: number
  sharedKb?: number
  wchan?: string
}

function filesOf(facts: Facts): Record<string, string> {
  const { pid, comm, state = 'S', ppid = 0, session = 0, flags = 0, uid = 0 } = facts
  const { nice = 0, priority = 20 + nice, policy = 0, ticks = 0, starttime = 0 } = facts
  const { vszKb = 0, rssKb = 0, sharedKb = 0, wchan = '0', cmdline } = facts
  const pages = (kb: number) => kb / 4
  const stat = [
    state,
    ppid,
    0,
    session,
    0,
    -1,
    flags,
    0,
    0,
    0,
    0,
    ticks,
    0,
    0,
    0,
    priority,
    nice,
    1,
    0,
  ]
  stat.push(starttime, vszKb * 1024, pages(rssKb), 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0)
  stat.push(policy, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  const ids = `${uid}\t${uid}\t${uid}\t${uid}`
  return {
    stat: `${pid} (${comm}) ${stat.join(' ')}\n`,
    status: `Name:\t${comm}\nUid:\t${ids}\nGid:\t${ids}\nVmSize:\t${vszKb} kB\nVmRSS:\t${rssKb} kB\n`,
    cmdline: cmdline === undefined ? '' : cmdline.split(' ').join('\0') + '\0',
    statm: `${pages(vszKb)} ${pages(rssKb)} ${pages(sharedKb)} 0 0 0 0\n`,
    wchan,
  }
}

/**
 * Processor time and start of a process, both in clock ticks, of which a reader makes these seconds and this share, in
 * units of 1/`per` of its life (1000: tenths of a per cent), and the start time that is shown; null if there are none.
 */
export function solveTimes(
  uptime: number,
  seconds: number,
  share: number,
  per: 100 | 1000,
  fits: (starttime: number) => boolean,
): { ticks: number; starttime: number } | null {
  const now = Math.round(uptime * 100)
  for (let ticks = seconds * 100; ticks < seconds * 100 + 100; ticks++) {
    const longest = share === 0 ? now : Math.min(Math.floor((ticks * per) / share) + 1, now)
    for (let begun = now - longest; begun < now; begun++) {
      const life = Math.trunc((uptime - begun / 100) * 100) // as procps reckons
      const shown = life === 0 ? 0 : Math.floor((ticks * 1000) / life / (1000 / per))
      if (shown > share) break
      if (shown === share && fits(begun)) return { ticks, starttime: begun }
    }
  }
  return null
}
