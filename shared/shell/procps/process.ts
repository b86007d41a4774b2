// A process as procps sees it: what its files in /proc say.

import { escapeStr } from '../text.ts'
import type { Proc } from './proc.ts'

/** The fields of /proc/PID/stat by their names in proc(5). */
export interface PidStat {
  pid: number
  comm: string
  state: string
  ppid: number
  pgrp: number
  session: number
  ttyNr: number
  tpgid: number
  flags: number
  minflt: number
  cminflt: number
  majflt: number
  cmajflt: number
  utime: number // clock ticks
  stime: number
  cutime: number
  cstime: number
  priority: number
  nice: number
  numThreads: number
  starttime: number // clock ticks since boot
  vsize: number // bytes
  rss: number // pages
  startcode: number
  endcode: number
  startstack: number
  rtPriority: number
  policy: number
}

export function parsePidStat(text: string): PidStat {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  const state = text[close + 2]
  const rest = text
    .slice(close + 4)
    .split(' ')
    .map(Number)
  return {
    pid: parseInt(text, 10),
    comm: text.slice(open + 1, close),
    state,
    ppid: rest[0],
    pgrp: rest[1],
    session: rest[2],
    ttyNr: rest[3],
    tpgid: rest[4],
    flags: rest[5],
    minflt: rest[6],
    cminflt: rest[7],
    majflt: rest[8],
    cmajflt: rest[9],
    utime: rest[10],
    stime: rest[11],
    cutime: rest[12],
    cstime: rest[13],
    priority: rest[14],
    nice: rest[15],
    numThreads: rest[16],
    starttime: rest[18],
    vsize: rest[19],
    rss: rest[20],
    startcode: rest[22],
    endcode: rest[23],
    startstack: rest[24],
    rtPriority: rest[36],
    policy: rest[37],
  }
}

/** One process; its files are read when something of them is asked for, and then once. */
export class Process {
  readonly stat: PidStat
  private readonly proc: Proc
  private statusLines: Map<string, string> | null = null

  private constructor(proc: Proc, stat: PidStat) {
    this.proc = proc
    this.stat = stat
  }

  /** null: there is none (any more). */
  static find(proc: Proc, pid: number): Process | null {
    const text = proc.read(`${pid}/stat`)
    return text === null ? null : new Process(proc, parsePidStat(text))
  }

  static all(proc: Proc): Process[] {
    const found = proc.pids().map((pid) => Process.find(proc, pid))
    return found.filter((process) => process !== null)
  }

  get pid(): number {
    return this.stat.pid
  }

  file(name: string): string {
    return this.proc.read(`${this.pid}/${name}`) ?? ''
  }

  /** What a line of status says, without the blanks around it. */
  status(name: string): string {
    if (this.statusLines === null) {
      const lines = this.file('status').split('\n')
      this.statusLines = new Map(
        lines.map((line) => {
          const colon = line.indexOf(':')
          return [line.slice(0, colon), line.slice(colon + 1).trim()]
        }),
      )
    }
    return this.statusLines.get(name) ?? ''
  }

  /** kB of a line of status, 0 for a process without memory. */
  statusKb(name: string): number {
    return parseInt(this.status(name), 10) || 0
  }

  /** Real, effective, saved and file system ids. */
  ids(name: 'Uid' | 'Gid'): number[] {
    return this.status(name).split('\t').map(Number)
  }

  /** The command line, or the name in brackets where there is none. */
  commandLine(): string {
    const text = this.file('cmdline').replace(/\0+$/, '').replaceAll('\0', ' ')
    const dead = this.stat.state === 'Z' ? ' <defunct>' : ''
    return escapeStr(text === '' ? `[${this.stat.comm}]` : text) + dead
  }

  name(): string {
    const comm = escapeStr(this.stat.comm)
    return this.stat.state === 'Z' ? `${comm} <defunct>` : comm
  }

  /** The kernel function it sleeps in, `-` for none. */
  wchan(): string {
    const text = this.file('wchan').trim()
    return text === '' || text === '0' ? '-' : text
  }

  /** `pts/0`, `?` for none. */
  tty(): string {
    const { ttyNr } = this.stat
    const major = (ttyNr >> 8) & 0xfff
    const minor = (ttyNr & 0xff) | ((ttyNr >> 12) & 0xfff00)
    return major >= 136 && major <= 143 ? `pts/${(major - 136) * 256 + minor}` : '?'
  }

  /** Clock ticks of processor time. */
  cpuTicks(): number {
    return this.stat.utime + this.stat.stime
  }
}
