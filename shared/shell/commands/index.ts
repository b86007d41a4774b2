// Our commands by name. They override those of just-bash that have the same.

import { runProgram } from '../program.ts'
import type { Command } from '../world.ts'
import { dmesg } from './dmesg.ts'
import { free } from './free.ts'
import { ic } from './ic.ts'
import { background, checkWrites, execute, openForWriting, wait } from './internal.ts'
import { kill } from './kill.ts'
import { oomscore } from './oomscore.ts'
import { pagemapCommand } from './pagemap.ts'
import { pmap } from './pmap.ts'
import { ps } from './ps.ts'
import { reboot } from './reboot.ts'
import { date, getconf, hostname, id, machine, pidof, uname, uptime, whoami } from './system.ts'

const program: Command = (call) => runProgram(call, `/usr/bin/${call.name}`, call.args)

export const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['date', date],
  ['dmesg', dmesg],
  ['free', free],
  ['getconf', getconf],
  ['hog', program],
  ['hostname', hostname],
  ['ic', ic],
  ['id', id],
  ['kill', kill],
  ['machine', machine],
  ['oomscore', oomscore],
  ['pagemap', pagemapCommand],
  ['pidof', pidof],
  ['pmap', pmap],
  ['ps', ps],
  ['reboot', reboot],
  ['sleep', program],
  ['uname', uname],
  ['uptime', uptime],
  ['whoami', whoami],
  ['__bg', background],
  ['__exec', execute],
  ['__open', openForWriting],
  ['__wait', wait],
  ['__wchk', checkWrites],
])

/** They run on the machine and write while they run. */
export const PROGRAMS: ReadonlySet<string> = new Set(['hog', 'ic', 'sleep'])
