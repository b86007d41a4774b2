// free (procps 4.0.2): used is what is not available.

import { memInfo } from '../../proc/meminfo.ts'
import { failed, machineOf, ok, type Call, type Result } from '../world.ts'

interface Wish {
  unit: number // power of 1024 or 1000
  si: boolean
  human: boolean
  total: boolean
  wide: boolean
  lohi: boolean
  committed: boolean
}

const USAGE = `
Usage:
 free [options]

Options:
 -b, --bytes         show output in bytes
     --kilo          show output in kilobytes
     --mega          show output in megabytes
     --giga          show output in gigabytes
     --tera          show output in terabytes
     --peta          show output in petabytes
 -k, --kibi          show output in kibibytes
 -m, --mebi          show output in mebibytes
 -g, --gibi          show output in gibibytes
     --tebi          show output in tebibytes
     --pebi          show output in pebibytes
 -h, --human         show human-readable output
     --si            use powers of 1000 not 1024
 -l, --lohi          show detailed low and high memory statistics
 -t, --total         show total for RAM + swap
 -v, --committed     show committed memory and commit limit
 -s N, --seconds N   repeat printing every N seconds
 -c N, --count N     repeat printing N times, then exit
 -w, --wide          wide output

     --help     display this help and exit
 -V, --version  output version information and exit

For more details see free(1).
`

/** The power of 1024, or of 1000 with --si, that each option asks for. */
const UNITS: Record<string, number> = {
  b: 0,
  bytes: 0,
  k: 1,
  kibi: 1,
  m: 2,
  mebi: 2,
  g: 3,
  gibi: 3,
  tebi: 4,
  pebi: 5,
}
const SI_UNITS: Record<string, number> = { kilo: 1, mega: 2, giga: 3, tera: 4, peta: 5 }

export function free({ args, world }: Call): Result {
  const wish: Wish = {
    unit: 1,
    si: false,
    human: false,
    total: false,
    wide: false,
    lohi: false,
    committed: false,
  }
  for (const arg of args) {
    const names = arg.startsWith('--') ? [arg.slice(2)] : [...arg.slice(1)]
    if (!arg.startsWith('-') || names.length === 0) continue
    for (const name of names) {
      if (name === 'help') return ok(USAGE)
      if (!option(wish, name)) {
        const what = arg.startsWith('--')
          ? `unrecognized option '${arg}'`
          : `invalid option -- '${name}'`
        return failed(`free: ${what}\n${USAGE}`)
      }
    }
  }
  return ok(report(world, wish))
}

function option(wish: Wish, name: string): boolean {
  if (Object.hasOwn(UNITS, name)) wish.unit = UNITS[name]
  else if (Object.hasOwn(SI_UNITS, name)) {
    wish.unit = SI_UNITS[name]
    wish.si = true
  } else if (name === 'si') wish.si = true
  else if (name === 'h' || name === 'human') wish.human = true
  else if (name === 't' || name === 'total') wish.total = true
  else if (name === 'w' || name === 'wide') wish.wide = true
  else if (name === 'l' || name === 'lohi') wish.lohi = true
  else if (name === 'v' || name === 'committed') wish.committed = true
  else return false
  return true
}

function report(world: Call['world'], wish: Wish): string {
  const m = machineOf(world)
  const info = memInfo(m)
  const kb = (pages: number) => (pages * m.pageSize) / 1024
  const row = (name: string, values: number[]) =>
    name.padEnd(9) + values.map((value) => size(value, wish).padStart(11)).join(' ') + '\n'
  const used = Math.max(info.total - info.available, 0)
  const cache = wish.wide ? [0, kb(info.file)] : [kb(info.file)]
  const headers = wish.wide
    ? ['total', 'used', 'free', 'shared', 'buffers', 'cache', 'available']
    : ['total', 'used', 'free', 'shared', 'buff/cache', 'available']
  let text = ' '.repeat(9) + headers.map((header) => header.padStart(11)).join(' ') + '\n'
  text += row('Mem:', [
    kb(info.total),
    kb(used),
    kb(info.free),
    kb(info.shmem),
    ...cache,
    kb(info.available),
  ])
  if (wish.lohi) {
    text += row('Low:', [kb(info.total), kb(info.total - info.free), kb(info.free)])
    text += row('High:', [0, 0, 0])
  }
  text += row('Swap:', [0, 0, 0])
  if (wish.total) text += row('Total:', [kb(info.total), kb(used), kb(info.free)])
  if (wish.committed) {
    const left = info.commitLimit - info.committed
    text += row('Comm:', [kb(info.commitLimit), kb(info.committed), kb(left)])
  }
  return text
}

/** KiB in the unit wished for; whole units, cut. */
function size(kb: number, { unit, si, human }: Wish): string {
  if (human) return humanSize(kb, si)
  let value = kb * 1024
  for (let i = 0; i < unit; i++) value = Math.trunc(value / (si ? 1000 : 1024))
  return String(value)
}

/** As many digits as fit in three places: `12Ki`, `8.1Mi`, `87Mi`; `87M` with powers of 1000. */
function humanSize(kb: number, si: boolean): string {
  const base = si ? 1000 : 1024
  const suffix = si ? '' : 'i'
  const room = si ? 4 : 5
  const bytes = kb * 1024
  if (`${bytes}B`.length <= 4) return `${bytes}B`
  let power = 1
  for (const letter of 'KMGTP') {
    power *= base
    const scaled = bytes / power
    const tenths = `${scaled.toFixed(1)}${letter}${suffix}`
    if (letter !== 'K' && tenths.length <= room) return tenths
    const whole = `${Math.trunc(scaled)}${letter}${suffix}`
    if (whole.length <= room) return whole
  }
  return `${bytes}B`
}
