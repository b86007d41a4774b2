// free (procps 4.0.2): used is what is not available.

import { power } from '../../lib/decimal.ts'
import { fixed } from '../../lib/decimal.ts'
import { getopt, type OptionSpec } from '../getopt.ts'
import { parseMeminfo, type Meminfo } from '../procps/meminfo.ts'
import { procOf } from '../procps/proc.ts'
import { repeat } from '../repeat.ts'
import { failed, ok, type Call, type Result } from '../world.ts'

export interface FreeWish {
  power: number // of 1024 or 1000; -1: in KiB, or so many thousands of bytes
  si: boolean
  human: boolean
  total: boolean
  wide: boolean
  lohi: boolean
  committed: boolean
}

export const PLAIN: FreeWish = {
  power: -1,
  si: false,
  human: false,
  total: false,
  wide: false,
  lohi: false,
  committed: false,
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

const OPTIONS: OptionSpec[] = [
  { name: 'b', long: 'bytes' },
  { name: 'kilo', long: 'kilo' },
  { name: 'mega', long: 'mega' },
  { name: 'giga', long: 'giga' },
  { name: 'tera', long: 'tera' },
  { name: 'peta', long: 'peta' },
  { name: 'k', long: 'kibi' },
  { name: 'm', long: 'mebi' },
  { name: 'g', long: 'gibi' },
  { name: 'tebi', long: 'tebi' },
  { name: 'pebi', long: 'pebi' },
  { name: 'h', long: 'human' },
  { name: 'si', long: 'si' },
  { name: 'l', long: 'lohi' },
  { name: 't', long: 'total' },
  { name: 'v', long: 'committed' },
  { name: 's', long: 'seconds', takes: 'value' },
  { name: 'c', long: 'count', takes: 'value' },
  { name: 'w', long: 'wide' },
  { name: 'help', long: 'help' },
  { name: 'V', long: 'version' },
]

/** The power of 1024, or of 1000, that each option asks for. */
const POWERS: Record<string, number> = { b: 0, k: 1, m: 2, g: 3, tebi: 4, pebi: 5 }
const SI_POWERS: Record<string, number> = { kilo: 1, mega: 2, giga: 3, tera: 4, peta: 5 }

export async function free(call: Call): Promise<Result> {
  const wish = { ...PLAIN }
  let seconds = 1_000_000
  let count: number | null = null
  let repeats = false
  const { found, operands } = getopt(call.args, OPTIONS)
  for (const option of found) {
    if ('problem' in option) return failed(`free: ${option.problem}\n${USAGE}`)
    const { name, value } = option
    if (name === 'help') return ok(USAGE)
    if (name === 'V') return ok('free from procps-ng 4.0.2\n')
    if (Object.hasOwn(POWERS, name) || Object.hasOwn(SI_POWERS, name)) {
      if (wish.power >= 0) return failed("free: Multiple unit options don't make sense.\n")
      wish.power = POWERS[name] ?? SI_POWERS[name]
      if (Object.hasOwn(SI_POWERS, name)) wish.si = true
    } else if (name === 's') {
      repeats = true
      seconds = decimal(value!)
      if (Number.isNaN(seconds))
        return failed(`free: seconds argument failed: '${value}': Invalid argument\n`)
      if (seconds < 1e-6)
        return failed(`free: seconds argument \`${value}' is not positive number\n`)
    } else if (name === 'c') {
      repeats = true
      if (!/^\s*[+-]?\d+$/.test(value!))
        return failed(`free: failed to parse count argument: '${value}'\n`)
      count = Number(value)
      if (count < 1)
        return failed(
          `free: failed to parse count argument: '${value}': Numerical result out of range\n`,
        )
    } else setFlag(wish, name)
  }
  if (operands.length > 0) return failed(USAGE)
  const proc = procOf(call.world)
  const report = () => freeReport(parseMeminfo(proc.read('meminfo')!), wish)
  const looks = repeats ? (count ?? Infinity) : 1
  if (looks === 1) return ok(report())
  return repeat(call, 0, seconds, looks, (i) => report() + (i < looks - 1 ? '\n' : ''))
}

function setFlag(wish: FreeWish, name: string): void {
  if (name === 'si') wish.si = true
  else if (name === 'h') wish.human = true
  else if (name === 't') wish.total = true
  else if (name === 'w') wish.wide = true
  else if (name === 'l') wish.lohi = true
  else if (name === 'v') wish.committed = true
}

function decimal(text: string): number {
  return /^\d*\.?\d+$|^\d+\.$/.test(text) ? Number(text) : NaN
}

export function freeReport(info: Meminfo, wish: FreeWish): string {
  const row = (name: string, values: number[]) =>
    name.padEnd(9) + values.map((value) => size(value, wish).padStart(11)).join(' ') + '\n'
  const headers = wish.wide
    ? ['total', 'used', 'free', 'shared', 'buffers', 'cache', 'available']
    : ['total', 'used', 'free', 'shared', 'buff/cache', 'available']
  const { total, used, swapTotal, swapFree } = info
  const swapUsed = Math.max(swapTotal - swapFree, 0)
  const caches = wish.wide ? [info.buffers, info.cached] : [info.buffers + info.cached]
  let text = ' '.repeat(9) + headers.map((header) => header.padStart(11)).join(' ') + '\n'
  text += row('Mem:', [total, used, info.free, info.shared, ...caches, info.available])
  if (wish.lohi) {
    const { lowTotal, lowFree, highTotal, highFree } = info
    text += row('Low:', [lowTotal, Math.max(lowTotal - lowFree, 0), lowFree])
    text += row('High:', [highTotal, Math.max(highTotal - highFree, 0), highFree])
  }
  text += row('Swap:', [swapTotal, swapUsed, swapFree])
  if (wish.total) text += row('Total:', [total + swapTotal, used + swapUsed, info.free + swapFree])
  if (wish.committed) {
    const { commitLimit, committed } = info
    text += row('Comm:', [commitLimit, committed, commitLimit - committed])
  }
  return text
}

/** KiB in the unit wished for; whole units, cut. */
function size(kb: number, wish: FreeWish): string {
  if (wish.human) return humanSize(kb, wish.si)
  const base = wish.si ? 1000 : 1024
  const exponent = wish.power < 0 ? 1 : wish.power
  return String(Math.trunc((kb * 1024) / power(base, exponent)))
}

/** As many digits as fit in three places: `12Ki`, `8.1Mi`, `87Mi`; `87M` with powers of 1000. */
function humanSize(kb: number, si: boolean): string {
  const base = si ? 1000 : 1024
  const suffix = si ? '' : 'i'
  const room = si ? 4 : 5
  const bytes = kb * 1024
  if (`${bytes}B`.length <= 4) return `${bytes}B`
  let text = ''
  let unit = 1
  for (const letter of 'KMGTP') {
    unit *= base
    const scaled = bytes / unit
    const tenths = `${fixed(Math.fround(scaled), 1)}${letter}${suffix}`
    if (tenths.length <= room) return tenths
    text = `${Math.trunc(scaled)}${letter}${suffix}`
    if (text.length <= room) return text
  }
  return text
}
