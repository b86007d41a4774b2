// dmesg (util-linux): what the kernel has said.

import { ctime } from '../../lib/clock.ts'
import { failed, machineOf, ok, seatOf, type Call, type Result } from '../world.ts'

const HELP = "Try 'dmesg --help' for more information.\n"

export function dmesg({ args, world }: Call): Result {
  let style: 'seconds' | 'ctime' | 'none' = 'seconds'
  for (const arg of args) {
    if (arg === '-T' || arg === '--ctime') style = 'ctime'
    else if (arg === '-t' || arg === '--notime') style = 'none'
    else if (arg.startsWith('--')) return failed(`dmesg: unrecognized option '${arg}'\n${HELP}`)
    else if (arg.startsWith('-')) return failed(`dmesg: invalid option -- '${arg[1]}'\n${HELP}`)
    else return failed(`dmesg: bad usage\n${HELP}`)
  }
  if (seatOf(world).uid !== 0) {
    return failed('dmesg: read kernel buffer failed: Operation not permitted\n')
  }
  const m = machineOf(world)
  const stamp = (ms: number) => {
    if (style === 'none') return ''
    if (style === 'ctime') return `[${ctime(m.bootTime + ms)}] `
    return `[${(ms / 1000).toFixed(6).padStart(12)}] `
  }
  const lines = m.syslog.filter(({ ident }) => ident === 'kernel')
  return ok(lines.map(({ ms, text }) => `${stamp(ms)}${text}\n`).join(''))
}
