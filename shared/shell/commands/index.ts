// Our commands by name. They override those of just-bash that have the same.

import { runProgram } from '../program.ts'
import type { Command } from '../world.ts'
import { balloon } from './balloon.ts'
import { choom } from './choom.ts'
import { dmesg } from './dmesg.ts'
import { free } from './free.ts'
import { ic } from './ic.ts'
import { background, checkWrites, execute, openForWriting, wait } from './internal.ts'
import { binKill, kill } from './kill.ts'
import { nice, renice } from './nice.ts'
import { oomscore } from './oomscore.ts'
import { pagemapCommand } from './pagemap.ts'
import { pmap } from './pmap.ts'
import { ps } from './ps.ts'
import { perf } from './perf.ts'
import { reboot } from './reboot.ts'
import { strace } from './strace.ts'
import { swapoff, swapon } from './swap.ts'
import { sysctl } from './sysctl.ts'
import { date, getconf, hostname, id, machine, pidof, uname, uptime, whoami } from './system.ts'
import { top } from './top.ts'
import { ulimit } from './ulimit.ts'
import { vmstat } from './vmstat.ts'

const program: Command = (call) => runProgram(call, `/usr/bin/${call.name}`, call.args)

export const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['balloon', balloon],
  ['choom', choom],
  ['date', date],
  ['dmesg', dmesg],
  ['forkbomb', program],
  ['free', free],
  ['getconf', getconf],
  ['hog', program],
  ['hostname', hostname],
  ['ic', ic],
  ['id', id],
  ['kill', kill],
  ['machine', machine],
  ['nice', nice],
  ['oomscore', oomscore],
  ['pagemap', pagemapCommand],
  ['perf', perf],
  ['pidof', pidof],
  ['pmap', pmap],
  ['ps', ps],
  ['reboot', reboot],
  ['renice', renice],
  ['sleep', program],
  ['storm', program],
  ['strace', strace],
  ['swapoff', swapoff],
  ['swapon', swapon],
  ['sysctl', sysctl],
  ['top', top],
  ['ulimit', ulimit],
  ['uname', uname],
  ['uptime', uptime],
  ['vmstat', vmstat],
  ['whoami', whoami],
  ['__bg', background],
  ['__exec', execute],
  ['__kill', binKill],
  ['__open', openForWriting],
  ['__wait', wait],
  ['__wchk', checkWrites],
])

/** They run on the machine and write while they run. */
export const PROGRAMS: ReadonlySet<string> = new Set(['forkbomb', 'hog', 'ic', 'sleep', 'storm'])

/** They are made here, and write while something runs. */
export const STREAMS: ReadonlySet<string> = new Set([
  'choom',
  'free',
  'nice',
  'perf',
  'strace',
  'top',
  'vmstat',
])
